"""One scene as SAPIEN simulates and draws it: robot, object, ground and light. Physics and images are decoupled."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sapien
import sapien.physx
import sapien.render

from ..errors import InteractiveActionError
from .actions import ACTIONS
from .builders import build_free, build_jointed, build_loaded
from .interiors import ROOMS
from .objects import FRONT, OBJECTS
from .rendering import add_sun, read_meshes
from .robots import ROBOTS
from .scene import OBJECT_COLORS, PLACE_COLORS, PLAIN_COLORS, RANDOM
from .scene_objects import SceneObject, upright
from .user_files import version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .actions.action import Action
    from .objects import ObjectSpec
    from .scene import Scene


TIMESTEP = 1 / 200
DEEPEST_START = 0.002  # meters of penetration that contact offsets alone can cause
LARGEST_QPOS = 10.0


@dataclass(frozen=True)
class State:
    """The whole world at one time.

    Args:
        time: seconds.
        qpos: (joints,) of the robots.
        position: (3,) of the object, in meters.
        quaternion: (4,) of the object, wxyz.
        things: (things, 7) poses of what else is there.
        articulation_qpos: (jointed,) positions of the joints that things have.
    """

    time: float
    qpos: np.ndarray
    position: np.ndarray
    quaternion: np.ndarray
    things: np.ndarray
    articulation_qpos: np.ndarray


@dataclass(frozen=True)
class Contact:
    """A link of the robot pressing on the object.

    Args:
        time: seconds.
        link: its name.
        force: newtons.
        point: (3,) in the world, around which it presses.
    """

    time: float
    link: str
    force: float
    point: np.ndarray


class World:
    """``rng`` decides what the scene leaves open: size, colors, light and where the object stands.

    ``states`` and ``contacts`` are logged at each step of physics.
    """

    action: Action
    items: list[SceneObject]
    loose: list[SceneObject]  # need not be framed
    states: list[State]
    contacts: list[Contact]
    target: SceneObject  # what else an action needs, put there by its ``arrange``
    side: float
    hides_hands: bool  # the object does so, seen from the front

    def __init__(self, scene: Scene, rng: np.random.Generator) -> None:
        owned = version(scene.own_files())
        if owned:
            _read_again(owned)
        self.robot = scene.custom_robot.robot() if scene.custom_robot else ROBOTS[scene.robot]
        self.scale = 1 + rng.uniform(-1, 1) * scene.size_jitter
        self.object_color = _choose(scene.object_color, PLAIN_COLORS, rng)
        ground = _choose(scene.ground, PLACE_COLORS, rng)
        self.background = np.array(PLACE_COLORS[_choose(scene.background, PLACE_COLORS, rng, ground)])

        self.scene = sapien.Scene()
        self.scene.timestep = TIMESTEP
        self.room = ROOMS[scene.room]
        self.light = self.room(self.scene, PLACE_COLORS[ground], rng.spawn(1)[0])
        self.articulation = self.robot.load(self.scene)
        self.articulations, self.bases = [self.articulation], [np.float32(self.robot.world_from_base)]
        place = rng.uniform(0.45, 0.6), rng.uniform(-0.15, 0.15)
        self.items, self.loose = [], []  # the loose ones need not be framed
        self.item = self.add(scene.object, *place, rng.uniform(-np.pi, np.pi), self.object_color, thing=scene.thing())
        self.caption_name = scene.caption_name(self.object_color)
        self.object, self._object_entities = self.item.entity, set(self.item.entities)
        self._first_box = (
            np.array([-1, 1])[:, None] * np.hypot(*self.item.half[:2]) * [1, 1, 0]
            + [*place, 0]
            + [[0, 0, 0], [0, 0, 2 * self.item.half[2]]]
        )
        self._add_light([*place, self.item.half[2]], rng)
        staged = ACTIONS[scene.stage or scene.action]
        staged.arrange(self, rng.spawn(1)[0])
        self.hides_hands = staged.hides_hands
        if self.robot.framing_box:
            self._first_box = np.array(staged.framing_box or self.robot.framing_box)
        if scene.stage:  # still cameras are to show all that was prepared
            boxes = [
                item.pose[:3, 3] + np.array([[-1], [1]]) * item.half for item in self.items if item not in self.loose
            ]
            lows, highs = zip(self._first_box, *boxes)
            self._first_box = np.array([np.min(lows, 0), np.max(highs, 0)])
        if owned:
            read_meshes(self.scene)
        self.links = {link.name: link for link in self.articulation.links}
        self.link_names = {
            link.entity: link.name + (f" {number}" if number else "")
            for number, articulation in enumerate(self.articulations)
            for link in articulation.links
        }
        self.model = self.articulation.create_pinocchio_model()
        self.time = 0.0
        self.states, self.contacts = [], []

    def add(
        self,
        name: str,
        x: float,
        y: float,
        yaw: float = 0.0,
        color: str = "grey",
        height: float = 0.0,
        thing: ObjectSpec | None = None,
    ) -> SceneObject:
        """Put a thing of ``OBJECTS``, or this one, on the ground; its ``SceneObject``."""
        thing, scale = thing or OBJECTS[name], self.scale
        pose = sapien.Pose([x, y, thing.half[2] * scale + height], upright(yaw))
        if thing.model:
            made = build_loaded(self.scene, thing, scale, pose)
        else:
            build = build_jointed if thing.joint else build_free
            made = build(self.scene, thing, scale, {**PLACE_COLORS, **OBJECT_COLORS}[color], pose, name)
        item = SceneObject(
            name, color, thing, scale, *((made.active_joints[0].child_link.entity, made) if thing.joint else (made,))
        )
        self.items.append(item)
        return item

    def add_robot(self, pose: np.ndarray) -> None:
        """Another robot like the first, its base at ``pose`` (4, 4)."""
        self.articulations.append(self.robot.load(self.scene, sapien.Pose(pose)))
        self.bases.append(np.float32(pose))

    @property
    def shows_front_to_robot(self) -> bool:
        """Whether the handle faces the robot."""
        joint = self.item.thing.joint
        return bool(joint and joint.handle and joint.handle[1] == FRONT)

    @property
    def subject(self) -> str:
        """Who acts, in words."""
        return self.robot.subject if len(self.articulations) == 1 else f"two {self.robot.subject}s"

    @property
    def hand(self) -> np.ndarray:
        """Pose (4, 4) of what the first robot leads: its z axis points out of the hand."""
        return self.links[self.robot.ee_link].entity_pose.to_transformation_matrix() @ np.array(
            self.robot.ee_from_tcp, float
        )

    @property
    def half_size(self) -> np.ndarray:
        """Half the object's size (3,), in meters."""
        return self.item.half

    def _add_light(self, target: Sequence[float], rng: np.random.Generator) -> None:
        self.scene.ambient_light = [rng.uniform(0.3, 0.5)] * 3
        sun = [rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.6), -1]
        add_sun(self.scene, sun, [rng.uniform(1.4, 2.2)] * 3, target)
        for side in ([-0.6, 0.8, -0.4], [-0.6, -0.8, -0.4]):  # from where the cameras stand, so that no side is dark
            self.scene.add_directional_light(side, [rng.uniform(0.5, 0.9)] * 3)

    def step(self, *targets: np.ndarray) -> None:
        """One step of physics with the joints (joints,) of each robot driven to its ``targets``.

        Logs state and contacts.
        """
        for articulation, wanted in zip(self.articulations, targets):
            for joint, target in zip(articulation.active_joints, wanted):
                joint.set_drive_target(target)
        self.scene.step()
        self.time += TIMESTEP
        self.contacts += [
            Contact(self.time, link, force, point) for link, (force, point) in sorted(self._forces().items())
        ]
        state = self._state()
        numbers = np.concatenate([state.qpos, state.position, state.things[:, :3].ravel(), state.articulation_qpos])
        if not np.abs(numbers).max() <= LARGEST_QPOS:  # nor is a NaN
            raise InteractiveActionError(
                f"The simulation blew up after {self.time:.2f} s: joints {state.qpos.round(2).tolist()}, object at "
                f"{state.position.round(2).tolist()} m. Try another seed."
            )
        self.states.append(state)

    def _state(self) -> State:
        pose, others = self.object.pose, [item for item in self.items if item is not self.item]
        return State(
            self.time,
            np.concatenate([articulation.qpos for articulation in self.articulations]),
            pose.p,
            pose.q,
            np.array([np.concatenate([item.entity.pose.p, item.entity.pose.q]) for item in others]).reshape(-1, 7),
            np.array([item.opening for item in self.items if item.articulation]),
        )

    def pressing(self, seconds: float, least: float = 0.5) -> set[str]:
        """Returns the robots' links that pressed on the object with ``least`` newtons in the last ``seconds``."""
        since = np.searchsorted([contact.time for contact in self.contacts], self.time - seconds, side="right")
        return {contact.link for contact in self.contacts[since:] if contact.force >= least}

    def touch(self, first: Any, second: Any) -> bool:
        """Whether two items press on each other after the last step."""
        for contact in self.scene.get_contacts():
            entities = [body.entity for body in contact.bodies]
            both = all(any(entity in item.entities for entity in entities) for item in (first, second))
            if both and np.abs([point.impulse for point in contact.points]).max() > 0:
                return True
        return False

    def _touching(self) -> Any:
        """(link, contact) for each thing that PhysX pairs with the object; the link is None if it is not a robot's."""
        for contact in self.scene.get_contacts():
            first, second = (body.entity for body in contact.bodies)
            if (first in self._object_entities) != (second in self._object_entities):
                yield self.link_names.get(second if first in self._object_entities else first), contact

    def _forces(self) -> dict[str, Any]:
        """(newtons, mean place (3,) of the points that press, by how hard they do) of each link."""
        pressing: dict[Any, Any] = {}
        for link, contact in self._touching():
            if link and (points := contact.points):
                impulses = np.array([point.impulse for point in points])
                if (force := float(np.linalg.norm(impulses.sum(0))) / TIMESTEP) > 0:
                    pressing.setdefault(link, []).append(
                        (force, impulses, np.array([point.position for point in points]))
                    )
        forces = {}
        for link, contacts in pressing.items():
            contacts.sort(key=lambda contact: contact[2].tolist())  # they come in any order, and sums depend on it
            shares = np.linalg.norm(np.concatenate([impulses for _, impulses, _ in contacts]), axis=1)
            places = np.concatenate([places for *_, places in contacts])
            forces[link] = sum(force for force, *_ in contacts), shares @ places / shares.sum()
        return forces

    def check_start(self) -> None:
        """One step of physics on the unmoved world must find nothing inside the object."""
        self.step(self.articulation.qpos)
        deepest = min((point.separation for _, contact in self._touching() for point in contact.points), default=0.0)
        if deepest < -DEEPEST_START:
            raise InteractiveActionError(
                f"The object starts {-deepest * 1000:.0f} mm inside the robot or the ground. Try another seed or a "
                "smaller object."
            )

    def restore(self, state: State) -> None:
        """Put robots and things where they were, for an image; physics is not run."""
        for articulation, qpos in zip(self.articulations, np.split(state.qpos, len(self.articulations))):
            articulation.set_qpos(qpos)
        articulation_qpos, things = iter(state.articulation_qpos), iter(state.things)
        for item in self.items:
            pose = np.concatenate([state.position, state.quaternion]) if item is self.item else next(things)
            if item.articulation:
                item.articulation.set_qpos([next(articulation_qpos)])
            else:
                item.entity.set_pose(sapien.Pose(pose[:3], pose[3:]))

    def corners(self) -> np.ndarray:
        """Returns corners (points, 3) of the boxes around what must be seen.

        These are the visible links, the object, and of what fingers took from the ground its place there.
        """
        bodies = [body for entity in self.item.entities if (body := _body(entity)).collision_shapes]
        boxes = [body.compute_global_aabb_tight() for body in bodies]
        links = [
            link
            for articulation in self.articulations
            for link in articulation.links
            if link.name in self.robot.visible_links
        ]
        boxes += [link.compute_global_aabb_tight() for link in links]
        boxes += [
            _body(item.entity).compute_global_aabb_tight()
            for item in self.items
            if item not in (self.item, *self.loose)
        ]
        if not self.robot.palms:
            boxes.append(boxes[0] * [1, 1, 0])
        return np.concatenate([np.stack(np.meshgrid(*box.T), -1).reshape(-1, 3) for box in boxes])

    def surroundings(self, meters: float = 0.12) -> np.ndarray:
        """Returns corners (8, 3) of a box around the object's first place with ``meters`` of room for the hand."""
        return np.stack(
            np.meshgrid(*(self._first_box + [[-meters, -meters, 0], [meters, meters, meters]]).T), -1
        ).reshape(-1, 3)

    def link_poses(self) -> np.ndarray:
        """Where all robots' links are now, (links, 7): position and quaternion wxyz."""
        poses = [link.pose for link in self.link_names]
        return np.array([[*pose.p, *pose.q] for pose in poses], np.float32)

    def ids(self) -> Any:
        """Segmentation ids of the robots' links (links,) and of the object's parts (parts,)."""
        links = [link.entity.per_scene_id for articulation in self.articulations for link in articulation.links]
        return links, [entity.per_scene_id for entity in self.item.entities]


@functools.lru_cache(1)
def _read_again(_version: Any) -> None:
    """Let SAPIEN forget what it has read if the user's files are others than last time.

    It keeps meshes and textures by their paths as long as the process lives: a new one under the name of an old one
    would not be seen, and the memory would grow with each.
    """
    sapien.render.clear_cache()
    sapien.physx.clear_cache()


def _body(entity: Any) -> Any:
    return entity.find_component_by_type(sapien.physx.PhysxRigidBaseComponent)


def _choose(name: str, known: Any, rng: np.random.Generator, other: str | None = None) -> str:
    drawn = rng.choice(
        [key for key in known if key != other]
    )  # drawn even if not needed: a fixed color changes nothing else
    return str(drawn) if name == RANDOM else name
