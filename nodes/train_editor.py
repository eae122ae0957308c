"""The node that trains an editor with judges in the place of people."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import folder_paths
import numpy as np
import torch
from comfy_api.latest import io, ui
from einops import rearrange
from PIL import Image

from ..trainers.d3po import D3POConfig
from ..trainers.edit_task import EditTask, Pair
from ..trainers.failed_writes import FailedWrites
from ..trainers.loop import TrainingState, run_key
from ..trainers.rlaif import D3POTraining, begin, reward_curve, training_steps
from . import sockets
from .config_inputs import inputs_of
from .node import Node
from .plots import image_of_figure

PREVIEW_SIDE = 960  # pixels


class TrainEditor(Node):
    """Trains an editor from AI feedback."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionTrainEditor",
            display_name="Train Editor from AI Feedback",
            category="Interactive Action/training",
            description="Teach an editor one edit without examples of it: it edits each image twice, the reward "
            "chooses, and the better edit becomes likelier. Look at the reward; the loss stays near 0.693 whatever is "
            "learned.",
            search_aliases=["RLAIF", "D3PO", "DPO", "InstructPix2Pix", "reinforcement learning"],
            inputs=[
                io.Model.Input("model", tooltip="MODEL of a style-conditioned InstructPix2Pix (12 input channels)."),
                io.Clip.Input("clip", tooltip="CLIP of the same checkpoint."),
                io.Vae.Input("vae", tooltip="VAE of the same checkpoint."),
                io.Image.Input(
                    "image",
                    tooltip="Images to practice on, at multiples of 8, in the paper 256 x 256; 512 x 512 works "
                    "afterwards.",
                ),
                io.Image.Input(
                    "style", tooltip="Images of the look to learn, of any size; they take turns. Five in the paper."
                ),
                sockets.EditingReward.Input("reward", tooltip="From Editing Reward: which of two edits is better."),
                io.String.Input(
                    "instruction",
                    default="make the cabinet out of wood",
                    multiline=True,
                    tooltip="What to do, in few words.",
                ),
                *inputs_of(D3POConfig),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Where the edit belongs, one for all images or one for each. Without, the full frame.",
                ),
                io.Mask.Input(
                    "style_mask",
                    optional=True,
                    tooltip="Where the look is in the style images. Without, the full frame.",
                ),
            ],
            outputs=[
                io.Model.Output(display_name="model", tooltip="The trained editor."),
                io.LoraModel.Output(
                    display_name="lora",
                    tooltip="What was learned, for Save LoRA Weights; loads over the same checkpoint.",
                ),
                io.Image.Output(
                    display_name="reward", tooltip="The last pair with its scores, and the reward over the steps."
                ),
                io.String.Output(display_name="report", tooltip="JSON with the history: a number a step."),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        clip: Any,
        vae: Any,
        image: torch.Tensor,
        style: torch.Tensor,
        reward: Any,
        instruction: str,
        mask: torch.Tensor | None = None,
        style_mask: torch.Tensor | None = None,
        **settings: Any,
    ) -> io.NodeOutput:
        # imported here: it needs a running ComfyUI, not only an importable one
        import comfy.sd

        config = D3POConfig(**settings)
        failed_writes = FailedWrites()
        task_parts = (image, style, instruction, mask, style_mask)
        state, lora, preview = train((model, clip, vae), task_parts, reward, config, failed_writes)
        trained, _ = comfy.sd.load_lora_for_models(model, None, lora, 1.0, 0.0)
        curve = reward_curve(state.losses, reward.alpha)
        report = {"steps": config.steps, "reward": curve, **state.losses}
        text = (
            f"{config.steps} steps of {config.pairs} pairs; reward {curve[-1]:+.2f} deviations since the first step, "
            f"{np.mean(state.losses['ties']):.0%} ties. The loss says nothing: it is always near 0.693."
        )
        text = " ".join([text, *failed_writes.sentences.values()])
        plot = rearrange(torch.from_numpy(np.array(preview)), "h w c -> 1 h w c").float() / 255
        ui_parts = {**ui.PreviewImage(plot, cls=cls).as_dict(), **ui.PreviewText(text).as_dict()}
        return io.NodeOutput(trained, lora, plot, json.dumps(report, indent=1), ui=ui_parts)


def train(
    loaded: tuple[Any, Any, Any],
    task_parts: tuple[Any, ...],
    reward: Any,
    config: D3POConfig,
    failed_writes: FailedWrites,
) -> tuple[TrainingState, dict[str, torch.Tensor], Image.Image]:
    """Trains to the end, from where the same run was interrupted if it was.

    Args:
        loaded: MODEL, CLIP and VAE.
        task_parts: of ``EditTask``; what came along a graph are inference tensors, which are copied.
        reward: an ``EditingReward``.
        config: hyperparameters.
        failed_writes: takes what is said of states that cannot be written.

    Returns:
        (the last state, the LoRA's tensors, the last preview).
    """
    import comfy.utils

    from ..models.adapters import editor_adapter
    from ..models.comfy_style_editor import ComfyEditor

    bar = comfy.utils.ProgressBar(config.steps)
    with ComfyEditor(*loaded) as engine:
        parts: Any = (part.clone() if torch.is_tensor(part) else part for part in task_parts)
        task = EditTask(*parts)
        run = run_key(f"{engine.fingerprint()} {reward.name}", task, config)
        folder = pathlib.Path(folder_paths.get_user_directory(), "interactive_action", "training")
        path = folder / f"{run[:16]}.safetensors"
        adapter = editor_adapter(engine.module, config.rank)
        try:
            reward.to(engine.device)
            training = D3POTraining(engine, adapter, task, reward, config)
            state = TrainingState.load(path, run) or begin(training)
            for pair in training_steps(training, state, bar.update_absolute):
                if state.step < config.steps:
                    with failed_writes.tolerated("state"):
                        state.save(path, run)
                calls = training.calls_per_step
                preview = feedback(pair, state.losses, config.steps, reward.alpha)
                bar.update_absolute(state.step * calls, config.steps * calls, ("JPEG", preview, PREVIEW_SIDE))
        finally:
            reward.to("cpu")
        lora = adapter.tensors(state.parameters)
    path.unlink(missing_ok=True)
    return state, lora, preview


def feedback(pair: Pair, history: dict[str, list[float]], steps: int, alpha: float) -> Image.Image:
    """Returns an image of a pair with its scores, and of the reward over the steps.

    Args:
        pair: of the last step.
        history: ``TrainingState.losses``.
        steps: of the whole run.
        alpha: of the reward.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 5.4), dpi=100, layout="constrained")
    subfigures: Any = figure.subfigures(2, 1, height_ratios=(3, 2))
    above, below = subfigures
    tiles = [("image", pair.original), ("style", pair.style)]
    for name, edit in (("better", pair.better), ("worse", pair.worse)):
        scores = f"structure {edit.structure:.3f}, semantics {edit.semantics:.3f}"
        tiles.append((f"{name}: total {edit.total:+.2f}\n{scores}", edit.image))
    for axes, (title, image) in zip(above.subplots(1, 4), tiles):
        axes.imshow(image.clamp(0, 1).numpy())
        axes.set_title(title, fontsize=8)
        axes.axis("off")
    curves = {
        "reward, in the first step's deviations": reward_curve(history, alpha),
        "structure (lower is better)": history["structure"],
        "semantics (lower is better)": history["semantics"],
    }
    for axes, (title, values) in zip(below.subplots(1, 3), curves.items()):
        axes.plot(range(1, len(values) + 1), values, color="tab:blue", marker=".", linewidth=1.2)
        axes.set_title(title, fontsize=8)
        axes.set_xlim(0.5, max(steps, 2) + 0.5)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    return image_of_figure(figure)


NODES = [TrainEditor]
