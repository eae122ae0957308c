"""Images while training: they change nothing, cost no run its life, and let the best be kept."""

import dataclasses

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.tests.trainers.tiny import TinyEngine, noise_dataset
from interactive_action.trainers.dreambooth import DreamBoothConfig, dreambooth
from interactive_action.trainers.logs import tensorboard
from interactive_action.trainers.loop import TrainingState, training_steps
from interactive_action.trainers.p_plus import PPlusConfig, p_plus
from interactive_action.trainers.textual_inversion import TextualInversionConfig, textual_inversion
from interactive_action.trainers.validation import Validation, generate

DATASET = noise_dataset()
CONFIG = TextualInversionConfig(steps=6, batch_size=2, learning_rate=0.1, initializer_token="with")
VALIDATION = Validation(("a frog <v*> a cup", "a cup"), sample_every=2, steps=3)


def trained(samples=None, config=CONFIG):
    loss = textual_inversion(TinyEngine(), DATASET, config)
    state, images = TrainingState.begin(loss.trainable.initial()), {}
    for _ in training_steps(loss, state):
        if samples and samples.due(state, config.steps):
            images[state.step] = samples.generate(loss, state)
    return state, images


def test_they_are_generated_every_few_steps_and_at_the_end():
    _, images = trained(dataclasses.replace(VALIDATION, sample_every=4))
    assert list(images) == [4, 6]
    assert all(drawn.shape == (2, 3, 3, 3) for drawn in images.values())


def test_an_image_changes_with_the_word_and_one_without_it_does_not():
    _, images = trained(VALIDATION)
    assert not torch.equal(images[2][0], images[6][0])
    assert torch.equal(images[2][1], images[6][1])


def test_they_change_nothing_of_what_is_learned():
    assert torch.equal(trained(VALIDATION)[0].result, trained()[0].result)


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory"),
    MemoryError(),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
@pytest.mark.parametrize("where", ["drawing", "judging"])
def test_running_out_of_memory_ends_no_run(monkeypatch, caplog, error, where):
    def too_much(*_):
        raise error

    if where == "drawing":
        monkeypatch.setattr(TinyEngine, "decode_latents", too_much)
    state, images = trained(dataclasses.replace(VALIDATION, score=too_much))
    assert state.step == CONFIG.steps
    assert images == {2: None, 4: None, 6: None}
    assert "too little memory for validation images at step 2" in caplog.text


def test_any_other_error_does():
    def broken(images):
        raise RuntimeError("sizes do not match")

    with pytest.raises(RuntimeError, match="sizes"):
        trained(dataclasses.replace(VALIDATION, score=broken))


def test_what_scored_best_is_kept(tmp_path):
    scores = iter([0.2, 0.7, 0.7])
    seen = []
    state, _ = trained(dataclasses.replace(VALIDATION, score=lambda images: seen.append(len(images)) or next(scores)))
    assert seen == [2, 2, 2]
    assert state.scores == {"2": 0.2, "4": 0.7, "6": 0.7}
    assert torch.equal(state.result, trained(config=dataclasses.replace(CONFIG, steps=4))[0].result)
    state.save(tmp_path / "state", "run")
    again = TrainingState.load(tmp_path / "state", "run")
    assert torch.equal(again.result, state.result)
    assert again.scores == state.scores


def test_layer_wise_words_and_changed_weights_are_drawn_with_too():
    for loss in (
        p_plus(TinyEngine(), DATASET, PPlusConfig(initializer_token="with")),
        dreambooth(TinyEngine(), DATASET, DreamBoothConfig()),
    ):
        start = loss.trainable.initial()
        assert not torch.equal(generate(loss, start, VALIDATION), generate(loss, start + 1, VALIDATION))


def test_with_one_step_it_is_the_models_guess_from_noise():
    """z_0 = (z_T - sqrt(1 - abar) eps) / sqrt(abar), and eps = e_0 + g (e_y - e_0)."""
    loss = textual_inversion(TinyEngine(), DATASET, CONFIG)
    engine, v = loss.engine, loss.trainable.initial()
    z = torch.randn((2, 4, 3, 3), generator=torch.Generator().manual_seed(0))
    t, abar = torch.tensor([999, 999]), engine.schedule.alphas_cumprod[999]
    plain = engine.predict_noise(z, t, engine.encode_prompts(["", ""]))
    eps = plain + 7.5 * (engine.predict_noise(z, t, engine.encode_prompts(list(VALIDATION.prompts), v)) - plain)
    expected = engine.decode_latents((z - (1 - abar).sqrt() * eps) / abar.sqrt())
    assert torch.allclose(generate(loss, v, dataclasses.replace(VALIDATION, steps=1)), expected, atol=1e-4)


def test_tensorboard_gets_curves_scores_and_images(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    loss = textual_inversion(TinyEngine(), DATASET, CONFIG)
    samples, state = (
        dataclasses.replace(VALIDATION, score=lambda images: 0.5),
        TrainingState.begin(loss.trainable.initial()),
    )
    with tensorboard(tmp_path, state) as log:
        for _ in training_steps(loss, state):
            log(state, samples.generate(loss, state) if samples.due(state, CONFIG.steps) else None)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [event.value for event in events.Scalars("loss/total")] == pytest.approx(state.losses["total"], rel=1e-6)
    assert [event.step for event in events.Scalars("score")] == [2, 4, 6]
    assert {event.step for event in events.Images("samples")} == {2, 4, 6}


@pytest.mark.parametrize("wrong", [{"prompts": ()}, {"sample_every": 0}, {"steps": 0}])
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(InteractiveActionError):
        dataclasses.replace(VALIDATION, **wrong)
