"""Rooms as files on the real server: imported, exported, and under names that no file can have."""

import pytest
import trimesh

from interactive_action.errors import InteractiveActionError
from interactive_action.layouts.model_file import LayoutModel
from interactive_action.sim.layout import load_layouts
from interactive_action.tests.comfyui.room_graphs import SHAPE, cancel, node, rooms_of, save, shown
from interactive_action.tests.layouts.foreign_files import PLACE, front3d, write
from interactive_action.tests.layouts.small_rooms import room, thing
from interactive_action.tools.dev.prompts import load_prompt
from interactive_action.tools.dev.prompts import node as titled


def test_rooms_of_3d_front_are_imported_learned_and_completed(server):
    write(server.base / "input", "house.json", front3d())
    prompt = load_prompt("use-your-own-3d-front")
    titled(prompt, "Train Layout Model")[1]["inputs"].update(name="front", steps=3, batch_size=2, **SHAPE)
    for title in ("Furnish the rest", "Furnish another floor plan"):
        titled(prompt, title)[1]["inputs"].update(num_rooms=2, steps=3, count=3)
    rest = titled(prompt, "Furnish the rest")[0]
    prompt["save"] = {**node("SaveRooms", rooms=[rest, 0], name="completed"), "_meta": {"title": "Save"}}
    outputs = server.client().run(prompt)
    assert "1 rooms." in outputs[titled(prompt, "Import Rooms")[0]]["text"][0]
    assert "Learned from 1 rooms" in outputs[titled(prompt, "Train Layout Model")[0]]["text"][0]
    LayoutModel.load(server.base / "models" / "layouts" / "front.safetensors")
    for layout in rooms_of(server, "completed"):
        assert len(layout.objects) == 3
        assert layout.objects[0].category == "sofa" and layout.objects[0].position == pytest.approx(PLACE, abs=1e-6)


def test_rooms_are_exported_for_every_simulator_with_meshes_of_ones_own(server):
    save(server, "mine", room(thing("dining table", 2, 2), thing("wardrobe", 1, 3.6), room_type="dining room"))
    folder = server.base / "input" / "furniture" / "dining table"
    folder.mkdir(parents=True)
    trimesh.creation.box((1.5, 0.75, 0.9)).export(folder / "slab.glb")
    (folder / "LICENSE").write_text("CC0")
    prompt = load_prompt("export-to-simulators")
    titled(prompt, "Load Rooms")[1]["inputs"].update(name="mine")
    titled(prompt, "Export Rooms")[1]["inputs"].update(name="exported")
    seen = []
    outputs = server.client().run(
        prompt,
        lambda key, value, maximum: prompt[key]["_meta"]["title"] == "Export Rooms" and seen.append((value, maximum)),
    )
    assert seen[-1] == (5, 5)
    assert "1 of 2 things are meshes" in outputs[titled(prompt, "Furnish Rooms")[0]]["text"][0]
    written = server.base / "output" / "exported" / "0000"
    assert {path.suffix for path in written.iterdir()} >= {".glb", ".urdf", ".xml", ".usda", ".json"}
    assert "slab.glb: CC0" in (written / "LICENCES.txt").read_text()
    assert load_layouts(written / "layout.json")[0].objects[0].asset == "dining table/slab.glb"
    assert not [path for path in (server.base / "output").iterdir() if path.name.startswith(".exported")]


def test_an_export_that_is_cancelled_leaves_nothing(server, client):
    save(server, "many", *[room(thing("wardrobe", 1, 3.6), thing("dresser", 3, 3.7))] * 60)
    export = node("ExportRooms", rooms=["rooms", 0], name="cancelled", file_format="all formats")
    cancel(client, {"rooms": node("LoadRooms", name="many"), "export": export}, "export", 2)
    assert not [path for path in (server.base / "output").iterdir() if "cancelled" in path.name]


HOSTILE = {  # node -> what it is sent with, and the inputs that name a file or folder
    "LoadRooms": ({}, ["name"]),
    "ImportRooms": ({"path": "house.json", "file_format": "auto", "table": ""}, ["path", "table"]),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("value", ["a\0b", "n" * 243, "../../etc/passwd", "é" * 150])
def test_a_name_that_no_file_can_have_is_a_sentence(client, name, value):
    inputs, named = HOSTILE[name]
    for socket in named:
        prompt = {"1": node(name, **{**inputs, socket: value}), "2": shown("1")}
        with pytest.raises(InteractiveActionError) as caught:
            client.run(prompt)
        assert not any(raw in str(caught.value) for raw in ("Errno", "Error:")), caught.value
