"""The whole loss, 000 Eq. 8, on the embedded model."""

import dataclasses

import pytest
import torch

from interactive_action.captions.dataset import InteractionDataset
from interactive_action.errors import InteractiveActionError
from interactive_action.trainers.interactive_action import InteractiveActionConfig, interactive_action
from interactive_action.trainers.loop import step_generator

CONFIG = InteractiveActionConfig(steps=3, batch_size=3, steering_words=("handling", "using", "playing with"), seed=5)


def slow_losses(engine, dataset, config, v, generator):
    """Eq. 3, 5, 6 and 8 for one batch, image by image, with nothing computed ahead."""
    from interactive_action.trainers.steering import FUNCTION_WORDS

    batch = config.batch_size
    index = torch.randint(len(dataset), (batch,), generator=generator)
    high = torch.arange(1000) >= 550
    t = torch.multinomial(high.float(), batch, replacement=True, generator=generator)
    noises = torch.randn((2, batch, 4, 12, 12), generator=generator)
    y = [dataset.prompts[i][torch.randint(2, (), generator=generator)] for i in index]
    y_and = [dataset.prompts_and[i][torch.randint(2, (), generator=generator)] for i in index]
    denoise = distill = steer = 0.0
    for k in range(batch):
        mean, std = engine.encode_images(dataset.images[index[k]][None])
        z_0 = mean + std * noises[0, k]
        abar = engine.schedule.alphas_cumprod[t[k]]
        z_t = abar.sqrt() * z_0 + (1 - abar).sqrt() * noises[1, k]
        student = engine.predict_noise(z_t, t[k : k + 1], engine.encode_prompts([y[k]], v))
        teacher = engine.predict_noise(z_t, t[k : k + 1], engine.encode_prompts([y_and[k]]))
        denoise += (student - noises[1, k]).pow(2).mean() / batch
        distill += (student - teacher).pow(2).mean() / batch
    for k in range(batch):
        order = torch.randperm(len(config.steering_words), generator=generator)
        positives = torch.cat([engine.word_vectors(config.steering_words[i]) for i in order])
        words = [word for word in y[k].replace("<v*>", "").split() if word not in FUNCTION_WORDS]
        negatives = torch.cat([engine.word_vectors(word) for word in words])
        cosine = torch.nn.functional.cosine_similarity
        p, n = (torch.exp(cosine(v, words) / config.gamma).sum() for words in (positives, negatives))
        steer += -torch.log(p / (p + n)) / batch
    return {"denoise": denoise, "distill": distill, "steer": steer, "total": denoise + 0.01 * steer + 0.2 * distill}


def test_the_batched_loss_equals_the_slow_one_in_every_part(engine, dataset):
    loss = interactive_action(engine, dataset, CONFIG)
    v = loss.trainable.initial() + 0.01
    with torch.no_grad():
        fast, slow = loss.losses(v, step_generator(5, 0)), slow_losses(engine, dataset, CONFIG, v, step_generator(5, 0))
    assert fast.keys() == slow.keys()
    for name, value in slow.items():
        assert fast[name].item() == pytest.approx(value.item(), rel=1e-3, abs=1e-6), name


def test_the_gradient_of_v_agrees_with_finite_differences(engine, dataset):
    loss = interactive_action(engine, dataset, CONFIG)
    v = torch.nn.Parameter(loss.trainable.initial())
    (gradient,) = torch.autograd.grad(loss.losses(v, step_generator(0, 0))["total"], [v])
    direction = gradient / gradient.norm()
    width = 0.02 * v.detach().norm()
    with torch.no_grad():
        ahead, behind = (loss.losses(v + sign * width * direction, step_generator(0, 0))["total"] for sign in (1, -1))
    assert ((ahead - behind) / (2 * width)).item() == pytest.approx(gradient.norm().item(), rel=0.02)


def test_only_v_gets_a_gradient(engine, dataset):
    before = engine.fingerprint()
    loss = interactive_action(engine, dataset, CONFIG)
    v = torch.nn.Parameter(loss.trainable.initial())
    loss.losses(v, step_generator(0, 0))["total"].backward()
    assert v.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in engine._model.parameters())
    assert all(parameter.grad is None for parameter in engine._encoder.parameters())
    assert engine.fingerprint() == before


def test_a_v_that_is_and_has_no_distance_to_the_teacher(engine, dataset):
    """Why the initializer token must not be "and":

    student and teacher are then the same, and so the gradient is zero.
    """
    one = InteractionDataset(dataset.images, (("a panda <v*> a cup",),) * 4, (("a panda and a cup",),) * 4)
    loss = interactive_action(engine, one, dataclasses.replace(CONFIG, initializer_token="and"))
    v = torch.nn.Parameter(loss.trainable.initial())
    distill = loss.losses(v, step_generator(0, 0))["distill"]
    (gradient,) = torch.autograd.grad(distill, [v])
    assert distill.item() == pytest.approx(0, abs=1e-9)
    assert gradient.abs().max().item() == pytest.approx(0, abs=1e-6)


def test_weights_of_zero_leave_their_losses_out(engine, dataset):
    config = dataclasses.replace(CONFIG, lambda_steer=0, lambda_distill=0)
    loss = interactive_action(engine, dataset, config)
    losses = loss.losses(loss.trainable.initial(), step_generator(0, 0))
    assert losses.keys() == {"denoise", "total"}
    assert losses["total"] == losses["denoise"]


def test_v_starts_at_the_start_words_own_vector(engine, dataset):
    loss = interactive_action(engine, dataset, CONFIG)
    assert torch.equal(loss.trainable.initial(), engine.word_vectors("handling"))
    three = interactive_action(engine, dataset, dataclasses.replace(CONFIG, num_vectors=3)).trainable.initial()
    assert three.shape == (3, engine.width)
    assert torch.equal(three[0], three[2])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"lambda_distill": -1.0}, "lambda_distill is -1"),
        ({"steering_words": ()}, "no steering words"),
        ({"timestep_sampling": "sometimes"}, "'sometimes'"),
    ],
)
def test_bad_hyperparameters_are_answered_with_a_sentence(change, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        dataclasses.replace(CONFIG, **change)


def test_the_defaults_are_the_papers():
    config = InteractiveActionConfig(steering_words=("lifting",))
    assert (config.steps, config.batch_size, config.learning_rate) == (3000, 2, 2.5e-4)
    assert (config.lambda_steer, config.lambda_distill, config.gamma, config.positives_per_image) == (
        0.01,
        0.2,
        0.07,
        4,
    )
