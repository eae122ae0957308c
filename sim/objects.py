"""The objects that can be acted on, made of a few shapes each.

To add one, add an entry: nothing else knows their names. Units are those of ``object_spec.py``.
"""

from __future__ import annotations

from .geometry import CREAM, DARK, LEAF, STEEL, WOOD, ball, box, cylinder, turned
from .object_spec import ACROSS, FRONT, UP, Grip, Joint, ObjectSpec

OBJECTS = {
    "cube": ObjectSpec((box(0.033, 0.033, 0.033),), Grip(0.033), surface=0.033),
    "ball": ObjectSpec((ball(0.033),), Grip(0.033)),
    "can": ObjectSpec((cylinder(0.030, 0.050),), Grip(0.050), surface=0.030),
    "block": ObjectSpec((box(0.055, 0.025, 0.022),), Grip(0.022, yaw_symmetry=2), surface=0.025),
    "bottle": ObjectSpec(
        (
            turned((0.028, 0), (0.030, 0.004), (0.030, 0.085), (0.013, 0.112), (0.012, 0.130)),
            cylinder(0.0145, 0.009, (0, 0, 0.139), DARK),
        ),
        Grip(0.132, height_tolerance=0.0),
    ),
    "cup": ObjectSpec(
        (turned((0.026, 0), (0.033, 0.085), wall=0.004),),
        Grip(0.058, height_tolerance=0.1),
        inside=(0.028, 0.004, 0.085),
    ),
    "bowl": ObjectSpec(
        (turned((0.030, 0), (0.052, 0.012), (0.070, 0.032), (0.078, 0.055), wall=0.004),),
        Grip(0.046, radius=0.0745, height_tolerance=0.0),
        inside=(0.070, 0.004, 0.055),
    ),
    "plate": ObjectSpec(
        (turned((0.055, 0), (0.065, 0.006), (0.090, 0.014), wall=0.004),), inside=(0.082, 0.004, 0.014), surface=0.06
    ),
    "book": ObjectSpec(
        (
            box(0.062, 0.003, 0.075, (0, 0.014, 0.075)),
            box(0.062, 0.003, 0.075, (0, -0.014, 0.075)),
            box(0.003, 0.011, 0.075, (-0.059, 0, 0.075)),
            box(0.056, 0.011, 0.070, (0.0, 0, 0.075), CREAM),
        ),
        Grip(0.122, yaw_symmetry=2, height_tolerance=0.1),
    ),
    "apple": ObjectSpec(
        (
            turned((0.012, 0), (0.024, 0.004), (0.031, 0.022), (0.033, 0.038), (0.028, 0.052), (0.015, 0.060)),
            cylinder(0.002, 0.007, (0, 0, 0.065), WOOD),
        ),
        Grip(0.038, height_tolerance=0.0),
    ),
    "lemon": ObjectSpec(
        (
            turned(
                (0.009, 0),
                (0.020, 0.010),
                (0.028, 0.024),
                (0.030, 0.036),
                (0.027, 0.050),
                (0.016, 0.064),
                (0.007, 0.072),
            ),
        ),
        Grip(0.040, height_tolerance=0.0),
    ),
    "lamp": ObjectSpec(
        (
            cylinder(0.038, 0.006, None, DARK),
            cylinder(0.012, 0.055, (0, 0, 0.067), STEEL),
            turned((0.034, 0), (0.024, 0.050), at=(0, 0, 0.11)),
        ),
        Grip(0.132, height_tolerance=0.0),
        density=500.0,
    ),
    "vase": ObjectSpec(
        (turned((0.020, 0), (0.033, 0.035), (0.030, 0.070), (0.017, 0.105), (0.024, 0.125)),),
        Grip(0.106, height_tolerance=0.0),
    ),
    "jar": ObjectSpec(
        (cylinder(0.030, 0.035), cylinder(0.032, 0.009, (0, 0, 0.079), STEEL)),
        Grip(0.060, height_tolerance=0.1),
        surface=0.032,
    ),
    "candle": ObjectSpec(
        (cylinder(0.024, 0.045), cylinder(0.0015, 0.006, (0, 0, 0.096), DARK)), Grip(0.072, height_tolerance=0.1)
    ),
    "sponge": ObjectSpec(
        (box(0.050, 0.032, 0.012), box(0.050, 0.032, 0.006, (0, 0, 0.030), LEAF)),
        Grip(0.020, yaw_symmetry=2, height_tolerance=0.1),
    ),
    "toy house": ObjectSpec(
        (box(0.028, 0.028, 0.036), turned((0.036, 0), (0.003, 0.020), at=(0, 0, 0.072), color=WOOD)),
        Grip(0.057, height_tolerance=0.0),
    ),
    "spool": ObjectSpec(
        (cylinder(0.032, 0.006), cylinder(0.018, 0.026, (0, 0, 0.038), CREAM), cylinder(0.032, 0.006, (0, 0, 0.070))),
        Grip(0.045, height_tolerance=0.0),
    ),
    "peg": ObjectSpec(
        (cylinder(0.0145, 0.055), cylinder(0.0145, 0.010, (0, 0, 0.120), DARK)), Grip(0.105, height_tolerance=0.0)
    ),
    "bead": ObjectSpec((ball(0.008),)),
    "box": ObjectSpec((box(0.055, 0.055, 0.040),), surface=0.055),
    "big cube": ObjectSpec((box(0.125, 0.125, 0.125),), density=60.0, word="cube"),
    "big box": ObjectSpec(
        (box(0.22, 0.25, 0.37), box(0.221, 0.251, 0.014, (0, 0, 0.58), CREAM)), density=150.0, word="box"
    ),
    "dresser": ObjectSpec(  # its drawers face away from the robot, which pushes its back
        (
            box(0.20, 0.24, 0.37),
            *(box(0.006, 0.215, 0.095, (0.205, 0, z), WOOD) for z in (0.13, 0.345, 0.56)),
            *(box(0.012, 0.05, 0.012, (0.215, 0, z), STEEL) for z in (0.13, 0.345, 0.56)),
        ),
        density=150.0,
    ),
    "stool": ObjectSpec(
        (cylinder(0.16, 0.012), cylinder(0.025, 0.30, (0, 0, 0.324)), cylinder(0.11, 0.012, (0, 0, 0.636))),
        density=2000.0,
    ),
    "parcel": ObjectSpec((box(0.09, 0.15, 0.05), box(0.0905, 0.02, 0.0505, None, CREAM)), density=100.0),
    "basket": ObjectSpec(
        (turned((0.075, 0), (0.095, 0.075), wall=0.006),),
        Grip(0.066, radius=0.091, height_tolerance=0.0),
        inside=(0.080, 0.006, 0.075),
    ),
    "stand": ObjectSpec(
        (cylinder(0.075, 0.012), cylinder(0.02, 0.012, (0, 0, 0.036)), cylinder(0.075, 0.006, (0, 0, 0.054))),
        surface=0.07,
    ),
    "socket": ObjectSpec(
        (
            *(box(0.045, 0.01375, 0.030, (0, side * 0.03125, 0.030)) for side in (-1, 1)),
            *(box(0.01375, 0.0175, 0.030, (side * 0.03125, 0, 0.030)) for side in (-1, 1)),
            box(0.044, 0.044, 0.004, None, DARK),
        ),
        density=900.0,
        inside=(0.0175, 0.008, 0.060),
    ),
    "cart": ObjectSpec(
        (
            box(0.060, 0.040, 0.012, (0, 0, 0.030)),
            *(box(0.060, 0.003, 0.020, (0, side * 0.037, 0.055)) for side in (-1, 1)),
            *(box(0.003, 0.034, 0.020, (side * 0.057, 0, 0.055)) for side in (-1, 1)),
            *(ball(0.018, (x * 0.045, y * 0.030, 0.018), DARK) for x in (-1, 1) for y in (-1, 1)),
        ),
    ),
    "chair": ObjectSpec(
        (
            box(0.045, 0.045, 0.006, (0, 0, 0.070)),
            box(0.006, 0.045, 0.045, (0.039, 0, 0.120)),
            *(box(0.006, 0.006, 0.032, (x * 0.038, y * 0.038, 0.032), WOOD) for x in (-1, 1) for y in (-1, 1)),
        ),
    ),
    "drawer cabinet": ObjectSpec(
        (
            box(0.14, 0.16, 0.008, (0, 0, 0.31)),
            box(0.14, 0.16, 0.008, (0, 0, 0.12)),
            box(0.008, 0.16, 0.103, (0.132, 0, 0.215)),
            *(box(0.14, 0.008, 0.155, (0, side * 0.152, 0.155)) for side in (-1, 1)),
            box(0.14, 0.144, 0.056, (0.0, 0, 0.056)),
        ),
        joint=Joint(
            "slide",
            (0, 0, 0.215),
            (-1, 0, 0),
            0.16,
            (
                box(0.008, 0.140, 0.080, (-0.138, 0, 0.215), CREAM),
                box(0.120, 0.135, 0.006, (-0.010, 0, 0.15), WOOD),
                *(box(0.120, 0.006, 0.05, (-0.010, side * 0.129, 0.20), WOOD) for side in (-1, 1)),
                *(box(0.016, 0.006, 0.006, (-0.162, side * 0.05, 0.235), STEEL) for side in (-1, 1)),
                box(0.006, 0.056, 0.006, (-0.184, 0, 0.235), STEEL),
            ),
            handle=((-0.184, 0, 0.235), FRONT, UP),
        ),
    ),
    **{
        name: ObjectSpec(
            (
                box(0.11, wide, 0.010, (0, 0, top)),
                box(0.11, wide, 0.010, (0, 0, bottom)),
                box(0.008, wide, (top - bottom) / 2, (0.102, 0, (top + bottom) / 2)),
                *(box(0.11, 0.008, (top + 0.01) / 2, (0, side * (wide - 0.008), (top + 0.01) / 2)) for side in (-1, 1)),
                *(
                    (box(0.11, wide - 0.016, (bottom - 0.01) / 2, (0, 0, (bottom - 0.01) / 2), DARK),)
                    if bottom > 0.02
                    else ()
                ),
                *((box(0.10, wide - 0.02, 0.004, (0, 0, (top + bottom) / 2), CREAM),) if name != "microwave" else ()),
            ),
            joint=Joint(
                "hinge",
                (-0.112, hinge * wide, 0),
                (0, 0, -hinge),
                1.3,
                (
                    box(0.008, wide - 0.002, (top - bottom) / 2, (-0.120, 0, (top + bottom) / 2), color),
                    *(
                        box(0.014, 0.006, 0.006, (-0.142, -hinge * (wide - 0.03), handle + side * 0.05), STEEL)
                        for side in (-1, 1)
                    ),
                    box(0.006, 0.006, 0.056, (-0.160, -hinge * (wide - 0.03), handle), STEEL),
                ),
                handle=((-0.160, -hinge * (wide - 0.03), handle), FRONT, ACROSS),
            ),
        )
        for name, wide, bottom, top, handle, hinge, color in (
            ("cupboard", 0.12, 0.08, 0.38, 0.26, 1, CREAM),
            ("fridge", 0.13, 0.012, 0.42, 0.26, -1, None),
            ("microwave", 0.15, 0.13, 0.31, 0.22, 1, DARK),
        )
    },
    "chest": ObjectSpec(
        (
            box(0.10, 0.13, 0.008),
            *(box(0.10, 0.008, 0.058, (0, side * 0.122, 0.074)) for side in (-1, 1)),
            *(box(0.008, 0.114, 0.058, (side * 0.092, 0, 0.074)) for side in (-1, 1)),
        ),
        joint=Joint(
            "hinge",
            (0.104, 0, 0.136),
            (0, 1, 0),
            1.3,
            (box(0.10, 0.13, 0.008, (0, 0, 0.144), WOOD), box(0.018, 0.030, 0.006, (-0.116, 0, 0.144), STEEL)),
            handle=((-0.120, 0, 0.144), FRONT, UP),
        ),
    ),
    "button": ObjectSpec(
        (box(0.050, 0.050, 0.020), turned((0.034, 0), (0.030, 0.012), wall=0.003, at=(0, 0, 0.040), color=STEEL)),
        joint=Joint(
            "slide",
            (0, 0, 0.05),
            (0, 0, -1),
            0.016,
            (cylinder(0.025, 0.013, (0, 0, 0.061), (0.80, 0.03, 0.03)),),
            spring=150.0,
        ),
    ),
    "tap": ObjectSpec(
        (
            cylinder(0.045, 0.010),
            cylinder(0.020, 0.050, (0, 0, 0.070)),
            box(0.055, 0.012, 0.012, (-0.055, 0, 0.090), STEEL),
        ),
        joint=Joint(
            "hinge",
            (0, 0, 0.13),
            (0, 0, 1),
            1.5,
            (cylinder(0.012, 0.012, (0, 0, 0.132), STEEL), box(0.040, 0.009, 0.015, (0, 0, 0.158), (0.75, 0.04, 0.03))),
            handle=((0, 0, 0.162), (0.0, 0.0, -1.0), ACROSS),
            damping=0.2,
        ),
    ),
}
GRASPED = tuple(name for name, spec in OBJECTS.items() if spec.grip)  # what one hand can pick up
