"""Inverse kinematics and the time that a path takes: against geometry, finite differences and bounds."""

import numpy as np
import pytest

from interactive_action.errors import InteractiveActionError
from interactive_action.sim.motion import Arm, distance, time_parameterize
from interactive_action.sim.poses import palm_positions, rotate_about, translate
from interactive_action.sim.scene import Scene
from interactive_action.sim.state import TIMESTEP
from interactive_action.sim.two_hands import FACING, FURTHEST, PALM, STAY, TwoHands
from interactive_action.sim.world import World

BEFORE = np.array([0.35, 0.0, 0.8])  # between the palms of the humanoid
SPEED, ACCELERATION = 1.875, 10 / np.sqrt(3)  # of minimum jerk at most, a unit way in a unit of time


@pytest.fixture(scope="module")
def humanoid():
    return World(Scene("unitree g1", "lift overhead", "big cube"), np.random.default_rng(0))


@pytest.fixture
def hands(humanoid):
    return TwoHands(humanoid)


@pytest.fixture(scope="module", params=["panda", "xarm7", "fetch", "floating gripper"])
def arm(request):
    return Arm(World(Scene(request.param), np.random.default_rng(0)))


def axes_of(world, palm, qpos):
    """(axes, points on them), both (n, 3) in the world, of the joints that lead to a palm."""
    world.articulation.set_qpos(qpos)
    joints = [world.articulation.active_joints[number] for number in palm.joints]
    poses = np.array([joint.get_global_pose().to_transformation_matrix() for joint in joints])
    return poses[:, :3, 0], poses[:, :3, 3]  # PhysX turns about x


def palm_of(world, palm):
    return list(world.links.values())[palm.link].entity_pose.to_transformation_matrix()


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_jacobian_of_a_palm_is_that_of_geometry(humanoid, hands, side, seed):
    """A joint moves a point p by axis x (p - pivot) a radian, and turns a direction d by axis x d."""
    palm, rng = hands.palms[side], np.random.default_rng(seed)
    low, high = palm.limits
    angles = rng.uniform(low + 0.2 * (high - low), high - 0.2 * (high - low))
    qpos = hands.targets.copy()
    qpos[palm.joints] = angles
    axes, pivots = axes_of(humanoid, palm, qpos)
    pose = palm_of(humanoid, palm)
    middle = pose[:3, :3] @ PALM + pose[:3, 3]
    expected = np.concatenate(
        [np.cross(axes, middle - pivots).T, FACING * np.cross(axes, pose[:3, 1]).T, STAY * np.eye(len(angles))]
    )
    jacobian = palm.jacobian(angles, BEFORE, hands.targets)
    assert jacobian.shape == (6 + len(angles), len(angles))
    assert np.abs(expected[:3]).max() > 0.1  # a radian moves the palm by a hand's breadth and more
    assert np.allclose(jacobian, expected, atol=1e-3)


@pytest.mark.parametrize("step", [0.5e-3, 4e-3])
def test_the_jacobian_of_a_palm_predicts_what_small_steps_do(hands, step):
    palm, rng = hands.palms[0], np.random.default_rng(3)
    angles = hands.inverse(palm_positions(BEFORE, 0.2), hands.targets)[palm.joints]
    way = step * rng.normal(size=len(angles))
    before, after = (palm.residuals(angles + sign * way, BEFORE, hands.targets) for sign in (-1, 1))
    assert np.allclose(after - before, 2 * palm.jacobian(angles, BEFORE, hands.targets) @ way, atol=2e-2 * step + 2e-6)


def test_the_residuals_of_a_palm_at_its_place_are_what_is_left(humanoid, hands):
    """Its own place, and how far its y axis is from the world's, written out."""
    palm = hands.palms[1]
    humanoid.articulation.set_qpos(hands.targets)
    pose = palm_of(humanoid, palm)
    middle = pose[:3, :3] @ PALM + pose[:3, 3]
    residuals = palm.residuals(hands.targets[palm.joints], middle - [0.01, 0.0, -0.02], hands.targets)
    assert np.allclose(residuals[:3], [0.01, 0.0, -0.02], atol=1e-5)
    assert np.allclose(residuals[3:6], FACING * (pose[:3, 1] - [0, 1, 0]), atol=1e-6)
    assert not residuals[6:].any()


@pytest.mark.parametrize("apart", [0.12, 0.2])
def test_inverse_kinematics_brings_the_palms_to_their_places_within_their_limits(humanoid, hands, apart):
    points = palm_positions(BEFORE, apart)
    qpos = hands.inverse(points, hands.targets)
    humanoid.articulation.set_qpos(qpos)
    arms = np.concatenate([palm.joints for palm in hands.palms])
    for palm, point in zip(hands.palms, points):
        pose = palm_of(humanoid, palm)
        assert np.linalg.norm(pose[:3, :3] @ PALM + pose[:3, 3] - point) < FURTHEST
        low, high = palm.limits
        assert (low <= qpos[palm.joints]).all() and (qpos[palm.joints] <= high).all()
    rest = np.setdiff1d(np.arange(len(qpos)), arms)
    assert np.array_equal(qpos[rest], hands.targets[rest])


def test_palms_that_cannot_reach_say_where(hands):
    with pytest.raises(InteractiveActionError, match=r"hands cannot reach \[2.0, 0.2"):
        hands.inverse(palm_positions(np.array([2.0, 0.0, 0.8]), 0.2), hands.targets)


def test_inverse_kinematics_of_an_arm_undoes_its_forward_kinematics(arm):
    start, rng = arm.targets, np.random.default_rng(0)
    for _ in range(5):
        pose = translate(arm.pose(start), *rng.uniform(-0.05, 0.05, 3))
        pose = rotate_about(pose, pose[:3, 3], rng.normal(size=3), 0.2)
        joints = arm.inverse(pose, start)
        assert distance(arm.pose(joints), pose) < 1e-3
        assert np.array_equal(joints[~arm.reaching], start[~arm.reaching])
        assert (joints >= arm.limits[0] - 1e-3).all() and (joints <= arm.limits[1] + 1e-3).all()


def test_the_pose_that_an_arm_has_is_reached_without_moving(arm):
    assert np.allclose(arm.inverse(arm.pose(), arm.targets), arm.targets, atol=1e-3)


def test_the_pose_of_an_arm_is_where_the_simulation_has_it(arm):
    arm.articulation.set_qpos(arm.targets)
    assert np.allclose(arm.pose(), arm.world.world_from_tcp, atol=1e-5)


def derivatives(targets, start):
    """Speeds and accelerations (steps, joints) of joint targets, by differences, with rest before and after."""
    path = np.concatenate([[start, start], targets, [targets[-1]] * 2])
    speeds = np.diff(path, axis=0) / TIMESTEP
    return speeds, np.diff(speeds, axis=0) / TIMESTEP


@pytest.mark.parametrize("seconds", [0.4, 1.0, 2.5])
def test_a_straight_path_keeps_the_bounds_of_minimum_jerk_and_ends_at_rest(seconds):
    start, end = np.array([0.2, -1.0, 0.5]), np.array([1.2, 0.5, 0.5])
    speeds, accelerations = derivatives(time_parameterize(np.linspace(start, end, 11), seconds), start)
    length = np.abs(end - start)
    assert (np.abs(speeds).max(0) <= SPEED * length / seconds + 1e-9).all()
    assert (np.abs(accelerations).max(0) <= 1.01 * ACCELERATION * length / seconds**2 + 1e-9).all()
    assert np.isclose(np.abs(speeds).max(0)[0], SPEED * length[0] / seconds, rtol=1e-2)  # the bound is reached
    first_and_last = speeds[[1, -3]]  # smooth(t) is 10 t^3 near its ends
    assert 0 < np.abs(first_and_last).max() < 11 * length.max() * TIMESTEP**2 / seconds**3
    assert not speeds[:, 2].any()


def test_a_path_with_corners_is_no_faster_than_its_steepest_piece():
    rng, seconds = np.random.default_rng(0), 1.5
    path = np.cumsum(rng.uniform(-0.1, 0.1, (12, 4)), 0)
    speeds, _ = derivatives(time_parameterize(path, seconds), path[0])
    steepest = np.abs(np.diff(path, axis=0)).max(0) * (len(path) - 1)
    assert (np.abs(speeds).max(0) <= SPEED * steepest / seconds + 1e-9).all()


def test_twice_the_time_halves_the_speeds():
    path = np.array([[0.0, 1.0], [0.4, 0.7], [1.0, 0.9]])
    fast, slow = (derivatives(time_parameterize(path, seconds), path[0])[0] for seconds in (0.5, 1.0))
    assert np.allclose(np.abs(fast).max(0), 2 * np.abs(slow).max(0), rtol=1e-2)


def test_a_path_that_takes_no_time_is_one_step_to_its_end():
    assert time_parameterize(np.array([[0.0, 1.0], [2.0, 3.0]]), 0.0).tolist() == [[2.0, 3.0]]
