"""URDF files as users bring them, written by hand: an arm of boxes with two kinds of hands."""

import trimesh

HANDS = {  # joint, its place, axis and limits, of the left finger and of the right
    "sliding": (("prismatic", "0 0 0.04", "0 1 0", "0", "0.045"), ("prismatic", "0 0 0.04", "0 -1 0", "0", "0.045")),
    "turning": (("revolute", "0 0.05 0.04", "1 0 0", "0", "0.75"), ("revolute", "0 -0.05 0.04", "1 0 0", "-0.75", "0")),
}
MESH = '<mesh filename="package://toy_arm/meshes/foot.stl"/>'


def link(name, *boxes, seen=""):
    """A link of boxes, each (size, place, color), that are seen and collide."""
    solids = [f'<origin xyz="{place}"/><geometry><box size="{size}"/></geometry>' for size, place, _ in boxes]
    looks = [f'<material name=""><color rgba="{color} 1"/></material>' for _, _, color in boxes]
    visuals = "".join(f"<visual>{solid}{look}</visual>" for solid, look in zip(solids, looks))
    extra = f"<visual><geometry>{seen}</geometry></visual>" if seen else ""
    return (
        f'<link name="{name}">{extra}{visuals}{"".join(f"<collision>{solid}</collision>" for solid in solids)}</link>'
    )


def joint(name, kind, parent, child, place, axis="0 0 1", lower="-2.9", upper="2.9"):
    limit = (
        f'<limit lower="{lower}" upper="{upper}" effort="100" velocity="2"/>'
        if kind in ("revolute", "prismatic")
        else ""
    )
    return (
        f'<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/><origin '
        f'xyz="{place}"/><axis xyz="{axis}"/>{limit}</joint>'
    )


def arm(folder, hand="sliding"):
    """Write an arm of six joints with two fingers, whose foot is a mesh of its package, to ``folder``/toy_arm.

    Its file there.
    """
    trimesh.creation.cylinder(0.1, 0.06).apply_translation((0, 0, 0.03)).export(
        make(folder / "toy_arm" / "meshes") / "foot.stl"
    )
    white, orange, dark = "0.8 0.8 0.78", "0.9 0.35 0.05", "0.1 0.1 0.12"
    parts = [
        link("foot", seen=MESH),
        link("turret", ("0.14 0.14 0.16", "0 0 0.08", orange)),
        link("upper", ("0.09 0.1 0.42", "0 0 0.21", white)),
        link("fore", ("0.08 0.09 0.36", "0 0 0.2", white)),
        link("roll", ("0.07 0.08 0.06", "0 0 0.03", orange)),
        link("wrist", ("0.06 0.07 0.1", "0 0 0.05", white)),
        link("palm", ("0.06 0.17 0.03", "0 0 0.025", dark)),
        link("left", ("0.02 0.012 0.075", "0 0.006 0.0375", orange)),
        link("right", ("0.02 0.012 0.075", "0 -0.006 0.0375", orange)),
        joint("yaw", "revolute", "foot", "turret", "0 0 0.06"),
        joint("shoulder", "revolute", "turret", "upper", "0 0 0.16", "0 1 0"),
        joint("elbow", "revolute", "upper", "fore", "0 0 0.42", "0 1 0"),
        joint("forearm", "continuous", "fore", "roll", "0 0 0.38"),
        joint("pitch", "revolute", "roll", "wrist", "0 0 0.06", "0 1 0"),
        joint("spin", "continuous", "wrist", "palm", "0 0 0.1"),
        *(
            joint(f"{side} joint", HANDS[hand][number][0], "palm", side, *HANDS[hand][number][1:])
            for number, side in enumerate(("left", "right"))
        ),
    ]
    (folder / "toy_arm" / "toy.urdf").write_text(
        f'<robot name="toy">{"".join(parts)}<transmission name="unused"/></robot>'
    )
    return "toy_arm/toy.urdf"


def make(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def export(mesh, path):
    """Write a mesh to ``path``, in the format of its ending; the path."""
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".gltf":  # a .bin beside it holds the corners
        for name, content in trimesh.exchange.gltf.export_gltf(trimesh.Scene(mesh)).items():
            path.with_name(path.name if name == "model.gltf" else name).write_bytes(content)
    else:
        mesh.export(path, file_type=path.suffix[1:].lower())
    return path


def cupboard(folder, closed_at="lower"):
    """Write a cupboard with a door and a stuck drawer, as PartNet-Mobility does, to ``folder``/44853; its name."""
    meshes = make(folder / "44853" / "textured_objs")
    boards = {  # size and place
        "left": ((0.04, 1.0, 0.6), (-0.38, 0, 0)),
        "right": ((0.04, 1.0, 0.6), (0.38, 0, 0)),
        "top": ((0.8, 0.04, 0.6), (0, 0.48, 0)),
        "bottom": ((0.8, 0.04, 0.6), (0, -0.48, 0)),
        "back": ((0.8, 1.0, 0.04), (0, 0, -0.28)),
        "board": ((0.78, 0.98, 0.03), (0, 0, 0.32)),
        "handle": ((0.03, 0.3, 0.03), (0.3, 0.1, 0.42)),
        "upper stem": ((0.025, 0.025, 0.08), (0.3, 0.22, 0.37)),
        "lower stem": ((0.025, 0.025, 0.08), (0.3, -0.02, 0.37)),
        "tray": ((0.6, 0.1, 0.4), (0, -0.3, 0)),
    }
    for name, (size, place) in boards.items():
        trimesh.creation.box(size).apply_translation(place).export(meshes / f"{name}.obj")

    def part(name, origin, *names):
        places = [
            f'<origin xyz="{origin}"/><geometry><mesh filename="textured_objs/{board}.obj"/></geometry>'
            for board in names
        ]
        seen = "".join(
            f'<visual name="{board}-{number}">{place}</visual>'
            for number, (board, place) in enumerate(zip(names, places))
        )
        return f'<link name="{name}">{seen}{"".join(f"<collision>{place}</collision>" for place in places)}</link>'

    axis, lower, upper = {"lower": ("0 -1 0", "0", "1.57"), "upper": ("0 1 0", "-1.57", "0")}[closed_at]
    parts = [
        '<link name="base"/>',
        part("link_1", "0 0 0", "left", "right", "top", "bottom", "back"),
        part("link_0", "0.4 0 -0.3", "board", "handle", "upper stem", "lower stem"),
        part("link_2", "0 0 0", "tray"),
        joint("joint_1", "fixed", "base", "link_1", '0 0 0" rpy="1.570796326794897 0 -1.570796326794897'),
        joint("joint_2", "prismatic", "link_1", "link_2", "0 0 0", "0 0 1", "0", "0.3"),
        joint("joint_0", "revolute", "link_1", "link_0", "-0.4 0 0.3", axis, lower, upper),
    ]
    (folder / "44853" / "mobility.urdf").write_text(f'<robot name="partnet_44853">{"".join(parts)}</robot>')
    return "44853"


def drawer(folder):
    """Write a drawer of boxes, z up, its front to y and its handle a link of its own, to ``folder``/drawer.urdf.

    Its file there.
    """
    wood, steel = "0.5 0.3 0.15", "0.6 0.6 0.62"
    sides = [(f"0.02 0.4 {high}", f"{x} 0 {high / 2}", wood) for x, high in ((-0.24, 0.3), (0.24, 0.3))]
    parts = [
        link("case", ("0.5 0.4 0.02", "0 0 0.29", wood), ("0.46 0.4 0.1", "0 0 0.05", wood), *sides),
        link("tray", ("0.45 0.02 0.15", "0 0.21 0", wood), ("0.44 0.36 0.01", "0 0 -0.06", wood)),
        link("knob", ("0.12 0.015 0.015", "0 0.05 0", steel), ("0.012 0.05 0.012", "0 0.025 0", steel)),
        joint("runner", "prismatic", "case", "tray", "0 0 0.19", "0 1 0", "0", "0.3"),
        joint("screw", "fixed", "tray", "knob", "0 0.22 0"),
    ]
    (folder / "drawer.urdf").write_text(f'<robot name="drawer">{"".join(parts)}</robot>')
    return "drawer.urdf"
