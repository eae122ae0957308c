"""The learned thing itself: a few vectors in a text encoder's vocabulary space, with where they came from."""

from dataclasses import dataclass, field

import torch


@dataclass(frozen=True)
class InteractiveToken:
    """``n`` learned vectors that stand in a prompt where ``trigger_word`` is written.

    name: file name and word without brackets, for example ``pick-up``.
    vectors: float32 (n, d); d is the width of the text encoder's vocabulary table (768 for SD 1.x). A layer-wise token has
        others for each of the U-Net's L cross-attention layers: (L, n, d), in the order of ``trainers.engines.Engine``.
    widths: of the text encoders it was learned for, whose sum is d: (768, 1280) for SDXL; one encoder's if nothing is said.
    provenance: strings only; see ``tokens.token_file`` for the keys that are written.
    """

    name: str
    vectors: torch.Tensor
    provenance: dict[str, str] = field(default_factory=dict)
    widths: tuple[int, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "widths", tuple(self.widths) or (self.width,))

    @property
    def trigger_word(self):
        return f"<{self.name}>"

    @property
    def width(self):
        return self.vectors.shape[-1]

    @property
    def layers(self):
        """L of a layer-wise token, otherwise None."""
        return len(self.vectors) if self.vectors.ndim == 3 else None
