"""The everyday domain: a scene sampled from a seed, its image, and the truth about it.

``sample_scene(seed)`` fixes everything; ``render(scene)`` gives the image with boxes and masks. Same seed, same pixels.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from .figures import ARM_COLORS, HAND_PARTS, OBJECTS, SUBJECTS, object_parts, robot_arm, robot_hand
from .interactions import INTERACTIONS, Pose, hover, possible, rest, truth
from .raycast import Backdrop, Camera, cast, corners

SIZE = 96
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
"""Subject, object, interaction: never shown together in training."""

PLACES = {
    "in a kitchen": dict(floor=(0.86, 0.82, 0.76), second=(0.72, 0.64, 0.58), wall=(0.72, 0.86, 0.8), tile=1.0, at=3.0),
    "in a room": dict(floor=(0.6, 0.38, 0.22), second=(0.52, 0.31, 0.17), wall=(0.9, 0.66, 0.56), tile=None, at=3.0),
    "in a park": dict(
        floor=(0.38, 0.66, 0.26), second=(0.32, 0.6, 0.22), wall=(0.72, 0.88, 0.98), top=(0.35, 0.62, 0.95)
    ),
    "in a desert": dict(
        floor=(0.93, 0.76, 0.46), second=(0.88, 0.69, 0.38), wall=(0.99, 0.93, 0.66), top=(0.95, 0.78, 0.4)
    ),
    "in the snow": dict(
        floor=(0.94, 0.96, 1.0), second=(0.87, 0.91, 0.98), wall=(0.82, 0.82, 0.95), top=(0.6, 0.62, 0.86)
    ),
    "in a plain room": dict(floor=(0.55, 0.5, 0.46), second=(0.55, 0.5, 0.46), wall=(0.6, 0.6, 0.62), at=3.0),
    "in a studio": dict(floor=(0.7, 0.7, 0.71), second=(0.7, 0.7, 0.71), wall=(0.85, 0.85, 0.86), at=3.0),
}


@dataclass
class Scene:
    """What a seed decided. ``subject`` or ``object`` is "" where it is missing; ``interaction`` is None for "and"."""

    seed: int
    subject: str
    object: str
    color: str
    interaction: str | None
    place: str
    close: bool = False  # of a robot arm: only its hand and the object are in the image
    pose: Pose = None
    at: tuple = (0.0, 0.0)
    turn: float = 0.0
    object_at: tuple = (0.0, 0.0, 0.0)
    object_turn: float = 0.0
    camera_at: tuple = (0.0, -8.0, 2.0)
    fill: float = 0.85
    shift: tuple = (0.5, 0.5)
    sun: tuple = (0.4, -0.6, 0.7)
    ambient: float = 0.6
    tint: tuple = (1.0, 1.0, 1.0)
    wear: dict = field(default_factory=dict)

    @property
    def relation(self):
        return self.interaction or ("and" if self.subject and self.object else "alone")


@dataclass
class Shot:
    """A rendered scene. ``image`` uint8 (S, S, 3); masks bool (S, S), visible pixels; boxes (x, y, width, height)
    in pixels, or None."""

    scene: Scene
    image: np.ndarray
    subject_mask: np.ndarray
    object_mask: np.ndarray

    @property
    def subject_box(self):
        return box_of(self.subject_mask)

    @property
    def object_box(self):
        return box_of(self.object_mask)

    def facts(self):
        """What captions and judges need to know, as plain data."""
        scene = self.scene
        return dict(
            seed=scene.seed,
            subject=scene.subject,
            object=scene.object,
            color=scene.color,
            place=scene.place,
            relation=scene.relation,
            subject_box=self.subject_box,
            object_box=self.object_box,
        )


def box_of(mask):
    """The tight box (x, y, width, height) around a mask (H, W), None for an empty one."""
    if not mask.any():
        return None
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return tuple(int(v) for v in (columns[0], rows[0], np.ptp(columns) + 1, np.ptp(rows) + 1))


def box_gap(a, b):
    """The free pixels between two boxes along the axis that separates them best (negative: they overlap)."""
    return max(max(a[i], b[i]) - min(a[i] + a[i + 2], b[i] + b[i + 2]) for i in (0, 1))


def _turned(turn):
    """Body frame -> world: turn 0 looks at the camera (-y), positive turns towards +x."""
    s, c = np.sin(turn), np.cos(turn)
    return np.array([[-c, s, 0], [-s, -c, 0], [0, 0, 1.0]])


def _placed(parts, rotation, at, owner):
    at = np.asarray(at, float)
    return [
        replace(
            p,
            owner=owner,
            to_world=np.hstack([rotation @ p.to_world[:, :3], (rotation @ p.to_world[:, 3] + at)[:, None]]),
        )
        for p in parts
    ]


def scene_parts(scene):
    """The primitives of a scene in the world."""
    parts = []
    if scene.subject:
        build = (
            robot_hand if scene.close else robot_arm if scene.subject == "robot arm" else SUBJECTS[scene.subject].build
        )
        how = scene.pose.seated
        if scene.subject == "robot arm":
            how = (ARM_COLORS[scene.wear["arm"]], scene.wear["size"]) if scene.close else ARM_COLORS[scene.wear["arm"]]
        parts += _placed(build(scene.pose.hands, how), _turned(scene.turn), (*scene.at, scene.pose.height), 1)
    if scene.object:
        parts += _placed(
            object_parts(scene.object, scene.color, scene.place == "in a plain room"),
            _turned(scene.object_turn),
            scene.object_at,
            2,
        )
    return parts


def _backdrop(scene):
    place, jitter = PLACES[scene.place], scene.wear["jitter"]
    floor, second, wall = (tuple(np.clip(np.multiply(place[k], jitter), 0, 1)) for k in ("floor", "second", "wall"))
    if scene.place == "in a plain room":  # of any colors
        floor = second = scene.wear["floor"]
        wall = scene.wear["wall"]
    ox, oy = scene.wear["offset"]

    def checks(x, y):
        return ((np.floor((x + ox) / place["tile"]) + np.floor((y + oy) / place["tile"])) % 2).astype(float)

    def planks(x, y):
        return (np.floor((y + oy) / 0.45) % 2).astype(float)

    def dunes(x, y):
        return 0.5 + 0.5 * np.sin(1.7 * x + ox * 6 + 0.8 * np.sin(y + oy)) * np.sin(1.1 * y + oy * 6)

    pattern = checks if place.get("tile") else planks if "tile" in place else dunes
    return Backdrop(
        floor,
        second,
        pattern,
        wall,
        place.get("top", tuple(0.92 * c for c in wall)),
        place.get("at"),
        np.asarray(scene.sun),
        scene.ambient,
        scene.tint,
    )


def frame(scene):
    """The camera that shows all parts, ``fill`` of the image wide or high, at ``shift`` of the free space."""
    parts = scene_parts(scene)
    points = corners(parts[:HAND_PARTS] + [p for p in parts if p.owner == 2] if scene.close else parts)
    camera = Camera.looking_at(scene.camera_at, (points.max(0) + points.min(0)) / 2)
    plane = camera.project(points)
    low, high = plane.min(0), plane.max(0)
    span = (high - low).max() / scene.fill
    free = (span * 0.98 - (high - low)) / 2
    camera.span = span
    camera.center = tuple((low + high) / 2 + free * (2 * np.asarray(scene.shift) - 1))
    return parts, camera


def render(scene, size=SIZE):
    """The image of a scene with its masks."""
    parts, camera = frame(scene)
    image, share = cast(parts, camera, _backdrop(scene), size)
    return Shot(scene, image, share[0] > 0.5, share[1] > 0.5)


def _choose(rng, options):
    return options[rng.integers(len(options))]


def _place(rng, close):
    """Robots' hands are mostly seen in plain rooms."""
    return "in a plain room" if close and rng.random() < 0.5 else _choose(rng, [*PLACES])


def _muted(rng):
    """A color between grey and pastel."""
    return tuple(np.clip(rng.uniform(0.3, 0.85) + rng.normal(0, 0.09, 3), 0.05, 0.95))


CLOSE_UPS = 0.6  # share of the robot arm's images with an object
RELATIONS = {"and": 0.73, **dict.fromkeys(INTERACTIONS, 0.02), "subject": 0.10, "object": 0.07}


def sample_scene(seed, subject=None, object=None, relation=None, color=None, place=None, held_out=False):
    """A scene from a seed; what is given stays fixed. ``held_out`` allows the combinations of ``HELD_OUT``.

    ``relation``: "and", a key of ``INTERACTIONS``, "subject" or "object" (alone).
    """
    rng = np.random.default_rng(seed)
    wanted = relation
    names, things = [*SUBJECTS], [*OBJECTS]
    weights = np.array([1.5 if n == "robot arm" else 1.0 for n in names])
    while True:
        relation = wanted or str(rng.choice(list(RELATIONS), p=list(RELATIONS.values())))
        who = subject or str(rng.choice(names, p=weights / weights.sum()))
        what = object or _choose(rng, things)
        if relation in INTERACTIONS and not possible(who, relation):
            if subject and wanted:
                raise ValueError(f"A {who} cannot {relation}.")
            continue
        if held_out or (who, what, relation) not in HELD_OUT or (subject and object):
            break
    who, what = ("" if relation == "object" else who), ("" if relation == "subject" else what)
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
        relation if relation in INTERACTIONS else None,
        place or _place(rng, close),
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
    for _ in range(60):
        _arrange(scene, rng)
        if _well_framed(scene):
            return scene
    raise RuntimeError(f"No good view was found for seed {seed}.")


def _arrange(scene, rng):
    """Pose, places and camera."""
    turn = rng.uniform(-np.pi, np.pi) if scene.close else rng.uniform(-0.6, 0.6)
    if scene.interaction:
        scene.pose = INTERACTIONS[scene.interaction](scene.subject, scene.object, rng)
        turn = turn if scene.close else rng.uniform(*scene.pose.turn)
        scene.object_at = tuple(_turned(turn) @ scene.pose.object_at)
        scene.object_turn = turn
    elif scene.close:
        scene.pose = Pose(hover(scene.object, rng), (9.0, 9.0, 0.0))
        scene.object_at, scene.object_turn = (0.0, 0.0, 0.0), rng.uniform(-0.7, 0.7)
    else:
        if scene.subject:
            scene.pose = Pose(rest(scene.subject, rng), (9.0, 9.0, 0.0))
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
    scene.turn = float(turn)
    alone = not (scene.subject and scene.object)
    distance, rise = rng.uniform(7, 10), rng.uniform(0.05, 0.8 if scene.close else 0.3)
    scene.camera_at = (rng.uniform(-0.8, 0.8), -distance, 0.9 + distance * np.sin(rise))
    scene.fill = rng.uniform(0.4, 0.92) if scene.close else rng.uniform(0.6, 0.92) if alone else rng.uniform(0.86, 0.96)
    scene.shift = tuple(rng.uniform(0, 1, 2))


def _well_framed(scene):
    """Objects are large enough, and what is joined by "and" stands clearly apart."""
    if not (scene.subject and scene.object):
        return True
    parts, camera = frame(scene)
    edges = {owner: camera.pixels(corners([p for p in parts if p.owner == owner]), SIZE) for owner in (1, 2)}
    low = {owner: e.min(0) for owner, e in edges.items()}
    high = {owner: e.max(0) for owner, e in edges.items()}
    if np.prod(high[2] - low[2]) < 0.055 * SIZE**2:
        return False
    if scene.interaction:
        return True
    gap = max(max(low[1][i], low[2][i]) - min(high[1][i], high[2][i]) for i in (0, 1))
    return gap >= GAP


def interaction_of(scene):
    """The interaction that the geometry of a scene shows (None: none), whatever the scene says of itself."""
    return truth(scene.pose, scene.subject, scene.object) if scene.subject and scene.object else None
