"""A room as URDF: one tree from the fixed link "room"; metres, radians, z up. What is loose stands fast in it, too.

URDF knows no state: every joint is at 0, shut, and ``layout.json`` beside it says how far things are opened.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

import numpy as np

from ...sim.furnishings.makers import furnish
from ...sim.furnishings.model import FINISHES, Piece
from ...sim.layout import Layout
from .bodies import Maker, bodies_of
from .inertia import inertia_of
from .meshes import FOLDER, mesh_files
from .xml_text import color_text, numbers

EFFORT, SPEED = 100.0, 2.0  # N or Nm, and m/s or rad/s: URDF asks for them
ROOM = "room"
TYPES = {"hinge": "revolute", "slide": "prismatic"}


def export_urdf(layout: Layout, maker: Maker = furnish) -> dict[str, bytes]:
    """Returns {name: content} of "room.urdf" and the meshes that it names.

    Args:
        layout: the room.
        maker: makes the furniture of an object.

    Raises:
        MissingExtraError: shapely is not there, or trimesh, which meshes of users need.
    """
    robot = ET.Element("robot", name=ROOM)
    for name, finish in FINISHES.items():
        rgba = color_text(finish)
        ET.SubElement(ET.SubElement(robot, "material", name=name), "color", rgba=rgba)
    _floor(ET.SubElement(robot, "link", name=ROOM), layout)
    bodies = bodies_of(layout, maker)
    files, hulls = mesh_files(layout, bodies)
    for body in bodies:
        for name, solids, link in body.parts():
            pivot = link.at if link else (0.0, 0.0, 0.0)
            _link(robot, name, solids, pivot, body.furnishing.density, hulls)
            joint = ET.SubElement(robot, "joint", name=f"{name}_joint", type=TYPES[link.kind] if link else "fixed")
            ET.SubElement(joint, "parent", link=body.name if link else ROOM)
            ET.SubElement(joint, "child", link=name)
            turn = f"0 0 {numbers(0.0 if link else body.yaw)}"
            ET.SubElement(joint, "origin", xyz=numbers(*(pivot if link else body.position)), rpy=turn)
            if link:
                ET.SubElement(joint, "axis", xyz=numbers(*link.axis))
                limit = {
                    "lower": "0",
                    "upper": numbers(link.range),
                    "effort": numbers(EFFORT),
                    "velocity": numbers(SPEED),
                }
                ET.SubElement(joint, "limit", limit)
                ET.SubElement(joint, "dynamics", damping="2", friction="0.05")
    ET.indent(robot)
    return {"room.urdf": ET.tostring(robot, encoding="utf-8", xml_declaration=True), **files}


def _floor(link: ET.Element, layout: Layout) -> None:
    """The floor: drawn as it is, and colliding as the box around it."""
    visual = ET.SubElement(link, "visual", name="floor")
    ET.SubElement(ET.SubElement(visual, "geometry"), "mesh", filename=f"{FOLDER}/floor.obj")
    ET.SubElement(visual, "material", name="oak")
    low, high = np.min(layout.floor_plan.corners, 0), np.max(layout.floor_plan.corners, 0)
    collision = ET.SubElement(link, "collision", name="floor")
    ET.SubElement(collision, "origin", xyz=numbers(*(low + high) / 2, -0.025), rpy="0 0 0")
    ET.SubElement(ET.SubElement(collision, "geometry"), "box", size=numbers(*(high - low), 0.05))


def _link(
    robot: ET.Element,
    name: str,
    pieces: Sequence[Piece],
    pivot: tuple[float, float, float],
    density: float,
    hulls: dict[str, int],
) -> None:
    link = ET.SubElement(robot, "link", name=name)
    if not pieces:  # the frame of a room's door is its wall
        return
    inertia = inertia_of(pieces, density)
    inertial = ET.SubElement(link, "inertial")
    ET.SubElement(inertial, "origin", xyz=numbers(*(inertia.middle - pivot)), rpy="0 0 0")
    ET.SubElement(inertial, "mass", value=numbers(inertia.mass))
    names = {"ixx": (0, 0), "ixy": (0, 1), "ixz": (0, 2), "iyy": (1, 1), "iyz": (1, 2), "izz": (2, 2)}
    ET.SubElement(inertial, "inertia", {key: numbers(inertia.matrix[place]) for key, place in names.items()})
    for number, piece in enumerate(pieces):
        geometry = piece.geometry
        if geometry.shape == "mesh":
            stem = f"{FOLDER}/{name}_{number}"
            drawn: list[tuple[str, dict[str, str]]] = [("mesh", {"filename": f"{stem}.obj"})]
            solid = [("mesh", {"filename": f"{stem}_{k}.obj"}) for k in range(hulls[f"{name}_{number}"])]
            middle = -np.array(pivot)
        else:
            sizes = [2 * value for value in geometry.half]
            drawn = solid = [
                ("box", {"size": numbers(*sizes)})
                if geometry.shape == "box"
                else ("cylinder", {"radius": numbers(geometry.half[0]), "length": numbers(sizes[1])})
            ]
            middle = np.array(geometry.at) - pivot
        for tag, shapes in (("visual", drawn), ("collision", solid)):
            for shape, attributes in shapes:
                element = ET.SubElement(link, tag)
                ET.SubElement(element, "origin", xyz=numbers(*middle), rpy="0 0 0")
                ET.SubElement(ET.SubElement(element, "geometry"), shape, attributes)
                if tag == "visual":
                    ET.SubElement(element, "material", name=piece.finish)
