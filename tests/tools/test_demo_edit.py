"""The numbers of ``make demo-edit``."""

import numpy
import pytest

from interactive_action.tools.demos.edit import interval, rewards


def report(structure, semantics, alpha=2.0):
    return {
        "how": {"alpha": alpha},
        "edits": [{"structure": one, "semantics": other} for one, other in zip(structure, semantics)],
    }


def test_the_reward_before_is_0_on_average_and_better_edits_have_more():
    before, after = report([1.0, 3.0], [0.2, 0.4]), report([0.0, 2.0], [0.1, 0.3])
    assert rewards(before, before) == pytest.approx([3, -3], abs=1e-3)
    assert rewards(after, before) == pytest.approx([2 + 2 * 2, 0], abs=1e-3)  # one deviation is 1 and 0.1


def test_the_interval_is_that_of_a_mean():
    low, high = interval(numpy.array([0.0, 1.0, 2.0, 3.0]))
    assert (low + high) / 2 == pytest.approx(1.5) and high - low == pytest.approx(2 * 1.96 * 1.29099 / 2, abs=1e-3)
