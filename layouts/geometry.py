"""Exact plane geometry of rotated boxes and floors, batched in torch and differentiable.

A box is its middle, its half width and half depth, and its yaw. Every function broadcasts over leading axes.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from einops import rearrange

CORNER_SIGNS = ((1, 1), (-1, 1), (-1, -1), (1, -1))  # counter-clockwise
TINY = 1e-4  # metres: below it a quotient of two lengths says nothing in float32


class Boxes(NamedTuple):
    """Upright boxes; all tensors have the same leading axes.

    Args:
        center: (..., 2) metres.
        half: (..., 2) half width and half depth in metres.
        yaw: (...) radians.
        bottom: (...) metres above the floor.
        top: (...) metres above the floor.
    """

    center: torch.Tensor
    half: torch.Tensor
    yaw: torch.Tensor
    bottom: torch.Tensor
    top: torch.Tensor

    def map(self, *index: object) -> Boxes:
        """Returns the boxes at an index of the leading axes."""
        return Boxes(*(tensor[index] for tensor in self))  # type: ignore[index]

    @property
    def area(self) -> torch.Tensor:
        """(...) square metres of the footprint."""
        return 4 * self.half.prod(-1)

    @property
    def axes(self) -> torch.Tensor:
        """(..., 2, 2) the directions of width and depth, one a row."""
        cos, sin = self.yaw.cos(), self.yaw.sin()
        return torch.stack([torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)], -2)

    @property
    def corners(self) -> torch.Tensor:
        """(..., 4, 2) the corners, counter-clockwise."""
        signs = torch.tensor(CORNER_SIGNS, dtype=self.half.dtype, device=self.half.device)
        return rearrange(self.center, "... k -> ... 1 k") + (signs * self.half[..., None, :]) @ self.axes

    def local(self, points: torch.Tensor) -> torch.Tensor:
        """Returns points (..., P, 2) in the frames of boxes (...)."""
        x, y = (points - self.center[..., None, :]).unbind(-1)
        cos, sin = self.yaw.cos()[..., None], self.yaw.sin()[..., None]
        return torch.stack([cos * x + sin * y, cos * y - sin * x], -1)


def area_in_box(polygon: torch.Tensor, half: torch.Tensor) -> torch.Tensor:
    """Computes the exact area that a simple polygon has in common with a box.

    Clamping the plane to the box leaves what is inside and presses what is outside onto the box's border, where it has
    no area. So the area is the line integral of clamped x over clamped y along the polygon (Green). Unlike clipping,
    nothing is special about edges that lie on one another.

    Args:
        polygon: (..., V, 2) corners in the box's frame, counter-clockwise; a corner may be repeated.
        half: (..., 2) half sides of the box.

    Returns:
        (...) square metres.
    """
    width, depth = half[..., None, 0], half[..., None, 1]
    start, end = polygon, polygon.roll(-1, -2)
    run, rise = (end - start).unbind(-1)
    low, high = start[..., 1].clamp(-depth, depth), end[..., 1].clamp(-depth, depth)
    level = rise.abs() < 1e-9
    slope = run / torch.where(level, torch.ones_like(rise), rise)
    first = torch.where(level, start[..., 0], start[..., 0] + (low - start[..., 1]) * slope)
    last = torch.where(level, end[..., 0], start[..., 0] + (high - start[..., 1]) * slope)
    return ((high - low) * _mean_clamped(first, last, width)).sum(-1)


def _mean_clamped(first: torch.Tensor, last: torch.Tensor, bound: torch.Tensor) -> torch.Tensor:
    """The mean of clamp(x, -bound, bound) for x that runs evenly from first to last."""
    low, high = torch.minimum(first, last), torch.maximum(first, last)
    inner_low, inner_high = low.clamp(-bound, bound), high.clamp(-bound, bound)
    below = (torch.minimum(high, -bound) - low).clamp(min=0)
    above = (high - torch.maximum(low, bound)).clamp(min=0)
    integral = bound * (above - below) + (inner_low + inner_high) * (inner_high - inner_low) / 2
    length = high - low
    short = length < (TINY if length.dtype == torch.float32 else 1e-7)
    mean = integral / torch.where(short, torch.ones_like(length), length)
    return torch.where(short, ((first + last) / 2).clamp(-bound, bound), mean)


def overlap_area(first: Boxes, second: Boxes) -> torch.Tensor:
    """Returns (...) the square metres that the footprints of two boxes share; exact."""
    return area_in_box(second.local(first.corners), second.half)


def shared_height(first: Boxes, second: Boxes) -> torch.Tensor:
    """Returns (...) metres of height that two boxes share; not positive where one is above the other."""
    return torch.minimum(first.top, second.top) - torch.maximum(first.bottom, second.bottom)


def penetration(first: Boxes, second: Boxes) -> torch.Tensor:
    """Returns (...) metres by which footprints overlap along the axis on which they overlap least.

    Negative: at least so far apart. By the separating axis theorem.
    """
    between = second.center - first.center
    shape = between.shape[:-1]
    axes = torch.cat([box.axes.expand(*shape, 2, 2) for box in (first, second)], -2)  # (..., 4, 2)
    distance = (axes @ between[..., None])[..., 0].abs()
    return (_reach(first, axes) + _reach(second, axes) - distance).amin(-1)


def _reach(box: Boxes, axes: torch.Tensor) -> torch.Tensor:
    """How far a box reaches from its middle along axes (..., K, 2): (..., K)."""
    return ((axes @ box.axes.transpose(-1, -2)).abs() @ box.half[..., None])[..., 0]


def distance_to_box(boxes: Boxes, points: torch.Tensor) -> torch.Tensor:
    """Returns (..., P) metres from points (..., P, 2) to the footprints of boxes (...); negative inside."""
    return distance_from_middle(boxes.local(points), boxes.half)


def distance_from_middle(local: torch.Tensor, half: torch.Tensor) -> torch.Tensor:
    """Returns (..., P) metres to boxes of half sizes (..., 2) from points (..., P, 2) in their frames."""
    beyond = local.abs() - half[..., None, :]
    outside = (beyond.clamp(min=0).square().sum(-1) + 1e-18).sqrt()  # 1e-18: a gradient at 0
    return outside + beyond.amax(-1).clamp(max=0)


def distance_to_outside(walls: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Computes how far points are inside a floor: the exact distance to its walls, negative outside.

    Args:
        walls: (..., W, 2, 2) the two ends of each wall of a simple polygon; walls of no length far away do not count.
        points: (..., P, 2).

    Returns:
        (..., P) metres.
    """
    (x0, y0), (x1, y1) = (walls[..., None, :, end, :].unbind(-1) for end in (0, 1))  # (..., 1, W)
    along, rise = x1 - x0, y1 - y0
    x, y = points[..., None, 0] - x0, points[..., None, 1] - y0  # (..., P, W)
    share = ((x * along + y * rise) / (along.square() + rise.square()).clamp(min=1e-12)).clamp(0, 1)
    square = (x - share * along).square() + (y - share * rise).square()
    distance = (square.amin(-1) + 1e-18).sqrt()
    crosses = (y < 0) != (y < rise)
    inside = ((crosses & (x * rise.abs() < y * along * rise.sign())).sum(-1) % 2) == 1
    return torch.where(inside, distance, -distance)
