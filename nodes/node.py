"""What all nodes of the pack share: checks of values that may come along a link, and fingerprints by content.

ComfyUI checks what is typed into a widget. What comes along a link, or from a program's prompt, it hands on as it is.
"""

from __future__ import annotations

import functools
import inspect
import math
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

from comfy_api.latest import io

from ..errors import InteractiveActionError
from ..files import content_digest
from .sockets import SOURCES

LITERALS = (str, bool, int, float, list, dict, type(None))  # what a prompt in JSON can hold, and a link never carries
OBJECTS = {"IMAGE", "MASK", "MODEL", "CLIP", "VAE", *SOURCES}


class Node(io.ComfyNode):
    """Base of the pack's nodes.

    A node may define two class methods, which take some of its inputs by name:

    * ``check_inputs`` raises a sentence for values that are wrong. It is asked before the graph runs for what is typed
      in, and before ``execute`` for all, since what comes along a link is known only then.
    * ``files_read`` returns the files or folders that ``execute`` reads. ComfyUI runs the node again when their
      contents
      change, and only then.
    """

    check_inputs: Callable[..., None]
    files_read: Callable[..., Iterable[pathlib.Path]]

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if getattr(cls.__dict__.get("execute"), "checks_inputs", False):
            return  # ComfyUI's copy of a node, which nobody may change
        if "check_inputs" in cls.__dict__:
            cls.validate_inputs = _validation(cls.__dict__["check_inputs"])  # type: ignore[method-assign, assignment]
        if "files_read" in cls.__dict__:
            cls.fingerprint_inputs = _fingerprint(cls.__dict__["files_read"])  # type: ignore[method-assign, assignment]
        if "execute" in cls.__dict__:
            cls.execute = _checked(cls.__dict__["execute"])  # type: ignore[method-assign, assignment]


def _validation(check: classmethod[Any, Any, None]) -> classmethod[Any, Any, bool | str]:
    """ComfyUI's form of a check:

    True, or what is wrong. Values that are not known yet, which are None, are not checked.
    """
    names = list(inspect.signature(check.__func__).parameters)[1:]

    def validate_inputs(cls: Any, **inputs: Any) -> bool | str:
        values = {name: inputs.get(name) for name in names}
        if any(value is None for value in values.values()):
            return True
        try:
            cls.check_inputs(**values)
        except InteractiveActionError as error:
            return str(error)
        return True

    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None) for name in names]
    first = inspect.Parameter("cls", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    # ComfyUI looks at the parameters' names to know what to pass
    validate_inputs.__signature__ = inspect.Signature([first, *parameters])  # type: ignore[attr-defined]
    return classmethod(validate_inputs)


def _fingerprint(files_read: classmethod[Any, Any, Iterable[pathlib.Path]]) -> classmethod[Any, Any, str]:
    """A key of what is read, which changes with its contents. Where nothing can be read ``execute`` says why."""
    names = list(inspect.signature(files_read.__func__).parameters)[1:]

    def fingerprint_inputs(cls: Any, **inputs: Any) -> str:
        values = {name: inputs[name] for name in names if name in inputs}
        if any(value is None for value in values.values()):  # comes along a link: what is behind it decides
            return ""
        try:
            return content_digest(cls.files_read(**values))
        except (InteractiveActionError, OSError, ValueError, TypeError):
            return ""

    return classmethod(fingerprint_inputs)


def _checked(execute: classmethod[Any, Any, io.NodeOutput]) -> classmethod[Any, Any, io.NodeOutput]:
    """``execute``, which first looks at the values that it is given."""
    function = execute.__func__
    positional = list(inspect.signature(function).parameters)[1:]

    @functools.wraps(function)
    def checked(cls: Any, *arguments: Any, **inputs: Any) -> io.NodeOutput:
        values = {**dict(zip(positional, arguments)), **inputs}
        check_values(cls, values)
        check = getattr(cls, "check_inputs", None)
        if check is not None:
            names = list(inspect.signature(check).parameters)
            if all(name in values for name in names):
                check(**{name: values[name] for name in names})
        return function(cls, *arguments, **inputs)

    wrapped = classmethod(checked)
    wrapped.checks_inputs = True  # type: ignore[attr-defined]
    return wrapped


def check_values(node: type[io.ComfyNode], values: dict[str, Any]) -> None:
    """Raises a sentence for a literal where a link belongs, and for a number that is none or out of its bounds.

    Args:
        node: whose schema says what its inputs are.
        values: of the inputs, by name.
    """
    title, inputs = _inputs_of(node)
    for name, value in values.items():
        if name not in inputs:
            continue
        entry = inputs[name]
        kind = entry.get_io_type()
        if kind in OBJECTS and isinstance(value, LITERALS) and not (value is None and entry.optional):
            source = SOURCES.get(kind, f"a node that gives {kind}")
            raise InteractiveActionError(
                f"{title}: the input {name} wants a link from {source}, and it holds {str(value)[:40]!r}. Connect it."
            )
        if isinstance(entry, io.Int.Input | io.Float.Input):
            _check_number(title, name, value, entry)


def _check_number(title: str, name: str, value: Any, entry: Any) -> None:
    if value is None and entry.optional:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InteractiveActionError(f"{title}: {name} must be a number, but is {value!r}. Correct it.")
    if (entry.min is not None and value < entry.min) or (entry.max is not None and value > entry.max):
        raise InteractiveActionError(
            f"{title}: {name} must be from {entry.min:g} to {entry.max:g}, but is {value!r}. Correct it."
        )


@functools.cache
def _inputs_of(node: type[io.ComfyNode]) -> tuple[str, dict[str, Any]]:
    """(the node's title, its inputs by name)."""
    schema = node.define_schema()
    return schema.display_name or schema.node_id, {entry.id: entry for entry in schema.inputs}
