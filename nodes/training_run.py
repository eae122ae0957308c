"""What happens when a trainer node runs: the engine, the shared loop, its progress, and what comes out."""

import pathlib
from dataclasses import dataclass

import comfy.utils
import folder_paths
import numpy
import torch
from comfy_api.latest import ui
from PIL import Image

from ..errors import InteractiveActionError
from ..tokens.token import InteractiveToken
from ..trainers.checkpoints import Checkpoints
from ..trainers.latents import KeptOnDisk
from ..trainers.logs import tensorboard
from ..trainers.loop import TrainingState, run_key, training_steps
from ..trainers.methods import METHODS
from .interactive_token import LAYERS
from .plots import loss_curves
from .training_file import checkpoint_of, write_file

PREVIEW_EVERY = 25


@dataclass(frozen=True)
class Trained:
    """token: None where only weights were trained. lora: tensors of a LoRA file. told: the outputs loss and loss curves."""

    token: InteractiveToken | None
    lora: dict[str, torch.Tensor]
    told: tuple
    shown: ui.PreviewText


def train(method, loaded, dataset, *given, action, save_state_every, options=None, **settings):
    """Learn with one of ``METHODS``: its config from the inputs and options, its loss, and the shared loop.

    loaded: (MODEL, CLIP, VAE). given: what the method's loss needs beside a dataset, or None.
    """
    # imported here: it needs a running ComfyUI, not only an importable one
    from ..models.comfy_engine import ComfyEngine

    options = dict(options or {})
    weights, samples = options.pop("loss_weights", None), options.pop("samples", None)
    logged, gradient_checkpointing = options.pop("tensorboard", False), options.pop("gradient_checkpointing", False)
    save_every, on_disk, file = (
        options.pop("save_every", 0),
        options.pop("cache_latents_to_disk", False),
        options.pop("export_config", ""),
    )
    config_class, loss_class = METHODS[method]
    config = config_class(**settings, **options)
    if gradient_checkpointing and getattr(config, "auxiliary_lora_rank", 0):
        raise InteractiveActionError(
            "An auxiliary LoRA cannot be checkpointed. Turn checkpointing off in Training Options, or set auxiliary_lora_rank to 0."
        )
    if file.strip():
        file = write_file(file.strip(), loaded[0], dataset, given, weights, samples, config, method=method, action=action, gradient_checkpointing=gradient_checkpointing,
                          save_state_every=save_state_every, save_every=save_every)  # fmt: skip
    progress = comfy.utils.ProgressBar(config.steps)
    with ComfyEngine(*loaded, gradient_checkpointing=gradient_checkpointing) as engine:
        base = engine.fingerprint()
        if on_disk:
            engine.encode_images = KeptOnDisk(engine, base, _user_folder("latents"))
        loss = loss_class(engine, dataset, config, *given, loss_weights=weights)
        run = run_key(base, dataset, config, *(part for part in (*given, weights) if part is not None))
        path = state_path(run)
        state = TrainingState.load(path, run) or TrainingState.begin(loss.start())
        checkpoint = checkpoint_of(loaded[0])
        told = (method, action, checkpoint.name if checkpoint else "unknown", base)
        checkpoints = Checkpoints(loss, told, "v", f"run-{run[:8]}", _model_folders())
        images = None
        try:
            with tensorboard(_log_folder(run) if logged else None, state) as log:
                if samples and samples.due(state, config.steps):
                    images = samples.draw(loss, state)  # a run that goes on may have stopped just before it
                for _ in training_steps(loss, state):
                    drawn = samples.draw(loss, state) if samples and samples.due(state, config.steps) else None
                    log(state, drawn)
                    images = images if drawn is None else drawn
                    preview = None
                    if state.step % PREVIEW_EVERY == 0 or state.step == config.steps or drawn is not None:
                        preview = ("JPEG", _preview(state, config.steps, images), 640)
                    progress.update_absolute(state.step, config.steps, preview)  # raises when the user cancels
                    if state.step % save_state_every == 0:
                        state.save(path, run)
                    if save_every and state.step % save_every == 0:
                        checkpoints.keep(state)
        except BaseException:
            if state.step:
                state.save(path, run)
            raise
        token, lora, _ = checkpoints.learned(state)
    path.unlink(missing_ok=True)
    curves = (
        torch.from_numpy(numpy.array(loss_curves(_shown(state.losses), config.steps, 1200, 400))).float()[None] / 255
    )
    text = f"{config.steps} steps; total loss {numpy.mean(state.losses['total'][-50:]):.4f} over the last {min(50, config.steps)}."
    if "overlap" in state.losses:
        text += (
            f" The two masks overlapped by {numpy.mean(state.losses['overlap']):.1%} on average (30.3% in the paper)."
        )
    if state.scores:
        best = max(state.scores, key=state.scores.get)
        text += f" Kept what scored best: {state.scores[best]:.3f} after {best} steps."
    if save_every:
        text += f" Checkpoints: {checkpoints.kept} in {'the folder of loras' if token is None else 'the list of Interactive Token Loader'}."
    if file:
        text += f" Written for the command line: {file}."
    return Trained(token, lora, ({"loss": state.losses["total"]}, curves), ui.PreviewText(text))


def state_path(run):
    """Where the state of a run lies until it is done: outside of what ComfyUI clears at its start."""
    return _user_folder("training") / f"{run[:16]}.safetensors"


def _user_folder(name):
    return pathlib.Path(folder_paths.get_user_directory()) / "interactive_action" / name


def _model_folders():
    """Where plain tokens, layer-wise tokens and LoRAs belong."""
    return tuple(folder_paths.get_folder_paths(kind)[0] for kind in ("embeddings", LAYERS, "loras"))


def _log_folder(run):
    """Where TensorBoard finds the run: tensorboard --logdir output/tensorboard."""
    return pathlib.Path(folder_paths.get_output_directory()) / "tensorboard" / run[:16]


def _preview(state, steps, images):
    """The curves so far and, below them, the last sample images."""
    curves = loss_curves(_shown(state.losses), steps)
    if images is None:
        return curves
    row = numpy.concatenate(list((images.numpy() * 255).round().astype(numpy.uint8)), axis=1)
    row = Image.fromarray(row).resize((curves.width, curves.width * row.shape[0] // row.shape[1]))
    both = Image.new("RGB", (curves.width, curves.height + row.height))
    both.paste(curves, (0, 0))
    both.paste(row, (0, curves.height))
    return both


def _shown(losses):
    """The losses without the total where it is the denoising loss alone."""
    return {name: values for name, values in losses.items() if name != "total" or values != losses["denoise"]}
