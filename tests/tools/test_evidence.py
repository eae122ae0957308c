"""What the comparison of the methods counts."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from interactive_action.captions.words import ACTION_WORDS
from interactive_action.errors import InteractiveActionError
from interactive_action.miniature.weights import CHECKPOINT, CLIP, DETECTOR
from interactive_action.tools.evidence import comparison as command
from interactive_action.tools.evidence import datasets
from interactive_action.tools.evidence.arms import RATES, TUNING_SEED, Arm, Comparison
from interactive_action.tools.evidence.datasets import even_places, file_stem
from interactive_action.tools.evidence.miniature_world import MiniatureWorld
from interactive_action.tools.evidence.report import write_page
from interactive_action.tools.evidence.statistics import interval, summarize
from interactive_action.tools.evidence.variants import ABLATIONS, ACTIONS, METHODS
from interactive_action.trainers.methods import METHODS as TRAINERS

IMAGES = MiniatureWorld.num_images
BASE = MiniatureWorld.references[0]


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
    assert set(METHODS) == set(TRAINERS)


def test_an_interval_holds_the_mean_and_is_as_wide_as_the_luck_of_the_prompts():
    rows = [row("base", prompt=number, passed=number % 4 == 0) for number in range(IMAGES)]
    figure = interval(rows, lambda row: row["passed"])
    low, high = figure["interval"]
    assert figure["mean"] == 0.25
    assert low < 0.25 < high
    assert high - low == pytest.approx(2 * 1.96 * (0.25 * 0.75 / IMAGES) ** 0.5, abs=0.03)


def test_training_seeds_that_agree_do_not_narrow_the_interval():
    rows = [row("base", prompt=number, passed=number % 2 == 0) for number in range(IMAGES)]
    once, thrice = interval(rows, lambda row: row["passed"]), interval(rows * 3, lambda row: row["passed"])
    assert once == thrice


def test_the_table_names_methods_as_others_read_them_and_puts_the_best_first():
    rows = [row("p-plus", iascore=0.2) for _ in range(IMAGES)] + [row("base", interaction=False) for _ in range(IMAGES)]
    entries = summarize(rows)
    assert [entry["method"] for entry in entries] == ["base", "p_plus"]
    assert entries[0]["iascore"] == 0.5 and entries[0]["interval"] == [0.5, 0.5]
    assert entries[0]["both"]["mean"] == 0.0 and entries[1]["both"]["mean"] == 1.0


def test_without_a_classifier_the_table_says_nothing_of_interactions():
    [entry] = summarize([{name: value for name, value in row("base").items() if name != "interaction"}])
    assert entry["iascore"] == 0.5 and not {"interaction", "both"} & set(entry)


def test_places_are_spread_evenly_and_names_become_parts_of_file_names():
    assert even_places(104, 4) == [0, 26, 52, 78] and even_places(3, 16) == [0, 1, 2]
    assert file_stem("hold in both hands", "interactive-action, no steering", "0.0005", 1) == (
        "hold-in-both-hands_interactive-action-no-steering_0.0005_1"
    )


@pytest.fixture(scope="module")
def world():
    return MiniatureWorld()


@pytest.fixture
def comparison(world, tmp_path):
    comparison = Comparison(world, tmp_path)
    (comparison.folder / "rows").mkdir(parents=True)
    return comparison


def test_another_checkpoint_has_another_folder(comparison, world, tmp_path):
    other = tmp_path / CHECKPOINT.name
    other.write_bytes(CHECKPOINT.read_bytes()[:-1])
    world.checkpoint, before = other, world.checkpoint
    try:
        assert Comparison(world, tmp_path).folder != comparison.folder
    finally:
        world.checkpoint = before


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
    assert comparison.best_rate("lift overhead", METHODS["adi"]) == RATES[0]
    assert comparison.best_rate("lift overhead", BASE) == 0
    assert comparison.tuning_arms("lift overhead", BASE) == []


def test_the_page_shows_every_variant_with_its_images(comparison, tmp_path):
    variants = (BASE, METHODS["p-plus"])
    rates = {"base": 0.0, "p-plus": 1e-3}
    for method, rate in rates.items():
        np.save(
            comparison.folder / "rows" / f"lift-overhead_{method}_{rate:g}_0.npy",
            np.full((16, 96, 96, 3), 90, np.uint8),
        )
    rows = [row(method) for method in rates for _ in range(IMAGES)]
    write_page(comparison, rows, variants, rates, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert page.count('alt="base: ') == page.count('alt="p-plus: ') == 16
    assert "p_plus" in page and "0.001" in page
    assert Image.open(tmp_path / "report-lift-overhead.png").width > 16 * 96


def test_an_ablation_changes_one_setting(comparison):
    whole, *changes = ABLATIONS
    action = "hold in both hands"
    settings = comparison.settings(action, whole)
    for variant in changes:
        own = comparison.settings(action, variant)
        assert variant.method == whole.method == "interactive-action"
        assert len([name for name in own if own[name] != settings.get(name)]) == 1
        TRAINERS[variant.method].config(**own)  # settings that there are
    [of_action] = [variant for variant in changes if variant.steers_to_action]
    assert of_action.settings_for(action) == {"steering_words": ACTION_WORDS["hold"]}
    assert of_action.settings_for("lift overhead") == {"steering_words": ACTION_WORDS["pick up"]}


def test_plain_words_stand_for_every_action_and_nothing_is_trained():
    base, nonce, in_domain = MiniatureWorld.references
    assert not base.is_trained and not nonce.is_trained and in_domain.is_trained and in_domain.in_domain
    assert set(base.words) == set(nonce.words) == set(ACTIONS)
    assert set(base.words.values()) == {"handling"} and len(set(nonce.words.values())) == len(ACTIONS)


def test_the_in_domain_dataset_shows_the_action_by_subjects_that_can_do_it(world):
    dataset = world.in_domain_dataset("hold in both hands")
    assert len(dataset) == 96
    assert not any("robot arm" in prompt for prompts in dataset.prompts for prompt in prompts)


OWN = [
    "--checkpoint",
    str(CHECKPOINT),
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


@pytest.mark.slow
def test_a_checkpoint_of_ones_own_is_compared_with_judges_of_ones_own(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(datasets, "NUM_EPISODES", 1)
    plan = command.parse_plan(OWN)
    world = plan.world
    assert len(world.eval_pairs("lift overhead", world.num_images)) == 136
    world.num_images, world.budget = 4, {"steps": 2, "batch_size": 1}
    command.compare(plan, tmp_path)
    entries = json.loads((tmp_path / "table1.json").read_text())
    assert {entry["method"] for entry in entries} == {"base", "textual_inversion"}
    assert all(entry["images"] == 4 and 0 <= entry["iascore"] <= 1 for entry in entries)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jsonl")}
    command.compare(plan, tmp_path)  # goes on from what there is: nothing is generated again
    assert files == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jsonl")}
    assert "textual_inversion" in capsys.readouterr().out
    before = (tmp_path / "table1.json").read_bytes()
    one_rate = dataclasses.replace(plan, rate=0.03, table="rate", page="rate")
    command.compare(one_rate, tmp_path)  # one rate for all: nothing is tuned, and the table stays
    assert [path.name for path in tmp_path.rglob("rows/*_0.03_*.jsonl")] == [
        "lift-overhead_textual-inversion_0.03_0.jsonl"
    ]
    assert (
        len(json.loads((tmp_path / "rate.json").read_text())) == 2 and (tmp_path / "table1.json").read_bytes() == before
    )


def test_the_options_name_files_and_variants():
    one_rate = command.parse_plan(["--rate", "0.03", "--seeds", "1", "--methods", "adi"])
    assert (one_rate.rate, one_rate.table, one_rate.page, one_rate.num_seeds) == (0.03, "rate", "rate", 1)
    assert [variant.name for variant in one_rate.variants] == ["adi"]
    ablations = command.parse_plan(["--ablations"])
    assert (ablations.table, ablations.page, ablations.variants) == ("ablations", "ablations", ABLATIONS)


def test_a_checkpoint_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(InteractiveActionError, match="There is no checkpoint .*none.safetensors"):
        command.parse_plan(["--checkpoint", str(tmp_path / "none.safetensors")])


def test_an_arm_with_plain_words_trains_nothing(comparison):
    arm = Arm("lift overhead", BASE, 0.0, 0, num_images=2)
    rows = comparison.evaluate(arm)
    assert [(row["method"], row["prompt"]) for row in rows] == [("base", 0), ("base", 1)]
    assert not comparison.trained_path(arm).exists() and comparison.report_images(arm).shape == (2, 96, 96, 3)
