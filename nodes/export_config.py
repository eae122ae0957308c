"""The settings of a trainer node as a run file for the command line and for several GPUs."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import TYPE_CHECKING, Any

import folder_paths
import torch
from einops import rearrange
from torch.nn.functional import interpolate

from ..captions.dataset import InteractionDataset
from ..errors import InteractiveActionError
from ..files import checked_name, free_path
from ..models.comfy_families import family_of_model
from ..trainers.run_file import LONGEST_RUN_NAME, write_run

if TYPE_CHECKING:
    from .training_session import TrainingOptions


def write_config(
    method: str, model: Any, dataset: InteractionDataset, extra: Any, config: Any, options: TrainingOptions, **run: Any
) -> pathlib.Path | None:
    """Writes output/<name>/run.toml and the datasets that belong to it.

    Args:
        method: a name of ``METHODS``.
        model: ComfyUI's MODEL.
        dataset: images with their prompts.
        extra: what the method needs or takes beside a dataset.
        config: its hyperparameters.
        options: whose ``export_config`` names the run; empty: nothing is written.
        run: further entries of ``run_file.Run``.

    Returns:
        The file's path, or None.

    Raises:
        InteractiveActionError: the command line could not load the MODEL.
    """
    name = options.export_config.strip()
    if not name:
        return None
    if model.patches:
        raise InteractiveActionError(
            "MODEL has a LoRA, which the command line would not find in the checkpoint. Save it with Save Checkpoint "
            "and load that, or leave export_config empty."
        )
    if family := family_of_model(model.model):
        raise InteractiveActionError(
            f"The command line reads {family.title} from a folder that diffusers saved, not from the file of this "
            "MODEL. Leave export_config empty, and write a run file for such a folder by hand."
        )
    checkpoint = checkpoint_of(model)
    if checkpoint is None:
        raise InteractiveActionError(
            "ComfyUI does not know the file that MODEL comes from. Load it with Load Checkpoint, or leave "
            "export_config empty."
        )
    folder = free_path(folder_paths.get_output_directory(), checked_name(name, "run", LONGEST_RUN_NAME))
    tables = {"hyperparameters": config.as_dict()}
    if options.validation is not None:
        validation = dataclasses.asdict(dataclasses.replace(options.validation, score=None))
        tables["validation"] = {key: value for key, value in validation.items() if value is not None}
    settings = {"gradient_checkpointing": options.gradient_checkpointing, "save_every": options.save_every, **run}
    values = {"model": str(checkpoint), "name": name, "method": method, **settings, **tables}
    write_run(folder, values, masked(dataset, options.loss_weights), **_extra_datasets(dataset, extra))
    return pathlib.Path(folder, "run.toml")


def checkpoint_of(model: Any) -> pathlib.Path | None:
    """Returns the path of the file that a MODEL was loaded from, or None if ComfyUI does not remember it."""
    source = getattr(model, "cached_patcher_init", None)
    return pathlib.Path(source[1][0]) if source else None


def masked(dataset: InteractionDataset, weights: torch.Tensor | None) -> InteractionDataset:
    """Returns the dataset with ``weights`` (N, h, w) as its masks, scaled to its images."""
    if weights is None:
        return dataset
    masks = tuple(
        interpolate(rearrange(mask, "h w -> 1 1 h w"), image.shape[:2])[0, 0]
        for mask, image in zip(weights, dataset.images)
    )
    return dataclasses.replace(dataset, masks=torch.stack(masks) if torch.is_tensor(dataset.images) else masks)


def _extra_datasets(dataset: InteractionDataset, extra: Any) -> dict[str, InteractionDataset]:
    """What a method has beside a dataset, by its name in a run file."""
    if extra is None:
        return {}
    if isinstance(extra, InteractionDataset):
        return {"class_images": extra}
    images = extra.rounds()
    turns = len(images) // len(dataset)
    return {"action_different": InteractionDataset(images, dataset.prompts * turns, dataset.prompts_and * turns)}
