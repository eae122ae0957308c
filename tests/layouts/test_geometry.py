"""Exact geometry against shapely, at its limits, and its gradients."""

import math

import pytest
import shapely
import torch

from interactive_action.layouts.geometry import (
    Boxes,
    area_in_box,
    distance_to_box,
    distance_to_outside,
    overlap_area,
    penetration,
    shared_height,
)
from interactive_action.layouts.rooms import FAR, box_sets, to_layouts, to_rooms, to_walls
from interactive_action.sim.layout import FloorPlan
from interactive_action.tests.layouts.small_rooms import L_SHAPE, random_boxes, room, shapely_box, thing


def box(x=0.0, y=0.0, half=(1.0, 1.0), yaw=0.0):
    tensors = (torch.tensor(value, dtype=torch.float64) for value in ((x, y), half, yaw, 0.0, 1.0))
    return Boxes(*tensors)


def shapes(boxes):
    return [shapely_box(c, h, y) for c, h, y in zip(boxes.center.tolist(), boxes.half.tolist(), boxes.yaw.tolist())]


def test_the_overlap_of_rotated_boxes_is_shapely_s():
    generator = torch.Generator().manual_seed(0)
    first, second = random_boxes(generator, 1000), random_boxes(generator, 1000)
    expected = [a.intersection(b).area for a, b in zip(shapes(first), shapes(second))]
    assert torch.allclose(overlap_area(first, second), torch.tensor(expected, dtype=torch.float64), atol=1e-12)
    assert sum(area == 0 for area in expected) > 100 < sum(area > 0 for area in expected)


def test_single_precision_is_good_to_a_square_millimetre():
    generator = torch.Generator().manual_seed(1)
    first, second = random_boxes(generator, 500), random_boxes(generator, 500)
    single = overlap_area(*(Boxes(*(tensor.float() for tensor in boxes)) for boxes in (first, second)))
    assert torch.allclose(single.double(), overlap_area(first, second), atol=3e-6)


@pytest.mark.parametrize("turn", [0.0, math.pi / 2, math.pi, 0.3])
def test_boxes_that_lie_on_a_lattice_share_whole_cells(turn):
    """Furniture stands flush: coincident edges are the rule."""
    grid = torch.arange(-2, 3, dtype=torch.float64) / 2
    x, y = (axis.flatten() for axis in torch.meshgrid(grid, grid, indexing="ij"))
    cos, sin = math.cos(turn), math.sin(turn)
    count = len(x)
    center = torch.stack([cos * x - sin * y, sin * x + cos * y], -1)
    half, flat = torch.full((count, 2), 0.5, dtype=torch.float64), torch.zeros(count, dtype=torch.float64)
    moved = Boxes(center, half, flat + turn, flat, flat + 1)
    still = Boxes(torch.zeros_like(center), half, flat + turn, flat, flat + 1)
    expected = (1 - x.abs()).clamp(min=0) * (1 - y.abs()).clamp(min=0)
    assert torch.allclose(overlap_area(moved, still), expected, atol=1e-12)


def test_the_area_of_a_floor_inside_a_box_is_exact_where_the_floor_is_not_convex():
    generator = torch.Generator().manual_seed(2)
    boxes = random_boxes(generator, 300)
    boxes = boxes._replace(center=boxes.center + torch.tensor([2.5, 2.0], dtype=torch.float64))
    floor = torch.tensor(L_SHAPE, dtype=torch.float64).expand(300, -1, 2)
    expected = [shapely.Polygon(L_SHAPE).intersection(shape).area for shape in shapes(boxes)]
    found = area_in_box(boxes.local(floor), boxes.half)
    assert torch.allclose(found, torch.tensor(expected, dtype=torch.float64), atol=1e-12)


def test_penetration_is_the_shortest_way_out():
    assert penetration(box(), box(1.5, 0.2)).item() == pytest.approx(0.5)
    assert penetration(box(), box(0.2, 0.1, half=(0.5, 0.5))).item() == pytest.approx(1.5 - 0.2)
    assert penetration(box(), box(2.5)).item() == pytest.approx(-0.5)
    diamond = box(2.2, 0, half=(1 / math.sqrt(2), 1 / math.sqrt(2)), yaw=math.pi / 4)
    assert penetration(box(), diamond).item() == pytest.approx(2 - 2.2)


def test_boxes_overlap_exactly_where_they_penetrate():
    generator = torch.Generator().manual_seed(3)
    first, second = random_boxes(generator, 2000), random_boxes(generator, 2000)
    assert torch.equal(overlap_area(first, second) > 1e-9, penetration(first, second) > 1e-9)


def test_moving_by_the_penetration_separates():
    generator = torch.Generator().manual_seed(4)
    first, second = random_boxes(generator, 500), random_boxes(generator, 500)
    depth = penetration(first, second)
    center = second.center.clone().requires_grad_()
    (direction,) = torch.autograd.grad(penetration(first, second._replace(center=center)).sum(), center)
    moved = second._replace(center=second.center - direction * depth[:, None])
    assert torch.all(penetration(first, moved)[depth > 0] < 1e-9)


def test_gradients_are_those_of_differences():
    generator = torch.Generator().manual_seed(5)
    first, second = random_boxes(generator, 40, spread=0.6), random_boxes(generator, 40, spread=0.6)
    inputs = (first.center.requires_grad_(), first.yaw.requires_grad_(), first.half.requires_grad_())

    def area(center, yaw, half):
        return overlap_area(first._replace(center=center, yaw=yaw, half=half), second)

    assert torch.autograd.gradcheck(area, inputs, eps=1e-6, atol=1e-6)
    assert torch.autograd.gradcheck(
        lambda center, yaw: penetration(first._replace(center=center, yaw=yaw), second), inputs[:2], atol=1e-6
    )


def test_the_distance_to_the_walls_is_shapely_s_inside_and_out():
    points = torch.rand(400, 2, generator=torch.Generator().manual_seed(6), dtype=torch.float64) * 7 - 1
    floor = shapely.Polygon(L_SHAPE)
    walls = to_walls([FloorPlan(L_SHAPE)], torch.float64)
    expected = [
        (1 if floor.contains(shapely.Point(point)) else -1) * floor.exterior.distance(shapely.Point(point))
        for point in points.tolist()
    ]
    found = distance_to_outside(walls, points[None])[0]
    assert torch.allclose(found, torch.tensor(expected, dtype=torch.float64), atol=1e-8)


def test_walls_that_only_fill_a_batch_change_nothing():
    walls = to_walls([FloorPlan(((0, 0), (2, 0), (2, 2), (0, 2))), FloorPlan(L_SHAPE)], torch.float64)
    assert torch.all(walls[0, 4:] == FAR)
    points = torch.tensor([[1.0, 0.5], [3.0, 1.0]], dtype=torch.float64).expand(2, 2, 2)
    assert distance_to_outside(walls, points)[0].tolist() == pytest.approx([0.5, -1.0])


def test_the_distance_to_a_box_is_negative_inside():
    points = torch.tensor([[0.0, 0.0], [0.9, 0.0], [3.0, 0.0], [4.0, 5.0]], dtype=torch.float64)
    assert distance_to_box(box(), points).tolist() == pytest.approx([-1, -0.1, 2, 5], abs=1e-8)


def test_a_chair_goes_under_a_table_but_not_through_its_pedestal():
    table = thing("dining table", 2, 2)
    for x, y, collides in ((1.2, 2.0, False), (2.0, 1.35, False), (1.9, 2.1, True)):
        chair = thing("chair", x, y, math.pi / 2 if y == 2.0 else math.pi)
        parts = box_sets(to_rooms([room(table, chair)], torch.float64))
        first, second = (parts.map(0, index) for index in (0, 1))
        first, second = (
            Boxes(*(tensor[:, None] for tensor in first)),
            Boxes(*(tensor[None] for tensor in second)),
        )
        touching = (penetration(first, second) > 1e-6) & (shared_height(first, second) > 1e-6)
        assert bool(touching.any()) is collides, (x, y)


def test_parts_fill_the_box_of_their_thing():
    rooms = to_rooms([room(thing("double bed", 2, 2, 0.7), thing("wardrobe", 1, 1))], torch.float64)
    parts = box_sets(rooms)
    assert parts.top.amax(-1)[0].tolist() == pytest.approx([0.92, 2.10])
    assert parts.map(0, 0, 0).half.tolist() == pytest.approx([0.8, 1.05])
    assert torch.allclose(parts.center[0, 1, 0], rooms.boxes.center[0, 1])


def test_layouts_come_back_from_a_batch():
    layouts = [room(thing("desk", 1, 1, 0.5)), room(thing("sofa", 2, 3, 3.5), thing("bin", 0.3, 0.3), corners=L_SHAPE)]
    back = to_layouts(to_rooms(layouts, torch.float64), layouts)
    assert back[0] == layouts[0]
    assert back[1].objects[0].yaw == pytest.approx(3.5 - 2 * math.pi)
