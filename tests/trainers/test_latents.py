"""Latents in buckets and on disk."""

import dataclasses

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.tests.trainers.tiny import TinyEngine, noise_dataset
from interactive_action.trainers.action_different import ActionDifferent
from interactive_action.trainers.adi import ADIConfig, ADIObjective
from interactive_action.trainers.latents import LatentCache, Latents
from interactive_action.trainers.loop import TrainingState, training_steps
from interactive_action.trainers.objective import loss_scale
from interactive_action.trainers.textual_inversion import TextualInversionConfig, textual_inversion

CONFIG = TextualInversionConfig(steps=8, batch_size=2, learning_rate=0.1, initializer_token="with")


class SizedEngine(TinyEngine):
    """One whose latents are half as large as the images, whatever their size."""

    def encode_images(self, images):
        mean = torch.nn.functional.avg_pool2d(images.movedim(-1, 1), 2)
        mean = torch.cat([mean, mean.mean(1, keepdim=True)], 1) - 0.5
        return mean, 0.1 * mean.abs()


def wide_and_tall():
    """Images 0, 2 and 4 are wide, 1 and 3 tall."""
    data = noise_dataset()
    images = tuple(image[:4] if index % 2 == 0 else image[:, :4] for index, image in enumerate(data.images))
    return dataclasses.replace(data, images=images)


def train(loss):
    state = TrainingState.begin(loss.trainable.initial())
    for _ in training_steps(loss, state):
        pass
    return state


def test_a_batch_is_of_one_size_and_every_image_is_as_likely():
    latents, generator = Latents(SizedEngine(), wide_and_tall().images), torch.Generator().manual_seed(0)
    assert [bucket.tolist() for bucket in latents.buckets] == [[0, 2, 4], [1, 3]]
    drawn = torch.stack([latents.sample(2, generator) for _ in range(4000)])
    assert (drawn % 2 == drawn[:, :1] % 2).all()
    assert torch.allclose(drawn.flatten().bincount() / drawn.numel(), torch.full((5,), 0.2), atol=0.02)


def test_each_image_keeps_its_own_moments():
    engine, images = SizedEngine(), wide_and_tall().images
    latents = Latents(engine, images)
    for index in ([4, 0], [3, 1]):
        for moment, expected in zip(
            latents[torch.tensor(index)], engine.encode_images(torch.stack([images[i] for i in index]))
        ):
            assert torch.equal(moment, expected)
    assert latents.shape(1) == (4, 3, 2)
    assert latents.shape() == (4, 2, 3), "most images are wide"


def test_a_token_is_learned_from_both_sizes_and_their_masks():
    data = wide_and_tall()
    masked = dataclasses.replace(
        data,
        masks=tuple(torch.rand(image.shape[:2], generator=torch.Generator().manual_seed(1)) for image in data.images),
    )
    plain, with_masks = (train(textual_inversion(SizedEngine(), part, CONFIG)) for part in (data, masked))
    assert plain.step == 8
    assert not torch.equal(plain.parameters, with_masks.parameters)
    assert data.sha256() != masked.sha256()


def test_the_mask_of_a_bucket_is_worked_out_by_hand():
    data = wide_and_tall()
    masks = [torch.zeros(image.shape[:2]) for image in data.images]
    for mask in masks:
        mask[:2, :2] = 1  # one of the 2 x 3 or 3 x 2 latents
    loss = textual_inversion(SizedEngine(), dataclasses.replace(data, masks=tuple(masks)), CONFIG)
    batch = loss.batches.sample(torch.Generator().manual_seed(0))
    predicted = torch.randn(batch.noise.shape, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(
        loss.batches.denoising_loss(predicted, batch), (predicted - batch.noise)[:, :, 0, 0].square().mean(1)
    )


def test_latents_on_disk_are_encoded_once_and_change_no_bit(tmp_path):
    expected = train(textual_inversion(TinyEngine(), noise_dataset(), CONFIG)).parameters
    engine = TinyEngine()
    engine.encode_images = LatentCache(engine.encode_images, "model", tmp_path)
    assert torch.equal(train(textual_inversion(engine, noise_dataset(), CONFIG)).parameters, expected)
    engine.encode_images._encode = None  # is not needed again
    assert torch.equal(train(textual_inversion(engine, noise_dataset(), CONFIG)).parameters, expected)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("broken", [b"", b"no latents", bytes(1000)])
def test_a_broken_file_of_latents_is_written_anew(tmp_path, broken):
    images = noise_dataset().images
    cache = LatentCache(TinyEngine().encode_images, "model", tmp_path)
    mean, std = (part.clone() for part in cache(images))
    [path] = tmp_path.iterdir()
    path.unlink()  # what was read from it may still be in use
    path.write_bytes(broken)
    assert torch.equal(cache(images)[0], mean)
    cache._encode = None  # is not needed again
    assert torch.equal(cache(images)[1], std)


def test_another_model_or_other_images_have_latents_of_their_own(tmp_path):
    for base, seed in (("one", 0), ("other", 0), ("one", 1)):
        LatentCache(TinyEngine().encode_images, base, tmp_path)(noise_dataset(seed=seed).images)
    assert len(list(tmp_path.iterdir())) == 3


def test_adi_compares_images_of_one_size_alone():
    data = wide_and_tall()
    with pytest.raises(InteractiveActionError, match="Bring all to one size"):
        ADIObjective(
            SizedEngine(),
            data,
            ADIConfig(initializer_token="with"),
            ActionDifferent(torch.rand(5, 4, 6, 3), torch.arange(5)),
        )


@pytest.mark.parametrize("shape", [(2, 2, 2), (1, 3, 5)])
def test_the_gradient_is_scaled_by_a_power_of_two_which_costs_no_bit(shape, monkeypatch):
    loss = textual_inversion(TinyEngine(), noise_dataset(), CONFIG)
    v = loss.trainable.initial().requires_grad_()
    scaled = loss.gradient(v, torch.Generator().manual_seed(0))[1]
    monkeypatch.setattr(
        loss.batches.latents,
        "shape",
        lambda index=None, own=loss.batches.latents.shape: own(index) if index is not None else shape,
    )
    assert loss_scale(loss.batches) in (8.0, 16.0)
    assert torch.equal(loss.gradient(v, torch.Generator().manual_seed(0))[1], scaled)
