"""What the comparison of the methods counts."""

import pytest

from interactive_action.tools.evidence import METHODS, PICTURES, SETTINGS, interval, table


def row(method, seed=0, **values):
    return {"method": method, "action": "pick up", "seed": seed, "iascore": 0.5, "passed": True, "entities": True, "interaction": True, **values}


def test_every_method_that_there_is_takes_part():
    assert set(SETTINGS) == set(METHODS)


def test_an_interval_holds_the_mean_and_is_as_wide_as_the_luck_of_the_prompts():
    rows = [row("base", passed=number % 4 == 0) for number in range(PICTURES)]
    found = interval(rows, lambda row: row["passed"])
    low, high = found["interval"]
    assert found["mean"] == 0.25
    assert low < 0.25 < high
    assert high - low == pytest.approx(2 * 1.96 * (0.25 * 0.75 / PICTURES) ** 0.5, abs=0.03)


def test_training_seeds_that_agree_do_not_narrow_the_interval():
    rows = [row("base", passed=number % 2 == 0) for number in range(PICTURES)]
    once, thrice = interval(rows, lambda row: row["passed"]), interval(rows * 3, lambda row: row["passed"])
    assert once == thrice


def test_the_table_names_methods_as_others_read_them_and_puts_the_best_first():
    rows = [row("p-plus", iascore=0.2) for _ in range(PICTURES)] + [row("base", interaction=False) for _ in range(PICTURES)]
    entries = table(rows)
    assert [entry["method"] for entry in entries] == ["base", "p_plus"]
    assert entries[0]["iascore"] == 0.5 and entries[0]["interval"] == [0.5, 0.5]
    assert entries[0]["both"]["mean"] == 0.0 and entries[1]["both"]["mean"] == 1.0
