"""Training on tiny transformers of ComfyUI's: losses fall, runs resume, gates and single text encoders work."""

import dataclasses
import multiprocessing
import os
import signal
import time

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.models.comfy_engine import engine_for
from interactive_action.models.comfy_tokens import add_tokens
from interactive_action.tests.models.tiny_transformers import shared
from interactive_action.tokens.noise_gate import NoiseGate
from interactive_action.tokens.token import InteractiveToken
from interactive_action.trainers.action_different import ActionDifferent
from interactive_action.trainers.adi import ADIConfig, ADIObjective
from interactive_action.trainers.interactive_action import InteractiveActionConfig, interactive_action
from interactive_action.trainers.loop import TrainingState, step_generator, training_steps
from interactive_action.trainers.noise_gated import NoiseGatedConfig, gated_timesteps, noise_gated
from interactive_action.trainers.textual_inversion import TextualInversionConfig, textual_inversion
from interactive_action.trainers.validation import Validation, generate


def test_fifty_steps_lower_the_loss(small, small_dataset):
    """Of one batch: what random weights make of other images and noise says nothing of it."""
    config = TextualInversionConfig(steps=50, batch_size=1, learning_rate=0.01)
    with engine_for(*small) as engine:
        objective = textual_inversion(engine, small_dataset, config)
        gradient = objective.gradient
        objective.gradient = lambda parameters, _: gradient(parameters, step_generator(1, 0))
        state = TrainingState.begin(objective.trainable.initial())
        for _ in training_steps(objective, state):
            pass
    losses = state.losses["denoise"]
    assert losses[-1] < losses[25] < losses[0]


def test_a_run_goes_on_in_another_process_to_the_same_bits(small, small_dataset, tmp_path):
    """Another engine stands for the other process, and only the state's file passes between them."""
    config, states = TextualInversionConfig(steps=5, batch_size=2, ema_decay=0.9, num_vectors=2), []
    for stops in ((5,), (2, 5)):
        path = tmp_path / str(len(stops))
        for stop in stops:
            with engine_for(*small, gradient_checkpointing=True) as engine:
                objective = textual_inversion(engine, small_dataset, config)
                state = TrainingState.load(path, "run") or TrainingState.begin(objective.trainable.initial())
                for _ in training_steps(objective, state):
                    if state.step == stop:
                        break
                state.save(path, "run")
        states.append(state)
    whole, resumed = states
    for name in ("parameters", "average", "exp_avg", "exp_avg_sq"):
        assert torch.equal(getattr(whole, name), getattr(resumed, name))
    assert whole.losses == resumed.losses


def test_steering_and_distillation_have_gradients_and_vectors_move_in_units_of_their_table(small, small_dataset):
    config = InteractiveActionConfig(steering_words=("holding", "lifting up"), negative_words=("kicking",), steps=1)
    with engine_for(*small) as engine:
        objective = interactive_action(engine, small_dataset, config)
        state = TrainingState.begin(objective.trainable.initial())
        start = objective.trainable.vectors(state.parameters)
        assert torch.allclose(start, engine.word_vectors("handling").mean(0), rtol=1e-4, atol=1e-6)
        [_] = training_steps(objective, state)
        assert all(state.losses[name][0] > 0 for name in ("denoise", "steer", "distill"))
        moved = (objective.trainable.vectors(state.parameters) - start).abs()
        for part, unit in zip(moved.split(engine.widths, -1), engine.units):
            assert part.max().item() == pytest.approx(config.learning_rate * unit, rel=0.05)


def test_validation_images_show_a_word_that_acts_at_high_noise_alone(small, small_dataset):
    config = NoiseGatedConfig(steering_words=("holding",), end_percent=0.6)
    with engine_for(*small) as engine:
        objective = noise_gated(engine, small_dataset, config)
        validation = Validation(prompts=("a frog <v*> a cup", "a frog and a ball"), steps=4, cfg=2.0)
        start = objective.trainable.initial()
        one, other = (generate(objective, parameters, validation) for parameters in (start, -start))
    assert one.shape == (2, 32, 32, 3)
    assert not torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])


def test_adi_finds_three_gradients_in_one_pass_without_layers(small, small_dataset):
    others = ActionDifferent.in_order(1 - small_dataset.images, 3)
    with engine_for(*small) as engine:
        objective = ADIObjective(engine, small_dataset, ADIConfig(layer_wise=False), others)
        v = torch.nn.Parameter(objective.trainable.initial())
        batch = objective.batches.sample(step_generator(4, 0))
        _, gradients = objective.triple_gradients(v, batch, step_generator(5, 0))
        vectors = objective.trainable.vectors(v)
        prediction = engine.predict_noise(
            objective.batches.z_t(batch), batch.t, engine.encode_prompts(batch.prompts, vectors)
        )
        [alone] = torch.autograd.grad(objective.batches.denoising_loss(prediction, batch).mean(), [v])
    assert torch.allclose(gradients[0], alone, rtol=1e-2, atol=1e-4 * alone.abs().max().item())
    assert not torch.allclose(gradients[0], gradients[1], rtol=0.1)


@pytest.mark.parametrize("end", [0.3, 0.45, 0.8])
def test_a_gate_is_open_in_training_where_it_is_in_stock_sampling(small, end):
    """ComfyUI turns a share of the sampling into a level by the model's own shift; at most one level is between."""
    with engine_for(*small) as engine:
        sigmas = engine.schedule.sigmas
    trained = gated_timesteps(NoiseGate(0, end), len(sigmas)).bool()
    read = sigmas >= small[0].model.model_sampling.percent_to_sigma(end)
    assert (trained != read).sum() <= 1
    assert trained.sum().item() == pytest.approx(end * len(sigmas), abs=1)


def test_a_noise_gated_word_learns_at_high_noise_alone_and_keeps_its_length(small, small_dataset):
    config = NoiseGatedConfig(
        steps=4, batch_size=1, learning_rate=0.01, steering_words=("holding",), end_percent=0.3, num_vectors=2
    )
    with engine_for(*small) as engine:
        objective = noise_gated(engine, small_dataset, config)
        state = TrainingState.begin(objective.trainable.initial())
        for _ in training_steps(objective, state):
            pass
        timesteps = [objective.batches.sample(step_generator(0, step)).t.min() for step in range(50)]
    start = objective.trainable.initial()
    assert min(timesteps) >= 699
    assert not torch.allclose(state.result, start, rtol=1e-3)
    assert torch.allclose(state.result.norm(dim=-1), start.norm(dim=-1), rtol=1e-5)


def test_the_stock_sampler_reads_a_gated_word_at_high_noise_and_the_plain_word_below(small):
    clip = small[1]
    with engine_for(*small) as engine:
        vectors = 2 * engine.word_vectors("handling").mean(0, keepdim=True)
    gated, plain = (
        add_tokens(clip, [InteractiveToken("lift", vectors, {}, engine.widths, gate=gate)])
        for gate in (NoiseGate(0, 0.45, "handling"), NoiseGate())
    )

    def read(taught, prompt):
        return taught.encode_from_tokens_scheduled(taught.tokenize(prompt))

    with torch.no_grad():
        bands = read(gated, "a frog <lift> a red cup")
        [[word, _]] = read(plain, "a frog <lift> a red cup")
        [[below, _]] = read(clip, "a frog handling a red cup")
    assert [(told["clip_start_percent"], told["clip_end_percent"]) for _, told in bands] == [(0, 0.45), (0.45, 1)]
    assert torch.equal(bands[0][0], word)
    assert torch.equal(bands[1][0], below)


@pytest.mark.parametrize("keep_norm", [False, True])
def test_a_switched_off_text_encoder_keeps_the_initial_word(small_dataset, keep_norm):
    """FLUX.1's two by turns: what is learned of one, and that steering then asks that one alone."""
    config = NoiseGatedConfig(steps=2, learning_rate=0.01, steering_words=("holding",), keep_norm=keep_norm)
    with engine_for(*shared("flux1")) as engine:
        for chosen in engine.encoders:
            objective = noise_gated(engine, small_dataset, dataclasses.replace(config, text_encoders=chosen))
            state = TrainingState.begin(objective.trainable.initial())
            start = objective.trainable.vectors(state.parameters)
            for _ in training_steps(objective, state):
                pass
            learned = objective.trainable.vectors(state.result)
            parts = zip(engine.encoders, *(v.split(engine.widths, -1) for v in (start, learned)))
            for name, before, after in parts:
                assert torch.equal(before, after) == (name != chosen)
                if keep_norm:
                    assert after.norm().item() == pytest.approx(before.norm().item(), rel=1e-5)


def test_a_text_encoder_that_the_model_lacks_is_refused_by_name(small_dataset):
    with engine_for(*shared("flux1")) as engine, pytest.raises(InteractiveActionError) as error:
        textual_inversion(engine, small_dataset, TextualInversionConfig(text_encoders="t5xxl, clip_g"))
    assert "text_encoders names clip_g, and this model has clip_l, t5xxl. Write some" in str(error.value)


def learn(small, small_dataset, path):
    """What a node does, in a process of its own: a state after each step."""
    torch.set_num_threads(1)  # of a pool that the parent has there is nothing left in a child
    config = TextualInversionConfig(steps=12, batch_size=1, ema_decay=0.9)
    with engine_for(*small) as engine:
        objective = textual_inversion(engine, small_dataset, config)
        state = TrainingState.load(path, "run") or TrainingState.begin(objective.trainable.initial())
        for _ in training_steps(objective, state):
            state.save(path, "run")


@pytest.mark.slow
def test_a_run_that_is_killed_learns_the_same_token(small_dataset, tmp_path):
    """kill -9 after the fourth and after the eighth step."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    small, processes = shared("z-image"), multiprocessing.get_context("fork")
    learn(small, small_dataset, whole)
    for steps in (4, 8, 12):
        child = processes.Process(target=learn, args=(small, small_dataset, killed))
        child.start()
        while child.is_alive() and steps < 12 and steps_of(killed) < steps:
            time.sleep(0.002)
        if steps < 12:
            os.kill(child.pid, signal.SIGKILL)
        child.join()
        assert child.exitcode == (0 if steps == 12 else -signal.SIGKILL)
    expected, found = (TrainingState.load(file, "run") for file in (whole, killed))
    for name in ("parameters", "average", "exp_avg", "exp_avg_sq"):
        assert torch.equal(getattr(found, name), getattr(expected, name))
    assert found.losses == expected.losses


def steps_of(path):
    state = TrainingState.load(path, "run") if path.exists() else None
    return state.step if state else 0
