"""Z-Image, FLUX.2, FLUX.1, SD 3.5 and Krea 2 in ComfyUI, tiny and random: gradients are right, and no trace is left."""

import contextlib
import enum

import pytest
import torch

from interactive_action.models.comfy_engine import engine_for
from interactive_action.models.comfy_tokens import add_tokens
from interactive_action.models.comfy_transformer import ComfyTransformerEngine
from interactive_action.tests.models.tiny_transformers import loaded
from interactive_action.tokens.token import InteractiveToken
from interactive_action.tokens.token_file import save_token
from interactive_action.trainers.loop import TrainingState, training_steps
from interactive_action.trainers.textual_inversion import TextualInversionConfig, textual_inversion

PROMPT = "a frog <v*> a red cup"


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def noisy(engine, batch=1, seed=0):
    """Latents of 4 x 4, without asking an autoencoder."""
    return random(batch, engine._model.latent_format.latent_channels, 4, 4, seed=seed)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_the_gradient_is_the_finite_difference(small, checkpointing):
    """Of each text encoder's vectors by themselves: T5's and FLUX's blocks add in place, where it is easily wrong."""
    with ComfyTransformerEngine(*small, gradient_checkpointing=checkpointing) as engine:
        z_t, wanted, t = noisy(engine), noisy(engine, seed=1), torch.tensor([700])

        def loss(v):
            prediction = engine.predict_noise(z_t, t, engine.encode_prompts([PROMPT], v))
            return (prediction - wanted).double().square().sum()

        v = engine.word_vectors("handling").requires_grad_()
        (gradient,) = torch.autograd.grad(loss(v), [v])
        for k, part in enumerate(gradient.split(engine.widths, -1)):
            others = [torch.zeros(1, width) for width in engine.widths]
            others[k] = part / part.norm()
            step = torch.cat(others, -1)
            h = 0.3 / part.norm().item()  # so that the loss changes by much more than its rounding
            with torch.no_grad():
                near, far = ((loss(v + h * step) - loss(v - h * step)) / (2 * h) for h in (h, 2 * h))
            slope = (4 * near - far) / 3  # Richardson's
            assert slope.item() == pytest.approx(part.norm().item(), rel=5e-3)


def test_checkpointing_keeps_less_and_gives_the_same_gradient(small):
    gradients, kept = [], []
    for checkpointing in (False, True):
        with ComfyTransformerEngine(*small, gradient_checkpointing=checkpointing) as engine:
            v, saved = engine.word_vectors("handling").requires_grad_(), []
            with torch.autograd.graph.saved_tensors_hooks(
                lambda x, saved=saved: saved.append(x.numel()) or x, lambda x: x
            ):
                prediction = engine.predict_noise(
                    noisy(engine), torch.tensor([500]), engine.encode_prompts([PROMPT], v)
                )
            gradients += torch.autograd.grad(prediction.square().sum(), [v])
            kept.append(sum(saved))
    assert torch.allclose(*gradients, rtol=1e-4, atol=1e-4 * gradients[0].abs().max().item())
    assert kept[1] < 0.6 * kept[0]


def test_what_is_trained_is_what_the_stock_nodes_read(small, tmp_path):
    """The rows and contexts of `embedding:lift`, of <lift> and of live vectors in training are the same numbers."""
    clip = small[1]
    with ComfyTransformerEngine(*small) as engine:
        vectors = engine.word_vectors("handling").repeat(2, 1) + 0.1 * random(2, engine.width)
        live = engine.encode_prompts([PROMPT], vectors).rows[0]
        metadata = engine.token_metadata(PROMPT)
    token = InteractiveToken("lift", vectors, metadata, engine.widths)
    save_token(token, tmp_path)
    stock = clip.clone()
    for name in engine.encoders:
        getattr(stock.tokenizer, name).embedding_directory = [str(tmp_path)]
    try:
        with torch.no_grad():
            results = []
            for taught, word in ((stock, "embedding:lift"), (add_tokens(clip, [token]), "<lift>")):
                tokens = taught.tokenize(f"a frog {word} a red cup")
                results.append((plain(tokens), taught.encode_from_tokens_scheduled(tokens)[0]))
    finally:
        for name in engine.encoders:
            getattr(stock.tokenizer, name).embedding_directory = None
    (of_file, (cond, told)), (of_word, (same, _)) = results
    assert of_file == of_word
    assert torch.equal(cond, same)
    assert torch.equal(cond, live["cond"])
    for name, value in told.items():
        if value is not None:
            assert torch.equal(value, live[name])


def plain(tokens):
    """Tokens by encoder, vectors as lists of numbers."""
    return {
        name: [[value.tolist() if torch.is_tensor(value) else value for value, _ in row] for row in rows]
        for name, rows in tokens.items()
    }


def test_the_velocity_is_what_stock_sampling_walks_along(small):
    """At each step of stock Euler, with guidance 1.0 for models that are told it."""
    import node_helpers

    model, clip, _ = small
    seen = []

    def record(apply_model, given):
        denoised = apply_model(given["input"], given["timestep"], **given["c"])
        seen.append((given["input"].clone(), given["timestep"].clone(), denoised.clone()))
        return denoised

    watched = model.clone()
    watched.set_model_unet_function_wrapper(record)
    with torch.no_grad():
        positive = clip.encode_from_tokens_scheduled(clip.tokenize("a frog and a red cup"))
        positive = node_helpers.conditioning_set_values(positive, {"guidance": 1.0})
        latents = torch.zeros(1, model.model.latent_format.latent_channels, 4, 4)
        sample(watched, positive, latents, 2)
    with ComfyTransformerEngine(*small) as engine, torch.no_grad():
        contexts = engine.encode_prompts(["a frog and a red cup"])
        for x, sigma, denoised in seen:
            t = (engine.schedule.sigmas - sigma).abs().argmin()[None]
            assert engine.schedule.sigmas[t] == pytest.approx(sigma.item(), rel=1e-5)
            v = engine.predict_noise(x.view(latents.shape), t, contexts)
            assert torch.allclose(v, ((x - denoised) / sigma).view(latents.shape), atol=1e-4)
    assert len(seen) == 2


def sample(model, positive, latents, steps):
    """Stock Euler without guidance by an empty prompt."""
    import comfy.sample

    noise = comfy.sample.prepare_noise(latents, 0)
    latents = comfy.sample.fix_empty_latent_channels(model, latents)
    noise = random(*latents.shape, seed=2) if noise.shape != latents.shape else noise
    return comfy.sample.sample(
        model, noise, steps, 1.0, "euler", "simple", positive, positive, latents, disable_pbar=True, seed=0
    )


def image(small):
    """What the stock nodes draw, in inference mode as ComfyUI executes them."""
    model, clip, vae = small
    with torch.inference_mode():
        positive = clip.encode_from_tokens_scheduled(clip.tokenize("a frog and a red cup"))
        latents = torch.zeros(1, model.model.latent_format.latent_channels, 4, 4)
        return vae.decode(sample(model, positive, latents, 2)).clone()


def process_state(small):
    """Everything of the process and of the models that training might leave behind."""
    from comfy import model_management

    plain_kinds = (bool, int, float, str, enum.Enum, type(None))
    flags = {name: value for name, value in vars(model_management).items() if isinstance(value, plain_kinds)}
    modules = [part for model in (small[0].model, small[1].cond_stage_model) for part in model.modules()]
    return {
        **flags,
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "hooks": sum(len(part._forward_pre_hooks) + len(part._forward_hooks) for part in modules),
        "forwards": sum("forward" in vars(part) for part in modules),
        "words": [kind for kind in map(type, vars(small[1].tokenizer).values()) if "Learned" in kind.__name__],
        "trained": sum(weight.requires_grad for part in modules for weight in part.parameters(recurse=False)),
    }


class Cancelled(Exception):
    pass


def train_a_little(small, small_dataset, end):
    """Two steps, after which something may happen."""
    with ComfyTransformerEngine(*small, gradient_checkpointing=True) as engine:
        objective = textual_inversion(engine, small_dataset, TextualInversionConfig(steps=2))
        state = TrainingState.begin(objective.trainable.initial())
        for _ in training_steps(objective, state):
            if state.step == 2:
                end(engine)
    return state


def fail_in_the_network(engine):
    engine.predict_noise(torch.zeros(1, 3, 4, 4), torch.tensor([500]), engine.encode_prompts(["a frog"]))


def cancel(engine):
    raise Cancelled


@pytest.mark.parametrize("end", [lambda engine: None, cancel, fail_in_the_network])
def test_training_leaves_no_trace_however_it_ends(small, small_dataset, end):
    """Sampling with the same MODEL gives the same pixels, and every flag of the process is as it was."""
    before, pixels = process_state(small), image(small)
    with contextlib.suppress(Cancelled, RuntimeError, IndexError):
        train_a_little(small, small_dataset, end)
    assert process_state(small) == before
    assert torch.equal(image(small), pixels)


def test_an_engine_that_cannot_start_leaves_no_trace(small, monkeypatch):
    before = process_state(small)
    monkeypatch.setattr("interactive_action.models.comfy_transformer._unit", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError), ComfyTransformerEngine(*small):
        pass
    assert process_state(small) == before


def test_prompts_of_different_length_are_predicted_together_as_one_by_one(small):
    prompts, t = ["a frog", "a photo of a frog and a very red ball"], torch.tensor([100, 900])
    with engine_for(*small) as engine, torch.no_grad():
        z_t = noisy(engine, 2)
        together = engine.predict_noise(z_t, t, engine.encode_prompts(prompts))
        for k, prompt in enumerate(prompts):
            alone = engine.predict_noise(z_t[k : k + 1], t[k : k + 1], engine.encode_prompts([prompt]))
            assert torch.allclose(together[k : k + 1], alone, atol=1e-4)


@pytest.mark.parametrize("family", ["z-image", "flux1"])
def test_bfloat16_weights_give_the_gradient_within_their_precision(family):
    model, clip, vae = loaded(family)
    gradients, start = [], None
    for dtype in (torch.float32, torch.bfloat16):
        model.model.diffusion_model.dtype = dtype
        model.model.diffusion_model.to(dtype)
        clip.cond_stage_model.to(dtype)
        with engine_for(model, clip, vae, gradient_checkpointing=True) as engine:
            start = engine.word_vectors("handling") if start is None else start
            v = start.clone().requires_grad_()
            prediction = engine.predict_noise(noisy(engine), torch.tensor([700]), engine.encode_prompts([PROMPT], v))
            assert prediction.dtype == torch.float32
            gradients += torch.autograd.grad(1024 * (prediction - noisy(engine, seed=1)).square().mean(), [v])
    assert torch.cosine_similarity(*map(torch.flatten, gradients), 0) > 0.99
    assert gradients[1].norm().item() == pytest.approx(gradients[0].norm().item(), rel=0.05)
