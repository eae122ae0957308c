"""The comparison of raw, guided, settled and chosen rooms."""

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.layouts.comparison import STAGES, compare, violation
from interactive_action.layouts.grammar.procedural import procedural_rooms
from interactive_action.layouts.guidance.guide import GuidanceConfig
from interactive_action.layouts.model_file import LayoutModel
from interactive_action.layouts.network import RoomTransformer
from interactive_action.layouts.sampling import Wishes, sample_rooms
from interactive_action.tests.layouts.small_rooms import room, thing

pytestmark = pytest.mark.slow

SHAPE = {"width": 32, "layers": 1, "heads": 2}
GUIDANCE = GuidanceConfig(last=1.0, reach=0.0)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(1)
    return LayoutModel(RoomTransformer(**SHAPE).eval(), SHAPE, "x0", {})


@pytest.fixture(scope="module")
def compared(model):
    plans = [layout.floor_plan for layout in procedural_rooms(4, sloppy_share=0.0)]
    return compare(model, plans, GUIDANCE, Wishes(count=4), steps=4, reference=procedural_rooms(4, sloppy_share=0.0))


def test_each_stage_has_scores_of_the_same_rooms(compared):
    assert set(compared) == set(STAGES)
    for stage in STAGES:
        assert compared[stage]["scores"]["col_obj"]["n"] == 4
        assert compared[stage]["scores"]["objects"]["mean"] == 4
        assert compared[stage]["seconds"] > 0 and "ckl" in compared[stage]


def test_every_way_violates_less_than_raw_rooms(compared):
    violations = {
        stage: sum(compared[stage]["scores"][name]["mean"] for name in ("overlap_volume", "out_area"))
        for stage in STAGES
    }
    assert max(violations[stage] for stage in ("guided", "settled")) < violations["raw"]
    assert violations["rejection"] <= violations["raw"]  # which is one of its candidates
    assert violations["guided_settled"] < 0.5 * violations["raw"]


def test_settling_says_what_it_moved(compared):
    assert compared["settled"]["moved_cm"]["mean"] > 0 and compared["settled"]["moved_cm"]["n"] == 4
    assert "moved_cm" not in compared["raw"]
    assert compared["rejection"]["candidates"] >= 1


def test_raw_rooms_are_those_of_sampling(model, compared):
    plans = [layout.floor_plan for layout in procedural_rooms(4, sloppy_share=0.0)]
    rooms = sample_rooms(model, plans, steps=4, wishes=Wishes(count=4))
    volume = sum(violation(layout) for layout in rooms) / 4
    scores = compared["raw"]["scores"]
    assert volume == pytest.approx(scores["overlap_volume"]["mean"] + scores["out_area"]["mean"])


def test_a_violation_is_overlap_and_what_is_outside():
    block = (1.0, 1.0, 1.0)
    layout = room(thing("dresser", 1, 1, size=block), thing("bin", 1.9, 1, size=block), thing("box", 4, 3, size=block))
    assert violation(layout) == pytest.approx(0.1 + 0.5)


def test_nothing_is_compared_without_a_floor_plan(model):
    with pytest.raises(InteractiveActionError, match="no floor plans"):
        compare(model, [])
