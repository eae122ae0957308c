"""Where a robot stands in a furnished room so that it has space and reaches what it acts on.

A robot arm that does not stand on the floor stands on a column of the height that it needs.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InteractiveActionError
from .free_space import Block, blocks, clearance, sweep, sweep_is_free
from .furnishings.bodies import Body, bodies_of
from .handle_path import HandlePath
from .interiors import Room
from .layout import FloorPlan, Layout, LayoutObject
from .rehearsal import Region, rehearsal

if TYPE_CHECKING:
    from .furnishings.model import Link
    from .robot import Robot

SURFACES = (
    *("dining table", "coffee table", "desk", "counter", "sideboard", "dresser", "nightstand", "tv stand"),
    *("oven", "dishwasher"),
)
"""Classes with a flat top on which things are put."""

PUT, OPEN, CLOSE = "put", "open", "close"

FLOOR = -2
"""The number of the floor, among those of the objects on which things are put."""

REGION = Room.region
EDGE, ASIDE = 0.06, 0.08  # meters from a surface's edge, and from what stands on it, that stay free
GAPS = (0.02, 0.08, 0.14)  # meters between a robot and the edge of a surface
STEP = 0.1  # meters between the places that are tried
SMALLEST = 0.1  # meters of a side of the region
HEIGHTS = (0.6, 0.4, 0.2)  # meters over the foot of an arm on a column at which a handle is best
OPENINGS = (0.85, 0.7, 0.55)  # shares of a joint's range to which it is opened, the widest that is reached
BEFORE, BESIDE = (0.7, 0.6, 0.8, 0.5, 0.9), (0.0, 0.3, -0.3, 0.15, -0.15, 0.45, -0.45, 0.6, -0.6)
"""Meters from a handle to a robot, in the order in which they are tried."""

ENOUGH = 2  # stations of the widest opening that are looked for before one handle
BEST = 4  # stations among which an episode chooses


@dataclass(frozen=True)
class Station:
    """A place for a robot.

    Args:
        x: of its base, in the room, in meters.
        y: of its base, in the room, in meters.
        yaw: where it faces, in radians.
        height: of the plane z = 0 of the simulation above the floor, in meters: of a surface or of a column's top.
        item: number of the object on which things are put, or that is opened; ``FLOOR``.
        region: where it puts things, in its own axes.
        part: name of the link that it opens.
        opening: share of that link's range to which it reaches.
        posture: joint positions in which it waits; empty: as it usually rests.
    """

    x: float
    y: float
    yaw: float
    height: float
    item: int
    region: Region = REGION
    part: str = ""
    opening: float = 0.0
    posture: tuple[float, ...] = ()

    @property
    def scene_from_room(self) -> np.ndarray:
        """Transform (4, 4) from the room's axes to the simulation's, in whose origin the robot stands."""
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        transform = np.eye(4)
        transform[:2, :2] = [[cos, sin], [-sin, cos]]
        transform[:3, 3] = -transform[:3, :3] @ [self.x, self.y, self.height]
        return transform


def find_stations(layout: Layout, robot: Robot, does: str = PUT, at: int = -1, part: str = "") -> tuple[Station, ...]:
    """Returns the best stations of a robot in a room, the best first.

    Args:
        layout: the room.
        robot: who acts.
        does: "open" or "close" furniture, or "put" things on a surface and act on them there.
        at: number of the object that is opened, or on which things are put; ``FLOOR``; -1: any that fits.
        part: the link that is opened; empty: any.

    Raises:
        InteractiveActionError: there is no space, or it reaches nothing.
    """
    found = _stations(layout.floor_plan, layout.objects, robot, does, at, part)
    if not found:
        what = "put things on" if does == PUT else f"{does} a door or drawer of"
        where = "the floor" if at == FLOOR else "anything" if at < 0 else f"the {layout.objects[at].category}"
        raise InteractiveActionError(
            f"This {robot.subject} finds no place in the room from which it could {what} {where}: it has no space or "
            "does not reach. Choose another object or robot, or settle the room with more space."
        )
    return found


@functools.lru_cache(16)
def _stations(
    plan: FloorPlan, objects: tuple[LayoutObject, ...], robot: Robot, does: str, at: int, part: str
) -> tuple[Station, ...]:
    layout = Layout(plan, objects)
    numbers = [at] if at >= 0 else range(len(objects))
    if does != PUT:
        tried = (station for number in numbers for station in _handle_stations(layout, robot, does, number, part))
        widest = []
        found = []
        for station in tried:
            found.append(station)
            widest += [station] * (station.opening == OPENINGS[0])
            if len(widest) >= BEST:
                return tuple(widest)
        found.sort(key=lambda station: -station.opening)
        return tuple(found[:BEST])
    found = [
        station
        for number in numbers
        if number >= 0 and objects[number].category in SURFACES
        for station in _surface_stations(layout, robot, number)
    ]
    if at == FLOOR or (at == -1 and not found):
        found = list(_floor_stations(layout, robot))
    found.sort(key=lambda station: -_area(station.region))
    reached = (with_posture for station in found if (with_posture := _over(robot, station)))
    return tuple(itertools.islice(reached, BEST))


def _surface_stations(layout: Layout, robot: Robot, number: int) -> Iterator[Station]:
    """Those before each side of a surface, facing it."""
    item = layout.objects[number]
    center, height = np.array(item.position[:2]), item.position[2] + item.size[2]
    above = [block for block in blocks(layout, (number,)) if block.top > height + 0.02 and block.bottom < height + 0.5]
    for side in range(4):
        yaw = item.yaw + np.pi / 2 * (1 + side)  # the robot faces the front of what is turned by 0 towards y
        deep, wide = (item.size[1], item.size[0]) if side % 2 == 0 else (item.size[0], item.size[1])
        ahead, left = np.array([np.cos(yaw), np.sin(yaw)]), np.array([-np.sin(yaw), np.cos(yaw)])
        for gap in GAPS:
            away = robot.base.radius + gap if robot.base.radius else 0.34
            for along in np.arange(0, wide / 2, STEP):
                for place in {-along, along}:
                    x, y = center - ahead * (deep / 2 + away) + left * place
                    region = _region(away + EDGE, away + deep - EDGE, wide / 2 - EDGE, place)
                    region = _beside(region, Station(x, y, yaw, 0.0, number), above)
                    if region and clearance(layout, np.array([[x, y]]))[0] >= robot.base.radius:
                        yield Station(float(x), float(y), float(yaw), float(height), number, region)


def _region(nearest: float, farthest: float, half: float, place: float) -> Region | None:
    """The part of ``REGION`` that lies on a surface."""
    (low_x, low_y), (high_x, high_y) = REGION
    low = max(low_x, nearest), max(low_y, -half - place)
    high = min(high_x, farthest), min(high_y, half - place)
    return (low, high) if high[0] - low[0] >= SMALLEST and high[1] - low[1] >= SMALLEST else None


def _beside(region: Region | None, station: Station, others: list[Block]) -> Region | None:
    """The widest part of a region that nothing stands on."""
    if region is None:
        return None
    (low_x, low_y), (high_x, high_y) = region
    transform = station.scene_from_room
    x, y = np.meshgrid(np.linspace(low_x, high_x, 6), np.linspace(low_y, high_y, 15))
    points = (np.stack([x.ravel(), y.ravel()], 1) - transform[:2, 3]) @ transform[:2, :2]
    blocked = np.zeros(len(points), bool)
    for other in others:
        blocked |= other.distance(points) < ASIDE
    rows = blocked.reshape(x.shape).any(1)
    longest, start = (0, 0), None
    for row, taken in enumerate(np.append(rows, True)):
        if not taken and start is None:
            start = row
        if taken and start is not None:
            longest = max(longest, (start, row - 1), key=lambda ends: ends[1] - ends[0])
            start = None
    cuts = y[list(longest), 0].tolist()
    return ((low_x, cuts[0]), (high_x, cuts[1])) if cuts[1] - cuts[0] >= SMALLEST else None


def _floor_stations(layout: Layout, robot: Robot) -> Iterator[Station]:
    """Those with free floor before the robot."""
    low, high = np.min(layout.floor_plan.corners, 0), np.max(layout.floor_plan.corners, 0)
    ahead = np.stack(np.meshgrid([0.1, 0.3, 0.5, 0.7, 0.85], [-0.35, -0.17, 0, 0.17, 0.35]), -1).reshape(-1, 2)
    for x in np.arange(low[0] + 0.3, high[0], 0.3):
        for y in np.arange(low[1] + 0.3, high[1], 0.3):
            if clearance(layout, np.array([[x, y]]))[0] < max(robot.base.radius, 0.1):
                continue
            for yaw in np.arange(8) * np.pi / 4:
                turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
                if clearance(layout, ahead @ turn.T + [x, y]).min() > 0.05:
                    yield Station(float(x), float(y), float(yaw), 0.0, FLOOR)


def _over(robot: Robot, station: Station) -> Station | None:
    """The station with a posture from which the hand comes to all of the region; None: there is none."""
    if robot.humanoid:
        return station
    alone = rehearsal(robot).at_height(-station.height if robot.base.stands else 0.0)
    edge = robot.base.radius + min(GAPS) if station.height else np.inf
    posture = alone.posture_over(station.region, edge)
    return dataclasses.replace(station, posture=posture) if posture else None


def _handle_stations(layout: Layout, robot: Robot, does: str, number: int, part: str) -> Iterator[Station]:
    """Those from which a thing's doors and drawers are opened the widest."""
    body = bodies_of(layout, shell=False)[number]
    for link in body.furnishing.links:
        if part in ("", link.name):
            yield from _link_stations(layout, robot, does, number, body, link)


def _link_stations(layout: Layout, robot: Robot, does: str, number: int, body: Body, link: Link) -> list[Station]:
    swept = sweep(body, link, OPENINGS[0])
    if not sweep_is_free(layout, number, swept):
        return []
    handle = (body.pose @ [*link.handle.at, 1])[:3]
    forward = body.pose[:2, :2] @ np.array(link.handle.approach[:2])
    left = np.array([-forward[1], forward[0]])
    yaw = float(np.arctan2(forward[1], forward[0]))
    heights = [0.0] if robot.base.stands else [handle[2] - over for over in HEIGHTS if handle[2] > over] or [0.0]
    stations: list[Station] = []
    for before, beside, height in itertools.product(BEFORE, BESIDE, heights):
        x, y = handle[:2] - before * forward + beside * left
        if clearance(layout, np.array([[x, y]]), swept)[0] < robot.base.radius + 0.02:
            continue
        place = Station(float(x), float(y), yaw, float(height), number, part=link.name)
        share = _opening(robot, does, place, body, link)
        if share:
            stations.append(dataclasses.replace(place, opening=share))
        if [station.opening for station in stations].count(OPENINGS[0]) >= ENOUGH:
            break
    return stations


def _opening(robot: Robot, does: str, station: Station, body: Body, link: Link) -> float:
    """The share of its range to which a robot can lead a link's handle; 0: it does not reach it."""
    pose = station.scene_from_room @ body.pose
    turn, middle = pose[:3, :3], pose[:3, 3]
    path = HandlePath(
        link.kind == "slide",
        turn @ link.handle.at + middle,
        turn @ link.handle.approach,
        turn @ link.handle.closing,
        turn @ link.at + middle,
        turn @ link.axis,
    )
    alone = rehearsal(robot).at_height(0.0)
    widest = alone.widest(path, [share * link.range for share in OPENINGS], closes=does == CLOSE)
    return next((share for share in OPENINGS if share * link.range == widest), 0.0)


def _area(region: Region) -> float:
    (low_x, low_y), (high_x, high_y) = region
    return round((high_x - low_x) * (high_y - low_y), 4)
