"""Intervals: the ends that theory or a slow obvious version gives."""

import itertools

import numpy as np
import pytest

from interactive_action.scoring.statistics import (
    RESAMPLES,
    bootstrap_interval,
    bootstrap_means,
    normal_interval,
    percentile_interval,
    pigeonhole_bootstrap,
)


def test_the_interval_leaves_out_a_fortieth_at_each_end():
    assert percentile_interval(np.arange(41)) == [1, 39]
    assert percentile_interval([]) is None


def test_resampled_means_keep_the_columns_of_a_row_together():
    means = bootstrap_means([[0, 1], [1, 0], [1, 0]])
    assert means.shape == (RESAMPLES, 2)
    assert np.allclose(means.sum(1), 1)
    # Binomial(3, 2/3) / 3 is 0 with probability 1/27, and has the mean 2/3
    assert (means[:, 0] == 0).mean() == pytest.approx(1 / 27, abs=0.015)
    assert means[:, 0].mean() == pytest.approx(2 / 3, abs=0.02)


@pytest.mark.parametrize(
    "interval", [bootstrap_interval, lambda values: percentile_interval(bootstrap_means(values[:, None])[:, 0])]
)
def test_both_ways_to_resample_give_the_interval_of_theory(interval):
    # 400 values of 0 or 1, half each: 0.5 +- 1.96 * sqrt(0.25 / 400) = 0.5 +- 0.049
    values = np.tile([0.0, 1.0], 200)
    assert interval(values) == pytest.approx([0.451, 0.549], abs=0.006)
    assert interval(values) == interval(values)


def test_the_normal_interval_by_hand():
    # mean 2, standard deviation 1, three values: 2 -+ 1.96 / sqrt(3)
    assert normal_interval([1, 2, 3]) == pytest.approx([2 - 1.96 / 3**0.5, 2 + 1.96 / 3**0.5])


def test_the_pigeonhole_bootstrap_takes_rows_and_columns_independently():
    counts = np.array([[[1], [10]], [[100], [1000]]])
    sums = pigeonhole_bootstrap(counts)[:, 0]
    # two of two rows and two of two columns: sums of r_i c_j counts_ij with r and c in (2, 0), (1, 1), (0, 2)
    shares = {(2, 0): 1 / 4, (1, 1): 1 / 2, (0, 2): 1 / 4}
    theory = {}
    for (r, p), (c, q) in itertools.product(shares.items(), shares.items()):
        value = sum(r[i] * c[j] * counts[i, j, 0] for i in range(2) for j in range(2))
        theory[value] = theory.get(value, 0) + p * q
    assert set(sums.tolist()) == set(theory)
    for value, share in theory.items():
        assert (sums == value).mean() == pytest.approx(share, abs=0.03)
