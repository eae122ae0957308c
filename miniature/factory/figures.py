"""The subjects of the everyday images: eight creatures and a robot arm, each a short list of primitives.

A subject's frame: it stands on z = 0 at the origin and looks along +y; a length unit is about half its height.
A subject is built for two hand points, so that its limbs reach whatever it handles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .primitives import BLACK, COLORS, ORANGE, WHITE, Hands, arms, ball, box, eyes, feet, frustum, limb, mirrored
from .raycast import Color, Geometry, affine


def panda(hands: Hands, seated: bool) -> list[Geometry]:
    """Builds a panda."""
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


def penguin(hands: Hands, seated: bool) -> list[Geometry]:
    """Builds a penguin."""
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


def elephant(hands: Hands, seated: bool) -> list[Geometry]:
    """Builds an elephant."""
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


def _person(
    hands: Hands,
    seated: bool,
    hair: list[Geometry],
    torso: list[Geometry],
    legs: Color,
    shoes: Color,
    skin: Color,
) -> list[Geometry]:
    """Builds a person around a torso."""
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


def man(hands: Hands, seated: bool) -> list[Geometry]:
    """Builds a man."""
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


def woman(hands: Hands, seated: bool) -> list[Geometry]:
    """Builds a woman."""
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


def robot(hands: Hands, seated: bool) -> list[Geometry]:
    """Builds a robot."""
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


def frog(hands: Hands, seated: bool) -> list[Geometry]:
    """Builds a frog."""
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


def monkey(hands: Hands, seated: bool) -> list[Geometry]:
    """Builds a monkey."""
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


ARM_COLORS: dict[str, Color] = {
    "orange": (0.95, 0.5, 0.1),
    "white": (0.88, 0.88, 0.9),
    "blue": (0.25, 0.45, 0.85),
    "yellow": (0.93, 0.76, 0.15),
    "grey": (0.6, 0.62, 0.66),
    "red": (0.8, 0.2, 0.16),
}


def robot_arm(hands: Hands, color: Color) -> list[Geometry]:
    """Builds a thick arm on a round foot; two fingers end at ``hands``, the wrist is above or behind their middle."""
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


def robot_hand(hands: Hands, color: Color, size: float) -> list[Geometry]:
    """Builds what a close-up shows of a robot arm: a forearm that leaves the image, a palm, two fingers.

    Args:
        hands: where the fingers end.
        color: of forearm and palm.
        size: a large hand holds an object by its fingertips, a small one is hardly wider than the object.
    """
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


HAND_PARTS = 4
"""How many parts of ``robot_hand``, the first ones, a close-up is framed by."""


@dataclass(frozen=True)
class Subject:
    """What acts, and where its body can touch.

    Attributes:
        build: (hands, whether it sits) -> parts; None for the robot arm, whose parts need a color, too.
        shoulder: x and z.
        top: z of the top of its head.
        front: y of its belly.
        seat: z of the underside that it sits on.
    """

    build: Callable[[Hands, bool], list[Geometry]] | None
    shoulder: tuple[float, float] = (0.44, 1.04)
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

CREATURES = [name for name in SUBJECTS if name != "robot arm"]
