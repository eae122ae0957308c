"""What all plots of scores share."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def png_bytes(figure: Figure, dpi: int = 100) -> bytes:
    """Returns a plot as the bytes of a PNG."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=dpi)
    return data.getvalue()


def plain_label(text: str) -> str:
    """Returns a user's text for matplotlib, which would read what stands between dollar signs as a formula."""
    return text.replace("$", r"\$")
