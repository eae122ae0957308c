"""``interactive-action caption``: from a recording's folder to a dataset's, which ``train`` learns from."""

from __future__ import annotations

import argparse
import pathlib

from ..captions.templates import TEMPLATES, paired_prompts, parse_templates
from ..files import read_text

STOPPED = "Stopped. Nothing was written."
EPILOG = f"""\
The templates, one a line, of which each gives an image one prompt with the new word and one with "and":

{chr(10).join(f"  {template}" for template in TEMPLATES)}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds both folders, and what replaces the recording's names and the templates."""
    parser.epilog = EPILOG
    parser.add_argument("recording", type=pathlib.Path, help="the folder of a recording, as record or a node wrote it")
    parser.add_argument("dataset", type=pathlib.Path, help="a new folder for the dataset")
    parser.add_argument("--subject", default="", help="who acts (default: as the recording says for each image)")
    parser.add_argument("--object", default="", help="what is acted on (default: as the recording says)")
    parser.add_argument("--templates", type=pathlib.Path, help="a text file of others (default: those below)")


def run(arguments: argparse.Namespace) -> int:
    """Writes the dataset; returns the exit status."""
    templates = parse_templates(read_text(arguments.templates)) if arguments.templates else TEMPLATES
    import torch

    from ..captions.dataset import InteractionDataset
    from ..sim import recording_folder

    recording = recording_folder.load(arguments.recording)
    groups = [
        paired_prompts(templates, arguments.subject or str(subject), arguments.object or str(thing))
        for subject, thing in zip(recording.subject, recording.object)
    ]
    dataset = InteractionDataset(
        torch.from_numpy(recording.images).float() / 255,
        tuple(prompts for prompts, _ in groups),
        tuple(prompts_and for _, prompts_and in groups),
    )
    dataset.save(arguments.dataset)
    print(f"{len(dataset)} images with {len(templates)} pairs of prompts each, such as:")
    print(f"  {dataset.prompts[0][0]}   |   {dataset.prompts_and[0][0]}\nWritten to {arguments.dataset}.")
    return 0
