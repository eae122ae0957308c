"""Train the judges from nothing: ``python . miniature.factory.train_judges [detector judges clip]``; resumes where it stopped.

Each trains on a core of its own; ``python . miniature.factory.make`` must have run, for its autoencoder. Everything follows from seeds.
"""

import json
import math
import multiprocessing
import os
import string
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, l1_loss
from torchvision.ops import generalized_box_iou_loss

from ..judges import CLIP, DETECTOR, JUDGE, RELATIONS, InteractionJudge
from .autoencoder import Autoencoder
from .everyday_world import PLACES, SIZE
from .judge_images import (
    SPOKEN,
    Renders,
    as_drawn,
    caption,
    fits,
    labels,
    simulated_renders,
    spoil,
    training_renders,
    twist,
    unpack,
)
from .world_images import CACHE, save_array

SHARDS = 16
PATCH = 8
NOTE = "Trained from nothing by the Interactive Action project on its own rendered images (miniature/factory/train_judges.py)."


def learning_material(shards=SHARDS):
    """Everyday and simulated renders, half of them as the base model's autoencoder draws them."""
    images, masks, facts = zip(training_renders(shards), simulated_renders())
    images, drawn = np.concatenate(images), CACHE / "judges" / "drawn.npy"
    if not drawn.exists():
        autoencoder = Autoencoder()
        autoencoder.load_state_dict(torch.load(CACHE / "autoencoder.pt", weights_only=True)["model"])
        images[1::2] = as_drawn(autoencoder, images[1::2])
        save_array(drawn, images)
    return Renders(np.load(drawn), np.concatenate(masks), [fact for part in facts for fact in part])


def fit(name, model, loss, steps, lr, seed=0):
    """AdamW with a cosine; ``loss(step, generator)`` is a pure function of the step, so that resuming changes nothing."""
    state_path = CACHE / "judges" / f"{name}.pt"
    optimizer = torch.optim.AdamW(model.parameters(), lr, weight_decay=0.02)
    start = 0
    if state_path.exists():
        state = torch.load(state_path, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        start = state["step"]
    model.train()
    mean = 0.0
    for step in range(start, steps):
        rate = lr * min(1, (step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = rate
        value = loss(step, np.random.default_rng((seed, step)))
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        mean = value.item() if step == start else 0.98 * mean + 0.02 * value.item()
        if (step + 1) % 100 == 0 or step + 1 == steps:
            print(f"{name}: step {step + 1} of {steps}, loss {mean:.4f}", flush=True)
            torch.save(
                {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1},
                f"{state_path}.part",
            )
            os.replace(f"{state_path}.part", state_path)
    return model.eval()


def tokenizer(folder, length):
    """A CLIP tokenizer whose merges make each word of this world one token; other words are spelled. Saved to folder."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    words = set(" ".join([*labels(), *SPOKEN, *PLACES, "a an the photo of one"]).split())
    characters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.normalizer = normalizers.Lowercase()
    learner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    learner.train_from_iterator(
        sorted(words),
        trainers.BpeTrainer(vocab_size=20_000, end_of_word_suffix="</w>", min_frequency=1, show_progress=False),
    )
    merges = [tuple(merge) for merge in json.loads(learner.to_str())["model"]["merges"]]
    tokens = dict.fromkeys(
        [
            "!",
            *characters,
            *(c + "</w>" for c in characters),
            *(a + b for a, b in merges),
            "<|startoftext|>",
            "<|endoftext|>",
        ]
    )  # both architectures read at the highest number
    made = CLIPTokenizer(
        vocab={token: k for k, token in enumerate(tokens)}, merges=merges, pad_token="!", model_max_length=length
    )
    made.save_pretrained(folder)
    return made


# The detector: OWL-ViT, taught densely. A patch speaks for the thing that covers most of it.

PASTED = 0.4  # share of images into which a third thing is pasted, so that several things are nothing strange


def _instances(renders, chosen, rng):
    """Images (B, 3, 96, 96) uint8, visible masks (B, 3, 96, 96) bool, and what each mask shows, (B, 3) names."""
    facts = [renders.facts[k] for k in chosen]
    images, masks = renders.images[chosen].copy(), unpack(renders.masks[chosen])
    masks = np.concatenate([masks, np.zeros_like(masks[:, :1])], 1)
    shown = [[(f["subject"], "", ""), ("", f["object"], f["color"]), None] for f in facts]
    for i in np.flatnonzero(rng.random(len(chosen)) < PASTED):
        other, which = rng.integers(len(renders.facts)), rng.integers(2)
        shift = rng.integers(-SIZE // 2, SIZE // 2 + 1, 2)
        stamp = _shifted(unpack(renders.masks[other])[which], shift)
        images[i][stamp] = _shifted(renders.images[other], shift)[stamp]
        masks[i] &= ~stamp
        masks[i, 2] = stamp
        fact = renders.facts[other]
        shown[i][2] = ("", fact["object"], fact["color"]) if which else (fact["subject"], "", "")
    mirrored = rng.random(len(chosen)) < 0.5
    images[mirrored], masks[mirrored] = images[mirrored, :, ::-1], masks[mirrored, :, :, ::-1]
    masks &= masks.sum((2, 3), keepdims=True) >= 24  # a sliver is nothing
    return torch.from_numpy(images).movedim(-1, 1), torch.from_numpy(masks), shown


def _shifted(image, shift):
    """The image moved by (rows, columns), what leaves it is lost."""
    moved = np.zeros_like(image)
    (y, x), (h, w) = shift, image.shape[:2]
    moved[max(y, 0) : h + min(y, 0), max(x, 0) : w + min(x, 0)] = image[
        max(-y, 0) : h - max(y, 0), max(-x, 0) : w - max(x, 0)
    ]
    return moved


def _boxes(masks):
    """Tight boxes (B, I, 4) as center and size in 0..1, of masks (B, I, S, S); empty ones give nonsense."""
    rows, columns = masks.any(3).byte(), masks.any(2).byte()
    y1, x1 = rows.argmax(2), columns.argmax(2)
    y2, x2 = SIZE - rows.flip(2).argmax(2), SIZE - columns.flip(2).argmax(2)
    return torch.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], -1) / SIZE


def _owners(masks):
    """Which mask each patch speaks for, (B, patches), -1 for none: the one that covers most, at least a fifth."""
    grid = SIZE // PATCH
    cover = masks.reshape(*masks.shape[:2], grid, PATCH, grid, PATCH).sum((3, 5)).flatten(2)
    best, owner = cover.max(1)
    owner = torch.where(best >= PATCH**2 // 5, owner, -1)
    for i in range(masks.shape[1]):  # even the smallest thing has the patch that shows most of it
        most, patch = cover[:, i].max(1)
        owner[most > 0, patch[most > 0]] = i
    return owner


def _corners(boxes):
    return torch.cat([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], -1)


def train_detector(renders, steps=2000, batch=24):
    from transformers import OwlViTConfig, OwlViTForObjectDetection, OwlViTImageProcessor, OwlViTProcessor

    words = tokenizer(DETECTOR, 16)
    torch.manual_seed(0)
    model = OwlViTForObjectDetection(
        OwlViTConfig(
            text_config={
                "vocab_size": len(words),
                "hidden_size": 96,
                "intermediate_size": 192,
                "num_hidden_layers": 2,
                "num_attention_heads": 3,
                "max_position_embeddings": 16,
                "bos_token_id": words.bos_token_id,
                "eos_token_id": words.eos_token_id,
            },
            vision_config={
                "hidden_size": 128,
                "intermediate_size": 512,
                "num_hidden_layers": 4,
                "num_attention_heads": 4,
                "image_size": SIZE,
                "patch_size": PATCH,
            },
            projection_dim=96,
        )
    )
    for layer in (*model.class_head.children(), *model.box_head.children()):  # the library starts them far too large
        if isinstance(layer, torch.nn.Linear):
            layer.reset_parameters()
    torch.nn.init.constant_(
        model.class_head.logit_scale.bias, 7.0
    )  # logits start at 8 (cosine - 0.6): nothing is there
    torch.nn.init.constant_(model.class_head.logit_shift.bias, -0.6)
    names = labels()
    boxed = np.flatnonzero([bool(fact["subject_box"] or fact["object_box"]) for fact in renders.facts])

    def loss(step, rng):
        images, masks, shown = _instances(renders, rng.choice(boxed, batch), rng)
        article = rng.choice(["", "a ", "a photo of a "])
        nonsense = ["".join(rng.choice(list(string.ascii_lowercase), rng.integers(3, 8))) for _ in range(6)]
        asked = words(
            [article + name for name in [*names, *nonsense]], padding="max_length", truncation=True, return_tensors="pt"
        )
        with torch.autocast("cpu", torch.bfloat16):
            features = model.image_embedder(spoil(images, step) * 2 - 1)[0]
        features = features.float()
        flat = features.flatten(1, 2)
        text = model.owlvit.get_text_features(**asked).pooler_output
        logits = model.class_predictor(flat, text.expand(batch, -1, -1))[0]
        boxes = model.box_predictor(flat, features)

        # What each mask answers to: a red ball is a "ball" and a "red ball".
        answers = torch.tensor(
            [
                [
                    [thing is not None and any(thing) and _is(thing, name) for name in names.values()]
                    + [False] * len(nonsense)
                    for thing in things
                ]
                for things in shown
            ]
        )
        owner = _owners(masks)
        mine = owner.clamp(min=0)
        spoken = owner >= 0
        target = answers.gather(1, mine[..., None].expand(-1, -1, answers.shape[2])) & spoken[..., None]
        size = torch.stack([(owner == i).sum(1) for i in range(3)], 1).clamp(min=1)
        weight = (1 / size.gather(1, mine))[spoken]  # small things count as much as large ones
        truth = _boxes(masks).gather(1, mine[..., None].expand(-1, -1, 4))[spoken]
        guess = boxes[spoken]
        overlap = generalized_box_iou_loss(_corners(guess), _corners(truth))
        away = l1_loss(guess, truth, reduction="none").sum(1)
        # Quality focal loss (Li et al. 2020, Eq. 2): a patch is as sure of a name as its box is good, so the best box wins.
        quality = torch.zeros_like(owner, dtype=torch.float)
        quality[spoken] = 1 - overlap.detach().clamp(0, 1)
        wanted = target * quality[..., None]
        named = binary_cross_entropy_with_logits(logits, wanted, reduction="none") * (logits.sigmoid() - wanted) ** 2
        return 4 * named.sum() / spoken.sum() + ((2 * overlap + 5 * away) * weight).sum() / weight.sum()

    fit("detector", model, loss, steps, lr=1e-3)
    model.half().save_pretrained(DETECTOR)
    save_file(
        {name: value.contiguous() for name, value in model.state_dict().items()},
        DETECTOR / "model.safetensors",
        metadata={"format": "pt", "made": NOTE},
    )
    OwlViTProcessor(
        OwlViTImageProcessor(size={"height": SIZE, "width": SIZE}, image_mean=[0.5] * 3, image_std=[0.5] * 3), words
    ).save_pretrained(DETECTOR)


def _is(thing, name):
    return all(claim in ("", fact) for claim, fact in zip(name, thing)) and bool(thing[0]) == bool(name[0])


# CLIP: each caption is compared with all images of the batch, and fits every one that has what it claims.

CLIP_CONFIG = {
    "model_cfg": {
        "embed_dim": 128,
        "vision_cfg": {"layers": [1, 1, 1, 1], "width": 24, "image_size": SIZE},
        "text_cfg": {"context_length": 20, "width": 128, "heads": 4, "layers": 3, "hf_tokenizer_name": "local"},
    },
    "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3},
}


def train_clip(renders, steps=900, batch=80):
    from open_clip.model import CLIP as Model

    words = tokenizer(CLIP, 20)
    CLIP_CONFIG["model_cfg"]["text_cfg"]["vocab_size"] = len(words)
    torch.manual_seed(1)
    model = Model(**CLIP_CONFIG["model_cfg"])
    model.visual.to(memory_format=torch.channels_last)

    def loss(step, rng):
        chosen = rng.integers(len(renders.facts), size=batch)
        facts = [renders.facts[k] for k in chosen]
        images = torch.from_numpy(renders.images[chosen]).movedim(-1, 1)
        mirrored = torch.from_numpy(rng.random(batch) < 0.5)
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        told = [caption(f, rng) for f in facts] + [caption(twist(f, rng), rng) for f in facts]
        texts, claims = zip(*told)
        pixels = (spoil(images, step) * 2 - 1).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            seen = model.encode_image(pixels)
        read = model.encode_text(
            words(list(texts), padding="max_length", truncation=True, return_tensors="pt").input_ids
        )
        seen, read = (torch.nn.functional.normalize(v.float(), dim=-1) for v in (seen, read))
        logits = model.logit_scale.exp().clamp(max=100) * seen @ read.T
        fit_ = torch.tensor([[fits(claim, f) for claim in claims] for f in facts]).float()
        heard = fit_.sum(0) > 0
        by_text = fit_[:, heard] / fit_[:, heard].sum(0)
        return (
            cross_entropy(logits, fit_ / fit_.sum(1, keepdim=True)) + cross_entropy(logits[:, heard].T, by_text.T)
        ) / 2

    fit("clip", model, loss, steps, lr=1e-3, seed=1)
    (CLIP / "open_clip_config.json").write_text(json.dumps(CLIP_CONFIG, indent=2))
    save_file(
        {
            name: value.half().contiguous() if value.is_floating_point() else value
            for name, value in model.state_dict().items()
        },
        CLIP / "open_clip_model.safetensors",
        metadata={"format": "pt", "made": NOTE},
    )


def train_judges(renders, steps=1000, batch=64):
    """Two classifiers from two seeds, so that one can be asked whether the other is right."""
    relations = torch.tensor([RELATIONS.index(fact["relation"]) for fact in renders.facts])
    for number in (1, 2):
        torch.manual_seed(number)
        model = InteractionJudge().to(memory_format=torch.channels_last)

        def loss(step, rng, model=model):
            chosen = rng.integers(len(renders.facts), size=batch)
            images = torch.from_numpy(renders.images[chosen]).movedim(-1, 1)
            mirrored = torch.from_numpy(rng.random(batch) < 0.5)
            images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
            with torch.autocast("cpu", torch.bfloat16):
                guess = model(spoil(images, step).to(memory_format=torch.channels_last))
            return cross_entropy(guess.float(), relations[chosen])

        fit(f"judge{number}", model, loss, steps, lr=2e-3, seed=10 + number)
        JUDGE.mkdir(parents=True, exist_ok=True)
        save_file(
            {name: value.half().contiguous() for name, value in model.state_dict().items()},
            JUDGE / f"{number}.safetensors",
            metadata={"format": "pt", "made": NOTE, "classes": " ".join(RELATIONS)},
        )


TRAININGS = {"detector": train_detector, "judges": train_judges, "clip": train_clip}


def train(name):
    TRAININGS[name](MATERIAL)


if __name__ == "__main__":
    torch.set_num_threads(1)
    MATERIAL = learning_material()
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:  # forked: all read the same images
        pool.map(train, sys.argv[1:] or TRAININGS, chunksize=1)
