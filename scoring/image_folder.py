"""IAScore over a folder of images, without ComfyUI:

  python . scoring.image_folder images --subject panda --object lemon --text "a panda picking up a lemon" --save scores/pandas

A ``metadata.jsonl`` in the folder (``{"file_name", "subject", "object", "text"}``, Hugging Face's imagefolder) says what
single images should show. The models are the embedded ones unless --detector and --clip name others.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from ..errors import InteractiveActionError
from . import why
from .iascore import report, score_images, speak

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}


def score_folder(folder, subject, object, text, detector, clip_scorer, phrase="", batch_size=16, progress=None):
    """Judge every image of a folder, batched among images of one size.

    Returns: the rows and their file names, both in the order of the names, and ``{file name: why it could not be read}``.
    """
    paths = sorted(path for path in Path(folder).glob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise InteractiveActionError(
            f'There is no image in "{folder}". Name a folder with {", ".join(sorted(SUFFIXES))} files in it.'
        )
    said, rows, waiting = read_metadata(folder), {}, {}
    broken = dict.fromkeys(
        sorted(said.keys() - {path.name for path in paths}),
        "It is named in metadata.jsonl, but there is no such image.",
    )

    def judge(names, images):
        words = [{"subject": subject, "object": object, "text": text} | said.get(name, {}) for name in names]
        found = score_images(
            torch.stack(images),
            [word["subject"] for word in words],
            [word["object"] for word in words],
            [speak(word["text"], phrase) for word in words],
            detector,
            clip_scorer,
            batch_size=batch_size,
        )
        rows.update(zip(names, found))
        if progress:
            progress(len(rows), len(paths))

    for path in paths:
        try:
            image = read_image(path)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            broken[path.name] = why(error)
            continue
        names, images = waiting.setdefault(image.shape, ([], []))
        names.append(path.name)
        images.append(image)
        if len(names) == batch_size:
            judge(*waiting.pop(image.shape))
    for names, images in waiting.values():
        judge(names, images)
    if not rows:
        raise InteractiveActionError(
            f'None of the {len(paths)} images in "{folder}" can be read; {paths[0].name}: {broken[paths[0].name]}'
        )
    names = sorted(rows)
    return [rows[name] for name in names], names, broken


def read_image(path):
    """An image file as float (H, W, 3) in 0..1, turned as its camera says; raises what Pillow raises."""
    with Image.open(path) as file:
        return torch.from_numpy(np.array(ImageOps.exif_transpose(file).convert("RGB"))).float() / 255


def read_metadata(folder):
    """What ``metadata.jsonl`` says, ``{file name: {"subject", "object", "text"}}``; empty if there is none."""
    path = Path(folder, "metadata.jsonl")
    said = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines() if path.exists() else (), 1):
        try:
            words = json.loads(line)
            said[words["file_name"]] = {key: words[key] for key in ("subject", "object", "text") if key in words}
        except (ValueError, KeyError, TypeError) as error:
            raise InteractiveActionError(
                f'Line {number} of "{path}" is not a JSON object with a "file_name". Correct or remove it.'
            ) from error
    return said


def main():
    parser = argparse.ArgumentParser(prog="python . scoring.image_folder", description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="the folder of images")
    for name in ("subject", "object", "text"):
        parser.add_argument(f"--{name}", default="", help="for all images that metadata.jsonl says nothing about")
    parser.add_argument("--phrase", default="", help="natural words in place of <v*> in the text")
    parser.add_argument("--detector", help="a GroundingDINO or OWLv2 of transformers: a folder or a hub name")
    parser.add_argument("--threshold", type=float, default=0.3, help="boxes with a lower score are dropped")
    parser.add_argument(
        "--clip", nargs="+", metavar=("NAME", "PRETRAINED"), help="a model of open_clip and its weights"
    )
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--save", type=Path, help="write the rows to SAVE.csv and SAVE.jsonl and a plot to SAVE.png")
    given = parser.parse_args()

    from ..miniature import judges
    from .clip import load_clip_scorer
    from .detectors import load_detector
    from .tables import save

    detector = (
        load_detector(given.detector, given.threshold) if given.detector else judges.load_detector(given.threshold)
    )
    clip_scorer = load_clip_scorer(*given.clip) if given.clip else judges.load_clip_scorer()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    detector.to(device)
    clip_scorer.to(device)
    rows, names, broken = score_folder(
        given.folder, given.subject, given.object, given.text, detector, clip_scorer, given.phrase, given.batch_size
    )
    told = report(rows, detector=detector.name, threshold=detector.threshold, clip=clip_scorer.name)
    print(
        json.dumps({key: told[key] for key in ("how", "scores", "intervals")} | {"could not be read": broken}, indent=1)
    )
    if given.save:
        save(rows, names, given.save)


if __name__ == "__main__":
    main()
