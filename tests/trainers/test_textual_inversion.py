"""Textual Inversion, the trunk of all methods, and the options that all of them have."""

import dataclasses

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.models.schedules import VariancePreserving
from interactive_action.tests.trainers.tiny import TinyEngine, noise_dataset, slow_denoise
from interactive_action.trainers.loop import TrainingState, run_key, step_generator, training_steps
from interactive_action.trainers.textual_inversion import TextualInversionConfig, textual_inversion

CONFIG = TextualInversionConfig(steps=6, batch_size=3, learning_rate=0.02, seed=3)
DATASET = noise_dataset()


def loss_of(loss_weights=None, dtype=torch.float32, **settings):
    return textual_inversion(TinyEngine(dtype=dtype), DATASET, dataclasses.replace(CONFIG, **settings), loss_weights)


def train(loss, until=None, state=None):
    state = state or TrainingState.begin(loss.trainable.initial())
    for _ in training_steps(loss, state):
        if state.step == until:
            break
    return state


def test_the_loss_is_the_error_of_the_noise_image_by_image():
    loss = loss_of()
    v = loss.trainable.initial()
    slow = slow_denoise(loss.engine, DATASET, loss.batches.sample(step_generator(0, 0)), v)
    assert loss.losses(v, step_generator(0, 0))["total"].item() == pytest.approx(sum(slow).item() / 3, rel=1e-5)


def test_the_gradient_agrees_with_finite_differences():
    loss = loss_of(dtype=torch.float64, num_vectors=2)
    v = loss.trainable.initial().double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss.losses(x, step_generator(0, 0))["total"], v, eps=1e-5, atol=1e-5)


def test_gradients_of_several_batches_are_averaged_before_the_step():
    loss = loss_of(grad_accumulation_steps=2, steps=1)
    v = torch.nn.Parameter(loss.trainable.initial())
    generator = step_generator(3, 0)
    halves = [loss.gradient(v, generator) for _ in range(2)]
    v.grad = (halves[0][1] + halves[1][1]) / 2
    torch.optim.AdamW([v], lr=0.02, weight_decay=0.01).step()
    state = train(loss)
    assert torch.allclose(state.parameters, v.detach(), atol=1e-7)
    assert state.losses["total"] == [pytest.approx((halves[0][0]["total"] + halves[1][0]["total"]).item() / 2)]


def test_the_average_is_worked_out_by_hand():
    states = [
        (state.parameters.clone(), state.average)
        for loss in [loss_of(ema_decay=0.15)]
        for state in training_steps(loss, TrainingState.begin(loss.trainable.initial()))
    ]
    average = loss_of().trainable.initial()
    for step, (vectors, running) in enumerate(states, start=1):
        decay = min(0.15, step / (10 + step))  # 1/11 at the first step, then 0.15
        average = decay * average + (1 - decay) * vectors
        assert torch.allclose(running, average, atol=1e-7)


def test_without_averaging_the_token_is_the_last_vectors_to_the_bit():
    state = train(loss_of())
    assert torch.equal(state.average, state.parameters)


def test_no_vector_is_longer_than_the_limit_and_shorter_ones_are_left_alone():
    limit = (0.9 * loss_of().trainable.initial().norm()).item()
    loss = loss_of(max_embedding_norm=0.9)
    lengths = [
        state.parameters.norm().item() for state in training_steps(loss, TrainingState.begin(loss.trainable.initial()))
    ]
    assert lengths[0] == pytest.approx(limit, rel=1e-5)  # it starts at 1 and is cut
    assert max(lengths) <= limit * 1.00001
    assert torch.equal(train(loss_of(max_embedding_norm=100.0)).parameters, train(loss_of()).parameters)


def test_min_snr_weights_are_worked_out_by_hand():
    # abar 0.9: SNR 9, weight 5/9; abar 0.5: SNR 1, weight 1
    schedule = VariancePreserving(torch.tensor([0.9, 0.5]))
    assert schedule.min_snr_weights(5.0).tolist() == pytest.approx([5 / 9, 1.0])
    assert schedule.min_snr_weights(0.0).tolist() == [1.0, 1.0]


def test_min_snr_weighs_each_image_by_its_timestep():
    loss = loss_of(min_snr_gamma=0.5)
    batch, v = loss.batches.sample(step_generator(0, 0)), loss.trainable.initial()
    slow = torch.stack(slow_denoise(loss.engine, DATASET, batch, v))
    weights = loss.engine.schedule.min_snr_weights(0.5)[batch.t]
    assert loss.losses(v, step_generator(0, 0))["total"].item() == pytest.approx(
        (weights * slow).mean().item(), rel=1e-5
    )


def test_a_mask_makes_the_loss_blind_outside_of_it():
    masks = torch.zeros(5, 6, 6)
    masks[:, :2, :2] = 1  # the first of 3 x 3 latent places
    loss = loss_of(loss_weights=masks)
    batch, v = loss.batches.sample(step_generator(0, 0)), loss.trainable.initial()
    z_t = loss.batches.z_t(batch)
    predicted = loss.engine.predict_noise(z_t, batch.t, loss.engine.encode_prompts(batch.prompts, v))
    inside = (predicted - batch.noise)[:, :, 0, 0].pow(2).mean()
    assert loss.losses(v, step_generator(0, 0))["denoise"].item() == pytest.approx(inside.item(), rel=1e-5)


def test_a_mask_of_ones_changes_nothing():
    plain, masked = (loss_of(loss_weights=masks) for masks in (None, torch.ones(5, 6, 6)))
    assert (
        plain.losses(plain.trainable.initial(), step_generator(0, 0))["total"]
        == masked.losses(masked.trainable.initial(), step_generator(0, 0))["total"]
    )


@pytest.mark.parametrize(
    ("masks", "sentence"), [(torch.ones(4, 6, 6), "4 masks for 5 images"), (torch.zeros(5, 6, 6), "image 0 is empty")]
)
def test_masks_that_do_not_fit_are_answered_with_a_sentence(masks, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        loss_of(loss_weights=masks)


def test_a_run_with_every_option_resumes_to_the_bit(tmp_path):
    options = {
        "grad_accumulation_steps": 2,
        "ema_decay": 0.5,
        "max_embedding_norm": 0.9,
        "min_snr_gamma": 5.0,
        "num_vectors": 2,
        "loss_weights": torch.rand(5, 6, 6),
    }
    whole, part = train(loss_of(**options)), train(loss_of(**options), until=3)
    part.save(tmp_path / "state.safetensors", run="this run")
    resumed = train(loss_of(**options), state=TrainingState.load(tmp_path / "state.safetensors", "this run"))
    assert torch.equal(resumed.parameters, whole.parameters)
    assert torch.equal(resumed.average, whole.average)
    assert resumed.losses == whole.losses


def test_runs_with_other_masks_are_other_runs():
    assert run_key("model", DATASET, CONFIG) != run_key("model", DATASET, CONFIG, torch.ones(5, 6, 6))
    assert run_key("model", DATASET, CONFIG, torch.zeros(5, 6, 6)) != run_key(
        "model", DATASET, CONFIG, torch.ones(5, 6, 6)
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"grad_accumulation_steps": 0}, "grad_accumulation_steps is 0"),
        ({"ema_decay": 1.0}, "ema_decay is 1.0"),
        ({"max_embedding_norm": -1.0}, "max_embedding_norm is -1"),
    ],
)
def test_bad_options_are_answered_with_a_sentence(change, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        dataclasses.replace(CONFIG, **change)
