"""An object of one's own that opens and closes: from a URDF, or from a folder of PartNet-Mobility."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
from scipy.spatial.transform import Rotation

from ..errors import InteractiveActionError
from . import meshes, urdf
from .geometry import Geometry
from .object_spec import ACROSS, FRONT, UP, Joint, ObjectModel, ObjectSpec
from .user_files import version

if TYPE_CHECKING:
    import pathlib


FRONTS = {"-x": 0, "y": 90, "x": 180, "-y": -90}  # degrees that turn that side to the robot, which looks along x
SMALLEST, LARGEST = 0.1, 1.0  # meters of the longest side
WIDEST = 0.075  # meters of a handle that a hand can take
FURTHEST = {"hinge": 1.3, "slide": 0.16}  # radians and meters to which a joint may open: an arm reaches no further
KINDS = {"revolute": "hinge", "prismatic": "slide"}
THINNEST = 0.002  # meters


@dataclass(frozen=True)
class CustomObject:
    """A user's object that opens and closes; as in PartNet-Mobility, z points upwards.

    Args:
        folder: nothing outside of it is read.
        urdf: a file in it, or a folder with one, such as PartNet-Mobility's.
        caption_name: what captions call it.
        size: its longest side in meters.
        joint: that opens; empty: the first that carries a handle. All others keep still.
        handle: what stands in the name of the handle, or of its link.
        front: the side to which it opens.

    Raises:
        InteractiveActionError: a value cannot be.
    """

    folder: str
    urdf: str
    caption_name: str
    joint: str = ""
    handle: str = "handle"
    size: float = 0.4
    front: str = "-x"

    def __post_init__(self) -> None:
        if not self.caption_name.strip():
            raise InteractiveActionError("Say what the object is called: captions name it.")
        if self.front not in FRONTS:
            raise InteractiveActionError(f"The front is one of {', '.join(FRONTS)}, but not {self.front!r}.")
        if not SMALLEST <= self.size <= LARGEST:
            raise InteractiveActionError(f"The size must be from {SMALLEST} to {LARGEST} meters, but is {self.size}.")

    def parts(self) -> tuple[ET.Element, ET.Element, list[tuple[str, ET.Element]]]:
        """(root element, the joint that moves, [(name of a link, shape of it)] of the handle).

        Raises:
            InteractiveActionError: there is no such joint, or no handle.
        """
        root = urdf.read(self.folder, self.urdf)
        moving = {joint.get("name", ""): joint for joint in root.findall("joint") if joint.get("type") in KINDS}
        handles = {name: self._handles(root, joint) for name, joint in moving.items()}
        name = self.joint or next((name for name in moving if handles[name]), "")
        if name not in moving:
            missing = (
                f"no joint {name!r} that opens"
                if name
                else f"no joint that carries a part with {self.handle!r} in its name"
            )
            raise InteractiveActionError(
                f"{self.urdf!r} has {missing}. Its joints with limits are: {', '.join(moving) or 'none'}. "
                "Name one, or its handle."
            )
        if not handles[name]:
            raise InteractiveActionError(
                f"Nothing that the joint {name!r} of {self.urdf!r} carries has {self.handle!r} in its name. Name a "
                "link or a <visual> of it."
            )
        return root, moving[name], handles[name]

    def _handles(self, root: ET.Element, joint: ET.Element) -> list[tuple[str, ET.Element]]:
        carried = [link for link in root.findall("link") if joint in urdf.joints_to(root, link.get("name", ""))]
        return [
            (link.get("name", ""), shape)
            for link in carried
            for shape in _shapes(link)
            if self.handle.lower() in f"{link.get('name')} {shape.get('name', '')}".lower()
        ]

    def files(self) -> list[pathlib.Path]:
        """The paths of all its files."""
        return urdf.files(self.folder, self.urdf)

    def spec(self) -> ObjectSpec:
        """The ``ObjectSpec``, measured once for each version of its files."""
        return _measured(self, version(self.files()))


@functools.lru_cache(4)
def _measured(custom: CustomObject, _version: tuple[tuple[str, str], ...]) -> ObjectSpec:
    root, joint, handle = custom.parts()
    kind = KINDS[joint.get("type", "")]
    axis, reach = _begin_closed(joint)
    for other in root.findall("joint"):
        if other is not joint:
            other.set("type", "fixed")
    poses = {link: _pose(root, link) for link in urdf.links_of(root)}
    turn = Rotation.from_euler("z", FRONTS[custom.front], degrees=True).as_matrix()
    corners = [_corners(shape, poses[link.get("name", "")]) for link in root.findall("link") for shape in _shapes(link)]
    points = np.concatenate(corners) @ turn.T
    low, high = points.min(0), points.max(0)
    scale = custom.size / (high - low).max()
    if scale * (high - low).min() < THINNEST:
        raise InteractiveActionError(
            f"{custom.urdf!r} has no volume: at this size it is {1000 * scale * (high - low).min():.1f} mm thin. "
            "Make it larger, or export it again."
        )

    def in_object(points: np.ndarray) -> np.ndarray:
        return scale * (points @ turn.T - [*(low + high)[:2] / 2, low[2]])

    bar = in_object(np.concatenate([_corners(shape, poses[link]) for link, shape in handle]))
    closing = ACROSS if np.ptp(bar[:, 1]) <= np.ptp(bar[:, 2]) else UP
    if (wide := np.ptp(bar @ closing)) > WIDEST:
        raise InteractiveActionError(
            f"At this size the handle of {custom.urdf!r} is {100 * wide:.0f} cm wide, and a hand opens 8. "
            "Make it smaller."
        )
    reach = min(reach, FURTHEST[kind] / (scale if kind == "slide" else 1))
    joint.find("limit").set("upper", str(reach))
    at = poses[urdf.child_of(joint)]
    _stand(root, turn, -(low + high) / 2)
    return ObjectSpec(
        (Geometry("mesh", size=tuple(scale * (high - low) / 2)),),
        joint=Joint(
            kind,
            tuple(in_object(at[:3, 3])),
            tuple(turn @ at[:3, :3] @ axis),
            reach * (scale if kind == "slide" else 1),
            (),
            handle=(tuple((bar.min(0) + bar.max(0)) / 2), FRONT, closing),
        ),
        model=ObjectModel(ET.tostring(root, encoding="unicode"), scale),
    )


def _begin_closed(joint: ET.Element) -> tuple[np.ndarray, float]:
    """Let the ``joint`` begin where it is closed, which is its limit nearer to 0, and go upwards from there.

    Its axis (3,) and how far it goes, in meters or radians.
    """
    limits = [float(joint.find("limit").get(end, "")) for end in urdf.LIMITS]
    closed = min(limits, key=abs)
    wide = max(limits, key=lambda end: abs(end - closed)) - closed
    element = joint.find("axis")
    axis = np.array([1.0, 0, 0] if element is None else [float(word) for word in element.get("xyz").split()])
    if not wide or not np.linalg.norm(axis):
        raise InteractiveActionError(
            f"The joint {joint.get('name')!r} cannot move: its limits are {limits} and its axis {axis.tolist()}. Mend "
            "them in the URDF."
        )
    axis /= np.linalg.norm(axis)
    move = np.eye(4)
    if joint.get("type") == "revolute":
        move[:3, :3] = Rotation.from_rotvec(closed * axis).as_matrix()
    else:
        move[:3, 3] = closed * axis
    _set_origin(joint, _origin(joint) @ move)
    axis *= np.sign(wide)
    for tag in ("axis", "limit", "mimic", "dynamics"):
        for element in joint.findall(tag):
            joint.remove(element)
    ET.SubElement(joint, "axis", xyz=" ".join(map(str, axis)))
    ET.SubElement(joint, "limit", lower="0", upper=str(abs(wide)), effort="100", velocity="10")
    return axis, abs(wide)


def _stand(root: ET.Element, turn: np.ndarray, offset: np.ndarray) -> None:
    """Carry it all by a new link in the middle of the box around it."""
    first = next(link for link in urdf.links_of(root) if link not in urdf.carriers(root))
    stand = f"{first} stand"
    ET.SubElement(root, "link", name=stand)
    joint = ET.SubElement(root, "joint", name=stand, type="fixed")
    ET.SubElement(joint, "parent", link=stand)
    ET.SubElement(joint, "child", link=first)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn, offset
    _set_origin(joint, pose)


def _shapes(link: ET.Element) -> list[ET.Element]:
    return link.findall("visual") or link.findall("collision")


def _origin(element: ET.Element) -> np.ndarray:
    pose, origin = np.eye(4), element.find("origin")
    if origin is not None:
        pose[:3, :3] = Rotation.from_euler(
            "xyz", [float(word) for word in origin.get("rpy", "0 0 0").split()]
        ).as_matrix()
        pose[:3, 3] = [float(word) for word in origin.get("xyz", "0 0 0").split()]
    return pose


def _set_origin(element: ET.Element, pose: np.ndarray) -> None:
    for origin in element.findall("origin"):
        element.remove(origin)
    rpy = Rotation.from_matrix(pose[:3, :3]).as_euler("xyz")
    ET.SubElement(element, "origin", xyz=" ".join(map(str, pose[:3, 3])), rpy=" ".join(map(str, rpy)))


def _pose(root: ET.Element, link: str) -> np.ndarray:
    """Pose (4, 4) of a link with all joints at 0."""
    pose = np.eye(4)
    for joint in urdf.joints_to(root, link):
        pose = pose @ _origin(joint)
    return pose


def _corners(shape: ET.Element, pose: np.ndarray) -> np.ndarray:
    """Points (n, 3) of which the box around a <visual> or <collision> of a link at ``pose`` is the box around it."""
    pose, geometry = pose @ _origin(shape), shape.find("geometry")
    kind = next(iter(geometry), None) if geometry is not None else None
    if kind is not None and kind.tag == "mesh":
        points = _vertices(kind.get("filename", "")) * [float(word) for word in kind.get("scale", "1 1 1").split()]
    elif kind is not None and kind.tag in ("box", "sphere", "cylinder"):
        radius, length = float(kind.get("radius", 0)), float(kind.get("length", 0))
        half = {"sphere": [radius] * 3, "cylinder": [radius, radius, length / 2]}.get(kind.tag)
        half = [float(word) / 2 for word in kind.get("size", "0 0 0").split()] if half is None else half
        points = np.array(list(product((-1, 1), repeat=3))) * half
    else:
        raise InteractiveActionError(
            "A shape of the URDF is neither a mesh nor a box, sphere or cylinder. Export it again."
        )
    return points @ pose[:3, :3].T + pose[:3, 3]


def _vertices(file: str) -> np.ndarray:
    points, _ = meshes.read(file, process=False)
    if not len(points) or not np.isfinite(points).all():
        name = Path(file).name
        raise InteractiveActionError(f"The mesh {name!r} is empty or has corners that are no numbers. Export it again.")
    return points
