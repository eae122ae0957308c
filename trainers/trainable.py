"""What a method trains, as one tensor of parameters: a token, a layer-wise token, an adapter of the U-Net, or both.

The optimizer, resuming and averaging see that tensor alone; what its numbers mean is said here.
"""

from __future__ import annotations

import contextlib
import re
from contextlib import AbstractContextManager
from typing import Protocol

import torch
from einops import repeat

from ..errors import InteractiveActionError
from ..models.adapters import Adapter
from ..models.protocol import Engine
from ..tokens.noise_gate import EVERYWHERE, NoiseGate


class Trainable(Protocol):
    """The meaning of a tensor of parameters.

    trains_token: whether vectors of the new word are learned; otherwise ``vectors`` are those of a known word.
    gate: the noise levels at which the new word acts.
    """

    trains_token: bool
    gate: NoiseGate

    def initial(self) -> torch.Tensor:
        """Returns the parameters that training starts from, float32."""

    def vectors(self, parameters: torch.Tensor) -> torch.Tensor:
        """Returns the new word's vectors (n, d), or (L, n, d) where they are layer-wise."""

    def adapted(self, parameters: torch.Tensor) -> AbstractContextManager[None]:
        """While it lasts, the engine's U-Net is the one that was learned."""

    def student(self, parameters: torch.Tensor) -> AbstractContextManager[None]:
        """While it lasts, the U-Net has what helps the student in training and is dropped afterwards."""

    def lora_tensors(self, parameters: torch.Tensor) -> dict[str, torch.Tensor]:
        """Returns the tensors of a LoRA file with what was learned of the U-Net; empty if nothing was."""

    def limit_norm_(self, parameters: torch.Tensor) -> None:
        """Shortens, in place, vectors that are longer than allowed."""


class Token:
    """Vectors (n, d) of a new word.

    Args:
        engine: whose vocabulary the initializer token is looked up in.
        initializer_token: the word whose vectors are the start: its own if it has n, otherwise their mean n times.
        num_vectors: n.
        max_norm: how long a vector may become, in mean lengths of the initial ones; 0: no limit.
        gate: the noise levels at which the word acts.
        text_encoders: whose vectors are learned, with commas between; the others' stay the initial ones. Empty: all.

    Raises:
        InteractiveActionError: the initializer token is empty, or the model has no such text encoder.
    """

    trains_token = True

    def __init__(
        self,
        engine: Engine,
        initializer_token: str,
        num_vectors: int = 1,
        max_norm: float = 0.0,
        gate: NoiseGate = EVERYWHERE,
        text_encoders: str = "",
    ) -> None:
        self.gate = gate
        self._learned = _learned(engine, text_encoders)
        vectors = engine.word_vectors(initializer_token)
        if len(vectors) == 0:
            raise InteractiveActionError(
                "The initializer token is empty. Write a vague word for an interaction, such as 'handling'."
            )
        if len(vectors) != num_vectors:
            vectors = repeat(vectors.mean(0), "d -> n d", n=num_vectors)
        self._unit = _units(engine)
        vectors = vectors.detach().float().clone()
        self._initial = vectors if self._unit is None else vectors / self._unit
        self._longest = max_norm * self.initial().norm(dim=-1).mean().item() or float("inf")

    def initial(self) -> torch.Tensor:
        """Returns the initial parameters."""
        return self._initial.clone()

    def vectors(self, parameters: torch.Tensor) -> torch.Tensor:
        """Returns the new word's vectors."""
        if self._learned is not None:
            parameters = torch.where(self._learned, parameters, self._initial.to(parameters))
        return parameters if self._unit is None else parameters * self._unit

    def adapted(self, parameters: torch.Tensor) -> AbstractContextManager[None]:
        """While it lasts, the U-Net is the one that was learned."""
        return contextlib.nullcontext()

    def student(self, parameters: torch.Tensor) -> AbstractContextManager[None]:
        """While it lasts, the U-Net has what helps the student alone."""
        return contextlib.nullcontext()

    def lora_tensors(self, parameters: torch.Tensor) -> dict[str, torch.Tensor]:
        """Returns the tensors of a LoRA file."""
        return {}

    def limit_norm_(self, parameters: torch.Tensor) -> None:
        """Shortens vectors that are too long, in place."""
        self._restore_(parameters)
        if parameters.norm(dim=-1).max() > self._longest:
            parameters.mul_((self._longest / parameters.norm(dim=-1, keepdim=True)).clamp(max=1))

    def _restore_(self, parameters: torch.Tensor) -> None:
        """Gives vectors that are not learned their initial numbers again, which weight decay took some of."""
        if self._learned is not None:
            parameters.copy_(torch.where(self._learned, parameters, self._initial.to(parameters)))


def _units(engine: Engine) -> torch.Tensor | None:
    """What parameters are multiplied by to be vectors: (d,), or None where that would change nothing.

    AdamW's steps are absolute, and the tables of text encoders of different size: in units of a table a learning rate
    means the same for each.
    """
    if set(engine.units) == {1.0}:
        return None
    units = [torch.full((width,), unit) for width, unit in zip(engine.widths, engine.units)]
    return torch.cat(units).to(engine.device)


def _learned(engine: Engine, text_encoders: str) -> torch.Tensor | None:
    """Which numbers of a vector are learned: bool (d,), or None where all are."""
    chosen = learned_encoders(engine, text_encoders)
    if all(chosen):
        return None
    parts = [torch.full((width,), learned) for width, learned in zip(engine.widths, chosen)]
    return torch.cat(parts).to(engine.device)


def learned_encoders(engine: Engine, text_encoders: str) -> tuple[bool, ...]:
    """Returns for each of an engine's text encoders whether vectors are learned for it.

    Args:
        engine: whose ``encoders`` are named.
        text_encoders: some of their names, with commas between; empty: all.

    Raises:
        InteractiveActionError: the model has no text encoder of such a name.
    """
    names = [name for name in re.split(r"[\s,]+", text_encoders) if name]
    if unknown := [name for name in names if name not in engine.encoders]:
        raise InteractiveActionError(
            f"text_encoders names {', '.join(unknown)}, and this model has {', '.join(engine.encoders)}. Write some of "
            "these, or leave it empty for all."
        )
    return tuple(not names or name in names for name in engine.encoders)


class DirectionToken(Token):
    """Vectors (n, d) that keep the lengths of the initial ones: their directions are learned."""

    def limit_norm_(self, parameters: torch.Tensor) -> None:
        """Gives each vector its length again, in place: the part that is learned, where only one is."""
        initial = self._initial.to(parameters)
        learned = torch.ones_like(parameters[0], dtype=torch.bool) if self._learned is None else self._learned
        lengths = [(vectors * learned).norm(dim=-1, keepdim=True) for vectors in (initial, parameters)]
        parameters.mul_(lengths[0] / lengths[1])
        self._restore_(parameters)


class LayerwiseToken(Token):
    """Vectors (L, n, d): others for each of the U-Net's L cross-attention layers, all alike at the start."""

    def __init__(self, engine: Engine, initializer_token: str, num_vectors: int = 1, max_norm: float = 0.0) -> None:
        if not engine.layers:
            raise InteractiveActionError(
                "This model has joint attention: every block writes over the text tokens, so that no layer has words "
                "of its own and a token cannot be layer-wise. Turn layer-wise off in Train ADI, or use Train Textual "
                "Inversion or Train Interactive Token."
            )
        self._layers = engine.layers
        super().__init__(engine, initializer_token, num_vectors, max_norm)

    def initial(self) -> torch.Tensor:
        """Returns the initial parameters."""
        return repeat(self._initial, "n d -> layers n d", layers=self._layers).clone()


class TokenAndAdapter:
    """A new word's vectors and an adapter of the U-Net: flat (n * d + P,), the adapter's weights behind.

    Args:
        token: the word.
        adapter: of the U-Net.
        seed: of the adapter's initial weights.
        temporary: True: the adapter helps the student alone and is dropped after training; False: it is learned, too.
    """

    trains_token = True

    def __init__(self, token: Token, adapter: Adapter, seed: int, temporary: bool = False) -> None:
        self._token, self._adapter, self._seed, self._temporary = token, adapter, seed, temporary
        self.gate = token.gate
        self._shape = token.initial().shape

    def initial(self) -> torch.Tensor:
        """Returns the initial parameters."""
        vectors = self._token.initial()
        weights = self._adapter.start(torch.Generator().manual_seed(self._seed))
        return torch.cat([vectors.flatten(), weights.to(vectors)])

    def vectors(self, parameters: torch.Tensor) -> torch.Tensor:
        """Returns the new word's vectors."""
        return self._token.vectors(parameters[: self._shape.numel()].view(self._shape))

    def weights(self, parameters: torch.Tensor) -> torch.Tensor:
        """Returns the adapter's part (P,) of the parameters."""
        return parameters[self._shape.numel() :]

    def adapted(self, parameters: torch.Tensor) -> AbstractContextManager[None]:
        """While it lasts, the U-Net is the one that was learned."""
        return contextlib.nullcontext() if self._temporary else self._adapter.active(self.weights(parameters))

    def student(self, parameters: torch.Tensor) -> AbstractContextManager[None]:
        """While it lasts, the U-Net has what helps the student alone."""
        return self._adapter.active(self.weights(parameters)) if self._temporary else contextlib.nullcontext()

    def lora_tensors(self, parameters: torch.Tensor) -> dict[str, torch.Tensor]:
        """Returns the tensors of a LoRA file."""
        return {} if self._temporary else self._adapter.tensors(self.weights(parameters))

    def limit_norm_(self, parameters: torch.Tensor) -> None:
        """Does nothing: lengths are limited only where vectors alone are trained."""


class AdapterOfWord:
    """An adapter (P,) of the U-Net, which learns what a known word means; no vectors are trained.

    Args:
        engine: whose vocabulary the word is looked up in.
        word: written in prompts where the new word stands.
        adapter: of the U-Net.
        seed: of the adapter's initial weights.

    Raises:
        InteractiveActionError: the word is empty.
    """

    trains_token = False
    gate = EVERYWHERE

    def __init__(self, engine: Engine, word: str, adapter: Adapter, seed: int) -> None:
        self._vectors, self._adapter, self._seed = engine.word_vectors(word), adapter, seed
        if len(self._vectors) == 0:
            raise InteractiveActionError(
                "The instance token is empty. Write one that the model hardly knows, such as 'sks'."
            )

    def initial(self) -> torch.Tensor:
        """Returns the initial parameters."""
        return self._adapter.start(torch.Generator().manual_seed(self._seed))

    def vectors(self, parameters: torch.Tensor) -> torch.Tensor:
        """Returns the new word's vectors."""
        return self._vectors

    def adapted(self, parameters: torch.Tensor) -> AbstractContextManager[None]:
        """While it lasts, the U-Net is the one that was learned."""
        return self._adapter.active(parameters)

    def student(self, parameters: torch.Tensor) -> AbstractContextManager[None]:
        """While it lasts, the U-Net has what helps the student alone."""
        return contextlib.nullcontext()

    def lora_tensors(self, parameters: torch.Tensor) -> dict[str, torch.Tensor]:
        """Returns the tensors of a LoRA file."""
        return self._adapter.tensors(parameters)

    def limit_norm_(self, parameters: torch.Tensor) -> None:
        """Does nothing: there are no vectors."""
