"""ReVersion-type steering as a method of its own."""

import dataclasses

import pytest
import torch

from interactive_action.tests.trainers.tiny import TinyEngine, noise_dataset
from interactive_action.trainers.interactive_action import InteractiveActionConfig, interactive_action
from interactive_action.trainers.loop import step_generator
from interactive_action.trainers.reversion import ReVersionConfig, reversion
from interactive_action.trainers.steering import steering_loss
from interactive_action.trainers.textual_inversion import TextualInversionConfig, textual_inversion

DATASET = noise_dataset()
CONFIG = ReVersionConfig(
    batch_size=1, steering_words=("holding", "lifting up"), positives_per_image=8, lambda_steer=0.5
)


def test_the_defaults_are_the_papers():
    config = ReVersionConfig(steering_words=("holding",))
    assert (config.steps, config.batch_size, config.learning_rate, config.initializer_token) == (3000, 2, 2.5e-4, "and")
    assert (config.lambda_steer, config.gamma, config.positives_per_image) == (0.01, 0.07, 4)


def test_its_total_is_the_noise_and_the_weighted_steering():
    losses = reversion(TinyEngine(), DATASET, CONFIG).losses(TinyEngine().word_vectors("frog"), step_generator(0, 0))
    assert losses.keys() == {"denoise", "steer", "total"}
    assert losses["total"].item() == pytest.approx((losses["denoise"] + 0.5 * losses["steer"]).item())


def test_words_to_stay_away_from_join_the_prompts_own():
    engine = TinyEngine()
    loss = reversion(engine, DATASET, dataclasses.replace(CONFIG, negative_words=("pushing away",)))
    v, batch = engine.word_vectors("frog"), loss.batches.sample(step_generator(0, 0))
    words = "frog cup" if "red" not in batch.prompts[0] else "photo frog red cup"
    expected = steering_loss(
        v[0], engine.word_vectors("holding lifting up"), engine.word_vectors(f"{words} pushing away")
    )
    assert loss.losses(v, step_generator(0, 0))["steer"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_with_one_seed_every_method_sees_the_same_images_prompts_and_noise():
    """So a comparison of methods is a paired one."""
    settings = {"batch_size": 4, "timestep_sampling": "uniform"}
    methods = [
        textual_inversion(TinyEngine(), DATASET, TextualInversionConfig(**settings)),
        reversion(TinyEngine(), DATASET, ReVersionConfig(**settings, steering_words=("holding",))),
        interactive_action(TinyEngine(), DATASET, InteractiveActionConfig(**settings, steering_words=("holding",))),
    ]
    first, *others = (loss.batches.sample(step_generator(7, 1)) for loss in methods)
    v = methods[0].trainable.initial()
    assert len({loss.losses(v, step_generator(7, 1))["denoise"].item() for loss in methods}) == 1
    for other in others:
        assert torch.equal(other.noise, first.noise) and torch.equal(other.t, first.t)
        assert other.prompts == first.prompts
