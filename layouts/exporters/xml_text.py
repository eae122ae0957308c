"""Numbers and colors as the attributes of URDF's and MJCF's elements."""

from __future__ import annotations

from ...sim.furnishings.model import Finish


def numbers(*values: float) -> str:
    """Returns numbers with nine digits, with blanks between them."""
    return " ".join(f"{value:.9g}" for value in values)


def color_text(finish: Finish) -> str:
    """Returns a finish's opaque color: red, green, blue and alpha."""
    return " ".join(f"{value:.3f}" for value in (*finish.color, 1.0))
