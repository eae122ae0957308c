"""Options made from a dataclass: kinds of fields, and their meanings from the docstring."""

import argparse
from dataclasses import dataclass

import pytest

from interactive_action.cli.fields import add_fields, argument_meanings, from_fields
from interactive_action.errors import InteractiveActionError


@dataclass(frozen=True)
class Lamp:
    """A lamp.

    Args:
        watts: of the bulb.
    """

    watts: int


@dataclass(frozen=True)
class Room:
    """A room.

    Args:
        name: called so; "" for none,
            at 100 % of the door.
        area (float): square metres.
        heated: whether it is warm.
        lamp: the only one.

    Returns:
        area: not this one.
    """

    name: str = ""
    area: float = 12.5
    heated: bool = True
    lamp: Lamp | None = None


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser()
    add_fields(parser, Room, {"name": ("hall", "attic")})
    return parser


def test_meanings_are_the_docstring_s():
    assert argument_meanings(Room) == {
        "name": 'called so; "" for none, at 100 % of the door.',
        "area": "square metres.",
        "heated": "whether it is warm.",
        "lamp": "the only one.",
    }


def test_kinds_of_fields_are_kinds_of_options(parser, tmp_path):
    (tmp_path / "lamp.json").write_text('{"watts": 5}')
    line = ["--name", "attic", "--area", "3", "--no-heated", "--lamp", str(tmp_path / "lamp.json")]
    assert from_fields(Room, parser.parse_args(line)) == Room("attic", 3.0, False, Lamp(5))


def test_the_help_has_meaning_choices_and_default(parser):
    text = " ".join(parser.format_help().split())
    assert "at 100 % of the door. One of: hall, attic. (default: none)" in text
    assert "square metres. (default: 12.5)" in text


@pytest.mark.parametrize("content", ["[]", "{}", '{"watts": 5, "color": "red"}'])
def test_a_file_with_other_fields_is_a_sentence(parser, tmp_path, content):
    path = tmp_path / "lamp.json"
    path.write_text(content)
    with pytest.raises(InteractiveActionError, match="must be one JSON object with watts"):
        from_fields(Room, parser.parse_args(["--lamp", str(path)]))
