"""Plots for previews and saved images."""

import io

from PIL import Image

LABELS = {
    "total": "total (Eq. 8)",
    "denoise": "denoise (Eq. 3)",
    "steer": "steer (Eq. 5)",
    "distill": "distill (Eq. 6)",
}


def loss_curves(losses, steps, width=640, height=360):
    """An image of loss curves. losses: name -> one float a step; steps: where the run will end.

    Each point is a running mean over a tenth of the run so far, since single steps jump with their noise level.
    """
    # imported here: matplotlib takes half a second that ComfyUI's start should not pay
    from matplotlib.backends.backend_agg import FigureCanvasAgg
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
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return Image.open(buffer).convert("RGB")


def _running_mean(values):
    import numpy

    window = max(1, len(values) // 10)
    sums = numpy.concatenate([[0.0], numpy.cumsum(values)])
    ends = numpy.arange(1, len(values) + 1)
    starts = numpy.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)
