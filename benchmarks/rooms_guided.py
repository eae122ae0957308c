"""What guidance and settling are worth on held-out floor plans, by the embedded layout model at full tidiness.

The same noise raw, guided, settled, and guided and settled, each with its 95 % intervals; the best of as many
raw rooms as guidance's time would have made ("rejection"); and the grammar's own tidy rooms on the same floor plans.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..layouts.comparison import STAGES, compare
from ..layouts.grammar.procedural import procedural_rooms
from ..layouts.model_file import LayoutModel
from ..layouts.sampling import Wishes
from ..layouts.scores import score_rooms
from ..miniature.weights import LAYOUT_MODEL

RESULTS = "rooms"  # the file to which the figures are added
ROOMS, SEED = 320, 7


def measure() -> dict[str, Any]:
    """Returns the scores of every stage and of the grammar, and "relations_of_grammar".

    That is for each stage the mean share in which relations hold, divided by the grammar's.
    """
    tidy = procedural_rooms(ROOMS, split="test", sloppy_share=0.0, seed=SEED)
    model = LayoutModel.load(LAYOUT_MODEL)
    results = compare(model, [room.floor_plan for room in tidy], wishes=Wishes(tidiness=1.0), reference=tidy)
    grammar = score_rooms(tidy)
    own = _mean_relation(grammar)
    figures = {stage: _rounded({**results[stage]["scores"], **_beside(results[stage])}) for stage in STAGES}
    figures["grammar"] = _rounded({**grammar["scores"], "relations": grammar["relations"]})
    shares = {stage: round(_mean_relation(results[stage]) / own, 3) for stage in STAGES}
    return {**figures, "relations_of_grammar": shares}


def _beside(result: dict[str, Any]) -> dict[str, Any]:
    """What stands beside a stage's scores."""
    names = ("relations", "moved_cm", "ckl", "seconds", "candidates")
    return {name: result[name] for name in names if name in result}


def _mean_relation(result: dict[str, Any]) -> float:
    """The mean over relations of the share in which each holds."""
    return float(np.mean([row["mean"] for row in result["relations"].values()]))


def _rounded(value: Any) -> Any:
    """Numbers to four digits, at any depth."""
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value
