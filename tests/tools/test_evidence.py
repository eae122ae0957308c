"""What the comparison of the methods counts."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from interactive_action.captions.words import ACTION_WORDS
from interactive_action.errors import InteractiveActionError
from interactive_action.miniature.weights import CHECKPOINT, CLIP, DETECTOR
from interactive_action.sim.actions import ACTIONS as SIMULATED
from interactive_action.tools.evidence import arms as arms_module
from interactive_action.tools.evidence import comparison as command
from interactive_action.tools.evidence import datasets, training
from interactive_action.tools.evidence.arms import MARKS, RATES, TUNING_SEED, Arm, Comparison, published
from interactive_action.tools.evidence.curves import plot_curves
from interactive_action.tools.evidence.datasets import Images, even_places, file_stem
from interactive_action.tools.evidence.miniature_world import MiniatureWorld
from interactive_action.tools.evidence.report import Findings, write_findings
from interactive_action.tools.evidence.statistics import best_method, curves, interval, summarize
from interactive_action.tools.evidence.variants import ABLATIONS, ACTIONS, CURVES, METHODS, OURS, as_published
from interactive_action.trainers import session
from interactive_action.trainers.loop import training_steps
from interactive_action.trainers.methods import METHODS as TRAINERS

IMAGES = MiniatureWorld.num_images
BASE = MiniatureWorld.references[0]
LIFT = "lift overhead"


def row(method, seed=0, **values):
    return {
        "method": method,
        "action": LIFT,
        "seed": seed,
        "rate": 1e-3,
        "step": 300,
        "prompt": 0,
        "iascore": 0.5,
        "passed": True,
        "entities": True,
        "interaction": True,
        "looks_simulated": False,
        **values,
    }


def test_every_method_and_action_that_is_named_is_there():
    assert set(METHODS) == set(TRAINERS) and set(CURVES) <= set(METHODS)
    assert set(ACTIONS) <= set(SIMULATED)


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
    assert entries[0]["iascore"] == {"mean": 0.5, "interval": [0.5, 0.5]}
    assert entries[0]["both"]["mean"] == 0.0 and entries[1]["both"]["mean"] == 1.0
    assert entries[1]["action_seen"] == {LIFT: 1.0} and entries[0]["looks_simulated"]["mean"] == 0.0
    assert best_method(entries) == "p_plus"  # plain words are no method
    assert best_method([]) is None


def test_without_a_classifier_the_table_says_nothing_of_interactions():
    unknown = ("interaction", "looks_simulated")
    [entry] = summarize([{name: value for name, value in row("adi").items() if name not in unknown}])
    assert entry["iascore"]["mean"] == 0.5
    assert not {"action", "both", "action_seen", "looks_simulated"} & set(entry)
    assert best_method([entry]) == "adi"


def test_curves_follow_steps_in_order_and_each_rate_apart():
    rows = [row("adi", step=step, rate=rate, iascore=step * rate) for step in (1000, 100) for rate in (1e-3, 1e-4)]
    followed = {curve["rate"]: curve for curve in curves(rows)}
    assert [point["step"] for point in followed[1e-3]["points"]] == [100, 1000]
    assert [point["iascore"]["mean"] for point in followed[1e-4]["points"]] == pytest.approx([0.01, 0.1])
    [panel] = plot_curves([*followed.values()]).axes
    assert sorted(len(line.get_xdata()) for line in panel.lines) == [2, 2] and panel.get_xscale() == "log"


def test_places_are_spread_evenly_and_names_become_parts_of_file_names():
    assert even_places(104, 4) == [0, 26, 52, 78] and even_places(3, 16) == [0, 1, 2]
    assert file_stem("hold in both hands", "interactive-action, no steering", "0.0005", 1) == (
        "hold-in-both-hands_interactive-action-no-steering_0.0005_1"
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return MiniatureWorld(tmp_path_factory.mktemp("recordings"))


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


def keep_rows(comparison, arm, rows):
    """Puts rows where the arm's are looked for, as if it had been evaluated."""
    lines = "".join(f"{json.dumps(one)}\n" for one in rows)
    comparison._path("rows", arm, ".jsonl").write_text(lines)
    images = np.full((16, 96, 96, 3), 90, np.uint8)
    np.save(comparison._path("rows", arm, ".npy"), images)


def test_a_method_gets_the_rate_and_steps_at_which_entities_and_interaction_are_right_most_often(comparison):
    arms = comparison.tuning_arms(LIFT, METHODS["adi"])
    assert [(arm.rate, arm.step) for arm in arms] == [(rate, step) for rate in RATES for step in MARKS]
    assert {arm.seed for arm in arms} == {TUNING_SEED}
    for arm in arms:  # the highest rate loses interactions, not entities
        best = (arm.rate, arm.step) == (RATES[1], MARKS[2])
        right = (50, 10) if arm.rate == RATES[-1] else (40, 30) if best else (9, 9)
        rows = [row("adi", entities=number < right[0], interaction=number < right[1]) for number in range(IMAGES // 2)]
        keep_rows(comparison, arm, rows)
    assert comparison.best(LIFT, METHODS["adi"]) == (RATES[1], MARKS[2])
    assert comparison.best(LIFT, BASE) == (0, 0)
    assert comparison.tuning_arms(LIFT, BASE) == []


def test_the_page_shows_every_variant_with_its_images_and_every_curve(comparison, tmp_path):
    arms = [Arm(LIFT, BASE), Arm(LIFT, METHODS["p-plus"], 1e-3, 300)]
    followed = [Arm(LIFT, OURS, 1e-3, step) for step in (100, 300)]
    for arm in (*arms, *followed):
        rows = [row(arm.variant.name, step=arm.step, prompt=number) for number in range(IMAGES)]
        keep_rows(comparison, arm, rows)
    write_findings(Findings(comparison, [LIFT], arms, (), followed), tmp_path, "evidence")
    page = (tmp_path / "evidence.html").read_text()
    assert page.count('alt="base: ') == page.count('alt="p-plus: ') == 16
    assert "p_plus" in page and "0.001" in page
    assert Image.open(tmp_path / "evidence-lift-overhead.png").width > 16 * 96
    assert Image.open(tmp_path / "evidence-curves-lift-overhead.png").width > 200
    figures = json.loads((tmp_path / "evidence.json").read_text())
    assert figures["best_method"] == "p_plus" and len(figures["table"]) == 2 and figures["published"] == []
    assert [point["step"] for point in figures["curves"][0]["points"]] == [100, 300]


def test_an_ablation_changes_one_thing(comparison):
    whole, *changes = ABLATIONS
    action = "hold in both hands"
    assert whole is OURS
    for variant in changes:
        other = METHODS[variant.method]
        own, settings = comparison.settings(action, variant), comparison.settings(action, other)
        differ = [name for name in own if own[name] != settings.get(name)]
        changed = len(differ) + (variant.images != other.images) + (variant.teacher_word != other.teacher_word)
        assert changed == 1 or variant.settings == {"lambda_distill": 0.2}  # the paper's weight
        TRAINERS[variant.method].config(**own)  # settings that there are
    [of_action] = [variant for variant in changes if variant.steers_to_action]
    assert of_action.settings_for(action) == {"steering_words": ACTION_WORDS["hold"]}
    assert of_action.settings_for(LIFT) == {"steering_words": ACTION_WORDS["pick up"]}


@pytest.mark.parametrize("method", METHODS)
def test_a_method_as_published_has_its_papers_hyperparameters(comparison, method):
    variant = as_published(METHODS[method])
    config, defaults = TRAINERS[method].config, published(variant)
    own = config(**comparison.settings(LIFT, variant))
    differ = {name for name, value in own.as_dict().items() if value != defaults.as_dict()[name]}
    assert differ <= {"steering_words"}


def test_plain_words_stand_for_actions_and_nothing_is_trained():
    base, nonce, in_domain = MiniatureWorld.references
    assert not base.is_trained and not nonce.is_trained and in_domain.is_trained and in_domain.in_domain
    assert set(base.words) == set(ACTIONS) and set(nonce.words) <= set(ACTIONS)
    assert set(base.words.values()) == {"handling"} and len(set(nonce.words.values())) == len(nonce.words)


def test_an_action_without_a_word_of_its_own_has_no_line_of_that_word():
    plan = command.parse_plan(["--seeds", "2", "--methods", "adi"])
    nonce = plan.world.references[1]
    arms = command._table_arms(plan, [nonce], {nonce.name: (0.0, 0)})
    assert {arm.action for arm in arms} == set(nonce.words) and len(arms) == 2 * len(nonce.words)


def test_the_in_domain_dataset_shows_the_action_by_subjects_that_can_do_it(world):
    dataset = world.in_domain_dataset("hold in both hands")
    assert len(dataset) == 96
    assert not any("robot arm" in prompt for prompts in dataset.prompts for prompt in prompts)


def test_the_teacher_may_be_told_another_word():
    images = [np.zeros((8, 8, 3), np.uint8)]
    plain = datasets.paired_dataset(images, ["robot"], ["cube"])
    other = datasets.paired_dataset(images, ["robot"], ["cube"], teacher_word="with")
    assert other.prompts == plain.prompts
    assert [text.replace(" with ", " and ") for text in other.prompts_and[0]] == list(plain.prompts_and[0])
    assert not any(" and " in text for text in other.prompts_and[0])


@pytest.mark.sim
@pytest.mark.slow
def test_the_judge_of_style_tells_recordings_from_everyday_renders_and_masks_come_with_them(world):
    judge = world.style_judge
    assert judge.accuracy > 0.95
    arrays = datasets.simulated_arrays(world._recordings, LIFT, 96, datasets.HELD, Images(num_episodes=1, seed=9000))
    simulated = torch.from_numpy(arrays["images"]).float() / 255
    assert np.mean(judge.looks_simulated(simulated)) > 0.8
    assert np.mean(judge.looks_simulated(world.in_domain_dataset(LIFT).images[:24])) < 0.2
    assert 0.02 < arrays["masks"].mean() < 0.9


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
    LIFT,
    "--seeds",
    "1",
]


@pytest.mark.slow
def test_a_checkpoint_of_ones_own_is_compared_with_judges_of_ones_own(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(datasets.IMAGES, "one room", Images(num_episodes=1))
    for module in (arms_module, command):
        monkeypatch.setattr(module, "MARKS", (1, 2))
        monkeypatch.setattr(module, "RATES", (1e-3, 4e-3))
    plan = command.parse_plan(OWN)
    world = plan.world
    assert len(world.eval_pairs(LIFT, world.num_images)) == 136
    world.num_images, world.batch_size = 4, 1
    command.compare(plan, tmp_path)
    figures = json.loads((tmp_path / "evidence.json").read_text())
    assert {entry["method"] for entry in figures["table"]} == {"base", "textual_inversion"}
    assert [entry["method"] for entry in figures["published"]] == ["textual_inversion, as published"]
    assert all(entry["images"] == 4 and 0 <= entry["iascore"]["mean"] <= 1 for entry in figures["table"])
    assert len(figures["curves"]) == len(plan.curve_rates)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jsonl")}
    command.compare(plan, tmp_path)  # goes on from what there is: nothing is generated again
    assert files == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jsonl")}
    assert "textual_inversion" in capsys.readouterr().out


def test_a_run_that_goes_on_for_more_steps_equals_one_that_never_stopped(comparison, monkeypatch):
    monkeypatch.setattr(training, "SAVE_EVERY", 2)
    monkeypatch.setitem(datasets.IMAGES, "one room", Images(num_episodes=1))
    learned, first_steps = {}, []

    def counted(objective, state):
        first_steps.append(state.step)
        return training_steps(objective, state)

    monkeypatch.setattr(session, "training_steps", counted)
    for stops in ((2, 4), (4,)):
        for step in stops:
            run = comparison._training(Arm(LIFT, METHODS["textual-inversion"], 1e-3, step))
            learned[stops] = run.trained((2, 4)).parameters
        for file in (comparison.folder / "trained").rglob("*.safetensors"):
            file.unlink()
    assert first_steps == [0, 2, 0]
    assert torch.equal(learned[2, 4], learned[4,])


def test_a_mark_that_a_run_did_not_keep_is_trained_anew(comparison, monkeypatch):
    monkeypatch.setattr(training, "SAVE_EVERY", 2)
    monkeypatch.setitem(datasets.IMAGES, "one room", Images(num_episodes=1))
    arms = [Arm(LIFT, METHODS["textual-inversion"], 1e-3, step) for step in (4, 3)]
    last, before = (comparison._training(arm).trained(()).parameters for arm in arms)
    assert not torch.equal(last, before)
    assert comparison.trained_path(arms[1]).exists()


def test_the_options_name_parts_and_variants():
    plan = command.parse_plan(["--parts", "table", "curves", "--seeds", "1", "--methods", "adi", "reversion"])
    assert (plan.parts, plan.name, plan.num_seeds) == (["table", "curves"], "evidence", 1)
    assert [variant.name for variant in plan.variants] == ["adi", "reversion"] and plan.curves == ["reversion"]
    ablations = command.parse_plan(["--ablations"])
    assert (ablations.name, ablations.variants, ablations.parts) == ("ablations", ABLATIONS, ("table",))
    quick = command.parse_plan(["--quick"])
    assert (quick.name, quick.parts, quick.num_seeds) == ("evidence-quick", ("curves",), 1)
    assert [variant.name for variant in quick.variants] == ["textual-inversion", "noise-gated"]
    assert math.prod(map(len, (quick.curves, quick.curve_actions, quick.curve_rates))) == 4


def test_a_checkpoint_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(InteractiveActionError, match="There is no checkpoint .*none.safetensors"):
        command.parse_plan(["--checkpoint", str(tmp_path / "none.safetensors")])


@pytest.mark.sim
@pytest.mark.slow
def test_an_arm_with_plain_words_trains_nothing(comparison):
    arm = Arm(LIFT, BASE, num_images=2)
    rows = comparison.evaluate(arm)
    assert [(row["method"], row["prompt"]) for row in rows] == [("base", 0), ("base", 1)]
    assert not comparison.trained_path(arm).exists() and comparison.report_images(arm).shape == (2, 96, 96, 3)
