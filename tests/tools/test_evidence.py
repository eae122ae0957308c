"""What the comparison of the methods counts."""

import json

import numpy
import pytest

from interactive_action.tools import evidence
from interactive_action.tools.evidence import (
    METHODS,
    PICTURES,
    RATES,
    SETTINGS,
    TUNING_SEED,
    best_rate,
    interval,
    report,
    table,
)


def row(method, seed=0, **values):
    return {"method": method, "action": "lift overhead", "seed": seed, "iascore": 0.5, "passed": True, "entities": True, "interaction": True, **values}


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


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "EVIDENCE", tmp_path)
    (tmp_path / "rows").mkdir()
    return tmp_path


def test_a_method_gets_the_rate_at_which_entities_and_interaction_are_right_most_often(folder):
    for rate, shares in zip(RATES, ((40, 30), (52, 20), (10, 10)), strict=True):  # the higher rate loses interactions, not entities
        rows = [row("adi", entities=number < shares[0], interaction=number < shares[1]) for number in range(PICTURES // 2)]
        (folder / "rows" / f"lift-overhead_adi_{rate:g}_{TUNING_SEED}.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    assert best_rate(None, None, "lift overhead", "adi") == RATES[0]
    assert best_rate(None, None, "lift overhead", "base") == 0


def test_the_page_shows_every_method_with_its_pictures(folder):
    rates = {("lift overhead", "base"): 0.0, ("lift overhead", "p-plus"): 1e-3}
    for (_, method), rate in rates.items():
        numpy.save(folder / "rows" / f"lift-overhead_{method}_{rate:g}_0.npy", numpy.full((16, 96, 96, 3), 90, numpy.uint8))
    report([row(method) for method in ("base", "p-plus") for _ in range(PICTURES)], rates, folder / "report.html")
    page = (folder / "report.html").read_text()
    assert page.count('alt="base: ') == page.count('alt="p-plus: ') == 16
    assert "p_plus" in page and "0.001" in page
