"""A room as MJCF, MuJoCo's XML: metres, radians, z up. Movable things have free joints; the rest is fixed.

The key frame "layout" holds the joints as the layout has them opened; without it everything is shut.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from ...sim.furnishings.makers import furnish
from ...sim.furnishings.model import FINISHES, Link, Piece
from ...sim.layout import Layout
from .bodies import Body, Maker, bodies_of
from .meshes import FOLDER, mesh_files
from .xml_text import color_text, numbers

DAMPING, FRICTION = "0.5", "0.05"  # of joints: N s/m or Nm s/rad, and N or Nm
TYPES = {"hinge": "hinge", "slide": "slide"}
UNSEEN, SEEN = "3", "2"  # groups of geoms; viewers hide 3


def export_mjcf(layout: Layout, maker: Maker = furnish) -> dict[str, bytes]:
    """Returns {name: content} of "room.xml" and the meshes that it names.

    Args:
        layout: the room.
        maker: makes the furniture of an object.

    Raises:
        MissingExtraError: shapely is not there, or trimesh, which meshes of users need.
    """
    root = ET.Element("mujoco", model="room")
    ET.SubElement(root, "compiler", angle="radian", meshdir=FOLDER, autolimits="true")
    asset = ET.SubElement(root, "asset")
    for name, finish in FINISHES.items():
        rgba = color_text(finish)
        shine = f"{1 - finish.roughness:.2f}"
        ET.SubElement(asset, "material", name=name, rgba=rgba, shininess=shine, specular=shine)
    bodies = bodies_of(layout, maker)
    files, hulls = mesh_files(layout, bodies)
    for file in files:
        stem = file.removeprefix(f"{FOLDER}/")
        name = stem.removesuffix(".obj")
        drawn = name == "floor" or name in hulls  # the others are hulls, and weigh something
        ET.SubElement(asset, "mesh", name=name, file=stem, inertia="shell" if drawn else "convex")
    world = ET.SubElement(root, "worldbody")
    middle = np.mean(layout.floor_plan.corners, 0)
    ET.SubElement(world, "light", pos=numbers(*middle, layout.floor_plan.height - 0.2), dir="0 0 -1")
    ET.SubElement(world, "geom", name="ground", type="plane", size="0 0 1", rgba="0 0 0 0", group=UNSEEN)
    _seen(world, "floor", "oak", (0.0, 0.0, 0.0))
    contact = ET.Element("contact")
    for body in bodies:
        _body(world, body, hulls)
        for first, second in combinations([name for name, _, _ in body.parts()], 2):
            ET.SubElement(contact, "exclude", body1=first, body2=second)  # a door must not catch on its own frame
    root.append(contact)
    state = [value for body in bodies for value in _state(body)]
    if state:
        ET.SubElement(ET.SubElement(root, "keyframe"), "key", name="layout", qpos=numbers(*state))
    ET.indent(root)
    return {"room.xml": ET.tostring(root, encoding="utf-8", xml_declaration=True), **files}


def _body(world: ET.Element, body: Body, hulls: dict[str, int]) -> None:
    parent = world
    for name, pieces, link in body.parts():
        place = link.at if link else body.position
        quaternion = (1.0, 0.0, 0.0, 0.0) if link else body.quaternion
        element = ET.SubElement(
            parent if link else world, "body", name=name, pos=numbers(*place), quat=numbers(*quaternion)
        )
        if link:
            attributes = {
                "type": TYPES[link.kind],
                "axis": numbers(*link.axis),
                "range": numbers(0.0, link.range),
            }
            ET.SubElement(
                element, "joint", {"name": f"{name}_joint", **attributes, "damping": DAMPING, "frictionloss": FRICTION}
            )
        else:
            parent = element
            if body.movable:
                ET.SubElement(element, "freejoint", name=f"{name}_free")
        _geoms(element, name, pieces, link, body.furnishing.density, hulls)


def _geoms(
    element: ET.Element, name: str, pieces: Sequence[Piece], link: Link | None, density: float, hulls: dict[str, int]
) -> None:
    pivot = np.array(link.at if link else (0.0, 0.0, 0.0))
    for number, piece in enumerate(pieces):
        geometry, label = piece.geometry, f"{name}_{number}"
        if geometry.shape == "mesh":
            _seen(element, label, piece.finish, tuple(-pivot))
            for k in range(hulls[label]):
                ET.SubElement(
                    element,
                    "geom",
                    type="mesh",
                    mesh=f"{label}_{k}",
                    pos=numbers(*-pivot),
                    density="100",
                    group=UNSEEN,
                )
            continue
        sizes = geometry.half  # half sizes of a box; radius and half height of a cylinder
        attributes = {"name": label, "type": geometry.shape, "size": numbers(*sizes), "material": piece.finish}
        pos = numbers(*(np.array(geometry.at) - pivot))
        ET.SubElement(element, "geom", {**attributes, "pos": pos, "density": numbers(density)})


def _seen(element: ET.Element, mesh: str, finish: str, place: Sequence[float]) -> None:
    """A mesh that is drawn and neither collides nor weighs anything."""
    attributes = {"contype": "0", "conaffinity": "0", "density": "0", "group": SEEN, "material": finish}
    ET.SubElement(element, "geom", {"type": "mesh", "mesh": mesh, "pos": numbers(*place), **attributes})


def _state(body: Body) -> list[float]:
    """The joint positions of a body, in MuJoCo's order."""
    free = [*body.position, *body.quaternion] if body.movable else []
    return [*free, *(body.opened * link.range for link in body.furnishing.links)]
