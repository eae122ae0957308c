"""Furniture at real size: as large as its box, and every door and drawer of it opens."""

import itertools
import math

import numpy as np
import pytest

from interactive_action.sim.furnishings.makers import MAKERS, MOVABLE, furnish
from interactive_action.sim.furnishings.model import FINISHES
from interactive_action.sim.furnishings.shell import WALL, door_leaf, doors, walls
from interactive_action.sim.furniture import CATEGORIES
from interactive_action.sim.layout import FloorPlan, LayoutObject, Opening
from interactive_action.tests.layouts.small_rooms import L_SHAPE

OPENABLE = tuple(name for name, kind in CATEGORIES.items() if kind.opens)
SHARES = (0.0, 0.15, 0.4, 0.7, 1.0)


def sizes(name):
    """The narrowest, the usual and the widest of a class, and an odd one."""
    kind = CATEGORIES[name]
    _, depth, height = kind.size
    return [(width, depth, height) for width in (kind.width[0], kind.size[0], kind.width[1])] + [
        (kind.size[0] * 0.93, depth * 0.8, height * 1.12)
    ]


def every_size(names):
    return [(name, size) for name in names for size in sizes(name)]


def pieces_of(furnishing):
    return [*furnishing.pieces, *(piece for link in furnishing.links for piece in link.pieces)]


def boxes_of(pieces, transform=None):
    """(middles (n, 3), their common axes (3, 3) in columns, half sizes (n, 3)) of the boxes around solids, moved."""
    bounds = np.array([piece.geometry.bounds() for piece in pieces]).reshape(-1, 2, 3)
    transform = np.eye(4) if transform is None else transform
    return bounds.mean(1) @ transform[:3, :3].T + transform[:3, 3], transform[:3, :3], np.ptp(bounds, 1) / 2


def depths(first, second):
    """Metres (n, m) by which boxes penetrate, by the separating axis theorem; negative: they are apart."""
    (middles, axes, half), (others, turned, size) = first, second
    crosses = [np.cross(a, b) for a in axes.T for b in turned.T]
    crosses = [cross / np.linalg.norm(cross) for cross in crosses if np.linalg.norm(cross) > 1e-6]
    directions = np.array([*axes.T, *turned.T, *crosses])
    reach = (half @ np.abs(axes.T @ directions.T))[:, None] + size @ np.abs(turned.T @ directions.T)
    return (reach - np.abs((others - middles[:, None]) @ directions.T)).min(-1)


def deepest(first, second):
    return depths(first, second).max(initial=-1.0)


def around(place, half):
    return np.array([place]), np.eye(3), np.array([half])


def test_every_class_has_a_maker():
    assert set(MAKERS) == set(CATEGORIES) and set(MOVABLE) <= set(CATEGORIES)


@pytest.mark.parametrize("name, size", every_size(CATEGORIES))
def test_a_thing_is_as_large_as_its_box(name, size):
    furnishing = furnish(LayoutObject(name, size, (0.0, 0.0, 0.0)))
    width, depth, height = size
    expected = [[-width / 2, -depth / 2, 0], [width / 2, depth / 2, height]]
    assert furnishing.bounds == pytest.approx(np.array(expected), abs=1e-9)
    assert all(min(piece.geometry.half) > 0 and piece.finish in FINISHES for piece in pieces_of(furnishing))


@pytest.mark.parametrize("name", CATEGORIES)
def test_what_the_class_list_says_opens_opens(name):
    opens, links = CATEGORIES[name].opens, furnish(LayoutObject(name, CATEGORIES[name].size, (0, 0, 0))).links
    kinds = {"door": ("door", "hinge"), "drawer": ("drawer", "slide"), "lid": ("lid", "hinge")}
    if not opens:
        assert links == ()
        return
    word, kind = kinds[opens.removesuffix("s")]
    assert all(link.name.startswith(word) and link.kind == kind for link in links)
    assert len(links) > 1 if opens.endswith("s") else len(links) >= 1
    assert len({link.name for link in links}) == len(links)


@pytest.mark.parametrize("name, size", every_size(OPENABLE))
def test_joints_open_freely(name, size):
    """At no opening does a link meet the body or a link that is shut, open, or opened as far."""
    furnishing = furnish(LayoutObject(name, size, (0.0, 0.0, 0.0)))
    body = boxes_of(furnishing.pieces)
    states = [[boxes_of(link.pieces, link.motion(share)) for share in SHARES] for link in furnishing.links]
    for link, moved in zip(furnishing.links, states):
        for boxes in moved:
            assert deepest(boxes, body) < 1e-6, link.name
    for first, second in itertools.combinations(states, 2):
        for k in range(len(SHARES)):
            for m in {0, k, len(SHARES) - 1}:
                assert max(deepest(first[k], second[m]), deepest(first[m], second[k])) < 1e-6


@pytest.mark.parametrize("name, size", every_size(OPENABLE))
def test_a_handle_is_reached_from_the_room(name, size):
    """It is the foremost part of its link, a hand comes to it from the front, and it fits between the fingers."""
    furnishing = furnish(LayoutObject(name, size, (0.0, 0.0, 0.0)))
    for link in furnishing.links:
        place, approach, closing = map(np.array, (link.handle.at, link.handle.approach, link.handle.closing))
        assert approach == pytest.approx((0, 1, 0)) and closing @ approach == 0
        holding = depths(boxes_of(link.pieces), around(place, [1e-6] * 3))[:, 0] > 0
        assert holding.sum() == 1
        low, high = link.pieces[int(holding.argmax())].geometry.bounds()
        assert (high - low) @ np.abs(closing) < 0.075
        assert low[1] == pytest.approx(furnishing.bounds[0, 1], abs=1e-6)
        others = [piece for piece in pieces_of(furnishing) if piece is not link.pieces[int(holding.argmax())]]
        assert deepest(boxes_of(others), around(place - 0.3 * approach, [0.01, 0.29, 0.01])) < 0  # nothing in the way


@pytest.mark.parametrize("name, size", every_size(OPENABLE))
def test_a_handle_moves_into_the_room_and_stays_above_the_floor(name, size):
    furnishing = furnish(LayoutObject(name, size, (0.0, 0.0, 0.0)))
    lowest = min(boxes_of(link.pieces, link.motion(1))[0][:, 2].min() for link in furnishing.links)
    assert lowest > 0
    for link in furnishing.links:
        there = link.motion(1) @ [*link.handle.at, 1]
        if link.name == "lid":
            assert there[2] > link.handle.at[2] + 0.2
        else:
            assert there[1] < link.handle.at[1] - (0.75 * link.range if link.kind == "slide" else 0.1)


@pytest.mark.parametrize("hinge, swing", [(hinge, swing) for hinge in ("start", "end") for swing in ("in", "out")])
def test_a_door_of_the_room_opens_as_the_plan_says(hinge, swing):
    """In the wall from (0, 0) to (5, 0): the room is towards y, and the wall's start is at x = 0."""
    plan = FloorPlan(L_SHAPE, (Opening("door", 0, 1.0, 0.9, hinge=hinge, swing=swing),))
    (leaf,) = doors(plan)
    (link,) = leaf.furnishing.links
    cos, sin = math.cos(leaf.yaw), math.sin(leaf.yaw)

    def in_room(point):
        x, y = point[:2]
        return leaf.position[0] + cos * x - sin * y, leaf.position[1] + sin * x + cos * y

    free = np.array([-link.at[0], link.at[1], 0, 1])
    assert in_room(link.at)[0] == pytest.approx(1.0 if hinge == "start" else 1.9, abs=0.01)
    assert in_room(free)[0] == pytest.approx(1.9 if hinge == "start" else 1.0, abs=0.01)
    opened = in_room(link.motion(1) @ free)
    assert opened[1] > 0.8 if swing == "in" else opened[1] < -0.8
    wall = boxes_of(next(wall for wall in walls(plan) if wall.name == "wall_0").furnishing.pieces)
    for share in SHARES:
        middles, axes, half = boxes_of(link.pieces, link.motion(share))
        middles = middles - (leaf.position[0] - 5.0, 0, 0)  # to the wall's origin: both have x against the wall
        assert deepest((middles, axes, half), wall) < 1e-6


def test_a_door_has_handles_on_both_of_its_sides():
    low, high = door_leaf(Opening()).bounds
    assert low[1] < -0.03 and high[1] > 0.07


def test_walls_stand_around_the_floor_with_holes_for_what_opens():
    openings = (Opening("door", 0, 1.0), Opening("window", 5, 1.0, 1.2, 1.2, 0.9), Opening("passage", 4, 0.5, 1.0))
    plan = FloorPlan(L_SHAPE, openings, height=2.5)
    solid = {"wall": 0.0, "glass": 0.0}
    for wall in walls(plan):
        start, end = plan.walls[int(wall.name.removeprefix("wall_"))]
        for piece in wall.furnishing.pieces:
            (middle,), _, (half,) = boxes_of([piece])
            assert half[1] <= WALL / 2 and 0 < middle[1] < WALL  # outside of the room
            solid[piece.finish] += 4 * half[0] * half[2]
        assert wall.furnishing.bounds[1, 0] >= math.dist(start, end) - 1e-9
    gross = sum(math.dist(*wall) for wall in plan.walls) * 2.5 + 5 * WALL * 2.5 * 2  # five corners turn left
    holes = 0.9 * 2.1 + 1.2 * 1.2 + 1.0 * 2.1
    assert solid["wall"] == pytest.approx(gross - holes) and solid["glass"] == pytest.approx(1.2 * 1.2)


@pytest.mark.parametrize("name", [*OPENABLE, "chair", "sofa"])
def test_the_simulator_builds_it_and_it_stands_still(name):
    import sapien

    from interactive_action.sim.furnishings.build import build_furnishing

    scene = keeper()
    item = LayoutObject(name, CATEGORIES[name].size, (0.0, 0.0, 0.0))
    furnishing = furnish(item)
    built = build_furnishing(scene, furnishing, sapien.Pose([0, 0, 0.001]), name, movable=name in MOVABLE)
    for _ in range(100):
        scene.step()
    assert np.abs(built.pose.p[:2]).max() < 0.005 and abs(built.pose.p[2]) < 0.01
    if furnishing.links:
        assert [link.name for link in built.links] == [name, *(f"{name} {link.name}" for link in furnishing.links)]
        by_name = {joint.child_link.name: joint for joint in built.active_joints}
        for link in furnishing.links:
            joint = by_name[f"{name} {link.name}"]
            assert joint.limit[0] == pytest.approx((0, link.range), abs=1e-6)
        built.qpos = np.array([joint.limit[0][1] for joint in built.active_joints])
        for link in furnishing.links:
            child = by_name[f"{name} {link.name}"].child_link
            moved = (built.pose.inv() * child.entity.pose).to_transformation_matrix()
            assert moved == pytest.approx(link.motion(1), abs=1e-4)
        for entity in [link.entity for link in built.links]:
            scene.remove_entity(entity)
    else:
        scene.remove_entity(built)


def keeper():
    """One scene for all of these tests: a new one takes seconds to compile its shaders."""
    import sapien

    if not SCENES:
        scene = sapien.Scene()
        scene.add_ground(0)
        SCENES.append(scene)
    return SCENES[0]


SCENES = []


@pytest.mark.parametrize("name", ["fridge", "dresser"])
def test_it_can_be_acted_on_as_the_objects_are(name):
    from interactive_action.sim.furnishings.build import object_spec

    furnishing = furnish(LayoutObject(name, CATEGORIES[name].size, (0.0, 0.0, 0.0)))
    spec = object_spec(furnishing, furnishing.links[0].name)
    width, depth_, height = CATEGORIES[name].size
    assert 2 * spec.half == pytest.approx((depth_, width, height))
    place, forward, _ = spec.joint.handle
    assert forward == (1.0, 0.0, 0.0) and place[0] < -depth_ / 2 + 0.02  # its front looks to -x
    if spec.joint.kind == "slide":
        assert spec.joint.axis == pytest.approx((-1, 0, 0))
