"""ADI: three gradients from one backward pass, and channels that do not move."""

import dataclasses
import itertools

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.tests.trainers.tiny import TinyEngine, noise_dataset
from interactive_action.trainers.action_different import ActionDifferent
from interactive_action.trainers.adi import ADIConfig, ADIObjective
from interactive_action.trainers.gradient_masks import STRATEGIES, action_pair_mask, context_pair_mask
from interactive_action.trainers.loop import TrainingState, step_generator, training_steps

DATASET = noise_dataset(4)
OTHERS = ActionDifferent.in_order(noise_dataset(8, seed=9).images, 4)
CONFIG = ADIConfig(steps=5, batch_size=2, learning_rate=0.05, seed=2, num_vectors=2)


def loss_of(**settings):
    return ADIObjective(TinyEngine(), DATASET, dataclasses.replace(CONFIG, **settings), OTHERS)


def separate_gradients(loss, v, seed):
    """Eq. 2, 3 and 6 with three forward and three backward passes, each all the way from v."""
    generator = step_generator(seed, 0)
    batch = loss.batches.sample(generator)
    others = [(int(i) + 1 + int(torch.randint(3, (), generator=generator))) % 4 for i in batch.index]
    different = [int(i) + 4 * int(torch.randint(2, (), generator=generator)) for i in batch.index]
    gradients = []
    for images in (DATASET.images[batch.index], DATASET.images[others], OTHERS.images[different]):
        mean, std = loss.engine.encode_images(images)
        z_0 = mean + std * batch.posterior_noise
        z_t = loss.engine.schedule.add_noise(z_0, batch.noise, batch.t)  # the anchor's noise and t
        predicted = loss.engine.predict_noise(z_t, batch.t, loss.engine.encode_prompts(batch.prompts, v))  # and prompt
        gradients.append(torch.autograd.grad((predicted - batch.noise).pow(2).mean(), [v])[0])
    return gradients


def train(loss, until=None, state=None):
    state = state or TrainingState.begin(loss.trainable.initial())
    for _ in training_steps(loss, state):
        if state.step == until:
            break
    return state


def test_the_defaults_are_the_papers():
    config = ADIConfig()
    assert (config.beta, config.learning_rate, config.steps, config.strategy) == (0.6, 2e-4, 3000, "intersection")


@pytest.mark.parametrize("layer_wise", [True, False])
def test_three_gradients_of_one_backward_pass_equal_three_separate_ones(layer_wise):
    loss = loss_of(layer_wise=layer_wise)
    v = torch.nn.Parameter(
        loss.trainable.initial()
        + 0.1 * torch.randn(loss.trainable.initial().shape, generator=torch.Generator().manual_seed(0))
    )
    generator = step_generator(4, 0)
    _, together = loss.triple_gradients(v, loss.batches.sample(generator), generator)
    for one, other in zip(together, separate_gradients(loss, v, 4), strict=True):
        assert torch.allclose(one, other, atol=1e-6)
        assert one.abs().max() > 0


def test_only_the_anchors_gradient_in_the_kept_channels_is_left():
    loss = loss_of()
    v = torch.nn.Parameter(loss.trainable.initial())
    anchor, context, action = separate_gradients(loss, v, 4)
    kept = context_pair_mask(anchor, context, 0.6) & action_pair_mask(anchor, action, 0.6)
    terms, gradient, movable = loss.gradient(v, step_generator(4, 0))
    assert torch.equal(movable, kept)
    assert torch.allclose(gradient, anchor * kept, atol=1e-6)
    assert terms["kept"].item() == pytest.approx(kept.float().mean().item())
    assert 0 <= terms["overlap"] <= 1


def test_a_masked_channel_does_not_move_by_one_bit_and_a_kept_one_does():
    """Weight decay is strong and momentum has been gathered: both would move it."""
    loss = loss_of(weight_decay=0.5)
    state, before = TrainingState.begin(loss.trainable.initial()), loss.trainable.initial()
    masks = []
    original = loss.gradient
    loss.gradient = lambda v, generator: masks.append(original(v, generator)) or masks[-1]
    for _ in training_steps(loss, state):
        kept = masks[-1][2]
        assert torch.equal(state.parameters[~kept], before[~kept])
        assert (state.parameters[kept] != before[kept]).all()
        before = state.parameters
    assert any((earlier[2] & ~later[2]).any() for earlier, later in itertools.pairwise(masks)), (
        "no channel had momentum and was masked"
    )


def test_the_context_different_image_is_never_the_anchor():
    loss = ADIObjective(
        TinyEngine(),
        noise_dataset(2),
        dataclasses.replace(CONFIG, batch_size=1),
        ActionDifferent.in_order(OTHERS.images[:2], 2),
    )
    v = torch.nn.Parameter(loss.trainable.initial())
    for seed in range(8):
        generator = step_generator(seed, 0)
        _, (anchor, other_context, _) = loss.triple_gradients(v, loss.batches.sample(generator), generator)
        assert not torch.equal(anchor, other_context)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_trains_and_resumes_to_the_bit(strategy, tmp_path):
    whole, part = train(loss_of(strategy=strategy)), train(loss_of(strategy=strategy), until=2)
    part.save(tmp_path / "state.safetensors", "run")
    resumed = train(loss_of(strategy=strategy), state=TrainingState.load(tmp_path / "state.safetensors", "run"))
    assert torch.equal(resumed.parameters, whole.parameters)
    assert resumed.losses == whole.losses
    assert whole.parameters.shape == (3, 2, 12)


def test_images_find_the_anchors_whose_context_is_most_like_theirs():
    images = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 6, 6, 3)
    contexts = [("red cube", 1, "left"), ("red cube", 2, "left"), ("blue cube", 1, "left")]
    others = [("blue cube", 1, "left"), ("red cube", 1, "right"), ("red cube", 1, "left"), ("green cube", 2, "left")]
    matched = ActionDifferent.matched(images, contexts, others)
    pairs = {(int(image[0, 0, 0]), int(anchor)) for image, anchor in zip(matched.images, matched.anchors)}
    assert pairs == {(2, 0), (1, 1), (2, 1), (0, 2)}  # seed 2 of the red cube failed: any red cube will do


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: ActionDifferent.in_order(OTHERS.images[:3], 4), "3 action-different images for 4"),
        (
            lambda: ActionDifferent.matched(OTHERS.images, [("red",), ("blue",)], [("red",)]),
            "Image 1 has no image .*blue",
        ),
        (
            lambda: ADIObjective(TinyEngine(), noise_dataset(1), CONFIG, ActionDifferent.in_order(OTHERS.images, 1)),
            "has only one",
        ),
        (
            lambda: ADIObjective(TinyEngine(), DATASET, CONFIG, ActionDifferent(OTHERS.images[:, :3], OTHERS.anchors)),
            "to one size",
        ),
        (
            lambda: ADIObjective(TinyEngine(), DATASET, CONFIG, ActionDifferent(OTHERS.images, torch.zeros(8))),
            "has no action-different",
        ),
        (lambda: dataclasses.replace(CONFIG, beta=1.5), "beta is 1.5"),
        (lambda: dataclasses.replace(CONFIG, strategy="most"), "'most'.*intersection"),
    ],
)
def test_what_does_not_fit_is_answered_with_a_sentence(make, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        make()
