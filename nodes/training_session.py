"""What happens when a trainer node runs: settings become a session, its progress is shown, and results come out."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass, field
from typing import Any

import comfy.utils
import folder_paths
import numpy as np
import torch
from comfy_api.latest import ui
from einops import rearrange
from PIL import Image

from ..errors import InteractiveActionError
from ..files import check_text
from ..tokens.token import InteractiveToken
from ..trainers.checkpoints import Checkpoints, Folders
from ..trainers.latents import LatentCache
from ..trainers.loop import TrainingState, run_key
from ..trainers.methods import METHODS
from ..trainers.provenance import Origin
from ..trainers.session import Preview, Session
from ..trainers.validation import Validation
from .config_inputs import config_of
from .export_config import checkpoint_of, write_config
from .interactive_token import LAYERS
from .plots import loss_curves

PREVIEW_EVERY = 25  # steps


@dataclass(frozen=True)
class TrainingOptions:
    """What the node Training Options says.

    Args:
        hyperparameters: of the group "options", by name.
        loss_weights: (N, H, W), how much each pixel counts; None: all alike.
        validation: images while it trains; None: none.
        tensorboard: whether curves are written for TensorBoard.
        gradient_checkpointing: less memory for more time.
        save_every: steps between checkpoints that are kept; 0: none.
        cache_latents_to_disk: keep encoded images in files.
        export_config: the name of a run file to write; empty: none.
    """

    hyperparameters: dict[str, Any] = field(default_factory=dict)
    loss_weights: torch.Tensor | None = None
    validation: Validation | None = None
    tensorboard: bool = False
    gradient_checkpointing: bool = False
    save_every: int = 0
    cache_latents_to_disk: bool = False
    export_config: str = ""


@dataclass(frozen=True)
class Trained:
    """What a trainer node gives.

    Args:
        token: None if weights alone were trained.
        lora: tensors of a LoRA file; empty if none were trained.
        outputs: the outputs loss and loss curves.
        preview: the text on the node.
    """

    token: InteractiveToken | None
    lora: dict[str, torch.Tensor]
    outputs: tuple[Any, ...]
    preview: ui.PreviewText


def train(
    method: str,
    loaded: tuple[Any, Any, Any],
    dataset: Any,
    *,
    action: str,
    save_state_every: int,
    extra: Any = None,
    options: TrainingOptions | None = None,
    **settings: Any,
) -> Trained:
    """Learns with one of ``METHODS``.

    Args:
        method: its name.
        loaded: (MODEL, CLIP, VAE).
        dataset: images with their prompts.
        action: what is learned, in plain words.
        save_state_every: steps between states.
        extra: what the method needs or takes beside a dataset.
        options: from Training Options.
        settings: the node's hyperparameters.
    """
    # imported here: it needs a running ComfyUI, not only an importable one
    from ..models.comfy_engine import engine_for

    check_text(action, "action")
    options = options or TrainingOptions()
    config: Any = config_of(METHODS[method].config, settings, options.hyperparameters)
    _check_checkpointing(options, config)
    exported = write_config(
        method, loaded[0], dataset, extra, config, options, action=action, save_state_every=save_state_every
    )
    with engine_for(*loaded, gradient_checkpointing=options.gradient_checkpointing) as engine:
        fingerprint = engine.fingerprint()
        if options.cache_latents_to_disk:
            cache = LatentCache(engine.encode_images, fingerprint, _user_folder("latents"))
            engine.encode_images = cache  # type: ignore[method-assign]
        weights = options.loss_weights
        objective = METHODS[method].build(engine, dataset, config, extra=extra, loss_weights=weights)
        run = run_key(fingerprint, dataset, config, *(part for part in (extra, weights) if part is not None))
        checkpoint = checkpoint_of(loaded[0])
        origin = Origin(method, action, checkpoint.name if checkpoint else "unknown", fingerprint)
        checkpoints = Checkpoints(objective, origin, "v", _model_folders(), f"run-{run[:8]}")
        saving = (state_path(run), save_state_every, checkpoints, options.save_every)
        log_folder = _log_folder(run) if options.tensorboard else None
        session = Session(objective, run, *saving, options.validation, log_folder)
        state = session.train(training_progress(config.steps))
        token, lora, _ = checkpoints.learned(state)
    session.finish()
    place = "the folder of loras" if token is None else "the list of Interactive Token Loader"
    saved = f"{checkpoints.subfolder} in {place}" if options.save_every else ""
    sentences = [summary(state, config.steps), *_written(saved, exported), *session.failed_writes.sentences.values()]
    outputs = ({"loss": state.losses["total"]}, curves_image(state.losses, config.steps))
    return Trained(token, lora, outputs, ui.PreviewText(" ".join(sentences)))


def _written(checkpoints: str, exported: pathlib.Path | None) -> list[str]:
    """Sentences about what lies where: checkpoints, and a run file for the command line; empty if there are none."""
    sentences = [f"Checkpoints: {checkpoints}."] if checkpoints else []
    return [*sentences, f"Written for the command line: {exported}."] if exported else sentences


def _check_checkpointing(options: TrainingOptions, config: Any) -> None:
    if options.gradient_checkpointing and bool(getattr(config, "auxiliary_lora_rank", 0)):
        raise InteractiveActionError(
            "Gradient checkpointing does not go with an auxiliary LoRA. Turn it off in Training Options, or set "
            "auxiliary_lora_rank to 0."
        )


def summary(state: TrainingState, steps: int) -> str:
    """Returns what a person should know of a run that is done."""
    window = min(50, steps)
    text = f"{steps} steps; total loss {np.mean(state.losses['total'][-window:]):.4f} over the last {window}."
    if "overlap" in state.losses:
        text += f" The two masks overlapped by {np.mean(state.losses['overlap']):.1%} on average (30.3% in the paper)."
    if best := state.best_step:
        text += f" Kept what scored best: {state.scores[best]:.3f} after {best} steps."
    return text


def state_path(run: str) -> pathlib.Path:
    """Returns where the state of a run lies until it is done: outside of what ComfyUI clears at its start."""
    return _user_folder("training") / f"{run[:16]}.safetensors"


def curves_image(losses: dict[str, list[float]], steps: int) -> torch.Tensor:
    """Returns the loss curves of a run of ``steps`` as IMAGE (1, H, W, 3)."""
    return torch.from_numpy(np.array(loss_curves(_plotted(losses), steps, 1200, 400))).float()[None] / 255


def training_progress(steps: int) -> Any:
    """Returns a progress callback that moves the node's bar, shows curves and images, and raises on Cancel."""
    bar = comfy.utils.ProgressBar(steps)

    def progress(done: int, total: int, preview: Preview) -> None:
        image = None
        if done % PREVIEW_EVERY == 0 or done == total or preview.fresh:
            image = ("JPEG", _preview_image(preview, total), 640)
        bar.update_absolute(done, total, image)

    return progress


def _preview_image(preview: Preview, steps: int) -> Image.Image:
    """The curves so far and, below them, the last validation images."""
    curves = loss_curves(_plotted(preview.state.losses), steps)
    if preview.images is None:
        return curves
    pixels = (preview.images.numpy() * 255).round().astype(np.uint8)
    row = Image.fromarray(rearrange(pixels, "n h w c -> h (n w) c"))
    row = row.resize((curves.width, curves.width * row.height // row.width))
    both = Image.new("RGB", (curves.width, curves.height + row.height))
    both.paste(curves, (0, 0))
    both.paste(row, (0, curves.height))
    return both


def _plotted(losses: dict[str, list[float]]) -> dict[str, list[float]]:
    """The losses without the total where it is the denoising loss alone."""
    return {name: values for name, values in losses.items() if name != "total" or values != losses.get("denoise")}


def _user_folder(name: str) -> pathlib.Path:
    return pathlib.Path(folder_paths.get_user_directory()) / "interactive_action" / name


def _model_folders() -> Folders:
    return Folders(*(pathlib.Path(folder_paths.get_folder_paths(kind)[0]) for kind in ("embeddings", LAYERS, "loras")))


def _log_folder(run: str) -> pathlib.Path:
    """Where TensorBoard finds the run: tensorboard --logdir output/tensorboard."""
    return pathlib.Path(folder_paths.get_output_directory()) / "tensorboard" / run[:16]
