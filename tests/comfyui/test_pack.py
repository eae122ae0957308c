"""The pack as the real ComfyUI and its web page see it."""

import re

import pytest

from interactive_action.errors import InteractiveActionError
from interactive_action.tools.dev.browser import Browser
from interactive_action.tools.dev.server import ComfyServer

EXTRAS = ("sapien", "mani_skill", "open_clip", "diffusers", "trimesh", "shapely", "mujoco", "pxr")

# Python itself imports this module at its start, from PYTHONPATH: the extras are as good as not installed.
WITHOUT_EXTRAS = f"""
import sys
for name in {EXTRAS}:
    sys.modules[name] = None
"""


def our_nodes(client):
    """What the server tells about each node of this pack."""
    return {
        name: node
        for name, node in client.nodes().items()
        if node["python_module"] == "custom_nodes.interactive-action"
    }


def inputs_of(sockets):
    """Every input as (name, options), also those that appear only with a choice of another."""
    for name, (kind, *options) in (*sockets.get("required", {}).items(), *sockets.get("optional", {}).items()):
        options = options[0] if options else {}
        yield name, options
        if kind == "COMFY_DYNAMICCOMBO_V3":
            for choice in options["options"]:
                yield from inputs_of(choice["inputs"])


def loading_lines(server):
    """The lines about this pack that ComfyUI prints while it starts: it names the folder from which it loads it."""
    folder = str(server.base / "custom_nodes" / "interactive-action")
    return [line for line in server.log().partition("Starting server")[0].splitlines() if folder in line]


def defaults(node):
    """The inputs of a new node in the page: the default of each, or the first choice of a list."""
    sockets = {name: options[0] for name, (_, *options) in node["input"]["required"].items() if options}
    return {
        name: options.get("default", options.get("options", [None])[0])
        for name, options in sockets.items()
        if "default" in options or "options" in options
    }


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A server whose Python has none of the extras."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "sitecustomize.py").write_text(WITHOUT_EXTRAS)
    with ComfyServer(folder / "comfyui", environment={"PYTHONPATH": str(folder)}) as running:
        yield running


def test_the_pack_loads_without_a_warning(server):
    (line,) = loading_lines(server)  # the one among the import times
    assert "seconds:" in line and "FAILED" not in line


def test_every_node_is_there_under_a_name_of_its_own(client):
    from interactive_action.nodes import NODE_MODULES

    ids = [node.define_schema().node_id for module in NODE_MODULES for node in module.NODES]
    assert len(set(ids)) == len(ids)
    assert set(our_nodes(client)) == set(ids)
    assert all(name.startswith("InteractiveAction") for name in set(ids) - {"InteractiveTokenLoader"})


def test_every_node_says_what_it_is_and_lies_in_a_room_of_the_pack(client):
    for name, node in our_nodes(client).items():
        assert node["description"].strip(), name
        assert node["category"].startswith("Interactive Action/"), name


def test_every_input_has_a_tooltip(client):
    for name, node in our_nodes(client).items():
        for socket, options in inputs_of(node["input"]):
            assert options.get("tooltip", "").strip(), f"{name}: {socket}"


def test_every_node_has_a_help_page(client):
    for name in our_nodes(client):
        assert client.get(f"/extensions/interactive-action/docs/{name}.md").strip(), name


def test_every_input_that_a_help_page_explains_is_an_input_of_the_node(client):
    for name, node in our_nodes(client).items():
        page = client.get(f"/extensions/interactive-action/docs/{name}.md").decode()
        known = {word.lower() for word in node["output_name"]}
        for input, options in inputs_of(node["input"]):
            known |= {input, (options.get("display_name") or input).lower()}
        section = page.partition("## Inputs\n")[2].partition("\n## ")[0]
        heads = [line.partition(":")[0] for line in section.splitlines() if line.startswith("- ")]
        explained = {word.lower() for head in heads for word in re.findall(r"\*\*([^*]+)\*\*", head)}
        assert explained <= known, f"{name}: {explained - known}"


def test_every_node_is_there_without_the_extras(bare, client):
    assert "FAILED" not in "".join(loading_lines(bare))
    assert our_nodes(bare.client()).keys() == our_nodes(client).keys()


def test_a_node_whose_extra_is_missing_says_what_installs_it(bare):
    nodes = bare.client().nodes()
    graph = {
        "scene": {"class_type": "InteractiveActionScene", "inputs": defaults(nodes["InteractiveActionScene"])},
        "record": {"class_type": "InteractiveActionRecord", "inputs": defaults(nodes["InteractiveActionRecord"])},
        "show": {"class_type": "PreviewImage", "inputs": {"images": ["record", 0]}},
    }
    graph["record"]["inputs"]["scene"] = ["scene", 0]
    with pytest.raises(InteractiveActionError, match=r"pip install --no-deps -r requirements-sim\.txt"):
        bare.client().run(graph)


@pytest.mark.browser
def test_the_web_page_knows_every_node(server, client):
    with Browser() as browser:
        browser.open_comfyui(server.address)
        registered = browser.evaluate("Object.keys(LiteGraph.registered_node_types)")
    assert our_nodes(client).keys() <= set(registered)
