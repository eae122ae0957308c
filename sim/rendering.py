"""How a world is drawn: by shaders of our own (``shaders/``), in one pass, and what is near before what it hides.

The light is that of SAPIEN's default shaders, which write seven textures of 32-bit floats and shade from them. Where
Vulkan is software, those textures and the shading of what something else covers afterwards took half of the time.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

import numpy as np
import sapien
import sapien.render

from ..errors import InteractiveActionError

if TYPE_CHECKING:
    from .poses import Point


SHADERS = str(pathlib.Path(__file__).with_name("shaders"))
CHANNELS = {
    "Image": "r8g8b8a8unorm",
    "Meters": "r32sfloat",
    "Entity": "r32sfloat",
}  # as the shaders name what they write
NEAR, FAR = 0.01, 50.0  # meters
SHADOWED, SHADOW_MAP = (
    1.2,
    1536,
)  # meters that a shadow reaches aside, and texels of its map a side: the shaders soften over 3 of them

for _name, _kind in CHANNELS.items():
    sapien.render.set_picture_format(_name, _kind)


def add_camera(
    scene: sapien.Scene, width: int, height: int, field_of_view: float
) -> sapien.render.RenderCameraComponent:
    """A camera of that size in pixels and vertical angle in radians, at an entity of its own."""
    camera = sapien.render.RenderCameraComponent(width, height, SHADERS)
    camera.set_fovy(field_of_view, compute_x=True)
    camera.near, camera.far = NEAR, FAR
    entity = sapien.Entity()
    entity.add_component(camera)
    scene.add_entity(entity)
    return camera


def add_lights(scene: sapien.Scene, target: Point, rng: np.random.Generator) -> None:
    """Ambient light, a sun whose shadows fall about the place ``target`` (3,), and weaker light from two sides."""
    scene.ambient_light = [rng.uniform(0.3, 0.5)] * 3
    direction = [rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.6), -1]
    add_sun(scene, direction, [rng.uniform(1.4, 2.2)] * 3, target)
    for side in ([-0.6, 0.8, -0.4], [-0.6, -0.8, -0.4]):  # from where the cameras stand, so that no side is dark
        scene.add_directional_light(side, [rng.uniform(0.5, 0.9)] * 3)


def add_sun(scene: sapien.Scene, direction: Point, color: Point, target: Point) -> None:
    """A light from far away, along ``direction`` (3,), whose shadows fall about the place ``target`` (3,)."""
    scene.add_directional_light(
        direction, color, True, target, shadow_scale=SHADOWED, shadow_near=-3, shadow_far=3, shadow_map_size=SHADOW_MAP
    )


def sort_front_to_back(scene: sapien.Scene) -> None:
    """Draw what was built last first: objects and robots, then furniture, then walls and floor, which they hide."""
    for body in reversed(_bodies(scene)):
        body.disable()
        body.enable()


def read_meshes(scene: sapien.Scene) -> None:
    """Read from files what will be drawn: SAPIEN would with the first image, when a file may be another than it was."""
    for body in _bodies(scene):
        for shape in body.render_shapes:
            if isinstance(shape, sapien.render.RenderShapeTriangleMesh):
                try:
                    shape.parts  # noqa: B018 (makes it read)
                except RuntimeError as error:
                    raise InteractiveActionError(
                        f"Something cannot be drawn: {error}. Export the mesh or the image again."
                    ) from error


def _bodies(scene: sapien.Scene) -> list[sapien.render.RenderBodyComponent]:
    components = [component for entity in scene.entities for component in entity.components]
    return [component for component in components if isinstance(component, sapien.render.RenderBodyComponent)]


def render_camera(
    scene: sapien.Scene, camera: sapien.render.RenderCameraComponent
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns what ``camera`` sees of ``scene`` as it stands.

    Returns:
        Colors (height, width, 4) uint8, depth (height, width) float32 in meters, 0 where nothing is, and the
        segmentation ids of entities (height, width) uint32.
    """
    scene.update_render()
    camera.take_picture()
    colors, meters, entities = (camera.get_picture(channel) for channel in CHANNELS)
    return colors, meters, entities.astype(np.uint32)
