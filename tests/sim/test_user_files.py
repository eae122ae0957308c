"""A file that was exported again under its name is simulated and drawn, in a process that has read the old one."""

import os
import pathlib
import shutil

import numpy as np
import psutil
import pytest
import trimesh
from PIL import Image

from interactive_action.errors import InteractiveActionError
from interactive_action.sim.custom_object import CustomObject
from interactive_action.sim.custom_robot import CustomRobot
from interactive_action.sim.plan import Plan
from interactive_action.sim.scene import Scene
from interactive_action.sim.user_files import version, with_named
from interactive_action.tests.sim.toys import arm, drawer, export

PLAN = Plan(num_episodes=1, frames_per_episode=1, width=64, height=64)
CUBE = trimesh.creation.box((1, 1, 1))
FLAT = trimesh.creation.cylinder(0.5, 0.3)


def assert_same(first, second):
    for name, array in first.arrays().items():
        assert np.array_equal(array, second.arrays()[name]), name


def differs(first, second):
    return not np.array_equal(first.images, second.images)


def touched(path, **changes):
    return Scene(action="touch", mesh=str(path), mesh_size=0.07, **changes)


@pytest.mark.parametrize("suffix", ["glb", "gltf", "obj", "stl", "ply"])
def test_a_mesh_exported_again_under_its_name_is_recorded_as_under_another_name(simulator, tmp_path, suffix):
    path = tmp_path / f"thing.{suffix}"
    cube = simulator.record(touched(export(CUBE, path)), PLAN)
    flat = simulator.record(touched(export(FLAT, path)), PLAN)
    elsewhere = simulator.record(touched(export(FLAT, tmp_path / "elsewhere" / path.name)), PLAN)
    assert_same(flat, elsewhere)
    assert differs(cube, flat)
    assert_same(cube, simulator.record(touched(export(CUBE, path)), PLAN))


def test_it_is_told_by_content_and_not_by_size_or_time(simulator, tmp_path):
    path = export(CUBE, tmp_path / "thing.stl")
    before, cube = path.stat(), simulator.record(touched(path), PLAN)
    export(trimesh.creation.box((1, 1, 0.4)), path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    slab = simulator.record(touched(path), PLAN)
    assert slab.object_masks.sum() < 0.8 * cube.object_masks.sum()


def painted(folder, color, side=8):
    """A cube whose material, which a file of its own tells of, is a texture of one ``color``."""
    path = export(CUBE, folder / "painted thing.obj")
    corners = [line for line in path.read_text().splitlines() if line.startswith("v ")]
    faces = ["f " + " ".join(f"{corner + 1}/1" for corner in face) for face in CUBE.faces]
    path.write_text("\n".join(["mtllib the paint.mtl", *corners, "vt 0.5 0.5", "usemtl paint", *faces]))
    (folder / "the paint.mtl").write_text("newmtl paint\nKd 1 1 1\nmap_Kd -s 1 1 1 maps/the color.png\n")
    (folder / "maps").mkdir(exist_ok=True)
    Image.new("RGB", (side, side), color).save(folder / "maps" / "the color.png")
    return path


def test_so_is_a_texture_that_only_the_material_of_the_mesh_names(simulator, tmp_path):
    def color(recording):
        return recording.images[recording.object_masks].mean(0)

    red = color(simulator.record(touched(painted(tmp_path, (200, 0, 0))), PLAN))
    blue = color(simulator.record(touched(painted(tmp_path, (0, 0, 200))), PLAN))
    assert red[0] > 2 * red[2] and blue[2] > 2 * blue[0]


def test_so_is_a_part_of_a_robot(simulator, tmp_path):
    own = CustomRobot(str(tmp_path), arm(tmp_path), "palm", ("left", "right"))
    foot = tmp_path / "toy_arm" / "meshes" / "foot.stl"
    before = simulator.record(Scene(custom_robot=own), PLAN)
    trimesh.creation.cylinder(0.3, 0.06).apply_translation((0, 0, 0.03)).export(foot)
    after = simulator.record(Scene(custom_robot=own), PLAN)
    assert after.subject_masks.sum() > 1.05 * before.subject_masks.sum()
    shutil.copytree(tmp_path / "toy_arm", tmp_path / "other")
    text = (tmp_path / "other" / "toy.urdf").read_text()
    (tmp_path / "other" / "toy.urdf").write_text(text.replace("package://toy_arm", "package://other"))
    elsewhere = CustomRobot(str(tmp_path), "other/toy.urdf", "palm", ("left", "right"))
    assert_same(after, simulator.record(Scene(custom_robot=elsewhere), PLAN))


def test_so_is_a_part_that_collides_of_a_thing_that_opens(simulator, tmp_path):
    def record(folder, size):
        own = CustomObject(str(folder), drawer(folder), "drawer", handle="knob", size=0.3, front="y")
        mesh = export(trimesh.creation.box(size), folder / "knob.stl")
        text = (folder / own.urdf).read_text()
        text = text.replace('<box size="0.12 0.015 0.015"/>', f'<mesh filename="{mesh.name}"/>')
        (folder / own.urdf).write_text(text)
        return simulator.record(Scene(action="open", custom_object=own), PLAN)

    thick, thin = record(tmp_path, (0.12, 0.025, 0.03)), record(tmp_path, (0.12, 0.012, 0.012))
    (tmp_path / "elsewhere").mkdir()
    assert_same(thin, record(tmp_path / "elsewhere", (0.12, 0.012, 0.012)))
    assert differs(thick, thin)


def test_two_meshes_in_one_recording_are_each_drawn_as_alone(simulator, tmp_path):
    scenes = [touched(export(mesh, tmp_path / name)) for mesh, name in ((CUBE, "cube.glb"), (FLAT, "flat.glb"))]
    for alone, together in zip(scenes, simulator.record_together(scenes, PLAN)):
        assert_same(simulator.record(alone, PLAN), together)


def test_memory_stays_flat_however_many_meshes_come(simulator, tmp_path):
    def memory(number):
        simulator.record(touched(painted(tmp_path / str(number), (number, 0, 0), side=2048)), PLAN)  # 16 MB of texture
        return psutil.Process(simulator.process.pid).memory_info().rss / 2**20

    sizes = [memory(number) for number in range(10)]
    assert np.median(sizes[7:]) - np.median(sizes[:3]) < 60, sizes


# What belongs to a file


def written(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "name, content, named",
    [
        ("a.obj", b"mtllib b c.mtl\nv 0 0 0\n", ["b c.mtl"]),
        ("a.obj", b"mtllib b.mtl c.mtl\n", ["b.mtl", "c.mtl"]),
        ("a.obj", b"# no word of a material\n", ["a.mtl"]),
        ("a.mtl", b"\tmap_Kd\t-o 1 1 1 sub\\d e.png\r\nmap_Bump -bm 2 f.png\n", ["sub/d e.png", "f.png"]),
        ("a.mtl", b"bump g.png\nnorm h.png\nKd i.png\n", ["g.png", "h.png"]),
        ("a.gltf", b'{"buffers": [{"uri": "h%20i.bin"}, {"uri": "data:;base64,AA"}]}', ["h i.bin"]),
        ("a.gltf", b'{"images": [{"uri": "j.png"}, {"bufferView": 0}]}', ["j.png"]),
        ("a.glb", b'glTF\2\0\0\0\x30\0\0\0\x1c\0\0\0JSON{"images":[{"uri":"k.png"}]}', ["k.png"]),
        ("a.ply", b"ply\ncomment TextureFile l m.png\nend_header\ncomment TextureFile n.png\n", ["l m.png"]),
        ("a.dae", b'<COLLADA xmlns="urn:x"><image><init_from>../o.png</init_from></image></COLLADA>', ["../o.png"]),
        ("a.dae", b"<COLLADA><image><init_from><ref>file://p.png</ref></init_from></image></COLLADA>", ["p.png"]),
        ("a.stl", b"mtllib b.mtl", []),
    ],
)
def test_the_files_that_a_file_names_are_found(tmp_path, name, content, named):
    path = written(tmp_path / "in", name, content)
    others = [written(path.parent, other, b"") for other in named]
    written(path.parent, "n.png", b"")
    assert with_named(path) == [path, *sorted(others)]
    for other in others:
        before = version(with_named(path))
        assert version(with_named(path)) == before
        other.write_bytes(b"changed")
        assert version(with_named(path)) != before


def test_a_texture_is_found_from_the_mesh_through_its_material_and_rings_end(tmp_path):
    mesh = written(tmp_path, "a.obj", b"mtllib paints/b.mtl\n")
    material = written(tmp_path / "paints", "b.mtl", b"map_Kd c.png\nmap_Ks b.mtl\nmap_Ka d.png\nmap_Kd gone.png")
    textures = written(tmp_path, "c.png", b""), written(tmp_path / "paints", "d.png", b"")
    assert set(with_named(mesh)) == {mesh, material, *textures}


@pytest.mark.parametrize("name", ["a.obj", "a.mtl", "a.gltf", "a.glb", "a.ply", "a.dae"])
@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 50, b"[" * 10**5, b'{"images": [5]}', b"glTF" + b"\xff" * 50, b"map_Kd \0", b"mtllib" + b" x" * 999],
)
def test_a_file_that_is_broken_names_none(tmp_path, name, content):
    path = written(tmp_path, name, content)
    assert with_named(path) == [path]


def test_a_name_that_is_not_in_utf_8_is_a_sentence(tmp_path):
    path = tmp_path / os.fsdecode(b"W\xfcrfel.stl")
    try:
        export(CUBE, tmp_path / "a.stl").rename(path)
    except OSError:
        pytest.skip("this file system takes no such names")
    with pytest.raises(InteractiveActionError, match=r"name of .*W\\udcfcrfel.stl' is not in UTF-8.*Rename it"):
        touched(path).object_spec()


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path):
    with pytest.raises(InteractiveActionError, match="a.stl could not be read: No such file"):
        version([pathlib.Path(tmp_path, "a.stl")])
