"""The LoRA that public code of 000 trains beside v* and drops, and Eq. 6 as it is printed."""

import dataclasses

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.models.adapters import LoRA
from interactive_action.tests.trainers.tiny import TinyEngine, noise_dataset
from interactive_action.trainers.interactive_action import InteractiveActionConfig, interactive_action
from interactive_action.trainers.loop import TrainingState, step_generator, training_steps

DATASET = noise_dataset()
CONFIG = InteractiveActionConfig(
    steps=4,
    batch_size=2,
    learning_rate=0.05,
    steering_words=("holding",),
    num_vectors=2,
    auxiliary_lora_rank=2,
    lambda_distill=0.5,
)


def loss_of(dtype=torch.float32, **settings):
    return interactive_action(TinyEngine(dtype=dtype), DATASET, dataclasses.replace(CONFIG, **settings))


def disturbed(loss):
    """What is trained some way from its start, where the auxiliary LoRA is no longer nothing."""
    start = loss.trainable.initial()
    return start + 0.1 * torch.randn(start.shape, generator=torch.Generator().manual_seed(1))


def test_a_projection_with_it_is_the_sum_of_both_matrices():
    layer = TinyEngine().projections[0]
    auxiliary_lora = LoRA({"layer": layer}, rank=3)
    weights = torch.randn(2 * 3 * 12, generator=torch.Generator().manual_seed(0))
    down, up = weights[:36].view(3, 12), weights[36:].view(12, 3)
    x = torch.randn(5, 12, generator=torch.Generator().manual_seed(1))
    with auxiliary_lora.active(weights):
        assert torch.allclose(layer(x), x @ (layer.weight + up @ down).T, atol=1e-5)
    assert torch.equal(layer(x), x @ layer.weight.T)


def test_at_its_start_it_changes_nothing():
    plain, absorbed = loss_of(auxiliary_lora_rank=0), loss_of()
    expected, losses = (loss.losses(loss.trainable.initial(), step_generator(0, 0)) for loss in (plain, absorbed))
    for name, value in expected.items():
        assert losses[name].item() == pytest.approx(value.item(), rel=1e-6), name


def student_noise(loss, z_t, batch, trained):
    contexts = loss.engine.encode_prompts(batch.prompts, loss.trainable.vectors(trained))
    with loss.trainable.student(trained):
        return loss.engine.predict_noise(z_t, batch.t, contexts)


def test_only_the_student_has_it():
    loss = loss_of()
    trained, batch = disturbed(loss), loss.batches.sample(step_generator(0, 0))
    z_t = loss.batches.z_t(batch)
    engine = loss.engine
    teacher = engine.predict_noise(z_t, batch.t, engine.encode_prompts(batch.prompts_and))
    student = student_noise(loss, z_t, batch, trained)
    assert loss.losses(trained, step_generator(0, 0))["distill"].item() == pytest.approx(
        (student - teacher).pow(2).mean().item(), rel=1e-5
    )


@pytest.mark.slow
def test_the_gradient_of_both_agrees_with_finite_differences():
    loss = loss_of(dtype=torch.float64)
    trained = disturbed(loss).double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: loss.losses(x, step_generator(0, 0))["total"], trained, eps=1e-5, atol=1e-5
    )


def test_eq_6_as_printed_distils_the_absorber_and_not_v():
    loss = loss_of(literal_eq6=True)
    trained = disturbed(loss).requires_grad_()
    (gradient,) = torch.autograd.grad(loss.losses(trained, step_generator(0, 0))["distill"], [trained])
    assert loss.trainable.vectors(gradient).abs().max() == 0
    assert loss.trainable.weights(gradient).abs().max() > 0


def test_the_token_is_v_alone_and_a_run_resumes_to_the_bit(tmp_path):
    def train(state, until):
        for _ in training_steps(loss_of(), state):
            if state.step == until:
                return state

    whole, part = (
        train(TrainingState.begin(loss_of().trainable.initial()), 4),
        train(TrainingState.begin(loss_of().trainable.initial()), 2),
    )
    part.save(tmp_path / "state.safetensors", "run")
    resumed = train(TrainingState.load(tmp_path / "state.safetensors", "run"), 4)
    assert torch.equal(resumed.parameters, whole.parameters)
    assert loss_of().trainable.vectors(whole.average).shape == (2, 12)
    assert not torch.equal(whole.parameters[24:], loss_of().trainable.initial()[24:])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"auxiliary_lora_rank": 0, "literal_eq6": True}, "does not depend on the new word"),
        ({"auxiliary_lora_rank": -1}, "auxiliary_lora_rank is -1"),
        ({"max_embedding_norm": 1.0}, "while an auxiliary LoRA is trained"),
    ],
)
def test_what_makes_no_sense_is_answered_with_a_sentence(change, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        dataclasses.replace(CONFIG, **change)
