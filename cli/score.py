"""``interactive-action score``: IAScore over a folder of images, without ComfyUI."""

from __future__ import annotations

import argparse
import json
import pathlib

STOPPED = "Stopped. Nothing was written."
EPILOG = """\
A metadata.jsonl in the folder, as Hugging Face's imagefolder has it, says what single images show:
  {"file_name": "1.png", "subject": "panda", "object": "lemon", "text": "a panda picking up a lemon"}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the folder, what its images show, and the models that judge them."""
    parser.epilog = EPILOG
    parser.add_argument("folder", help="the folder of images")
    for name in ("subject", "object", "text"):
        parser.add_argument(f"--{name}", default="", help="of all images that metadata.jsonl says nothing about")
    parser.add_argument("--phrase", default="", help="natural words in place of <v*> in the text")
    parser.add_argument(
        "--detector",
        default="",
        help="a GroundingDINO or OWLv2 of transformers, a folder or a hub name (default: the embedded one)",
    )
    parser.add_argument(
        "--threshold", type=float, default=0.3, help="boxes with a lower score are dropped (default: 0.3)"
    )
    parser.add_argument(
        "--clip", default="", help="a model of open_clip, or local-dir:FOLDER (default: the embedded one)"
    )
    parser.add_argument("--pretrained", default="", help="open_clip's tag or file of its weights")
    parser.add_argument("--batch-size", type=int, default=16, metavar="N", help="images at once (default: 16)")
    parser.add_argument(
        "--save", type=pathlib.Path, help="write the rows to SAVE.csv and SAVE.jsonl and a plot to SAVE.png"
    )


def run(arguments: argparse.Namespace) -> int:
    """Judges the images and prints their scores as JSON; returns the exit status."""
    import torch

    from ..miniature.judges import load_judges
    from ..scoring.iascore import report
    from ..scoring.image_folder import score_folder
    from ..scoring.tables import save
    from .progress import progress_bar

    # The embedded judges are chosen here: nothing in scoring knows them.
    detector, clip_scorer = load_judges(arguments.detector, arguments.threshold, arguments.clip, arguments.pretrained)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for judge in (detector, clip_scorer):
        judge.to(device)
    with progress_bar("image") as progress:
        rows, names, broken = score_folder(
            arguments.folder,
            arguments.subject,
            arguments.object,
            arguments.text,
            detector,
            clip_scorer,
            arguments.phrase,
            arguments.batch_size,
            progress,
        )
    summary = report(rows, detector=detector.name, threshold=detector.threshold, clip=clip_scorer.name)
    parts = {key: summary[key] for key in ("how", "scores", "intervals")}
    print(json.dumps(parts | {"could not be read": broken}, indent=1))
    if arguments.save:
        save(rows, names, arguments.save)
    return 0
