"""URDF files of one's own: found, checked and made ready for the simulator, which may abort on what is wrong in them."""

import math
import pathlib
import tempfile
import xml.etree.ElementTree as ET

from ..errors import InteractiveActionError

MOVES = ("revolute", "continuous", "prismatic")
PREFERRED = ("mobility_cvx.urdf", "mobility.urdf")  # of PartNet-Mobility, the first with convex pieces
NUMBERS = {"xyz": 3, "rpy": 3, "size": 3, "scale": 3, "radius": 1, "length": 1, "lower": 1, "upper": 1, "value": 1}


def find(folder, name):
    """The path of the URDF file ``name`` in ``folder``, or of the one in the folder of that name; it cannot lead out of ``folder``."""
    folder = pathlib.Path(folder).resolve()
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise InteractiveActionError(f"{name!r} leads out of {folder}. Put the URDF with its meshes into that folder.")
    if path.is_dir():
        found = {file.name: file for file in sorted(path.glob("*.urdf"))}
        path = next((found[name] for name in (*PREFERRED, *found) if name in found), path)
    if path.suffix.lower() != ".urdf" or not path.is_file():
        raise InteractiveActionError(
            f"There is no URDF {name!r} in {folder}. Put it there with its meshes: a file, or a folder with one."
        )
    return path


def read(folder, name):
    """The root element of a URDF file in ``folder``: one tree of links, all numbers finite, all files there and named by their whole paths.

    What is neither link, joint nor material is left out.
    """
    path = find(folder, name)
    try:
        root = ET.parse(path).getroot()
    except (ET.ParseError, UnicodeDecodeError) as error:
        raise _wrong(path, f"is no XML: {error}") from error
    if root.tag != "robot":
        raise _wrong(path, f"begins with <{root.tag}> instead of <robot>")
    for other in [part for part in root if part.tag not in ("link", "joint", "material")]:
        root.remove(other)
    _check_tree(path, root)
    _check_numbers(path, root)
    for tag in ("mesh", "texture"):
        for element in root.iter(tag):
            element.set("filename", str(_file(pathlib.Path(folder).resolve(), path, element.get("filename", ""))))
    return root


def files(folder, name):
    """The paths of a URDF file in ``folder`` and of the meshes and textures that it names."""
    root = read(folder, name)
    named = {element.get("filename") for tag in ("mesh", "texture") for element in root.iter(tag)}
    return [find(folder, name), *map(pathlib.Path, sorted(named))]


def load(loader, root, called):
    """The articulation of a root element, by a loader of SAPIEN's. An error says what it is ``called``."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.urdf")
        ET.ElementTree(root).write(path)
        try:
            return loader.load(str(path))
        except Exception as error:  # whatever the loader and the mesh readers raise
            raise InteractiveActionError(
                f"The {called} cannot be loaded: {type(error).__name__}: {error}. Mend it, or export it again."
            ) from error


def parents(root):
    """{name of a link: the joint that carries it}; the root link has none."""
    return {joint.find("child").get("link"): joint for joint in root.findall("joint")}


def joints_to(root, link):
    """The joints that lead from the root link to ``link``, in order."""
    carried, chain = parents(root), []
    while joint := carried.get(link):
        chain.insert(0, joint)
        link = joint.find("parent").get("link")
    return chain


def links_of(root):
    return [link.get("name") for link in root.findall("link")]


def _check_tree(path, root):
    links, joints = links_of(root), root.findall("joint")
    if len(set(links)) < len(links) or None in links:
        raise _wrong(path, "has links without a name, or two of the same")
    for joint in joints:
        called = joint.get("name", "without a name")
        for end in ("parent", "child"):
            link = joint.find(end).get("link") if joint.find(end) is not None else None
            if link not in links:
                raise _wrong(path, f"has a joint {called!r} whose {end} link is {link!r}, which it does not have")
        if joint.get("type") not in (*MOVES, "fixed"):
            raise _wrong(
                path,
                f"has a joint {called!r} of the type {joint.get('type')!r}, which is not one of {', '.join(MOVES)}, fixed",
            )
        if joint.get("type") in ("revolute", "prismatic") and joint.find("limit") is None:
            raise _wrong(path, f"has a joint {called!r} without a <limit>")
    if (
        len({joint.get("name") for joint in joints}) < len(joints)
        or len(parents(root)) < len(joints)
        or len(joints) != len(links) - 1
    ):
        raise _wrong(
            path,
            f"is no single tree: {len(links)} links need {len(links) - 1} joints with names of their own, and each link one parent",
        )
    for link in links:  # a ring among them would go round for ever
        seen, carried = set(), parents(root)
        while joint := carried.get(link):
            if link in seen:
                raise _wrong(path, f"has a ring of joints through the link {link!r}")
            seen.add(link)
            link = joint.find("parent").get("link")


def _check_numbers(path, root):
    for element in root.iter():
        for name, count in NUMBERS.items():
            text = element.get(name)
            if text is None:
                continue
            try:
                good = len(text.split()) == count and all(math.isfinite(float(word)) for word in text.split())
            except ValueError:
                good = False
            if not good:
                raise _wrong(
                    path, f"has a <{element.tag}> whose {name} is {text!r} and not {count} number{'s' * (count > 1)}"
                )


def _file(folder, path, name):
    """The whole path of a file that a URDF names relative to itself, or in a package of ROS, of which the folders above may be part."""
    plain = name.removeprefix("file://").removeprefix("package://")
    tries = [path.parent / plain]
    if name.startswith("package://"):
        shorter = [plain, plain.partition("/")[2]]
        tries += [above / rest for above in path.parents if above.is_relative_to(folder) for rest in shorter]
    tries = [found.resolve() for found in tries]
    if not plain or not any(found.is_relative_to(folder) for found in tries):
        raise _wrong(path, f"names the file {name!r}, which leads out of {folder}")
    for found in tries:
        if found.is_relative_to(folder) and found.is_file():
            return found
    raise _wrong(path, f"names the file {name!r}, which is not there")


def _wrong(path, what):
    return InteractiveActionError(f"The URDF {path.name!r} {what}. Mend it, or export it again.")
