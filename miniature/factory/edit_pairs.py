"""Pairs for the miniature editor, free from the simulator: one state of one scene, rendered in several looks.

A view is one state before one camera. It is rendered with the object in several materials, and in several lights; any
two images of a view are an image and its edit, and an image of another scene in the wanted look is the style image.
Depth and masks are exact, and the same in all images of a view. Physics runs once a scene; nothing moves between
images.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

import numpy as np
from einops import rearrange, repeat

from .cache import save_array, save_text

if TYPE_CHECKING:
    from ...sim.cameras import CameraRig

SIZE = 96
FIRST_SEED = 31_000
SCENES = (  # action and object; large things first, on which a material can be seen
    ("open", "drawer cabinet"),
    ("open", "cupboard"),
    ("open", "fridge"),
    ("open", "chest"),
    ("push", "box"),
    ("pick up", "cube"),
    ("pick up", "block"),
    ("pick up", "can"),
)
COLORS = {
    "red": (0.75, 0.03, 0.03),
    "green": (0.04, 0.42, 0.07),
    "blue": (0.03, 0.10, 0.70),
    "yellow": (0.85, 0.62, 0.02),
}
TIMBERS = ((0.42, 0.21, 0.07), (0.30, 0.14, 0.05), (0.50, 0.29, 0.12))
MATERIALS = ("wood", "brick", "stone", "checks", *COLORS)
LIGHTS = {"day": (1.0, 1.0, 1.0), "evening": (1.25, 0.62, 0.28), "night": (0.16, 0.22, 0.46)}
SHARD = 8  # scenes
STATES, CAMERAS = 3, 2  # of a scene
MATERIALS_PER_VIEW = 4  # by day; one of them in the other lights, too
MIN_OBJECT, MAX_OBJECT = 0.015, 0.6  # shares of the image
VIEWS_PER_SHARD = 100_000  # more than there are: numbers of views are unique over shards


class Look(NamedTuple):
    """How a view is rendered: the object's material and the light."""

    material: str
    light: str


class EditFacts(TypedDict):
    """What is known of an image. view: row of its mask and depth; object: the noun of instructions."""

    view: int
    scene: int
    object: str
    material: str
    light: str


def noun(object: str) -> str:
    """Returns what instructions call an object: a drawer cabinet is a cabinet."""
    return object.rsplit(maxsplit=1)[-1]


def texture(material: str, rng: np.random.Generator, size: int = 64) -> np.ndarray:
    """Samples linear colors (size, size, 3) of a material, coarse enough to be seen at 96 pixels."""
    y, x = np.mgrid[:size, :size] / size
    if material == "wood":  # boards with a dark gap and a wavy grain
        boards = (y * 4).astype(int)
        tone = rng.uniform(0.7, 1.2, 4)[boards] * (1 + 0.15 * np.sin(40 * y + 3 * np.sin(6 * x + boards)))
        shade: np.ndarray = tone * np.where(y * 4 % 1 < 0.12, 0.4, 1)
        color = TIMBERS[rng.integers(len(TIMBERS))]
    elif material == "brick":  # rows, every other one shifted, with light joints
        column = x * 3 + 0.5 * ((y * 5).astype(int) % 2)
        joint = (y * 5 % 1 < 0.18) | (column % 1 < 0.12)
        tone = rng.uniform(0.75, 1.2, (5, 4))[(y * 5).astype(int), column.astype(int)]
        return np.where(joint[..., None], 0.42, np.array([0.42, 0.08, 0.04]) * tone[..., None])
    elif material == "stone":  # grey speckles
        shade = repeat(rng.uniform(0.3, 1.3, (16, 16)), "h w -> (h y) (w x)", y=size // 16, x=size // 16)
        color = (0.28, 0.28, 0.29)
    elif material == "checks":
        shade, color = np.where(((x * 4).astype(int) + (y * 4).astype(int)) % 2, 1.0, 0.04), (0.75, 0.75, 0.75)
    else:
        shade, color = np.full((size, size), rng.uniform(0.8, 1.1)), COLORS[material]
    return np.asarray(np.clip(np.array(color) * shade[..., None], 0, 1))


class Studio:
    """One world after its action, whose object and lights can be changed between images.

    Args:
        action, object: what is done to what, one of ``SCENES``.
        seed: decides everything.

    Attributes:
        failure: why the action did not succeed; then there is nothing to render.
    """

    def __init__(self, action: str, object: str, seed: int) -> None:
        from ...sim.plan import Plan
        from ...sim.record import perform
        from ...sim.scene import Scene

        self.rng = np.random.default_rng((FIRST_SEED, seed))
        self.world: Any
        self.world, _, self.failure = perform(Scene(action=action, object=object, seed=FIRST_SEED + seed), 0)
        if self.failure:
            return
        self.plan = Plan(width=SIZE, height=SIZE, cameras=4)
        self.materials = list(self._uncolored_materials())
        self.background = self.world.background
        scene = self.world.scene
        self.ambient = np.array(scene.ambient_light)
        self.lights = [
            (component, np.array(component.color))
            for entity in scene.entities
            for component in entity.components
            if hasattr(component, "shadow")
        ]

    def _uncolored_materials(self) -> Iterator[Any]:
        """Yields the render materials of the object's parts that have no color of their own: they take the scene's."""
        import sapien.render

        item = self.world.item
        parts = [item.spec.parts, item.spec.joint.parts] if item.articulation else [item.spec.parts]
        for entity, geometries in zip(item.entities, parts):
            shapes = entity.find_component_by_type(sapien.render.RenderBodyComponent).render_shapes
            for geometry, shape in zip(geometries, shapes):
                if geometry.color is None:
                    surfaces = [shape] if hasattr(shape, "material") else shape.parts
                    yield from (surface.material for surface in surfaces)

    def set_material(self, material: str) -> None:
        """Makes the object of a material, with a texture of its own each time."""
        import sapien.render

        colors = texture(material, self.rng)
        rgba = np.concatenate([colors, np.ones((*colors.shape[:2], 1))], 2).astype(np.float32)
        image = sapien.render.RenderTexture2D(rgba, "R32G32B32A32Sfloat", mipmap_levels=4)
        for render_material in self.materials:
            render_material.base_color = [1, 1, 1, 1]
            render_material.base_color_texture = image

    def set_light(self, light: str) -> None:
        """Tints all light."""
        tint = np.array(LIGHTS[light])
        self.world.scene.ambient_light = self.ambient * tint
        for component, color in self.lights:
            component.color = color * tint
        self.world.background = self.background * tint

    def views(self) -> Iterator[list[tuple[Look, dict[str, np.ndarray]]]]:
        """Yields for every state and camera the looks it is rendered in, each with the image and its annotations."""
        from ...sim.cameras import CameraRig

        states = self.world.states
        for _ in range(STATES):
            self.world.restore(states[int(len(states) * self.rng.uniform(0.3, 1)) - 1])
            rig = CameraRig(self.world, self.plan, self.rng)
            if self.rng.random() < 0.5:  # nearer, about the object alone
                rig.aim = self._object_corners()
            for camera in self.rng.permutation(4)[:CAMERAS]:
                yield self._view(rig, camera)
            rig.camera.entity.remove_from_scene()

    def _view(self, rig: CameraRig, camera: int) -> list[tuple[Look, dict[str, np.ndarray]]]:
        """Renders one view in several looks."""
        materials = [MATERIALS[k] for k in self.rng.permutation(len(MATERIALS))[:MATERIALS_PER_VIEW]]
        shots = []
        for material in materials:
            for light in LIGHTS if material == materials[0] else ("day",):
                if light == "day":
                    self.set_material(material)
                self.set_light(light)
                shots.append((Look(material, light), rig.render(camera)))
        self.set_light("day")
        return shots

    def _object_corners(self, margin: float = 0.05) -> np.ndarray:
        """Returns the corners (8, 3) of the object's bounding box, widened by a margin in meters."""
        components = [component for entity in self.world.item.entities for component in entity.components]
        bodies = [component for component in components if hasattr(component, "compute_global_aabb_tight")]
        bounds = np.array([body.compute_global_aabb_tight() for body in bodies])
        low, high = bounds[:, 0].min(0) - margin, bounds[:, 1].max(0) + margin
        grid = np.stack(np.meshgrid(*np.array([low, high]).T), -1)
        return rearrange(grid, "x y z point -> (x y z) point")


def generate(folder: Path, num_scenes: int, log: Callable[[str], None] = print) -> None:
    """Renders scenes, ``SHARD`` to a shard; shards that are there stay. SAPIEN runs in this process.

    Args:
        folder: where the shards go.
        num_scenes: how many there are to be.
        log: gets a line after each shard.
    """
    from ...sim.record import warm_up

    for shard, first in enumerate(range(0, num_scenes, SHARD)):
        if (folder / f"{shard:03}.json").exists():
            continue
        warm_up()
        _make_shard(folder, shard, range(first, min(first + SHARD, num_scenes)))
        log(f"edits: {min(first + SHARD, num_scenes)} of {num_scenes} scenes rendered")


def _make_shard(folder: Path, shard: int, seeds: range) -> None:
    """Renders the scenes of these seeds and writes them as one shard."""
    images: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    depths: list[np.ndarray] = []
    facts: list[EditFacts] = []
    for seed in seeds:
        action, object = SCENES[seed % len(SCENES)]
        studio = Studio(action, object, seed)
        for shots in () if studio.failure else studio.views():
            mask = shots[0][1]["object_masks"]
            if not MIN_OBJECT < mask.mean() < MAX_OBJECT:
                continue
            view = len(masks) + VIEWS_PER_SHARD * shard
            facts += [
                EditFacts(view=view, scene=seed, object=noun(object), material=look.material, light=look.light)
                for look, _ in shots
            ]
            images += [shot["images"] for _, shot in shots]
            masks.append(mask)
            depths.append(shots[0][1]["depth"])
    save_array(folder / f"{shard:03}_images.npy", np.stack(images))
    save_array(folder / f"{shard:03}_masks.npy", np.stack(masks))
    save_array(folder / f"{shard:03}_depths.npy", np.stack(depths).astype(np.float16))
    save_text(folder / f"{shard:03}.json", json.dumps(facts))


class EditPairs(NamedTuple):
    """N images of V views.

    Attributes:
        images: uint8 (N, 96, 96, 3).
        masks: of the object, bool (V, 96, 96).
        depths: meters, float16 (V, 96, 96), 0 where there is nothing.
        facts: of each image; ``view`` is the row of masks and depths.
    """

    images: np.ndarray
    masks: np.ndarray
    depths: np.ndarray
    facts: list[EditFacts]


def load(folder: Path) -> EditPairs:
    """Reads all shards of a folder."""
    arrays: dict[str, list[np.ndarray]] = {"images": [], "masks": [], "depths": []}
    facts: list[EditFacts] = []
    for path in sorted(folder.glob("*.json")):
        first_view = sum(map(len, arrays["masks"]))
        part: list[EditFacts] = json.loads(path.read_text())
        facts += [{**fact, "view": first_view + fact["view"] % VIEWS_PER_SHARD} for fact in part]
        for name, parts in arrays.items():
            parts.append(np.load(path.with_name(f"{path.stem}_{name}.npy")))
    images, masks, depths = (np.concatenate(parts) for parts in arrays.values())
    return EditPairs(images, masks, depths, facts)
