"""A small ray caster: ellipsoids, boxes and frustums over a floor, with smooth light and blob shadows.

World axes: x to the right, y away from the camera, z up; the floor is z = 0. About 10 ms for 96 x 96 pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from einops import rearrange, reduce

SUPERSAMPLING = 2
FAR = 1e6

Color: TypeAlias = tuple[float, ...]
"""Red, green and blue in 0..1."""

Point: TypeAlias = "Sequence[float] | np.ndarray"
"""x, y and z."""


@dataclass
class Geometry:
    """One primitive.

    Attributes:
        kind: "ellipsoid", "box" or "frustum".
        to_world: (3, 4), carries the unit shape (radius or half side 1 about the origin) into the world.
        color: the surface's.
        taper: a frustum's top radius over its bottom radius.
        owner: 1 for the subject, 2 for the object, 0 for neither.
        second: the color where ``pattern`` is true.
        pattern: maps local points (3, n) to bool (n,).
    """

    kind: str
    to_world: np.ndarray
    color: Color
    taper: float = 1.0
    owner: int = 0
    second: Color = (1.0, 1.0, 1.0)
    pattern: Callable[[np.ndarray], np.ndarray] | None = None


@dataclass
class Camera:
    """A pinhole camera.

    Attributes:
        origin: (3,), where it stands.
        rotation: (3, 3), world to camera; it looks along ``rotation[2]``.
        center: of the image on the plane at distance 1, so that an off-center crop is exact.
        span: side of the square image on that plane.
    """

    origin: np.ndarray
    rotation: np.ndarray
    center: tuple[float, ...] = (0.0, 0.0)
    span: float = 1.0

    @classmethod
    def look_at(cls, origin: Point, target: Point) -> Camera:
        """Builds a level camera at ``origin`` that looks at ``target``."""
        forward = np.subtract(target, origin) / np.linalg.norm(np.subtract(target, origin))
        right = np.cross(forward, (0, 0, 1))
        right /= np.linalg.norm(right)
        return cls(np.asarray(origin, float), np.stack([right, np.cross(forward, right), forward]))

    def project(self, points: np.ndarray) -> np.ndarray:
        """Projects world points (n, 3) to plane coordinates (n, 2), x right and y down."""
        x, y, z = self.rotation @ (np.asarray(points) - self.origin).T
        return np.stack([x / z, y / z], axis=1)

    def pixels(self, points: np.ndarray, size: int) -> np.ndarray:
        """Projects world points (n, 3) to pixel coordinates (n, 2) of an image of ``size`` x ``size`` pixels."""
        coordinates: np.ndarray = ((self.project(points) - self.center) / self.span + 0.5) * size
        return coordinates


@dataclass
class Backdrop:
    """Floor, wall and light of a place.

    Attributes:
        floor, floor_second: the floor's two colors.
        floor_pattern: maps floor coordinates x and y, each (n,), to the share of the second color (n,).
        wall, wall_top: the wall's colors, below and above.
        wall_at: y of the wall; None means open sky.
        sun: (3,), direction towards the light, of length 1.
        ambient: light that comes from everywhere, 0..1.
        tint: multiplies the whole image.
    """

    floor: Color
    floor_second: Color
    floor_pattern: Callable[[np.ndarray, np.ndarray], np.ndarray]
    wall: Color
    wall_top: Color
    wall_at: float | None
    sun: np.ndarray
    ambient: float
    tint: Color = (1.0, 1.0, 1.0)


def affine(scale: Point, center: Point, rotation: np.ndarray | None = None) -> np.ndarray:
    """Builds the transform (3, 4) that scales, rotates (3, 3) and moves a unit shape."""
    linear = np.diag(np.asarray(scale, float)) if rotation is None else rotation @ np.diag(np.asarray(scale, float))
    return np.hstack([linear, np.asarray(center, float)[:, None]])


def corners(parts: Sequence[Geometry]) -> np.ndarray:
    """Lists the corners (8 n, 3) of the bounding boxes of n parts in the world."""
    unit = np.array(np.meshgrid((-1, 1), (-1, 1), (-1, 1))).reshape(3, 8)
    horizontal = np.array([[1.0], [1.0], [0.0]])
    return np.concatenate(
        [(p.to_world[:, :3] @ (unit * (1 + (max(p.taper, 1) - 1) * horizontal))).T + p.to_world[:, 3] for p in parts]
    )


# Each intersects rays from a local origin o (3,) along d (3, n) with the unit shape: distances (n,), ``FAR`` for a
# miss, and local normals (3, n).


def _ellipsoid(o: np.ndarray, d: np.ndarray, part: Geometry) -> tuple[np.ndarray, np.ndarray]:
    a, b, c = (d * d).sum(0), o @ d, o @ o - 1
    discriminant = b * b - a * c
    t = np.where(discriminant > 0, (-b - np.sqrt(np.maximum(discriminant, 0))) / a, FAR)
    return t, o[:, None] + t * d


def _box(o: np.ndarray, d: np.ndarray, part: Geometry) -> tuple[np.ndarray, np.ndarray]:
    inverse = 1 / np.where(np.abs(d) < 1e-9, 1e-9, d)
    near = -o[:, None] * inverse - np.abs(inverse)
    far = -o[:, None] * inverse + np.abs(inverse)
    axis = near.argmax(0)
    t = near.max(0)
    t = np.where(t < far.min(0), t, FAR)
    columns = np.arange(d.shape[1])
    normal = np.zeros_like(d)
    normal[axis, columns] = -np.sign(d[axis, columns])
    return t, normal


def _frustum(o: np.ndarray, d: np.ndarray, part: Geometry) -> tuple[np.ndarray, np.ndarray]:
    mean, slope = (1 + part.taper) / 2, (part.taper - 1) / 2
    radius = mean + slope * o[2]
    a = d[0] ** 2 + d[1] ** 2 - (slope * d[2]) ** 2
    b = o[0] * d[0] + o[1] * d[1] - slope * radius * d[2]
    c = o[0] ** 2 + o[1] ** 2 - radius**2
    discriminant = b * b - a * c
    t = (-b - np.sqrt(np.maximum(discriminant, 0))) / np.where(np.abs(a) < 1e-9, 1e-9, a)
    t = np.where((discriminant > 0) & (np.abs(o[2] + t * d[2]) <= 1) & (t > 0), t, FAR)
    point = o[:, None] + t * d
    normal = np.stack([point[0], point[1], -slope * (mean + slope * point[2])])
    cap = -1.0 if o[2] < 0 else 1.0
    t_cap = (cap - o[2]) / np.where(np.abs(d[2]) < 1e-9, 1e-9, d[2])
    x, y = o[0] + t_cap * d[0], o[1] + t_cap * d[1]
    on_cap = (abs(o[2]) > 1) & (x * x + y * y <= (mean + slope * cap) ** 2) & (t_cap < t) & (t_cap > 0)
    normal[:, on_cap] = np.array([[0], [0], [cap]])
    return np.where(on_cap, t_cap, t), normal


_SHAPES = {"ellipsoid": _ellipsoid, "box": _box, "frustum": _frustum}


def _light(normal: np.ndarray, backdrop: Backdrop) -> np.ndarray:
    """Computes the light (n,) on surfaces with world normals (3, n)."""
    light: np.ndarray = backdrop.ambient * (0.85 + 0.15 * normal[2]) + (1.1 - backdrop.ambient) * np.maximum(
        backdrop.sun @ normal, 0
    )
    return light


def _background(origin: np.ndarray, rays: np.ndarray, backdrop: Backdrop, parts: Sequence[Geometry]) -> np.ndarray:
    """Computes the colors (3, n) of floor and wall, with one soft shadow blob under each part."""
    t_floor = np.where(rays[2] < -1e-6, -origin[2] / np.minimum(rays[2], -1e-6), FAR)
    wall_at = backdrop.wall_at if backdrop.wall_at is not None else 60.0
    t_wall = (wall_at - origin[1]) / np.maximum(rays[1], 1e-6)
    floor = t_floor < t_wall
    height = np.clip((origin[2] + t_wall * rays[2]) / (5.0 if backdrop.wall_at is not None else 20.0), 0, 1)
    color: np.ndarray = np.array(backdrop.wall)[:, None] * (1 - height) + np.array(backdrop.wall_top)[:, None] * height
    x, y = origin[0] + t_floor[floor] * rays[0, floor], origin[1] + t_floor[floor] * rays[1, floor]
    share = backdrop.floor_pattern(x, y)
    ground = np.array(backdrop.floor)[:, None] * (1 - share) + np.array(backdrop.floor_second)[:, None] * share
    light = np.ones_like(x)
    lean = -backdrop.sun[:2] / max(backdrop.sun[2], 0.3) * 0.5
    for part in parts:
        radius = np.sqrt((part.to_world[:2, :3] ** 2).sum())
        if radius < 0.2:
            continue
        z = part.to_world[2, 3]
        cx, cy = part.to_world[:2, 3] + lean * z
        width = radius * (0.75 + 0.25 * z)
        light *= 1 - 0.38 / (1 + 0.5 * z) * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / width**2)
    color[:, floor] = ground * light
    return color


def cast(parts: Sequence[Geometry], camera: Camera, backdrop: Backdrop, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Renders an image.

    Args:
        parts: the primitives.
        camera: where it is seen from.
        backdrop: floor, wall and light.
        size: side of the image, in pixels.

    Returns:
        The image, uint8 (size, size, 3), and the share of each pixel that owners 1 and 2 have, float32 (2, size, size).
    """
    n = size * SUPERSAMPLING
    ticks = ((np.arange(n) + 0.5) / n - 0.5) * camera.span
    u, v = np.meshgrid(ticks + camera.center[0], ticks + camera.center[1])
    rays = camera.rotation.T @ np.stack([u.ravel(), v.ravel(), np.ones(n * n)])
    color = rearrange(_background(camera.origin, rays, backdrop, parts), "c (h w) -> c h w", h=n)
    rays = rearrange(rays, "c (h w) -> c h w", h=n)
    depth = np.full((n, n), FAR)
    owner = np.zeros((n, n), np.uint8)
    for part in parts:
        edges = camera.pixels(corners([part]), n)
        x0, y0 = np.maximum(np.floor(edges.min(0)).astype(int), 0)
        x1, y1 = np.minimum(np.ceil(edges.max(0)).astype(int) + 1, n)
        if x0 >= x1 or y0 >= y1:
            continue
        inverse = np.linalg.inv(part.to_world[:, :3])
        o = inverse @ (camera.origin - part.to_world[:, 3])
        d = inverse @ rays[:, y0:y1, x0:x1].reshape(3, -1)
        t, normal = _SHAPES[part.kind](o, d, part)
        hit = np.flatnonzero((t < depth[y0:y1, x0:x1].ravel()) & (t > 0))
        if not len(hit):
            continue
        world_normal = inverse.T @ normal[:, hit]
        world_normal /= np.linalg.norm(world_normal, axis=0)
        shade = np.repeat(np.array(part.color, float)[:, None], len(hit), axis=1)
        if part.pattern is not None:
            shade[:, part.pattern(o[:, None] + t[hit] * d[:, hit])] = np.array(part.second)[:, None]
        shade *= _light(world_normal, backdrop)
        rows, columns = hit // (x1 - x0) + y0, hit % (x1 - x0) + x0
        depth[rows, columns] = t[hit]
        color[:, rows, columns] = shade
        owner[rows, columns] = part.owner
    image = _shrink(color * np.array(backdrop.tint)[:, None, None])
    image = rearrange((np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8), "c h w -> h w c")
    return image, _shrink(np.stack([owner == 1, owner == 2]).astype(np.float32))


def _shrink(image: np.ndarray) -> np.ndarray:
    """Averages the samples of each pixel: (c, H * SUPERSAMPLING, W * SUPERSAMPLING) -> (c, H, W)."""
    window = {"y": SUPERSAMPLING, "x": SUPERSAMPLING}
    smaller: np.ndarray = reduce(image, "c (h y) (w x) -> c h w", "mean", **window)
    return smaller
