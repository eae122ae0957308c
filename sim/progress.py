"""What is called while a recording is made, and what starts an episode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Progress = Callable[[int, int, "np.ndarray | None"], None]
"""``progress(done, total, image)``, with the image uint8 (H, W, 3) that was rendered last; may raise to cancel."""

Submit = Callable[..., Any]
"""``submit(scenes, plan, seed)`` starts an episode and returns something to ``follow(progress)``."""
