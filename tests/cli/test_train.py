"""The command line, as a researcher runs it: in a process of its own, on the embedded checkpoint."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
import safetensors

from interactive_action.captions.words import ACTION_WORDS
from interactive_action.errors import InteractiveActionError
from interactive_action.miniature.judges import load_judges
from interactive_action.miniature.weights import CHECKPOINT
from interactive_action.tokens.token_file import load_token
from interactive_action.trainers.methods import METHODS
from interactive_action.trainers.run_file import Run, config_text
from interactive_action.trainers.train import train

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = [sys.executable, str(ROOT)]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
SETTINGS = {"steps": 6, "batch_size": 1, "initializer_token": "with"}
LONGER = {**SETTINGS, "steps": 100}


def write_run(folder, dataset, method="textual-inversion", hyperparameters=SETTINGS, **more):
    """A dataset and the file of a run in ``folder``; returns the file."""
    for name in ("dataset", "others"):
        if not (folder / name).exists():
            dataset.save(folder / name)
    values = {
        "model": str(CHECKPOINT),
        "dataset": "dataset",
        "action": "pick up",
        "method": method,
        "name": "lift",
        **more,
    }
    values |= {"action_different": "others"} if method == "adi" else {}
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    lines += ["[hyperparameters]", *(f"{key} = {json.dumps(value)}" for key, value in hyperparameters.items())]
    path = folder / "run.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def run(*arguments, launcher=HERE, **environment):
    command, environment = [*launcher, *map(str, arguments)], {**ENVIRONMENT, **environment}
    return subprocess.run(command, env=environment, check=False, capture_output=True, text=True)


def interrupt(path, wish):
    """Start training and send ``wish`` once a state is there; returns the exit status."""
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # tests in the background ignore Ctrl-C, and so would the child
    process = subprocess.Popen(
        [*HERE, "train", str(path)], env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 120
    while not list(path.parent.glob("lift.*.state")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(wish)
    return process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_and_says_in_the_token_how(tmp_path, dataset, method):
    word = "instance_token" if method == "dreambooth" else "initializer_token"
    settings = {"steps": 1, "batch_size": 1, word: "with"}
    saved = train(write_run(tmp_path, dataset, method, settings))
    assert [file.name for file in saved] == {
        "dreambooth": ["lift-lora.safetensors"],
        "custom-diffusion": ["lift.safetensors", "lift-lora.safetensors"],
    }.get(method, ["lift.safetensors"])
    with safetensors.safe_open(saved[-1], framework="pt") as file:
        assert file.metadata()["interactive_action.method"] == method
    if method == "dreambooth":
        return
    token = load_token(saved[0])
    assert token.provenance["interactive_action.method"] == method
    hyperparameters = json.loads(token.provenance["interactive_action.hyperparameters"])
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in hyperparameters.items()}
    assert hyperparameters == json.loads(json.dumps(METHODS[method].config(**{**values, **settings}).as_dict()))
    assert token.layers == (7 if method in ("p-plus", "adi") else None)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, dataset):
    """The bytes of a token learned in one go."""
    folder = tmp_path_factory.mktemp("whole")
    assert run("train", write_run(folder, dataset, hyperparameters=LONGER)).returncode == 0
    return (folder / "lift.safetensors").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("wish", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(tmp_path, dataset, uninterrupted, wish):
    path = write_run(tmp_path, dataset, hyperparameters=LONGER, save_state_every=1)
    assert interrupt(path, wish) == (130 if wish == signal.SIGINT else -signal.SIGKILL)
    assert not (tmp_path / "lift.safetensors").exists()
    assert run("train", path).returncode == 0
    assert (tmp_path / "lift.safetensors").read_bytes() == uninterrupted
    assert not list(tmp_path.glob("*.state"))


TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.mark.slow
@pytest.mark.parametrize("program", [[str(ROOT)], ["-m", "interactive_action"]], ids=["folder", "package"])
def test_two_processes_average_their_gradients_and_write_one_token(tmp_path, dataset, package_path, program):
    child = run("train", write_run(tmp_path, dataset), launcher=[*TORCHRUN, *program], PYTHONPATH=package_path)
    assert child.returncode == 0, child.stderr
    assert [path.name for path in tmp_path.glob("lift*")] == ["lift.safetensors"]
    assert load_token(tmp_path / "lift.safetensors").provenance["interactive_action.processes"] == "2"


@pytest.mark.slow
def test_help_and_mistakes_are_sentences_without_a_traceback(tmp_path, dataset):
    assert "-m interactive_action train lift.toml" in run("train", "--help").stdout
    child = run("train", write_run(tmp_path, dataset, model="nowhere.safetensors"))
    assert child.returncode == 2
    assert child.stderr.strip().splitlines()[-1].startswith("The checkpoint nowhere.safetensors could not be read")
    assert "Traceback" not in child.stderr


@pytest.mark.parametrize("method", METHODS)
def test_a_written_file_is_one_that_can_be_read(tmp_path, method):
    path = tmp_path / "run.toml"
    path.write_text(config_text(method), encoding="utf-8")
    words = {"steering_words": ACTION_WORDS["pick up"]} if METHODS[method].steers else {}
    assert Run.read(path).config() == METHODS[method].config(**words)


@pytest.mark.slow
def test_a_token_says_how_to_learn_it_again(tmp_path, dataset):
    settings = {
        "steps": 1,
        "batch_size": 1,
        "initializer_token": "with",
        "steering_words": ["holding", "using"],
        "lambda_distill": 0.5,
    }
    [first] = train(write_run(tmp_path, dataset, "interactive-action", settings))
    text = (
        config_text(str(first))
        .replace(f'"{CHECKPOINT.name}"', json.dumps(str(CHECKPOINT)))
        .replace('"pick-up"', '"lift"')
    )
    (tmp_path / "again").mkdir()
    dataset.save(tmp_path / "again" / "dataset")
    (tmp_path / "again" / "run.toml").write_text(text, encoding="utf-8")
    [again] = train(tmp_path / "again" / "run.toml")
    assert again.read_bytes() == first.read_bytes()


@pytest.mark.slow
def test_class_images_validation_images_and_tensorboard_are_asked_for_in_the_file(tmp_path, dataset):
    settings = {"steps": 2, "batch_size": 1, "instance_token": "with"}
    path = write_run(tmp_path, dataset, "dreambooth", settings, class_images="others", tensorboard="logs")
    with open(path, "a", encoding="utf-8") as file:
        file.write('\n[validation]\nprompts = ["a frog <v*> a cup"]\nsample_every = 1\nsteps = 2\n')
    train(path)
    assert sorted(file.name for file in (tmp_path / "lift-validation").iterdir()) == ["000001-0.png", "000002-0.png"]
    assert list((tmp_path / "logs").iterdir())


@pytest.mark.slow
def test_every_checkpoint_is_a_token_and_latents_stay_on_disk(tmp_path, dataset):
    path = write_run(tmp_path, dataset, save_every=3, latent_cache="latents")
    [last] = train(path)
    kept = sorted((tmp_path / "lift-checkpoints").iterdir())
    assert [file.name for file in kept] == ["lift-000003.safetensors", "lift-000006.safetensors"]
    tokens = [load_token(file) for file in (*kept, last)]
    assert [token.provenance["interactive_action.step"] for token in tokens] == ["3", "6", "6"]
    assert tokens[0].trigger_word == "<lift-000003>"
    assert (tokens[0].vectors != tokens[1].vectors).any()
    assert (tokens[1].vectors == tokens[2].vectors).all()
    assert len(list((tmp_path / "latents").iterdir())) == 1


@pytest.mark.slow
def test_with_judges_the_best_is_kept_and_its_score_told(tmp_path, dataset):
    path = write_run(
        tmp_path, dataset, hyperparameters={"steps": 2, "batch_size": 1, "initializer_token": "with"}, dtype="float16"
    )
    with open(path, "a", encoding="utf-8") as file:
        file.write('\n[validation]\nprompts = ["a robot arm <v*> a red cube"]\nsample_every = 1\nsteps = 2\n')
        file.write('[judges]\nsubject = "robot arm"\nobject = "red cube"\nphrase = "picking up"\n')
    token = load_token(train(path, load_judges)[0])
    assert token.provenance["interactive_action.step"] in "12"
    assert 0 <= float(token.provenance["interactive_action.score"]) <= 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model = ", "run.toml could not be read"),
        ('model = "m"', "does not say dataset, action"),
        ('model = "m"\ndataset = "d"\naction = "a"\nsteps = 3', "says steps, which is unknown here"),
        ('model = "m"\ndataset = "d"\naction = "a"\nmethod = "lora"', "no method called 'lora'"),
        ('model = "m"\ndataset = "d"\naction = "a"\nname = "../x"', "cannot be called"),
        ('model = "m"\ndataset = "d"\naction = "a"\nmethod = "adi"', "action_different"),
        ('model = "m"\ndataset = "d"\naction = "a"\n[hyperparameters]\nsteps = "many"', "must be a whole number"),
        ('model = "m"\ndataset = "d"\naction = "a"\n[hyperparameters]\nstep = 3', "says step, which is unknown"),
        (
            (
                'model = "m"\ndataset = "d"\naction = "a"\ngradient_checkpointing = true\n'
                "[hyperparameters]\nauxiliary_lora_rank = 4"
            ),
            "does not go with an auxiliary LoRA",
        ),
        ('model = "m"\ndataset = "d"\naction = "a"\n[judges]\nsubject = "a"', "there are none. Write \\[validation\\]"),
        ('model = "m"\ndataset = "d"\naction = "x"', "no steering words"),
        (
            'model = "m"\ndataset = "d"\naction = "a"\nclass_images = "p"',
            "belongs to the methods dreambooth and custom-diffusion",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_said_in_a_sentence(tmp_path, text, sentence):
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InteractiveActionError, match=sentence):
        Run.read(path).config()
