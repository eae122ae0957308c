"""Exporters: each file is loaded by its own engine and compared with the room, box by box and joint by joint.

Longer than other files: the room and its measures are shared by five engines, which are compared with one another.
"""

import io
import json
import math
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import trimesh

from interactive_action.errors import InteractiveActionError, MissingExtraError
from interactive_action.layouts.exporters.bodies import bodies_of, floor_mesh, mesh_of
from interactive_action.layouts.exporters.formats import FORMATS, LAYOUT, export_room
from interactive_action.layouts.exporters.glb import glb_bytes
from interactive_action.layouts.exporters.inertia import inertia_of
from interactive_action.layouts.importers.formats import import_rooms
from interactive_action.sim.furnishings.model import FINISHES, block, column
from interactive_action.sim.layout import FloorPlan, Layout, Opening, load_layouts
from interactive_action.tests.layouts.small_rooms import L_SHAPE, thing

OPENED = 0.6
OPENINGS = (
    Opening("door", 0, 3.0),
    Opening("window", 5, 1.0, 1.2, 1.2, 0.9),
    Opening("door", 5, 2.4, 0.9, 2.0, 0.0, "end", "out"),
)


@pytest.fixture(scope="module")
def layout():
    """Doors, drawers, a lid and a flap that stand open, things to carry, and none of them parallel to the walls."""
    import dataclasses

    things = (
        dataclasses.replace(thing("fridge", 1.0, 3.2, 0.4), opened=OPENED),
        dataclasses.replace(thing("nightstand", 2.3, 1.2, -1.1), opened=OPENED),
        dataclasses.replace(thing("oven", 1.0, 1.0, 2.3), opened=OPENED),
        dataclasses.replace(thing("bin", 4.2, 1.2, 0.2), opened=OPENED),
        thing("chair", 3.5, 0.8, 3.0),
        thing("chair", 2.4, 2.6, -2.0),
        thing("floor lamp", 2.4, 3.6),
        thing("rug", 3.4, 1.6, 0.3),
    )
    return Layout(FloorPlan(L_SHAPE, OPENINGS, room_type="kitchen"), things)


@pytest.fixture(scope="module")
def folder(layout, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rooms") / "room"
    export_room(layout, folder)
    return folder


def solids(layout, opened=None):
    """{part: [(solid, its pose (4, 4) in the room)]} by arithmetic of its own; opened: a share for all links."""
    found = {}
    for body in bodies_of(layout):
        share = body.opened if opened is None else opened
        cos, sin = math.cos(body.yaw), math.sin(body.yaw)
        pose = np.array([[cos, -sin, 0, 0], [sin, cos, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
        pose[:3, 3] = body.position
        for name, pieces, link in body.parts():
            moved = pose @ (turned(link, share) if link else np.eye(4))
            found[name] = [(piece, moved @ translation(piece.geometry.at)) for piece in pieces]
    return found


def translation(offset):
    matrix = np.eye(4)
    matrix[:3, 3] = offset
    return matrix


def turned(link, share):
    """Rodrigues' formula about the joint's axis, or a step along it."""
    if link.kind == "slide":
        return translation(np.array(link.axis) * link.range * share)
    x, y, z = link.axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = link.range * share
    matrix = np.eye(4)
    matrix[:3, :3] += math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    return translation(link.at) @ matrix @ translation(-np.array(link.at))


def links(layout):
    """[(part, link, pose of its thing)]"""
    return [
        (f"{body.name}_{link.name}", link, body.pose, body)
        for body in bodies_of(layout)
        for link in body.furnishing.links
    ]


def corners(pose, half):
    """The corners (8, 3) of a box, in an order that does not depend on its axes."""
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    points = signs * np.asarray(half) @ pose[:3, :3].T + pose[:3, 3]
    return points[np.lexsort(np.round(points, 4).T)]


def half_of(piece):
    """Half sizes of the box around a box or a cylinder."""
    low, high = piece.geometry.bounds()
    return (high - low) / 2


def test_a_glb_holds_every_part_at_its_place_with_y_up(layout, folder):
    scene = trimesh.load(folder / "room.glb")
    expected = solids(layout)
    seen = set()
    for node in scene.graph.nodes_geometry:
        transform, geometry = scene.graph[node]
        points = trimesh.transform_points(scene.geometry[geometry].vertices, transform)
        points = points[:, [0, 2, 1]] * (1, -1, 1)  # y up to z up
        if node == "floor":
            assert points.min(0) == pytest.approx((0, 0, -0.05)) and points.max(0) == pytest.approx((5, 4, 0))
            continue
        part, finish = node.rsplit("/", 1)
        boxes = [
            corners(pose, half_of(piece))
            for piece, pose in expected[part]
            if piece.finish == finish and piece.geometry.shape == "box"
        ]
        if len(boxes) == sum(piece.finish == finish for piece, _ in expected[part]):
            assert points.min(0) == pytest.approx(np.min(boxes, (0, 1)), abs=1e-5), node
            assert points.max(0) == pytest.approx(np.max(boxes, (0, 1)), abs=1e-5), node
        assert scene.geometry[geometry].visual.material.name == finish
        seen.add((part, finish))
    assert seen == {(part, piece.finish) for part, pieces in expected.items() for piece, _ in pieces}


def test_walls_that_are_seen_from_inside_alone_are_their_inner_sides_and_nothing_else_changes(layout):
    bodies = bodies_of(layout)
    solid, inner = (
        trimesh.load(io.BytesIO(glb_bytes(bodies, layout, from_inside)), file_type="glb")
        for from_inside in (False, True)
    )
    assert set(inner.graph.nodes_geometry) == set(solid.graph.nodes_geometry)
    walls = 0
    for node in inner.graph.nodes_geometry:
        transform, geometry = inner.graph[node]
        mesh = inner.geometry[geometry]
        if not node.startswith("wall"):
            assert np.array_equal(mesh.vertices, solid.geometry[geometry].vertices)
            continue
        walls += 1
        mesh = mesh.copy().apply_transform(transform)
        start, end = layout.floor_plan.walls[int(node.split("/")[0].split("_")[1])]
        inwards = np.array([start[1] - end[1], 0, start[0] - end[0]]) / math.dist(start, end)  # z is against our y
        assert mesh.face_normals @ inwards == pytest.approx(1)
        assert len(mesh.faces) == len(solid.geometry[geometry].faces) / 6
    assert walls >= len(layout.floor_plan.walls)


def test_a_glb_says_class_and_joint_of_its_nodes(layout, folder):
    data = (folder / "room.glb").read_bytes()
    length = int.from_bytes(data[12:16], "little")
    nodes = {node["name"]: node for node in json.loads(data[20 : 20 + length])["nodes"]}
    assert nodes["fridge_0"]["extras"] == {"category": "fridge", "opened": OPENED}
    for part, link, *_ in links(layout):
        extras = nodes[part]["extras"]
        assert (extras["joint"], extras["range"]) == (link.kind, pytest.approx(link.range))
        assert extras["axis"] == pytest.approx(link.axis) and extras["at"] == pytest.approx(link.at)


@pytest.fixture(scope="module")
def mujoco_room(folder):
    import mujoco

    model = mujoco.MjModel.from_xml_path(str(folder / "room.xml"))
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, model.key("layout").id)
    mujoco.mj_forward(model, data)
    return mujoco, model, data


def test_mujoco_sees_the_same_boxes(layout, mujoco_room):
    _, model, data = mujoco_room
    count = 0
    for part, pieces in solids(layout).items():
        for number, (piece, pose) in enumerate(pieces):
            geom = model.geom(f"{part}_{number}").id
            found = translation(data.geom_xpos[geom])
            found[:3, :3] = data.geom_xmat[geom].reshape(3, 3)
            half = model.geom_size[geom] if piece.geometry.shape == "box" else half_of(piece)
            assert corners(found, half) == pytest.approx(corners(pose, half_of(piece)), abs=1e-6), (part, number)
            if piece.geometry.shape == "cylinder":
                assert model.geom_size[geom][:2] == pytest.approx(piece.geometry.half)
            count += 1
    assert count == sum(model.geom_bodyid > 0)


def test_mujoco_has_the_same_joints(layout, mujoco_room):
    mujoco, model, data = mujoco_room
    for part, link, pose, body in links(layout):
        joint = model.joint(f"{part}_joint")
        assert joint.type == (mujoco.mjtJoint.mjJNT_HINGE if link.kind == "hinge" else mujoco.mjtJoint.mjJNT_SLIDE)
        assert joint.range == pytest.approx((0, link.range))
        assert data.xaxis[joint.id] == pytest.approx(pose[:3, :3] @ link.axis, abs=1e-9)
        assert data.qpos[joint.qposadr[0]] == pytest.approx(body.opened * link.range)
    free = {body.name for body in bodies_of(layout) if body.movable}
    assert free == {"chair_0", "chair_1", "bin_0"}
    assert sum(model.jnt_type == mujoco.mjtJoint.mjJNT_FREE) == len(free)


def test_in_mujoco_a_second_passes_and_nothing_falls(layout, mujoco_room):
    mujoco, model, data = mujoco_room
    before = data.xpos.copy()
    while data.time < 1:
        mujoco.mj_step(model, data)
    bodies = [body.name for body in bodies_of(layout)]
    moved = [np.linalg.norm(data.xpos[model.body(name).id] - before[model.body(name).id]) for name in bodies]
    assert max(moved) < 0.02 and np.isfinite(data.qpos).all()


@pytest.mark.sim
def test_sapien_sees_the_same_boxes_and_joints(layout, folder):
    import sapien

    scene = sapien.Scene()
    loader = scene.create_urdf_loader()
    loader.fix_root_link = True
    room = loader.load(str(folder / "room.urdf"))
    joints = {joint.name: joint for joint in room.active_joints}
    expected = {f"{part}_joint": link for part, link, *_ in links(layout)}
    assert set(joints) == set(expected)
    for name, link in expected.items():
        assert joints[name].type == ("revolute_unwrapped" if link.kind == "hinge" else "prismatic")
        assert joints[name].limit[0] == pytest.approx((0, link.range), abs=1e-5)
    room.qpos = np.array([OPENED * expected[joint.name].range for joint in room.active_joints])
    found = {link.name: link for link in room.links}
    for part, pieces in solids(layout, OPENED).items():
        shapes = found[part].collision_shapes
        assert len(shapes) == len(pieces)
        for shape, (piece, pose) in zip(shapes, pieces):
            at = (found[part].entity.pose * shape.local_pose).to_transformation_matrix()
            if piece.geometry.shape == "box":
                assert corners(at, shape.half_size) == pytest.approx(corners(pose, half_of(piece)), abs=1e-4), part
            else:
                assert (shape.radius, shape.half_length) == pytest.approx(piece.geometry.half)
                assert at[:3, 3] == pytest.approx(pose[:3, 3], abs=1e-4)


def test_the_masses_of_a_urdf_are_those_of_its_solids(layout, folder):
    root = ET.parse(folder / "room.urdf").getroot()
    masses = {
        link.get("name"): float(link.find("inertial/mass").get("value")) for link in root.iterfind("link[inertial]")
    }
    chair = next(body for body in bodies_of(layout) if body.name == "chair_0")
    volume = sum(8 * np.prod(piece.geometry.half) for piece in chair.furnishing.pieces)
    assert masses["chair_0"] == pytest.approx(450 * volume)
    assert min(masses.values()) > 0


@pytest.fixture(scope="module")
def stage(folder):
    from pxr import Usd

    return Usd.Stage.Open(str(folder / "room.usda"))


def pose_of(stage, path):
    from pxr import UsdGeom

    return np.array(UsdGeom.XformCache().GetLocalToWorldTransform(stage.GetPrimAtPath(path))).T


def usd_path(layout):
    """{part: its path}"""
    paths = {}
    for body in bodies_of(layout):
        for name, _, link in body.parts():
            paths[name] = f"/room/{body.name}/{link.name if link else 'base'}"
    return paths


def test_usd_sees_the_same_boxes(layout, stage):
    from pxr import UsdGeom, UsdPhysics

    assert UsdGeom.GetStageUpAxis(stage) == "Z" and UsdGeom.GetStageMetersPerUnit(stage) == 1
    assert stage.GetDefaultPrim().GetPath() == "/room"
    paths = usd_path(layout)
    for part, pieces in solids(layout).items():
        for number, (piece, pose) in enumerate(pieces):
            prim = stage.GetPrimAtPath(f"{paths[part]}/piece_{number}")
            assert prim.HasAPI(UsdPhysics.CollisionAPI)
            half = np.ones(3) if piece.geometry.shape == "box" else half_of(piece)
            found = corners(pose_of(stage, prim.GetPath()), half)
            assert found == pytest.approx(corners(pose, half_of(piece)), abs=1e-5), (part, number)


def test_usd_has_the_same_joints_and_both_of_their_frames_meet(layout, stage):
    from pxr import UsdPhysics

    for part, link, pose, body in links(layout):
        path = usd_path(layout)[part]
        prim = stage.GetPrimAtPath(f"{path}_joint")
        hinge = link.kind == "hinge"
        joint = (UsdPhysics.RevoluteJoint if hinge else UsdPhysics.PrismaticJoint)(prim)
        limits = joint.GetLowerLimitAttr().Get(), joint.GetUpperLimitAttr().Get()
        assert limits == pytest.approx((0, math.degrees(link.range) if hinge else link.range), rel=1e-5)
        frames = [joint_frame(stage, joint, side) for side in (0, 1)]
        axis = pose[:3, :3] @ link.axis
        assert [frame[:3, 0] for frame in frames] == pytest.approx(np.array([axis, axis]), abs=1e-5)
        between = frames[1][:3, 3] - frames[0][:3, 3]
        travel = 0 if hinge else body.opened * link.range
        assert between == pytest.approx(axis * travel, abs=1e-5)
        if hinge:  # by the right hand, from the thing to its link
            cos, sin = (frames[0][:3, 1] @ frames[1][:3, k] * sign for k, sign in ((1, 1), (2, -1)))
            assert math.atan2(sin, cos) == pytest.approx(body.opened * link.range, abs=1e-5)


def joint_frame(stage, joint, side):
    """The pose (4, 4) in the room of one frame of a joint."""
    from scipy.spatial.transform import Rotation

    target = (joint.GetBody1Rel() if side else joint.GetBody0Rel()).GetTargets()
    local = translation((joint.GetLocalPos1Attr() if side else joint.GetLocalPos0Attr()).Get())
    turn = (joint.GetLocalRot1Attr() if side else joint.GetLocalRot0Attr()).Get()
    local[:3, :3] = Rotation.from_quat([*turn.GetImaginary(), turn.GetReal()]).as_matrix()
    return (pose_of(stage, target[0]) if target else np.eye(4)) @ local


def test_in_usd_no_rigid_body_is_in_another_and_what_stands_fast_is_held(layout, stage):
    from pxr import UsdPhysics

    rigid = [prim.GetPath() for prim in stage.Traverse() if prim.HasAPI(UsdPhysics.RigidBodyAPI)]
    assert not [(a, b) for a in rigid for b in rigid if a != b and a.HasPrefix(b)]
    assert "/room/chair_0/base" in map(str, rigid) and "/room/rug_0/base" not in map(str, rigid)
    fixed = {str(prim.GetPath()) for prim in stage.Traverse() if prim.IsA(UsdPhysics.FixedJoint)}
    assert fixed == {f"/room/{name}/fixed" for name in ("fridge_0", "nightstand_0", "oven_0")}
    roots = {prim.GetName() for prim in stage.Traverse() if prim.HasAPI(UsdPhysics.ArticulationRootAPI)}
    assert roots == {"fridge_0", "nightstand_0", "oven_0", "bin_0", "door_0", "door_2"}


def test_a_scene_state_comes_back_as_the_same_room(layout, folder):
    (back,), notes = import_rooms(folder / "scene_state.json")
    assert notes == ()
    assert np.array(back.floor_plan.corners) == pytest.approx(np.array(layout.floor_plan.corners))
    for found, opening in zip(back.floor_plan.openings, layout.floor_plan.openings, strict=True):
        assert (found.kind, found.wall) == (opening.kind, opening.wall)
        assert (found.start, found.width, found.height, found.sill) == pytest.approx(
            (opening.start, opening.width, opening.height, opening.sill)
        )
    for found, item in zip(back.objects, layout.objects, strict=True):
        assert found.category == item.category
        assert (*found.size, *found.position) == pytest.approx((*item.size, *item.position))
        assert math.remainder(found.yaw - item.yaw, 2 * math.pi) == pytest.approx(0, abs=1e-9)


def test_the_models_of_a_scene_state_have_the_sizes_that_its_table_says(folder):
    table = json.loads((folder / "models.json").read_text())
    for model in table.values():
        size = trimesh.load(folder / model["file"]).extents
        if model["category"] not in ("fridge", "nightstand", "oven", "bin"):  # these stand open
            assert size[[0, 2, 1]] == pytest.approx(model["size"], abs=1e-6)


def test_the_layout_itself_lies_beside_and_loads_back_equal(layout, folder):
    assert load_layouts(folder / LAYOUT) == [layout]


def test_the_floor_is_the_l_and_closed():
    mesh = trimesh.Trimesh(*floor_mesh(L_SHAPE))
    assert mesh.is_watertight and mesh.volume == pytest.approx(16 * 0.05)


@pytest.mark.parametrize(
    "piece", [block((0, 0.2), (-0.1, 0.3), (0.5, 1.5), "oak"), column(0.2, (0.1, 0.9), "oak", (1, 2))]
)
def test_mass_and_inertia_are_those_of_the_surface(piece):
    """A cylinder of 32 sides has 0.6 % less."""
    mesh = trimesh.Trimesh(*mesh_of(piece))
    mesh.density = 450
    inertia = inertia_of([piece], 450)
    assert mesh.is_watertight and inertia.mass == pytest.approx(mesh.mass, rel=0.007)
    assert inertia.middle == pytest.approx(mesh.center_mass)
    assert inertia.matrix == pytest.approx(mesh.moment_inertia, rel=0.02, abs=1e-9)


def test_an_export_is_whole_or_not_there(layout, tmp_path):
    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_room(layout, tmp_path / "room", ("GLB", "URDF", "MJCF"), on_progress=stop)
    assert list(tmp_path.iterdir()) == []
    export_room(layout, tmp_path / "room", ("MJCF",))
    with pytest.raises(InteractiveActionError, match="already a room"):
        export_room(layout, tmp_path / "room", ("MJCF",))
    with pytest.raises(InteractiveActionError, match="no format 'FBX'"):
        export_room(layout, tmp_path / "other", ("FBX",))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["room"]


def test_the_same_room_gives_the_same_bytes(layout):
    for name in ("URDF", "MJCF", "GLB"):
        from interactive_action.sim.furnishings.makers import furnish

        assert FORMATS[name](layout, furnish) == FORMATS[name](layout, furnish)


def test_every_finish_is_a_color_and_a_roughness():
    for finish in FINISHES.values():
        assert all(0 <= value <= 1 for value in (*finish.color, finish.roughness, finish.metallic))


@pytest.mark.parametrize(
    "name, module", [("GLB", "trimesh"), ("URDF", "shapely"), ("USD", "pxr"), ("SceneEval", "trimesh")]
)
def test_what_is_not_installed_is_said_with_the_extra_that_brings_it(name, module, layout, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"\[rooms\]"):
        export_room(layout, tmp_path / "room", (name,))
    assert list(tmp_path.iterdir()) == []
