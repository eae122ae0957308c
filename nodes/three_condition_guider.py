"""A guider for stock samplers: image, style image and text, each with a strength of its own."""

from __future__ import annotations

from typing import Any

import comfy.samplers
import node_helpers
import torch
from comfy_api.latest import io
from einops import rearrange

from ..errors import InteractiveActionError
from ..models.comfy_registration import IMAGE, STYLE
from ..models.style_editor.extend import EXTENDED_CHANNELS
from ..models.style_editor.guidance import (
    S_IN,
    S_STY,
    S_T,
    check_mask,
    check_scale,
    combine,
    fit_mask,
    prediction_weights,
)
from .node import Node

# ComfyUI's hooks into plain guidance, which has two conditions
TWO_CONDITION_HOOKS = ("sampler_cfg_function", "sampler_pre_cfg_function", "sampler_calc_cond_batch_function")


class ThreeConditions(comfy.samplers.CFGGuider):
    """Guidance by image, style image and text, as ComfyUI's samplers call it; it predicts the denoised latents.

    Source: Benarous et al. 2025, Eq. 13.
    """

    def set_conds(self, positive: list, negative: list) -> None:
        """Sets the conditionings, both with image and style.

        The three weaker conditions are the negative one with ever less of that.
        """
        others = {
            "style": negative,
            "image": _without(negative, STYLE),
            "none": _without(negative, STYLE, IMAGE),
        }
        others = {
            name: node_helpers.conditioning_set_values(cond, {"prompt_type": "negative"})
            for name, cond in others.items()
        }
        self.inner_set_conds({"positive": positive, **others})

    def set_scales(self, s_in: float, s_sty: float, s_T: float, mask: torch.Tensor | None = None) -> None:
        """Sets how much image, style image and text count; mask (B, H, W): where the last two do.

        Raises:
            InteractiveActionError: a scale is negative or no number.
        """
        prediction_weights(s_in, s_sty, s_T)
        self.s_in, self.s_sty, self.mask = s_in, s_sty, mask
        self.set_cfg(s_T)  # so that ComfyUI's nodes that change cfg from step to step change this

    def predict_noise(
        self,
        x: torch.Tensor,
        timestep: torch.Tensor,
        model_options: dict[str, Any] = {},  # noqa: B006 (ComfyUI's own signature)
        seed: int | None = None,
    ) -> torch.Tensor:
        """Returns the denoised latents (B, 4, h, w) that ComfyUI's samplers ask for under this name."""
        mask = None if self.mask is None else fit_mask(self.mask, len(x), *x.shape[2:]).to(x)
        weights = prediction_weights(self.s_in, self.s_sty, self.cfg, mask)
        names = ("none", "image", "style", "positive")
        needed = {
            name: self.conds[name] if weight is not None or model_options.get("disable_cfg1_optimization") else None
            for name, weight in zip(names, weights)
        }
        # the full condition first: there patches look for it, as plain guidance has it there
        conds = [needed[name] for name in reversed(names)]
        predictions = comfy.samplers.calc_cond_batch(self.inner_model, conds, x, timestep, model_options)
        denoised = combine(weights, predictions[::-1])
        for hook in model_options.get("sampler_post_cfg_function", ()):
            denoised = hook(
                {
                    "denoised": denoised,
                    "cond": needed["positive"],
                    "uncond": needed["none"],
                    "cond_scale": self.cfg,
                    "cond_denoised": predictions[0],
                    "uncond_denoised": predictions[-1],
                    "model": self.inner_model,
                    "sigma": timestep,
                    "model_options": model_options,
                    "input": x,
                }
            )
        return denoised


class ThreeConditionGuider(Node):
    """Gives stock samplers a guider with a strength each for image, style image and text."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionThreeConditionGuider",
            display_name="Guider: Image + Style + Text",
            category="Interactive Action/guidance",
            description="Guidance for a style-conditioned InstructPix2Pix: how much to follow the image, the style "
            "image and the text. Connect it to SamplerCustomAdvanced.",
            search_aliases=["cfg", "guidance", "instructpix2pix", "SPIE"],
            inputs=[
                io.Model.Input(
                    "model",
                    tooltip="A style-conditioned InstructPix2Pix, from Extend InstructPix2Pix for Style or Load "
                    "Checkpoint.",
                ),
                io.Conditioning.Input(
                    "positive", tooltip="The instruction, with the images: from Image and Style Conditioning."
                ),
                io.Conditioning.Input(
                    "negative", tooltip="The empty prompt, with the images: from Image and Style Conditioning."
                ),
                _strength(
                    "s_in",
                    S_IN,
                    "image strength",
                    "How much to keep of the image. 1.0 to 2.0 is usual; at 1 a step costs a quarter less.",
                ),
                _strength(
                    "s_sty",
                    S_STY,
                    "style strength",
                    "How much to follow the style image. 1 to 5 is usual; 0 takes its guidance out.",
                ),
                _strength(
                    "s_T",
                    S_T,
                    "text strength",
                    "How much to follow the text. 7.5 is usual; 0 leaves the text out, and a step costs a quarter "
                    "less.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Where style and text act; outside, the image alone guides. May have any size. Without it "
                    "they act everywhere.",
                ),
            ],
            outputs=[io.Guider.Output()],
        )

    @classmethod
    def check_inputs(cls, s_in: float, s_sty: float, s_T: float) -> None:
        for name, scale in (("s_in", s_in), ("s_sty", s_sty), ("s_T", s_T)):
            check_scale(name, scale)

    @classmethod
    def execute(
        cls,
        model: Any,
        positive: list,
        negative: list,
        s_in: float,
        s_sty: float,
        s_T: float,
        mask: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        unet = model.model.diffusion_model
        if not hasattr(unet, "style_attention"):
            raise InteractiveActionError(
                f"This MODEL takes {getattr(unet, 'in_channels', 'other')} input channels and no style image; "
                f"{EXTENDED_CHANNELS} are needed. Extend an InstructPix2Pix with Extend InstructPix2Pix for Style, or "
                "load one that was extended."
            )
        if any(model.model_options.get(hook) for hook in TWO_CONDITION_HOOKS):
            raise InteractiveActionError(
                "This MODEL was given another kind of guidance, such as RescaleCFG, which is made for two conditions. "
                "Connect the MODEL from before that node."
            )
        for name, conditioning in (("positive", positive), ("negative", negative)):
            if not all(IMAGE in values and STYLE in values for _, values in conditioning):
                raise InteractiveActionError(
                    f"The {name} conditioning holds no image and style image. Connect it from Image and Style "
                    "Conditioning."
                )
        if mask is not None:
            mask = rearrange(mask, "... h w -> (...) h w")
            check_mask(mask)
        guider = ThreeConditions(model)
        guider.set_conds(positive, negative)
        guider.set_scales(s_in, s_sty, s_T, mask)
        return io.NodeOutput(guider)


def _strength(name: str, default: float, label: str, tooltip: str) -> io.Input:
    return io.Float.Input(name, display_name=label, default=default, min=0.0, max=100.0, step=0.1, tooltip=tooltip)


def _without(conditioning: list, *keys: str) -> list:
    """The conditioning without the values of these keys."""
    return [[text, {key: value for key, value in values.items() if key not in keys}] for text, values in conditioning]


NODES = [ThreeConditionGuider]
