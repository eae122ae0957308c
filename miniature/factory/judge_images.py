"""What the judges learn from: renders with masks, the words for what they show, and what goes wrong with images.

Judges may know what the base model may not: interactions have natural names here ("picking up"), all of them are
equally common, and no combination is held out.
"""

import json
import multiprocessing
from collections import namedtuple

import numpy as np
import torch
from torchvision.transforms import v2

from . import simulated
from .autoencoder import to_tensor
from .everyday_world import HELD_OUT_SEEDS, PLACES, SIZE, render, sample_scene
from .figures import OBJECTS, SUBJECTS
from .interactions import INTERACTIONS
from .world_images import CACHE, SHARD, save_array, save_text

FOLDER = CACHE / "judges"
FIRST_SEED = HELD_OUT_SEEDS // 2  # the base model counts up from 0
CHECK_SEED = HELD_OUT_SEEDS + 500_000  # never trained on
MIX = {"and": 0.22, **dict.fromkeys(INTERACTIONS, 0.12), "subject": 0.1, "object": 0.08}

Renders = namedtuple("Renders", "images masks facts")
"""Images uint8 (N, 96, 96, 3), visible subject and object packed bits (N, 2, 1152), ``Shot.facts`` of each."""


def shoot(first_seed, count):
    """Renders of ``count`` scenes, no matter how the base model's images are mixed."""
    kinds = np.random.default_rng(first_seed).choice(list(MIX), count, p=list(MIX.values()))
    shots = [render(sample_scene(first_seed + i, relation=str(kind), held_out=True)) for i, kind in enumerate(kinds)]
    return Renders(
        np.stack([shot.image for shot in shots]),
        np.stack([np.packbits([shot.subject_mask.ravel(), shot.object_mask.ravel()], axis=-1) for shot in shots]),
        [shot.facts() for shot in shots],
    )


def _make_shard(index):
    shard = shoot(FIRST_SEED + index * SHARD, SHARD)
    save_text(FOLDER / f"{index}.json", json.dumps(shard.facts))
    save_array(FOLDER / f"{index}.masks.npy", shard.masks)
    save_array(FOLDER / f"{index}.npy", shard.images)


def training_renders(shards, workers=1):
    """The everyday images to train on, rendered where they are missing."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    missing = [k for k in range(shards) if not (FOLDER / f"{k}.npy").exists()]
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for done, _ in enumerate(pool.imap_unordered(_make_shard, missing), 1):
            print(f"rendered {done} of {len(missing)} shards", flush=True)
    return Renders(
        np.concatenate([np.load(FOLDER / f"{k}.npy") for k in range(shards)]),
        np.concatenate([np.load(FOLDER / f"{k}.masks.npy") for k in range(shards)]),
        [fact for k in range(shards) for fact in json.loads((FOLDER / f"{k}.json").read_text())],
    )


def simulated_renders():
    """The simulated images; their masks are boxes, and the lifted ones have none."""
    apart, facts, lifted = simulated.load(CACHE / "simulated")
    masks = np.zeros((len(apart) + len(lifted), 2, SIZE, SIZE), bool)
    for mask, fact in zip(masks, facts):
        for k, (x, y, width, height) in enumerate((fact["subject_box"], fact["object_box"])):
            mask[k, y : y + height, x : x + width] = True
        mask[0] &= ~mask[1]
    lift = {**facts[0], "color": "", "relation": "lift", "subject_box": None, "object_box": None}
    return Renders(
        np.concatenate([apart, lifted]),
        np.packbits(masks.reshape(len(masks), 2, -1), axis=-1),
        [*facts, *[lift] * len(lifted)],
    )


@torch.no_grad()
def as_drawn(autoencoder, images, batch=64):
    """Images (N, 96, 96, 3) uint8 as the base model's autoencoder draws them."""
    return np.concatenate(
        [
            (autoencoder.decode(autoencoder.encode(to_tensor(images[k : k + batch]))).clamp(0, 1) * 255)
            .round()
            .byte()
            .movedim(1, -1)
            .numpy()
            for k in range(0, len(images), batch)
        ]
    )


def unpack(masks):
    """Packed bits (..., 1152) -> bool (..., 96, 96)."""
    return np.unpackbits(masks, axis=-1).reshape(*masks.shape[:-1], SIZE, SIZE).astype(bool)


def spoil(images, seed):
    """Half of the images (B, 3, 96, 96 uint8) blurred, noisy, shrunken or JPEG-pressed; the rest stay. Float 0..1.

    Generated images are less clean than renders, and a judge must not mind.
    """
    torch.manual_seed(seed)
    kind = torch.randint(8, (len(images),))
    images = images.clone()
    for k, transform in enumerate(
        (v2.JPEG((40, 90)), v2.GaussianBlur(5, (0.4, 1.1)), v2.Compose([v2.Resize(SIZE // 2), v2.Resize(SIZE)]))
    ):
        if (kind == k).any():
            images[kind == k] = transform(images[kind == k])
    images = images.float() / 255
    images[kind == 3] += torch.randn_like(images[kind == 3]) * 0.04
    gain = 1 + (torch.rand(len(images), 3, 1, 1) - 0.5) * 0.1
    return (images * gain).clamp(0, 1)


# Words. A caption claims some facts and leaves others open; it fits every image that has the facts it claims.

ALSO = {"box": ("box", "box", "cube")}
ANY = ("and", *INTERACTIONS)
SPOKEN = {  # words -> the relations that they may mean
    "and": ("and",),
    "next to": ("and",),
    "beside": ("and",),
    **dict.fromkeys(("lifting", "picking up", "lifting up", "raising", "holding up", "lifts", "picks up"), ("lift",)),
    **dict.fromkeys(("pushing", "shoving", "pushes", "pushing away"), ("push",)),
    **dict.fromkeys(("holding", "carrying", "holds", "hugging"), ("hold",)),
    **dict.fromkeys(("pressing", "pressing down", "presses", "leaning on"), ("press",)),
    **dict.fromkeys(("sitting on", "sits on", "seated on"), ("sit",)),
    "with": ANY,
    "handling": ("lift", "push", "hold", "press"),
    "touching": tuple(INTERACTIONS),
}
EXACT = {
    "and": ("and", "next to"),
    "lift": ("lifting", "picking up"),
    "push": ("pushing",),
    "hold": ("holding",),
    "press": ("pressing",),
    "sit": ("sitting on",),
}

Claim = namedtuple("Claim", "subject object color place relations")


def labels():
    """Every name that the detector is taught, and what it stands for as (subject, "", "") or ("", object, color)."""
    names = {name: (name, "", "") for name in SUBJECTS}
    for name, thing in OBJECTS.items():
        for word in dict.fromkeys(ALSO.get(name, (name,))):
            names[word] = ("", name, "")
            names.update({f"{color} {word}": ("", name, color) for color in thing.colors if color})
    return names


def a(noun):
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def caption(facts, rng, words=None, full=False):
    """A caption in natural words and its ``Claim``. ``words`` fixes the relation's; ``full`` leaves nothing open."""
    subject, thing, color, place = facts["subject"], facts["object"], facts["color"], facts["place"]
    color = color if color and (full or rng.random() < 0.8) else ""
    place = place if place in PLACES and (full or rng.random() < 0.5) else ""
    relations = ANY if subject and thing else ("alone",)
    noun = ALSO.get(thing, (thing,))
    named = f"{color} {noun[rng.integers(len(noun))]}".strip()
    if subject and thing:
        if words is None:
            fitting = EXACT[facts["relation"]] if full else [w for w, r in SPOKEN.items() if facts["relation"] in r]
            words = fitting[rng.integers(len(fitting))]
        relations = SPOKEN[words]
        text = f"{a(subject)} {words} {a(named)}"
    else:
        text = a(subject or named)
    text = f"a photo of {text}" if rng.random() < 0.15 else text
    return f"{text} {place}".strip(), Claim(subject, thing, color, place, relations)


def twist(facts, rng):
    """The same facts with one of them changed: what a caption that is nearly right would say."""
    facts = dict(facts)
    both = facts["subject"] and facts["object"]
    kind = rng.choice(["relation", "subject", "object", "place"], p=[0.6, 0.15, 0.15, 0.1] if both else [0, 0, 0, 1])
    options = {"relation": ANY, "subject": tuple(SUBJECTS), "object": tuple(OBJECTS), "place": tuple(PLACES)}[kind]
    facts[kind] = str(rng.choice([option for option in options if option != facts[kind]]))
    if kind == "object":
        facts["color"] = str(rng.choice(OBJECTS[facts["object"]].colors))
    return facts


def fits(claim, facts):
    """Whether an image has all that a caption claims."""
    return (
        claim.subject == facts["subject"]
        and claim.object == facts["object"]
        and claim.color in ("", facts["color"])
        and claim.place in ("", facts["place"])
        and facts["relation"] in claim.relations
    )
