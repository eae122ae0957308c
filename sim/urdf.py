"""URDF files of one's own.

Found, checked and made ready for the simulator, which may abort on what is wrong in them.
"""

from __future__ import annotations

import math
import pathlib
import tempfile
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from ..errors import InteractiveActionError
from ..files import path_inside
from .user_files import with_named

if TYPE_CHECKING:
    from sapien.physx import PhysxArticulation
    from sapien.wrapper.urdf_loader import URDFLoader

MOVES = ("revolute", "continuous", "prismatic")
PREFERRED = ("mobility_cvx.urdf", "mobility.urdf")  # of PartNet-Mobility, the first with convex pieces
INERTIA = ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")
NUMBERS = {"xyz": 3, "rpy": 3, "size": 3, "scale": 3, "rgba": 4} | dict.fromkeys(
    ("radius", "length", "lower", "upper", "value", "friction", "damping", "multiplier", "offset", *INERTIA), 1
)
NEEDED = {  # elements or attributes, one of each group
    "visual": (("geometry",),),
    "collision": (("geometry",),),
    "geometry": (("mesh", "box", "sphere", "cylinder", "capsule"),),
    "mesh": (("filename",),),
    "texture": (("filename",),),
    "color": (("rgba",),),
    "box": (("size",),),
    "sphere": (("radius",),),
    "cylinder": (("radius",), ("length",)),
    "inertial": (("mass",), ("inertia",)),
    "mass": (("value",),),
    "inertia": tuple((name,) for name in INERTIA),
}
LIMITS = ("lower", "upper")  # may be as good as infinite
DEFAULTS = {"limit": dict.fromkeys(LIMITS, "0"), "axis": {"xyz": "1 0 0"}}  # as URDF has them where none is given
LARGEST = 1e6  # meters, radians or kilograms: squares and cubes of more are no numbers in the simulator


def find(folder: str | pathlib.Path, name: str) -> pathlib.Path:
    """The path of the URDF file ``name`` in ``folder``, or of the one in the folder of that name.

    It cannot lead out of ``folder``.
    """
    path = path_inside(folder, name, "URDF")
    if path.is_dir():
        files = {file.name: file for file in sorted(path.glob("*.urdf"))}
        path = path_inside(folder, next((files[name] for name in (*PREFERRED, *files) if name in files), path), "URDF")
    if path.suffix.lower() != ".urdf" or not path.is_file():
        raise InteractiveActionError(
            f"There is no URDF {name!r} in {folder}. Put it there with its meshes: a file, or a folder with one."
        )
    return path


def read(folder: str | pathlib.Path, name: str) -> ET.Element:
    """Returns the root element of a URDF file in ``folder``.

    It is one tree of links, all numbers are finite, all files are there and named by their whole paths. What is neither
    link, joint nor material is left out.
    """
    path = find(folder, name)
    try:
        root = ET.parse(path).getroot()
        ET.tostring(root)  # as will be done for the simulator
    except RecursionError as error:
        raise _wrong(path, "has elements in elements, too deep to be read") from error
    except (ET.ParseError, LookupError, ValueError) as error:  # the latter two of encodings that there are not
        raise _wrong(path, f"is no XML: {error}") from error
    except OSError as error:
        raise _wrong(path, f"cannot be read: {error.strerror}") from error
    if root.tag != "robot":
        raise _wrong(path, f"begins with <{root.tag}> instead of <robot>")
    for other in [part for part in root if part.tag not in ("link", "joint", "material")]:
        root.remove(other)
    _check_tree(path, root)
    _check_parts(path, root)
    _check_numbers(path, root)
    for tag, values in DEFAULTS.items():
        for element in root.iter(tag):
            element.attrib = {**values, **element.attrib}
    for tag in ("mesh", "texture"):
        for element in root.iter(tag):
            element.set("filename", str(_file(pathlib.Path(folder).resolve(), path, element.get("filename", ""))))
    return root


def files(folder: str | pathlib.Path, name: str) -> list[pathlib.Path]:
    """The paths of a URDF file and of the meshes and textures that it names, or that these name: all in ``folder``."""
    root = read(folder, name)
    named = {element.get("filename", "") for tag in ("mesh", "texture") for element in root.iter(tag)}
    paths = [path for file in sorted(named) for path in with_named(file)]
    return [path_inside(folder, path, "file") for path in (find(folder, name), *paths)]


def load(loader: URDFLoader, root: ET.Element, what: str) -> PhysxArticulation:
    """The articulation of a root element, by a loader of SAPIEN's.

    Args:
        loader: set up for the scene.
        root: of the URDF.
        what: names it in errors.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.urdf")
        ET.ElementTree(root).write(path)
        try:
            return loader.load(str(path))
        except Exception as error:  # whatever the loader and the mesh readers raise
            raise InteractiveActionError(
                f"The {what} cannot be loaded: {type(error).__name__}: {error}. Mend it, or export it again."
            ) from error


def parent_of(joint: ET.Element) -> str:
    """The name of the link that carries a joint."""
    return joint.find("parent").get("link", "")


def child_of(joint: ET.Element) -> str:
    """The name of the link that a joint carries."""
    return joint.find("child").get("link", "")


def carriers(root: ET.Element) -> dict[str, ET.Element]:
    """{name of a link: the joint that carries it}; the root link has none."""
    return {child_of(joint): joint for joint in root.findall("joint")}


def joints_to(root: ET.Element, link: str) -> list[ET.Element]:
    """The joints that lead from the root link to ``link``, in order."""
    joints, chain = carriers(root), []
    while (joint := joints.get(link)) is not None:
        chain.insert(0, joint)
        link = parent_of(joint)
    return chain


def links_of(root: ET.Element) -> list[str]:
    """Returns the names of all links."""
    return [link.get("name", "") for link in root.findall("link")]


def _check_tree(path: pathlib.Path, root: ET.Element) -> None:
    links, joints = links_of(root), root.findall("joint")
    if len(set(links)) < len(links) or not all(links):
        raise _wrong(path, "has links without a name, or two of the same")
    if not links:
        raise _wrong(path, "has no links")
    if not all(joint.get("name") for joint in joints):
        raise _wrong(path, "has a joint without a name")
    for joint in joints:
        name = joint.get("name")
        for end in ("parent", "child"):
            link = joint.find(end).get("link") if joint.find(end) is not None else None
            if link not in links:
                raise _wrong(path, f"has a joint {name!r} whose {end} link is {link!r}, which it does not have")
        if joint.get("type") not in (*MOVES, "fixed"):
            raise _wrong(
                path,
                f"has a joint {name!r} of the type {joint.get('type')!r}, which is not one of {', '.join(MOVES)}, "
                "fixed",
            )
        if joint.get("type") in ("revolute", "prismatic") and joint.find("limit") is None:
            raise _wrong(path, f"has a joint {name!r} without a <limit>")
    if (
        len({joint.get("name") for joint in joints}) < len(joints)
        or len(carriers(root)) < len(joints)
        or len(joints) != len(links) - 1
    ):
        raise _wrong(
            path,
            f"is no single tree: {len(links)} links need {len(links) - 1} joints with names of their own, and each "
            "link one parent",
        )
    for link in links:  # a ring among them would go round for ever
        visited: set[str] = set()
        joints_by_child = carriers(root)
        while (above := joints_by_child.get(link)) is not None:
            if link in visited:
                raise _wrong(path, f"has a ring of joints through the link {link!r}")
            visited.add(link)
            link = parent_of(above)


def _check_parts(path: pathlib.Path, root: ET.Element) -> None:
    for element in root.iter():
        for group in NEEDED.get(element.tag, ()):
            if not any(element.get(name) or element.find(name) is not None for name in group):
                raise _wrong(path, f"has a <{element.tag}> without {' or '.join(group)}")


def _check_numbers(path: pathlib.Path, root: ET.Element) -> None:
    for element in root.iter():
        for name, count in NUMBERS.items():
            text = element.get(name)
            if text is None:
                continue
            try:
                numbers = [float(word) for word in text.split()]
            except ValueError:
                numbers = []
            if len(numbers) != count or not all(map(math.isfinite, numbers)):
                raise _wrong(
                    path, f"has a <{element.tag}> whose {name} is {text!r} and not {count} number{'s' * (count > 1)}"
                )
            if name not in LIMITS and max(map(abs, numbers)) > LARGEST:
                raise _wrong(path, f"has a <{element.tag}> whose {name} is {text!r}, which is more than {LARGEST:.0f}")


def _file(folder: str | pathlib.Path, path: pathlib.Path, name: str) -> pathlib.Path:
    """Returns the whole path of a file that a URDF names.

    It is named relative to the URDF, or in a package of ROS, of which the folders above may be part.
    """
    plain = name.removeprefix("file://").removeprefix("package://")
    here = path.parent.relative_to(folder)
    tries = [here / plain]
    if name.startswith("package://"):
        tries += [above / rest for above in (here, *here.parents) for rest in (plain, plain.partition("/")[2])]
    for place in tries:
        file = path_inside(folder, place, f"file of {path.name}")
        if file.is_file():
            return file
    raise _wrong(path, f"names the file {name!r}, which is not there")


def _wrong(path: pathlib.Path, what: str) -> InteractiveActionError:
    return InteractiveActionError(f"The URDF {path.name!r} {what}. Mend it, or export it again.")
