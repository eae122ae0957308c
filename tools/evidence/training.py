"""Training and sampling of one variant: the only place where the evidence knows the trainers."""

from __future__ import annotations

import contextlib
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from tqdm import tqdm

from ...captions.dataset import InteractionDataset
from ...files import safetensors_bytes, write_atomically
from ...models.protocol import Engine
from ...models.sampling import ddim, prompt_contexts
from ...tokens.noise_gate import EVERYWHERE, NoiseGate
from ...trainers.action_different import ActionDifferent
from ...trainers.methods import METHODS
from ...trainers.objective import Objective
from ...trainers.session import Preview, Session

BATCH, STEPS = 20, 20  # of the sampler


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


def train_token(
    engine: Engine,
    method: str,
    dataset: InteractionDataset,
    hyperparameters: Mapping[str, Any],
    extras: Extras,
    path: pathlib.Path,
    title: str,
) -> Trained:
    """Trains a method, unless its file is there.

    Args:
        engine: the base model.
        method: a key of ``trainers.methods.METHODS``.
        dataset: what it learns from.
        hyperparameters: of the method.
        extras: what the method needs or takes beside the dataset.
        path: where the parameters are kept.
        title: for the progress bar.
    """
    config = METHODS[method].config(**hyperparameters)
    extra: ActionDifferent | InteractionDataset | None = extras.class_images
    if extras.action_different is not None:
        images = extras.action_different.images
        assert isinstance(images, torch.Tensor)  # recordings have one size
        extra = ActionDifferent.in_order(images, len(dataset))
    objective = METHODS[method].build(engine, dataset, config, extra=extra)
    if not path.exists():
        with tqdm(total=hyperparameters["steps"], desc=title, leave=False) as bar:

            def progress(done: int, total: int, preview: Preview) -> None:
                bar.update(done - bar.n)

            state = Session(objective, run="evidence").train(progress)
        metadata = {"config": json.dumps(config.as_dict())}
        write_atomically(path, safetensors_bytes({"trained": state.result}, metadata))
    return Trained(objective, load_file(path)["trained"].to(engine.device))


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
