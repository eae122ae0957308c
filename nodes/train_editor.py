"""The node that teaches an editor with judges in the place of people."""

import io as bytes_io
import json
import pathlib

import folder_paths
import numpy
import torch
from comfy_api.latest import io, ui
from PIL import Image

from ..trainers.failed_writes import FailedWrites
from ..trainers.loop import TrainingState, run_key
from ..trainers.rlaif import D3POConfig, D3POTraining, EditTask, begin, reward_curve, training_steps
from . import sockets
from .node import Node


class TrainEditor(Node):
    @classmethod
    def define_schema(cls):
        defaults = D3POConfig()

        def whole(name, least, most, tooltip, **how):
            return io.Int.Input(name, default=getattr(defaults, name), min=least, max=most, tooltip=tooltip, **how)

        def real(name, least, most, step, tooltip, **how):
            return io.Float.Input(
                name, default=getattr(defaults, name), min=least, max=most, step=step, tooltip=tooltip, **how
            )

        return io.Schema(
            node_id="InteractiveActionTrainEditor",
            display_name="Train Editor from AI Feedback",
            category="Interactive Action/training",
            description="Teach an editor one edit without examples of it: it edits each image twice, the reward "
            "chooses, and D3PO makes the better edit likelier (Eq. 7). Look at the reward; the loss stays near 0.693 "
            "whatever is learned.",
            search_aliases=["RLAIF", "D3PO", "DPO", "InstructPix2Pix", "reinforcement learning"],
            inputs=[
                io.Model.Input("model", tooltip="MODEL of a style-conditioned InstructPix2Pix (12 input channels)."),
                io.Clip.Input("clip", tooltip="CLIP of the same checkpoint."),
                io.Vae.Input("vae", tooltip="VAE of the same checkpoint."),
                io.Image.Input(
                    "image",
                    tooltip="Images to practise on, at multiples of 8, in the paper 256 x 256; 512 x 512 works "
                    "afterwards.",
                ),
                io.Image.Input(
                    "style", tooltip="Images of the wanted look, of any size; they take turns. Five in the paper."
                ),
                sockets.EditingReward.Input("reward", tooltip="From Editing Reward: which of two edits is better."),
                io.String.Input(
                    "instruction",
                    default="make the cabinet out of wood",
                    multiline=True,
                    tooltip="What to do, in few words.",
                ),
                whole("steps", 1, 10000, "Optimizer steps. Six to ten are enough in the paper, with 128 pairs each."),
                whole("pairs", 1, 1024, "Pairs of edits a step. More make a step surer and slower; 128 in the paper."),
                whole(
                    "batch_size", 1, 1024, "Images that the network sees at once: memory alone, the result is the same."
                ),
                real("learning_rate", 1e-7, 1.0, 1e-6, "AdamW's learning rate.", round=False),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    tooltip="Same seed, model, images and settings: the same weights.",
                ),
                whole(
                    "rank",
                    0,
                    256,
                    "Rank of the LoRA on attention; what is new in a style-conditioned editor is trained whole. 0: "
                    "every weight.",
                ),
                whole("denoising_steps", 1, 500, "DDIM steps of an edit.", advanced=True),
                real("s_in", 0.0, 100.0, 0.1, "Guidance by the image (Eq. 13).", advanced=True),
                real(
                    "s_sty",
                    0.0,
                    100.0,
                    0.1,
                    "Guidance by the style image. All three scales 1: no guidance, a quarter of the time.",
                    advanced=True,
                ),
                real("s_T", 0.0, 100.0, 0.1, "Guidance by the instruction.", advanced=True),
                real("beta", 0.001, 10.0, 0.01, "beta of Eq. 7: how hard a preference pulls.", advanced=True),
                real(
                    "clip_ratio",
                    0.01,
                    0.99,
                    0.01,
                    "How far the probability of a step may move from the start, as a share.",
                    advanced=True,
                ),
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
                io.Model.Output(display_name="model", tooltip="The taught editor."),
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
    def execute(cls, model, clip, vae, image, style, reward, instruction, mask=None, style_mask=None, **settings):
        # imported here: these need a running ComfyUI, not only an importable one
        import comfy.sd
        import comfy.utils

        from ..models.adapters import editor_adapter
        from ..models.comfy_style_editor import ComfyEditor

        config = D3POConfig(**settings)
        bar, failed_writes = comfy.utils.ProgressBar(config.steps), FailedWrites()
        with ComfyEditor(model, clip, vae) as engine:
            # clone: what came along a graph are inference tensors
            image, style, mask, style_mask = (
                given if given is None else given.clone() for given in (image, style, mask, style_mask)
            )
            task = EditTask(image, style, instruction, mask, style_mask)
            run = run_key(f"{engine.fingerprint()} {reward.name}", task, config)
            path = pathlib.Path(
                folder_paths.get_user_directory(), "interactive_action", "training", f"{run[:16]}.safetensors"
            )
            adapter = editor_adapter(engine.module, config.rank)
            try:
                reward.to(engine.device)
                training = D3POTraining(engine, adapter, task, reward, config)
                state = TrainingState.load(path, run) or begin(training)
                pair = None
                for pair in training_steps(training, state, bar.update_absolute):
                    if state.step < config.steps:
                        with failed_writes.tolerated("state"):
                            state.save(path, run)
                    total = config.steps * training.ticks
                    image = feedback(pair, state.losses, config.steps, reward.alpha)
                    bar.update_absolute(state.step * training.ticks, total, ("JPEG", image, 960))
            finally:
                reward.to("cpu")
            lora = {f"diffusion_model.{name}": part for name, part in adapter.state(state.vectors).items()}
        path.unlink(missing_ok=True)
        taught, _ = comfy.sd.load_lora_for_models(model, None, lora, 1.0, 0.0)
        curve = reward_curve(state.losses, reward.alpha)
        report = {"steps": config.steps, "reward": curve, **state.losses}
        shown = (
            torch.from_numpy(numpy.array(feedback(pair, state.losses, config.steps, reward.alpha))).float()[None] / 255
        )
        text = (
            f"{config.steps} steps of {config.pairs} pairs; reward {curve[-1]:+.2f} deviations since the first step, "
            f"{numpy.mean(state.losses['ties']):.0%} ties. The loss says nothing: it is always near 0.693."
        )
        text = " ".join([text, *failed_writes.sentences.values()])
        ui_parts = {**ui.PreviewImage(shown, cls=cls).as_dict(), **ui.PreviewText(text).as_dict()}
        return io.NodeOutput(taught, lora, shown, json.dumps(report, indent=1), ui=ui_parts)


def feedback(pair, history, steps, alpha):
    """An image (PIL) of the current ``Pair`` with its scores, and of the reward over the steps."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 5.4), dpi=100, layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(3, 2))
    shown = [("image", pair.original), ("style", pair.style)]
    shown += [
        (f"{name}: total {total:+.2f}\nstructure {structure:.3f}, semantics {semantics:.3f}", image)
        for name, (image, structure, semantics, total) in (("better", pair.better), ("worse", pair.worse))
    ]
    for axes, (title, image) in zip(above.subplots(1, 4), shown):
        axes.imshow(image.clamp(0, 1).numpy())
        axes.set_title(title, fontsize=8)
        axes.axis("off")
    curves = {
        "reward, in the first step's deviations": reward_curve(history, alpha),
        "structure, Eq. 8 (lower is better)": history["structure"],
        "semantics, Eq. 9 (lower is better)": history["semantics"],
    }
    for axes, (title, values) in zip(below.subplots(1, 3), curves.items()):
        axes.plot(range(1, len(values) + 1), values, color="tab:blue", marker=".", linewidth=1.2)
        axes.set_title(title, fontsize=8)
        axes.set_xlim(0.5, max(steps, 2) + 0.5)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    buffer = bytes_io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return Image.open(buffer).convert("RGB")


NODES = [TrainEditor]
