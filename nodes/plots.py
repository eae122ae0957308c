"""Plots for previews and saved images."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PIL import Image

from ..scoring.figures import png_bytes

if TYPE_CHECKING:
    import numpy
    import torch
    from matplotlib.figure import Figure

LABELS = {"denoise": "denoising", "steer": "steering", "distill": "keeping the subject"}  # a loss's name to its title


def image_of_png(data: bytes) -> torch.Tensor:
    """Returns a PNG as ComfyUI's IMAGE: float (1, H, W, 3) in 0..1."""
    import numpy
    import torch

    with Image.open(io.BytesIO(data)) as image:
        return torch.from_numpy(numpy.array(image.convert("RGB")))[None].float() / 255


def image_of_figure(figure: Figure) -> Image.Image:
    """Renders a plot."""
    return Image.open(io.BytesIO(png_bytes(figure))).convert("RGB")


def loss_curves(losses: Mapping[str, Sequence[float]], steps: int, width: int = 640, height: int = 360) -> Image.Image:
    """Plots loss curves.

    Each point is a running mean over a tenth of the run so far, since single steps jump with their noise level.

    Args:
        losses: {name: one float a step}.
        steps: where the run will end.
        width: of the image in pixels.
        height: of the image in pixels.
    """
    # imported here: matplotlib takes half a second that ComfyUI's start should not pay
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 100, height / 100), dpi=100, layout="constrained")
    panels = figure.subplots(1, len(losses), sharex=True, squeeze=False)[0]
    for panel, (name, values) in zip(panels, losses.items()):
        panel.plot(range(1, len(values) + 1), values, color="0.85", linewidth=0.6)
        panel.plot(range(1, len(values) + 1), _running_mean(values), color="tab:blue", linewidth=1.4)
        panel.set_title(LABELS.get(name, name), fontsize=9)
        panel.set_xlim(1, max(steps, 2))
        panel.tick_params(labelsize=7)
        panel.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("step", fontsize=8)
    return image_of_figure(figure)


def _running_mean(values: Sequence[float]) -> numpy.ndarray:
    import numpy

    window = max(1, len(values) // 10)
    sums = numpy.concatenate([[0.0], numpy.cumsum(values)])
    ends = numpy.arange(1, len(values) + 1)
    starts = numpy.maximum(ends - window, 0)
    means: numpy.ndarray = (sums[ends] - sums[starts]) / (ends - starts)
    return means
