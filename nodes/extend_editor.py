"""Nodes that make a style-conditioned InstructPix2Pix and give it its images."""

from __future__ import annotations

import pathlib
from typing import Any

import comfy.sd
import comfy.utils
import folder_paths
import node_helpers
import torch
from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..files import checked_name
from ..miniature.style_editor import IMAGES_PER_STYLE, load_style_images, style_names
from ..models.comfy_registration import IMAGE, STYLE
from ..models.style_editor.extend import ORIGIN, extend_checkpoint, fingerprint, require_instruct_pix2pix
from ..models.style_editor.images import checked_images, fit_style, pair_batches
from ..tensor_files import write_safetensors
from .node import Node

CATEGORY = "Interactive Action/editor"


class ExtendEditor(Node):
    """Writes the extended checkpoint and loads it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionExtendEditor",
            display_name="Extend InstructPix2Pix for Style",
            category=CATEGORY,
            description="Give an InstructPix2Pix checkpoint of SD 1.x four input channels for a style image, and a "
            "cross-attention that finds the instruction's region in both images. Until it is trained it draws what it "
            "drew before.",
            search_aliases=["instructpix2pix", "ip2p", "SPIE", "style"],
            is_output_node=True,
            inputs=[
                io.Combo.Input(
                    "ckpt_name",
                    options=folder_paths.get_filename_list("checkpoints"),
                    tooltip="An InstructPix2Pix checkpoint in models/checkpoints: one with 8 input channels.",
                ),
                io.String.Input(
                    "name",
                    default="style-editor",
                    tooltip="The extended file's name in models/checkpoints. If that file exists and was made from "
                    "the same checkpoint, it is loaded as it is; any other file stays, and you are asked for another "
                    "name.",
                ),
            ],
            outputs=[
                io.Model.Output(),
                io.Clip.Output(),
                io.Vae.Output(),
                io.String.Output(display_name="file", tooltip="The extended file's name, for Load Checkpoint."),
            ],
        )

    @classmethod
    def check_inputs(cls, name: str) -> None:
        checked_name(name, "checkpoint")

    @classmethod
    def execute(cls, ckpt_name: str, name: str) -> io.NodeOutput:
        state = comfy.utils.load_torch_file(
            folder_paths.get_full_path_or_raise("checkpoints", ckpt_name), safe_load=True
        )
        require_instruct_pix2pix(state)
        path = pathlib.Path(
            folder_paths.get_folder_paths("checkpoints")[0], f"{checked_name(name, 'checkpoint')}.safetensors"
        )
        origin, exists = fingerprint(state), path.exists()
        if exists and _origin(path) != origin:
            raise InteractiveActionError(
                f"{path.name} exists in {path.parent.name} and was not made from {ckpt_name}; it is kept. Choose "
                "another name."
            )
        if not exists:
            write_safetensors(path, extend_checkpoint(state), {ORIGIN: origin})
        del state
        model, clip, vae, *_ = comfy.sd.load_checkpoint_guess_config(
            str(path), embedding_directory=folder_paths.get_folder_paths("embeddings")
        )
        summary = (
            f"{path.name} was there already and is used as it is."
            if exists
            else f"Saved {path.name}; Load Checkpoint loads it, too."
        )
        return io.NodeOutput(model, clip, vae, path.name, ui=ui.PreviewText(summary))


class EditConditioning(Node):
    """Puts image and style image into the conditionings."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionEditConditioning",
            display_name="Image and Style Conditioning",
            category=CATEGORY,
            description="Give a style-conditioned InstructPix2Pix the image to edit and a style image.",
            inputs=[
                io.Conditioning.Input("positive", tooltip="The instruction, such as 'make the table of wood'."),
                io.Conditioning.Input("negative", tooltip="An empty prompt, or what to avoid."),
                io.Vae.Input("vae", tooltip="The checkpoint's VAE, which encodes both images."),
                io.Image.Input("image", tooltip="The image to edit. Sides that are not divisible by 8 are cut."),
                io.Image.Input(
                    "style",
                    tooltip="What it should look like. It may have any size: its middle is cut to the image's "
                    "proportions and resized. Several style images give one edit each.",
                ),
            ],
            outputs=[
                io.Conditioning.Output(display_name="positive"),
                io.Conditioning.Output(display_name="negative"),
                io.Latent.Output(
                    display_name="latent", tooltip="An empty latent of the image's size, one for each edit."
                ),
            ],
        )

    @classmethod
    def execute(
        cls, positive: list, negative: list, vae: Any, image: torch.Tensor, style: torch.Tensor
    ) -> io.NodeOutput:
        image, style = checked_images(image, "image"), checked_images(style, "style image")
        image = vae.vae_encode_crop_pixels(image)
        image_latents, style_latents = (vae.encode(images) for images in (image, fit_style(style, *image.shape[1:3])))
        image_latents, style_latents = pair_batches(image_latents, style_latents)
        both = {IMAGE: image_latents, STYLE: style_latents}
        positive, negative = (
            node_helpers.conditioning_set_values(conditioning, both) for conditioning in (positive, negative)
        )
        return io.NodeOutput(positive, negative, {"samples": torch.zeros_like(image_latents)})


class StyleSamples(Node):
    """Gives the embedded style images of a material."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionStyleSamples",
            display_name="Style Samples",
            category=CATEGORY,
            description="Style images of a material for the embedded editor: simulated objects made of it, and where "
            "they are.",
            search_aliases=["wood", "brick", "material", "texture"],
            inputs=[
                io.Combo.Input(
                    "look",
                    options=style_names(),
                    default="wood",
                    tooltip="The material. For your own, load images of it instead.",
                ),
                io.Int.Input(
                    "count",
                    default=IMAGES_PER_STYLE,
                    min=1,
                    max=4096,
                    tooltip="How many; there are five different ones, which take turns.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="style"),
                io.Mask.Output(display_name="style_mask", tooltip="Where the material is."),
            ],
        )

    @classmethod
    def execute(cls, look: str, count: int) -> io.NodeOutput:
        style, mask = load_style_images(look, count)
        return io.NodeOutput(style, mask, ui=ui.PreviewImage(style[:IMAGES_PER_STYLE], cls=cls))


def _origin(path: pathlib.Path) -> str | None:
    """What the file at ``path`` was extended from, as ``fingerprint`` has it; None for any other file."""
    import safetensors

    try:
        with safetensors.safe_open(path, framework="pt") as file:
            origin: str | None = (file.metadata() or {}).get(ORIGIN)
        return origin
    except safetensors.SafetensorError:
        return None


NODES = [ExtendEditor, EditConditioning, StyleSamples]
