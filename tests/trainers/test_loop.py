"""The training loop: reproducible, resumable, and nothing but AdamW."""

import dataclasses

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.trainers.interactive_action import InteractiveActionConfig, interactive_action
from interactive_action.trainers.loop import TrainingState, run_key, step_generator, training_steps

CONFIG = InteractiveActionConfig(steps=4, batch_size=2, learning_rate=1e-2, steering_words=("handling",), seed=3)


def train(loss, until=None, state=None):
    state = state or TrainingState.begin(loss.trainable.initial())
    for _ in training_steps(loss, state):
        if state.step == until:
            break
    return state


def test_the_same_seed_gives_the_same_vectors_to_the_bit(engine, dataset):
    first, second = (train(interactive_action(engine, dataset, CONFIG)) for _ in range(2))
    assert torch.equal(first.parameters, second.parameters)
    assert first.losses == second.losses


def test_another_seed_gives_other_vectors(engine, dataset):
    first = train(interactive_action(engine, dataset, CONFIG))
    other = train(interactive_action(engine, dataset, dataclasses.replace(CONFIG, seed=4)))
    assert not torch.equal(first.parameters, other.parameters)


def test_a_run_that_is_stopped_and_resumed_from_its_file_ends_at_the_same_bits(engine, dataset, tmp_path):
    whole = train(interactive_action(engine, dataset, CONFIG))
    part = train(interactive_action(engine, dataset, CONFIG), until=2)
    part.save(tmp_path / "state.safetensors", run="this run")
    resumed = train(
        interactive_action(engine, dataset, CONFIG),
        state=TrainingState.load(tmp_path / "state.safetensors", "this run"),
    )
    assert torch.equal(resumed.parameters, whole.parameters)
    assert resumed.losses == whole.losses
    assert resumed.step == 4


def test_the_loop_is_plain_adamw_on_v(engine, dataset):
    loss = interactive_action(engine, dataset, CONFIG)
    v = torch.nn.Parameter(loss.trainable.initial())
    optimizer = torch.optim.AdamW([v], lr=1e-2, weight_decay=1e-2)
    for step in range(4):
        optimizer.zero_grad()
        loss.losses(v, step_generator(3, step))["total"].backward()
        optimizer.step()
    assert torch.equal(train(loss).parameters, v.detach())


def test_a_state_of_another_run_is_not_taken_up(engine, dataset, tmp_path):
    path = tmp_path / "state.safetensors"
    TrainingState.begin(torch.zeros(1, 4)).save(path, run="one run")
    assert TrainingState.load(path, run="another run") is None
    assert TrainingState.load(tmp_path / "missing.safetensors", run="one run") is None


def test_runs_are_told_apart_by_model_data_and_every_setting(dataset):
    keys = {
        run_key("model", dataset, CONFIG),
        run_key("other model", dataset, CONFIG),
        run_key("model", dataclasses.replace(dataset, images=dataset.images.flip(0)), CONFIG),
        run_key("model", dataset, dataclasses.replace(CONFIG, lambda_distill=0.3)),
    }
    assert len(keys) == 4


def test_a_loss_that_is_not_a_number_stops_with_a_sentence_and_keeps_the_last_good_vectors(engine, dataset):
    loss = interactive_action(engine, dataset, CONFIG)
    state = train(loss, until=2)
    good = state.parameters.clone()
    loss.batches.latents._posteriors = [(mean * float("nan"), std) for mean, std in loss.batches.latents._posteriors]
    with pytest.raises(InteractiveActionError, match="broke down at step 3"):
        train(loss, state=state)
    assert torch.equal(state.parameters, good)
