"""A robot of one's own: what an action must know of it is measured on its URDF."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np

from ..errors import InteractiveActionError
from . import urdf
from .robots import Robot
from .user_files import version

if TYPE_CHECKING:
    import pathlib


AXES = {sign + name: (-1 if sign else 1) * np.eye(3)[number] for sign in ("", "-") for number, name in enumerate("xyz")}
FURTHEST = 2.0  # meters by which it may be moved
TIP = 0.01  # meters that the fingertips end beyond the point that is led
PLACES = (
    (0.45, -0.15),
    (0.45, 0.15),
    (0.6, -0.15),
    (0.6, 0.15),
    (0.5, 0.0),
)  # where objects stand, the last in their middle
ABOVE = 0.2  # meters over them at which the hand rests
STARTS = 60  # postures from which a place is reached for
ROOM = 0.005  # meters of a palm that no object should touch


@dataclass(frozen=True)
class CustomRobot:
    """A robot of a URDF file.

    Args:
        folder: nothing outside of it is read.
        urdf: a file in ``folder``, or a folder there with one.
        ee_link: the end effector: the link that is led.
        gripper_links: those that close; none for a stick.
        approach_axis: the axis of ``ee_link`` that points out of the hand, one of ``AXES``.
        caption_name: what captions call it.
        rest_qpos: positions of the joints that lead to ``ee_link``, in radians and meters; empty: they are found.
        base_offset: meters that it stands nearer to the object than other robots do.
        height: meters of its base above the ground.
        stands: on the floor, and not on the table.

    Raises:
        InteractiveActionError: a value is outside its bounds.
    """

    folder: str
    urdf: str
    ee_link: str
    gripper_links: tuple = ()
    approach_axis: str = "z"
    caption_name: str = "robot arm"
    rest_qpos: tuple = ()
    base_offset: float = 0.0
    height: float = 0.0
    stands: bool = False

    def __post_init__(self) -> None:
        for name in ("gripper_links", "rest_qpos"):  # lists in json
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.approach_axis not in AXES:
            raise InteractiveActionError(
                f"approach_axis must be one of {', '.join(AXES)}, but is {self.approach_axis!r}."
            )
        if not self.caption_name.strip():
            raise InteractiveActionError("Say what the robot is called: captions name it.")
        for name in ("base_offset", "height"):
            if not abs(getattr(self, name)) <= FURTHEST:  # nor is a NaN
                raise InteractiveActionError(
                    f"{name} must be from {-FURTHEST} to {FURTHEST} meters, but is {getattr(self, name)}."
                )
        if not np.isfinite(self.rest_qpos).all():
            raise InteractiveActionError(
                f"rest_qpos must be numbers of radians and meters, but is {list(self.rest_qpos)}."
            )

    def parts(self) -> Any:
        """(root element, names of the joints that reach, of those that close): what can be told without simulating."""
        root = urdf.read(self.folder, self.urdf)
        for link in (self.ee_link, *self.gripper_links):
            if link not in urdf.links_of(root):
                raise InteractiveActionError(
                    f"The URDF {self.urdf!r} has no link {link!r}. It has: {', '.join(urdf.links_of(root))}."
                )
        arm = _moving(root, self.ee_link)
        closing = {name for finger in self.gripper_links for name in _moving(root, finger) if name not in arm}
        if not arm:
            raise InteractiveActionError(
                f"No joint of {self.urdf!r} moves the link {self.ee_link!r}. Name the last link of the arm."
            )
        for joint in root.findall("joint"):
            limit = joint.find("limit")
            lower, upper = (float(limit.get(end, 0.0)) if limit is not None else 0.0 for end in urdf.LIMITS)
            if lower > upper:
                raise InteractiveActionError(
                    f"The joint {joint.get('name')!r} of {self.urdf!r} has the limits {lower} and {upper}, the lower "
                    f"one above the upper. Mend them."
                )
        if self.gripper_links and (len(set(self.gripper_links)) < 2 or not closing):
            raise InteractiveActionError(
                "A hand needs two fingers or more, of which one at least moves on a joint of its own. Name the links "
                "of both, or of none."
            )
        if self.rest_qpos and len(self.rest_qpos) != len(arm):
            raise InteractiveActionError(
                f"{len(arm)} joints lead to {self.ee_link!r} ({', '.join(arm)}), but rest_qpos has "
                f"{len(self.rest_qpos)} numbers. Give one for each, or none."
            )
        return root, arm, closing

    def files(self) -> list[pathlib.Path]:
        """The paths of all its files."""
        return urdf.files(self.folder, self.urdf)

    def robot(self) -> Robot:
        """The ``Robot``, measured once for each version of its files."""
        return _measured(self, version(self.files()))


def _moving(root: ET.Element, link: Any) -> Any:
    return [joint.get("name") for joint in urdf.joints_to(root, link) if joint.get("type") in urdf.MOVES]


@functools.lru_cache(4)
def _measured(own: Any, _version: Any) -> Any:
    import sapien
    import sapien.physx

    sapien.physx.clear_cache()  # of an older version's meshes, which it keeps by their paths
    root, arm, closing = own.parts()
    bare = ET.fromstring(ET.tostring(root))
    for link in bare.findall("link"):  # what is only seen is not measured
        for visual in link.findall("visual"):
            link.remove(visual)
    scene = sapien.Scene([sapien.physx.PhysxCpuSystem()])
    loader = scene.create_urdf_loader()
    loader.fix_root_link = True
    articulation = urdf.load(loader, bare, f"URDF {own.urdf!r}")
    names = [joint.name for joint in articulation.active_joints]
    limits = np.clip(articulation.qlimits, -np.pi, np.pi)
    qpos = np.clip(0.0, *limits.T)
    hand = _Hand(own, articulation, qpos, [names.index(name) for name in closing])
    model = articulation.create_pinocchio_model()
    mask = np.isin(names, arm)
    stand = np.array([own.base_offset, 0.0, own.height])
    articulation.pose = sapien.Pose(stand)
    if own.rest_qpos:
        qpos[[names.index(name) for name in arm]] = own.rest_qpos
    else:
        qpos = _posture(own, articulation, model, hand, mask, qpos, limits, stand)
    rest, closed = (np.where(mask, qpos, shape) for shape in (hand.opened, hand.closed))
    return Robot(
        own.caption_name,
        urdf=own.urdf,
        rest_qpos=tuple(rest.tolist()),
        closed_qpos=tuple(closed.tolist()),
        arm=tuple(np.flatnonzero(mask).tolist()),
        ee_link=own.ee_link,
        gripper_links=own.gripper_links,
        reach=hand.reach,
        tcp_closing_offset=hand.tcp_closing_offset,
        visible_links=(own.ee_link, *own.gripper_links),
        ee_from_tcp=tuple(map(tuple, hand.grip)),
        base=tuple(stand.tolist()),
        stands=own.stands,
        description=ET.tostring(root, encoding="unicode"),
    )


class _Hand:
    """Which way it opens (``opened``, ``closed_qpos``: all joint positions), the point that it leads (``grip``).

    And its ``reach`` and how far the fingertips ``tcp_closing_offset``.
    """

    def __init__(self, own: Any, articulation: Any, qpos: np.ndarray, joints: Any) -> None:
        self.own, self.articulation = own, articulation
        self.links = {link.name: link for link in articulation.links}
        self.turn = np.eye(4)
        z = AXES[own.approach_axis]
        self.turn[:3, :3] = np.stack([np.roll(z, 1), np.cross(z, np.roll(z, 1)), z], 1)
        self.opened, self.closed = qpos.copy(), qpos.copy()
        self.grip, self.reach, self.tcp_closing_offset = self.turn.copy(), 0.0, 0.0
        if not own.gripper_links:
            self.grip[:3, 3] = -TIP * z
            return
        for joint in joints:
            ends = articulation.qlimits[joint]
            if not np.isfinite(ends).all():
                raise InteractiveActionError(
                    f"The joint {articulation.active_joints[joint].name!r} of the fingers has no limits: how far it "
                    "closes is unknown. Give it a <limit>."
                )
            gaps = [self._gap(np.where(np.arange(len(qpos)) == joint, end, qpos)) for end in ends]
            self.opened[joint], self.closed[joint] = ends[np.argmax(gaps)], ends[np.argmin(gaps)]
        across = np.subtract(*(box.mean(0) for box in self._boxes(self.opened)[:2])) * [1, 1, 0]
        y = self.turn[:3, :3] @ across / np.linalg.norm(across)
        self.turn[:3, :3] = np.stack([np.cross(y, z), y, z], 1)
        closed = self._boxes(self.closed)
        boxes = self._boxes(self.opened)
        tip = boxes[:, 1, 2].max() - TIP
        self.tcp_closing_offset = tip + TIP - closed[:, 1, 2].max()
        palms = {
            self.links[name] for name in (own.ee_link, *(self._carrier(finger) for finger in own.gripper_links))
        } - {self.links[name] for name in own.gripper_links}
        palm = max((self._box(link)[1, 2] for link in palms if link.collision_shapes), default=tip - 0.03)
        middle = np.array([*boxes.mean((0, 1))[:2], tip])
        self.grip = self.turn.copy()
        self.grip[:3, 3] = self.turn[:3, :3] @ middle
        self.reach = max(tip - palm - ROOM, ROOM)

    def _carrier(self, finger: Any) -> Any:
        return self.links[finger].joint.parent_link.name if self.links[finger].joint.parent_link else finger

    def _box(self, link: Any) -> Any:
        return np.array(link.compute_global_aabb_tight())

    def _boxes(self, qpos: np.ndarray) -> Any:
        """Lowest and highest corners (fingers, 2, 3) in the hand's axes: it is the world's that are turned."""
        import sapien

        bare = [finger for finger in self.own.gripper_links if not self.links[finger].collision_shapes]
        if bare:
            raise InteractiveActionError(
                f"The finger {bare[0]!r} has no <collision>, so it cannot take hold of anything. Give it one."
            )
        self.articulation.set_qpos(qpos)
        tool = self.links[self.own.ee_link].entity_pose.to_transformation_matrix() @ self.turn
        base = self.articulation.pose.to_transformation_matrix()
        self.articulation.pose = sapien.Pose(np.linalg.inv(tool) @ base)
        return np.array([self._box(self.links[finger]) for finger in self.own.gripper_links])

    def _gap(self, qpos: np.ndarray) -> Any:
        middles = self._boxes(qpos).mean(1)
        return np.linalg.norm(middles[0] - middles[1:].mean(0))


def _posture(
    own: Any,
    articulation: Any,
    model: Any,
    hand: Any,
    mask: Any,
    qpos: np.ndarray,
    limits: np.ndarray,
    stand: np.ndarray,
) -> Any:
    """Returns joint positions that bring the hand above where objects stand: upright, and furthest from all limits."""
    import sapien

    from .poses import top_down_pose

    tool = [link.name for link in articulation.links].index(own.ee_link)
    inverse, rng, best = np.linalg.inv(hand.grip), np.random.default_rng(0), []
    targets = [top_down_pose(np.array([*place, ABOVE]) - stand, 0.0) @ inverse for place in PLACES]

    endless = mask & (np.ptp(limits, 1) >= 2 * np.pi)
    bound = mask & ~endless & (np.ptp(limits, 1) > 0)

    def solve(target: np.ndarray, start: np.ndarray) -> Any:
        return model.compute_inverse_kinematics(
            tool, sapien.Pose(target), initial_qpos=start, active_qmask=mask.astype(np.int32), max_iterations=200
        )

    for _ in range(STARTS):
        found, reached, _ = solve(targets[-1], np.where(mask, rng.uniform(*limits.T), qpos))
        found = np.where(endless, (found + np.pi) % (2 * np.pi) - np.pi, np.where(mask, found, qpos))
        if not reached or (found < limits[:, 0]).any() or (found > limits[:, 1]).any():
            continue
        articulation.set_qpos(found)
        low = min(
            (link.compute_global_aabb_tight()[0][2] for link in articulation.links[1:] if link.collision_shapes),
            default=0.0,
        )
        room = np.minimum(found - limits[:, 0], limits[:, 1] - found)
        share = (room[bound] / np.ptp(limits[bound], 1)).min(initial=0.5)
        turned = np.abs(found[endless]).sum()
        around = sum(solve(target, found)[1] for target in targets)
        aside = np.mean(
            [abs(link.entity_pose.p[1]) for link in articulation.links]
        )  # an elbow that sticks out looks odd
        best.append((around + (low > 0 or own.stands) + share - 4 * aside - 0.1 * turned, found))
    if not best:
        raise InteractiveActionError(
            f"{own.ee_link!r} of {own.urdf!r} cannot be held {ABOVE} m above the object at {PLACES[-1][0]} m, "
            "pointing down. Move the robot with base_offset and height, check approach_axis, or take an arm of six "
            "joints or more."
        )
    return max(best, key=lambda one: one[0])[1]
