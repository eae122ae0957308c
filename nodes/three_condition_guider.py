"""A guider for stock samplers: image, style image and text, each with a strength of its own."""

import comfy.samplers
import node_helpers
from comfy_api.latest import io

from ..errors import InteractiveActionError
from ..models.comfy_registration import IMAGE, STYLE
from ..models.style_editor.extend import EXTENDED
from ..models.style_editor.guidance import S_IN, S_STY, S_T, check_mask, check_scale, combine, fitted_mask, weights
from .node import Node

FOR_TWO = (
    "sampler_cfg_function",
    "sampler_pre_cfg_function",
    "sampler_calc_cond_batch_function",
)  # ComfyUI's hooks into plain CFG


class ThreeConditions(comfy.samplers.CFGGuider):
    """Paper 004, Eq. 13, as ComfyUI's samplers call it. Its prediction is of the denoised latents."""

    def set_conds(self, positive, negative):
        """Both with image and style; the three weaker conditions are the negative one with ever less of that."""
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

    def set_scales(self, s_in, s_sty, s_T, mask=None):
        weights(s_in, s_sty, s_T)
        self.s_in, self.s_sty, self.mask = s_in, s_sty, mask
        self.set_cfg(s_T)  # so that ComfyUI's nodes that change cfg from step to step change this

    def predict_noise(self, x, timestep, model_options={}, seed=None):  # noqa: B006 (ComfyUI's own signature)
        mask = None if self.mask is None else fitted_mask(self.mask, len(x), *x.shape[2:]).to(x)
        factors = weights(self.s_in, self.s_sty, self.cfg, mask)
        names = ("none", "image", "style", "positive")
        wanted = {
            name: self.conds[name] if weight is not None or model_options.get("disable_cfg1_optimization") else None
            for name, weight in zip(names, factors)
        }
        # the full condition first: there patches look for it, as plain guidance has it there
        conds = [wanted[name] for name in reversed(names)]
        found = comfy.samplers.calc_cond_batch(self.inner_model, conds, x, timestep, model_options)
        guided = combine(factors, found[::-1])
        for hook in model_options.get("sampler_post_cfg_function", ()):
            guided = hook(
                {
                    "denoised": guided,
                    "cond": wanted["positive"],
                    "uncond": wanted["none"],
                    "cond_scale": self.cfg,
                    "cond_denoised": found[0],
                    "uncond_denoised": found[-1],
                    "model": self.inner_model,
                    "sigma": timestep,
                    "model_options": model_options,
                    "input": x,
                }
            )
        return guided


class ThreeConditionGuider(Node):
    @classmethod
    def define_schema(cls):
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
                io.Float.Input(
                    "s_in",
                    default=S_IN,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip="How much to keep of the image. 1.0 to 2.0 is usual; at 1 a step costs a quarter less.",
                ),
                io.Float.Input(
                    "s_sty",
                    default=S_STY,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip="How much to follow the style image. 1 to 5 is usual; 0 takes its guidance out.",
                ),
                io.Float.Input(
                    "s_T",
                    default=S_T,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip="How much to follow the text. 7.5 is usual; 0 leaves the text out, and a step costs a "
                    "quarter less.",
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
    def execute(cls, model, positive, negative, s_in, s_sty, s_T, mask=None):
        unet = model.model.diffusion_model
        if not hasattr(unet, "style_attention"):
            raise InteractiveActionError(
                f"This MODEL takes {getattr(unet, 'in_channels', 'other')} input channels and no style image; "
                f"{EXTENDED} are needed. Extend an InstructPix2Pix with Extend InstructPix2Pix for Style, or load one "
                "that was extended."
            )
        if any(model.model_options.get(hook) for hook in FOR_TWO):
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
            check_mask(mask.reshape(-1, *mask.shape[-2:]))
        guider = ThreeConditions(model)
        guider.set_conds(positive, negative)
        guider.set_scales(s_in, s_sty, s_T, None if mask is None else mask.reshape(-1, *mask.shape[-2:]))
        return io.NodeOutput(guider)


def _without(conditioning, *keys):
    return [[text, {key: value for key, value in values.items() if key not in keys}] for text, values in conditioning]


NODES = [ThreeConditionGuider]
