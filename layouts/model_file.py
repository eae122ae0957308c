"""A trained layout model: its network, what it predicts, and its file."""

from __future__ import annotations

import json
import pathlib
from dataclasses import dataclass
from typing import Any

import torch

from ..errors import InteractiveActionError
from ..files import write_atomically
from ..tensor_files import safetensors_bytes
from .diffusion import PREDICTIONS, linear_schedule
from .network import RoomTransformer
from .representation import CHANNELS

FORMAT = "interactive-action/layout-model/1"


@dataclass(frozen=True)
class LayoutModel:
    """A network with what sampling must know of it.

    Args:
        network: predicts objects.
        shape: ``RoomTransformer``'s arguments.
        prediction: one of ``diffusion.PREDICTIONS``.
        about: texts on where it comes from.
    """

    network: RoomTransformer
    shape: dict[str, int]
    prediction: str
    about: dict[str, str]

    @property
    def alphas_cumprod(self) -> torch.Tensor:
        """(T,) the noise schedule."""
        return linear_schedule()

    def save(self, path: str | pathlib.Path) -> None:
        """Writes the model in half precision, in one piece.

        Raises:
            NotWrittenError: the system refuses.
        """
        header = {"format": FORMAT, "channels": CHANNELS, "prediction": self.prediction, **self.shape}
        metadata = {"layout_model": json.dumps(header, sort_keys=True), **self.about}
        tensors = {name: tensor.detach().cpu().half() for name, tensor in self.network.state_dict().items()}
        write_atomically(path, safetensors_bytes(tensors, metadata))

    @classmethod
    def load(cls, path: str | pathlib.Path) -> LayoutModel:
        """Returns the model of a file, in single precision on the CPU.

        Raises:
            InteractiveActionError: the file is none of a layout model, or of other classes of furniture.
        """
        import safetensors

        path = pathlib.Path(path)
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                metadata: dict[str, str] = file.metadata() or {}
                tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118 (not a dict)
        except (safetensors.SafetensorError, OSError) as error:
            raise InteractiveActionError(f"The layout model {path.name} could not be read: {error}.") from error
        header: dict[str, Any] = json.loads(metadata.pop("layout_model", "{}"))
        if header.get("format") != FORMAT or header.get("prediction") not in PREDICTIONS:
            raise InteractiveActionError(
                f"{path.name} is no layout model: it says {header.get('format')!r}, and {FORMAT!r} is expected. Train "
                "one with: interactive-action rooms train."
            )
        if header["channels"] != CHANNELS:
            raise InteractiveActionError(
                f"{path.name} was trained with other classes of furniture: {header['channels']} numbers an object "
                f"instead of {CHANNELS}. Train it again."
            )
        shape = {name: int(header[name]) for name in ("width", "layers", "heads")}
        network = RoomTransformer(**shape)
        network.load_state_dict(tensors)
        return cls(network.eval(), shape, header["prediction"], metadata)
