"""What was measured of furnished rooms holds what the project promises of them."""

import json

from interactive_action.sim.client import ROOT


def test_actions_were_measured_to_succeed_in_most_rooms_and_settled_rooms_to_stand_still():
    figures = json.loads((ROOT / "benchmarks" / "results" / "rooms.json").read_text())
    assert set(figures["actions"]) == {"pick up", "place on", "place into", "open", "close"}
    for action, row in figures["actions"].items():
        assert row["rate"] >= 0.6, action
        assert row["robots"][row["best"]]["n"] >= 6, "rooms in which it found a place"
    assert figures["stable"]["settled"]["mean"] >= 0.9
