"""One scene as SAPIEN simulates and renders it: robot, object, ground and light. Physics and images are decoupled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sapien
import sapien.physx
import sapien.render

from ..errors import InteractiveActionError
from .actions import ACTIONS
from .builders import build_free, build_jointed, build_loaded
from .contacts import Contact, contact_pairs, in_contact, link_contacts
from .framing import box_corners, box_to_frame
from .object_spec import FRONT
from .objects import OBJECTS
from .rendering import add_lights, read_meshes
from .robots import ROBOTS
from .scene import OBJECT_COLORS, PLACE_COLORS, PLAIN_COLORS, RANDOM
from .scene_objects import SceneObject, upright
from .state import TIMESTEP, State
from .user_files import forget_files, version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .object_spec import ObjectSpec
    from .scene import Scene


DEEPEST_START = 0.002  # meters of penetration that contact offsets alone can cause
LARGEST_QPOS = 10.0


class World:
    """A scene that is simulated.

    Args:
        scene: what is simulated.
        rng: decides what the scene leaves open: size, colors, light and where the object stands.

    Attributes:
        robot: who acts; ``articulations`` are its bodies, ``bases`` their poses (4, 4): more than one if the action
            needs them.
        links: those of the first body by name.
        link_names: names of the links of all bodies by entity.
        model: of one body at the origin, for kinematics.
        item: the object.
        items: all objects.
        props: what the action has put there beside the object, its target first.
        hides_hands: seen from the front, the object hides the hands.
        object_color: name of the object's color.
        caption_name: what captions call the object.
        scale: of all objects, relative to their specs.
        background: linear color (3,).
        room: where it happens.
        environment_map: number of the room's; None: it has none.
        time: seconds; ``states`` and ``contacts`` are logged at each step of physics.
    """

    def __init__(self, scene: Scene, rng: np.random.Generator) -> None:
        files = version(scene.own_files())
        if files:
            forget_files(files)
        self.robot = scene.custom_robot.robot() if scene.custom_robot else ROBOTS[scene.robot]
        self.scale = 1 + rng.uniform(-1, 1) * scene.size_jitter
        self.object_color = _choose(scene.object_color, PLAIN_COLORS, rng)
        ground = _choose(scene.ground, PLACE_COLORS, rng)
        self.background = np.array(PLACE_COLORS[_choose(scene.background, PLACE_COLORS, rng, ground)])

        self.scene = sapien.Scene()
        self.scene.timestep = TIMESTEP
        self.room = scene.place(self.robot, rng)
        self.environment_map = self.room(self.scene, PLACE_COLORS[ground], rng.spawn(1)[0])
        self.articulations: list[sapien.physx.PhysxArticulation] = []
        self.bases: list[np.ndarray] = []
        self.add_robot(self.room.world_from_base(self.robot))
        self.items: list[SceneObject] = []
        (low_x, low_y), (high_x, high_y) = self.room.spot
        x, y, yaw = rng.uniform(low_x, high_x), rng.uniform(low_y, high_y), rng.uniform(-np.pi, np.pi)
        if target := self.room.target:
            self.scale, self.caption_name = 1.0, target.spec.word
            x, y, height = target.position
            self.item = self.add(target.spec.word, x, y, target.yaw, "grey", height, spec=target.spec)
        else:
            self.caption_name = scene.caption_name(self.object_color)
            self.item = self.add(scene.object, x, y, yaw, self.object_color, spec=scene.object_spec())
        add_lights(self.scene, self.item.pose[:3, 3] if target else (x, y, self.item.half[2]), rng)
        staged = ACTIONS[scene.stage or scene.action]
        self.props = staged.arrange(self, rng.spawn(1)[0])
        self.hides_hands = staged.hides_hands
        self._framing_box = box_to_frame(self, x, y, staged, everything=bool(scene.stage))
        if files:
            read_meshes(self.scene)

        self.links = {link.name: link for link in self.articulation.links}
        self.link_names = {
            link.entity: link.name + (f" {number}" if number else "")
            for number, articulation in enumerate(self.articulations)
            for link in articulation.links
        }
        self.model = self.articulation.create_pinocchio_model()
        self._object_entities = set(self.item.entities)
        self.time = 0.0
        self.states: list[State] = []
        self.contacts: list[Contact] = []

    def add(
        self,
        name: str,
        x: float,
        y: float,
        yaw: float = 0.0,
        color: str = "grey",
        height: float = 0.0,
        framed: bool = True,
        spec: ObjectSpec | None = None,
    ) -> SceneObject:
        """Puts an object on the ground.

        Args:
            name: of ``OBJECTS``.
            x: away from the robot, in meters.
            y: to its left, in meters.
            yaw: about the upright axis, in radians.
            color: of the parts that have none of their own.
            height: above the ground, in meters.
            framed: whether cameras must show it.
            spec: instead of the one of that name.
        """
        spec, scale = spec or OBJECTS[name], self.scale
        pose = sapien.Pose([x, y, spec.half[2] * scale + height], upright(yaw))
        rgb = {**PLACE_COLORS, **OBJECT_COLORS}[color]
        if spec.joint:
            articulation = (
                build_loaded(self.scene, spec, scale, pose)
                if spec.model
                else build_jointed(self.scene, spec, scale, rgb, pose, name)
            )
            part = articulation.active_joints[0].child_link.entity
            item = SceneObject(name, color, spec, scale, part, articulation, framed)
        else:
            entity = build_free(self.scene, spec, scale, rgb, pose, name)
            item = SceneObject(name, color, spec, scale, entity, framed=framed)
        self.items.append(item)
        return item

    def add_robot(self, world_from_base: np.ndarray) -> None:
        """Adds a body of the robot.

        Args:
            world_from_base: pose (4, 4) of its base.
        """
        self.articulations.append(self.robot.load(self.scene, world_from_base))
        if self.room.posture:
            self.articulations[-1].set_qpos(self.room.posture)
        self.bases.append(np.asarray(world_from_base, np.float32))

    @property
    def articulation(self) -> sapien.physx.PhysxArticulation:
        """The robot's first body."""
        return self.articulations[0]

    @property
    def shows_front_to_robot(self) -> bool:
        """Whether the handle faces the robot."""
        joint = self.item.spec.joint
        return bool(joint and joint.handle and joint.handle[1] == FRONT)

    @property
    def subject(self) -> str:
        """Who acts, in words."""
        return self.robot.subject if len(self.articulations) == 1 else f"two {self.robot.subject}s"

    @property
    def world_from_tcp(self) -> np.ndarray:
        """Pose (4, 4) of what the first body leads: its z axis points out of the hand."""
        arm = self.robot.arm
        return self.links[arm.ee_link].entity_pose.to_transformation_matrix() @ np.array(arm.ee_from_tcp, float)

    def step(self, *targets: np.ndarray) -> None:
        """One step of physics; logs state and contacts.

        Args:
            targets: joint positions (joints,) to which each body is driven.

        Raises:
            InteractiveActionError: the simulation blew up.
        """
        for articulation, qpos in zip(self.articulations, targets):
            for joint, target in zip(articulation.active_joints, qpos):
                joint.set_drive_target(target)
        self.scene.step()
        self.time += TIMESTEP
        self.contacts += link_contacts(self.scene, self._object_entities, self.link_names, self.time)
        state = self._state()
        numbers = np.concatenate([state.qpos, state.position, state.others[:, :3].ravel(), state.articulation_qpos])
        if not np.abs(numbers).max() <= LARGEST_QPOS:  # nor is a NaN
            raise InteractiveActionError(
                f"The simulation blew up after {self.time:.2f} s: joints {state.qpos.round(2).tolist()}, object at "
                f"{state.position.round(2).tolist()} m. Try another seed."
            )
        self.states.append(state)

    def _state(self) -> State:
        pose, others = self.item.entity.pose, [item for item in self.items if item is not self.item]
        return State(
            self.time,
            np.concatenate([articulation.qpos for articulation in self.articulations]),
            pose.p,
            pose.q,
            np.array([np.concatenate([item.entity.pose.p, item.entity.pose.q]) for item in others]).reshape(-1, 7),
            np.array([item.opening for item in self.items if item.articulation]),
            self.room.state(),
        )

    def pressing(self, seconds: float, least: float = 0.5) -> set[str]:
        """Returns the robots' links that pressed on the object with ``least`` newtons in the last ``seconds``."""
        since = np.searchsorted([contact.time for contact in self.contacts], self.time - seconds, side="right")
        return {contact.link for contact in self.contacts[since:] if contact.force >= least}

    def in_contact(self, first: SceneObject, second: SceneObject) -> bool:
        """Whether two objects press on each other after the last step."""
        return in_contact(self.scene, first, second)

    def check_start(self) -> None:
        """One step of physics on the unmoved world must find nothing inside the object.

        Raises:
            InteractiveActionError: it does.
        """
        self.step(self.articulation.qpos)
        pairs = contact_pairs(self.scene, self._object_entities, self.link_names)
        moves = self.item.entity  # what stands fast may stand flush
        deepest = min(
            (
                point.separation
                for link, contact in pairs
                if link or moves in [body.entity for body in contact.bodies]
                for point in contact.points
            ),
            default=0.0,
        )
        if deepest < -DEEPEST_START:
            raise InteractiveActionError(
                f"The object starts {-deepest * 1000:.0f} mm inside the robot or the ground. Try another seed or a "
                "smaller object."
            )

    def restore(self, state: State) -> None:
        """Puts robots and objects where they were, for an image; physics is not run."""
        for articulation, qpos in zip(self.articulations, np.split(state.qpos, len(self.articulations))):
            articulation.set_qpos(qpos)
        self.room.restore(state.room)
        articulation_qpos, others = iter(state.articulation_qpos), iter(state.others)
        for item in self.items:
            pose = np.concatenate([state.position, state.quaternion]) if item is self.item else next(others)
            if item.articulation:
                item.articulation.set_qpos([next(articulation_qpos)])
            else:
                item.entity.set_pose(sapien.Pose(pose[:3], pose[3:]))

    def corners(self) -> np.ndarray:
        """Returns corners (points, 3) of the boxes around what must be seen.

        These are the visible links, the object, and of what fingers took from the ground its place there.
        """
        boxes = self.item.solid_bounds()
        links = [link for articulation in self.articulations for link in articulation.links]
        boxes += [link.compute_global_aabb_tight() for link in links if link.name in self.robot.visible_links]
        boxes += [item.bounds for item in self.items if item.framed and item is not self.item]
        if not self.robot.humanoid:
            boxes.append(boxes[0] * [1, 1, 0])
        return np.concatenate([box_corners(box) for box in boxes])

    def surroundings(self, meters: float = 0.12) -> np.ndarray:
        """Returns corners (8, 3) of a box around the object's first place with ``meters`` of room for the hand."""
        return box_corners(self._framing_box + [[-meters, -meters, 0], [meters, meters, meters]])

    def link_poses(self) -> np.ndarray:
        """Where all robots' links are now, (links, 7): position and quaternion wxyz."""
        poses = [link.pose for link in self.link_names]
        return np.array([[*pose.p, *pose.q] for pose in poses], np.float32)

    def segmentation_ids(self) -> tuple[list[int], list[int]]:
        """Those of the robots' links and of the object's parts."""
        links = [link.entity for articulation in self.articulations for link in articulation.links]
        return [entity.per_scene_id for entity in links], [entity.per_scene_id for entity in self.item.entities]


def _choose(name: str, colors: Iterable[str], rng: np.random.Generator, other: str | None = None) -> str:
    """The color of that name; for ``RANDOM`` one of ``colors``, but not ``other``."""
    # drawn even if not needed: a fixed color changes nothing else
    choice = rng.choice([color for color in colors if color != other])
    return str(choice) if name == RANDOM else name
