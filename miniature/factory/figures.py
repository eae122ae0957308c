"""What stands in the everyday images: nine subjects and eight objects, each a short list of primitives.

A subject's frame: it stands on z = 0 at the origin and looks along +y; a length unit is about half its height.
A subject is built for two hand points, so that its limbs reach whatever it handles.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .raycast import Geometry, affine

COLORS = {"red": (0.86, 0.1, 0.1), "green": (0.1, 0.62, 0.16), "blue": (0.14, 0.25, 0.88), "yellow": (0.96, 0.8, 0.08)}
WHITE, BLACK, ORANGE = (0.96, 0.96, 0.95), (0.07, 0.07, 0.08), (0.97, 0.55, 0.08)


def ball(center, radius, color, kind="ellipsoid", **more):
    scale = (radius,) * 3 if np.isscalar(radius) else radius
    return Geometry(kind, affine(scale, center), color, **more)


def box(center, half, color, **more):
    return ball(center, half, color, kind="box", **more)


def frustum(center, radius, half_height, taper, color, **more):
    return Geometry("frustum", affine((radius, radius, half_height), center), color, taper=taper, **more)


def limb(start, end, radius, color, taper=1.0, square=False):
    """A round (or square) limb between two points."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    along = end - start
    length = np.linalg.norm(along) + 1e-6
    z = along / length
    x = np.cross(z, (0.0, 1.0, 0.0) if abs(z[1]) < 0.9 else (1.0, 0.0, 0.0))
    x /= np.linalg.norm(x)
    rotation = np.stack([x, np.cross(z, x), z], axis=1)
    kind = "box" if square else "frustum"
    return Geometry(kind, affine((radius, radius, length / 2), (start + end) / 2, rotation), color, taper=taper)


def mirrored(make):
    return [part for side in (-1, 1) for part in make(side)]


def eyes(x, y, z, radius, white=WHITE, pupil=BLACK):
    return mirrored(
        lambda s: [ball((s * x, y, z), radius, white), ball((s * x * 0.97, y + radius * 0.62, z), radius * 0.62, pupil)]
    )


def arms(shoulder_x, shoulder_z, hands, radius, color, hand_color=None, square=False):
    """Two straight arms from the shoulders to ``hands`` ((3,), (3,)), left first (negative x)."""
    hand_color = hand_color or color
    return mirrored(
        lambda s: [
            ball((s * shoulder_x, 0, shoulder_z), radius * 1.1, color),
            limb((s * shoulder_x, 0, shoulder_z), hands[s > 0], radius, color, square=square),
            ball(hands[s > 0], radius * 1.25, hand_color),
        ]
    )


def feet(x, color, seated, size=(0.2, 0.3, 0.14), leg=None):
    """Two feet under the body, or stretched out in front of it when ``seated``; ``leg`` colors the legs."""
    if seated:
        return mirrored(
            lambda s: [
                limb((s * x, 0.1, 0.24), (s * x * 1.7, 0.66, 0.2), 0.15, leg or color),
                ball((s * x * 1.7, 0.72, 0.22), (size[0], size[2], size[1] * 0.85), color),
            ]
        )
    return mirrored(
        lambda s: [
            limb((s * x, 0, 0.12), (s * x, 0, 0.55), 0.15, leg or color),
            ball((s * x, 0.1, size[2]), size, color),
        ]
    )


def panda(hands, seated):
    return [
        ball((0, 0, 0.7), (0.52, 0.46, 0.56), WHITE),
        ball((0, 0.05, 1.45), (0.5, 0.45, 0.43), WHITE),
        *mirrored(
            lambda s: [
                ball((s * 0.38, 0, 1.82), 0.17, BLACK),
                ball((s * 0.21, 0.37, 1.52), (0.17, 0.12, 0.2), BLACK),
                ball((s * 0.19, 0.46, 1.55), 0.09, WHITE),
            ]
        ),
        ball((0, 0.48, 1.33), (0.1, 0.07, 0.07), BLACK),
        *arms(0.45, 1.02, hands, 0.14, BLACK),
        *feet(0.28, BLACK, seated, (0.23, 0.3, 0.17)),
    ]


def penguin(hands, seated):
    navy = (0.1, 0.12, 0.22)
    return [
        ball((0, 0, 0.82), (0.52, 0.45, 0.74), navy),
        ball((0, 0.14, 0.74), (0.42, 0.37, 0.58), WHITE),
        ball((0, 0.02, 1.58), (0.42, 0.4, 0.4), navy),
        *mirrored(
            lambda s: [ball((s * 0.17, 0.23, 1.6), (0.17, 0.2, 0.19), WHITE), ball((s * 0.16, 0.39, 1.63), 0.1, BLACK)]
        ),
        Geometry(
            "frustum",
            affine((0.11, 0.11, 0.16), (0, 0.5, 1.48), np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0.0]])),
            ORANGE,
            taper=0.1,
        ),
        *arms(0.46, 1.08, hands, 0.12, navy),
        *feet(0.25, ORANGE, seated, (0.22, 0.32, 0.1)),
    ]


def elephant(hands, seated):
    grey, pink = (0.52, 0.58, 0.72), (0.86, 0.62, 0.68)
    trunk = [(0, 0.46, 1.38), (0, 0.56, 1.2), (0, 0.6, 1.0), (0, 0.64, 0.82), (0, 0.74, 0.7)]
    return [
        ball((0, 0, 0.72), (0.56, 0.5, 0.58), grey),
        ball((0, 0.06, 1.48), (0.46, 0.46, 0.44), grey),
        *mirrored(
            lambda s: [
                ball((s * 0.64, -0.08, 1.5), (0.36, 0.09, 0.42), grey),
                ball((s * 0.64, 0.0, 1.48), (0.25, 0.06, 0.3), pink),
            ]
        ),
        *eyes(0.21, 0.38, 1.64, 0.14),
        *[ball(p, r, grey) for p, r in zip(trunk, (0.17, 0.155, 0.14, 0.13, 0.12))],
        *arms(0.46, 1.0, hands, 0.16, grey),
        *feet(0.28, grey, seated, (0.23, 0.27, 0.2)),
    ]


def _person(hands, seated, hair, torso, legs, shoes, skin):
    return [
        *torso,
        ball((0, 0.04, 1.58), (0.39, 0.37, 0.39), skin),
        *hair,
        *eyes(0.17, 0.31, 1.63, 0.14),
        ball((0, 0.42, 1.5), 0.06, (0.85, 0.55, 0.42)),
        ball((0, 0.37, 1.36), (0.14, 0.06, 0.05), (0.7, 0.2, 0.2)),
        *arms(0.4, 1.06, hands, 0.115, skin),
        *feet(0.2, shoes, seated, (0.17, 0.25, 0.13), legs),
    ]


def man(hands, seated):
    skin, hair, shirt, jeans = (0.93, 0.72, 0.56), (0.33, 0.18, 0.1), (0.16, 0.34, 0.78), (0.24, 0.24, 0.32)
    return _person(
        hands,
        seated,
        [
            ball((0, -0.06, 1.74), (0.42, 0.4, 0.3), hair),
            ball((0, -0.12, 1.58), (0.4, 0.36, 0.36), hair),
        ],
        [frustum((0, 0, 0.82), 0.36, 0.34, 1.15, shirt), box((0, 0, 0.46), (0.34, 0.26, 0.12), jeans)],
        jeans,
        (0.2, 0.12, 0.1),
        skin,
    )


def woman(hands, seated):
    skin, hair, dress = (0.96, 0.78, 0.66), (0.94, 0.7, 0.2), (0.82, 0.16, 0.56)
    return _person(
        hands,
        seated,
        [
            ball((0, -0.05, 1.76), (0.43, 0.4, 0.28), hair),
            ball((0, -0.17, 1.4), (0.47, 0.3, 0.55), hair),
        ],
        [frustum((0, 0, 0.72), 0.54, 0.44, 0.55, dress)],
        skin,
        (0.6, 0.1, 0.3),
        skin,
    )


def robot(hands, seated):
    metal, dark, cyan = (0.7, 0.73, 0.77), (0.42, 0.45, 0.5), (0.1, 0.9, 0.95)
    legs = mirrored(
        lambda s: [
            box((s * 0.24, 0.42, 0.24), (0.15, 0.42, 0.15), dark)
            if seated
            else box((s * 0.24, 0, 0.22), (0.15, 0.17, 0.22), dark)
        ]
    )
    return [
        box((0, 0, 0.78), (0.46, 0.34, 0.42), metal),
        box((0, 0.33, 0.82), (0.26, 0.04, 0.22), (0.08, 0.5, 0.5)),
        box((0, 0.02, 1.53), (0.4, 0.34, 0.3), metal),
        limb((0, 0, 1.8), (0, 0, 2.0), 0.05, dark),
        ball((0, 0, 2.04), 0.11, COLORS["red"]),
        *eyes(0.18, 0.33, 1.6, 0.11, cyan, (0.02, 0.3, 0.5)),
        box((0, 0.35, 1.36), (0.2, 0.03, 0.045), dark),
        *legs,
        *arms(0.52, 1.06, hands, 0.12, dark, metal, square=True),
    ]


def frog(hands, seated):
    green, light = (0.22, 0.7, 0.18), (0.8, 0.9, 0.5)
    return [
        ball((0, 0, 0.7), (0.5, 0.45, 0.56), green),
        ball((0, 0.12, 0.66), (0.38, 0.37, 0.43), light),
        ball((0, 0.08, 1.38), (0.54, 0.44, 0.36), green),
        ball((0, 0.4, 1.24), (0.34, 0.12, 0.05), (0.08, 0.3, 0.08)),
        *mirrored(
            lambda s: [
                ball((s * 0.3, 0.08, 1.7), 0.2, green),
                ball((s * 0.3, 0.18, 1.73), 0.155, WHITE),
                ball((s * 0.3, 0.28, 1.75), 0.09, BLACK),
            ]
        ),
        *arms(0.42, 1.0, hands, 0.12, green),
        *feet(0.32, green, seated, (0.27, 0.36, 0.12)),
    ]


def monkey(hands, seated):
    brown, tan = (0.45, 0.26, 0.13), (0.92, 0.74, 0.54)
    tail = [(0.3, -0.45, 0.45), (0.5, -0.62, 0.6), (0.6, -0.68, 0.82), (0.55, -0.68, 1.04)]
    return [
        ball((0, 0, 0.7), (0.43, 0.4, 0.55), brown),
        ball((0, 0.14, 0.68), (0.3, 0.3, 0.4), tan),
        ball((0, 0.03, 1.5), (0.44, 0.41, 0.42), brown),
        *mirrored(
            lambda s: [
                ball((s * 0.48, 0, 1.54), (0.18, 0.09, 0.2), brown),
                ball((s * 0.49, 0.06, 1.53), (0.12, 0.06, 0.14), tan),
                ball((s * 0.14, 0.25, 1.58), (0.18, 0.19, 0.19), tan),
            ]
        ),
        ball((0, 0.28, 1.35), (0.27, 0.24, 0.2), tan),
        *eyes(0.15, 0.37, 1.62, 0.12),
        ball((0, 0.52, 1.42), (0.07, 0.04, 0.045), (0.25, 0.13, 0.08)),
        *[limb(a, b, 0.075, brown) for a, b in pairwise(tail)],
        *arms(0.38, 1.04, hands, 0.12, brown, tan),
        *feet(0.24, tan, seated, (0.19, 0.28, 0.13), brown),
    ]


ARM_COLORS = {
    "orange": (0.95, 0.5, 0.1),
    "white": (0.88, 0.88, 0.9),
    "blue": (0.25, 0.45, 0.85),
    "yellow": (0.93, 0.76, 0.15),
    "grey": (0.6, 0.62, 0.66),
    "red": (0.8, 0.2, 0.16),
}


def robot_arm(hands, color):
    """A thick arm on a round foot; its two fingers end at ``hands``, its wrist is above or behind their middle."""
    dark = (0.2, 0.21, 0.24)
    tip = (np.asarray(hands[0]) + hands[1]) / 2
    wrist = tip + (np.array([0, 0, 0.42]) if np.ptp([hands[0][2], hands[1][2]]) < 0.02 else 0)
    shoulder = np.array([0, 0, 0.55])
    reach = wrist - shoulder
    upper = 1.05
    bend = np.sqrt(max(upper**2 - (reach @ reach) / 4, 0.05))
    side = np.cross(np.cross(reach, (0, 0, 1.0)), reach)
    side = side / np.linalg.norm(side) if np.linalg.norm(side) > 1e-3 else np.array([0, -1.0, 0])
    elbow = shoulder + reach / 2 + bend * side
    return [
        frustum((0, 0, 0.14), 0.42, 0.14, 0.85, dark),
        frustum((0, 0, 0.4), 0.27, 0.2, 0.9, color),
        ball(shoulder, 0.26, dark),
        limb(shoulder, elbow, 0.19, color),
        ball(elbow, 0.24, dark),
        limb(elbow, wrist, 0.16, color),
        ball(wrist, 0.2, dark),
        box((tip + wrist) / 2 + (0, 0, 0.12), (max(abs(hands[1][0] - hands[0][0]) / 2 + 0.08, 0.2), 0.14, 0.07), color),
        *[limb((h[0], h[1], wrist[2] - 0.02), h, 0.085, dark, square=True) for h in hands],
    ]


def robot_hand(hands, look):
    """What a close-up shows of a robot arm: a forearm that leaves the image, a palm, two fingers to ``hands``.

    look: (color, size); a large hand holds an object by its fingertips, a small one is hardly wider than the object.
    """
    color, size = look
    dark = (0.2, 0.21, 0.24)
    tip = (np.asarray(hands[0]) + hands[1]) / 2
    palm, wide = tip + (0, 0, 0.35 + 0.2 * size), max(abs(hands[1][0] - hands[0][0]) / 2 + 0.1, 0.6) * size
    return [
        *[limb((h[0], h[1], palm[2]), h, 0.1, dark, square=True) for h in hands],
        box(palm, (wide, 0.24 * size, 0.2 * size), color),
        frustum(palm + (0, 0, 0.4 * size), 0.3 * size, 0.24 * size, 0.9, color),
        ball(palm + (0, 0, 0.75 * size), 0.34 * size, dark),
        limb(palm + (0, 0, 0.75 * size), palm + (0, -0.5, 0.75 * size + 3.0), 0.3 * size, color),
    ]


HAND_PARTS = 4  # of ``robot_hand``: the ones that a close-up is framed by


@dataclass(frozen=True)
class Subject:
    """Where a body can touch: shoulder and belly for the arms, the top of its head, the underside it sits on."""

    build: object
    shoulder: tuple = (0.44, 1.04)
    top: float = 1.95
    front: float = 0.5
    seat: float = 0.14


SUBJECTS = {
    "panda": Subject(panda),
    "penguin": Subject(penguin, top=2.0),
    "elephant": Subject(elephant, front=0.6),
    "man": Subject(man, front=0.42),
    "woman": Subject(woman, front=0.5),
    "robot": Subject(robot, top=1.85),
    "frog": Subject(frog),
    "monkey": Subject(monkey),
    "robot arm": Subject(None),
}


def _cube(color):
    return [box((0, 0, 0.4), (0.42, 0.42, 0.4), color)]


def _gift(color):
    ribbon = tuple(0.55 * c + 0.45 for c in color)
    return [
        box(
            (0, 0, 0.4),
            (0.42, 0.42, 0.4),
            color,
            second=ribbon,
            pattern=lambda p: (
                (np.abs(p[0]) < 0.2) & (np.abs(p[2]) < 2) & (np.abs(p[1]) > 0.9)
                | (np.abs(p[1]) < 0.2) & (np.abs(p[0]) > 0.9)
            ),
        )
    ]


def _ball(color):
    return [ball((0, 0, 0.43), 0.43, color, second=WHITE, pattern=lambda p: np.abs(p[2] + 0.35 * p[0]) < 0.22)]


def _strawberry(color):
    red, green = (0.88, 0.08, 0.16), (0.14, 0.6, 0.14)
    return [
        frustum((0, 0, 0.3), 0.12, 0.28, 3.3, red),
        ball((0, 0, 0.04), 0.13, red),
        ball((0, 0, 0.6), (0.42, 0.42, 0.26), red),
        ball((0, 0, 0.82), (0.34, 0.34, 0.09), green),
        limb((0, 0, 0.82), (0.06, 0, 1.0), 0.06, green),
    ]


def _lemon(color):
    yellow = (0.98, 0.88, 0.12)
    return [
        ball((0, 0, 0.36), (0.46, 0.36, 0.36), yellow),
        ball((-0.45, 0, 0.36), 0.11, yellow),
        ball((0.45, 0, 0.36), 0.11, yellow),
        ball((0.5, 0, 0.47), (0.14, 0.09, 0.05), (0.2, 0.6, 0.15)),
    ]


def _lamp(color):
    dark, shade = (0.28, 0.17, 0.12), (1.0, 0.86, 0.5)
    return [
        frustum((0, 0, 0.06), 0.3, 0.06, 0.8, dark),
        limb((0, 0, 0.1), (0, 0, 0.6), 0.085, dark),
        frustum((0, 0, 0.74), 0.45, 0.27, 0.5, shade),
    ]


def _cup(color):
    teal, tea = (0.08, 0.6, 0.6), (0.35, 0.2, 0.1)
    ring = [(0.38 + 0.22 * np.cos(a), 0, 0.4 + 0.22 * np.sin(a)) for a in np.linspace(-1.5, 1.5, 5)]
    return [
        frustum((0, 0, 0.4), 0.32, 0.4, 1.25, teal),
        frustum((0, 0, 0.8), 0.35, 0.012, 1.0, tea),
        *[limb(a, b, 0.065, teal) for a, b in pairwise(ring)],
    ]


def _cart(color):
    wood, dark = (0.75, 0.45, 0.2), (0.2, 0.2, 0.22)
    on_side = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0.0]])
    wheels = [
        Geometry("frustum", affine((0.17, 0.17, 0.06), (x, y, 0.17), on_side), dark)
        for x in (-0.32, 0.32)
        for y in (-0.36, 0.36)
    ]
    return [
        box((0, 0, 0.5), (0.52, 0.32, 0.22), wood, second=(0.5, 0.28, 0.12), pattern=lambda p: np.abs(p[2]) < 0.22),
        *wheels,
    ]


def _chair(color):
    brown, seat = (0.5, 0.3, 0.16), (0.72, 0.2, 0.3)
    legs = [box((x, y, 0.24), (0.08, 0.08, 0.24), brown) for x in (-0.4, 0.4) for y in (-0.4, 0.4)]
    return [box((0, 0, 0.55), (0.48, 0.48, 0.09), seat), box((0, -0.42, 0.96), (0.48, 0.07, 0.34), brown), *legs]


@dataclass(frozen=True)
class ObjectSpec:
    """An object: its builder and the half width, half depth and height of its hull; ``seat`` is what one sits on."""

    build: object
    half: tuple
    height: float
    colors: tuple = ("",)
    seat: float | None = None


OBJECTS = {
    "box": ObjectSpec(_gift, (0.42, 0.42), 0.8, tuple(COLORS)),
    "ball": ObjectSpec(_ball, (0.43, 0.43), 0.86, tuple(COLORS)),
    "strawberry": ObjectSpec(_strawberry, (0.41, 0.41), 0.92),
    "lemon": ObjectSpec(_lemon, (0.5, 0.36), 0.72),
    "lamp": ObjectSpec(_lamp, (0.42, 0.42), 1.01),
    "cup": ObjectSpec(_cup, (0.4, 0.4), 0.81),
    "cart": ObjectSpec(_cart, (0.52, 0.42), 0.72),
    "chair": ObjectSpec(_chair, (0.48, 0.48), 1.3, seat=0.64),
}


def object_parts(name, color, plain=False):
    """The primitives of an object; a ``plain`` box has no ribbon."""
    build = _cube if plain and name == "box" else OBJECTS[name].build
    return build(COLORS.get(color))
