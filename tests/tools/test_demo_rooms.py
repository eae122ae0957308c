"""The numbers of ``make demo-rooms``."""

from interactive_action.tools.demos.environment import BASE
from interactive_action.tools.demos.rooms import SCORES, moved, saved_file, summarize


def report(mean):
    row = {"mean": mean, "interval": (mean - 0.1, mean + 0.1), "n": 2}
    return {"scores": dict.fromkeys(SCORES, row), "relations": {"beside a bed": row}}


def test_what_settle_rooms_says_is_read_back():
    text = (
        "0: things moved 1.5 cm on average and 12 cm at most; nothing is left to do.\n"
        "1: things moved 0.0 cm on average and 0 cm at most; 2 still collide or stand in a wall."
    )
    assert moved(text) == [1.5, 0.0]


def test_the_file_of_rooms_is_found_where_the_demo_s_comfyui_keeps_them():
    folder = BASE / "datasets" / "interactive_action_rooms"
    assert saved_file("16 rooms written to /somewhere/demo-rooms-2.jsonl") == folder / "demo-rooms-2.jsonl"


def test_the_summary_has_both_kinds_of_rooms_with_intervals():
    reports = {"raw": report(0.5), "guided and settled": report(0.25)}
    reports["raw"]["relations"]["at the edge"] = reports["raw"]["relations"]["beside a bed"]
    summary = summarize(reports, [1.0, 3.0], 12.34)
    assert summary["rooms"] == 2 and summary["settling_moved_cm"] == 2 and summary["seconds"] == 12.3
    assert summary["raw"]["col_obj"] == {"mean": 0.5, "interval": [0.4, 0.6], "n": 2}
    assert summary["guided and settled"]["beside a bed"]["mean"] == 0.25
    assert "at the edge" not in summary["raw"]  # only one kind of rooms has it
