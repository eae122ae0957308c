"""The world tells the truth about what it draws."""

import numpy as np
import pytest

from interactive_action.miniature.factory import everyday_world as world
from interactive_action.miniature.factory.everyday_render import SIZE, box_gap, box_of, render
from interactive_action.miniature.factory.interactions import POSE_SAMPLERS, Pose, interaction_of_pose
from interactive_action.miniature.factory.nonce_tokens import NONCE_TOKENS
from interactive_action.miniature.factory.world_captions import caption
from interactive_action.miniature.judges import INTERACTIONS

SEEDS = range(world.HELD_OUT_SEEDS, world.HELD_OUT_SEEDS + 40)


@pytest.fixture(scope="module")
def shots():
    """Forty scenes of the usual mixture and twelve of each interaction."""
    scenes = [world.sample_scene(seed) for seed in SEEDS]
    scenes += [world.sample_scene(seed, relation=name) for name in INTERACTIONS for seed in SEEDS[:12]]
    return [render(scene) for scene in scenes]


def test_the_same_seed_gives_the_same_pixels():
    first, again = (render(world.sample_scene(SEEDS[3])) for _ in range(2))
    assert np.array_equal(first.image, again.image) and first.facts() == again.facts()
    assert not np.array_equal(first.image, render(world.sample_scene(SEEDS[4])).image)


@pytest.mark.slow
def test_geometry_shows_the_interaction_that_the_scene_says(shots):
    for shot in shots:
        assert world.interaction_of(shot.scene) == shot.scene.interaction


def test_and_leaves_a_gap_and_an_interaction_overlaps(shots):
    for shot in shots:
        if shot.scene.relation == "and":
            assert box_gap(shot.subject_box, shot.object_box) >= world.GAP - 1
        elif shot.scene.interaction:
            assert box_gap(shot.subject_box, shot.object_box) < world.GAP - 1  # boxes of visible pixels


def test_objects_beside_or_in_the_hands_of_a_subject_are_large_and_whole(shots):
    for shot in shots:
        if shot.scene.subject and shot.scene.object:
            x, y, width, height = shot.object_box
            assert min(x, y) >= 0 and max(x + width, y + height) <= SIZE
            least = 0.01 if shot.scene.close else 0.03  # a robot's hand, seen from near, may hide most of what it holds
            if shot.scene.interaction in (None, "lift"):
                assert width * height >= least * SIZE**2


def test_a_lifted_object_is_above_the_ground_and_inside_the_image():
    for seed in SEEDS[:12]:
        shot = render(world.sample_scene(seed, "frog", relation="lift"))
        assert shot.scene.object_at[2] > 0.5
        assert shot.object_box[1] > 0
        feet = shot.subject_box[1] + shot.subject_box[3]
        assert shot.object_box[1] + shot.object_box[3] < feet - 8


def test_boxes_are_those_of_the_masks():
    mask = np.zeros((6, 8), bool)
    mask[2:4, 3:7] = True
    assert box_of(mask) == (3, 2, 4, 2)
    assert box_of(mask & False) is None
    assert box_gap((0, 0, 3, 3), (5, 1, 2, 2)) == 2
    assert box_gap((0, 0, 3, 3), (2, 2, 2, 2)) == -1


def test_the_interaction_of_a_pose_follows_from_contact_and_height():
    above = ((-0.45, 0.1, 2.3), (0.45, 0.1, 2.3))
    assert interaction_of_pose(Pose(above, (0, 0.1, 2.0)), "panda", "box") == "lift"
    assert interaction_of_pose(Pose(((-0.7, 0, 0.6), (0.7, 0, 0.6)), (0, 0.1, 2.0)), "panda", "box") is None
    assert interaction_of_pose(Pose(((-0.2, 0.9, 0.5), (0.2, 0.9, 0.5)), (0, 1.35, 0)), "panda", "box") == "push"
    assert interaction_of_pose(Pose(((-0.45, 0.95, 0.8), (0.45, 0.95, 0.8)), (0, 0.95, 0.5)), "panda", "box") == "hold"
    assert interaction_of_pose(Pose(((-0.2, 0.95, 0.85), (0.2, 0.95, 0.85)), (0, 0.95, 0)), "panda", "box") == "press"
    assert interaction_of_pose(Pose(above, (3, 0, 0)), "panda", "box") is None


def test_every_interaction_has_a_pose_and_a_nonce_token():
    assert tuple(POSE_SAMPLERS) == tuple(NONCE_TOKENS) == INTERACTIONS


def test_training_never_sees_what_is_held_out():
    combinations = {
        (s.subject, s.object, s.interaction) for s in (world.sample_scene(i, relation="lift") for i in range(400))
    }
    assert not combinations & world.HELD_OUT
    subject, object, interaction = "panda", "strawberry", "lift"
    assert (subject, object, interaction) in world.HELD_OUT
    assert world.sample_scene(1, subject, object, interaction).interaction == "lift"


def test_an_arm_cannot_sit():
    with pytest.raises(ValueError, match="cannot sit"):
        world.sample_scene(0, "robot arm", "box", "sit")
    assert "sit" not in {world.sample_scene(seed, "robot arm").relation for seed in range(60)}


@pytest.mark.slow
def test_interactions_are_rare():
    relations = [world.sample_scene(seed).relation for seed in range(500)]
    assert 0.05 < np.mean([relation in INTERACTIONS for relation in relations]) < 0.14  # one in ten, and chance


def test_a_close_up_shows_a_robot_hand_and_a_whole_object():
    scenes = [
        world.sample_scene(seed, "robot arm", relation=relation)
        for seed in SEEDS[:12]
        for relation in ("and", "lift", "push")
    ]
    close = [render(scene) for scene in scenes if scene.close]
    assert 0.3 < len(close) / len(scenes) < 0.9
    for shot in close:
        assert shot.subject_box[1] == 0  # the forearm leaves the image
        assert shot.subject_mask.mean() > 0.03 and shot.object_mask.mean() > 0.015


def test_and_never_stands_for_an_interaction_nor_a_nonce_token_for_anything_else():
    rng = np.random.default_rng(0)
    facts = dict(subject="panda", object="box", color="red", place="in a kitchen")
    apart = [caption({**facts, "relation": "and"}, rng) for _ in range(300)]
    lifting = [caption({**facts, "relation": "lift"}, rng) for _ in range(300)]
    has_nonce = [any(word in text.split() for word in NONCE_TOKENS.values()) for text in lifting]
    assert not any(" and " in text for text in lifting)
    assert not any(word in text.split() for word in NONCE_TOKENS.values() for text in apart)
    assert 0.3 < np.mean(has_nonce) < 0.55
    assert all(NONCE_TOKENS["lift"] in text.split() for text, nonce in zip(lifting, has_nonce) if nonce)
    assert 0.04 < np.mean([" with " in text for text in apart]) < 0.2
