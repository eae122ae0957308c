"""A user's folder of meshes as furniture: found by class, chosen by size, turned, scaled, and with its licence."""

import dataclasses
import json
import math

import numpy as np
import pytest
import trimesh

from interactive_action.errors import InteractiveActionError
from interactive_action.layouts.exporters.bodies import mesh_of
from interactive_action.layouts.exporters.formats import export_room
from interactive_action.sim.furnishings.assets import asset_maker, nearest, read_assets, with_assets
from interactive_action.sim.furnishings.makers import furnish
from interactive_action.sim.layout import FloorPlan, Layout, LayoutObject
from interactive_action.tests.layouts.small_rooms import L_SHAPE

Y_UP = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], float)  # ours to y up


def sofa(width, depth=0.9, height=0.8):
    """A seat with a back behind it, in our axes: its front looks to -y."""
    seat = trimesh.creation.box((width, depth, height / 2))
    seat.apply_translation((0, 0, height / 4))
    back = trimesh.creation.box((width, depth / 4, height / 2))
    back.apply_translation((0, 0.375 * depth, 0.75 * height))
    return trimesh.util.concatenate([seat, back])


def saved(path, mesh, axes=Y_UP, unit=1.0, shift=(0.3, 0.2, -0.1)):
    path.parent.mkdir(parents=True, exist_ok=True)
    mesh = mesh.copy()
    mesh.vertices = (mesh.vertices @ axes.T + shift) / unit
    mesh.export(path)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "meshes"
    saved(folder / "sofa" / "small.glb", sofa(1.6))
    saved(folder / "sofa" / "large.obj", sofa(2.4))
    saved(folder / "coffee_table" / "slab.stl", trimesh.creation.box((1.0, 0.6, 0.4)), np.eye(3))
    (folder / "sofa" / "LICENSE").write_text("\nCC0 1.0 Universal\nmore")
    return folder


def item(width=2.2, depth=0.9, height=0.8, **changes):
    return LayoutObject("sofa", (width, depth, height), (1.5, 1.5, 0.0), **changes)


def back_of(furnishing):
    """The middle of what is higher than the seat."""
    corners, _ = mesh_of(furnishing.pieces[0])
    return corners[corners[:, 2] > 0.9 * corners[:, 2].max()].mean(0)


def test_meshes_are_found_by_class_with_size_and_licence(folder):
    assets = {asset.name: asset for asset in read_assets(folder)}
    assert set(assets) == {"sofa/small.glb", "sofa/large.obj", "coffee_table/slab.stl"}
    assert assets["sofa/small.glb"].size == pytest.approx((1.6, 0.9, 0.8))
    assert assets["coffee_table/slab.stl"].size == pytest.approx((1.0, 0.6, 0.4))
    assert assets["coffee_table/slab.stl"].category == "coffee table"
    assert assets["sofa/large.obj"].licence == "CC0 1.0 Universal"
    assert assets["coffee_table/slab.stl"].licence == "licence unknown"


def test_the_nearest_by_size_is_chosen_and_none_that_is_too_far(folder):
    assets = read_assets(folder)
    assert [nearest(assets, item(width)).name for width in (1.5, 1.8, 2.2, 2.6)] == [
        "sofa/small.glb",
        "sofa/small.glb",
        "sofa/large.obj",
        "sofa/large.obj",
    ]
    assert nearest(assets, item(1.6, height=1.2)) is None
    assert nearest(assets, item(2.2, asset="sofa/small.glb")).name == "sofa/small.glb"
    assert asset_maker(assets)(item(1.6, height=1.2)) == furnish(item(1.6, height=1.2))
    layout = Layout(FloorPlan(L_SHAPE), (item(1.5), item(1.6, height=1.2, asset="sofa/other.glb")))
    named = with_assets(layout, assets)
    assert [thing.asset for thing in named.objects] == ["sofa/small.glb", ""]
    assert dataclasses.replace(named.objects[0], asset="") == item(1.5) and named.floor_plan == layout.floor_plan


@pytest.mark.parametrize("size", [(1.6, 0.9, 0.8), (1.8, 1.0, 0.7), (2.2, 0.8, 0.9)])
def test_a_mesh_is_brought_to_size_with_its_front_where_ours_is(folder, size):
    furnishing = asset_maker(read_assets(folder))(item(*size))
    width, depth, height = size
    expected = np.array([[-width / 2, -depth / 2, 0], [width / 2, depth / 2, height]])
    assert furnishing.bounds == pytest.approx(expected)
    corners, _ = mesh_of(furnishing.pieces[0])
    assert np.array([corners.min(0), corners.max(0)]) == pytest.approx(expected, abs=1e-5)
    assert back_of(furnishing)[1] > 0.2 * depth
    hulls = np.concatenate(furnishing.pieces[0].geometry.pieces)
    assert hulls.min(0) == pytest.approx(expected[0], abs=0.03) and hulls.max(0) == pytest.approx(expected[1], abs=0.03)


def test_a_catalogue_says_axes_and_unit(folder):
    sideways = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], float)  # z up, and the front from -y to x
    saved(folder / "sofa" / "cad.obj", sofa(2.0), sideways, unit=0.01)
    row = {"up": "z", "front": "x", "unit": 0.01, "licence": "CC BY 4.0"}
    (folder / "assets.json").write_text(json.dumps({"sofa/cad.obj": row}))
    asset = next(asset for asset in read_assets(folder) if asset.name == "sofa/cad.obj")
    assert asset.size == pytest.approx((2.0, 0.9, 0.8)) and asset.licence == "CC BY 4.0"
    furnishing = asset_maker([asset])(item(2.0))
    assert back_of(furnishing) == pytest.approx((0, 0.3375, 0.8), abs=1e-4)


@pytest.mark.parametrize(
    "row, sentence",
    [
        ({"up": "w"}, "up of 'sofa/small.glb' is 'w'"),
        ({"up": "z", "front": "-z"}, "along one axis"),
        ({"unit": 0}, "0.01 for centimetres"),
        ({"unit": 100}, "is 160 x 90 x 80 m large"),
        ({"color": "red"}, "some of: front, licence, unit, up"),
    ],
)
def test_a_wrong_catalogue_is_a_sentence(folder, row, sentence):
    (folder / "assets.json").write_text(json.dumps({"sofa/small.glb": row}))
    with pytest.raises(InteractiveActionError, match=sentence):
        read_assets(folder)


def test_a_folder_without_meshes_of_a_class_is_refused(tmp_path, folder):
    with pytest.raises(InteractiveActionError, match="no folder 'nowhere'"):
        read_assets(tmp_path / "nowhere")
    with pytest.raises(InteractiveActionError, match="no meshes in folders"):
        read_assets(tmp_path)
    (folder / "assets.json").write_text('{"sofa/gone.glb": {}}')
    with pytest.raises(InteractiveActionError, match="names 'sofa/gone.glb'"):
        read_assets(folder)


def test_a_mesh_without_volume_or_numbers_is_refused(folder):
    (folder / "sofa" / "flat.obj").write_text("v 0 0 0\nv 1 0 0\nv 1 0 1\nf 1 2 3\n")
    with pytest.raises(InteractiveActionError, match="thickness"):
        read_assets(folder)
    (folder / "sofa" / "flat.obj").write_text("nothing")
    with pytest.raises(InteractiveActionError, match="flat.obj"):
        read_assets(folder)


@pytest.fixture
def room(folder, tmp_path):
    """(folder, the corners of the box in the room) of an export with one of these meshes."""
    thing = dataclasses.replace(item(2.2), yaw=0.7)
    export_room(
        Layout(FloorPlan(L_SHAPE), (thing,)),
        tmp_path / "room",
        ("GLB", "URDF", "MJCF", "USD"),
        asset_maker(read_assets(folder)),
    )
    cos, sin = math.cos(0.7), math.sin(0.7)
    x, y = 1.1 * cos + 0.45 * sin, 1.1 * sin + 0.45 * cos
    return tmp_path / "room", np.array([[1.5 - x, 1.5 - y, 0], [1.5 + x, 1.5 + y, 0.8]])


def test_exports_hold_the_mesh_at_its_place_and_its_licence(room):
    import mujoco
    from pxr import Usd, UsdGeom

    folder, expected = room
    assert (folder / "LICENCES.txt").read_text() == "sofa_0: sofa/large.obj: CC0 1.0 Universal\n"
    scene = trimesh.load(folder / "room.glb")
    (node,) = [node for node in scene.graph.nodes_geometry if node.startswith("sofa_0/")]
    transform, geometry = scene.graph[node]
    points = trimesh.transform_points(scene.geometry[geometry].vertices, transform)[:, [0, 2, 1]] * (1, -1, 1)
    assert np.array([points.min(0), points.max(0)]) == pytest.approx(expected, abs=1e-4)

    model = mujoco.MjModel.from_xml_path(str(folder / "room.xml"))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    geom = next(
        g for g in range(model.ngeom) if model.geom_bodyid[g] == model.body("sofa_0").id and not model.geom_contype[g]
    )
    mesh = model.geom_dataid[geom]
    vertices = model.mesh_vert[model.mesh_vertadr[mesh] :][: model.mesh_vertnum[mesh]]
    points = vertices @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom]
    assert np.array([points.min(0), points.max(0)]) == pytest.approx(expected, abs=1e-4)

    stage = Usd.Stage.Open(str(folder / "room.usda"))
    prim = stage.GetPrimAtPath("/room/sofa_0/base/piece_0")
    points = np.array(UsdGeom.Mesh(prim).GetPointsAttr().Get())
    pose = np.array(UsdGeom.XformCache().GetLocalToWorldTransform(prim)).T
    points = points @ pose[:3, :3].T + pose[:3, 3]
    assert np.array([points.min(0), points.max(0)]) == pytest.approx(expected, abs=1e-4)


@pytest.mark.sim
def test_the_simulator_takes_the_mesh_from_a_urdf_and_by_itself(folder, room):
    import sapien

    from interactive_action.sim.furnishings.build import build_furnishing

    scene = sapien.Scene()
    loader = scene.create_urdf_loader()
    loader.fix_root_link = True
    exported = loader.load(str(room[0] / "room.urdf"))
    (link,) = [link for link in exported.links if link.name == "sofa_0"]
    built = build_furnishing(scene, asset_maker(read_assets(folder))(item(2.2)), sapien.Pose(), "sofa")
    shapes = built.find_component_by_type(sapien.physx.PhysxRigidStaticComponent).collision_shapes
    assert len(link.collision_shapes) == len(shapes) > 0
    for shape in (shapes, link.collision_shapes):
        points = np.concatenate([hull.vertices * hull.scale for hull in shape])
        assert np.ptp(points, axis=0) == pytest.approx((2.2, 0.9, 0.8), abs=0.04)
    drawn = built.find_component_by_type(sapien.render.RenderBodyComponent).compute_global_aabb_tight()
    assert np.array(drawn) == pytest.approx(np.array([[-1.1, -0.45, 0], [1.1, 0.45, 0.8]]), abs=0.01)
