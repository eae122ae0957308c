"""Makes the style-conditioned InstructPix2Pix known to ComfyUI, so that its stock loader and samplers take the extended file.

Without this, ComfyUI takes 12 input channels for an inpainting model and fails when it samples.
"""

import torch

from ..nodes import embedded_models as miniature
from .style_editor.attention import LATENTS, StyleAttention
from .style_editor.extend import EXTENDED, PLAIN

IMAGE, STYLE = "concat_latent_image", "style_latent_image"  # of conditionings; the first is ComfyUI's own name

NODES = []


def _model_classes():
    """For SD 1.5 and for the embedded miniature: the class of the extended model; for the miniature also the plain InstructPix2Pix."""
    from comfy import model_base, supported_models, utils
    from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel

    class StyleUNet(UNetModel):
        def __init__(self, *, context_dim, model_channels, dtype, device, operations, **config):
            here = {"dtype": dtype, "device": device, "operations": operations}
            super().__init__(context_dim=context_dim, model_channels=model_channels, **here, **config)
            self.style_attention = StyleAttention(context_dim, model_channels, **here)

        def _forward(self, x, timesteps=None, context=None, *arguments, **named):
            noisy, conditions = x.split([EXTENDED - LATENTS, LATENTS], 1)
            x = torch.cat([noisy, self.style_attention(conditions, context)], 1)
            return super()._forward(x, timesteps, context, *arguments, **named)

    class InteractiveActionStyleModel(model_base.BaseModel):
        def __init__(self, model_config, model_type, device=None):
            super().__init__(model_config, model_type, device=device, unet_model=StyleUNet)

        def concat_cond(self, **conditions):
            """Image and style image as the VAE encodes them: SD 1.5's InstructPix2Pix does not scale them. Absent ones are zero."""
            noise = conditions["noise"]

            def fitted(latents):
                if latents is None:
                    return torch.zeros_like(noise)
                if latents.shape[2:] != noise.shape[2:]:
                    latents = utils.common_upscale(latents, noise.shape[-1], noise.shape[-2], "bilinear", "center")
                return utils.repeat_to_batch_size(latents.to(noise), len(noise))

            return torch.cat([fitted(conditions.get(key)) for key in (IMAGE, STYLE)], 1)

    def kind(state_dict):
        return model_base.ModelType.V_PREDICTION if "v_pred" in state_dict else model_base.ModelType.EPS

    [small] = [model for model in supported_models.models if model.__name__ == "InteractiveActionMiniature"]

    def of(base, channels, model):
        """The class for checkpoints like ``base``'s with so many input channels."""
        return type(
            f"{base.__name__}Takes{channels}",
            (base,),
            {
                "unet_config": {**base.unet_config, "in_channels": channels},
                "required_keys": {"{}style_attention.to_q.weight": None} if channels == EXTENDED else {},
                "get_model": lambda self, state_dict, prefix="", device=None: model(
                    self, kind(state_dict), device=device
                ),
            },
        )

    return [
        of(supported_models.SD15, EXTENDED, InteractiveActionStyleModel),
        of(small, EXTENDED, InteractiveActionStyleModel),
        of(small, PLAIN, model_base.SD15_instructpix2pix),
    ]


def register():
    """Add the model classes to ComfyUI's, before those that would take the same files; doing it again changes nothing."""
    from comfy import supported_models

    miniature.register()
    if not any(model.__name__ == f"SD15Takes{EXTENDED}" for model in supported_models.models):
        supported_models.models[:0] = _model_classes()
