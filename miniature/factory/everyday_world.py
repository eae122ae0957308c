"""The everyday domain: a scene sampled from a seed, and the truth about it.

``sample_scene(seed)`` fixes everything; ``everyday_render.render(scene)`` gives the image with boxes and masks. Same
seed, same pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from ..judges import INTERACTIONS
from .everyday_render import PLACES, SIZE, fit_view, world_from_body
from .figures import ARM_COLORS, SUBJECTS
from .interactions import POSE_SAMPLERS, Pose, hover, interaction_of_pose, is_possible, rest
from .objects import OBJECTS
from .raycast import corners

GAP = 3  # pixels that stay free between the boxes of a subject AND an object
HELD_OUT_SEEDS = 1_000_000_000  # seeds from here on are never trained on
HELD_OUT = {
    ("panda", "strawberry", "lift"),
    ("frog", "box", "lift"),
    ("woman", "lamp", "lift"),
    ("robot", "ball", "lift"),
    ("penguin", "lemon", "push"),
    ("man", "ball", "push"),
    ("elephant", "cup", "push"),
    ("monkey", "chair", "push"),
    ("woman", "lemon", "hold"),
    ("frog", "lamp", "hold"),
    ("panda", "cup", "hold"),
    ("robot", "box", "hold"),
    ("man", "cup", "press"),
    ("penguin", "box", "press"),
    ("elephant", "ball", "press"),
    ("frog", "chair", "press"),
    ("monkey", "box", "sit"),
    ("panda", "cart", "sit"),
    ("frog", "ball", "sit"),
    ("woman", "cup", "sit"),
}
"""Subject, object, interaction: never together in a training image."""

CLOSE_UPS = 0.6  # share of the robot arm's images with an object
KINDS = {"and": 0.73, **dict.fromkeys(INTERACTIONS, 0.02), "subject": 0.10, "object": 0.07}
"""What an image shows -> its share: a relation, or a subject or an object alone."""

ATTEMPTS = 60  # at a good view
UNUSED_PLACE = (9.0, 9.0, 0.0)  # of the object in a pose without an interaction

Option = TypeVar("Option")


@dataclass
class Scene:
    """What a seed decided.

    Attributes:
        seed: it.
        subject, object: names; "" where one is missing.
        color: the object's, "" for its own.
        interaction: one of ``INTERACTIONS``; None for "and" and "alone".
        place: one of ``PLACES``.
        close: of a robot arm: only its hand and the object are in the image.
        pose: of hands and object; unset until the scene is arranged.
        at, turn: the subject's place (x, y) and turn, radians.
        object_at, object_turn: the object's place (x, y, z) and turn, radians.
        camera_at: the camera's place.
        fill: share of the image that the parts are wide or high.
        shift: where in the free space they are, 0..1 in x and y.
        sun, ambient, tint: the light, as in ``raycast.Backdrop``.
        wear: colors and offsets that only rendering needs.
    """

    seed: int
    subject: str
    object: str
    color: str
    interaction: str | None
    place: str
    close: bool = False
    pose: Pose = field(default_factory=lambda: Pose(((0, 0, 0), (0, 0, 0)), UNUSED_PLACE))
    at: tuple[float, float] = (0.0, 0.0)
    turn: float = 0.0
    object_at: tuple[float, ...] = (0.0, 0.0, 0.0)
    object_turn: float = 0.0
    camera_at: tuple[float, float, float] = (0.0, -8.0, 2.0)
    fill: float = 0.85
    shift: tuple[float, ...] = (0.5, 0.5)
    sun: tuple[float, ...] = (0.4, -0.6, 0.7)
    ambient: float = 0.6
    tint: tuple[float, ...] = (1.0, 1.0, 1.0)
    wear: dict[str, Any] = field(default_factory=dict)

    @property
    def relation(self) -> str:
        """One of ``miniature.judges.RELATIONS``."""
        return self.interaction or ("and" if self.subject and self.object else "alone")


def sample_scene(
    seed: int,
    subject: str | None = None,
    object: str | None = None,
    relation: str | None = None,
    color: str | None = None,
    place: str | None = None,
    held_out: bool = False,
) -> Scene:
    """Samples a scene.

    Args:
        seed: decides everything that the other arguments leave open.
        subject, object, color, place: fixed where they are named.
        relation: "and", one of ``INTERACTIONS``, "subject" or "object" (alone); None samples one of ``KINDS``.
        held_out: allows the combinations of ``HELD_OUT``.

    Raises:
        ValueError: the subject cannot do the interaction.
        RuntimeError: no good view was found.
    """
    rng = np.random.default_rng(seed)
    kind, who, what = _sample_cast(rng, subject, object, relation, held_out)
    tone = (color if color is not None else _choose(rng, OBJECTS[what].colors)) if what else ""
    close = who == "robot arm" and bool(what) and rng.random() < CLOSE_UPS
    angle = rng.uniform(-1.2, 1.2)
    sun = np.array([np.sin(angle), -np.cos(angle), rng.uniform(0.6, 1.6)])
    light = rng.uniform(0.88, 1.06)
    scene = Scene(
        seed,
        who,
        what,
        tone,
        kind if kind in INTERACTIONS else None,
        place or _sample_place(rng, close),
        close,
        sun=tuple(sun / np.linalg.norm(sun)),
        ambient=rng.uniform(0.5, 0.7),
        tint=tuple(light * rng.uniform(0.97, 1.03, 3)),
        wear=dict(
            arm=_choose(rng, [*ARM_COLORS]),
            jitter=tuple(rng.uniform(0.92, 1.06, 3)),
            offset=tuple(rng.uniform(0, 2, 2)),
            floor=_muted(rng),
            wall=_muted(rng),
            size=rng.uniform(1.0, 2.0),
        ),
    )
    for _ in range(ATTEMPTS):
        _arrange(scene, rng)
        if _is_well_framed(scene):
            return scene
    raise RuntimeError(f"No good view was found for seed {seed}.")


def _sample_cast(
    rng: np.random.Generator, subject: str | None, object: str | None, relation: str | None, held_out: bool
) -> tuple[str, str, str]:
    """Samples (one of ``KINDS``, subject or "", object or "")."""
    subjects, objects = [*SUBJECTS], [*OBJECTS]
    weights = np.array([1.5 if name == "robot arm" else 1.0 for name in subjects])
    while True:
        kind = relation or str(rng.choice(list(KINDS), p=list(KINDS.values())))
        who = subject or str(rng.choice(subjects, p=weights / weights.sum()))
        what = object or _choose(rng, objects)
        if kind in INTERACTIONS and not is_possible(who, kind):
            if subject and relation:
                raise ValueError(f"A {who} cannot {kind}.")
            continue
        if held_out or (who, what, kind) not in HELD_OUT or (subject and object):
            return kind, ("" if kind == "object" else who), ("" if kind == "subject" else what)


def _choose(rng: np.random.Generator, options: Sequence[Option]) -> Option:
    return options[int(rng.integers(len(options)))]


def _sample_place(rng: np.random.Generator, close: bool) -> str:
    """Samples a place; robots' hands are mostly in plain rooms."""
    return "in a plain room" if close and rng.random() < 0.5 else _choose(rng, [*PLACES])


def _muted(rng: np.random.Generator) -> tuple[float, ...]:
    """Samples a color between grey and pastel."""
    return tuple(np.clip(rng.uniform(0.3, 0.85) + rng.normal(0, 0.09, 3), 0.05, 0.95))


def _arrange(scene: Scene, rng: np.random.Generator) -> None:
    """Samples pose, places and camera of a scene, in place."""
    turn = rng.uniform(-np.pi, np.pi) if scene.close else rng.uniform(-0.6, 0.6)
    if scene.interaction:
        scene.pose = POSE_SAMPLERS[scene.interaction](scene.subject, scene.object, rng)
        turn = turn if scene.close else rng.uniform(*scene.pose.turn)
        scene.object_at = tuple(world_from_body(turn) @ scene.pose.object_at)
        scene.object_turn = turn
    elif scene.close:
        scene.pose = Pose(hover(scene.object, rng), UNUSED_PLACE)
        scene.object_at, scene.object_turn = (0.0, 0.0, 0.0), rng.uniform(-0.7, 0.7)
    else:
        turn = _stand_apart(scene, turn, rng)
    scene.turn = float(turn)
    alone = not (scene.subject and scene.object)
    distance, rise = rng.uniform(7, 10), rng.uniform(0.05, 0.8 if scene.close else 0.3)
    scene.camera_at = (rng.uniform(-0.8, 0.8), -distance, 0.9 + distance * np.sin(rise))
    scene.fill = rng.uniform(0.4, 0.92) if scene.close else rng.uniform(0.6, 0.92) if alone else rng.uniform(0.86, 0.96)
    scene.shift = tuple(rng.uniform(0, 1, 2))


def _stand_apart(scene: Scene, turn: float, rng: np.random.Generator) -> float:
    """Puts subject and object beside each other, or the one that there is in the middle; returns the subject's turn."""
    if scene.subject:
        scene.pose = Pose(rest(scene.subject, rng), UNUSED_PLACE)
    if scene.subject == "robot arm":
        turn = rng.choice((-1, 1)) * rng.uniform(0.2, 1.5)
    scene.object_at = (0.0, 0.0, 0.0)
    scene.object_turn = rng.uniform(-0.7, 0.7)
    if scene.subject and scene.object:
        side = rng.choice((-1, 1))
        away = side * rng.uniform(1.25, 1.75)
        scene.object_at = (away, rng.uniform(-0.7, 0.5), 0.0)
        if scene.subject == "robot arm":
            turn = -side * abs(turn)
    return turn


def _is_well_framed(scene: Scene) -> bool:
    """Tells whether the object is large enough, and what is joined by "and" stands clearly apart."""
    if not (scene.subject and scene.object):
        return True
    parts, camera = fit_view(scene)
    edges = {owner: camera.pixels(corners([p for p in parts if p.owner == owner]), SIZE) for owner in (1, 2)}
    low = {owner: e.min(0) for owner, e in edges.items()}
    high = {owner: e.max(0) for owner, e in edges.items()}
    if np.prod(high[2] - low[2]) < 0.055 * SIZE**2:
        return False
    if scene.interaction:
        return True
    gap = max(max(low[1][i], low[2][i]) - min(high[1][i], high[2][i]) for i in (0, 1))
    return bool(gap >= GAP)


def interaction_of(scene: Scene) -> str | None:
    """Tells which interaction the geometry of a scene shows (None: none), whatever the scene says of itself."""
    return interaction_of_pose(scene.pose, scene.subject, scene.object) if scene.subject and scene.object else None
