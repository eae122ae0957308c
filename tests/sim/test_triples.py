"""Triples: the anchors' action in other contexts, and other actions in exactly the anchors' contexts."""

import numpy as np
import pytest
from scipy.ndimage import maximum_filter

from interactive_action.errors import InteractiveActionError
from interactive_action.sim.plan import Plan
from interactive_action.sim.scene import Scene
from interactive_action.sim.triples import others_of, record_triples

PLAN = Plan(num_episodes=2, cameras=4, key_frames="held", frames_per_episode=1, width=96, height=96)


@pytest.fixture(scope="module")
def triples(simulator):
    scene = Scene(action="place on", object="block", room="kitchen", seed=5)
    return record_triples(simulator, scene, ["pick up", "push"], PLAN)


def test_all_of_a_triple_have_the_same_seeds_and_cameras(triples):
    for other, action in zip(triples.others, ("pick up", "push"), strict=True):
        assert other.action == action and len(other) == len(triples.anchors) == 8
        for name in ("seeds", "episode", "camera", "object", "extrinsics", "intrinsics"):
            assert np.array_equal(getattr(other, name), getattr(triples.anchors, name)), name
    assert triples.other_actions.shape == (16, 96, 96, 3)


def far_from_all(recording, meters=1.4):
    """Where an image (N, H, W) shows what is that far from where robot and things are, and from their shadows."""
    rows, columns = np.mgrid[: recording.depth.shape[1], : recording.depth.shape[2]] + 0.5
    rays = np.stack([columns, rows, np.ones_like(rows)], -1) @ np.linalg.inv(recording.intrinsics[0]).T
    seen = rays * recording.depth[..., None]
    to_world = np.linalg.inv(recording.extrinsics)
    places = np.einsum("nij,nhwj->nhwi", to_world[:, :3, :3], seen) + to_world[:, None, None, :3, 3]
    return np.linalg.norm(places - [0.4, 0, 0], axis=-1) > meters


def test_the_background_of_the_other_actions_is_that_of_the_anchor_to_the_pixel(triples):
    for other in triples.others:
        near = ~(far_from_all(triples.anchors) & far_from_all(other))
        far = ~maximum_filter(near, (1, 3, 3))  # a small image is the mean of a larger one: its edges mix both sides
        assert far.mean() > 0.05
        assert np.array_equal(triples.anchors.images[far], other.images[far])
        assert all((one != two).any() for one, two in zip(triples.anchors.images, other.images))


def test_other_actions_begin_with_everything_at_the_anchors_place(triples):
    first = [np.flatnonzero(triples.anchors.step_episode == episode)[0] for episode in range(2)]
    for other in triples.others:
        begun = [np.flatnonzero(other.step_episode == episode)[0] for episode in range(2)]
        assert np.allclose(other.object_poses[begun], triples.anchors.object_poses[first], atol=1e-4)
        assert np.allclose(other.other_poses[begun], triples.anchors.other_poses[first], atol=1e-4)


def test_the_same_action_is_seen_by_the_same_camera_in_another_take(triples):
    anchors = triples.anchors
    assert np.array_equal(triples.same_action[:4], anchors.images[anchors.episode == 1])
    assert np.array_equal(triples.same_action[4:], anchors.images[anchors.episode == 0])


def test_what_is_no_other_action_is_refused(simulator):
    assert {"pick up", "hold", "push", "touch"} <= set(
        others_of(Scene(action="stack"))
    ) and "place on" not in others_of(Scene())
    for scene, others, plan, sentence in (
        (
            Scene(),
            ["pour"],
            PLAN,
            "'pour' is no other action in the context of 'pick up' of a cube. Choose some of: hold, carry",
        ),
        (Scene(), [], PLAN, "Choose some of: hold"),
        (Scene(action="open", object="fridge"), ["push"], PLAN, "has no other action in its context"),
        (Scene(action="hand over", object="book"), ["push"], PLAN, "has no other action in its context"),
        (Scene(), ["push"], Plan(num_episodes=1), "at least 2 episodes"),
    ):
        with pytest.raises(InteractiveActionError, match=sentence):
            record_triples(simulator, scene, others, plan)
