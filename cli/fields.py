"""Options made from the fields of a dataclass, so that a setting stands in one place."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Mapping
from typing import Any

from ..errors import InteractiveActionError
from ..files import parse_json, read_text
from ..trainers.hyperparameters import Config, parameters

C = typing.TypeVar("C", bound=Config)
_ENTRY = re.compile(r"(\w+)(?: \([^)]*\))?: (.*)")


def add_fields(parser: argparse.ArgumentParser, kind: type, choices: Mapping[str, typing.Iterable[str]]) -> None:
    """Adds an option for each field of a dataclass, explained by its docstring's "Args:".

    A number, a text and a yes or no are given as they are; a field that is a dataclass itself, as a file of JSON with
    its fields.

    Args:
        parser: which gets a group of options.
        kind: the dataclass; its fields have defaults.
        choices: the names that a field takes, for the help; the dataclass itself checks them.
    """
    group = parser.add_argument_group(f"{kind.__name__.lower()}")
    meanings, hints = argument_meanings(kind), typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        meaning = meanings.get(field.name, "")
        if field.name in choices:
            meaning = f"{meaning} One of: {', '.join(choices[field.name])}.".lstrip()
        option, default = f"--{field.name.replace('_', '-')}", _plain(field.default)
        meaning = f"{meaning} (default: {default})".lstrip().replace("%", "%%")
        hint = _without_none(hints[field.name])
        if hint is bool:
            group.add_argument(option, action=argparse.BooleanOptionalAction, default=field.default, help=meaning)
            continue
        nested = dataclasses.is_dataclass(hint)
        group.add_argument(
            option,
            type=str if nested else hint,
            default=field.default,
            metavar="JSON" if nested else {int: "N", float: "X"}.get(hint, "NAME"),
            help=meaning,
        )


def add_parameters(parser: argparse.ArgumentParser, config: type[Config]) -> None:
    """Adds an option for each hyperparameter of a method, explained by its tooltip.

    Args:
        parser: which gets a group of options.
        config: the method's.
    """
    group = parser.add_argument_group("hyperparameters")
    for name, (field, details) in parameters(config).items():
        kind, option = type(field.default), f"--{name.replace('_', '-')}"
        meaning = f"{details.tooltip} (default: {field.default})".replace("%", "%%")
        if kind is bool:
            group.add_argument(option, action=argparse.BooleanOptionalAction, default=field.default, help=meaning)
        else:
            metavar = {int: "N", float: "X"}.get(kind, "NAME")
            group.add_argument(option, type=kind, default=field.default, metavar=metavar, help=meaning)


def from_parameters(config: type[C], arguments: argparse.Namespace) -> C:
    """Returns the hyperparameters that the options of ``add_parameters`` describe.

    Raises:
        InteractiveActionError: a value is out of its bounds.
    """
    return config(**{name: getattr(arguments, name) for name in parameters(config)})


def from_fields(kind: type, arguments: argparse.Namespace) -> Any:
    """Returns the dataclass that the options of ``add_fields`` describe.

    Raises:
        InteractiveActionError: the dataclass refuses a value, or a file does not have its fields.
    """
    hints = typing.get_type_hints(kind)
    values = {field.name: getattr(arguments, field.name) for field in dataclasses.fields(kind)}
    for name, value in values.items():
        hint = _without_none(hints[name])
        if dataclasses.is_dataclass(hint) and isinstance(value, str):
            values[name] = _from_json(hint, value)
    return kind(**values)


def argument_meanings(kind: type) -> dict[str, str]:
    """Returns the "Args:" of a class's docstring in Google's style: name -> meaning on one line."""
    section = (inspect.getdoc(kind) or "").partition("\nArgs:\n")[2]
    meanings: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if line and not line.startswith(" "):
            break
        entry = _ENTRY.match(line.removeprefix("    "))
        if entry:
            name, meanings[entry[1]] = entry[1], entry[2]
        elif line.strip() and name:
            meanings[name] += f" {line.strip()}"
    return {name: meaning.replace("``", "") for name, meaning in meanings.items()}


def _from_json(kind: Any, path: str) -> Any:
    """The dataclass that a file of JSON describes."""
    values = parse_json(read_text(path), path)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    required = [name for name, field in fields.items() if field.default is dataclasses.MISSING]
    if not isinstance(values, dict) or not set(required) <= set(values) <= set(fields):
        raise InteractiveActionError(
            f"{path} must be one JSON object with {', '.join(required)} and, if need be, "
            f"{', '.join(name for name in fields if name not in required)}."
        )
    return kind(**values)


def _without_none(hint: Any) -> Any:
    """``X`` of ``X | None``; any other type as it is."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        [hint] = [part for part in typing.get_args(hint) if part is not type(None)]
    return hint


def _plain(default: Any) -> str:
    """A default as a person reads it."""
    return "none" if default is None or default == "" else str(default)
