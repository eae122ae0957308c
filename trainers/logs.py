"""A run's curves and sample images for TensorBoard."""

import contextlib

from ..errors import MissingExtraError


@contextlib.contextmanager
def tensorboard(folder, state):
    """Yields a function (state, sample images (N, H, W, 3) or None) that writes a step to ``folder``; None writes nothing.

    A run that goes on from ``state`` takes back what was written after it.
    """
    if folder is None:
        yield lambda state, images: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtraError("tensorboard", "train") from error
    with SummaryWriter(str(folder), purge_step=state.step + 1) as writer:

        def write(state, images):
            for name, values in state.losses.items():
                writer.add_scalar(f"loss/{name}", values[-1], state.step)
            if str(state.step) in state.scores:
                writer.add_scalar("score", state.scores[str(state.step)], state.step)
            if images is not None:
                writer.add_images("samples", images, state.step, dataformats="NHWC")

        yield write
