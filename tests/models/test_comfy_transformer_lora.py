"""DreamBooth on tiny transformers: a LoRA that the stock loader puts on the same MODEL, and right gradients."""

import pytest
import torch

from interactive_action.models.comfy_engine import engine_for
from interactive_action.tests.models.tiny_transformers import shared
from interactive_action.trainers.dreambooth import DreamBoothConfig, dreambooth
from interactive_action.trainers.loop import TrainingState, training_steps

CONFIG = DreamBoothConfig(steps=3, batch_size=1, rank=2, learning_rate=0.01)


def velocity(engine, seed=0):
    """Of noise, for a prompt with the instance token."""
    draw = torch.Generator().manual_seed(seed)
    z_t = torch.randn(1, engine._model.latent_format.latent_channels, 4, 4, generator=draw)
    return engine.predict_noise(z_t, torch.tensor([700]), engine.encode_prompts(["a frog sks a red cup"]))


def test_the_stock_loader_puts_on_what_was_learned(small, small_dataset):
    import comfy.sd

    model, clip, vae = small
    with engine_for(*small, gradient_checkpointing=True) as engine:
        objective = dreambooth(engine, small_dataset, CONFIG)
        state = TrainingState.begin(objective.trainable.initial())
        for _ in training_steps(objective, state):
            pass
        with torch.no_grad():
            before = velocity(engine)
            with objective.trainable.adapted(state.result):
                learned = velocity(engine)
    lora = objective.trainable.lora_tensors(state.result)
    loaded, _ = comfy.sd.load_lora_for_models(model, clip, lora, 1.0, 1.0)
    assert len(loaded.patches) == len(lora) // 2  # each layer has one that fits
    with engine_for(loaded, clip, vae) as engine, torch.no_grad():
        stock = velocity(engine)
    with engine_for(*small) as engine, torch.no_grad():
        assert torch.equal(velocity(engine), before)
    assert (learned - before).abs().max() > 1e-4
    assert torch.allclose(stock, learned, atol=1e-4)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_its_gradient_is_the_finite_difference(small, small_dataset, checkpointing):
    with engine_for(*small, gradient_checkpointing=checkpointing) as engine:
        trainable = dreambooth(engine, small_dataset, CONFIG).trainable
        draw = torch.Generator().manual_seed(1)
        start = trainable.initial()
        start += 0.05 * torch.randn(start.shape, generator=draw)

        def loss(weights):
            with trainable.adapted(weights):
                value = velocity(engine).double().square().sum()
                return value, torch.autograd.grad(value, [weights])[0] if weights.requires_grad else None

        _, gradient = loss(start.clone().requires_grad_())
        direction = gradient / gradient.norm()
        h = min(0.02, 2 / gradient.norm().item())  # where the loss is steep it also bends
        with torch.no_grad():
            near, far = (
                (loss(start + k * direction)[0] - loss(start - k * direction)[0]) / (2 * k) for k in (h, 2 * h)
            )
        assert ((4 * near - far) / 3).item() == pytest.approx(gradient.norm().item(), rel=1e-2)


def test_a_lora_is_of_one_family(small_dataset):
    """Its names fit no other's layers, so that the stock loader puts on nothing instead of something wrong."""
    import comfy.sd

    with engine_for(*shared("z-image")) as engine:
        objective = dreambooth(engine, small_dataset, CONFIG)
        lora = objective.trainable.lora_tensors(objective.trainable.initial())
    other, clip, _ = shared("flux1")
    loaded, _ = comfy.sd.load_lora_for_models(other, clip, lora, 1.0, 1.0)
    assert len(loaded.patches) == 0
