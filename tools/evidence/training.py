"""Training and sampling of one variant: the only place where the evidence knows the trainers."""

from __future__ import annotations

import contextlib
import json
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from tqdm import tqdm

from ...captions.dataset import InteractionDataset
from ...files import write_atomically
from ...models.protocol import Engine
from ...models.sampling import ddim, prompt_contexts
from ...tensor_files import safetensors_bytes
from ...tokens.noise_gate import EVERYWHERE, NoiseGate
from ...trainers.action_different import ActionDifferent
from ...trainers.loop import TrainingState, training_steps
from ...trainers.methods import METHODS
from ...trainers.objective import Objective

BATCH, STEPS = 20, 20  # of the sampler
SAVE_EVERY = 200  # steps between two states of a run


class Extras(NamedTuple):
    """What some methods learn from beside the dataset.

    Attributes:
        action_different: images of the same scenes with another action, for ADI.
        class_images: what the base model generates itself, for the methods that train its weights.
    """

    action_different: InteractionDataset | None = None
    class_images: InteractionDataset | None = None


class Trained(NamedTuple):
    """What was trained.

    Attributes:
        objective: knows what the parameters mean.
        parameters: as the trainer keeps them.
    """

    objective: Objective
    parameters: torch.Tensor

    def adapted(self) -> contextlib.AbstractContextManager[None]:
        """Applies to the base model what was trained beside the token."""
        return self.objective.trainable.adapted(self.parameters)

    def vectors(self) -> torch.Tensor:
        """Returns the token's vectors."""
        return self.objective.trainable.vectors(self.parameters)

    @property
    def gate(self) -> NoiseGate:
        """The noise levels at which they act."""
        return self.objective.trainable.gate


class Training:
    """One run of a method, of which every marked step is kept.

    Args:
        engine: the base model.
        method: a key of ``trainers.methods.METHODS``.
        dataset: what it learns from.
        hyperparameters: of the method; "steps" is how far it trains at most.
        extras: what the method needs or takes beside the dataset.
        folder: where the parameters of the marked steps are kept, and the state from which the run goes on.
        stem: of their files' names.
    """

    def __init__(
        self,
        engine: Engine,
        method: str,
        dataset: InteractionDataset,
        hyperparameters: Mapping[str, Any],
        extras: Extras,
        folder: pathlib.Path,
        stem: str,
    ) -> None:
        self._engine, self._folder, self._stem = engine, folder, stem
        config = METHODS[method].config(**hyperparameters)
        extra: ActionDifferent | InteractionDataset | None = extras.class_images
        if extras.action_different is not None:
            images = extras.action_different.images
            assert isinstance(images, torch.Tensor)  # recordings have one size
            extra = ActionDifferent.in_order(images, len(dataset))
        self._objective = METHODS[method].build(engine, dataset, config, extra=extra)
        self._metadata = {"config": json.dumps(config.as_dict())}

    def path(self, step: int) -> pathlib.Path:
        """Returns the file of what was learned after a step, which may not exist."""
        return self._folder / f"{self._stem}_{step}.safetensors"

    def after(self, step: int, marks: Sequence[int]) -> Trained:
        """Trains up to a step, unless it did before.

        Args:
            step: one of the marks.
            marks: steps to keep on the way there.
        """
        if not self.path(step).exists():
            self._advance([mark for mark in marks if mark <= step])
        return Trained(self._objective, load_file(self.path(step))["trained"].to(self._engine.device))

    def _advance(self, marks: Sequence[int]) -> None:
        """Trains to the last of the marks; the state stays, for a later mark."""
        state_path = self._folder / "states" / f"{self._stem}.safetensors"
        state = TrainingState.load(state_path, self._stem) or TrainingState.begin(self._objective.trainable.initial())
        with tqdm(total=marks[-1], initial=state.step, desc=self._stem, disable=not sys.stderr.isatty()) as bar:
            for _ in training_steps(self._objective, state):
                bar.update()
                if state.step in marks:
                    tensors = {"trained": state.result}
                    write_atomically(self.path(state.step), safetensors_bytes(tensors, self._metadata))
                if state.step % SAVE_EVERY == 0 or state.step == marks[-1]:
                    state.save(state_path, self._stem)
                if state.step >= marks[-1]:
                    return


def needs(method: str) -> str:
    """Returns which of ``Extras`` a method needs or takes; "": none."""
    return METHODS[method].needs or METHODS[method].takes


@torch.no_grad()
def generate(
    engine: Engine,
    prompts: Sequence[str],
    vectors: torch.Tensor | None,
    seed: int,
    side: int,
    cfg: float,
    gate: NoiseGate = EVERYWHERE,
) -> torch.Tensor:
    """Generates images by DDIM with classifier-free guidance.

    Args:
        engine: the base model.
        prompts: N of them.
        vectors: of the placeholder in them; None: there is none.
        seed: the noise depends on it alone.
        side: of an image, pixels.
        cfg: classifier-free guidance.
        gate: the noise levels at which the vectors act.

    Returns:
        (N, side, side, 3) in 0..1.
    """
    parts = []
    for start in range(0, len(prompts), BATCH):
        batch = list(prompts[start : start + BATCH])
        contexts = prompt_contexts(engine, batch, vectors, gate)
        generator = torch.Generator().manual_seed(seed * 10_000 + start)
        noise = torch.randn(len(batch), 4, side // 8, side // 8, generator=generator)
        parts.append(engine.decode_latents(ddim(engine, noise, contexts, STEPS, cfg)))
    return torch.cat(parts)
