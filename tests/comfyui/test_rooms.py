"""Rooms on the real server: floor plans, sampling, settling, scores, files, and what is said when they are wrong."""

import io
import json

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from interactive_action.errors import InteractiveActionError
from interactive_action.layouts.model_file import LayoutModel
from interactive_action.layouts.network import RoomTransformer
from interactive_action.tests.comfyui.room_graphs import SHAPE, cancel, node, rooms_of, save, shown
from interactive_action.tests.layouts.small_rooms import room, thing
from interactive_action.tools.dev.prompts import load_prompt
from interactive_action.tools.dev.prompts import node as titled

MODEL = "interactive-action-rooms.safetensors"
PLAN = {
    "shape": "rectangle",
    "corners": "",
    "width": 4.0,
    "depth": 3.0,
    "openings": "door 0 0.5 0.9",
    "room_type": "bedroom",
}
SAMPLE = {"num_rooms": 2, "steps": 4, "seed": 3, "want": "", "avoid": "", "count": 4, "tidiness": 1.0}
TRAIN = {"batch_size": 2, "learning_rate": 1e-3, "seed": 0, **SHAPE}


def table_of(text):
    """Name -> mean of a table of scores."""
    return {line[:18].strip(): float(line[18:].split()[0]) for line in text.splitlines()}


@pytest.fixture(scope="module")
def model(server):
    """A layout model that has learned nothing, in place of the embedded one: what is asked here holds for any."""
    torch.manual_seed(1)
    folder = server.base / "models" / "layouts"
    folder.mkdir(parents=True, exist_ok=True)
    LayoutModel(RoomTransformer(**SHAPE).eval(), SHAPE, "x0", {}).save(folder / MODEL)
    return MODEL


@pytest.fixture(scope="module")
def drawn(server, model):
    """The workflow that furnishes a drawn floor plan, run with few steps: (prompt, outputs, progress by title)."""
    prompt, seen = load_prompt("draw-a-floor-plan-and-furnish-it"), {}
    for title in ("Sample Rooms (raw)", "Sample Rooms (guided)"):
        titled(prompt, title)[1]["inputs"].update(num_rooms=2, steps=8, count=5)
    titled(prompt, "Room Guidance")[1]["inputs"].update(reach=0.0)
    titled(prompt, "Save Rooms")[1]["inputs"].update(name="drawn")
    outputs = server.client().run(
        prompt, lambda key, value, maximum: seen.setdefault(prompt[key]["_meta"]["title"], []).append((value, maximum))
    )
    return prompt, outputs, seen


def test_a_drawn_floor_is_furnished_guided_settled_and_kept(server, drawn):
    prompt, outputs, seen = drawn
    for title, steps in (("Sample Rooms (raw)", 8), ("Sample Rooms (guided)", 8)):
        assert seen[title][-1] == (steps, steps)
    rooms = rooms_of(server, "drawn")
    assert [len(layout.objects) for layout in rooms] == [5, 5]
    for layout in rooms:
        assert layout.floor_plan.area == pytest.approx(5 * 4 - 2 * 1.8, abs=0.2)
        assert layout.about["guided"] == 1 and layout.about["settled"] == 1
    assert "0: things moved" in outputs[titled(prompt, "Settle Rooms")[0]]["text"][0]
    for which in ("raw", "guided and settled"):
        scores = table_of(outputs[titled(prompt, f"Score Rooms ({which})")[0]]["text"][0])
        report = json.loads(outputs[titled(prompt, f"Report ({which})")[0]]["text"][0])
        assert scores["col_obj"] == pytest.approx(report["scores"]["col_obj"]["mean"], abs=1e-3)
        assert scores["objects"] == 5


def test_before_and_after_stand_side_by_side_for_each_room(server, drawn):
    prompt, outputs, _ = drawn
    files = outputs[titled(prompt, "Save the plans")[0]]["images"]
    images = [Image.open(io.BytesIO(server.client().view(file))) for file in files]
    assert [image.size for image in images] == [(2 * 512 + 8, 512)] * 2


def test_the_room_becomes_a_file_for_the_stock_viewer(server, drawn):
    prompt, outputs, _ = drawn
    (file,) = outputs[titled(prompt, "Save 3D Model")[0]]["3d"]
    scene = trimesh.load(io.BytesIO(server.client().view(file)), file_type="glb")
    names = set(scene.graph.nodes)
    first = rooms_of(server, "drawn")[0]
    assert {f"{item.category.replace(' ', '_')}_0" for item in first.objects} <= names
    assert "floor" in names and any(name.startswith("wall") for name in names)
    assert scene.bounds[1][1] == pytest.approx(first.floor_plan.height, abs=0.05)  # y is up


def test_boxes_and_masks_of_a_plan_are_those_of_its_things():
    from interactive_action.nodes.room_images import boxes, masks, plans

    layout = room(thing("wardrobe", 1, 2), thing("box", 3, 1), corners=((0, 0), (4, 0), (4, 2.4), (0, 2.4)))
    assert plans([layout], 460).shape == (1, 460, 460, 3)
    drawn, found = masks(layout, 460), boxes(layout, 460)  # 100 pixels a meter; 80 of paper above and below
    assert drawn.shape == (2, 460, 460) and [box["label"] for box in found] == ["wardrobe", "box"]
    assert (found[0]["x"], found[0]["width"]) == pytest.approx((30 + 25, 150), abs=2)
    assert (found[0]["y"], found[0]["height"]) == pytest.approx((80 + 30 + 9, 62), abs=2)
    for mask, box in zip(drawn, found):
        assert mask.sum() == pytest.approx(box["width"] * box["height"], rel=0.02)
    assert masks(room(), 64).shape == (1, 64, 64) and boxes(room(), 64) == []


def test_doors_that_are_painted_are_in_the_floor_plan():
    from interactive_action.nodes.floor_plan import DrawnFloorPlan

    floor, doors = torch.zeros(1, 100, 120), torch.zeros(1, 100, 120)
    floor[:, 10:90, 10:110], doors[:, 86:94, 20:40] = 1, 1
    output = DrawnFloorPlan.execute(mask=floor, width=5.0, openings="window 2 1 0.5", room_type="kitchen", doors=doors)
    plan, image = output.result
    assert [opening.kind for opening in plan.openings] == ["door", "window"]
    assert plan.openings[0].width == pytest.approx(1.0, abs=0.1) and plan.room_type == "kitchen"
    assert image.shape == (1, 512, 512, 3)


def test_settling_ends_violations_and_the_worst_rooms_come_first(server):
    prompt = load_prompt("score-rooms")
    for title in ("Sloppy rooms", "Tidy rooms"):
        titled(prompt, title)[1]["inputs"].update(num_rooms=4)
    for title in ("Score Rooms (as they are)", "Score Rooms (settled)"):
        titled(prompt, title)[1]["inputs"].update(num_plans=2)
    prompt["report"] = {**shown(titled(prompt, "Score Rooms (as they are)")[0], 2), "_meta": {"title": "Report"}}
    outputs = server.client().run(prompt)
    before, after = (
        table_of(outputs[titled(prompt, f"Scores ({which})")[0]]["text"][0]) for which in ("as they are", "settled")
    )
    assert before["col_obj"] > after["col_obj"] and before["overlap_volume"] > after["overlap_volume"]
    assert before["ckl"] == after["ckl"] > 0
    report = json.loads(outputs["report"]["text"][0])
    assert len(report["rooms"]) == 4 and report["how"]["robot_radius_m"] == 0.25
    assert np.mean([layout["col_obj"] for layout in report["rooms"]]) == pytest.approx(before["col_obj"], abs=1e-3)
    assert len(outputs[titled(prompt, "Save the worst")[0]]["images"]) == 2


def furnishing(**changes):
    """A graph that furnishes a typed floor plan: nodes "plan", "model", "rooms", "save"."""
    return {
        "plan": node("FloorPlan", **PLAN),
        "model": node("LayoutModelLoader", model_name=MODEL),
        "rooms": node("SampleRooms", layout_model=["model", 0], floor_plan=["plan", 0], **{**SAMPLE, **changes}),
        "save": node("SaveRooms", rooms=["rooms", 0], name="sampled"),
    }


def test_what_is_wanted_is_there_and_what_is_avoided_is_not(server, client, model):
    prompt = furnishing(want="desk, chair\nchair", avoid="rug, plant")
    prompt["save"]["inputs"]["name"] = "wanted"
    client.run(prompt)
    for layout in rooms_of(server, "wanted"):
        names = [item.category for item in layout.objects]
        assert len(names) == 4 and names.count("desk") >= 1 and names.count("chair") >= 2
        assert not {"rug", "plant"} & set(names)


def test_the_same_seed_gives_the_same_rooms_and_cached_nodes_do_not_run_again(server, client, model):
    for name, seed in (("once", 5), ("twice", 5), ("other", 6)):
        prompt = furnishing(seed=seed)
        prompt["save"]["inputs"]["name"] = name
        client.run(prompt)
    once, twice, other = (rooms_of(server, name) for name in ("once", "twice", "other"))
    assert once == twice != other


def test_a_floor_plan_of_ones_own_is_furnished_by_rules_without_a_model(server, client):
    rules = {"room_type": "all types", "num_rooms": 2, "sloppy_share": 0.0, "seed": 1}
    client.run(
        {
            "plan": node("FloorPlan", **{**PLAN, "shape": "l", "width": 5.0, "depth": 4.5}),
            "rooms": node("MakeProceduralRooms", floor_plan=["plan", 0], **rules),
            "save": node("SaveRooms", rooms=["rooms", 0], name="by-rules"),
        }
    )
    for layout in rooms_of(server, "by-rules"):
        assert len(layout.floor_plan.corners) == 6 and layout.floor_plan.room_type == "bedroom"
        assert any("bed" in item.category for item in layout.objects)


def test_cancel_stops_sampling_and_training_goes_on_where_it_was(server, client, model):
    cancel(client, furnishing(steps=900, seed=77), "rooms", 2)
    save(server, "few", room(thing("double bed", 2, 2.9)), room(thing("wardrobe", 1, 3.6)))
    prompt = {
        "rooms": node("LoadRooms", name="few"),
        "train": node("TrainLayoutModel", rooms=["rooms", 0], name="resumed", **{**TRAIN, "steps": 400}),
        "show": {"class_type": "PreviewImage", "inputs": {"images": ["train", 2]}},
    }
    cancel(client, prompt, "train", 5)
    folder = server.base / "models" / "layouts"
    assert (folder / ".resumed.safetensors.state").is_file() and not (folder / "resumed.safetensors").exists()
    steps = []
    client.run(prompt, lambda key, value, maximum: key == "train" and steps.append(value))
    assert steps[0] > 5 and steps[-1] == 400
    assert (folder / "resumed.safetensors").is_file() and not (folder / ".resumed.safetensors.state").exists()


WRONG = [
    ({"plan": {"shape": "typed corners", "corners": "0,0; 4,4; 4,0; 0,4"}}, "FloorPlan.*crosses itself"),
    ({"plan": {"shape": "typed corners", "corners": "0,0; 0.5,0; 0.5,0.5"}}, "0.125 square metres"),
    ({"plan": {"openings": "door 0 0.5 9"}}, "does not fit into wall 0"),
    ({"plan": {"openings": "gate 0 0.5 0.9"}}, "The kind of an opening is 'gate'"),
    ({"rooms": {"want": "throne"}}, "SampleRooms.*no class of furniture 'throne'"),
    ({"rooms": {"want": "desk", "avoid": "desk"}}, "both wanted and avoided"),
    ({"rooms": {"want": "desk, chair, bin, box, rug"}}, "5 wanted, which are more than 4"),
    ({"rooms": {"keep_classes": "throne"}}, "no class of furniture 'throne'"),
    ({"rooms": {"count": 6, "want": "double bed, double bed, double bed, sofa, sofa"}}, "no space for what is wanted"),
    ({"save": {"name": "../elsewhere"}}, "The file of rooms cannot be called"),
]


@pytest.mark.parametrize(("changes", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
def test_what_cannot_be_is_a_sentence_and_nothing_is_written(server, client, model, changes, sentence):
    prompt = furnishing()
    prompt["save"]["inputs"]["name"] = "impossible"
    for key, inputs in changes.items():
        prompt[key]["inputs"].update(inputs)
    with pytest.raises(InteractiveActionError, match=sentence):
        client.run(prompt)
    assert not (server.base / "datasets" / "interactive_action_rooms" / "impossible.jsonl").exists()


def test_a_mask_without_a_floor_a_missing_room_and_a_missing_file_are_sentences(server, client):
    save(server, "one", room(thing("double bed", 2, 2.9)))
    plan = {"width": 4.0, "openings": "", "room_type": "bedroom"}
    mask = {"class_type": "SolidMask", "inputs": {"value": 0.0, "width": 32, "height": 32}}
    loaded = node("LoadRooms", name="one")
    cases = [
        ({"mask": mask, "1": node("FloorPlanFromMask", mask=["mask", 0], **plan)}, "Nothing is drawn"),
        ({"rooms": loaded, "1": node("SelectRoom", rooms=["rooms", 0], index=1)}, "no room 1: the last .* number 0"),
        ({"1": node("LoadRooms", name="nope")}, "no rooms called 'nope'. Found: .*one"),
        ({"1": node("ImportRooms", path="nope.json", file_format="auto", table="")}, "There is no 'nope.json'"),
        (
            {"rooms": loaded, "1": node("FurnishRooms", rooms=["rooms", 0], folder="nowhere", keep_joints=True)},
            "There is no folder 'nowhere'",
        ),
    ]
    for prompt, sentence in cases:
        with pytest.raises(InteractiveActionError, match=sentence):
            client.run({**prompt, "show": shown("1")})
