"""What the comparison of the methods counts."""

import json

import numpy
import pytest
from PIL import Image

from interactive_action.miniature.judges import CLIP, DETECTOR
from interactive_action.miniature.weights import CHECKPOINT as FILE
from interactive_action.tools.evidence.comparison import (
    RATES,
    TUNING_SEED,
    Comparison,
    interval,
    main,
    parsed,
    report,
    table,
)
from interactive_action.tools.evidence.comparison import comparison as evidence
from interactive_action.tools.evidence.worlds import METHODS, MiniatureWorld, ablations
from interactive_action.trainers.methods import METHODS as LOSSES

IMAGES = MiniatureWorld.images


def row(method, seed=0, **values):
    return {
        "method": method,
        "action": "lift overhead",
        "seed": seed,
        "prompt": 0,
        "iascore": 0.5,
        "passed": True,
        "entities": True,
        "interaction": True,
        **values,
    }


def test_every_method_that_there_is_takes_part():
    assert set(METHODS) == set(LOSSES)


def test_an_interval_holds_the_mean_and_is_as_wide_as_the_luck_of_the_prompts():
    rows = [row("base", prompt=number, passed=number % 4 == 0) for number in range(IMAGES)]
    found = interval(rows, lambda row: row["passed"])
    low, high = found["interval"]
    assert found["mean"] == 0.25
    assert low < 0.25 < high
    assert high - low == pytest.approx(2 * 1.96 * (0.25 * 0.75 / IMAGES) ** 0.5, abs=0.03)


def test_training_seeds_that_agree_do_not_narrow_the_interval():
    rows = [row("base", prompt=number, passed=number % 2 == 0) for number in range(IMAGES)]
    once, thrice = interval(rows, lambda row: row["passed"]), interval(rows * 3, lambda row: row["passed"])
    assert once == thrice


def test_the_table_names_methods_as_others_read_them_and_puts_the_best_first():
    rows = [row("p-plus", iascore=0.2) for _ in range(IMAGES)] + [row("base", interaction=False) for _ in range(IMAGES)]
    entries = table(rows)
    assert [entry["method"] for entry in entries] == ["base", "p_plus"]
    assert entries[0]["iascore"] == 0.5 and entries[0]["interval"] == [0.5, 0.5]
    assert entries[0]["both"]["mean"] == 0.0 and entries[1]["both"]["mean"] == 1.0


def test_without_a_classifier_the_table_says_nothing_of_interactions():
    [entry] = table([{name: value for name, value in row("base").items() if name != "interaction"}])
    assert entry["iascore"] == 0.5 and not {"interaction", "both"} & set(entry)


@pytest.fixture(scope="module")
def world():
    return MiniatureWorld()


@pytest.fixture
def comparison(world, tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "EVIDENCE", tmp_path)
    made = Comparison(world)
    (made.folder / "rows").mkdir(parents=True)
    return made


def test_another_checkpoint_has_another_folder(comparison, world, tmp_path):
    other = tmp_path / FILE.name
    other.write_bytes(FILE.read_bytes()[:-1])
    world.file, before = other, world.file
    try:
        assert Comparison(world).folder != comparison.folder
    finally:
        world.file = before


def test_a_method_gets_the_rate_at_which_entities_and_interaction_are_right_most_often(comparison):
    for rate, shares in zip(
        RATES, ((40, 30), (52, 20), (10, 10)), strict=True
    ):  # the higher rate loses interactions, not entities
        rows = [
            row("adi", entities=number < shares[0], interaction=number < shares[1]) for number in range(IMAGES // 2)
        ]
        (comparison.folder / "rows" / f"lift-overhead_adi_{rate:g}_{TUNING_SEED}.jsonl").write_text(
            "".join(f"{json.dumps(one)}\n" for one in rows)
        )
    assert comparison.best_rate("lift overhead", "adi") == RATES[0]
    assert comparison.best_rate("lift overhead", "base") == 0


def test_the_page_shows_every_method_with_its_images(comparison, tmp_path):
    rates = {"base": 0.0, "p-plus": 1e-3}
    for method, rate in rates.items():
        numpy.save(
            comparison.folder / "rows" / f"lift-overhead_{method}_{rate:g}_0.npy",
            numpy.full((16, 96, 96, 3), 90, numpy.uint8),
        )
    report(
        comparison,
        [row(method) for method in ("base", "p-plus") for _ in range(IMAGES)],
        rates,
        tmp_path / "report.html",
    )
    page = (tmp_path / "report.html").read_text()
    assert page.count('alt="base: ') == page.count('alt="p-plus: ') == 16
    assert "p_plus" in page and "0.001" in page
    assert Image.open(tmp_path / "report-lift-overhead.png").width > 16 * 96


def test_an_ablation_changes_one_setting(comparison):
    name, whole = comparison.settings("hold in both hands", "interactive-action")
    for change, settings in ablations("hold in both hands").items():
        assert comparison.settings("hold in both hands", f"interactive-action, {change}") == (
            name,
            {**whole, **settings},
        )
        assert len(settings) == 1 and whole.get(next(iter(settings))) != next(iter(settings.values()))
        LOSSES[name][0](**{**whole, **settings})  # a setting that there is
    assert "holding" in ablations("hold in both hands")["steering words of the action"]["steering_words"]


def test_a_checkpoint_of_ones_own_is_compared_with_judges_of_ones_own(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(evidence, "EVIDENCE", tmp_path)
    monkeypatch.setattr(evidence, "TAKES", 1)
    own = [
        "--checkpoint",
        str(FILE),
        "--detector",
        str(DETECTOR),
        "--clip",
        f"local-dir:{CLIP}",
        "--pretrained",
        "",
        "--side",
        "96",
        "--methods",
        "textual-inversion",
        "--actions",
        "lift overhead",
        "--seeds",
        "1",
    ]
    given = parsed(own)
    world = given["world"]
    assert len(world.asked("lift overhead", world.images)) == 136
    world.images, world.budget = 4, {"steps": 2, "batch_size": 1}
    main(**given)
    entries = json.loads((tmp_path / "table1.json").read_text())
    assert {entry["method"] for entry in entries} == {"base", "textual_inversion"}
    assert all(entry["images"] == 4 and 0 <= entry["iascore"] <= 1 for entry in entries)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jsonl")}
    main(**given)  # goes on from what there is: nothing is drawn again
    assert made == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jsonl")}
    assert "textual_inversion" in capsys.readouterr().out
    before = (tmp_path / "table1.json").read_bytes()
    main(
        **{**parsed([*own, "--rate", "0.03"]), "world": world}
    )  # one rate for all: nothing is tuned, and the table stays
    assert [path.name for path in tmp_path.rglob("rows/*_0.03_*.jsonl")] == [
        "lift-overhead_textual-inversion_0.03_0.jsonl"
    ]
    assert (
        len(json.loads((tmp_path / "rate.json").read_text())) == 2 and (tmp_path / "table1.json").read_bytes() == before
    )
