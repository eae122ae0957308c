"""Training and sampling of one variant: the only place where the evidence knows the trainers."""

from __future__ import annotations

import contextlib
import json
import pathlib
import sys
from collections.abc import Container, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from tqdm import tqdm

from ...captions.dataset import InteractionDataset
from ...files import write_atomically
from ...models.protocol import Engine
from ...models.sampling import prompt_contexts, sample
from ...tensor_files import safetensors_bytes
from ...tokens.noise_gate import EVERYWHERE, NoiseGate
from ...trainers.action_different import ActionDifferent
from ...trainers.methods import METHODS
from ...trainers.objective import Objective
from ...trainers.session import Preview, Session

BATCH, STEPS = 20, 20  # of the sampler
SAVE_EVERY = 100  # steps between two states of a run: at every mark there is one


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
        hyperparameters: of the method; "steps" is how far it trains.
        extras: what the method needs or takes beside the dataset.
        folder: where the parameters of the marked steps are kept, and the state from which the run goes on.
        stem: of their files' names, and the run's name.
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
        self._steps: int = hyperparameters["steps"]
        self._metadata = {"config": json.dumps(config.as_dict())}

    def path(self, step: int) -> pathlib.Path:
        """Returns the file of what was learned after a step, which may not exist."""
        return self._folder / f"{self._stem}_{step}.safetensors"

    def trained(self, marks: Sequence[int]) -> Trained:
        """Trains to the end, unless it did before, and returns what was learned.

        Args:
            marks: steps to keep on the way there; the last is kept, too.
        """
        if not self.path(self._steps).exists():
            self._train({*marks, self._steps})
        return Trained(self._objective, load_file(self.path(self._steps))["trained"].to(self._engine.device))

    def _train(self, marks: Container[int]) -> None:
        """Trains from where the run stands, and leaves its state for one that is to go further."""
        state_path = self._folder / "states" / f"{self._stem}.safetensors"
        session = Session(self._objective, self._stem, state_path, SAVE_EVERY)
        if session.saved_step() >= self._steps:  # nothing goes back: a mark that was not kept is trained anew
            session.finish()
        with tqdm(total=self._steps, desc=self._stem, disable=not sys.stderr.isatty()) as bar:

            def progress(done: int, total: int, preview: Preview) -> None:
                bar.update(done - bar.n)
                if done in marks:
                    tensors = {"trained": preview.state.result}
                    write_atomically(self.path(done), safetensors_bytes(tensors, self._metadata))

            session.train(progress)


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
        parts.append(engine.decode_latents(sample(engine, noise, contexts, STEPS, cfg)))
    return torch.cat(parts)
