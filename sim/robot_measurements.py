"""What an action must know of a user's robot, measured on its URDF: its hand, and a posture above the objects."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np

from ..errors import InteractiveActionError
from . import urdf
from .poses import top_down_pose
from .robot import Base, Gripper, Manipulator, Model, Robot

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sapien
    from sapien.physx import PhysxArticulation, PhysxArticulationLinkComponent
    from sapien.pysapien_pinocchio import PinocchioModel

    from .custom_robot import CustomRobot


AXES = {sign + name: (-1 if sign else 1) * np.eye(3)[number] for sign in ("", "-") for number, name in enumerate("xyz")}
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


@functools.lru_cache(4)
def measured_robot(custom: CustomRobot, _version: tuple[tuple[str, str], ...]) -> Robot:
    """The ``Robot`` of a URDF, kept as long as the version of its files is the same.

    Raises:
        InteractiveActionError: its fingers cannot be measured, or it does not reach to where objects stand.
    """
    import sapien
    import sapien.physx

    sapien.physx.clear_cache()  # of an older version's meshes, which it keeps by their paths
    root, reaching, closing = custom.parts()
    scene = sapien.Scene([sapien.physx.PhysxCpuSystem()])
    articulation = _bare(root, custom, scene)
    names = [joint.name for joint in articulation.active_joints]
    qpos = np.clip(0.0, *_limits(articulation).T)
    hand = _Hand(custom, articulation, qpos, [names.index(name) for name in closing])
    model = articulation.create_pinocchio_model()
    mask = np.isin(names, reaching)
    base = np.array([custom.base_offset, 0.0, custom.height])
    articulation.pose = sapien.Pose(base)
    if custom.rest_qpos:
        qpos[[names.index(name) for name in reaching]] = custom.rest_qpos
    else:
        qpos = _Postures(custom, articulation, model, hand, mask).best(qpos, base)
    rest, closed = (np.where(mask, qpos, shape) for shape in (hand.opened, hand.closed))
    return Robot(
        custom.caption_name,
        model=Model(custom.urdf, description=ET.tostring(root, encoding="unicode")),
        rest_qpos=tuple(rest.tolist()),
        arm=Manipulator(
            joints=tuple(np.flatnonzero(mask).tolist()),
            ee_link=custom.ee_link,
            ee_from_tcp=tuple(map(tuple, hand.ee_from_tcp)),
        ),
        gripper=Gripper(custom.gripper_links, hand.reach, tuple(closed.tolist()), hand.tcp_closing_offset),
        visible_links=(custom.ee_link, *custom.gripper_links),
        base=Base(tuple(base.tolist()), custom.stands),
    )


def _bare(root: ET.Element, custom: CustomRobot, scene: sapien.Scene) -> PhysxArticulation:
    """The articulation without what is only seen, which is not measured."""
    bare = ET.fromstring(ET.tostring(root))
    for link in bare.findall("link"):
        for visual in link.findall("visual"):
            link.remove(visual)
    loader = scene.create_urdf_loader()
    loader.fix_root_link = True
    return urdf.load(loader, bare, f"URDF {custom.urdf!r}")


def _limits(articulation: PhysxArticulation) -> np.ndarray:
    """Lowest and highest positions (joints, 2), where those of a joint that turns for ever are half a turn."""
    return np.clip(articulation.qlimits, -np.pi, np.pi)


class _Hand:
    """A hand as it is measured: at first each finger's joint is driven to both of its ends.

    Attributes:
        opened: all joint positions (joints,) with the hand wide open.
        closed: those with the hand closed.
        ee_from_tcp: pose (4, 4) of the point that is led, as of ``Manipulator``.
        reach: as of ``Gripper``.
        tcp_closing_offset: as of ``Gripper``.
    """

    def __init__(
        self, custom: CustomRobot, articulation: PhysxArticulation, qpos: np.ndarray, joints: Sequence[int]
    ) -> None:
        self.custom, self.articulation = custom, articulation
        self.links = {link.name: link for link in articulation.links}
        self.turn = np.eye(4)
        z = AXES[custom.approach_axis]
        self.turn[:3, :3] = np.stack([np.roll(z, 1), np.cross(z, np.roll(z, 1)), z], 1)
        self.opened, self.closed = qpos.copy(), qpos.copy()
        self.ee_from_tcp, self.reach, self.tcp_closing_offset = self.turn.copy(), 0.0, 0.0
        if not custom.gripper_links:
            self.ee_from_tcp[:3, 3] = -TIP * z
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
        middle = np.array([*boxes.mean((0, 1))[:2], tip])
        self.ee_from_tcp = self.turn.copy()
        self.ee_from_tcp[:3, 3] = self.turn[:3, :3] @ middle
        self.reach = max(tip - self._palm(tip) - ROOM, ROOM)

    def _palm(self, tip: float) -> float:
        """How far the palm, and what else carries the fingers, comes out of the hand: meters along its z axis."""
        fingers = [self.links[name] for name in self.custom.gripper_links]
        carriers = [finger.joint.parent_link for finger in fingers]
        names = {self.custom.ee_link, *(link.name for link in carriers if link)} - {finger.name for finger in fingers}
        palms = [self.links[name] for name in names]
        return max((_box(link)[1, 2] for link in palms if link.collision_shapes), default=tip - 0.03)

    def _boxes(self, qpos: np.ndarray) -> np.ndarray:
        """Lowest and highest corners (fingers, 2, 3) in the hand's axes: it is the world's that are turned."""
        import sapien

        bare = [finger for finger in self.custom.gripper_links if not self.links[finger].collision_shapes]
        if bare:
            raise InteractiveActionError(
                f"The finger {bare[0]!r} has no <collision>, so it cannot take hold of anything. Give it one."
            )
        self.articulation.set_qpos(qpos)
        hand = self.links[self.custom.ee_link].entity_pose.to_transformation_matrix() @ self.turn
        base = self.articulation.pose.to_transformation_matrix()
        self.articulation.pose = sapien.Pose(np.linalg.inv(hand) @ base)
        return np.array([_box(self.links[finger]) for finger in self.custom.gripper_links])

    def _gap(self, qpos: np.ndarray) -> float:
        middles = self._boxes(qpos).mean(1)
        return float(np.linalg.norm(middles[0] - middles[1:].mean(0)))


def _box(link: PhysxArticulationLinkComponent) -> np.ndarray:
    return np.array(link.compute_global_aabb_tight())


class _Postures:
    """Tries postures that hold the hand above where objects stand.

    Args:
        custom: the robot.
        articulation: it at its place.
        model: for inverse kinematics, whose base is at the origin.
        hand: as it was measured.
        mask: bool (joints,): those that reach.
    """

    def __init__(
        self,
        custom: CustomRobot,
        articulation: PhysxArticulation,
        model: PinocchioModel,
        hand: _Hand,
        mask: np.ndarray,
    ) -> None:
        self.custom, self.articulation, self.model, self.mask = custom, articulation, model, mask
        self.ee = [link.name for link in articulation.links].index(custom.ee_link)
        self.tcp_from_ee = np.linalg.inv(hand.ee_from_tcp)
        self.limits = _limits(articulation)
        wide = np.ptp(self.limits, 1)
        self.endless = mask & (wide >= 2 * np.pi)
        self.bounded = mask & ~self.endless & (wide > 0)

    def best(self, qpos: np.ndarray, base: np.ndarray) -> np.ndarray:
        """The joint positions (joints,) of the best of ``STARTS`` postures.

        Args:
            qpos: positions of the joints that do not reach.
            base: the place (3,) of the base.

        Raises:
            InteractiveActionError: there is none.
        """
        rng = np.random.default_rng(0)
        targets = [top_down_pose(np.array([*place, ABOVE]) - base, 0.0) @ self.tcp_from_ee for place in PLACES]
        postures = []
        for _ in range(STARTS):
            solution, reached = self._solve(targets[-1], np.where(self.mask, rng.uniform(*self.limits.T), qpos))
            half_turn = (solution + np.pi) % (2 * np.pi) - np.pi
            solution = np.where(self.endless, half_turn, np.where(self.mask, solution, qpos))
            if reached and (solution >= self.limits[:, 0]).all() and (solution <= self.limits[:, 1]).all():
                postures.append((self._score(solution, targets), solution))
        if not postures:
            raise InteractiveActionError(
                f"{self.custom.ee_link!r} of {self.custom.urdf!r} cannot be held {ABOVE} m above the object at "
                f"{PLACES[-1][0]} m, pointing down. Move the robot with base_offset and height, check approach_axis, "
                "or take an arm of six joints or more."
            )
        return max(postures, key=lambda scored: scored[0])[1]

    def _solve(self, target: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, bool]:
        import sapien

        solution, reached, _ = self.model.compute_inverse_kinematics(
            self.ee,
            sapien.Pose(target),
            initial_qpos=start,
            active_qmask=self.mask.astype(np.int32),
            max_iterations=200,
        )
        return solution, reached

    def _score(self, qpos: np.ndarray, targets: Sequence[np.ndarray]) -> float:
        """How good a posture is: it reaches all targets, is upright, and furthest from all limits."""
        links = self.articulation.links
        self.articulation.set_qpos(qpos)
        low = min((_box(link)[0, 2] for link in links[1:] if link.collision_shapes), default=0.0)
        room = np.minimum(qpos - self.limits[:, 0], self.limits[:, 1] - qpos)
        share = (room[self.bounded] / np.ptp(self.limits[self.bounded], 1)).min(initial=0.5)
        turned = np.abs(qpos[self.endless]).sum()
        reachable = sum(self._solve(target, qpos)[1] for target in targets)
        aside = np.mean([abs(link.entity_pose.p[1]) for link in links])  # an elbow that sticks out looks odd
        return reachable + (low > 0 or self.custom.stands) + share - 4 * aside - 0.1 * turned
