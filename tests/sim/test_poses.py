"""Poses form a group, paths between them are even, and time runs through them smoothly."""

import itertools

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from interactive_action.sim import poses
from interactive_action.sim.motion import distance, interpolate_pose, smooth, time_parameterize
from interactive_action.sim.world import TIMESTEP

AXES = ([1, 0, 0], [0, 2, 0], [1, -2, 0.5])


def is_pose(pose):
    turn = pose[:3, :3]
    return (
        np.allclose(turn @ turn.T, np.eye(3)) and np.isclose(np.linalg.det(turn), 1) and (pose[3] == [0, 0, 0, 1]).all()
    )


def random_pose(rng):
    return poses.pose_from_axes(rng.normal(size=3), rng.normal(size=3), rng.normal(size=3))


@pytest.mark.parametrize("axis", AXES)
def test_rotations_about_an_axis_add_up_and_are_undone_by_their_opposite(axis):
    assert np.allclose(poses.rotation(axis, 0.3) @ poses.rotation(axis, 0.5), poses.rotation(axis, 0.8))
    assert np.allclose(poses.rotation(axis, 0.7) @ poses.rotation(axis, -0.7), np.eye(3))
    assert np.allclose(poses.rotation(axis, 2 * np.pi), np.eye(3))
    assert np.allclose(poses.rotation(axis, 0.7) @ axis, axis)


@pytest.mark.parametrize("axis", AXES)
def test_a_rotation_is_that_of_scipy(axis):
    expected = Rotation.from_rotvec(0.9 * np.array(axis) / np.linalg.norm(axis)).as_matrix()
    assert np.allclose(poses.rotation(axis, 0.9), expected)


@pytest.mark.parametrize("axis", AXES)
def test_the_slope_of_a_rotation_is_its_cross_product(axis):
    """Against finite differences: d/da R(a) p = unit axis x R(a) p."""
    point, angle, step = np.array([0.3, -0.2, 0.5]), 0.4, 1e-6
    slope = (poses.rotation(axis, angle + step) - poses.rotation(axis, angle - step)) @ point / (2 * step)
    assert np.allclose(slope, np.cross(axis / np.linalg.norm(axis), poses.rotation(axis, angle) @ point), atol=1e-8)


def test_a_hand_that_points_down_does_and_closes_along_y():
    down = poses.top_down_pose([0.5, 0.1, 0.2], 0.0)
    assert is_pose(down)
    assert down[:3, 2].tolist() == [0, 0, -1]
    assert np.abs(down[:3, 1]).tolist() == [0, 1, 0]
    assert down[:3, 3].tolist() == [0.5, 0.1, 0.2]


def test_a_pose_of_two_axes_points_along_the_first_and_closes_as_near_to_the_second_as_it_can():
    pose = poses.pose_from_axes([1, 2, 3], forward=[0, 0, -2], closing=[0, 1, 5])
    assert is_pose(pose)
    assert np.allclose(pose[:3, 2], [0, 0, -1])
    assert np.allclose(pose[:3, 1], [0, 1, 0])


def test_turning_about_a_point_keeps_the_point_and_distances():
    pose, point = random_pose(np.random.default_rng(0)), np.array([0.1, 0.2, 0.3])
    turned = poses.rotate_about(pose, point, [0, 0, 1], np.pi / 2)
    assert is_pose(turned)
    assert np.isclose(np.linalg.norm(turned[:3, 3] - point), np.linalg.norm(pose[:3, 3] - point))
    assert np.allclose(poses.rotate_about(turned, point, [0, 0, 1], -np.pi / 2), pose)
    assert np.allclose(
        poses.rotate_about(poses.translate(np.eye(4), 1, 0, 0), [0, 0, 0], [0, 0, 1], np.pi / 2)[:3, 3], [0, 1, 0]
    )


@pytest.mark.parametrize(
    "angle, turns, nearest",
    [(0.1, 1, 0.1), (3.0, 2, 3.0 - np.pi), (1.5, 4, 1.5 - np.pi / 2), (-0.9, 4, np.pi / 2 - 0.9)],
)
def test_an_angle_is_wrapped_to_the_nearest_of_equal_ones(angle, turns, nearest):
    assert poses.wrap_to_symmetry(angle, turns) == pytest.approx(nearest)


def test_a_path_between_poses_begins_and_ends_at_them_and_is_even():
    rng = np.random.default_rng(1)
    start, end = random_pose(rng), random_pose(rng)
    points = [interpolate_pose(start, end, share) for share in np.linspace(0, 1, 6)]
    assert np.allclose(points[0], start)
    assert np.allclose(points[-1], end)
    assert all(is_pose(point) for point in points)
    assert np.allclose([distance(*pair) for pair in itertools.pairwise(points)], distance(start, end) / 5)


def test_minimum_jerk_starts_and_ends_at_rest():
    shares, step = np.array([0.0, 1.0]), 1e-4
    assert smooth(shares).tolist() == [0, 1]
    assert smooth(0.5) == 0.5
    assert np.allclose((smooth(shares + step) - smooth(shares - step)) / (2 * step), 0, atol=1e-6)
    assert np.allclose((smooth(shares + step) - 2 * smooth(shares) + smooth(shares - step)) / step**2, 0, atol=1e-2)


def test_time_goes_through_a_path_in_the_seconds_asked_for_and_never_back():
    path = np.array([[0.0, 1.0], [0.5, 1.0], [2.0, -1.0]])
    targets = time_parameterize(path, 0.5)
    assert len(targets) == round(0.5 / TIMESTEP)
    assert np.allclose(targets[-1], path[-1])
    assert (np.diff(targets[:, 0]) >= 0).all()
    assert np.abs(targets[0] - path[0]).max() < 1e-3 * np.abs(path[-1] - path[0]).max()
