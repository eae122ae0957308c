"""Small rooms and slow references that the tests of layouts share."""

import math

import shapely
import shapely.affinity
import torch

from interactive_action.layouts.geometry import Boxes
from interactive_action.sim.furniture import CATEGORIES
from interactive_action.sim.layout import FloorPlan, Layout, LayoutObject, Opening

L_SHAPE = ((0.0, 0.0), (5.0, 0.0), (5.0, 2.0), (3.0, 2.0), (3.0, 4.0), (0.0, 4.0))
DOOR = (Opening("door", 0, 0.2),)
SQUARE = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0))


def random_boxes(generator, *shape, spread=1.5):
    def uniform(low, high, *more):
        return low + (high - low) * torch.rand(*shape, *more, generator=generator, dtype=torch.float64)

    bottom = uniform(0, 0.5)
    return Boxes(uniform(-spread, spread, 2), uniform(0.1, 1.0, 2), uniform(-4, 4), bottom, bottom + uniform(0.2, 1))


def shapely_box(center, half, yaw):
    box = shapely.box(-half[0], -half[1], half[0], half[1])
    turned = shapely.affinity.rotate(box, math.degrees(yaw), origin=(0, 0))
    return shapely.affinity.translate(turned, *map(float, center))


def footprint(item):
    return shapely_box(item.position[:2], (item.size[0] / 2, item.size[1] / 2), item.yaw)


def thing(category, x, y, yaw=0.0, size=None, z=None):
    kind = CATEGORIES[category]
    return LayoutObject(category, size or kind.size, (x, y, kind.bottom if z is None else z), yaw)


def room(*objects, corners=SQUARE, openings=DOOR, room_type="bedroom"):
    return Layout(FloorPlan(corners, openings, room_type=room_type), objects)
