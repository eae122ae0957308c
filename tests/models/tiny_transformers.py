"""Transformers of each family with few random weights, made by ComfyUI's own classes in a second."""

import functools

import torch

WIDTH = 32  # of language models and T5; CLIP has 64
ENCODERS = {
    "qwen3_4b": {
        "hidden_size": WIDTH,
        "intermediate_size": 64,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "num_hidden_layers": 3,
    },
    "qwen3vl_4b": {
        "hidden_size": 40,
        "intermediate_size": 64,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "num_hidden_layers": 3,
    },
    "clip_l": {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 1, "num_hidden_layers": 3},
    "clip_g": {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 1, "num_hidden_layers": 3},
    "t5xxl": {"d_model": WIDTH, "d_kv": 16, "num_heads": 2, "d_ff": 64, "num_layers": 2},
}
FLUX = {"hidden_size": 128, "num_heads": 1, "depth": 1, "depth_single_blocks": 1}


def z_image(dim=256, heads=2, refiners=1):
    """30 layers of 3840 in truth; heads have 128 numbers always."""
    from comfy import supported_models
    from comfy.text_encoders import z_image

    config = supported_models.ZImage(
        {
            "image_model": "lumina2",
            "patch_size": 2,
            "in_channels": 16,
            "dim": dim,
            "cap_feat_dim": WIDTH,
            "n_layers": 1,
            "n_refiner_layers": refiners,
            "qk_norm": True,
            "n_heads": heads,
            "n_kv_heads": heads,
            "axes_dims": [32, 48, 48],
            "axes_lens": [1536, 512, 512],
            "rope_theta": 256.0,
            "ffn_dim_multiplier": 8.0 / 3.0,
            "z_image_modulation": True,
            "time_scale": 1000.0,
            "pad_tokens_multiple": 32,
        }
    )
    return config, clip(z_image.ZImageTokenizer, z_image.te())


def flux2():
    """FLUX.2 klein, which is told three layers of its text encoder: 9, 18 and 27 in truth."""
    from comfy import supported_models
    from comfy.text_encoders import flux

    config = supported_models.Flux2(
        {
            "image_model": "flux2",
            "axes_dim": [32] * 4,
            "mlp_ratio": 3.0,
            "theta": 2000,
            "in_channels": 128,
            "out_channels": 128,
            "global_modulation": True,
            "mlp_silu_act": True,
            "qkv_bias": False,
            "ops_bias": False,
            "default_ref_method": "index",
            "ref_index_scale": 10.0,
            "txt_ids_dims": [3],
            "patch_size": 1,
            "context_in_dim": 3 * WIDTH,
            "vec_in_dim": None,
            "guidance_embed": False,
            **FLUX,
        }
    )
    taught = clip(flux.KleinTokenizer, flux.klein_te())
    tap(taught.cond_stage_model.qwen3_4b, [0, 1, 2])
    taught.set_tokenizer_option("qwen3_4b_min_length", 1)  # 512 in truth; the transformer fills up itself
    return config, taught


def flux1(guidance_embed=True):
    """FLUX.1 dev, or schnell without guidance."""
    from comfy import supported_models
    from comfy.text_encoders import flux

    kind = supported_models.Flux if guidance_embed else supported_models.FluxSchnell
    config = kind(
        {
            "image_model": "flux",
            "axes_dim": [16, 56, 56],
            "mlp_ratio": 4.0,
            "theta": 10000,
            "in_channels": 16,
            "out_channels": 16,
            "qkv_bias": True,
            "txt_ids_dims": [],
            "patch_size": 2,
            "context_in_dim": WIDTH,
            "vec_in_dim": 64,
            "guidance_embed": guidance_embed,
            **FLUX,
        }
    )
    taught = clip(flux.FluxTokenizer, flux.flux_clip())
    taught.set_tokenizer_option("t5xxl_min_length", 16)  # 256 in truth
    return config, taught


def sd3():
    """SD 3.5 medium's kind: a width of 4096 is fixed where CLIP's and T5's outputs are joined."""
    from comfy import supported_models
    from comfy.text_encoders import sd3_clip

    config = supported_models.SD3(
        {
            "in_channels": 16,
            "patch_size": 2,
            "out_channels": 16,
            "depth": 2,
            "input_size": None,
            "adm_in_channels": 128,
            "context_embedder_config": {
                "target": "torch.nn.Linear",
                "params": {"in_features": 4096, "out_features": 128},
            },
            "num_patches": 64,
            "pos_embed_max_size": 8,
            "qk_norm": "rms",
            "pos_embed_scaling_factor": None,
            "x_block_self_attn_layers": [0],
        }
    )
    taught = clip(sd3_clip.SD3Tokenizer, sd3_clip.sd3_clip(), t5xxl={"d_model": 4096, "num_layers": 1})
    taught.set_tokenizer_option("t5xxl_min_length", 16)  # 77 in truth
    # half a gigabyte of numbers as overlapping windows of a few
    numbers = 0.05 * torch.randn(32128 + 4096, generator=torch.Generator().manual_seed(5))
    shared = taught.cond_stage_model.t5xxl.transformer.shared
    shared.weight = torch.nn.Parameter(numbers.as_strided((32128, 4096), (1, 1)), requires_grad=False)
    return config, taught


def krea2():
    """Told three layers of Qwen3-VL, twelve in truth, whose eyes are taken out: 377 million weights for images."""
    from comfy import supported_models
    from comfy.text_encoders import krea2

    config = supported_models.Krea2(
        {
            "image_model": "krea2",
            "features": 128,
            "channels": 16,
            "patch": 2,
            "layers": 1,
            "heads": 1,
            "kvheads": 1,
            "txtlayers": 3,
            "txtdim": 40,
        }
    )
    taught = clip(krea2.Krea2Tokenizer, krea2.te())
    tap(taught.cond_stage_model.qwen3vl_4b, [0, 1, 2])
    del taught.cond_stage_model.qwen3vl_4b.transformer.visual
    return config, taught


def tap(encoder, layers):
    """Makes a text encoder give the states of other layers than its class has chosen."""
    encoder.layer = layers
    encoder.options_default = (layers, *encoder.options_default[1:])


FAMILIES = {"z-image": z_image, "flux2": flux2, "flux1": flux1, "sd3": sd3, "krea2": krea2}


def clip(tokenizer, model, **changes):
    """ComfyUI's CLIP with small text encoders."""
    import comfy.sd
    from comfy.supported_models_base import ClipTarget

    configs = {f"{name}_model_config": {**config, **changes.get(name, {})} for name, config in ENCODERS.items()}
    return comfy.sd.CLIP(ClipTarget(tokenizer, model), model_options=configs | {"dtype": torch.float32})


@functools.cache
def small_vae(channels, video=False):
    """A VAE without a posterior: TAESD, or Wan's for latents with a frame."""
    import comfy.sd
    from comfy.ldm.wan.vae import WanVAE
    from comfy.taesd.taesd import TAESD

    wan = functools.partial(WanVAE, dim=8, temperal_downsample=[False, True, True])
    with torch.random.fork_rng():
        torch.manual_seed(3)
        autoencoder = wan(z_dim=channels) if video else TAESD(latent_channels=channels)
        randomize(autoencoder)
    return comfy.sd.VAE(sd=autoencoder.state_dict(), metadata={"tae_latent_channels": channels})


def loaded(family, **options):
    """(MODEL, CLIP, VAE) of a family."""
    from comfy import model_management, model_patcher

    with torch.random.fork_rng():
        torch.manual_seed(0)
        config, taught = FAMILIES[family](**options)
        config.unet_config["dtype"] = torch.float32
        model = config.get_model({}, "")
        for module in (model.diffusion_model, taught.cond_stage_model):
            randomize(module)
    device = model_management.get_torch_device()
    patcher = model_patcher.ModelPatcher(model, load_device=device, offload_device=torch.device("cpu"))
    latents = config.latent_format
    return patcher, taught, small_vae(latents.latent_channels, video=latents.latent_dimensions == 3)


@functools.cache
def shared(family):
    """``loaded`` once for all tests, which leave it as it was."""
    return loaded(family)


def randomize(module):
    """Weights of unit gain, norms near 1: a tiny network through which words reach the image."""
    for name, parameter in (*module.named_parameters(), *uninitialized_buffers(module)):
        if name.endswith("shared.weight") and parameter.shape[1] > WIDTH:  # windows, see ``sd3``
            continue
        if parameter.ndim > 1 and "embed_tokens" in name:
            torch.nn.init.normal_(parameter, std=0.5)
        elif parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
        else:
            torch.nn.init.normal_(parameter, std=0.1)
            parameter.data += name.endswith(("weight", "scale"))


def uninitialized_buffers(module):
    """What ComfyUI leaves for a file to fill: SD 3.5's table of positions."""
    return [(name, buffer) for name, buffer in module.named_buffers() if name == "pos_embed"]
