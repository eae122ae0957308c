"""What of a network is trained, as one flat vector beside its frozen weights: while an adapter is not active, the network is
the one it began as, so that a reference policy needs no copy."""

import contextlib
import re

import torch

from .lora import AuxiliaryLoRA
from .protocol import attention_projections

# What a style-conditioned InstructPix2Pix has beyond its origin: it begins at zero, and LoRA on attention cannot wake it.
NEW_PARTS = re.compile(r"(^|\.)(style_attention\..*|conv_in\.weight|input_blocks\.0\.0\.weight)$")


class Changes:
    """An additive change of the named parameters of ``module``: W becomes W + change while active."""

    def __init__(self, module, names):
        self.names = list(names)
        self.places = [
            (module.get_submodule(owner), leaf) for owner, _, leaf in (name.rpartition(".") for name in self.names)
        ]
        self.parameters = [owner._parameters[leaf] for owner, leaf in self.places]

    def start(self, generator):
        """No change: zeros (P,)."""
        return torch.zeros(sum(parameter.numel() for parameter in self.parameters))

    @contextlib.contextmanager
    def active(self, changes):
        try:
            for (owner, leaf), parameter, change in zip(self.places, self.parameters, self.split(changes)):
                owner._parameters[leaf] = (parameter.to(change) + change).to(parameter)
            yield
        finally:
            for (owner, leaf), parameter in zip(self.places, self.parameters):
                owner._parameters[leaf] = parameter

    def split(self, changes):
        """Each parameter's change, in its shape."""
        parts = changes.split([parameter.numel() for parameter in self.parameters])
        return [part.view(parameter.shape) for part, parameter in zip(parts, self.parameters)]

    def state(self, changes):
        """The changes by the names under which ComfyUI loads them as a LoRA."""
        suffixes = {"weight": ".diff", "bias": ".diff_b"}
        pairs = zip(self.names, self.split(changes))
        return {name.rpartition(".")[0] + suffixes[name.rpartition(".")[2]]: change.clone() for name, change in pairs}


class LowRank(AuxiliaryLoRA):
    """LoRA of ``rank`` on all attentions of ``module``."""

    def __init__(self, module, rank):
        super().__init__(attention_projections(module), rank)
        names = {layer: name for name, layer in module.named_modules()}
        self.names = [names[layer] for layer in self.projections]

    def state(self, weights):
        """The weights by the names under which ComfyUI loads them as a LoRA."""
        pieces = iter(weights.split([rows * columns for pair in self.shapes for rows, columns in pair]))
        found = {}
        for name, (down, up) in zip(self.names, self.shapes):
            found[f"{name}.lora_down.weight"] = next(pieces).view(down).clone()
            found[f"{name}.lora_up.weight"] = next(pieces).view(up).clone()
        return found


class Together:
    """Several adapters as one."""

    def __init__(self, *adapters):
        self.adapters = adapters
        self.sizes = [len(adapter.start(torch.Generator())) for adapter in adapters]

    def start(self, generator):
        return torch.cat([adapter.start(generator) for adapter in self.adapters])

    @contextlib.contextmanager
    def active(self, weights):
        with contextlib.ExitStack() as stack:
            for adapter, part in zip(self.adapters, weights.split(self.sizes)):
                stack.enter_context(adapter.active(part))
            yield

    def state(self, weights):
        return {
            name: part
            for adapter, own in zip(self.adapters, weights.split(self.sizes))
            for name, part in adapter.state(own).items()
        }


def editor_adapter(module, rank):
    """What D3PO trains of an editor's ``module``: LoRA of ``rank`` on attention and all of the new parts; rank 0: every weight."""
    names = [name for name, _ in module.named_parameters()]
    if rank == 0:
        return Changes(module, names)
    return Together(LowRank(module, rank), Changes(module, [name for name in names if NEW_PARTS.search(name)]))
