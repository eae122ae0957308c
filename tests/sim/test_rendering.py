"""Our shaders light a scene as SAPIEN's own do, once a pixel."""

import shutil

import numpy as np
import pytest
import sapien
import sapien.render

from interactive_action.errors import InteractiveActionError
from interactive_action.sim import rendering as drawing
from interactive_action.sim.environment_maps import cubemap
from interactive_action.sim.record import warm_up
from interactive_action.sim.rendering import add_camera, add_sun, render_camera, sort_front_to_back

SIZE = 96
DOWN = sapien.Pose([0, 0, 2], [np.sqrt(0.5), 0, np.sqrt(0.5), 0])  # two meters above the ground, looking at it


@pytest.fixture
def scene():
    warm_up()
    scene = sapien.Scene()
    scene.ambient_light = [0.2, 0.2, 0.2]
    return scene


def add_box(scene, half, place, material):
    entity, body = sapien.Entity(), sapien.render.RenderBodyComponent()
    body.attach(sapien.render.RenderShapeBox(half, material))
    entity.add_component(body)
    entity.set_pose(sapien.Pose(place))
    scene.add_entity(entity)
    return entity


def matt(*color):
    return sapien.render.RenderMaterial(
        base_color=[*color, 1.0] if len(color) == 3 else color, roughness=1.0, specular=0.0, metallic=0.0
    )


def seen(scene, pose=DOWN):
    camera = add_camera(scene, SIZE, SIZE, 1.0)
    camera.entity.set_pose(pose)
    return render_camera(scene, camera)


def image(colors):
    """A texture of ``colors`` (height, width, 3) in 0..1."""
    pixels = np.rint(np.concatenate([colors, np.ones((*colors.shape[:2], 1))], -1) * 255).astype(np.uint8)
    return sapien.render.RenderTexture2D(pixels, "R8G8B8A8Unorm")


def textured(rng):
    """A material whose color, roughness, metal and glow are textures."""

    def texture(low, high):
        tones = rng.uniform(low, high, (8, 8, 3))
        return image(tones.repeat(16, 0).repeat(16, 1))

    material = sapien.render.RenderMaterial(emission=[0.3, 0.1, 0.2, 0.5], specular=0.7)
    material.set_base_color_texture(texture(0.2, 0.9))
    material.set_roughness_texture(texture(0.2, 0.9))
    material.set_metallic_texture(texture(0.0, 1.0))
    material.set_emission_texture(texture(0.0, 1.0))
    return material


def test_a_matt_ground_under_a_light_straight_above_is_as_bright_as_lambert_says(scene):
    ground = add_box(scene, [5, 5, 0.1], [0, 0, -0.1], matt(0.5, 0.25, 0.8))
    scene.add_directional_light([0, 0, -1], [1.5, 1.5, 1.5])
    colors, meters, entities = seen(scene)
    expected = 255 * (np.array([0.5, 0.25, 0.8]) * (0.2 + 1.5 / np.pi)) ** (1 / 2.2)
    assert colors[SIZE // 2, SIZE // 2, :3] == pytest.approx(expected, abs=1)
    assert meters == pytest.approx(2.0, abs=1e-5)  # depth, not distance: as far at the corners
    assert (entities == ground.per_scene_id).all()


@pytest.mark.parametrize("wrong", ["#version 450\nvoid main() { no such thing }\n", None])
def test_shaders_that_sapien_does_not_take_end_in_a_sentence(tmp_path, monkeypatch, wrong):
    shutil.copytree(drawing.SHADERS, tmp_path / "shaders")
    file = tmp_path / "shaders" / "gbuffer.frag"
    file.unlink() if wrong is None else file.write_text(wrong)
    monkeypatch.setattr(drawing, "SHADERS", str(tmp_path / "shaders"))
    with pytest.raises(
        InteractiveActionError, match=r"SAPIEN [\d.]+.* does not take the pack's shaders \(.+pip install sapien=="
    ):
        warm_up.__wrapped__()


def test_a_light_straight_from_behind_a_surface_adds_nothing(scene):
    """Half way between light and eye is no direction then."""
    add_box(scene, [5, 5, 0.1], [0, 0, -0.1], matt(0.5, 0.5, 0.5))
    scene.add_directional_light([0, 0, 1], [1.5, 1.5, 1.5])
    camera = add_camera(scene, SIZE + 1, SIZE + 1, 1.0)  # odd, so that one pixel looks straight down
    camera.entity.set_pose(DOWN)
    colors, *_ = render_camera(scene, camera)
    assert colors[..., :3] == pytest.approx(255 * (0.5 * 0.2) ** (1 / 2.2), abs=1)


def test_nothing_has_no_depth_and_no_entity(scene):
    colors, meters, entities = seen(scene)
    assert not colors.any() and not meters.any() and not entities.any()


@pytest.mark.parametrize("surrounded", [False, True])
def test_light_textures_and_mirror_images_are_those_of_sapiens_own_shaders(scene, surrounded):
    rng = np.random.default_rng(0)
    scene.add_ground(0, render_material=matt(0.4, 0.5, 0.3))
    add_box(scene, [0.2, 0.5, 0.3], [0.1, 0, 0.3], textured(rng))
    turned = add_box(
        scene,
        [0.3, 0.1, 0.2],
        [-0.4, 0.2, 0.8],
        sapien.render.RenderMaterial(base_color=[0.9, 0.2, 0.1, 1], roughness=0.2, metallic=1.0),
    )
    turned.set_pose(sapien.Pose([-0.4, 0.2, 0.8], [0.8, 0.2, 0.4, 0.4]))
    for direction in ([0.3, 0.2, -1], [-1, 0.5, -0.4], [0, -1, -0.2]):
        scene.add_directional_light(direction, rng.uniform(0.5, 1.5, 3))
    if surrounded:
        scene.set_environment_map(cubemap(3))
    pose = sapien.Pose([1.5, 0.6, 1.4], [0.13, -0.25, 0.04, 0.96])
    colors, meters, entities = seen(scene, pose)
    theirs = scene.add_camera("theirs", SIZE, SIZE, 1.0, 0.01, 50)
    theirs.entity.set_pose(pose)
    scene.update_render()
    theirs.take_picture()
    their_colors = theirs.get_picture("Color")[..., :3]
    if their_colors.dtype != np.uint8:  # mani_skill's import changes the format for the whole process
        their_colors = np.rint(their_colors * 255)
    apart = np.abs(colors[..., :3].astype(float) - their_colors)[entities > 0]
    assert len(np.unique(entities)) >= 3
    assert np.percentile(apart, 99) <= 2 and apart.mean() < 0.2
    assert np.array_equal(entities, theirs.get_picture("Segmentation")[..., 1])
    assert np.allclose(meters, -theirs.get_picture("Position")[..., 2], atol=1e-5)


@pytest.mark.parametrize("lean", [(0.6, 0, 0.8), (0, 0.6, 0.8), (-0.6, 0, 0.8)])
def test_a_normal_map_leans_the_surface_along_its_texture(scene, lean):
    """On a ground whose texture runs along x and y, and which has no tangents."""
    material = matt(0.5, 0.5, 0.5)
    material.set_normal_texture(image(np.full((4, 4, 3), (np.array(lean) + 1) / 2)))
    corners = np.array([[-5, -5, 0], [5, -5, 0], [5, 5, 0], [-5, 5, 0]], float)
    entity, body = sapien.Entity(), sapien.render.RenderBodyComponent()
    body.attach(
        sapien.render.RenderShapeTriangleMesh(
            corners, np.array([[0, 1, 2], [0, 2, 3]]), np.tile([0.0, 0, 1], (4, 1)), corners[:, :2], material
        )
    )
    entity.add_component(body)
    scene.add_entity(entity)
    scene.add_directional_light(-np.array(lean), [1.5, 1.5, 1.5])
    straight = 255 * (0.5 * (0.2 + 1.5 / np.pi)) ** (1 / 2.2)
    assert seen(scene)[0][SIZE // 2, SIZE // 2, 0] == pytest.approx(straight, abs=2)


def test_a_shadow_takes_away_its_light_and_ends_within_a_few_millimeters(scene):
    ground = add_box(scene, [5, 5, 0.1], [0, 0, -0.1], matt(0.5, 0.5, 0.5))
    add_box(scene, [0.3, 0.3, 0.05], [0, -0.7, 1.0], matt(0.5, 0.5, 0.5))
    slant = [0, 0.7, -1]  # what is a meter high throws its shadow 0.7 m to the side
    add_sun(scene, slant, [1.5, 1.5, 1.5], [0, 0, 0])
    colors, _, entities = seen(scene)
    row = colors[SIZE // 2, :, 0].astype(float)[entities[SIZE // 2] == ground.per_scene_id]
    lit = 255 * (0.5 * (0.2 + 1.5 / np.pi / np.linalg.norm(slant))) ** (1 / 2.2)
    dark = 255 * (0.5 * 0.2) ** (1 / 2.2)
    assert row.min() == pytest.approx(dark, abs=1) and row.max() == pytest.approx(lit, abs=1.5)
    pixel = 2 * 2 * np.tan(0.5) / SIZE  # meters of ground
    assert np.sum((row > dark + 2) & (row < lit - 2)) <= 4  # both ends, each 5 mm wide, in pixels of 23 mm
    assert np.sum(row < (lit + dark) / 2) * pixel == pytest.approx(0.6 + 0.7 * 0.1, abs=2 * pixel)


def test_a_slanting_surface_does_not_shade_itself(scene):
    slanting = add_box(scene, [0.6, 0.6, 0.01], [0, 0, 0.5], matt(0.5, 0.5, 0.5))
    slanting.set_pose(sapien.Pose([0, 0, 0.5], [np.cos(0.3), 0, np.sin(0.3), 0]))
    add_sun(scene, [0.6, 0.5, -1], [1.5, 1.5, 1.5], [0, 0, 0])
    colors, _, entities = seen(scene)
    inner = np.zeros((SIZE, SIZE), bool)
    inner[30:66, 30:66] = True
    assert (entities[inner] == slanting.per_scene_id).all()
    assert np.ptp(colors[inner, 0]) <= 2


def test_what_is_behind_glass_is_seen_through_it(scene):
    add_box(scene, [5, 5, 0.1], [0, 0, -0.1], matt(0.8, 0.1, 0.1))
    scene.add_directional_light([0, 0, -1], [1.5, 1.5, 1.5])
    bare = seen(scene)[0][SIZE // 2, SIZE // 2].astype(int)
    glass = add_box(scene, [0.3, 0.3, 0.01], [0, 0, 0.5], matt(0.1, 0.1, 0.8, 0.4))
    sort_front_to_back(scene)
    colors, meters, entities = seen(scene)
    through = colors[SIZE // 2, SIZE // 2].astype(int)
    assert through[0] < bare[0] - 20 and through[0] > 60 and through[2] > bare[2] + 20
    assert entities[SIZE // 2, SIZE // 2] == glass.per_scene_id and meters[SIZE // 2, SIZE // 2] == pytest.approx(
        1.49, abs=1e-4
    )


def test_in_which_order_things_are_drawn_does_not_show(scene):
    rng = np.random.default_rng(1)
    for _ in range(8):
        add_box(
            scene,
            rng.uniform(0.1, 0.3, 3),
            rng.uniform([-0.8, -0.8, 0.3], [0.8, 0.8, 1.2]),
            matt(*rng.uniform(0, 1, 3)),
        )
    scene.add_ground(0)
    scene.add_directional_light([0.2, 0.1, -1], [1.5, 1.5, 1.5])
    before = seen(scene)
    sort_front_to_back(scene)
    assert all(np.array_equal(one, other) for one, other in zip(before, seen(scene)))
