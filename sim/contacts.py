"""Who presses on what, as PhysX tells it after a step."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .state import TIMESTEP

if TYPE_CHECKING:
    import sapien
    from sapien.physx import PhysxContact

    from .scene_objects import SceneObject


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


def contact_pairs(
    scene: sapien.Scene, entities: Collection[sapien.Entity], link_names: Mapping[sapien.Entity, str]
) -> Iterator[tuple[str | None, PhysxContact]]:
    """Yields (link, contact) for each body that PhysX pairs with an object; the link is None if it is no robot's.

    Args:
        scene: after a step.
        entities: of the object.
        link_names: of the robots' links.
    """
    for contact in scene.get_contacts():
        first, second = (body.entity for body in contact.bodies)
        if (first in entities) != (second in entities):
            yield link_names.get(second if first in entities else first), contact


def link_contacts(
    scene: sapien.Scene, entities: Collection[sapien.Entity], link_names: Mapping[sapien.Entity, str], time: float
) -> list[Contact]:
    """The links that press on an object, in the order of their names.

    Args:
        scene: after a step.
        entities: of the object.
        link_names: of the robots' links.
        time: of the step, in seconds.
    """
    pressing: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for link, contact in contact_pairs(scene, entities, link_names):
        if link and (points := contact.points):
            impulses = np.array([point.impulse for point in points])
            if np.linalg.norm(impulses.sum(0)) > 0:
                places = np.array([point.position for point in points])
                pressing.setdefault(link, []).append((impulses, places))
    return [Contact(time, link, *_force(patches)) for link, patches in sorted(pressing.items())]


def in_contact(scene: sapien.Scene, first: SceneObject, second: SceneObject) -> bool:
    """Whether two objects press on each other after the last step."""
    for contact in scene.get_contacts():
        entities = [body.entity for body in contact.bodies]
        both = all(any(entity in item.entities for entity in entities) for item in (first, second))
        if both and np.abs([point.impulse for point in contact.points]).max() > 0:
            return True
    return False


def _force(patches: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, np.ndarray]:
    """(newtons, mean place (3,) of the points that press, by how hard they do) of one link.

    Args:
        patches: impulses (points, 3) in Ns and places (points, 3) of each of its contacts.
    """
    patches = sorted(patches, key=lambda patch: patch[1].tolist())  # they come in any order, and sums depend on it
    force = sum(float(np.linalg.norm(impulses.sum(0))) / TIMESTEP for impulses, _ in patches)
    shares = np.linalg.norm(np.concatenate([impulses for impulses, _ in patches]), axis=1)
    places = np.concatenate([places for _, places in patches])
    return force, shares @ places / shares.sum()
