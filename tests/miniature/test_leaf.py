"""The miniature is a leaf: its loaders know no factory, and of the product nothing does."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRODUCT = ("captions", "cli", "layouts", "models", "nodes", "policies", "scoring", "sim", "tokens", "trainers")


def imports(path):
    """The modules that a file of the pack imports from the pack, as dotted names from its root."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
            yield from (".".join(filter(None, [*base, alias.name])) for alias in node.names)


@pytest.mark.parametrize("path", [path for room in PRODUCT for path in (ROOT / room).rglob("*.py")], ids=str)
def test_nothing_of_the_product_imports_the_factory(path):
    assert not [name for name in imports(path) if name.startswith("miniature.factory")]


def test_the_loaders_import_models_and_scoring_at_most():
    for path in (ROOT / "miniature").glob("*.py"):
        rooms = {name.split(".")[0] for name in imports(path)}
        assert rooms <= {"miniature", "models", "scoring"} and not [n for n in imports(path) if "factory" in n]
