"""A bar in the terminal as a progress callback."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from tqdm import tqdm


@contextlib.contextmanager
def progress_bar(unit: str) -> Iterator[Callable[..., None]]:
    """Yields ``progress(done, total, preview=None)``, which moves a bar; the preview is not shown.

    Args:
        unit: what is counted.
    """
    with tqdm(unit=unit) as bar:

        def progress(done: int, total: int, preview: object = None) -> None:
            bar.total = total
            if done > bar.n:
                bar.update(done - bar.n)

        yield progress
