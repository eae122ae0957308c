"""R_open in rooms that were worked out by hand, and against a slow reference."""

import math

import numpy as np
import pytest
import shapely

from interactive_action.layouts.grammar.procedural import procedural_rooms
from interactive_action.layouts.metrics import measure
from interactive_action.layouts.openable import openable
from interactive_action.layouts.walkable import Body, walkable_map
from interactive_action.sim.free_space import part_blocks
from interactive_action.sim.furnishings.bodies import bodies_of
from interactive_action.sim.handle_path import approached
from interactive_action.sim.layout import Opening
from interactive_action.sim.poses import pose_from_axes
from interactive_action.sim.robot import HandleReach
from interactive_action.sim.robots import ROBOTS
from interactive_action.tests.layouts.small_rooms import room, shapely_box, thing

BODY, REACH = Body(0.3, 1.3), HandleReach(0.4, 0.9, 0.2, 1.2)


def opened(*objects, reach=REACH, body=BODY, **plan):
    layout = room(*objects, **plan)
    return openable(layout, walkable_map(layout, body), body, reach).tolist()


def test_a_wardrobe_with_free_floor_before_it_opens():
    layout = room(thing("wardrobe", 2, 3.69))
    doors = len(bodies_of(layout, shell=False)[0].furnishing.links)
    assert doors >= 2 and opened(thing("wardrobe", 2, 3.69)) == [True] * doors
    assert measure(layout, BODY, REACH).r_open == 1


def test_a_thing_in_the_sweep_of_one_door_keeps_that_door_shut():
    """The wardrobe is 1.5 m wide: its doors end at x = 1.25, 1.75, 2.25 and 2.75, and open 0.5 m into the room."""
    free = opened(thing("wardrobe", 2, 3.69, size=(1.5, 0.62, 2.1)))
    blocked = opened(thing("wardrobe", 2, 3.69, size=(1.5, 0.62, 2.1)), thing("box", 1.35, 3.1, size=(0.2, 0.2, 0.3)))
    assert all(free)
    assert blocked.count(False) == 1


def test_a_drawer_needs_as_much_floor_as_it_slides_out():
    night = thing("nightstand", 2, 3.8)  # its handles end at y = 3.6
    (slide,) = {link.range for link in bodies_of(room(night), shell=False)[0].furnishing.links}
    for gap, free in ((slide + 0.02, True), (slide - 0.02, False)):
        wall = thing("box", 2, 3.6 - gap - 0.05, size=(0.6, 0.1, 0.6))
        assert set(opened(night, wall)) == {free}


def test_a_handle_that_is_too_high_or_too_low_is_not_reached():
    cupboard = thing("wall cupboard", 2, 3.825)
    assert not any(opened(cupboard))
    assert all(opened(cupboard, reach=HandleReach(0.4, 0.9, 0.2, 2.0)))


def test_a_robot_that_cannot_come_to_the_handle_does_not_open_it():
    shelf = thing("bookcase", 2, 1.75, size=(4, 0.5, 1))  # from wall to wall
    assert all(opened(thing("wardrobe", 2, 3.69)))
    assert not any(opened(thing("wardrobe", 2, 3.69), shelf))
    assert all(opened(thing("wardrobe", 2, 3.69), shelf, openings=(Opening("door", 2, 0.2),)))


def test_a_front_that_looks_to_the_wall_does_not_open():
    assert not any(opened(thing("wardrobe", 2, 3.69, math.pi)))


def test_where_nothing_opens_all_of_it_does():
    assert measure(room(thing("sofa", 2, 2))).r_open == 1


def slow(layout, slack):
    """Whether each joint's sweep is free by shapely, with 25 positions; ``slack`` metres may be shared."""
    floor = shapely.Polygon(layout.floor_plan.corners).buffer(slack)
    found = []
    for number, body in enumerate(bodies_of(layout, shell=False)):
        others = [
            (shapely_box(block.center, block.half, block.yaw).buffer(-slack), block)
            for block in part_blocks(layout, without=(number,))
        ]
        for link in body.furnishing.links:
            free = True
            for share in np.linspace(0, 1, 25):
                for piece in link.pieces:
                    low, high = piece.geometry.bounds()
                    corners = np.stack(np.meshgrid(*np.stack([low, high], 1)), -1).reshape(-1, 3)
                    motion = body.pose @ link.motion(share)
                    places = corners @ motion[:3, :3].T + motion[:3, 3]
                    shape = shapely.MultiPoint(places[:, :2]).convex_hull
                    free &= floor.covers(shape)
                    for other, block in others:
                        height = min(places[:, 2].max(), block.top) - max(places[:, 2].min(), block.bottom)
                        free &= height <= slack or not shape.intersects(other)
            found.append(free)
    return found


@pytest.mark.slow
def test_sweeps_are_free_where_shapely_says_so():
    from interactive_action.sim.free_space import sweep, sweep_is_free

    for layout in procedural_rooms(8, seed=3, sloppy_share=1.0):
        ours = [
            sweep_is_free(layout, number, sweep(body, link))
            for number, body in enumerate(bodies_of(layout, shell=False))
            for link in body.furnishing.links
        ]
        strict, lax = slow(layout, 0.002), slow(layout, 0.05)
        for free, surely, perhaps in zip(ours, strict, lax):
            assert free or not surely
            assert perhaps or not free


@pytest.mark.sim
@pytest.mark.parametrize("name", ["panda", "xarm7", "fetch"])
def test_the_reach_of_a_robot_is_what_its_kinematics_say(name):
    from interactive_action.sim.rehearsal import rehearsal
    from interactive_action.sim.stations import HEIGHTS

    robot = ROBOTS[name]
    reach, alone = robot.handles, rehearsal(robot).at_height(0.0)
    over = np.linspace(reach.low, reach.high, 4) if robot.base.stands else HEIGHTS

    def taken(distance, height):
        ways = [((0, 1, 0), pose) for pose in ((1, 0, 0), (0.95, 0.3, 0), (0.95, -0.3, 0))]
        ways += [((0, 0, 1), pose) for pose in ((1, 0, 0), (0.95, 0, 0.3), (0.95, 0, -0.3))]
        poses = [pose_from_axes((distance, 0, height), forward, closing) for closing, forward in ways]
        return any(alone.reaches(approached([pose], 0.1), np.random.default_rng(0)) for pose in poses)

    shares = [taken(distance, height) for height in over for distance in np.linspace(reach.near, reach.far, 4)]
    assert np.mean(shares) >= 0.7
    assert not any(taken(distance, height) for height in over for distance in (reach.far + 0.35, reach.far + 0.5))
