"""The nodes that judge edits and compare simulations with the robot, with small models of the real architectures."""

import json

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.nodes import score_edits as editing
from interactive_action.nodes import sim_to_real_correlation as sim_to_real
from interactive_action.nodes.load_scorers import LoadDetector
from interactive_action.nodes.score_edits import EditingRewardNode, GroundedMask, ScoreEdits
from interactive_action.nodes.sim_to_real_correlation import TABLE_4, SimToReal
from interactive_action.tests.scoring.tiny_judges import depth_anything as depth_anything_in
from interactive_action.tests.scoring.tiny_judges import dinov2, grounding_dino, sam2


@pytest.fixture(scope="module")
def reward(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judges")
    return EditingRewardNode.execute(depth_anything_in(folder / "depth"), "DINOv2", dinov2(folder / "dinov2")).result[0]


@pytest.fixture(scope="module")
def images():
    return torch.rand(3, 40, 56, 3, generator=torch.Generator().manual_seed(0))


def test_the_best_edit_of_several_is_the_one_with_the_lowest_total(reward, images):
    edited = torch.cat([images[:1], images[1:]])
    structure, semantics, best, change, report = ScoreEdits.execute(
        edited, images[:1], images[:1, :32, :32], reward
    ).result
    told = json.loads(report)
    assert told["edits"][0]["structure"] == pytest.approx(0, abs=1e-6)  # the first is the image itself
    assert structure == pytest.approx(sum(row["structure"] for row in told["edits"]) / 3)
    assert semantics == pytest.approx(sum(row["semantics"] for row in told["edits"]) / 3)
    totals = [row["total"] for row in told["edits"]]
    assert told["best"] == totals.index(min(totals)) + 1 and torch.equal(best[0], edited[told["best"] - 1])
    assert change.shape == (3, 40, 56, 3) and change[0].max() < 1e-4 and change.max() == 1
    assert told["how"]["alpha"] == 1


def test_many_edits_are_judged_in_parts_and_give_the_same(reward, images, monkeypatch):
    mask = torch.zeros(3, 40, 56)
    mask[:, 10:30, 10:30] = 1
    together = ScoreEdits.execute(images.flip(0), images, images, reward, mask, mask).result[4]
    monkeypatch.setattr(editing, "BATCH", 2)
    apart = ScoreEdits.execute(images.flip(0), images, images, reward, mask, mask).result[4]
    for one, other in zip(json.loads(together)["edits"], json.loads(apart)["edits"]):
        assert one == pytest.approx(other, abs=1e-4)


def test_a_mask_comes_from_a_name(tmp_path, images):
    detector = LoadDetector.execute("folder or hub name", 0.0, grounding_dino(tmp_path / "dino")).result[0]
    segmenter = sam2(tmp_path / "sam2")
    [mask] = GroundedMask.execute(images, "cabinet", detector, segmenter).result
    assert mask.shape == (3, 40, 56)
    with pytest.raises(InteractiveActionError, match="No SAM 2 is named"):
        GroundedMask.execute(images, "cabinet", detector, " ")
    with pytest.raises(InteractiveActionError, match="A line of text is empty"):
        GroundedMask.execute(images, " ", detector, segmenter)
    detector.threshold = 1.0
    with pytest.raises(InteractiveActionError, match='finds no "cabinet" in image 1'):
        GroundedMask.execute(images, "cabinet", detector, segmenter)


def test_bad_images_are_sentences(reward, images):
    with pytest.raises(InteractiveActionError, match="edits are 56 x 40 and the images they come from 56 x 20"):
        ScoreEdits.execute(images, images[:, :20], images, reward)
    with pytest.raises(InteractiveActionError, match="2 style images for 3 edits"):
        ScoreEdits.execute(images, images, images[:2], reward)
    with pytest.raises(InteractiveActionError, match="mask of image 1 is empty"):
        ScoreEdits.execute(images, images, images, reward, torch.zeros(1, 40, 56))


def test_the_table_that_stands_in_the_node_is_the_paper_s():
    summary, report, plot = SimToReal.execute(TABLE_4).result
    found = {row["simulation"]: (round(row["mmrv"], 3), row["pearson_r"]) for row in json.loads(report)}
    assert found == {
        "SIMPLER variants": (0.083, pytest.approx(0.964, abs=0.005)),
        "edited": (0.0, pytest.approx(0.966, abs=0.005)),
        "SIMPLER matching": (0.083, pytest.approx(0.972, abs=0.005)),
    }
    assert "edited" in summary and plot.shape[-1] == 3


def test_a_file_takes_the_place_of_the_table(tmp_path, monkeypatch):
    import folder_paths

    monkeypatch.setattr(folder_paths, "get_input_directory", lambda: str(tmp_path))
    (tmp_path / "mine.csv").write_text("\ufeffpolicy,real,mine\nA,0.1,0.2\nB,0.3,0.4\n", encoding="utf-8")
    assert "mine" in SimToReal.execute("", "mine.csv").result[0]
    assert SimToReal.fingerprint_inputs(file="mine.csv") != SimToReal.fingerprint_inputs(file="other.csv")
    with pytest.raises(InteractiveActionError, match="There is no other.csv"):
        SimToReal.execute("", "other.csv")
    with pytest.raises(InteractiveActionError, match="cannot be called"):
        SimToReal.execute("", "../mine.csv")


def test_every_input_has_a_tooltip():
    for node in (*editing.NODES, *sim_to_real.NODES):
        for given in node.define_schema().inputs:
            assert given.tooltip, (node.__name__, given.id)
