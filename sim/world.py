"""One scene as SAPIEN simulates and draws it: robot, object, ground and light. Physics and pictures are decoupled."""

from dataclasses import dataclass

import numpy as np
import sapien
import sapien.render

from ..errors import InteractiveActionError
from .robots import ROBOTS
from .scene import OBJECT_COLOURS, OBJECTS, PLACE_COLOURS, RANDOM

TIMESTEP = 1 / 200
DENSITY = 300.0  # kg/m3, a light wood
DEEPEST_START = 0.002  # metres of penetration that contact offsets alone can cause
LARGEST_QPOS = 10.0


@dataclass(frozen=True)
class State:
    """The whole world at one time: joint positions (joints,) and the object's position (3,) and quaternion wxyz (4,)."""

    time: float
    qpos: np.ndarray
    position: np.ndarray
    quaternion: np.ndarray


@dataclass(frozen=True)
class Contact:
    """A link of the robot pressing on the object with ``force`` newtons at ``time`` seconds."""

    time: float
    link: str
    force: float


class World:
    """``rng`` decides what the scene leaves open: size, colours, light and where the object stands.

    ``states`` and ``contacts`` are logged at each step of physics.
    """

    def __init__(self, scene, rng):
        self.robot = ROBOTS[scene.robot]
        self.half_size = np.array(OBJECTS[scene.object]) * (1 + rng.uniform(-1, 1) * scene.size_jitter)
        self.object_colour = _choose(scene.object_colour, OBJECT_COLOURS, rng)
        ground = _choose(scene.ground, PLACE_COLOURS, rng)
        self.background = np.array(PLACE_COLOURS[_choose(scene.background, PLACE_COLOURS, rng, ground)])

        self.scene = sapien.Scene()
        self.scene.timestep = TIMESTEP
        self.scene.add_ground(0, render_material=_material(PLACE_COLOURS[ground], roughness=0.9))
        self.articulation = self.robot.load(self.scene)
        place = sapien.Pose([rng.uniform(0.45, 0.6), rng.uniform(-0.15, 0.15), self.half_size[2]], _yaw(rng.uniform(-np.pi, np.pi)))
        self.object = self._build_object(scene.object, place)
        self._add_light(place.p, rng)
        self.links = {link.name: link for link in self.articulation.links}
        self._names = {link.entity: link.name for link in self.articulation.links}
        self.model = self.articulation.create_pinocchio_model()
        self.time = 0.0
        self.states, self.contacts = [], []

    def _build_object(self, kind, place):
        builder = self.scene.create_actor_builder()
        material = _material(OBJECT_COLOURS[self.object_colour], roughness=0.5)
        physical = self.scene.create_physical_material(1.0, 1.0, 0.0)
        sizes, upright = self.half_size, sapien.Pose(q=[0.7071068, 0, -0.7071068, 0])  # a cylinder's axis is x
        common = {"density": DENSITY, "material": physical}
        if kind == "cube":
            builder.add_box_visual(half_size=sizes, material=material)
            builder.add_box_collision(half_size=sizes, **common)
        elif kind == "ball":
            builder.add_sphere_visual(radius=sizes[0], material=material)
            builder.add_sphere_collision(radius=sizes[0], patch_radius=0.02, min_patch_radius=0.02, **common)
        else:
            builder.add_cylinder_visual(upright, radius=sizes[0], half_length=sizes[2], material=material)
            builder.add_cylinder_collision(upright, radius=sizes[0], half_length=sizes[2], **common)
        builder.initial_pose = place
        entity = builder.build(name=kind)
        body = entity.find_component_by_type(sapien.physx.PhysxRigidDynamicComponent)
        body.linear_damping, body.angular_damping = 0.5, 2.0  # a ball must not roll away for ever
        return entity

    def _add_light(self, target, rng):
        self.scene.ambient_light = [rng.uniform(0.3, 0.5)] * 3
        sun = [rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.6), -1]
        self.scene.add_directional_light(
            sun, [rng.uniform(1.4, 2.2)] * 3, shadow=True, position=target, shadow_scale=1.2, shadow_near=-3, shadow_far=3
        )
        for side in ([-0.6, 0.8, -0.4], [-0.6, -0.8, -0.4]):  # from where the cameras stand, so that no side is dark
            self.scene.add_directional_light(side, [rng.uniform(0.5, 0.9)] * 3)

    def step(self, targets):
        """One step of physics with the joints (joints,) driven to ``targets``; logs state and contacts."""
        for joint, target in zip(self.articulation.active_joints, targets):
            joint.set_drive_target(target)
        self.scene.step()
        self.time += TIMESTEP
        forces = self._forces()
        self.contacts += [Contact(self.time, link, force) for link, force in sorted(forces.items())]
        state = State(self.time, self.articulation.qpos, self.object.pose.p, self.object.pose.q)
        numbers = np.concatenate([state.qpos, state.position])
        if not np.isfinite(numbers).all() or np.abs(numbers).max() > LARGEST_QPOS:
            raise InteractiveActionError(
                f"The simulation blew up after {self.time:.2f} s: joints {state.qpos.round(2).tolist()}, object at "
                f"{state.position.round(2).tolist()} m. Try another seed."
            )
        self.states.append(state)

    def _touching(self):
        """(link, contact) for each robot link that PhysX pairs with the object."""
        for contact in self.scene.get_contacts():
            entities = [body.entity for body in contact.bodies]
            if self.object in entities:
                other = entities[1 - entities.index(self.object)]
                yield self._names.get(other), contact

    def _forces(self):
        forces = {}
        for link, contact in self._touching():
            impulse = np.sum([point.impulse for point in contact.points], 0)
            if link and (force := float(np.linalg.norm(impulse)) / TIMESTEP) > 0:
                forces[link] = forces.get(link, 0.0) + force
        return forces

    def check_start(self):
        """One step of physics on the unmoved world must find nothing inside the object."""
        self.step(self.articulation.qpos)
        deepest = min((point.separation for _, contact in self._touching() for point in contact.points), default=0.0)
        if deepest < -DEEPEST_START:
            raise InteractiveActionError(
                f"The object starts {-deepest * 1000:.0f} mm inside the robot or the ground. Try another seed or a smaller object."
            )

    def restore(self, state):
        """Put robot and object where they were, for a picture; physics is not run."""
        self.articulation.set_qpos(state.qpos)
        self.object.set_pose(sapien.Pose(state.position, state.quaternion))

    def corners(self):
        """(points, 3) corners of the boxes around the framed links and the object, and the object's place on the ground."""
        body = self.object.find_component_by_type(sapien.physx.PhysxRigidDynamicComponent)
        boxes = [body.compute_global_aabb_tight()]
        boxes += [self.links[name].compute_global_aabb_tight() for name in self.robot.framed]
        below = boxes[0] * [1, 1, 0]
        return np.concatenate([np.stack(np.meshgrid(*box.T), -1).reshape(-1, 3) for box in (*boxes, below)])

    def ids(self):
        """Segmentation ids: the robot's links (links,), and the object's."""
        return [link.entity.per_scene_id for link in self.articulation.links], self.object.per_scene_id


def _choose(name, known, rng, other=None):
    drawn = rng.choice([key for key in known if key != other])  # drawn even if not needed: a fixed colour changes nothing else
    return str(drawn) if name == RANDOM else name


def _material(colour, roughness):
    material = sapien.render.RenderMaterial()
    material.base_color = [*colour, 1]
    material.roughness, material.metallic, material.specular = roughness, 0.0, 0.3
    return material


def _yaw(angle):
    return [np.cos(angle / 2), 0, 0, np.sin(angle / 2)]
