"""What is learned, as files: at the end, and after every so many steps, each used just as the last one is."""

import dataclasses
import pathlib

from ..models.weight_files import save_lora
from ..tokens.token import InteractiveToken
from ..tokens.token_file import save_token
from .provenance import provenance


@dataclasses.dataclass(frozen=True)
class Checkpoints:
    """Where a run of ``loss`` puts what it learned.

    told: method, action, base model and its sha256, as ``provenance`` takes them. name: of the files. kept: of the folder of checkpoints.
    folders: for plain tokens, layer-wise tokens and LoRAs. more: provenance beside that.
    """

    loss: object
    told: tuple
    name: str
    kept: str
    folders: tuple
    more: dict = dataclasses.field(default_factory=dict)

    def learned(self, state):
        """(the token or None, a LoRA's tensors, provenance) of a run that stands where ``state`` does."""
        learned = {**provenance(self.loss, *self.told, state), **self.more}
        vectors = self.loss.token(state.result) if self.loss.learns_token else None
        token = None if vectors is None else InteractiveToken(self.name, vectors, learned, self.loss.engine.widths)
        return token, self.loss.lora(state.result), learned

    def save(self, state, overwrite=False):
        """Write token, LoRA or both, and return their paths."""
        token, lora, learned = self.learned(state)
        plain, layered, loras = self.folders
        saved = []
        if token is not None:
            saved.append(save_token(token, layered if token.layers else plain, overwrite))
        if lora:
            saved.append(save_lora(f"{self.name}-lora", lora, learned, loras, overwrite))
        return saved

    def keep(self, state):
        """The present average as <name>-000100, after step 100, in the folder ``kept`` below the others."""
        now = dataclasses.replace(state, best=None, scores={})
        folders = tuple(pathlib.Path(folder, self.kept) for folder in self.folders)
        return dataclasses.replace(self, name=f"{self.name}-{state.step:06d}", folders=folders).save(
            now, overwrite=True
        )
