"""Two nodes that plug into trainers: ADI Gradient Mask and Training Options."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..trainers.action_different import ActionDifferent
from ..trainers.adi import ADIConfig
from . import sockets
from .config_inputs import inputs_of, options_inputs
from .node import Node
from .train_token import CATEGORY
from .training_session import TrainingOptions


class ADIGradientMask(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionADIGradientMask",
            display_name="ADI Gradient Mask",
            category=CATEGORY,
            description="Give each image of an action images of other actions in the same context, and say which "
            "channels of the token's gradient they mask. Plugs into Train Token (ADI).",
            search_aliases=["action-different", "triples", "disentangled"],
            inputs=[
                sockets.Dataset.Input("dataset", tooltip="The images of the action: the same dataset that is trained."),
                io.Image.Input(
                    "action_different",
                    tooltip="Images of the same contexts with other actions: a second recording of the same scene and "
                    "seed, your own, or some that were generated.",
                ),
                *inputs_of(ADIConfig, "mask"),
                sockets.Recording.Input(
                    "recording",
                    optional=True,
                    tooltip="The recording of the dataset's images. With both, images are matched by scene.",
                ),
                sockets.Recording.Input(
                    "other_recording",
                    optional=True,
                    tooltip="The recording of the action-different images. Without, they are matched in order, round "
                    "after round.",
                ),
            ],
            outputs=[sockets.GradientMask.Output(display_name="gradient mask", tooltip="For Train Token (ADI).")],
        )

    @classmethod
    def execute(
        cls,
        dataset: Any,
        action_different: Any,
        beta: float,
        strategy: str,
        recording: Any = None,
        other_recording: Any = None,
    ) -> io.NodeOutput:
        images = action_different[..., :3]
        if recording is not None and other_recording is not None:
            _check_count("dataset", dataset, recording)
            _check_count("action-different images", images, other_recording)
            different = ActionDifferent.matched(images, contexts(recording), contexts(other_recording))
        else:
            different = ActionDifferent.in_order(images, len(dataset))
        text = (
            f"{len(different.images)} triples with {len(dataset)} images of the action; {beta:.0%} of the channels "
            "masked by each pair."
        )
        return io.NodeOutput((different, {"beta": beta, "strategy": strategy}), ui=ui.PreviewText(text))


def contexts(recording: Any) -> list[tuple[Any, ...]]:
    """Returns what each image shows beside the action, what matters most first: (object, seed, camera)."""
    return list(zip(recording.object.tolist(), recording.seeds[recording.episode].tolist(), recording.camera.tolist()))


def _check_count(what: str, images: Any, recording: Any) -> None:
    if len(images) != len(recording):
        raise InteractiveActionError(
            f"There are {len(images)} images in the {what} and {len(recording)} in their recording. Connect the "
            "recording they come from, or neither recording."
        )


def _switch(name: str, tooltip: str) -> io.Input:
    return io.Boolean.Input(name, default=False, optional=True, advanced=True, tooltip=tooltip)


def _mask_inputs() -> list[io.Input]:
    return [
        io.Mask.Input(
            "mask",
            optional=True,
            tooltip="One an image: where the denoising loss counts, for example subject and object of the "
            "recording together.",
        ),
        io.Float.Input(
            "unmasked_weight",
            default=0.0,
            min=0.0,
            max=1.0,
            step=0.05,
            tooltip="How much the loss counts outside of the mask.",
        ),
    ]


class TrainingOptionsNode(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionTrainingOptions",
            display_name="Training Options",
            category=CATEGORY,
            description="What users of other trainers may miss: gradient accumulation, averaging, min-SNR, a limit of "
            "length and a mask of the loss. Plugs into every trainer.",
            search_aliases=["ema", "min-snr", "gradient accumulation", "masked loss"],
            inputs=[
                *options_inputs(),
                *_mask_inputs(),
                sockets.Validation.Input(
                    "validation",
                    optional=True,
                    tooltip="From Validation Images: images that are generated while training.",
                ),
                _switch(
                    "tensorboard",
                    "Write curves and validation images for TensorBoard to output/tensorboard. Needs the package "
                    "tensorboard.",
                ),
                _switch(
                    "gradient_checkpointing",
                    "Much less memory for somewhat more time. The result is the same.",
                ),
                io.Int.Input(
                    "save_every",
                    default=0,
                    min=0,
                    max=100_000,
                    optional=True,
                    advanced=True,
                    tooltip="Steps between checkpoints that are kept as tokens (or LoRAs) of their own, ready to be "
                    "loaded. 0: none.",
                ),
                _switch(
                    "cache_latents_to_disk",
                    "Keep the encoded images in files, for this run and later ones, instead of in memory: for "
                    "thousands of images.",
                ),
                io.String.Input(
                    "export_config",
                    default="",
                    optional=True,
                    advanced=True,
                    tooltip="A name: the trainer first writes output/<name>/run.toml with all settings and images, "
                    "which the command line runs, also on several GPUs. Empty: nothing is written.",
                ),
            ],
            outputs=[sockets.TrainingOptions.Output(display_name="options", tooltip="For any trainer.")],
        )

    @classmethod
    def execute(
        cls,
        unmasked_weight: float,
        mask: Any = None,
        validation: Any = None,
        tensorboard: bool = False,
        gradient_checkpointing: bool = False,
        save_every: int = 0,
        cache_latents_to_disk: bool = False,
        export_config: str = "",
        **hyperparameters: Any,
    ) -> io.NodeOutput:
        weights = None if mask is None else mask + (1 - mask) * unmasked_weight
        return io.NodeOutput(
            TrainingOptions(
                hyperparameters,
                weights,
                validation,
                tensorboard,
                gradient_checkpointing,
                save_every,
                cache_latents_to_disk,
                export_config,
            )
        )


NODES = [ADIGradientMask, TrainingOptionsNode]
