"""What of a U-Net is trained and kept: changes of its weights, in the LoRA format that stock nodes, A1111 and diffusers load."""

import pathlib
import re

from ..files import checked_name, free_path, safetensors_bytes, write_atomically
from .adapters import Changes
from .lora import AuxiliaryLoRA

ATTENTION = r"\.attn[12]\.to_(q|k|v|out\.0)\.weight$"
CROSS_KEYS_AND_VALUES = r"\.attn2\.to_[kv]\.weight$"


def weight_names(engine, pattern=""):
    """diffusers' name -> the name in ``engine.unet`` of every weight whose first fits ``pattern``."""
    return {theirs: ours for theirs, ours in engine.unet_names().items() if re.search(pattern, theirs)}


class Difference(Changes):
    """Any change of all weights that fit ``pattern``."""

    def __init__(self, engine, pattern=""):
        names = weight_names(engine, pattern)
        super().__init__(engine.unet, names.values())
        self.theirs = list(names)

    def tensors(self, changes):
        """The tensors of a LoRA file, which holds whole changes (``diff``) where others hold factors."""
        kinds = {"weight": "diff", "bias": "diff_b"}
        layers = [name.rpartition(".") for name in self.theirs]
        return {
            f"{_key(layer)}.{kinds[leaf]}": change.clone()
            for (layer, _, leaf), change in zip(layers, self.split(changes))
        }


class LoRA(AuxiliaryLoRA):
    """Low-rank changes (Hu et al. 2021) of the attentions' projections."""

    def __init__(self, engine, rank):
        names = weight_names(engine, ATTENTION)
        super().__init__([engine.unet.get_submodule(name.removesuffix(".weight")) for name in names.values()], rank)
        self.theirs = list(names)

    def tensors(self, weights):
        """The tensors of a LoRA file."""
        pieces = iter(weights.split([rows * columns for pair in self.shapes for rows, columns in pair]))
        found = {}
        for name, shapes in zip(self.theirs, self.shapes):
            for side, shape in zip(("down", "up"), shapes):
                found[f"{_key(name.removesuffix('.weight'))}.lora_{side}.weight"] = next(pieces).view(shape).clone()
        return found


def _key(layer):
    return f"lora_unet_{layer.replace('.', '_')}"


def save_lora(name, tensors, learned, folder, overwrite=False):
    """Write a LoRA file to ``folder/<name>.safetensors``, or under the next free name; returns the path. learned: ``provenance``'s."""
    name = checked_name(name, "LoRA")
    path = pathlib.Path(folder, f"{name}.safetensors") if overwrite else free_path(folder, name, ".safetensors")
    architecture = learned["modelspec.architecture"].replace("textual-inversion", "lora")
    metadata = {
        **learned,
        "format": "pt",
        "modelspec.architecture": architecture,
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.title": path.stem,
    }
    write_atomically(path, safetensors_bytes({key: value.cpu() for key, value in tensors.items()}, metadata))
    return path
