"""Noise-gated inversion: a word that is learned and read at high noise alone and keeps its length."""

import dataclasses

import pytest
import torch

from interactive_action.tests.trainers.tiny import TinyEngine, noise_dataset, slow_denoise
from interactive_action.tokens.noise_gate import NoiseGate
from interactive_action.tokens.token_file import load_token
from interactive_action.trainers.checkpoints import Checkpoints, Folders
from interactive_action.trainers.loop import TrainingState, step_generator, training_steps
from interactive_action.trainers.noise_gated import NoiseGatedConfig, gated_timesteps, noise_gated
from interactive_action.trainers.provenance import Origin
from interactive_action.trainers.steering import steering_loss
from interactive_action.trainers.timesteps import timestep_weights
from interactive_action.trainers.validation import Validation

DATASET = noise_dataset()
CONFIG = NoiseGatedConfig(
    steps=20, batch_size=2, learning_rate=0.1, steering_words=("holding", "lifting up"), positives_per_image=8
)


def trained(config):
    objective = noise_gated(TinyEngine(), DATASET, config)
    state = TrainingState.begin(objective.trainable.initial())
    for _ in training_steps(objective, state):
        pass
    return objective, state


def test_it_is_trained_where_it_acts_and_by_default_where_high_noise_is():
    assert gated_timesteps(NoiseGate(0, 0.35), 11).tolist() == [0] * 7 + [1] * 4
    assert gated_timesteps(NoiseGate(0, 1), 5).tolist() == [1] * 5
    objective = noise_gated(TinyEngine(), DATASET, CONFIG)
    assert torch.equal(objective.batches.timestep_weights, timestep_weights("high noise", 1000))
    early = noise_gated(TinyEngine(), DATASET, dataclasses.replace(CONFIG, end_percent=0.1))
    assert min(early.batches.sample(step_generator(0, step)).t.min() for step in range(50)) >= 900


def test_its_total_is_the_noise_and_the_weighted_steering():
    engine, config = TinyEngine(), dataclasses.replace(CONFIG, lambda_steer=3.0)
    objective, v = noise_gated(engine, DATASET, config), engine.word_vectors("frog")
    batch = objective.batches.sample(step_generator(0, 0))
    losses = objective.losses(v, step_generator(0, 0))
    denoise = torch.stack(slow_denoise(engine, DATASET, batch, v)).mean()
    words = ["photo frog red cup" if "red" in prompt else "frog cup" for prompt in batch.prompts]
    positives = engine.word_vectors("holding lifting up")
    steer = torch.stack([steering_loss(v[0], positives, engine.word_vectors(text)) for text in words]).mean()
    assert losses["total"].item() == pytest.approx((denoise + 3 * steer).item(), rel=1e-5)


def test_the_word_turns_and_keeps_its_length_unless_it_is_let_free():
    objective, state = trained(CONFIG)
    start = objective.trainable.initial()
    assert state.result.norm().item() == pytest.approx(start.norm().item(), rel=1e-5)
    assert torch.nn.functional.cosine_similarity(state.result, start).item() < 0.95
    _, free = trained(dataclasses.replace(CONFIG, keep_norm=False))
    assert free.result.norm().item() != pytest.approx(start.norm().item(), rel=1e-2)


def test_its_file_says_where_it_acts_and_which_word_stands_in_elsewhere(tmp_path):
    objective, state = trained(dataclasses.replace(CONFIG, end_percent=0.4, initializer_token="frog"))
    origin = Origin("noise-gated", "pick up", "tiny", "tiny")
    folders = Folders(tmp_path, tmp_path, tmp_path)
    [path] = Checkpoints(objective, origin, "gated", folders, "run").save(state)
    assert load_token(path).gate == NoiseGate(0.0, 0.4, "frog")


def test_its_validation_images_have_the_plain_word_at_low_noise():
    asked = []

    class Watched(TinyEngine):
        def encode_prompts(self, prompts, vectors=None):
            asked.append((tuple(prompts), vectors is not None))
            return super().encode_prompts(prompts, vectors)

    objective = noise_gated(Watched(), DATASET, CONFIG)
    asked.clear()
    validation = Validation(("a frog <v*> a cup",), steps=4)
    gated = validation.generate(objective, TrainingState.begin(objective.trainable.initial() + 5))
    assert (("a frog <v*> a cup",), True) in asked and (("a frog handling a cup",), False) in asked
    objective.trainable.gate = NoiseGate()
    everywhere = validation.generate(objective, TrainingState.begin(objective.trainable.initial() + 5))
    assert not torch.allclose(gated, everywhere)
