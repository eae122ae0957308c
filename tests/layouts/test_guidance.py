"""Guidance losses: gradients by finite differences, batches against loops, and rooms that get better."""

import math

import numpy as np
import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.layouts.grammar.procedural import procedural_rooms
from interactive_action.layouts.grammar.sloppiness import make_sloppy
from interactive_action.layouts.guidance.collision import collision_loss, sweep_loss, sweeps
from interactive_action.layouts.guidance.guide import MOST_METRES, GuidanceConfig, Guide, mobility
from interactive_action.layouts.guidance.keep import keep_loss, remember
from interactive_action.layouts.guidance.reach import CELL, path_discs, reach_loss
from interactive_action.layouts.guidance.room import opening_loss, wall_loss
from interactive_action.layouts.metrics import measure
from interactive_action.layouts.openings import keep_outs
from interactive_action.layouts.rooms import to_layouts, to_rooms
from interactive_action.layouts.walkable import Body, FloorGrid
from interactive_action.sim.layout import Opening
from interactive_action.tests.layouts.small_rooms import L_SHAPE, room, thing

DIVIDED = room(thing("bookcase", 2.0, 2.0, size=(3.3, 0.34, 1.5)), thing("plant", 2.0, 3.7), thing("bin", 0.4, 3.7))

BLOCKED = room(thing("box", 0.6, 0.45, 0.3))  # before the door


@pytest.fixture(scope="module")
def layouts():
    tidy = procedural_rooms(8, sloppy_share=0.0)
    return [make_sloppy(layout, 1.0, np.random.default_rng(index)) for index, layout in enumerate(tidy)]


def losses_of(layouts, dtype=torch.float64):
    """Each loss as a function of the batch's middles and yaws, and these."""
    rooms = to_rooms(layouts, dtype)
    plans = [layout.floor_plan for layout in layouts]
    zones, body = keep_outs(plans, dtype), Body()
    discs = path_discs(rooms, [FloorGrid.of(plan, CELL) for plan in plans], body)
    shifted = rooms.moved(rooms.boxes.center + 0.01, rooms.boxes.yaw + 0.01)
    kept = remember(shifted)
    functions = {
        "collision": collision_loss,
        "boxes": lambda batch: collision_loss(batch, parts=False),
        "walls": wall_loss,
        "openings": lambda batch: opening_loss(batch, zones),
        "reach": lambda batch: reach_loss(batch, *discs, body),
        "opened": sweep_loss,
        "keep": lambda batch: keep_loss(batch, kept),
    }
    return rooms, functions


@pytest.mark.parametrize("name", ["collision", "boxes", "walls", "openings", "reach", "opened", "keep"])
def test_the_gradient_is_that_of_finite_differences(layouts, name):
    rooms, functions = losses_of([*layouts[:3], DIVIDED, BLOCKED])
    center, yaw = rooms.boxes.center.clone().requires_grad_(), rooms.boxes.yaw.clone().requires_grad_()
    generator = torch.Generator().manual_seed(0)
    values = functions[name](rooms.moved(center, yaw))
    assert values.sum() > 0
    by_center, by_yaw = torch.autograd.grad(values.sum(), (center, yaw))
    for _ in range(6):
        way, turn = (torch.randn(t.shape, generator=generator, dtype=t.dtype) for t in (center, yaw))
        step = 1e-6
        ahead, back = (
            functions[name](rooms.moved((center + s * way).detach(), (yaw + s * turn).detach())).sum()
            for s in (step, -step)
        )
        expected = (by_center * way).sum() + (by_yaw * turn).sum()
        assert ((ahead - back) / (2 * step)).item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", ["collision", "boxes", "walls", "openings", "reach", "opened"])
def test_a_batch_costs_what_its_rooms_cost_alone(layouts, name):
    rooms, functions = losses_of(layouts)
    alone = [losses_of([layout])[1][name](to_rooms([layout], torch.float64)).item() for layout in layouts]
    assert functions[name](rooms).tolist() == pytest.approx(alone, abs=1e-12)


def test_a_tidy_room_costs_nothing():
    rooms, functions = losses_of(procedural_rooms(8, sloppy_share=0.0))
    for name in ("collision", "walls", "openings"):
        assert functions[name](rooms).max() < 1e-4, name


def test_two_blocks_cost_their_depth_and_their_share():
    layout = room(thing("dresser", 1, 1, size=(1, 1, 1)), thing("bin", 1.9, 1, size=(1, 1, 1)))
    assert collision_loss(to_rooms([layout], torch.float64)).item() == pytest.approx(0.1**2 + 0.01 * 0.1)


@pytest.mark.parametrize("x, y", [(2.0, 2.0), (2.0, 2.1), (1.9, 1.8)])
def test_a_thing_inside_another_one_finds_its_way_out(x, y):
    layout = room(thing("wardrobe", 2, 2), thing("box", x, y, 0.2))
    rooms, guide = to_rooms([layout]), Guide(GuidanceConfig(keep=0, opened=0), [layout.floor_plan])
    for _ in range(30):
        rooms = guide.move(rooms)
    assert measure(to_layouts(rooms, [layout])[0]).col_obj == 0


def test_a_chair_under_a_table_collides_as_a_box_alone():
    rooms = to_rooms([room(thing("dining table", 2, 2), thing("chair", 2.0, 1.35, math.pi))])
    assert collision_loss(rooms).item() == 0 < collision_loss(rooms, parts=False).item()


def test_a_thing_outside_goes_to_the_nearest_floor_also_around_an_inner_corner():
    """In the notch of the L, 0.4 m from the inner corner: the way in leads down or to the left."""
    rooms = to_rooms([room(thing("box", 3.4, 2.4, size=(0.2, 0.2, 0.2)), corners=L_SHAPE)], torch.float64)
    center = rooms.boxes.center.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(wall_loss(rooms.moved(center, rooms.boxes.yaw)).sum(), center)
    assert gradient.norm() > 0.1 and (gradient >= 0).all()  # descent: towards smaller x and y
    assert wall_loss(to_rooms([room(thing("box", 1, 1))])).item() == 0


def test_only_what_is_higher_than_the_sill_stands_before_a_window():
    window = (Opening("window", 0, 1.0, 1.5, 1.2, 0.9),)
    zones = keep_outs([room(openings=window).floor_plan])
    low = to_rooms([room(thing("bin", 1.7, 0.3), openings=window)])
    high = to_rooms([room(thing("bookcase", 1.7, 0.3), openings=window)])
    assert opening_loss(low, zones).item() == 0 < opening_loss(high, zones).item()


def test_a_door_needs_the_square_in_which_it_swings():
    for swing, y, free in (("in", 0.75, False), ("out", 0.95, True), ("in", 1.05, True)):
        doors = (Opening("door", 0, 1.0, 0.9, swing=swing),)
        layout = room(thing("box", 1.45, y, size=(0.2, 0.2, 0.2)), openings=doors)
        cost = opening_loss(to_rooms([layout]), keep_outs([layout.floor_plan])).item()
        assert (cost == 0) is free, (swing, y)


def test_doors_sweep_half_a_width_and_drawers_come_out_forwards():
    rooms = to_rooms([room(thing("wardrobe", 2, 3.69), thing("nightstand", 1, 1, math.pi), thing("plant", 3, 1))])
    space = sweeps(rooms)
    assert space.map(0, 0).center.tolist() == pytest.approx([2, 3.69 - 0.31 - 0.375])
    assert (2 * space.half[0, 0]).tolist() == pytest.approx([1.5, 0.75])
    assert space.center[0, 1, 1] > 1.2 and space.half[0, 2].tolist() == [0, 0]


def test_a_path_is_searched_only_where_something_is_not_reached():
    open_room = room(thing("plant", 2.0, 3.7))
    for layout, searched in ((open_room, False), (DIVIDED, True)):
        _, there = path_discs(to_rooms([layout]), [FloorGrid.of(layout.floor_plan, CELL)], Body())
        assert bool(there.any()) is searched


def test_all_paths_lead_around_the_same_end():
    """The shelf leaves 0.35 m at the left and at the right, and cannot make room on both sides."""
    discs, there = path_discs(to_rooms([DIVIDED], torch.float64), [FloorGrid.of(DIVIDED.floor_plan, CELL)], Body())
    points = discs[0][there[0]]
    assert len(points) > 2 and (points[:, 0].max() < 1.0 or points[:, 0].min() > 3.0)


def test_a_path_costs_the_square_of_what_is_in_its_way():
    layout = room(thing("box", 2, 2, size=(1, 1, 1)))
    discs = torch.tensor([[[2.6, 2.0], [3.5, 3.5]]], dtype=torch.float64)
    cost = reach_loss(to_rooms([layout], torch.float64), discs, torch.tensor([[True, True]]), Body(0.25))
    assert cost.item() == pytest.approx((0.25 + 0.06 - 0.1) ** 2)


def test_guidance_opens_the_way_to_what_was_not_reached():
    assert measure(DIVIDED).from_door < 1
    guide = Guide(GuidanceConfig(keep=0), [DIVIDED.floor_plan])
    rooms = to_rooms([DIVIDED])
    for _ in range(30):
        rooms = guide.move(rooms)
    assert measure(to_layouts(rooms, [DIVIDED])[0]).from_door == 1


def test_without_doors_paths_begin_in_the_largest_free_area():
    plan = room(*DIVIDED.objects, openings=())
    _, there = path_discs(to_rooms([plan]), [FloorGrid.of(plan.floor_plan, CELL)], Body())
    assert there.any()


def test_the_bed_stays_at_its_wall_when_a_nightstand_is_pushed_out_of_it():
    layout = room(thing("double bed", 2, 2.95), thing("nightstand", 1.15, 3.8))
    moved = {}
    for keep in (0.0, 3.0):
        guide, rooms = Guide(GuidanceConfig(keep=keep, opened=0), [layout.floor_plan]), to_rooms([layout])
        for _ in range(30):
            rooms = guide.move(rooms)
        assert collision_loss(rooms).item() < 1e-3
        moved[keep] = abs(rooms.boxes.center[0, 0, 1].item() - 2.95)
    assert moved[3.0] < 0.01 and moved[3.0] <= moved[0.0]


def test_a_television_goes_with_its_stand():
    layout = room(thing("tv stand", 2, 2), thing("tv", 2, 2), thing("dresser", 2, 1.7))
    guide, rooms = Guide(GuidanceConfig(), [layout.floor_plan]), to_rooms([layout])
    for _ in range(30):
        rooms = guide.move(rooms)
    stand, tv = rooms.boxes.center[0, 0], rooms.boxes.center[0, 1]
    assert (stand - torch.tensor([2.0, 2.0])).norm() > 0.03
    assert (stand - tv).norm() < 0.02


@pytest.mark.slow
def test_sloppy_rooms_get_better_in_every_respect(layouts):
    guide = Guide(GuidanceConfig(), [layout.floor_plan for layout in layouts])
    rooms = to_rooms(layouts)
    for _ in range(25):
        rooms = guide.move(rooms)
    shares = {"col_obj": 0.65, "r_out": 0.9, "overlap_volume": 0.6, "out_area": 0.6}  # many stand deep in walls
    for name, share in shares.items():
        before, after = (
            np.mean([getattr(measure(layout), name) for layout in batch])
            for batch in (layouts, to_layouts(rooms, layouts))
        )
        assert after < share * before, name


def test_a_step_moves_nothing_far_and_large_things_less():
    layout = room(thing("wardrobe", 9, 9), thing("box", 9, 2))
    rooms = to_rooms([layout])
    moved = Guide(GuidanceConfig(), [layout.floor_plan]).move(rooms)
    assert (moved.boxes.center - rooms.boxes.center).norm(dim=-1).max() <= MOST_METRES + 1e-6
    assert mobility(rooms)[0].tolist() == pytest.approx([0.35 / 0.93, 1.0])


def test_fixed_things_stay():
    layout = room(thing("wardrobe", 2, 2), thing("box", 2, 2.2))
    rooms = to_rooms([layout])
    moved = Guide(GuidanceConfig(), [layout.floor_plan]).move(rooms, fixed=torch.tensor([[False, True]]))
    assert torch.equal(moved.boxes.center[0, 1], rooms.boxes.center[0, 1])
    assert not torch.equal(moved.boxes.center[0, 0], rooms.boxes.center[0, 0])


def test_a_guide_of_no_weights_moves_nothing(layouts):
    weights = dict(collision=0, walls=0, openings=0, reach=0, opened=0, keep=0)
    rooms = to_rooms(layouts)
    guide = Guide(GuidanceConfig(**weights), [layout.floor_plan for layout in layouts])
    assert torch.equal(guide.move(rooms).boxes.center, rooms.boxes.center)


@pytest.mark.parametrize("change", [dict(form="y0"), dict(collision=-1.0), dict(last=1.5), dict(radius=0.0)])
def test_a_wrong_config_is_refused(change):
    with pytest.raises(InteractiveActionError, match=next(iter(change))):
        GuidanceConfig(**change)
