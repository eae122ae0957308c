"""Floors as polygons, against shapely."""

import numpy as np
import pytest
import shapely

from interactive_action.sim.polygons import distance_to_walls, triangles
from interactive_action.tests.layouts.small_rooms import L_SHAPE

SLANTED = ((0.0, 0.0), (4.0, 1.0), (3.0, 4.0), (2.0, 1.5), (0.5, 3.0))


@pytest.mark.parametrize("corners", [L_SHAPE, SLANTED])
def test_the_distance_to_walls_is_that_of_shapely(corners):
    points = np.random.default_rng(0).uniform(-1, 6, (300, 2))
    floor = shapely.Polygon(corners)
    expected = [
        floor.exterior.distance(point) * (1 if floor.contains(point) else -1) for point in shapely.points(points)
    ]
    assert distance_to_walls(corners, points) == pytest.approx(expected)


@pytest.mark.parametrize("corners", [L_SHAPE, SLANTED])
def test_triangles_cover_a_floor_once(corners):
    pieces = [shapely.Polygon([corners[number] for number in triangle]) for triangle in triangles(corners)]
    floor = shapely.Polygon(corners)
    assert shapely.union_all(pieces).symmetric_difference(floor).area < 1e-9
    assert sum(piece.area for piece in pieces) == pytest.approx(floor.area)
    assert all(piece.exterior.is_ccw for piece in pieces)
