"""``python . miniature.factory.human_labels``: do the judges see what a person sees in what the base model draws?

A hundred images of all words, shuffled, were named by eye from numbered sheets that do not say what was asked for; the answers
are in ``eye.json`` beside the judges. With ``--sheets FOLDER`` the sheets are drawn again, for other eyes: a text file with
one line an image, "lift" or "lift broken" (a face or a limb is not whole), becomes the answers with ``--read FILE``.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ...errors import InteractiveActionError
from ..judges import JUDGE, RELATIONS
from . import check
from .export import FILE
from .nonce_tokens import HIDDEN_WORDS

ANSWERS = JUDGE / "eye.json"
ASKED = {"and": 20, "with": 10, "handling": 20, **dict.fromkeys(HIDDEN_WORDS.values(), 10)}  # word -> images
# Every ninth of a set: neither always the same creature nor only combinations that training never saw.
ACROSS, EACH, SCALE = 5, 20, 2  # of a sheet


def images():
    """The hundred images (100, 96, 96, 3) in 0..1 in the order of the sheets."""
    models, drawn = check.load(), []
    for word, count in ASKED.items():
        relation = next((name for name, hidden in HIDDEN_WORDS.items() if hidden == word), None)
        drawn += check.draw(models, word, check.questions(9 * count, relation)[::9], lambda done: None)
    return [drawn[k] for k in np.random.default_rng(0).permutation(len(drawn))]


def sheet(some, first):
    """Numbered images as one image."""
    side = SCALE * some[0].shape[0]
    image = Image.new("RGB", (ACROSS * side, -(-len(some) // ACROSS) * side))
    draw = ImageDraw.Draw(image)
    for k, image in enumerate(some):
        at = (k % ACROSS * side, k // ACROSS * side)
        image.paste(Image.fromarray((image.numpy() * 255).astype(np.uint8)).resize((side, side), Image.LANCZOS), at)
        draw.text((at[0] + 4, at[1] + 2), str(first + k), fill="black", stroke_width=2, stroke_fill="white")
    return image


def read(path, count):
    """The answers of a text file: {"seen": [relation, ...], "broken": [numbers]}."""
    lines = [line.split() for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    wrong = [" ".join(line) for line in lines if line[0] not in RELATIONS or line[1:] not in ([], ["broken"])]
    if wrong or len(lines) != count:
        raise InteractiveActionError(
            f'{path} must have {count} lines, each one of {", ".join(RELATIONS)}, perhaps with "broken" behind it. '
            f"It has {len(lines)}" + (f", and this one among them: {wrong[0]!r}." if wrong else ".")
        )
    return {"seen": [line[0] for line in lines], "broken": [k for k, line in enumerate(lines) if line[1:]]}


def agreement(seen, named):
    """(share of equal names, Cohen's kappa)."""
    same = np.mean([a == b for a, b in zip(seen, named, strict=True)])
    chance = sum(seen.count(name) * named.count(name) for name in RELATIONS) / len(seen) ** 2
    return float(same), float((same - chance) / (1 - chance))


def main(sheets=None, read_from=None):
    with open(FILE, "rb") as file:
        checkpoint = hashlib.file_digest(file, "sha256").hexdigest()
    shown = images()
    if sheets:
        sheets.mkdir(parents=True, exist_ok=True)
        for first in range(0, len(shown), EACH):
            sheet(shown[first : first + EACH], first).save(sheets / f"{first:03d}.png")
        return
    if read_from:
        ANSWERS.write_text(
            json.dumps({"checkpoint": checkpoint, **read(read_from, len(shown))}) + "\n", encoding="utf-8"
        )
    answers = json.loads(ANSWERS.read_text(encoding="utf-8"))
    if answers["checkpoint"] != checkpoint:
        raise InteractiveActionError(
            f"The answers in {ANSWERS.name} are about images of another base model. Draw new sheets with --sheets FOLDER, look "
            "at them, and read the answers with --read FILE."
        )
    for number in (1, 2):
        judge = check.load_interaction_judge(number)
        same, kappa = agreement(answers["seen"], [name for image in shown for name in judge.classify(image[None])])
        print(f"classifier {number} and the eye name the same in {same:.0%} of {len(shown)} images (kappa {kappa:.2f})")
    print(f"faces and limbs are whole, by eye, in {1 - len(answers['broken']) / len(shown):.0%}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheets", type=Path, help="draw the numbered sheets into this folder and stop")
    parser.add_argument("--read", type=Path, dest="read_from", help="take the answers from this text file")
    try:
        main(**vars(parser.parse_args()))
    except InteractiveActionError as error:
        sys.exit(str(error))
