"""ComfyUI's stock loader finds the extended model, and every other model as before."""

import pytest
import torch

from interactive_action.benchmarks.guidance import SD_1_UNET as SD_1

MINIATURE = {**SD_1, "context_dim": 128, "model_channels": 64}
ATTENTION = {"model.diffusion_model.style_attention.to_q.weight": torch.zeros(1)}


def found(unet_config, channels, state):
    """The name of the class that ComfyUI takes for such a U-Net."""
    from comfy.model_detection import model_config_from_unet_config

    from interactive_action.nodes import embedded_models

    embedded_models.register()
    config = model_config_from_unet_config({**unet_config, "in_channels": channels}, state, "model.diffusion_model.")
    return type(config).__name__


@pytest.mark.parametrize(
    ("unet_config", "channels", "state", "name"),
    [
        (SD_1, 12, ATTENTION, "StyleSD15"),
        (SD_1, 12, {}, "SD15"),
        (SD_1, 9, {}, "SD15"),
        (SD_1, 8, {}, "SD15_instructpix2pix"),
        (SD_1, 4, {}, "SD15"),
        ({**SD_1, "context_dim": 1024, "use_linear_in_transformer": True}, 4, {}, "SD20"),
        (MINIATURE, 12, ATTENTION, "CompactStyleSD15"),
        (MINIATURE, 8, {}, "CompactInstructPix2Pix"),
        (MINIATURE, 4, {}, "CompactSD15"),
    ],
)
def test_each_kind_of_checkpoint_finds_its_class(unet_config, channels, state, name):
    assert found(unet_config, channels, state) == name


def test_registering_again_changes_nothing():
    from comfy import supported_models

    from interactive_action.nodes import embedded_models

    embedded_models.register()
    before = list(supported_models.models)
    embedded_models.register()
    assert supported_models.models == before


def test_an_extended_model_of_sd_1_has_its_attention_at_the_first_levels_width():
    """SD 1.5's shapes without memory."""
    from comfy import supported_models

    from interactive_action.nodes import embedded_models

    embedded_models.register()
    [kind] = [model for model in supported_models.models if model.__name__ == "StyleSD15"]
    config = kind(
        {
            **SD_1,
            "in_channels": 12,
            "out_channels": 4,
            "image_size": 32,
            "num_res_blocks": [2, 2, 2, 2],
            "channel_mult": [1, 2, 4, 4],
            "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
            "transformer_depth_output": [1] * 9 + [0] * 3,
            "transformer_depth_middle": 1,
            "use_spatial_transformer": True,
            "legacy": False,
        }
    )
    config.set_inference_dtype(torch.float16, None)
    unet = config.get_model({}, device="meta").diffusion_model
    assert unet.input_blocks[0][0].weight.shape == (320, 12, 3, 3)
    shapes = {key: tuple(value.shape) for key, value in unet.style_attention.state_dict().items()}
    assert shapes == {
        "to_q.weight": (320, 8),
        "to_q.bias": (320,),
        "to_k.weight": (320, 768),
        "to_v.weight": (320, 768),
        "to_out.weight": (8, 320),
        "to_out.bias": (8,),
    }
    assert {value.dtype for value in unet.state_dict().values()} == {torch.float16}
