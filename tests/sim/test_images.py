"""Images, masks, boxes, depth and cameras say the same thing about the same world."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import maximum_filter

from interactive_action.sim.cameras import fit_view, look_at
from interactive_action.sim.interiors import ROOMS
from interactive_action.sim.plan import Plan
from interactive_action.sim.record import record_episode
from interactive_action.sim.recording import boxes_of
from interactive_action.sim.scene import Scene
from interactive_action.sim.world import World
from interactive_action.tests.sim.conftest import PLAN, SCENE


def points_on_the_ground(recording, index):
    """World positions (points, 3) of the ground's pixels nearer than a meter and a half, from depth and camera."""
    depth = recording.depth[index]
    ground = (depth > 0) & (depth < 1.5) & ~recording.subject_masks[index] & ~recording.object_masks[index]
    rows, columns = np.nonzero(ground)
    rays = np.linalg.inv(recording.intrinsics[index]) @ [columns + 0.5, rows + 0.5, np.ones(len(rows))]
    seen = np.vstack([rays * depth[ground], np.ones(len(rows))])
    return (np.linalg.inv(recording.extrinsics[index]) @ seen)[:3].T


def object_at(recording, index):
    """Pixel (2,) and depth of the object's center at the moment of an image."""
    step = np.argmin(
        np.abs(recording.step_time - recording.time[index]) + 1e3 * (recording.step_episode != recording.episode[index])
    )
    seen = (recording.extrinsics[index] @ [*recording.object_poses[step, :3], 1])[:3]
    pixel = recording.intrinsics[index] @ seen / seen[2]
    return pixel[:2], seen[2]


def overlap(first, second):
    width = min(first["x"] + first["width"], second["x"] + second["width"]) - max(first["x"], second["x"])
    height = min(first["y"] + first["height"], second["y"] + second["height"]) - max(first["y"], second["y"])
    return max(width, 0) * max(height, 0)


@pytest.mark.parametrize("name", ["held", "whole"])
def test_depth_and_cameras_put_the_ground_at_height_zero(name, request):
    recording = request.getfixturevalue(name)
    for index in range(len(recording)):
        ground = points_on_the_ground(recording, index)
        assert len(ground) > 100
        assert np.abs(ground[:, 2]).max() < 0.01
        assert abs(ground[:, 2].mean()) < 0.004


@pytest.mark.parametrize("name", ["held", "whole"])
def test_the_cameras_project_the_objects_center_into_its_box_at_its_depth(name, request):
    recording = request.getfixturevalue(name)
    for index, (box,) in enumerate(recording.object_boxes):
        (x, y), depth = object_at(recording, index)
        assert box["x"] < x < box["x"] + box["width"]
        assert box["y"] < y < box["y"] + box["height"]
        seen = recording.depth[index][recording.object_masks[index]]
        assert depth - 0.08 < seen.min() and np.median(seen) < depth


def test_the_fingers_are_around_what_they_hold(held):
    left, right = (
        held.link_poses[:, held.links.tolist().index(f"panda_{side}finger"), :3] for side in ("left", "right")
    )
    assert held.link_poses.shape == (len(held), len(held.links), 7)
    for index in range(len(held)):
        assert np.linalg.norm((left[index] + right[index]) / 2 - object_place(held, index)) < 0.1


def test_when_held_subject_and_object_overlap_and_fill_the_image(held):
    for (subject,), (object,), mask in zip(held.subject_boxes, held.object_boxes, held.object_masks):
        assert overlap(subject, object) > 0
        assert mask.mean() > 0.015
        assert (
            object["x"] > 0
            and object["y"] > 0
            and object["x"] + object["width"] < 96
            and object["y"] + object["height"] < 96
        )
    assert held.subject_masks.mean() > 0.1
    assert not (held.subject_masks & held.object_masks).any()


def test_at_the_start_the_hand_is_apart_from_the_object(whole):
    first = [overlap(*subject, *object) for subject, object in zip(whole.subject_boxes[:4], whole.object_boxes[:4])]
    assert first.count(0) >= 3  # from one side the arm's box may reach over it
    assert whole.phase[0] == "before contact" and whole.phase[-1] == "end"


def test_the_objects_mask_shows_its_color(whole):
    for image, mask in zip(whole.images, whole.object_masks):
        red, green, blue = image[mask].mean(0)
        assert blue > 1.5 * red and blue > 1.5 * green
    assert set(whole.object) == {"blue can"} and set(whole.subject) == {"robot arm"}


def test_every_image_has_its_own_view(held):
    assert held.images.shape == (16, 96, 96, 3) and held.images.dtype == np.uint8
    assert held.episode.tolist() == [0] * 8 + [1] * 8
    assert held.camera.tolist() == [0, 1, 2, 3] * 4
    assert len({image.tobytes() for image in held.images}) == 16
    assert np.allclose(held.extrinsics[:, :3, :3] @ held.extrinsics[:, :3, :3].transpose(0, 2, 1), np.eye(3))


def test_a_box_is_the_extent_of_its_mask():
    mask = np.zeros((5, 7), bool)
    assert boxes_of(mask, "cup") == []
    mask[1:3, 2:6] = True
    assert boxes_of(mask, "cup") == [{"x": 2, "y": 1, "width": 4, "height": 2, "label": "cup", "score": 1.0}]


def test_a_camera_frames_the_points_exactly():
    points = np.array([[-1.0, 0.5, 0], [3.0, 1.0, 0], [0, 0, 2.0]])
    x, y, z = fit_view(points, np.array([0.5, 0.5]))
    assert (x, y, z) == pytest.approx((1.0, 0.75, -4.0))  # 4 wide at z = 0 is seen whole from 4 away with tan = 1/2
    inside = np.abs(points[:, :2] - [x, y]) / (points[:, 2:] - z)
    assert inside.max() == pytest.approx(0.5)


def test_a_camera_at_the_front_looks_back_with_its_image_upright():
    right, down, forward = look_at(0.0, 0.0)
    assert np.allclose([right, down, forward], [[0, 1, 0], [0, 0, -1], [-1, 0, 0]])


def test_the_depth_image_is_white_where_it_is_near(held):
    shown = held.depth_images()
    assert shown.max() == 1 and shown[held.depth == 0].sum() == 0
    near, far = held.depth[held.depth > 0].min(), np.median(held.depth)
    assert shown[held.depth == near].max() == 1
    assert shown[np.unravel_index(np.abs(held.depth - far).argmin(), held.depth.shape)] == pytest.approx(
        near / far, rel=1e-3
    )


def test_the_overlay_draws_on_what_it_marks_only(held):
    overlay, marked = held.overlay(), held.subject_masks | held.object_masks
    for box, (image, drawn, mask) in zip(held.object_boxes, zip(held.images, overlay, marked)):
        assert (image != drawn).any(-1)[mask].mean() > 0.9
        assert tuple(drawn[box[0]["y"], box[0]["x"]]) == (255, 140, 30)
    assert (held.images != overlay).any(-1)[~marked].mean() < 0.1


def test_another_action_of_the_same_seed_has_the_same_background(simulator):
    """With still cameras all is equal that neither robot nor object nor their shadows cover in either image."""
    plan = Plan(
        num_episodes=1, key_frames="first contact", frames_per_episode=1, width=96, height=96, camera_mode="fixed"
    )
    first, other = (
        simulator.record(
            Scene(action=action, object="block", object_color="red", seed=6, room="kitchen", action_seed=3), plan
        )
        for action in ("pick up", "touch")
    )
    assert np.array_equal(first.extrinsics, other.extrinsics) and not np.array_equal(first.images, other.images)
    near = (first.depth < 1.5) | (other.depth < 1.5)
    far = ~maximum_filter(near, (1, 3, 3))  # a small image is the mean of a larger one: its edges mix both sides
    assert far.mean() > 0.1 and np.array_equal(first.images[far], other.images[far])


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "plain"])
def test_a_furnished_room_is_furnished_anew_by_every_seed_and_the_same_by_the_same(simulator, room):
    plan = Plan(num_episodes=1, key_frames="before contact", frames_per_episode=1, width=64, height=64)
    first, again, other = (simulator.record(Scene(room=room, seed=seed), plan).images for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert len(np.unique(first[0].reshape(-1, 3), axis=0)) > 200


@pytest.mark.parametrize("action, object", [("open", "fridge"), ("hand over", "book"), ("pour", "cup")])
def test_at_its_key_moments_the_object_is_no_speck(simulator, action, object):
    recording = simulator.record(
        Scene(action=action, object=object),
        Plan(num_episodes=1, key_frames="key moments", frames_per_episode=4, width=64, height=64),
    )
    assert recording.phase[-1] == "end" and len(set(recording.time)) == 4
    assert np.median(recording.object_masks.mean((1, 2))) > 0.02
    assert recording.subject[0] == ("two robot arms" if action == "hand over" else "robot arm")
    assert recording.other_poses.shape[1:] == ({"pour": 10}.get(action, 0), 7)


def test_a_close_camera_goes_nearer_where_the_object_would_be_a_speck(simulator):
    plan = Plan(num_episodes=1, key_frames="key moments", frames_per_episode=2, width=96, height=96)
    scene = Scene(action="insert", object="peg", seed=2)
    far, close = (simulator.record(scene, replace(plan, camera_mode=mode)) for mode in ("tracking", "tracking_close"))
    assert far.object_masks.mean((1, 2)).min() < 0.018 and close.object_masks.mean((1, 2)).min() > 0.02
    assert np.allclose(far.extrinsics[:, :3, :3], close.extrinsics[:, :3, :3]) and np.array_equal(
        far.joints, close.joints
    )


def test_a_free_camera_stands_where_it_is_told_and_an_orbit_goes_around(simulator):
    plan = Plan(
        num_episodes=1,
        key_frames="held",
        frames_per_episode=1,
        width=64,
        height=64,
        camera_mode="manual",
        field_of_view=50.0,
    )
    free = simulator.record(Scene(seed=1), replace(plan, azimuth=30.0, elevation=40.0, distance=1.5))
    backwards = -free.extrinsics[0, 2, :3]  # from the object to the first camera
    assert np.degrees(np.arctan2(backwards[1], backwards[0])) == pytest.approx(30, abs=0.01)
    assert np.degrees(np.arcsin(backwards[2])) == pytest.approx(40, abs=0.01)
    assert free.intrinsics[0, 0, 0] == pytest.approx(32 / np.tan(np.radians(25)))
    places = np.linalg.inv(free.extrinsics)[:, :3, 3]
    assert np.ptp(places[:, 2]) < 1e-6 and np.linalg.norm(places[0] - places[2]) == pytest.approx(
        2 * 1.5 * np.cos(np.radians(40)), rel=1e-3
    )
    orbit = simulator.record(Scene(seed=1), replace(plan, camera_mode="orbit"))
    assert np.degrees(np.arctan2(-orbit.extrinsics[:, 2, 1], -orbit.extrinsics[:, 2, 0])).round() == pytest.approx(
        [-135, -45, 45, 135]
    )
    assert (orbit.object_masks.mean((1, 2)) > 0.01).all()


def test_cameras_on_the_wrist_go_with_the_hand(simulator):
    plan = Plan(
        num_episodes=1,
        key_frames="held",
        frames_per_episode=2,
        width=64,
        height=64,
        camera_mode="wrist",
        field_of_view=70.0,
    )
    recording = simulator.record(Scene(seed=1), plan)
    seen = [
        recording.extrinsics[index, :3, :3] @ object_place(recording, index) + recording.extrinsics[index, :3, 3]
        for index in range(8)
    ]
    assert np.allclose(
        seen[:4], seen[4:], atol=0.01
    )  # the hand rises, and what it holds stays where it is in the image
    assert (recording.object_masks.mean((1, 2)) > 0.02).sum() >= 4


def test_more_cameras_and_moments_run_no_more_physics(held, simulator, monkeypatch):
    more = simulator.record(SCENE, replace(PLAN, cameras=6, frames_per_episode=3))
    for name in ("joints", "object_poses", "contact_force", "step_time"):
        assert np.array_equal(getattr(held, name), getattr(more, name))
    steps = []
    monkeypatch.setattr(
        World, "step", lambda world, *targets, step=World.step: (steps.append(0), step(world, *targets))
    )
    counts = []
    for cameras in (4, 8):
        steps.clear()
        record_episode(
            (SCENE,), Plan(num_episodes=1, cameras=cameras, frames_per_episode=cameras // 4, width=32, height=32), 0
        )
        counts.append(len(steps))
    assert counts[0] == counts[1] > 100


def object_place(recording, index):
    """Where the object is in the world (3,) when an image is taken."""
    step = np.argmin(
        np.abs(recording.step_time - recording.time[index]) + 1e3 * (recording.step_episode != recording.episode[index])
    )
    return recording.object_poses[step, :3]


@pytest.mark.parametrize(
    "robot, room", [("xarm7", "kitchen"), ("fetch", "living room"), ("floating gripper", "workshop")]
)
def test_every_robot_is_seen_at_its_work(simulator, robot, room):
    recording = simulator.record(
        Scene(robot=robot, object="can", room=room), Plan(num_episodes=1, frames_per_episode=1, width=64, height=64)
    )
    assert recording.subject[0] in ("robot arm", "mobile robot", "robot gripper")
    assert (recording.subject_masks.mean((1, 2)) > 0.05).all() and (recording.object_masks.mean((1, 2)) > 0.01).all()
