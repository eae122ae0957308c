"""How far a score would move with other images, prompts or voters of the same kind.

All resampling of the pack stands here. Seeds are fixed, so that equal data have equal intervals.

Source: Efron 1979 (bootstrap), Owen 2007 (pigeonhole bootstrap), Fleiss 1971 (kappa).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

RESAMPLES = 2000
PERCENTILES = (2.5, 97.5)  # the ends of a 95 % interval
AT_ONCE = 100  # resamples, for memory's sake

Array = np.ndarray[Any, np.dtype[np.float64]]


def percentile_interval(samples: ArrayLike) -> list[float] | None:
    """Returns the 95 % interval [low, high] of resampled values (R,), or None if there are none."""
    values = np.asarray(samples, dtype=float)
    return [float(end) for end in np.percentile(values, PERCENTILES)] if len(values) else None


def bootstrap_means(values: ArrayLike, seed: int = 0) -> Array:
    """Resamples rows with replacement and takes the mean of each column.

    Args:
        values: (N, K).
        seed: of the resamples.

    Returns:
        Means (``RESAMPLES``, K).
    """
    rows = np.asarray(values, dtype=float)
    generator, count = np.random.default_rng(seed), len(rows)
    # how often each row is taken says everything about a resample
    return np.concatenate(
        [_multiplicities(generator, count, AT_ONCE) @ rows / count for _ in range(RESAMPLES // AT_ONCE)]
    )


def bootstrap_interval(values: ArrayLike, seed: int = 0) -> list[float]:
    """Returns the 95 % bootstrap interval [low, high] of the mean of values (N,).

    Rows are taken one by one, not by their multiplicities: published comparisons rest on this stream of random numbers.
    """
    rows = np.asarray(values, dtype=float)
    indices = np.random.default_rng(seed).integers(len(rows), size=(RESAMPLES, len(rows)))
    return percentile_interval(rows[indices].mean(1)) or []


def pigeonhole_bootstrap(counts: np.ndarray[Any, Any], seed: int = 0) -> np.ndarray[Any, Any]:
    """Resamples two crossed factors, such as voters and prompts, and sums over both.

    Args:
        counts: whole numbers (N, M, ...) of N units of the first factor and M of the second.
        seed: of the resamples.

    Returns:
        Sums (``RESAMPLES``, ...).
    """
    first, second, *rest = counts.shape
    generator = np.random.default_rng(seed)
    of_first = _multiplicities(generator, first, RESAMPLES)
    of_second = _multiplicities(generator, second, RESAMPLES)
    by_second = (of_first @ counts.reshape(first, -1)).reshape(RESAMPLES, second, -1)
    sums: np.ndarray[Any, Any] = np.einsum("rm,rmk->rk", of_second, by_second)
    return sums.reshape(RESAMPLES, *rest)


def normal_interval(values: ArrayLike) -> list[float]:
    """Returns the 95 % interval [low, high] of the mean of N > 1 independent values, by the normal distribution."""
    rows = np.asarray(values, dtype=float)
    half = 1.96 * rows.std(ddof=1) / math.sqrt(len(rows))
    return [float(rows.mean() + side * half) for side in (-1, 1)]


def fleiss_kappa(counts: ArrayLike) -> float | None:
    """Returns the agreement of voters beyond chance: 1 is perfect, 0 is chance. None if it is not defined.

    Args:
        counts: (groups, methods), how many voters chose each. Groups with fewer than two votes do not count; the others
            may have different numbers of votes and weigh the same.
    """
    votes = np.asarray(counts, dtype=float)
    votes = votes[votes.sum(1) >= 2]
    if not len(votes):
        return None
    sizes = votes.sum(1)
    observed = ((votes * (votes - 1)).sum(1) / (sizes * (sizes - 1))).mean()
    expected = ((votes.sum(0) / votes.sum()) ** 2).sum()
    return None if expected == 1 else float((observed - expected) / (1 - expected))


def _multiplicities(generator: np.random.Generator, units: int, resamples: int) -> np.ndarray[Any, Any]:
    """How often each of ``units`` is taken in each resample, (resamples, units)."""
    return generator.multinomial(units, [1 / units] * units, resamples)
