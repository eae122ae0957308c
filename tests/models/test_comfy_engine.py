"""ComfyUI's MODEL, CLIP and VAE as an engine."""

import contextlib

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.models.adapters import auxiliary_lora
from interactive_action.models.comfy_engine import ComfyEngine
from interactive_action.models.comfy_tokens import add_tokens
from interactive_action.tests.stock_sampling import encode, sample
from interactive_action.tokens.token import InteractiveToken


def draw(checkpoint):
    """An image of two steps of stock sampling."""
    model, clip, vae = checkpoint
    latent = sample(model, encode(clip, "a panda and a cup"), encode(clip, ""))
    with torch.inference_mode():
        return vae.decode(latent)


def test_a_context_with_v_cut_in_equals_the_context_of_a_taught_word(checkpoint, engine):
    vectors = torch.randn(2, engine.width, generator=torch.Generator().manual_seed(1))
    cut_in = engine.encode_prompts(["a photo of a robot arm <v*> a red cube"], vectors)
    taught = add_tokens(checkpoint[1], [InteractiveToken("lift", vectors)])
    spoken = taught.encode_from_tokens(taught.tokenize("a photo of a robot arm <lift> a red cube"))
    assert torch.allclose(cut_in, spoken, atol=1e-5)


def test_a_batch_of_prompts_equals_its_prompts_one_by_one(engine):
    prompts = ["a panda and a cup", "a photo of a man with a lamp"]
    together = engine.encode_prompts(prompts)
    for row, prompt in zip(together, prompts):
        assert torch.allclose(row, engine.encode_prompts([prompt])[0], atol=1e-5)


def test_latents_equal_the_stock_encoders(checkpoint, engine, dataset):
    mean, std = engine.encode_images(dataset.images)
    with torch.no_grad():
        stock = checkpoint[2].encode(dataset.images)
    assert torch.allclose(mean, checkpoint[0].model.process_latent_in(stock).to(mean), atol=1e-4)
    assert std.shape == mean.shape


def test_word_vectors_are_the_vocabularys_rows_without_start_and_end(engine):
    assert engine.word_vectors("").shape == (0, engine.width)
    assert engine.word_vectors("panda").shape == (1, engine.width)
    assert torch.equal(engine.word_vectors("panda cup")[1:], engine.word_vectors("cup"))


def test_noise_is_added_as_in_equation_1(engine):
    z_0, noise = torch.ones(2, 4, 1, 1), torch.full((2, 4, 1, 1), 2.0)
    z_t = engine.schedule.add_noise(z_0, noise, torch.tensor([0, 999]))
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    abar = torch.cumprod(1 - betas, 0)
    for row, t in zip(z_t, (0, 999)):
        assert row.mean().item() == pytest.approx((abar[t].sqrt() + 2 * (1 - abar[t]).sqrt()).item(), rel=1e-4)


def test_predicted_noise_is_what_the_samplers_see(checkpoint, engine):
    """x_0 = (z_t - sqrt(1 - abar) eps) / sqrt(abar) must be the x_0 that ComfyUI's own wrapper gives a sampler."""
    z_t = torch.randn(1, 4, 12, 12, generator=torch.Generator().manual_seed(2))
    context, t = engine.encode_prompts(["a frog and a ball"]), torch.tensor([700])
    with torch.no_grad():
        eps = engine.predict_noise(z_t, t, context)
        abar = engine.schedule.alphas_cumprod[700]
        sigma = ((1 - abar) / abar).sqrt()
        x_0 = checkpoint[0].model.apply_model(z_t * (1 + sigma**2).sqrt(), sigma[None], c_crossattn=context)
    assert torch.allclose((z_t - (1 - abar).sqrt() * eps) / abar.sqrt(), x_0, atol=1e-3)


def test_stock_sampling_draws_the_same_pixels_before_and_after(checkpoint, dataset):
    before = draw(checkpoint)
    with ComfyEngine(*checkpoint) as engine:
        v = engine.word_vectors("with").requires_grad_()
        engine.predict_noise(
            torch.randn(1, 4, 12, 12), torch.tensor([500]), engine.encode_prompts(["a man <v*> a cup"], v)
        ).sum().backward()
    assert v.grad.abs().sum() > 0
    assert torch.equal(draw(checkpoint), before)


def test_a_prompt_beyond_the_encoders_window_is_refused(engine):
    with pytest.raises(InteractiveActionError, match="longer than the text encoder's window"):
        engine.encode_prompts(["cup " * 90])
    with pytest.raises(InteractiveActionError, match="longer than the text encoder's window"):
        engine.encode_prompts(["cup " * 70 + "<v*>"], torch.zeros(9, engine.width))


def test_a_clip_of_another_width_is_refused_by_name(checkpoint):
    import comfy.sd1_clip
    import comfy.supported_models_base

    model, _, vae = checkpoint
    wide = comfy.sd.CLIP(
        comfy.supported_models_base.ClipTarget(comfy.sd1_clip.SD1Tokenizer, comfy.sd1_clip.SD1ClipModel)
    )
    with (
        pytest.raises(InteractiveActionError, match="This CLIP is 768 wide and the MODEL expects 128"),
        ComfyEngine(model, wide, vae),
    ):
        pass


def test_layers_that_say_the_same_predict_what_one_context_does(engine):
    vectors = torch.randn(2, engine.width, generator=torch.Generator().manual_seed(1))
    prompts, t = ["a man <v*> a cup", "a photo of a frog <v*> a ball"], torch.tensor([700, 20])
    z_t = torch.randn(2, 4, 12, 12, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        flat = engine.encode_prompts(prompts, vectors)
        layered = engine.encode_prompts(prompts, vectors.repeat(engine.layers, 1, 1))
        assert layered.shape == (engine.layers, *flat.shape)
        assert torch.allclose(layered, flat.expand_as(layered), atol=1e-5)
        assert torch.allclose(engine.predict_noise(z_t, t, layered), engine.predict_noise(z_t, t, flat), atol=1e-4)


def test_every_layers_vectors_get_a_gradient_of_their_own(engine):
    vectors = engine.word_vectors("with").repeat(engine.layers, 1, 1).requires_grad_()
    context = engine.encode_prompts(["a man <v*> a cup"], vectors)
    engine.predict_noise(torch.randn(1, 4, 12, 12), torch.tensor([500]), context).sum().backward()
    lengths = vectors.grad.norm(dim=-1).flatten()
    assert (lengths > 0).all()
    assert len(lengths.unique()) == engine.layers


def test_what_is_trained_in_layers_is_what_the_stock_nodes_draw_with(checkpoint, engine):
    """The noise from a layer-wise context here equals the noise of MODEL and CLIP that were taught the token."""
    from interactive_action.models.comfy_layerwise import enable_layerwise_tokens

    vectors = torch.randn(engine.layers, 1, engine.width, generator=torch.Generator().manual_seed(1))
    z_t, t = torch.randn(1, 4, 12, 12, generator=torch.Generator().manual_seed(2)), torch.tensor([700])
    with torch.no_grad():
        eps = engine.predict_noise(z_t, t, engine.encode_prompts(["a frog <v*> a ball"], vectors))
        taught = add_tokens(checkpoint[1], [InteractiveToken("lift", vectors)])
        context = taught.encode_from_tokens(taught.tokenize("a frog <lift> a ball"))
        abar = engine.schedule.alphas_cumprod[700]
        sigma = ((1 - abar) / abar).sqrt()
        options = enable_layerwise_tokens(checkpoint[0]).model_options["transformer_options"]
        x_0 = checkpoint[0].model.apply_model(
            z_t * (1 + sigma**2).sqrt(), sigma[None], c_crossattn=context, transformer_options=options
        )
    assert torch.allclose((z_t - (1 - abar).sqrt() * eps) / abar.sqrt(), x_0, atol=1e-3)


def test_a_clip_that_knows_a_layer_wise_token_is_refused(checkpoint):
    model, clip, vae = checkpoint
    with pytest.raises(InteractiveActionError, match="already knows a layer-wise token"):
        ComfyEngine(model, add_tokens(clip, [InteractiveToken("lift", torch.zeros(7, 1, 128))]), vae)


def test_the_fingerprint_is_of_the_files_weights_and_not_of_what_lay_in_memory(engine):
    before, encoder = engine.fingerprint(), engine._encoder.clip_l.transformer
    missing, known = encoder.text_projection.weight, encoder.get_input_embeddings().weight
    with torch.inference_mode(), kept(missing), kept(known):
        missing.fill_(7)
        assert engine.fingerprint() == before
        known[0, 0] += 1
        assert engine.fingerprint() != before


@contextlib.contextmanager
def kept(tensor):
    """Whatever happens to the tensor's values meanwhile, they come back."""
    values = tensor.clone()
    yield
    tensor.copy_(values)


def test_both_attentions_of_every_layer_have_four_projections(engine):
    assert len(engine.attention_projections()) == 8 * engine.layers


def test_an_auxiliary_lora_is_there_while_it_is_active_and_gone_afterwards(engine):
    lora = auxiliary_lora(engine, 2)
    weights = torch.randn(
        lora.start(torch.Generator()).shape, generator=torch.Generator().manual_seed(0)
    ).requires_grad_()
    z_t, t, context = torch.ones(1, 4, 12, 12), torch.tensor([500]), engine.encode_prompts(["a man with a cup"])
    before = engine.predict_noise(z_t, t, context)
    with lora.active(weights):
        during = engine.predict_noise(z_t, t, context)
    (gradient,) = torch.autograd.grad(during.sum(), [weights])
    assert not torch.allclose(during, before, atol=1e-3)
    assert torch.equal(engine.predict_noise(z_t, t, context), before)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("layer_wise", [False, True])
def test_checkpointing_gives_the_same_gradient_and_leaves_no_trace(checkpoint, layer_wise):
    gradients, kept = [], []
    for gradient_checkpointing in (False, True):
        with ComfyEngine(*checkpoint, gradient_checkpointing=gradient_checkpointing) as engine:
            v = engine.word_vectors("with")
            v = (v.repeat(engine.layers, 1, 1) if layer_wise else v).requires_grad_()
            saved = []
            with torch.autograd.graph.saved_tensors_hooks(
                lambda x, saved=saved: saved.append(x.numel()) or x, lambda x: x
            ):
                predicted = engine.predict_noise(
                    torch.ones(1, 4, 12, 12), torch.tensor([500]), engine.encode_prompts(["a man <v*> a cup"], v)
                )
            predicted.square().sum().backward()
            gradients.append(v.grad)
            kept.append(sum(saved))
    assert torch.equal(*gradients)
    assert kept[1] < 0.7 * kept[0]
    assert not any("forward" in vars(part) for part in checkpoint[0].model.diffusion_model.modules())
