"""``interactive-action rooms``: from procedural rooms to a trained model, its rooms, their scores and plans."""

import json

import pytest
from PIL import Image

from interactive_action.cli.main import main
from interactive_action.layouts.model_file import LayoutModel
from interactive_action.miniature import weights
from interactive_action.sim.layout import load_layouts

TINY = ("--width", "32", "--layers", "1", "--heads", "2", "--batch-size", "8", "--device", "cpu")


@pytest.mark.slow
def test_a_floor_plan_is_furnished_by_a_model_trained_on_procedural_rooms(tmp_path, capsys, monkeypatch):
    def run(*arguments):
        assert main(["rooms", *map(str, arguments)]) == 0
        return capsys.readouterr().out

    rooms, model, mine = (tmp_path / name for name in ("rooms.jsonl", "m.safetensors", "mine.jsonl"))
    assert "12 rooms" in run("make", rooms, "--count", "12", "--types", "bedroom,kitchen")
    assert len(load_layouts(rooms)) == 12
    assert "Learned from 12 rooms" in run("train", rooms, model, "--steps", "3", *TINY)
    assert LayoutModel.load(model).shape["width"] == 32
    corners = ("--corners", "0,0; 5,0; 5,3; 3,3; 3,4; 0,4", "--doors", "door 0 0.5 0.9")
    wishes = ("--rooms-each", "2", "--want", "sofa", "--count", "4", "--type", "living room")
    said = run("sample", model, mine, *corners, *wishes, "--denoising-steps", "4", "--guided", "--settled")
    assert "cm on average" in said
    sampled = load_layouts(mine)
    assert [len(layout.objects) for layout in sampled] == [4, 4]
    assert all("sofa" in {item.category for item in layout.objects} for layout in sampled)
    monkeypatch.setattr(weights, "LAYOUT_MODEL", model)
    again = tmp_path / "again.jsonl"
    run("sample", "embedded", again, *corners, *wishes, "--denoising-steps", "4", "--guided", "--settled")
    assert load_layouts(again) == sampled
    assert "col_obj" in run("score", mine)
    scores = json.loads(run("score", mine, "--json", "--reference", rooms, "--radius", "0.2"))
    assert scores["scores"]["col_obj"]["n"] == 2 and "ckl" in scores
    compared = run("compare", model, mine, "--denoising-steps", "2", "--radius", "0.2")
    assert all(stage in compared for stage in ("raw (", "guided (", "guided_settled (", "cm moved", "rejection ("))
    run("draw", mine, tmp_path / "plans", "--size", "128")
    with Image.open(tmp_path / "plans" / "0001.png") as plan:
        assert max(plan.size) == 128


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("make", "new.jsonl", "--types", "attic"), "no room type 'attic'"),
        (("sample", "m.safetensors", "new.jsonl"), "either --corners or --plans"),
        (("sample", "m.safetensors", "new.jsonl", "--corners", "0,0; 1,1"), "at least three"),
        (("sample", "m.safetensors", "new.jsonl", "--corners", "0,0; 4,0; 4,3", "--want", "throne"), "'throne'"),
        (("score", "missing.jsonl"), "could not be read"),
        (("train", "missing.jsonl", "m.safetensors"), "could not be read"),
    ],
)
def test_bad_input_is_a_sentence_and_writes_nothing(arguments, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["rooms", *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_not_replaced(tmp_path, capsys):
    (tmp_path / "rooms.jsonl").write_text("mine")
    assert main(["rooms", "make", str(tmp_path / "rooms.jsonl"), "--count", "1"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "rooms.jsonl").read_text() == "mine"
