"""``python . tools.dev.room_sheet``: draws rooms into web/docs, for the README, the help pages and the workflows.

The same noise raw, guided, and guided and settled; the worst of some sloppy rooms; a room that is completed around its
bed; a room in three dimensions with its doors and drawers open; and a robot that acts in one. Nothing is chosen: all
have the first seed.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from einops import rearrange
from PIL import Image

from ...layouts.comparison import violation
from ...layouts.drawing import draw_plan, side_by_side
from ...layouts.exporters.bodies import bodies_of
from ...layouts.exporters.glb import glb_bytes
from ...layouts.floor_plans import floor_plan
from ...layouts.grammar.procedural import furnished_rooms, procedural_rooms
from ...layouts.guidance.guide import GuidanceConfig
from ...layouts.model_file import LayoutModel
from ...layouts.sampling import Wishes, sample_rooms
from ...layouts.settle import settle
from ...miniature.weights import LAYOUT_MODEL
from ...sim.layout import FloorPlan, Layout
from ...sim.plan import Plan
from ...sim.record import record
from ...sim.scene import Scene
from .server import ROOT
from .sheets import image_grid

DOCS = ROOT / "web" / "docs"
SIDE = 360  # pixels of a plan
PLANS = (
    floor_plan("0,0; 5,0; 5,2.2; 3,2.2; 3,4; 0,4", "door 1 0.3 0.9; window 5 1.2 1.4", "bedroom"),
    floor_plan("0,0; 6,0; 6,4.2; 0,4.2", "door 0 0.4 0.9; window 2 2 1.8", "living room"),
)
EYE = np.array([0.62, 0.78, 0.9])  # the direction from the room to the eye, in a GLB's axes
LIGHT = np.array([0.35, 0.85, 0.4])


def main() -> None:
    """Draws all of them."""
    model = LayoutModel.load(LAYOUT_MODEL)
    write("rooms", column([guided_row(model, plan) for plan in PLANS]))
    sloppy = sorted(procedural_rooms(16, seed=1, split="test", sloppy_share=1.0), key=violation)[-3:]
    write("rooms-scored", row(sloppy[::-1], ["the worst", "of sixteen", "sloppy rooms"]))
    (before,) = furnished_rooms(PLANS[0], 1)
    bed = next(item for item in before.objects if "bed" in item.category)
    kept = Layout(PLANS[0], (bed,))
    rooms = sample_rooms(model, [PLANS[0]] * 2, wishes=Wishes(keep=(bed,), tidiness=1.0), guidance=GuidanceConfig())
    completed = [settled.layout for settled in settle(rooms)]
    write("rooms-completed", row([kept, *completed], ["kept", "completed and settled", "and again"]))
    write("rooms-3d", view(before))
    write("rooms-action", acting())


def guided_row(model: LayoutModel, plan: FloorPlan) -> Image.Image:
    """Returns a room of one noise raw, guided, and guided and settled."""
    wishes = Wishes(tidiness=1.0)
    (raw,) = sample_rooms(model, [plan], wishes=wishes)
    (guided,) = sample_rooms(model, [plan], wishes=wishes, guidance=GuidanceConfig())
    (settled,) = settle([guided])
    return row([raw, guided, settled.layout], ["as the model samples it", "guided", "guided and settled"])


def acting() -> Image.Image:
    """Returns four key frames of a Panda that opens the first thing of a kitchen that it can, from two sides."""
    (kitchen,) = procedural_rooms(1, ("kitchen",), split="test", sloppy_share=0.0)
    plan = Plan(num_episodes=1, cameras=4, key_frames="key moments", frames_per_episode=4, width=240, height=240)
    recording = record(Scene(robot="panda", action="open", object="cube", layout=kitchen), plan)
    frames = rearrange(recording.images, "(frame camera) ... -> camera frame ...", camera=4)
    sheet = image_grid(np.concatenate([frames[0], frames[3]]), 4)
    sheet.thumbnail((960, 960), Image.Resampling.LANCZOS)
    return sheet


def row(layouts: Sequence[Layout], titles: Sequence[str]) -> Image.Image:
    """Returns plans beside one another under their titles."""
    return side_by_side([draw_plan(layout, SIDE) for layout in layouts], titles)


def column(images: Sequence[Image.Image]) -> Image.Image:
    """Returns images below one another."""
    sheet = Image.new("RGB", (max(image.width for image in images), sum(image.height for image in images)), "white")
    top = 0
    for image in images:
        sheet.paste(image, (0, top))
        top += image.height
    return sheet


def view(layout: Layout, width: int = 960, finer: int = 2) -> Image.Image:
    """Returns a room from above a corner, with the walls whose inner sides are seen, doors and drawers half open."""
    opened = tuple(dataclasses.replace(item, opened=0.5) for item in layout.objects)
    layout = dataclasses.replace(layout, objects=opened)
    corners, colors = triangles(glb_bytes(bodies_of(layout), layout, from_inside=True))
    eye, right = EYE / np.linalg.norm(EYE), np.cross([0.0, 1.0, 0.0], EYE)
    right /= np.linalg.norm(right)
    # across and down on the sheet, and towards the eye
    seen = np.stack([corners @ right, -(corners @ np.cross(eye, right)), corners @ eye], -1)
    low, high = seen.min((0, 1))[:2], seen.max((0, 1))[:2]
    scale, border = finer * 0.94 * width / (high - low)[0], 0.03 * finer * width
    seen[..., :2] = (seen[..., :2] - low) * scale + border
    pixels = np.full((round((high - low)[1] * scale + 2 * border), finer * width, 3), 255, np.uint8)
    nearest = np.full(pixels.shape[:2], -np.inf)
    for triangle, color in zip(seen, colors):
        paint(pixels, nearest, triangle, color)
    sheet = Image.fromarray(pixels)
    return sheet.resize((width, sheet.height // finer), Image.Resampling.LANCZOS)


def paint(pixels: np.ndarray, nearest: np.ndarray, triangle: np.ndarray, color: np.ndarray) -> None:
    """Paints one triangle where nothing nearer is painted.

    Args:
        pixels: (H, W, 3) uint8, changed in place.
        nearest: (H, W) how near to the eye what is painted there is, changed in place.
        triangle: (3, 3) corners: column, line and nearness.
        color: (3,) uint8.
    """
    left, top = np.floor(triangle[:, :2].min(0)).astype(int).clip(0)
    wide, tall = np.ceil(triangle[:, :2].max(0)).astype(int) + 1
    (ax, ay), (bx, by), (cx, cy) = triangle[:, :2]
    twice = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy)
    part = pixels[top:tall, left:wide], nearest[top:tall, left:wide]
    if abs(twice) < 1e-9 or not part[1].size:
        return
    y, x = np.mgrid[top : top + part[1].shape[0], left : left + part[1].shape[1]] + 0.5
    first = ((by - cy) * (x - cx) + (cx - bx) * (y - cy)) / twice
    second = ((cy - ay) * (x - cx) + (ax - cx) * (y - cy)) / twice
    depth = first * triangle[0, 2] + second * triangle[1, 2] + (1 - first - second) * triangle[2, 2]
    shown = (first >= 0) & (second >= 0) & (first + second <= 1) & (depth > part[1])
    part[0][shown] = color
    part[1][shown] = depth[shown]


def triangles(glb: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Returns the corners (T, 3, 3) of a file's triangles that face the eye, and their shaded colors (T, 3), uint8."""
    import trimesh

    scene: Any = trimesh.load(io.BytesIO(glb), file_type="glb")
    corners, colors = [], []
    for name in scene.graph.nodes_geometry:
        transform, geometry = scene.graph[name]
        mesh: Any = scene.geometry[geometry].copy()
        linear = np.asarray(mesh.visual.material.baseColorFactor)[:3] / 255
        mesh.apply_transform(transform)
        bright = 0.55 + 0.45 * (mesh.face_normals @ (LIGHT / np.linalg.norm(LIGHT))).clip(0, 1)
        facing = mesh.face_normals @ EYE > 0
        corners.append(mesh.triangles[facing])
        colors.append((255 * linear ** (1 / 2.2) * bright[facing, None]).round().astype(np.uint8))
    return np.concatenate(corners), np.concatenate(colors)


def write(name: str, image: Image.Image) -> None:
    """Writes an image into web/docs."""
    image.save(DOCS / f"{name}.jpg", quality=88)
    print(f"web/docs/{name}.jpg: {image.width} x {image.height}")


if __name__ == "__main__":
    main()
