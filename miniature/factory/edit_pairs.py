"""Pairs for the miniature editor, which the simulator gives for free: one state of one scene, drawn again in another look.

A view is one state before one camera. It is drawn with the object in several materials, and in several lights; any two
drawings of a view are an image and its edit, and a drawing of another scene in the wanted look is the style image. Depth
and masks are exact, and the same in all drawings of a view. Physics runs once a scene; nothing moves between drawings.
"""

import json

import numpy as np

from .world_images import save_array, save_text

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
SHARD = 8
STATES, CAMERAS = 3, 2  # of a scene
DRAWN = 4  # materials a view, by day; one of them in the other lights, too


def word(thing):
    """What instructions call a thing: a drawer cabinet is a cabinet."""
    return thing.split()[-1]


def texture(material, rng, size=64):
    """Linear colors (size, size, 3) of a material, coarse enough to be seen at 96 pixels."""
    y, x = np.mgrid[:size, :size] / size
    if material == "wood":  # boards with a dark gap and a wavy grain
        boards = (y * 4).astype(int)
        tone = rng.uniform(0.7, 1.2, 4)[boards] * (1 + 0.15 * np.sin(40 * y + 3 * np.sin(6 * x + boards)))
        shade = tone * np.where(y * 4 % 1 < 0.12, 0.4, 1)
        color = TIMBERS[rng.integers(len(TIMBERS))]
    elif material == "brick":  # rows, every other one shifted, with light joints
        shifted = x * 3 + 0.5 * ((y * 5).astype(int) % 2)
        joint = (y * 5 % 1 < 0.18) | (shifted % 1 < 0.12)
        tone = rng.uniform(0.75, 1.2, (5, 4))[(y * 5).astype(int), shifted.astype(int)]
        return np.where(joint[..., None], 0.42, np.array([0.42, 0.08, 0.04]) * tone[..., None])
    elif material == "stone":  # grey speckles
        speckles = rng.uniform(0.3, 1.3, (16, 16)).repeat(size // 16, 0).repeat(size // 16, 1)
        shade, color = speckles, (0.28, 0.28, 0.29)
    elif material == "checks":
        shade, color = np.where(((x * 4).astype(int) + (y * 4).astype(int)) % 2, 1.0, 0.04), (0.75, 0.75, 0.75)
    else:
        shade, color = np.full((size, size), rng.uniform(0.8, 1.1)), COLORS[material]
    return np.clip(np.array(color) * shade[..., None], 0, 1)


class Studio:
    """One world after its action, whose object and lights can be changed between drawings."""

    def __init__(self, action, thing, seed):
        from ...sim.plan import Plan
        from ...sim.record import perform
        from ...sim.scene import Scene

        self.rng = np.random.default_rng((FIRST_SEED, seed))
        self.world, self.failure = perform(Scene(action=action, object=thing, seed=FIRST_SEED + seed), 0)
        if self.failure:
            return
        self.plan = Plan(width=SIZE, height=SIZE, cameras=4)
        self.materials = list(self._own_materials())
        self.background = self.world.background
        scene = self.world.scene
        self.ambient = np.array(scene.ambient_light)
        self.lights = [
            (part, np.array(part.color))
            for entity in scene.entities
            for part in entity.components
            if hasattr(part, "shadow")
        ]

    def _own_materials(self):
        """Of the parts of the object that have no color of their own: they take the scene's."""
        import sapien.render

        item = self.world.item
        parts = [item.thing.parts, item.thing.joint.parts] if item.articulation else [item.thing.parts]
        for entity, own in zip(item.entities, parts):
            shapes = entity.find_component_by_type(sapien.render.RenderBodyComponent).render_shapes
            for part, shape in zip(own, shapes):
                if part.color is None:
                    yield from (
                        [shape.material] if hasattr(shape, "material") else [piece.material for piece in shape.parts]
                    )

    def put(self, material):
        import sapien.render

        linear = texture(material, self.rng)
        rgba = np.concatenate([linear, np.ones((*linear.shape[:2], 1))], 2).astype(np.float32)
        drawn = sapien.render.RenderTexture2D(rgba, "R32G32B32A32Sfloat", mipmap_levels=4)
        for own in self.materials:
            own.base_color = [1, 1, 1, 1]
            own.base_color_texture = drawn

    def shine(self, light):
        tint = np.array(LIGHTS[light])
        self.world.scene.ambient_light = self.ambient * tint
        for part, color in self.lights:
            part.color = color * tint
        self.world.background = self.background * tint

    def views(self):
        """(shots in each look, looks) of every state and camera: shots as of ``CameraRig.shoot``, looks (material, light)."""
        from ...sim.cameras import CameraRig

        states = self.world.states
        for _ in range(STATES):
            self.world.restore(states[int(len(states) * self.rng.uniform(0.3, 1)) - 1])
            rig = CameraRig(self.world, self.plan, self.rng)
            if self.rng.random() < 0.5:  # nearer, about the object alone
                rig.aim = self._near()
            for camera in self.rng.permutation(4)[:CAMERAS]:
                chosen = [MATERIALS[k] for k in self.rng.permutation(len(MATERIALS))[:DRAWN]]
                looks = [(material, "day") for material in chosen] + [
                    (chosen[0], light) for light in LIGHTS if light != "day"
                ]
                shots = []
                for material, light in sorted(looks, key=lambda look: chosen.index(look[0])):
                    if light == "day":
                        self.put(material)
                    self.shine(light)
                    shots.append(((material, light), rig.shoot(camera)))
                self.shine("day")
                yield shots
            rig.camera.entity.remove_from_scene()

    def _near(self, meters=0.05):
        boxes = [entity.components for entity in self.world.item.entities]
        bodies = [part for parts in boxes for part in parts if hasattr(part, "compute_global_aabb_tight")]
        ends = np.array([body.compute_global_aabb_tight() for body in bodies])
        low, high = ends[:, 0].min(0) - meters, ends[:, 1].max(0) + meters
        return np.stack(np.meshgrid(*np.array([low, high]).T), -1).reshape(-1, 3)


def generate(folder, scenes, progress=print):
    """Draw ``scenes`` into ``folder``, ``SHARD`` to a shard; shards that are there are kept. SAPIEN runs in this process."""
    from ...sim.record import warm_up

    folder.mkdir(parents=True, exist_ok=True)
    for shard, first in enumerate(range(0, scenes, SHARD)):
        if (folder / f"{shard:03}.json").exists():
            continue
        warm_up()
        images, masks, depths, facts = [], [], [], []
        for seed in range(first, min(first + SHARD, scenes)):
            action, thing = SCENES[seed % len(SCENES)]
            studio = Studio(action, thing, seed)
            for shots in () if studio.failure else studio.views():
                mask = shots[0][1]["object_masks"]
                if not 0.015 < mask.mean() < 0.6:
                    continue
                view = len(masks) + 100_000 * shard
                facts += [
                    dict(view=view, scene=seed, thing=word(thing), material=material, light=light)
                    for (material, light), _ in shots
                ]
                images += [shot["images"] for _, shot in shots]
                masks.append(mask)
                depths.append(shots[0][1]["depth"])
        save_array(folder / f"{shard:03}_images.npy", np.stack(images))
        save_array(folder / f"{shard:03}_masks.npy", np.stack(masks))
        save_array(folder / f"{shard:03}_depths.npy", np.stack(depths).astype(np.float16))
        save_text(folder / f"{shard:03}.json", json.dumps(facts))
        progress(f"edits: {min(first + SHARD, scenes)} of {scenes} scenes drawn")


def load(folder):
    """Images uint8 (N, 96, 96, 3), masks bool (V, 96, 96), depths (V, 96, 96) in meters, 0 where there is nothing, and N facts.

    ``facts[n]["view"]`` is the row of masks and depths.
    """
    images, masks, depths, facts = [], [], [], []
    for path in sorted(folder.glob("*.json")):
        part, before = json.loads(path.read_text()), sum(map(len, masks))
        facts += [{**fact, "view": before + fact["view"] % 100_000} for fact in part]
        for arrays, name in ((images, "images"), (masks, "masks"), (depths, "depths")):
            arrays.append(np.load(path.with_name(f"{path.stem}_{name}.npy")))
    return *(np.concatenate(arrays) for arrays in (images, masks, depths)), facts
