"""P+: a token of its own for each cross-attention layer."""

import pytest
import torch

from interactive_action.tests.trainers.tiny import TinyEngine, noise_dataset
from interactive_action.trainers.loop import TrainingState, step_generator, training_steps
from interactive_action.trainers.p_plus import PPlusConfig, p_plus
from interactive_action.trainers.textual_inversion import TextualInversionConfig, textual_inversion

DATASET = noise_dataset()
SETTINGS = {"steps": 3, "batch_size": 2, "learning_rate": 0.02, "num_vectors": 2}


def test_the_defaults_are_the_papers():
    config = PPlusConfig()
    assert (config.steps, config.batch_size, config.learning_rate, config.timestep_sampling) == (
        500,
        8,
        5e-3,
        "uniform",
    )


def test_it_starts_as_the_plain_token_and_with_its_loss():
    layerwise = p_plus(TinyEngine(), DATASET, PPlusConfig(**SETTINGS))
    plain = textual_inversion(TinyEngine(), DATASET, TextualInversionConfig(**SETTINGS))
    assert layerwise.trainable.initial().shape == (3, 2, 12)
    layered, flat = (
        loss.losses(loss.trainable.initial(), step_generator(0, 0))["total"] for loss in (layerwise, plain)
    )
    assert layered.item() == pytest.approx(flat.item(), rel=1e-6)


def test_the_layers_gradients_add_up_to_the_plain_tokens():
    layerwise = p_plus(TinyEngine(), DATASET, PPlusConfig(**SETTINGS))
    plain = textual_inversion(TinyEngine(), DATASET, TextualInversionConfig(**SETTINGS))
    layered, flat = (
        loss.gradient(torch.nn.Parameter(loss.trainable.initial()), step_generator(0, 0))[1]
        for loss in (layerwise, plain)
    )
    assert torch.allclose(layered.sum(0), flat, atol=1e-6)


def test_the_gradient_agrees_with_finite_differences():
    loss = p_plus(TinyEngine(dtype=torch.float64), DATASET, PPlusConfig(batch_size=2))
    v = loss.trainable.initial().double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss.losses(x, step_generator(0, 0))["total"], v, eps=1e-5, atol=1e-5)


def test_training_lets_the_layers_part_and_resumes_to_the_bit(tmp_path):
    def train(state, steps):
        for _ in training_steps(p_plus(TinyEngine(), DATASET, PPlusConfig(**SETTINGS)), state):
            if state.step == steps:
                return state

    start = p_plus(TinyEngine(), DATASET, PPlusConfig(**SETTINGS)).trainable.initial()
    whole, part = train(TrainingState.begin(start), 3), train(TrainingState.begin(start), 2)
    part.save(tmp_path / "state.safetensors", "run")
    assert torch.equal(train(TrainingState.load(tmp_path / "state.safetensors", "run"), 3).parameters, whole.parameters)
    assert not torch.equal(whole.parameters[0], whole.parameters[1])
