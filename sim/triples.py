"""Triples for ADI: an anchor, the same action in another context, other actions in the same context.

Source: Huang et al. 2023, section 4.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InteractiveActionError
from .actions import ACTIONS
from .recording import Recording
from .scene import OF_ANYTHING

if TYPE_CHECKING:
    from .client import Simulator
    from .plan import Plan
    from .pool import Pool
    from .progress import Progress
    from .scene import Scene


@dataclass(frozen=True, eq=False)
class Triples:
    """Recordings of the same contexts.

    Args:
        anchors: of the action.
        others: of the same length and order, one recording for each other action.
    """

    anchors: Recording
    others: tuple[Recording, ...]

    @property
    def same_action(self) -> np.ndarray:
        """For each anchor the image (N, H, W, 3) of the same camera and key frame in the next episode.

        The action in another context.
        """
        return np.roll(self.anchors.images, -(len(self.anchors) // len(self.anchors.seeds)), 0)

    @property
    def other_actions(self) -> np.ndarray:
        """(others N, H, W, 3): for all anchors the first other action, then for all the second."""
        return np.concatenate([other.images for other in self.others])


def others_of(scene: Scene) -> list[str]:
    """The actions that can be done in the context of ``scene`` without bringing or moving anything."""
    return [
        name
        for name in OF_ANYTHING
        if name != scene.action and not scene.custom_object and (scene.mesh or scene.object in ACTIONS[name].objects)
    ]


def record_triples(
    simulator: Simulator | Pool, scene: Scene, others: Sequence[str], plan: Plan, progress: Progress | None = None
) -> Triples:
    """``Triples`` of ``scene`` and the actions ``others``: those seeds with which all of the actions succeed.

    Each episode is one context: the robot, the object and where it lies, the room, the light and the cameras, which
    stand still.
    """
    offered = others_of(scene)
    if ACTIONS[scene.action].robots > 1 or not offered:
        raise InteractiveActionError(
            f"'{scene.action}' of a {scene.object} has no other action in its context. Choose another action or object."
        )
    for other in others or [""]:
        if other not in offered:
            raise InteractiveActionError(
                f"{other!r} is no other action in the context of '{scene.action}' of a {scene.object}. Choose some of: "
                f"{', '.join(offered)}."
            )
    if plan.num_episodes < 2:
        raise InteractiveActionError(
            "Triples need the action in another context, too: at least 2 episodes, but there is 1."
        )
    scenes = [replace(scene, action=action, stage=scene.action) for action in (scene.action, *others)]
    anchors, *recorded = simulator.record_together(scenes, replace(plan, camera_mode="fixed"), progress)
    return Triples(anchors, tuple(recorded))
