"""Settings that make no run are answered with a sentence before anything is trained."""

import dataclasses
import math

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.files import LONGEST_NAME
from interactive_action.tests.trainers.tiny import TinyEngine, noise_dataset
from interactive_action.tokens.token import InteractiveToken
from interactive_action.tokens.token_file import save_token
from interactive_action.trainers.checkpoints import Checkpoints, Folders
from interactive_action.trainers.custom_diffusion import CustomDiffusionConfig, custom_diffusion
from interactive_action.trainers.hyperparameters import parameters
from interactive_action.trainers.loop import TrainingState
from interactive_action.trainers.methods import METHODS
from interactive_action.trainers.provenance import Origin
from interactive_action.trainers.run_file import Run, config_text
from interactive_action.trainers.validation import Validation

START = 'model = "m"\ndataset = "d"\naction = "pick up"\n'
HALF_AN_EMOJI = "hand\ud83c"


def read(tmp_path, text):
    path = tmp_path / "run.toml"
    path.write_text(START + text, encoding="utf-8")
    run = Run.read(path)
    return run, run.config(), run.validation_images()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "true", '"many"', "[1.0]", "2020-01-01"])
def test_a_number_of_a_run_file_that_is_none_is_refused_with_its_name(tmp_path, method, value):
    others = 'action_different = "o"\n' if METHODS[method].needs else ""
    for name, (field, _) in parameters(METHODS[method].config).items():
        if type(field.default) in (int, float):
            with pytest.raises(InteractiveActionError, match=f"{name} .*(must be|finite)"):
                read(tmp_path, f'method = "{method}"\n{others}[hyperparameters]\n{name} = {value}\n')


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[hyperparameters]\nsteps = 1.5", r"steps = 1.5, which must be a whole number"),
        ("[hyperparameters]\nseed = 18446744073709551616", "seed is 18446744073709551616"),
        ('[hyperparameters]\nsteering_words = ["a", 5]', "steering_words"),
        ("save_every = -1", "save_every is -1"),
        ("save_every = true", "save_every = True, which must be a whole number"),
        ("save_state_every = 0", "save_state_every is 0"),
        ("resolution = 100000000", "resolution is 100000000. It must be from 16 to 8192"),
        ('gradient_checkpointing = "yes"', "must be true or false"),
        ("hyperparameters = 5", "hyperparameters = 5, which must be a table"),
        ('[validation]\nprompts = ["a"]\ncfg = nan', "cfg = nan, which must be a finite number"),
        ('[validation]\nprompts = ["a"]\nseed = -1', "seed of validation images is -1"),
        ('[validation]\nprompts = ["a"]\n[judges]\nthreshold = inf', "threshold = inf, which must be a finite number"),
        ('tensorboard = "a\\u0000b"', "tensorboard is .* which names no file: .*null"),
        (f'output = "{"x" * 300}"', "output is .* which names no file: File name too long"),
        ('name = "CON"', "Windows keeps such names"),
        (f"x = {'[' * 100_000}", "run.toml could not be read"),
    ],
)
def test_what_makes_no_run_is_said(tmp_path, text, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        read(tmp_path, text)


def test_a_name_is_short_enough_for_all_files_that_are_called_after_it(tmp_path):
    longest = "x" * (LONGEST_NAME - 12)
    run = Run("m", "d", "pick up", name=longest)
    config = CustomDiffusionConfig(steps=1, batch_size=1, initializer_token="with")
    objective = custom_diffusion(TinyEngine(), noise_dataset(), config)
    origin = Origin("custom-diffusion", "lift", "tiny", "tiny")
    checkpoints = Checkpoints(objective, origin, run.name, Folders(*[tmp_path] * 3), f"{run.name}-checkpoints")
    state = TrainingState.begin(objective.trainable.initial())
    assert len(checkpoints.save(state)) == len(checkpoints.save_step(dataclasses.replace(state, step=100_000))) == 2
    state.save(tmp_path / f"{run.name}.{'0' * 12}.state", "run")
    with pytest.raises(InteractiveActionError, match="has 189 bytes, and 188 are the limit"):
        Run("m", "d", "pick up", name=longest + "x")


@pytest.mark.parametrize("method", METHODS)
def test_a_text_that_no_tokenizer_takes_is_refused_with_its_name(method):
    for name, (field, details) in parameters(METHODS[method].config).items():
        if type(field.default) is str and not details.choices:
            with pytest.raises(InteractiveActionError, match=f"{name} is .* half a character"):
                METHODS[method].config(**{name: HALF_AN_EMOJI})
        if type(field.default) is tuple:
            with pytest.raises(InteractiveActionError, match=f"{name} is .* half a character"):
                METHODS[method].config(**{name: ("hand", HALF_AN_EMOJI)})


@pytest.mark.parametrize("group", ["prompts", "prompts_and"])
def test_a_prompt_of_a_dataset_that_no_file_can_hold_is_refused(group):
    dataset = noise_dataset()
    prompts = tuple((f"{HALF_AN_EMOJI} {prompt}",) for (prompt, *_) in getattr(dataset, group))
    with pytest.raises(InteractiveActionError, match="A prompt of the dataset is .* half a character"):
        dataclasses.replace(dataset, **{group: prompts})


def test_an_action_or_a_prompt_that_no_file_can_hold_is_refused():
    with pytest.raises(InteractiveActionError, match="action is .* half a character"):
        Origin("adi", HALF_AN_EMOJI, "tiny", "tiny")
    with pytest.raises(InteractiveActionError, match="prompt for validation images is .* half a character"):
        Validation(prompts=("a <v*> b", HALF_AN_EMOJI))
    with pytest.raises(InteractiveActionError, match="cfg of validation images is nan"):
        Validation(prompts=("a <v*> b",), cfg=math.nan)


@pytest.mark.parametrize(
    ("provenance", "sentence"),
    [
        ({}, "does not say how it was learned"),
        ({"method": "magic", "hyperparameters": "{}", "base_model": "m", "action": "a"}, "does not say how"),
        ({"method": "adi", "hyperparameters": "{}"}, "does not say how"),
        ({"method": "adi", "hyperparameters": "{", "base_model": "m", "action": "a"}, "not JSON"),
        ({"method": "adi", "hyperparameters": "5", "base_model": "m", "action": "a"}, "does not say how"),
    ],
)
def test_a_token_that_does_not_say_how_it_was_learned_gives_no_run_file(tmp_path, provenance, sentence):
    facts = {f"interactive_action.{name}": value for name, value in provenance.items()}
    path = save_token(InteractiveToken("lift", torch.ones(1, 4), facts), tmp_path)
    with pytest.raises(InteractiveActionError, match=sentence):
        config_text(str(path))
