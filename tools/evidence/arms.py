"""One world's arms: trained, sampled and evaluated once, kept on disk, and found there when run again."""

from __future__ import annotations

import functools
import hashlib
import json
import pathlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...captions.dataset import InteractionDataset
from ...captions.templates import PLACEHOLDER
from ...files import write_atomically
from ...miniature.factory.cache import save_array
from ...tokens.noise_gate import EVERYWHERE, NoiseGate
from ...trainers.hyperparameters import Config
from ...trainers.methods import METHODS
from ..dev.sheets import image_grid
from .datasets import BEFORE, HELD, IMAGES, even_places, file_stem, simulated_dataset
from .training import Extras, Training, generate, needs
from .variants import Variant
from .worlds import Row, World

RATES = 2e-4, 5e-4, 1.5e-3, 4e-3
MARKS = 100, 300, 1000, 3000
"""Learning rates that every method is tried at, and steps after which it is looked at."""

TUNING_SEED = 100  # not reported
SHEET_IMAGES = 48
REPORT_IMAGES = 16


@dataclass(frozen=True)
class Arm:
    """One point of the comparison.

    Args:
        action: the simulator's name of it.
        variant: the line that it belongs to.
        rate: the learning rate; 0 where nothing is trained.
        step: of training; 0 where nothing is trained.
        seed: of training and of the noise.
        num_images: to evaluate; None: as many as the world has.
    """

    action: str
    variant: Variant
    rate: float = 0.0
    step: int = 0
    seed: int = 0
    num_images: int | None = None


class Comparison:
    """The arms of one world.

    Args:
        world: base model, prompts and judges.
        root: where evidence is kept; arms in a folder that the checkpoint's content names.
    """

    def __init__(self, world: World, root: pathlib.Path) -> None:
        self.world, self.root = world, root
        self.folder = root / f"{world.checkpoint.stem}-{content_hash(world.checkpoint)[:12]}"
        self.recordings = root / "recordings"

    def record(self, actions: Iterable[str]) -> None:
        """Records what the methods learn from, where it is missing."""
        for action in actions:
            for key_frames in (HELD, BEFORE):
                simulated_dataset(self.recordings, action, self.world.side, key_frames)

    def settings(self, action: str, variant: Variant) -> dict[str, Any]:
        """Returns a variant's hyperparameters beside learning rate, steps and seed."""
        if variant.as_published:
            return {"steering_words": self.world.steering_words} if METHODS[variant.method].steers else {}
        settings = {**self.world.settings(variant.method), **variant.settings_for(action)}
        return {"batch_size": self.world.batch_size, **settings}

    def evaluate(self, arm: Arm) -> list[Row]:
        """Trains, generates and evaluates an arm, unless its rows are there; returns them, one an image."""
        path = self._path("rows", arm, ".jsonl")
        if not path.exists():
            pairs = self.world.eval_pairs(arm.action, arm.num_images or self.world.num_images)
            if arm.variant.is_trained:
                trained = self._training(arm).trained(MARKS)
                prompts = self.world.format_prompts(PLACEHOLDER, pairs)
                with trained.adapted():
                    images = self._generate(prompts, trained.vectors(), arm.seed, trained.gate)
            else:
                prompts = self.world.format_prompts(arm.variant.words[arm.action], pairs)
                images = self._generate(prompts, None, arm.seed)
            labels = {"method": arm.variant.name, "action": arm.action, "seed": arm.seed}
            labels |= {"rate": arm.rate, "step": arm.step}
            rows = self.world.evaluate(images, pairs, arm.action)
            lines = [json.dumps({**row, **labels, "prompt": number}) for number, row in enumerate(rows)]
            pixels = (images.numpy() * 255).astype(np.uint8)
            save_array(path.with_suffix(".npy"), pixels[even_places(len(pixels), REPORT_IMAGES)])
            image_grid(pixels[:SHEET_IMAGES], 8).save(path.with_suffix(".png"))
            write_atomically(path, "".join(f"{line}\n" for line in lines).encode())
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def tuning_arms(self, action: str, variant: Variant) -> list[Arm]:
        """Lists an arm for each rate and mark, on a seed that is not reported; none where nothing is trained."""
        if not variant.is_trained:
            return []
        count = self.world.num_images // 2
        return [Arm(action, variant, rate, step, TUNING_SEED, count) for rate in RATES for step in MARKS]

    def best(self, action: str, variant: Variant) -> tuple[float, int]:
        """Returns the rate and the steps at which the world's criterion is met most often: (0, 0) without training."""
        if not variant.is_trained:
            return 0.0, 0

        def successes(arm: Arm) -> float:
            return float(sum(np.prod([row[key] for key in self.world.criterion]) for row in self.evaluate(arm)))

        arm = max(self.tuning_arms(action, variant), key=successes)
        return arm.rate, arm.step

    def report_images(self, arm: Arm) -> np.ndarray:
        """Returns images of some prompts of an arm, uint8 (N, side, side, 3)."""
        images: np.ndarray = np.load(self._path("rows", arm, ".npy"))
        return images

    def trained_path(self, arm: Arm) -> pathlib.Path:
        """Returns the file of what an arm trained, which may not exist."""
        return self._path("trained", arm, ".safetensors")

    def _training(self, arm: Arm) -> Training:
        """The run that an arm belongs to."""
        variant, need = arm.variant, needs(arm.variant.method)
        extras = Extras(
            simulated_dataset(self.recordings, arm.action, self.world.side, BEFORE)
            if need == "action_different"
            else None,
            self._class_images if need == "class_images" else None,
        )
        hyperparameters = {
            **self.settings(arm.action, variant),
            "steps": arm.step,
            "learning_rate": arm.rate,
            "seed": arm.seed,
        }
        stem = file_stem(arm.action, variant.name, f"{arm.rate:g}", arm.seed)
        dataset = self._dataset(arm.action, variant)
        folder = self.folder / "trained"
        return Training(self.world.engine, variant.method, dataset, hyperparameters, extras, folder, stem)

    def _dataset(self, action: str, variant: Variant) -> InteractionDataset:
        """What a variant learns an action from."""
        if variant.in_domain:
            return self.world.in_domain_dataset(action)
        images, word = IMAGES[variant.images], variant.teacher_word
        return simulated_dataset(self.recordings, action, self.world.side, HELD, images, word)

    @functools.cached_property
    def _class_images(self) -> InteractionDataset:
        """What the base model generates for plain prompts."""
        prompts, plain = self.world.class_prompts()
        images = self._generate(plain, None, TUNING_SEED)
        return InteractionDataset(images, tuple((prompt,) for prompt in prompts), tuple((prompt,) for prompt in plain))

    def _generate(
        self, prompts: Sequence[str], vectors: torch.Tensor | None, seed: int, gate: NoiseGate = EVERYWHERE
    ) -> torch.Tensor:
        return generate(self.world.engine, prompts, vectors, seed, self.world.side, self.world.cfg, gate)

    def _path(self, kind: str, arm: Arm, suffix: str) -> pathlib.Path:
        stem = file_stem(arm.action, arm.variant.name, f"{arm.rate:g}", arm.seed, arm.step)
        return self.folder / kind / f"{stem}{suffix}"


def published(variant: Variant) -> Any:
    """Returns a method's Config with its defaults, which are its paper's."""
    config: type[Config] = METHODS[variant.method].config
    words: dict[str, Any] = {"steering_words": ("handling",)} if METHODS[variant.method].steers else {}
    return config(**words)


def content_hash(path: pathlib.Path) -> str:
    """Returns the SHA-256 of a file of any size."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()
