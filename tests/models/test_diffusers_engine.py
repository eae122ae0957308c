"""diffusers and transformers as an engine, on small random models with the layout of SD 1.5 and on the embedded one."""

import types

import diffusers
import pytest
import torch
import transformers
from safetensors.torch import save_file

from interactive_action.errors import InteractiveActionError
from interactive_action.miniature.weights import CHECKPOINT
from interactive_action.models.diffusers_engine import DiffusersEngine
from interactive_action.models.single_file import SCHEDULE, clip_tokenizer, load_single_file

WIDTH = 64
PROMPTS = ["a photo of a robot arm <v*> a red cube", "a frog <v*> a ball"]


@pytest.fixture(scope="module")
def originals():
    """ComfyUI's U-Net and autoencoder and transformers' text encoder: SD 1.5 with a tenth of its channels, random."""
    import comfy.ops
    from comfy.ldm.models.autoencoder import AutoencoderKL
    from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel

    torch.manual_seed(0)
    unet = UNetModel(
        image_size=32,
        in_channels=4,
        out_channels=4,
        model_channels=32,
        num_res_blocks=[2] * 4,
        channel_mult=(1, 2, 4, 4),
        num_heads=8,
        use_spatial_transformer=True,
        context_dim=WIDTH,
        transformer_depth=[1] * 6 + [0] * 2,
        transformer_depth_middle=1,
        transformer_depth_output=[1] * 9 + [0] * 3,
        dtype=torch.float32,
        operations=comfy.ops.disable_weight_init,
    )
    coder = {
        "double_z": True,
        "z_channels": 4,
        "resolution": 256,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 32,
        "ch_mult": [1, 2, 4, 4],
        "num_res_blocks": 2,
        "attn_resolutions": [],
        "dropout": 0.0,
    }
    autoencoder = AutoencoderKL(ddconfig=coder, embed_dim=4)
    for model in (unet, autoencoder):  # ComfyUI leaves new weights unset
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.03)
    text = transformers.CLIPTextModel(
        transformers.CLIPTextConfig(
            vocab_size=49408,
            hidden_size=WIDTH,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=1,
            bos_token_id=49406,
            eos_token_id=49407,
        )
    )
    return types.SimpleNamespace(unet=unet.eval(), autoencoder=autoencoder.eval(), text=text.eval())


@pytest.fixture(scope="module")
def file(originals, tmp_path_factory):
    """The single-file checkpoint of them."""
    parts = {
        "model.diffusion_model.": originals.unet.state_dict(),
        "first_stage_model.": originals.autoencoder.state_dict(),
        "cond_stage_model.transformer.text_model.": {
            key.removeprefix("text_model."): value for key, value in originals.text.state_dict().items()
        },
    }
    path = tmp_path_factory.mktemp("checkpoints") / "small.safetensors"
    save_file(
        {prefix + key: value.clone().contiguous() for prefix, state in parts.items() for key, value in state.items()},
        path,
    )
    return path


@pytest.fixture(scope="module")
def small(file):
    return load_single_file(file)


def noisy(size=8):
    return torch.randn(2, 4, size, size, generator=torch.Generator().manual_seed(2)), torch.tensor([700, 20])


def vectors(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1)).requires_grad_()


def test_a_checkpoint_of_sd_15s_layout_predicts_what_comfyuis_unet_does(originals, small):
    z_t, t = noisy()
    assert small.layers == 16
    with torch.no_grad():
        context = small.encode_prompts(["a panda and a cup", "a frog"])
        assert torch.allclose(small.predict_noise(z_t, t, context), originals.unet(z_t, t.float(), context), atol=1e-4)


def test_its_latents_are_those_of_comfyuis_autoencoder(originals, small):
    images = torch.rand(2, 64, 64, 3, generator=torch.Generator().manual_seed(0))
    mean, std = small.encode_images(images)
    with torch.no_grad():
        encoder = originals.autoencoder
        expected, logvar = encoder.quant_conv(encoder.encoder(images.movedim(-1, 1) * 2 - 1)).chunk(2, 1)
    assert torch.allclose(mean, 0.18215 * expected, atol=1e-5)
    assert torch.allclose(std, 0.18215 * torch.exp(0.5 * logvar), atol=1e-5)


def test_images_are_cropped_to_whole_latents(small):
    images = torch.rand(1, 68, 79, 3)
    assert torch.equal(small.encode_images(images)[0], small.encode_images(images[:, 2:66, 3:75])[0])


def test_a_context_with_v_cut_in_equals_that_of_a_word_added_to_the_vocabulary(originals, small):
    """Adding a word and a row to the table, as diffusers' own script does, says the same."""
    tokenizer, v = clip_tokenizer(), vectors(1, WIDTH)
    tokenizer.add_tokens("<v*>")
    table = torch.nn.Embedding.from_pretrained(
        torch.cat([originals.text.get_input_embeddings().weight.detach(), v.detach()])
    )
    ids = tokenizer(PROMPTS, padding="max_length", max_length=77, return_tensors="pt").input_ids
    original = originals.text.get_input_embeddings()
    originals.text.set_input_embeddings(table)
    with torch.no_grad():
        spoken = originals.text(ids).last_hidden_state
        originals.text.set_input_embeddings(original)
        assert torch.allclose(small.encode_prompts(PROMPTS, v), spoken, atol=1e-5)


def test_layers_that_say_the_same_predict_what_one_context_does(small):
    z_t, t = noisy()
    with torch.no_grad():
        v = vectors(2, WIDTH)
        flat, layered = small.encode_prompts(PROMPTS, v), small.encode_prompts(PROMPTS, v.repeat(16, 1, 1))
        assert layered.shape == (16, *flat.shape)
        assert torch.allclose(small.predict_noise(z_t, t, layered), small.predict_noise(z_t, t, flat), atol=1e-5)


def test_every_layers_vectors_get_a_gradient_of_their_own(small):
    v = vectors(16, 1, WIDTH)
    small.predict_noise(*noisy(), small.encode_prompts(PROMPTS, v)).square().sum().backward()
    lengths = v.grad.norm(dim=-1).flatten()
    assert (lengths > 0).all()
    assert len(lengths.unique()) == 16


def test_what_teacher_and_student_share_changes_no_bit(file):
    """One engine is asked about the same z_t again and again, the other has forgotten it each time."""
    remembering, forgetful = load_single_file(file), load_single_file(file)
    contexts = [remembering.encode_prompts([prompt] * 2).detach() for prompt in ("a panda and a cup", "a frog")]
    (z_t, t), other = noisy(), torch.ones(2, 4, 8, 8)
    with torch.no_grad():
        for z, when, context in [(z_t, t, 0), (z_t, t, 1), (z_t, t.flip(0), 1), (other, t, 1), (z_t, t, 0)]:
            forgetful.predict_noise(torch.zeros_like(z_t), t, contexts[0])
            assert torch.equal(
                remembering.predict_noise(z, when, contexts[context]),
                forgetful.predict_noise(z, when, contexts[context]),
            )


def test_a_lora_before_the_first_cross_attention_is_not_forgotten(small):
    z_t, t = noisy()
    with torch.no_grad():
        context = small.encode_prompts(["a frog"] * 2)
        before = small.predict_noise(z_t, t, context)
        handle = small.attention_projections()[0].register_forward_hook(lambda layer, inputs, output: output + 1)
        hooked = small.predict_noise(z_t, t, context)
        handle.remove()
        assert not torch.equal(hooked, before)
        assert torch.equal(small.predict_noise(z_t, t, context), before)


@pytest.mark.parametrize("shape", [(1, WIDTH), (16, 1, WIDTH)])
def test_checkpointing_gives_the_same_gradient(file, small, shape):
    gradients = []
    for engine in (small, load_single_file(file, gradient_checkpointing=True)):
        v = vectors(*shape)
        engine.predict_noise(*noisy(), engine.encode_prompts(PROMPTS, v)).square().sum().backward()
        gradients.append(v.grad)
    assert torch.allclose(*gradients, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("gradient_checkpointing", [False, True])
def test_after_closing_nothing_is_left_in_the_u_net(file, gradient_checkpointing):
    with load_single_file(file, gradient_checkpointing=gradient_checkpointing) as engine:
        unet = engine.unet
        assert any("forward" in vars(part) for part in unet.modules())
    assert not any("forward" in vars(part) for part in unet.modules())
    assert not any(part._forward_pre_hooks or part._forward_hooks for part in unet.modules())


def test_after_an_error_too(file):
    with pytest.raises(ZeroDivisionError), load_single_file(file, gradient_checkpointing=True) as engine:
        raise ZeroDivisionError
    assert not any("forward" in vars(part) or part._forward_pre_hooks for part in engine.unet.modules())


def test_two_engines_one_after_the_other_share_a_u_net(file):
    z_t, t = noisy()
    first = load_single_file(file)
    with torch.no_grad():
        context = first.encode_prompts(PROMPTS, vectors(16, 1, WIDTH))
        expected = first.predict_noise(z_t, t, context)
    first.close()
    arguments = first.unet, first._encoders, first._load_autoencoder, first.schedule.alphas_cumprod
    with DiffusersEngine(*arguments) as second, torch.no_grad():
        assert torch.equal(second.predict_noise(z_t, t, context), expected)


def test_bfloat16_is_the_same_within_its_precision_and_v_stays_float32(file, small):
    gradients = []
    for engine in (small, load_single_file(file, dtype=torch.bfloat16)):
        v = vectors(1, WIDTH)
        predicted = engine.predict_noise(*noisy(), engine.encode_prompts(PROMPTS, v))
        predicted.square().mean().backward()
        gradients.append(v.grad)
        assert predicted.dtype == v.grad.dtype == torch.float32
    assert torch.cosine_similarity(*gradients).item() > 0.98


def test_only_v_gets_a_gradient_and_no_weight_changes(small):
    before, v = small.fingerprint(), vectors(1, WIDTH)
    small.predict_noise(*noisy(), small.encode_prompts(PROMPTS, v)).sum().backward()
    assert v.grad.abs().sum() > 0
    assert not any(
        parameter.requires_grad for part in (small.unet, small._encoders[0].model) for parameter in part.parameters()
    )
    assert small.fingerprint() == before


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_a_folder_that_diffusers_saved_is_the_same_model(file, small, tmp_path, kind):
    small.unet.save_pretrained(tmp_path / "unet")
    small._encoders[0].model.save_pretrained(tmp_path / "text_encoder")
    small._load_autoencoder().save_pretrained(tmp_path / "vae")
    clip_tokenizer().save_pretrained(tmp_path / "tokenizer")
    diffusers.DDPMScheduler(**SCHEDULE, prediction_type=kind).save_pretrained(tmp_path / "scheduler")
    folder, v = DiffusersEngine.from_folder(tmp_path), vectors(2, WIDTH)
    one, other = folder, load_single_file(file, prediction_type=kind)
    with torch.no_grad():
        predicted = [engine.predict_noise(*noisy(), engine.encode_prompts(PROMPTS, v)) for engine in (one, other)]
    assert torch.allclose(*predicted, atol=1e-6)
    assert torch.equal(one.schedule.alphas_cumprod, other.schedule.alphas_cumprod)
    assert one.fingerprint() == other.fingerprint()


def test_v_is_turned_into_noise(file, small):
    """v = sqrt(abar) eps - sqrt(1 - abar) x_0 with z_t = sqrt(abar) x_0 + sqrt(1 - abar) eps, solved for eps."""
    (z_t, t), v = noisy(), vectors(1, WIDTH)
    abar = small.schedule.alphas_cumprod[t].view(-1, 1, 1, 1)
    with torch.no_grad():
        context = small.encode_prompts(PROMPTS, v)
        answer = small.predict_noise(z_t, t, context)
        eps = load_single_file(file, prediction_type="v_prediction").predict_noise(z_t, t, context)
    x_0 = (z_t - (1 - abar).sqrt() * eps) / abar.sqrt()
    assert torch.allclose(abar.sqrt() * eps - (1 - abar).sqrt() * x_0, answer, atol=1e-4)


def test_the_embedded_checkpoint_is_read_with_its_own_words():
    engine = load_single_file(CHECKPOINT)
    assert (engine.layers, engine.width) == (7, 128)
    assert len(engine.word_vectors("")) == 0
    assert torch.equal(engine.word_vectors("panda cup")[1:], engine.word_vectors("cup"))
    assert not torch.equal(engine.word_vectors("panda"), engine.word_vectors("cup"))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: load_single_file(path / "none.safetensors"), "none.safetensors could not be read"),
        (
            lambda path: (
                save_file({"x": torch.ones(1)}, path / "x.safetensors") or load_single_file(path / "x.safetensors")
            ),
            "not an SD 1.x",
        ),
        (lambda path: DiffusersEngine.from_folder(path), "no folder unet, text_encoder, tokenizer, vae, scheduler"),
        (lambda path: load_single_file(CHECKPOINT, prediction_type="x_0"), "'x_0'. It can be epsilon or v_prediction"),
        (
            lambda path: load_single_file(CHECKPOINT).encode_prompts(["cup " * 90]),
            "longer than the text encoder's window",
        ),
        (
            lambda path: load_single_file(CHECKPOINT).encode_prompts(["cup " * 70 + "<v*>"], torch.zeros(9, 128)),
            "longer than the text encoder's window",
        ),
    ],
)
def test_what_cannot_be_trained_on_is_refused_in_a_sentence(tmp_path, make, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        make(tmp_path)
