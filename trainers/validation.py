"""Validation images: what is learned so far, generated while it is learned, and the best of it by a score.

They use the engine alone, and random numbers of their own, so that they change nothing of what is learned.
"""

from __future__ import annotations

import gc
import io
import logging
import math
import pathlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from PIL import Image

from ..errors import InteractiveActionError
from ..files import check_text, write_atomically
from ..models.sampling import prompt_contexts, sample
from .loop import TrainingState
from .objective import Objective

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Validation:
    """One image for each prompt after every ``sample_every`` steps, and after the last.

    Args:
        prompts: with <v*> where the new word belongs.
        sample_every: training steps between images.
        seed: of the noise, the same each time.
        steps: of the sampler.
        cfg: classifier-free guidance.
        score: images (N, H, W, 3) -> a number, of which more is better; with it the best is kept instead of the last.
    """

    prompts: tuple[str, ...] = ()
    sample_every: int = 100
    seed: int = 0
    steps: int = 20
    cfg: float = 7.5
    score: Callable[[torch.Tensor], float] | None = None

    def __post_init__(self) -> None:
        if not self.prompts:
            raise InteractiveActionError(
                "There is no prompt for validation images. Write one a line, with <v*> where the new word belongs."
            )
        if min(self.sample_every, self.steps) < 1:
            raise InteractiveActionError(
                f"Validation images have sample_every {self.sample_every} and steps {self.steps}. "
                "Both must be at least 1."
            )
        if not 0 <= self.seed < 2**64:
            raise InteractiveActionError(
                f"The seed of validation images is {self.seed}. It must be at least 0 and less than 2^64."
            )
        if not math.isfinite(self.cfg):
            raise InteractiveActionError(f"The cfg of validation images is {self.cfg}. It must be a finite number.")
        for prompt in self.prompts:
            check_text(prompt, "A prompt for validation images")

    def due(self, state: TrainingState, total: int) -> bool:
        """Returns whether images are due after this step of ``total``; also asked before a resumed run's first step."""
        reached = state.step > 0 and (state.step % self.sample_every == 0 or state.step == total)
        return reached and str(state.step) not in state.scores

    def generate(self, objective: Objective, state: TrainingState) -> torch.Tensor | None:
        """Returns images float32 (N, H, W, 3), and rates the state; None if memory ran out, which ends no run."""
        try:
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            images = generate(objective, state.average, self)
            score = None if self.score is None else self.score(images)
        except (RuntimeError, MemoryError) as error:
            # the last is how a CPU says it
            if not isinstance(error, torch.OutOfMemoryError | MemoryError) and "can't allocate memory" not in str(
                error
            ):
                raise
            LOGGER.warning(
                "There was too little memory for validation images at step %d. Training goes on without them.",
                state.step,
            )
            return None
        if score is not None:
            state.rate(score)
        return images


@torch.no_grad()
def generate(objective: Objective, parameters: torch.Tensor, validation: Validation) -> torch.Tensor:
    """Returns images float32 (N, H, W, 3) in 0..1, of the size of the objective's, of the validation prompts."""
    engine, count = objective.engine, len(validation.prompts)
    shape = objective.batches.latents.shape()
    noise = torch.randn((count, *shape), generator=torch.Generator().manual_seed(validation.seed))
    with objective.trainable.adapted(parameters):
        trainable = objective.trainable
        contexts = prompt_contexts(engine, validation.prompts, trainable.vectors(parameters), trainable.gate)
        latents = sample(engine, noise, contexts, validation.steps, validation.cfg)
    return engine.decode_latents(latents)


def save_images(images: torch.Tensor, folder: pathlib.Path, step: int) -> None:
    """Writes each of ``images`` (N, H, W, 3) as ``folder/000100-0.png``, after step 100."""
    for number, image in enumerate((images * 255).round().to(torch.uint8).numpy()):
        data = io.BytesIO()
        Image.fromarray(image).save(data, "PNG")
        write_atomically(folder / f"{step:06d}-{number}.png", data.getvalue())
