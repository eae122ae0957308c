"""``python . miniature.factory.check``: what the shipped base model draws on held-out prompts, as a table and sample sheets.

An image is right if the detector finds exactly one subject and one object of the prompt's names and no other creature.
Two classifiers of different seeds name the relation. The feature distance is the kernel inception distance
(Binkowski et al. 2018, section 4) on the first classifier's features, to renders of the same scenes.
"""

import argparse
import json
import sys

import numpy as np
import torch
from tqdm import tqdm

from ..judges import RELATIONS, load_detector, load_interaction_judge
from . import sheets
from .autoencoder import Autoencoder, padded
from .base_model import sample
from .everyday_world import HELD_OUT, render, sample_scene
from .export import read_modules
from .figures import OBJECTS, SUBJECTS
from .interactions import INTERACTIONS
from .judge_images import CHECK_SEED, a
from .nonce_tokens import HIDDEN_WORDS
from .world_images import CACHE

WORDS = {"and": "and", "with": "with", "handling": "handling", **{f"hidden: {k}": w for k, w in HIDDEN_WORDS.items()}}
CREATURES = [name for name in SUBJECTS if name != "robot arm"]
BATCH = 20


def load():
    """The shipped U-Net, text encoder and (full width) autoencoder."""
    unet, text, state = read_modules()
    autoencoder = Autoencoder((64,) * 4, (3,) * 4)
    autoencoder.load_state_dict({k: state[f"first_stage_model.taesd_{k}"].float() for k in padded({})})
    return unet, text, autoencoder.eval()


def questions(count, relation=None):
    """``count`` triples (subject, object, color): each creature equally often; with a relation, the first quarter
    are combinations that training never saw."""
    rng = np.random.default_rng(len(relation or ""))
    unseen = sorted((who, what) for who, what, held_out in HELD_OUT if held_out == relation)
    asked = []
    for k in range(count):
        who, what = CREATURES[k % len(CREATURES)], str(rng.choice([*OBJECTS]))
        if unseen and k < count // 4:
            who, what = unseen[k % len(unseen)]
        asked.append((who, what, str(rng.choice(OBJECTS[what].colors))))
    return asked


@torch.no_grad()
def draw(models, word, asked, advance):
    """Images (N, 96, 96, 3) in 0..1 of "a <subject> <word> a <object>"."""
    unet, text, autoencoder = models
    parts = []
    for start in range(0, len(asked), BATCH):
        batch = prompts(word, asked[start : start + BATCH])
        parts.append(autoencoder.decode(sample(unet, text, batch, seed=start)))
        advance(len(batch))
    return torch.cat(parts).clamp(0, 1).permute(0, 2, 3, 1)


def prompts(word, asked):
    """ "a <subject> <word> a <color> <object>" for each (subject, object, color)."""
    return [f"{a(who)} {word} {a(f'{color} {what}'.strip())}" for who, what, color in asked]


def judged(images, asked, detector, judges):
    """One dict an image: subject and object found exactly once, and the relation that each judge names."""
    rows = []
    for start in range(0, len(asked), BATCH):
        part = slice(start, start + BATCH)
        found = detector.detect(images[part], [*SUBJECTS, *OBJECTS])
        named = [judge.classify(images[part]) for judge in judges]
        for k, (who, what, _) in enumerate(asked[part]):
            subject_right, object_right = counted(found[k], who, what)
            rows.append(
                dict(
                    subject=who,
                    object=what,
                    subject_right=subject_right,
                    object_right=object_right,
                    relation=named[0][k],
                    second=named[1][k],
                )
            )
    return rows


def counted(boxes, who, what):
    """(whether the subject is found once and no other creature, whether the object is found once)."""
    labels = [box["label"] for box in boxes]
    return [label for label in labels if label in SUBJECTS] == [who], labels.count(what) == 1


def kernel_distance(a, b):
    """The unbiased squared MMD of features (N, d) and (M, d) under the kernel (x.y / d + 1)^3."""

    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    n, m = len(a), len(b)
    within = [(kernel(x, x).sum() - kernel(x, x).diagonal().sum()) / (len(x) * (len(x) - 1)) for x in (a, b)]
    return float(sum(within) - 2 * kernel(a, b).sum() / (n * m))


@torch.no_grad()
def features(judge, images):
    seen = [judge.features(part.movedim(-1, 1) * 2 - 1) for part in images.split(BATCH)]
    return torch.nn.functional.adaptive_avg_pool2d(torch.cat(seen), 3).flatten(1).double()


def check(count_and, count, out):
    """Figures a word, {word: {...}}; sheets and every image's row land in ``out``."""
    models, detector = load(), load_detector()
    judges = [load_interaction_judge(k) for k in (1, 2)]
    out.mkdir(parents=True, exist_ok=True)
    table, bar = {}, tqdm(total=count_and + count * (len(WORDS) - 1), unit=" images", disable=not sys.stderr.isatty())
    for name, word in WORDS.items():
        relation = name.removeprefix("hidden: ") if name.startswith("hidden") else None
        asked = questions(count_and if name == "and" else count, relation)
        images = draw(models, word, asked, bar.update)
        rows = judged(images, asked, detector, judges)
        (out / f"{name.replace(': ', '_')}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        sheets.grid((images[:48].numpy() * 255).astype(np.uint8), 8).save(out / f"{name.replace(': ', '_')}.png")
        table[name] = summary(rows, relation)
        if relation or name == "and":
            truth = [
                render(sample_scene(CHECK_SEED + k, who, what, relation or "and", color, held_out=True)).image
                for k, (who, what, color) in enumerate(asked)
            ]
            truth = torch.from_numpy(np.stack(truth)).float() / 255
            table[name]["distance"] = kernel_distance(features(judges[0], images), features(judges[0], truth))
    bar.close()
    return table


def summary(rows, relation):
    """Means over the rows of one word."""

    def share(values):
        values = list(values)
        return sum(values) / len(values) if values else None

    found = {name: share(row["relation"] == name for row in rows) for name in RELATIONS}
    return dict(
        images=len(rows),
        right=share(row["subject_right"] and row["object_right"] for row in rows),
        subject=share(row["subject_right"] for row in rows),
        object=share(row["object_right"] for row in rows),
        **found,
        judges_agree=share(row["relation"] == row["second"] for row in rows),
        unseen=share(
            row["relation"] == relation for row in rows if (row["subject"], row["object"], relation) in HELD_OUT
        )
        if relation
        else None,
    )


def print_table(table):
    columns = ["right", "subject", "object", "and", *INTERACTIONS, "alone", "unseen", "judges_agree", "distance"]
    print(f"{'':14}", *(f"{c[:8]:>8}" for c in columns))
    for name, row in table.items():
        cells = [row.get(c) for c in columns]
        print(f"{name:14}", *(f"{'':>8}" if cell is None else f"{cell:8.3f}" for cell in cells))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count-and", type=int, default=500, help='images for "and"')
    parser.add_argument("--count", type=int, default=200, help="images for every other word")
    parser.add_argument("--out", type=type(CACHE), default=CACHE / "check", help="folder for sheets and rows")
    given = parser.parse_args()
    figures = check(**vars(given))
    print_table(figures)
    (given.out / "table.json").write_text(json.dumps(figures, indent=1) + "\n")
