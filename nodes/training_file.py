"""The settings of a trainer node as a file for the command line and for several GPUs."""

import dataclasses
import pathlib

import folder_paths
import torch
from torch.nn.functional import interpolate

from ..captions.dataset import InteractionDataset
from ..errors import InteractiveActionError
from ..files import checked_name, free_path
from ..trainers.run_file import write_run


def write_file(name, model, dataset, given, weights, samples, config, **settings):
    """Write output/<name>/run.toml and the datasets that belong to it; returns the file's path.

    given, weights, samples, config: as ``training_run.train`` has them. settings: further entries of ``export_config.Run``.
    """
    if model.patches:
        raise InteractiveActionError(
            "MODEL has a LoRA, which the command line would not find in the checkpoint. Save it with Save Checkpoint and load that, or leave "
            "export_config empty."
        )
    checkpoint = checkpoint_of(model)
    if checkpoint is None:
        raise InteractiveActionError(
            "ComfyUI does not know the file that MODEL comes from. Load it with Load Checkpoint, or leave export_config empty."
        )
    folder = free_path(folder_paths.get_output_directory(), checked_name(name, "run"))
    tables = {"hyperparameters": config.as_dict()}
    if samples is not None:
        drawing = dataclasses.asdict(dataclasses.replace(samples, score=None))
        tables["samples"] = {key: value for key, value in drawing.items() if value is not None}
    write_run(
        folder,
        {"model": str(checkpoint), "name": name, **settings, **tables},
        masked(dataset, weights),
        **_named(dataset, given),
    )
    return pathlib.Path(folder, "run.toml")


def checkpoint_of(model):
    """The path of the file that a MODEL was loaded from, or None where ComfyUI does not remember it."""
    source = getattr(model, "cached_patcher_init", None)
    return pathlib.Path(source[1][0]) if source else None


def masked(dataset, weights):
    """The dataset with ``weights`` (N, h, w) as its masks, scaled to its images."""
    if weights is None:
        return dataset
    masks = tuple(interpolate(own[None, None], image.shape[:2])[0, 0] for own, image in zip(weights, dataset.images))
    return dataclasses.replace(dataset, masks=torch.stack(masks) if torch.is_tensor(dataset.images) else masks)


def _named(dataset, given):
    """What a method's loss needs beside a dataset, by its name in a run's file."""
    [other] = [part for part in given if part is not None] or [None]
    if other is None:
        return {}
    if isinstance(other, InteractionDataset):
        return {"prior": other}
    images = other.rounds()
    turns = len(images) // len(dataset)
    return {"action_different": InteractionDataset(images, dataset.prompts * turns, dataset.prompts_and * turns)}
