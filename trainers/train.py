"""Trains what a run file describes, without ComfyUI, in one process or several."""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
from typing import Any

import torch
from tqdm import tqdm

from ..captions.dataset import InteractionDataset
from ..errors import NotWrittenError
from ..models.diffusers_engine import DiffusersEngine
from ..models.diffusers_folder import family_of_folder, load_transformer_folder
from ..models.single_file import load_single_file
from ..scoring.keep_best import LoadJudges, load_judges
from .action_different import ActionDifferent
from .checkpoints import Checkpoints, Folders
from .distributed import joined_processes
from .latents import LatentCache
from .loop import TrainingState, run_key
from .methods import METHODS
from .provenance import Origin
from .run_file import Run
from .session import Preview, Session
from .validation import save_images


def train(path: str | pathlib.Path, load_judges: LoadJudges = load_judges) -> list[pathlib.Path]:
    """Trains what the run file ``path`` describes.

    Args:
        path: of the run file.
        load_judges: loads the judges of its validation images by their names; the default knows no embedded ones.

    Returns:
        The written files: the token's, the LoRA's or both; none in a process that helps another.

    Raises:
        InteractiveActionError: the run file makes no run.
        NotWrittenError: what was learned could not be written; it says where it is kept.
    """
    run = Run.read(path)
    config: Any = run.config()
    validation = run.validation_images(load_judges)
    output = pathlib.Path(run.output)
    with joined_processes() as process, load_engine(run, process.device_index) as engine:
        fingerprint = engine.fingerprint()
        if run.latent_cache:
            engine.encode_images = LatentCache(engine.encode_images, fingerprint, run.latent_cache)
        dataset, extra = load_datasets(run)
        objective = METHODS[run.method].build(engine, dataset, config, extra=extra)
        others = [extra] if extra is not None else []
        if process.count > 1:
            others.append(torch.tensor(process.count))
        key = run_key(fingerprint, dataset, config, *others)
        origin = Origin(run.method, run.action, pathlib.Path(run.model).name, fingerprint, process.count)
        folders = Folders(output, output, output)
        checkpoints = Checkpoints(objective, origin, run.name, folders, f"{run.name}-checkpoints")
        session = Session(
            objective,
            key,
            output / f"{run.name}.{key[:12]}.state",
            run.save_state_every,
            checkpoints,
            run.save_every,
            validation,
            run.tensorboard or None,
            process,
        )
        with tqdm(total=config.steps, desc=run.name, unit="step", disable=process.rank > 0) as bar:
            state = session.train(_progress(bar, output / f"{run.name}-validation"))
        if process.rank:
            return []
        return _write(session, checkpoints, state)


def load_engine(run: Run, device_index: int = 0) -> Any:
    """Returns the run's diffusers engine, on a GPU if there is one and the run does not say otherwise."""
    device = ("cuda" if torch.cuda.is_available() else "cpu") if run.device == "auto" else run.device
    options: dict[str, Any] = {
        "device": f"cuda:{device_index}" if device == "cuda" else device,
        "dtype": getattr(torch, run.dtype),
        "gradient_checkpointing": run.gradient_checkpointing,
    }
    if family_of_folder(run.model):
        return load_transformer_folder(run.model, **options)
    load = DiffusersEngine.from_folder if pathlib.Path(run.model).is_dir() else load_single_file
    return load(run.model, run.prediction_type or None, **options)


def load_datasets(run: Run) -> tuple[InteractionDataset, Any]:
    """Returns (the dataset, what the method needs or takes beside it: an ``ActionDifferent``, class images or None)."""
    dataset = InteractionDataset.load(run.dataset, run.resolution)
    if run.class_images:
        return dataset, InteractionDataset.load(run.class_images, run.resolution)
    if run.action_different:
        images = InteractionDataset.load(run.action_different, run.resolution).images
        return dataset, ActionDifferent.in_order(images, len(dataset))
    return dataset, None


def _write(session: Session, checkpoints: Checkpoints, state: TrainingState) -> list[pathlib.Path]:
    """Writes what was learned; if not even its state can be kept where it belongs, to the system's temporary folder."""
    try:
        with session.finishing(state):
            return checkpoints.save(state)
    except NotWrittenError as error:
        if session.saved_step() == state.step:
            raise
        try:
            folder = pathlib.Path(tempfile.mkdtemp(prefix="interactive-action-"))
            paths = dataclasses.replace(checkpoints, folders=Folders(folder, folder, folder)).save(state)
        except (OSError, NotWrittenError):
            raise error from None
        names = " and ".join(map(str, paths))
        raise NotWrittenError(
            f"{error} What was learned was written to {names} instead: move it from there."
        ) from error


def _progress(bar: tqdm, folder: pathlib.Path) -> Any:
    """A progress callback that moves the bar and writes validation images to ``folder``."""

    def progress(done: int, total: int, preview: Preview) -> None:
        losses = {name: f"{values[-1]:.4f}" for name, values in preview.state.losses.items()}
        bar.set_postfix(losses, refresh=False)
        bar.update(done - bar.n)
        if preview.fresh and preview.images is not None:
            save_images(preview.images, folder, done)

    return progress
