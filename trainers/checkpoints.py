"""What is learned, as files: at the end, and after every so many steps, each used just as the last one is."""

from __future__ import annotations

import dataclasses
import pathlib

import torch

from ..models.lora_file import save_lora
from ..tokens.token import InteractiveToken
from ..tokens.token_file import save_token
from .loop import TrainingState
from .objective import Objective
from .provenance import Origin, provenance


@dataclasses.dataclass(frozen=True)
class Folders:
    """Where plain tokens, layer-wise tokens and LoRAs belong."""

    embeddings: pathlib.Path
    layerwise: pathlib.Path
    loras: pathlib.Path

    def below(self, name: str) -> Folders:
        """Returns the folders called ``name`` inside of these."""
        return Folders(self.embeddings / name, self.layerwise / name, self.loras / name)


@dataclasses.dataclass(frozen=True)
class Checkpoints:
    """Writes what a run has learned.

    Args:
        objective: of the run.
        origin: what the files say of it.
        name: of the files.
        folders: of the final files.
        subfolder: of the folder of checkpoints inside of each.
    """

    objective: Objective
    origin: Origin
    name: str
    folders: Folders
    subfolder: str

    def learned(self, state: TrainingState) -> tuple[InteractiveToken | None, dict[str, torch.Tensor], dict[str, str]]:
        """Returns (the token or None, a LoRA's tensors, provenance) at ``state``."""
        trainable, facts = self.objective.trainable, provenance(self.objective, self.origin, state)
        token = None
        if trainable.trains_token:
            vectors = trainable.vectors(state.result)
            token = InteractiveToken(self.name, vectors, facts, tuple(self.objective.engine.widths), trainable.gate)
        return token, trainable.lora_tensors(state.result), facts

    def save(self, state: TrainingState, overwrite: bool = False) -> list[pathlib.Path]:
        """Writes token, LoRA or both, and returns their paths.

        Raises:
            NotWrittenError: one could not be written; then no new file is there.
        """
        token, lora, facts = self.learned(state)
        paths = []
        if token is not None:
            folder = self.folders.layerwise if token.layers else self.folders.embeddings
            paths.append(save_token(token, folder, overwrite))
        if lora:
            try:
                paths.append(save_lora(f"{self.name}-lora", lora, facts, self.folders.loras, overwrite))
            except BaseException:
                for path in () if overwrite else paths:  # token and LoRA belong together
                    path.unlink()
                raise
        return paths

    def save_step(self, state: TrainingState) -> list[pathlib.Path]:
        """Writes the present average as <name>-000100, after step 100, into the subfolder."""
        present = dataclasses.replace(state, best=None, scores={})
        name = f"{self.name}-{state.step:06d}"
        checkpoint = dataclasses.replace(self, name=name, folders=self.folders.below(self.subfolder))
        return checkpoint.save(present, overwrite=True)
