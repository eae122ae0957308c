"""Look where the words of a prompt attend while an image is drawn."""

from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..files import filled_lines
from . import sockets
from .node import Node

CATEGORY = "Interactive Action/scoring"
PLACES, RESOLUTIONS = "down, middle, up", "resolutions"


class RecordAttention(Node):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="InteractiveActionCaptureAttention",
            display_name="Capture Attention",
            category=CATEGORY,
            description="A MODEL that remembers where words attend while any sampler draws with it. It draws the same "
            "pixels.",
            search_aliases=["attention maps", "cross-attention", "DAAM", "heat map"],
            inputs=[
                io.Model.Input(
                    "model", tooltip="The MODEL that will draw; the one that you connect here is not changed."
                ),
                io.Float.Input(
                    "start",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="From which share of the steps on to record. Where things stand is decided in the first "
                    "half.",
                ),
                io.Float.Input(
                    "end", default=1.0, min=0.0, max=1.0, step=0.05, tooltip="Up to which share of the steps to record."
                ),
            ],
            outputs=[
                io.Model.Output(tooltip="For the sampler."),
                sockets.Attention.Output(display_name="attention", tooltip="For Visualize Attention."),
            ],
        )

    @classmethod
    def execute(cls, model, start, end):
        from comfy.patcher_extension import WrappersMP

        from ..models.comfy_attention import Recorder

        unet = model.model.diffusion_model
        if not hasattr(unet, "input_blocks"):
            raise InteractiveActionError(
                "Attention is recorded in the cross-attention layers of a U-Net, and this MODEL is a "
                f"{type(unet).__name__}. Load a Stable Diffusion checkpoint of the 1.x, 2.x or XL kind."
            )
        recorder, model = Recorder(unet, start, end), model.clone()
        model.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, "interactive_action_attention", recorder.sample)
        return io.NodeOutput(model, recorder)


class DrawAttention(Node):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="InteractiveActionVisualizeAttention",
            display_name="Visualize Attention",
            category=CATEGORY,
            description="Overlays that show where v*, or any word of the prompt, attended: for groups of layers and "
            "averaged over all.",
            search_aliases=["attention maps", "cross-attention", "DAAM", "heat map"],
            inputs=[
                sockets.Attention.Input("attention", tooltip="From Capture Attention, whose MODEL drew the samples."),
                io.Latent.Input("samples", tooltip="The sampler's own output: the attention is looked up by it."),
                io.Image.Input("images", tooltip="The same samples, decoded."),
                io.Clip.Input(
                    "clip", tooltip="The CLIP that encoded the prompt: it tells at which positions a word stands."
                ),
                io.String.Input(
                    "prompt",
                    default="a panda <pick-up> a strawberry",
                    multiline=True,
                    tooltip="The prompt that the samples were drawn with.",
                ),
                io.String.Input(
                    "words",
                    default="panda\n<pick-up>\nstrawberry",
                    multiline=True,
                    tooltip="One word or phrase of the prompt a line: a row of the sheet for each.",
                ),
                io.Combo.Input(
                    "groups",
                    options=[PLACES, RESOLUTIONS],
                    tooltip="How layers are put together: by their place in the U-Net, or by the resolution at which "
                    "they see the image.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="sheets",
                    tooltip="One sheet an image: a row for each word, a column for each group of layers.",
                ),
                io.Image.Output(
                    display_name="overlays",
                    tooltip="The average over all layers: all images for the first word, then for the second.",
                ),
                io.Mask.Output(display_name="maps", tooltip="The same as masks, each stretched from 0 to 1."),
            ],
        )

    @classmethod
    def execute(cls, attention, samples, images, clip, prompt, words, groups):
        import torch

        from ..models import comfy_attention as maps_of
        from ..scoring.attention_overlay import overlay, sheets, stretched

        named = filled_lines(words)
        if not named:
            raise InteractiveActionError(
                "No word is named whose attention is wanted. Write at least one word of the prompt."
            )
        run = attention.run_of(samples["samples"])

        def tokenize(text):
            return next(iter(clip.tokenize(text, return_word_ids=True).values()))

        found = {}
        for word in dict.fromkeys(named):
            positions, chunks = maps_of.word_positions(tokenize, prompt, word)
            found[word] = maps_of.grouped(maps_of.word_maps(run, positions, chunks), groups == RESOLUTIONS)
        if len(images) != (count := len(next(iter(found[named[0]].values())))):
            raise InteractiveActionError(
                f"There are {len(images)} images, and {count} samples. Connect what the samples were decoded to."
            )
        images = images[..., :3].float().cpu()
        means = [stretched(groups["all layers"], *images.shape[1:3]) for groups in found.values()]
        shown = sheets(images, found)
        return io.NodeOutput(
            shown,
            torch.cat([overlay(images, mean) for mean in means]),
            torch.cat(means).clamp(0, 1),
            ui=ui.PreviewImage(shown, cls=cls),
        )


NODES = [RecordAttention, DrawAttention]
