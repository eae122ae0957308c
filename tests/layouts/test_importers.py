"""Importers: one L-shaped room with a sofa, written in each format's own axes, and what is wrong in such files."""

import gzip
import json
import math
import time

import numpy as np
import pytest

from interactive_action.errors import InteractiveActionError
from interactive_action.layouts.importers import boxes_npz
from interactive_action.layouts.importers.categories import category_of, room_type_of
from interactive_action.layouts.importers.formats import FORMATS, format_of, import_rooms
from interactive_action.layouts.importers.front3d import import_3d_front
from interactive_action.layouts.importers.procthor import import_procthor
from interactive_action.layouts.importers.reading import MOST_PIECES
from interactive_action.sim.furniture import CATEGORIES
from interactive_action.sim.layout import load_layouts, save_layouts
from interactive_action.tests.layouts import foreign_files as files
from interactive_action.tests.layouts.foreign_files import PLACE, SIZE, UNITY, Y_UP, YAW, changed, tip, write
from interactive_action.tests.layouts.small_rooms import L_SHAPE

NAN = float("nan")


def rounded(layout):
    """The corners of a floor, without the noise that would change their order."""
    return [(round(x, 6) + 0.0, round(y, 6) + 0.0) for x, y in layout.floor_plan.corners]


@pytest.fixture
def written(tmp_path):
    return files.write_all(tmp_path)


@pytest.mark.parametrize("name", FORMATS)
def test_the_l_and_its_arrow_come_in_unmirrored(name, written):
    path, table = written[name]
    assert format_of(path) == name
    (layout,), _ = import_rooms(path, table=table)
    assert np.array(sorted(rounded(layout))) == pytest.approx(np.array(sorted(L_SHAPE)), abs=1e-6)
    assert layout.floor_plan.area == pytest.approx(16)
    sofa = layout.objects[0]
    assert sofa.category == "sofa"
    assert sofa.size == pytest.approx(SIZE) and sofa.position == pytest.approx(PLACE, abs=1e-6)
    assert sofa.yaw == pytest.approx(YAW)
    assert tip(sofa) == pytest.approx((1 + math.sin(0.7) * 0.45, 3 - math.cos(0.7) * 0.45))


def test_the_arrow_points_where_the_files_own_rotation_turns_it():
    """Each file's axes are the product of ours and a rotation; Unity's alone of a mirror, as it is left-handed."""
    turn = np.array([[math.cos(YAW), 0, math.sin(YAW)], [0, 1, 0], [-math.sin(YAW), 0, math.cos(YAW)]])
    angle = math.radians(files.DEGREES)
    unity = np.array([[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]])
    expected = (1 + math.sin(YAW) * 0.45, 3 - math.cos(YAW) * 0.45)
    assert files.turned_tip(turn, Y_UP) == pytest.approx(expected)
    assert files.turned_tip(unity, UNITY) == pytest.approx(expected)
    assert (np.linalg.det(Y_UP), np.linalg.det(UNITY)) == pytest.approx((1, -1))


@pytest.mark.parametrize("name", ["3D-FRONT", "ProcTHOR", "SceneEval"])
def test_doors_and_windows_come_into_their_walls(name, written):
    path, table = written[name]
    plan = import_rooms(path, table=table).layouts[0].floor_plan
    assert plan.height == pytest.approx(2.7)
    for opening, (kind, wall, start, width, sill) in zip(
        plan.openings,
        [("door", ((0, 0), (5, 0)), 1.0, 0.9, 0.0), ("window", ((0, 4), (0, 0)), 1.0, 1.2, 0.9)],
        strict=True,
    ):
        assert opening.kind == kind
        assert np.array(plan.walls[opening.wall]) == pytest.approx(np.array(wall), abs=1e-6)
        assert (opening.start, opening.width, opening.sill) == pytest.approx((start, width, sill))
        assert opening.sill + opening.height == pytest.approx(2.1)


@pytest.mark.parametrize("name", FORMATS)
def test_what_came_in_is_saved_and_loads_back_equal(name, written, tmp_path):
    path, table = written[name]
    layouts = import_rooms(path, table=table).layouts
    save_layouts(tmp_path / "rooms.jsonl", layouts)
    assert tuple(load_layouts(tmp_path / "rooms.jsonl")) == layouts
    assert import_rooms(tmp_path / "rooms.jsonl").layouts == layouts


def test_what_is_left_out_is_said(written):
    notes = import_rooms(written["boxes.npz"][0]).notes
    assert len(notes) == 1 and "'pendant_lamp' is of no class" in notes[0]


def test_a_thing_on_a_thing_comes_in_at_its_height(written):
    path, table = written["ProcTHOR"]
    _, box = import_rooms(path, table=table).layouts[0].objects
    assert box.category == "box" and box.position == pytest.approx((1, 3, 0.8))


def test_without_a_table_procthor_gets_usual_sizes_and_says_so(written):
    (layout,), notes = import_procthor(written["ProcTHOR"][0])
    assert layout.objects[0].size == CATEGORIES["sofa"].size
    assert any("sizes of 2 things" in note for note in notes)


def test_a_house_of_many_lines_may_be_gzipped(tmp_path):
    with gzip.open(tmp_path / "houses.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(files.procthor()) + "\n" for _ in range(5))
    assert len(import_procthor(tmp_path / "houses.jsonl.gz", most=3).layouts) == 3


def test_the_older_schema_of_procthor_names_holes_otherwise(tmp_path):
    house = changed(files.procthor(), "metadata.schema", "0.0.1")
    hole = house["doors"][0].pop("holePolygon")
    house["doors"][0]["boundingBox"] = {"min": hole[0], "max": hole[1]}
    plan = import_procthor(write(tmp_path, "old.json", house)).layouts[0].floor_plan
    assert [opening.kind for opening in plan.openings] == ["door", "window"]


def test_sizes_and_classes_come_from_3d_future(tmp_path):
    (tmp_path / "j1").mkdir()
    (tmp_path / "j1" / "raw_model.obj").write_text("v -0.5 0 -0.5\nvn 9 9 9\nv 0.5 0.9 0.4\nf 1 2 1\n")
    write(tmp_path, "model_info.json", [{"model_id": "j1", "category": "Armchair", "super-category": None}])
    (layout,), _ = import_3d_front(write(tmp_path, "house.json", files.front3d()), tmp_path)
    assert layout.objects[0].category == "armchair"
    assert layout.objects[0].size == pytest.approx((2 * 1.0, 0.9, 0.9))  # scaled by 2 along its width


def test_triangles_that_only_touch_become_one_floor(tmp_path):
    house = files.front3d()
    points = [[0, 0.2, 0], [3, 0.2, 0], [3, 0.2, -4], [0, 0.2, -4], [3, 0.2, -2], [5, 0.2, 0], [5, 0.2, -2]]
    house["mesh"][0] |= {"xyz": np.ravel(points).tolist(), "faces": [0, 1, 2, 0, 2, 3, 1, 5, 6, 1, 6, 4]}
    (layout,), _ = import_3d_front(write(tmp_path, "house.json", house))
    assert np.array(sorted(rounded(layout))) == pytest.approx(np.array(sorted(L_SHAPE)), abs=1e-6)


WRONG = [
    ("ReSpace", "bounds_top", None, "lacks 'bounds_top'"),
    ("ReSpace", "bounds_bottom.0", [NAN, 0, 0], "must be finite"),
    ("ReSpace", "bounds_bottom.0", [0, 0], "must be 3 numbers"),
    ("ReSpace", "bounds_top", [[0, -2, 0], [1, -2, 0], [1, -2, 1]], "y points down"),
    ("ReSpace", "objects.0.pos", [-1.0, 0.0, -3.0], "mirrored axes"),
    ("ReSpace", "objects.0.size", [1e9, 1, 1], "in metres"),
    ("ReSpace", "objects.0.rot", None, "lacks 'rot'"),
    ("ReSpace", "room_type", "garage", "'garage' is no type of room"),
    ("3D-FRONT", "scene", None, "lacks 'scene'"),
    ("3D-FRONT", "mesh.0.faces", [0, 1, 99], "corners that there are not"),
    ("3D-FRONT", "mesh.0.xyz", [0.0, 1.0], "three a corner"),
    ("3D-FRONT", "mesh.0.type", "Ceiling", "no mesh of the type 'Floor'"),
    ("3D-FRONT", "mesh.0.faces", [0, 1, 1], "has no area"),
    ("3D-FRONT", "scene.room.0.children.4.scale", [-1, 1, 1], "is mirrored"),
    ("3D-FRONT", "scene.room.0.children.4.pos", [1.0, -9.0, -3.0], "y points down"),
    ("3D-FRONT", "scene.room.0.children.4.pos", [1.0, 0.2, 3.0], "mirrored axes"),
    ("3D-FRONT", "furniture.0.size", [NAN, 1, 1], "must be finite"),
    ("ProcTHOR", "metadata.schema", "9.9", "the schema '9.9'"),
    ("ProcTHOR", "walls", None, "lacks 'walls'"),
    ("ProcTHOR", "rooms.0.floorPolygon.0", {"x": 0, "y": NAN, "z": 0}, "must be finite"),
    ("ProcTHOR", "doors.0.wall0", "wall|9", "does not have"),
    ("ProcTHOR", "objects.0.position", [1, 2, 3], "must be a dict"),
    ("SceneEval", "format", "other", "'sceneState' is expected"),
    ("SceneEval", "scene.up", [0, 1, 0], "Turn it"),
    ("SceneEval", "scene.object.0.transform.data", [1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0, 1, 3, 0, 1], "is mirrored"),
    ("SceneEval", "scene.object.0.transform.data", [1, 2, 3], "must be 16 numbers"),
    ("SceneEval", "scene.arch.elements.1.points", [[0, 0, 0]], "two points"),
]
MAKERS = {
    "ReSpace": files.respace,
    "3D-FRONT": files.front3d,
    "ProcTHOR": files.procthor,
    "SceneEval": files.scene_eval,
}


@pytest.mark.parametrize("name, path, value, sentence", WRONG)
def test_what_is_wrong_in_a_file_is_a_sentence(name, path, value, sentence, tmp_path):
    write(tmp_path, "models.json", files.MODELS)
    with pytest.raises(InteractiveActionError, match=sentence):
        import_rooms(write(tmp_path, "wrong.json", changed(MAKERS[name](), path, value)), name)


WRONG_BOXES = [
    ("sizes", None, "lacks sizes"),
    ("angles", np.zeros((1, 1)), "there are 2 things"),
    ("translations", np.full((2, 3), NAN), "not finite"),
    ("floor_plan_faces", np.array([[0, 1, 77]]), "corners that there are not"),
    ("class_labels", np.eye(9)[:2], "9 classes"),
    ("floor_plan_centroid", np.zeros(2), "another shape"),
    ("jids", np.array([{}, {}]), "cannot be read"),  # pickled: never opened
]


@pytest.mark.parametrize("name, value, sentence", WRONG_BOXES)
def test_what_is_wrong_in_an_npz_is_a_sentence(name, value, sentence, tmp_path):
    arrays = {key: array for key, array in files.boxes().items() if key != name}
    with pytest.raises(InteractiveActionError, match=sentence):
        import_rooms(files.write_boxes(tmp_path, arrays | ({name: value} if value is not None else {})))


def test_a_file_of_no_known_format_is_refused(tmp_path):
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(InteractiveActionError, match="not JSON"):
        import_rooms(tmp_path / "broken.json")
    with pytest.raises(InteractiveActionError, match="no format that this pack reads"):
        import_rooms(write(tmp_path, "other.json", {"walls": 3}))
    with pytest.raises(InteractiveActionError, match="There is no format 'IFC'"):
        import_rooms(tmp_path / "other.json", "IFC")
    (tmp_path / "room.npz").write_bytes(b"no zip")
    with pytest.raises(InteractiveActionError, match="cannot be read"):
        import_rooms(tmp_path / "room.npz")


def test_a_file_with_too_much_in_it_is_refused_at_once(tmp_path):
    room = files.respace()
    room["objects"] = [0] * (MOST_PIECES + 1)
    path = write(tmp_path, "large.json", room)
    begin = time.perf_counter()
    with pytest.raises(InteractiveActionError, match="are the limit"):
        import_rooms(path)
    assert time.perf_counter() - begin < 2


@pytest.mark.parametrize(
    "name, size, category",
    [
        ("TVStand", (1.2, 0.5, 0.5), "tv stand"),
        ("Bookcase / jewelry Armoire", (1, 0.3, 2), "bookcase"),
        ("bed", (0.9, 2.0, 0.5), "single bed"),
        ("King-size Bed", (1.8, 2.0, 1.0), "double bed"),
        ("Bed", (1.4, 2.2, 0.9), "double bed"),
        ("children_cabinet", (1.0, 0.5, 1.8), "wardrobe"),
        ("Lounge Chair / Cafe Chair / Office Chair", (0.6, 0.6, 0.8), "armchair"),
        ("corner_side_table", (0.5, 0.5, 0.5), "coffee table"),
        ("pendant_lamp", (0.5, 0.5, 0.5), None),
        ("HousePlant", (0.4, 0.4, 0.9), "plant"),
        ("a table", (1.4, 0.8, 0.75), "dining table"),
        ("spaceship", (1, 1, 1), None),
    ],
)
def test_foreign_names_mean_our_classes(name, size, category):
    assert category_of(name, size) == category


def test_every_class_of_ours_is_understood_by_its_name():
    assert {name: category_of(name, kind.size) for name, kind in CATEGORIES.items()} == {
        name: name for name in CATEGORIES
    }


def test_foreign_rooms_mean_our_types():
    names = ("MasterBedroom", "LivingDiningRoom", "diningroom", "Kitchen", "Bathroom", "Library")
    types = ("bedroom", "living room", "dining room", "kitchen", None, "living room")
    assert tuple(map(room_type_of, names)) == types


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(boxes_npz, "LARGEST_FILE", 2**20)
    arrays = files.boxes() | {"translations": np.zeros((100_000, 3))}
    room = tmp_path / "bomb"
    room.mkdir()
    np.savez_compressed(room / "boxes.npz", **arrays)
    assert (room / "boxes.npz").stat().st_size < 2**16
    with pytest.raises(InteractiveActionError, match="unpacks to more than 1 MB"):
        import_rooms(room)
