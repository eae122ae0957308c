"""What is trained of a network's weights, as one flat vector beside them; the network itself stays frozen.

While an adapter is not active the network is the one it was, so that a teacher or a reference policy needs no copy.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch

from .protocol import Engine, attention_projections

ATTENTION = r"\.attn[12]\.to_(q|k|v|out\.0)\.weight$"
CROSS_KEYS_AND_VALUES = r"\.attn2\.to_[kv]\.weight$"
# What a style-conditioned InstructPix2Pix has beyond its origin: zero at first, and LoRA on attention cannot wake it.
STYLE_WEIGHTS = re.compile(r"(^|\.)(style_attention\..*|conv_in\.weight|input_blocks\.0\.0\.weight)$")
DELTA_KEYS = {"weight": "diff", "bias": "diff_b"}

NamingScheme = Callable[[str], str]
"""A layer's name -> its name in a LoRA file."""


def comfy_key(layer: str) -> str:
    """Returns the name under which ComfyUI finds a layer of its own U-Net."""
    return f"diffusion_model.{layer}"


def kohya_key(layer: str) -> str:
    """Returns kohya's name, which ComfyUI, A1111 and diffusers know, of the layer that diffusers calls ``layer``."""
    return f"lora_unet_{layer.replace('.', '_')}"


class Adapter(Protocol):
    """A change of a network, decided by one flat vector of weights (P,).

    size: P.
    """

    @property
    def size(self) -> int:
        """How many weights there are: P."""

    def start(self, generator: torch.Generator) -> torch.Tensor:
        """Returns the weights (P,) that training starts from, with which the network is as it was."""

    def active(self, weights: torch.Tensor) -> AbstractContextManager[None]:
        """Changes the network as ``weights`` (P,) say while it lasts; gradients reach them."""

    def tensors(self, weights: torch.Tensor) -> dict[str, torch.Tensor]:
        """Returns the tensors of a LoRA file, copies, by their names in it."""


class LoRA:
    """Low-rank changes of linear layers: W x becomes W x + up down x.

    Args:
        layers: name -> linear layer; the order is that of the weights, down before up.
        rank: of each change.
        key: the names' form in a LoRA file.

    Source: Hu et al. 2021, Eq. 3, with a scale of 1.
    """

    def __init__(self, layers: Mapping[str, torch.nn.Module], rank: int, key: NamingScheme = comfy_key) -> None:
        self.layers, self._key = dict(layers), key
        self._shapes = [_factor_shapes(layer, rank) for layer in self.layers.values()]

    @property
    def size(self) -> int:
        """How many weights there are: P."""
        return sum(self._sizes())

    def start(self, generator: torch.Generator) -> torch.Tensor:
        """Returns weights (P,): down normal with deviation 1 / rank, up zero, as is usual."""
        pairs = [(torch.randn(down, generator=generator) / down[0], torch.zeros(up)) for down, up in self._shapes]
        return torch.cat([factor.flatten() for pair in pairs for factor in pair])

    @contextlib.contextmanager
    def active(self, weights: torch.Tensor) -> Iterator[None]:
        """See ``Adapter.active``."""
        handles = []
        try:
            for layer, (down, up) in zip(self.layers.values(), self._factors(weights)):
                handles.append(layer.register_forward_hook(_low_rank_hook(down, up)))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def tensors(self, weights: torch.Tensor) -> dict[str, torch.Tensor]:
        """See ``Adapter.tensors``."""
        return {
            f"{self._key(name)}.lora_{side}.weight": factor.clone()
            for name, factors in zip(self.layers, self._factors(weights))
            for side, factor in zip(("down", "up"), factors)
        }

    def _sizes(self) -> list[int]:
        return [rows * columns for pair in self._shapes for rows, columns in pair]

    def _factors(self, weights: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Each layer's (down (rank, in), up (out, rank))."""
        parts = iter(weights.split(self._sizes()))
        return [(next(parts).view(down), next(parts).view(up)) for down, up in self._shapes]


def _factor_shapes(layer: Any, rank: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Of down and up."""
    return (rank, layer.in_features), (layer.out_features, rank)


def _low_rank_hook(down: torch.Tensor, up: torch.Tensor) -> Callable[..., torch.Tensor]:
    def hook(layer: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        return output + (inputs[0].to(down) @ down.T @ up.T).to(output)

    return hook


class WeightDelta:
    """Any change of the named parameters of a module: W becomes W + delta.

    Args:
        module: has the parameters.
        names: the parameter's name in a LoRA file, before ``key`` -> its name in ``module``; their order is the
            weights'.
        key: the form of a layer's name in a LoRA file, which holds whole changes where others hold factors.
    """

    def __init__(self, module: torch.nn.Module, names: Mapping[str, str], key: NamingScheme = comfy_key) -> None:
        self.names, self._key = dict(names), key
        owners = [name.rpartition(".") for name in self.names.values()]
        self._owners: list[tuple[Any, str]] = [(module.get_submodule(owner), leaf) for owner, _, leaf in owners]
        self._parameters: list[torch.Tensor] = [owner._parameters[leaf] for owner, leaf in self._owners]

    @property
    def size(self) -> int:
        """How many weights there are: P."""
        return sum(parameter.numel() for parameter in self._parameters)

    def start(self, generator: torch.Generator) -> torch.Tensor:
        """Returns no change: zeros (P,)."""
        return torch.zeros(self.size)

    @contextlib.contextmanager
    def active(self, weights: torch.Tensor) -> Iterator[None]:
        """See ``Adapter.active``."""
        try:
            for (owner, leaf), parameter, delta in zip(self._owners, self._parameters, self._split(weights)):
                owner._parameters[leaf] = (parameter.to(delta) + delta).to(parameter)
            yield
        finally:
            for (owner, leaf), parameter in zip(self._owners, self._parameters):
                owner._parameters[leaf] = parameter

    def tensors(self, weights: torch.Tensor) -> dict[str, torch.Tensor]:
        """See ``Adapter.tensors``."""
        layers = [name.rpartition(".") for name in self.names]
        deltas = zip(layers, self._split(weights))
        return {f"{self._key(layer)}.{DELTA_KEYS[leaf]}": delta.clone() for (layer, _, leaf), delta in deltas}

    def _split(self, weights: torch.Tensor) -> list[torch.Tensor]:
        """Each parameter's change, in its shape."""
        parts = weights.split([parameter.numel() for parameter in self._parameters])
        return [part.view(parameter.shape) for part, parameter in zip(parts, self._parameters)]


class ComposedAdapter:
    """Several adapters as one, whose weights lie behind one another.

    Args:
        adapters: active one within the other, in this order.
    """

    def __init__(self, *adapters: Adapter) -> None:
        self.adapters = adapters

    @property
    def size(self) -> int:
        """How many weights there are: P."""
        return sum(adapter.size for adapter in self.adapters)

    def start(self, generator: torch.Generator) -> torch.Tensor:
        """See ``Adapter.start``."""
        return torch.cat([adapter.start(generator) for adapter in self.adapters])

    @contextlib.contextmanager
    def active(self, weights: torch.Tensor) -> Iterator[None]:
        """See ``Adapter.active``."""
        with contextlib.ExitStack() as stack:
            for adapter, part in self._parts(weights):
                stack.enter_context(adapter.active(part))
            yield

    def tensors(self, weights: torch.Tensor) -> dict[str, torch.Tensor]:
        """See ``Adapter.tensors``."""
        return {
            name: tensor for adapter, part in self._parts(weights) for name, tensor in adapter.tensors(part).items()
        }

    def _parts(self, weights: torch.Tensor) -> Iterable[tuple[Adapter, torch.Tensor]]:
        return zip(self.adapters, weights.split([adapter.size for adapter in self.adapters]))


def auxiliary_lora(engine: Engine, rank: int) -> LoRA:
    """Returns a LoRA on all attentions, in the forward pass's order, that is trained with a token and then dropped.

    It may take up the look of the training images instead of the token. Interactive-Action's public code replaces every
    attention processor of the student by one with LoRA of rank 4, trains it in one AdamW group with the token, and does
    not load it again to sample; the paper's text knows nothing of it.
    """
    return LoRA({f"projection_{index}": layer for index, layer in enumerate(engine.attention_projections())}, rank)


def attention_lora(engine: Engine, rank: int) -> LoRA:
    """Returns a LoRA on all attentions of an engine's U-Net, in the order of diffusers' names.

    Of a transformer in ComfyUI in the order of its own names, which stand in the file as they are.
    """
    if engine.lora_prefix:
        names_of = {layer: name for name, layer in engine.unet.named_modules()}
        own = {names_of[layer]: layer for layer in engine.attention_projections()}
        return LoRA(own, rank, lambda name: f"{engine.lora_prefix}.{name}")
    names = weight_names(engine, ATTENTION).items()
    layers = {
        theirs.removesuffix(".weight"): engine.unet.get_submodule(ours.removesuffix(".weight"))
        for theirs, ours in names
    }
    return LoRA(layers, rank, kohya_key)


def weight_delta(engine: Engine, pattern: str = "") -> WeightDelta:
    """Returns any change of the weights of an engine's U-Net whose diffusers' names fit ``pattern``."""
    return WeightDelta(engine.unet, weight_names(engine, pattern), kohya_key)


def editor_adapter(module: torch.nn.Module, rank: int) -> Adapter:
    """Returns what is trained of an editor's network.

    Args:
        module: the network of a style-conditioned InstructPix2Pix.
        rank: of the LoRA on attention, beside which the weights that the style image brings are trained whole; 0: every
            weight.
    """
    names = [name for name, _ in module.named_parameters()]
    if rank == 0:
        return WeightDelta(module, {name: name for name in names})
    projections = attention_projections(module)
    layer_names = {layer: name for name, layer in module.named_modules()}
    lora = LoRA({layer_names[layer]: layer for layer in projections}, rank)
    return ComposedAdapter(lora, WeightDelta(module, {name: name for name in names if STYLE_WEIGHTS.search(name)}))


def weight_names(engine: Engine, pattern: str = "") -> dict[str, str]:
    """Returns diffusers' name -> the name in ``engine.unet`` of every weight whose first fits ``pattern``."""
    return {theirs: ours for theirs, ours in engine.unet_names().items() if re.search(pattern, theirs)}
