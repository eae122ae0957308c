"""What all nodes of the pack share: checks of values that may come along a link, and fingerprints by content.

ComfyUI checks what is typed into a widget. What comes along a link, or from a program's prompt, it hands on as it is.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
import numbers
import pathlib
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from comfy_api.latest import io

from ..errors import InteractiveActionError
from ..file_digests import contents_key
from .sockets import SOURCES

LITERALS = (str, bool, int, float, list, dict, type(None))  # what a prompt in JSON can hold
CONTAINERS: dict[str, Any] = {
    "LATENT": dict,
    "CONDITIONING": list,
    "BOUNDING_BOX": (list, dict),
}  # and what links carry all the same
WORDS: dict[str, tuple[type, str]] = {"STRING": (str, "text"), "BOOLEAN": (bool, "true or false")}


class Node(io.ComfyNode):
    """Base of the pack's nodes.

    A node may define two class methods, which take some of its inputs by name:

    * ``check_inputs`` raises a sentence for values that are wrong. It is asked before the graph runs for what is typed
      in, and before ``execute`` for all, since what comes along a link is known only then.
    * ``files_read`` returns the files that ``execute`` reads. ComfyUI runs the node again when their contents change,
      and only then.
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


class SavingNode(Node):
    """Base of nodes that save what took long to make.

    What takes long is a ``lazy`` input: it is made after the others have been checked, so that an hour of training does
    not end in a name that cannot be used.
    """

    @classmethod
    def check_lazy_status(cls, **inputs: Any) -> list[str]:
        """Returns the inputs that are still to be made, once those that are known have been checked."""
        _check(cls, {name: value for name, value in inputs.items() if value is not None})
        return [name for name, value in inputs.items() if value is None]


def _validation(check: classmethod[Any, Any, None]) -> classmethod[Any, Any, bool | str]:
    """A check in ComfyUI's form: True, or what is wrong.

    Values that are not known yet, which are None, pass; of optional inputs that are missing the check has defaults.
    """
    named = dict(list(inspect.signature(check.__func__).parameters.items())[1:])
    names = list(named)
    defaults = {name: None if one.default is one.empty else one.default for name, one in named.items()}

    def validate_inputs(cls: Any, *arguments: Any, **inputs: Any) -> bool | str:
        given = {**dict(zip(names, arguments)), **inputs}
        values = {**defaults, **{name: value for name, value in given.items() if value is not None}}
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
        try:
            return contents_key(cls.files_read(**values))
        except Exception:  # noqa: BLE001 (a linked value is None here, and names and files may be bad in any way)
            return ""

    return classmethod(fingerprint_inputs)


def _checked(execute: classmethod[Any, Any, io.NodeOutput]) -> classmethod[Any, Any, io.NodeOutput]:
    """``execute``, which first looks at the values that it is given."""
    function = execute.__func__
    positional = list(inspect.signature(function).parameters)[1:]

    @functools.wraps(function)
    def checked(cls: Any, *arguments: Any, **inputs: Any) -> io.NodeOutput:
        values = {name: _printable(value) for name, value in {**dict(zip(positional, arguments)), **inputs}.items()}
        with _printable_errors():
            _check(cls, values)
            return function(cls, **values)

    wrapped = classmethod(checked)
    wrapped.checks_inputs = True  # type: ignore[attr-defined]
    return wrapped


def _check(cls: Any, values: dict[str, Any]) -> None:
    """Raises a sentence for known ``values`` that are wrong: the node's own for numbers that it checks itself."""
    check = getattr(cls, "check_inputs", None)
    own = list(inspect.signature(check).parameters) if check else []
    check_values(cls, values, own)
    if check and all(name in values for name in own):
        check(**{name: values[name] for name in own})


def _printable(value: Any) -> Any:
    """Half an emoji, which cannot be printed, written or tokenized, as its code; everything else as it is."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value


@contextlib.contextmanager
def _printable_errors() -> Iterator[None]:
    """Replaces an error of any library that cannot be printed: ComfyUI's worker dies of what it cannot log."""
    try:
        yield
    except Exception as error:
        if (text := "".join(traceback.format_exception(error))) != _printable(text):
            raise InteractiveActionError(f"{type(error).__name__}: {error}") from None
        raise


def check_values(node: type[io.ComfyNode], values: dict[str, Any], unbounded: Sequence[str] = ()) -> None:
    """Raises a sentence for a literal where a link belongs, and for a value that the input's widget would not hold.

    Args:
        node: whose schema says what its inputs are.
        values: of the inputs, by name.
        unbounded: names of numbers whose bounds are checked elsewhere.
    """
    title, inputs = _inputs_of(node)
    for name, value in values.items():
        if name not in inputs:
            continue
        entry = inputs[name]
        kind = entry.get_io_type()
        if value is None and entry.optional:
            continue
        if isinstance(entry, io.Int.Input | io.Float.Input):
            _check_number(title, name, value, entry, name not in unbounded)
        elif isinstance(entry, io.Combo.Input):
            _check_choice(title, name, value, entry)
        elif kind in WORDS:
            if not isinstance(value, WORDS[kind][0]):
                raise InteractiveActionError(
                    f"{title}: {name} must be {WORDS[kind][1]}, but is {value!r:.60}. Correct it."
                )
        elif isinstance(value, LITERALS) and not isinstance(value, CONTAINERS.get(kind, ())):
            source = SOURCES.get(kind, f"a node that gives {kind}")
            raise InteractiveActionError(
                f"{title}: the input {name} wants a link from {source}, and it holds {value!r:.60}. Connect it."
            )


def _check_choice(title: str, name: str, value: Any, entry: Any) -> None:
    if value not in entry.options:
        offered = ", ".join(map(str, entry.options[:20])) + ", ..." * (len(entry.options) > 20)
        raise InteractiveActionError(
            f"{title}: {name} must be one of those offered, but is {value!r:.60}. Choose one of: {offered or '(none)'}."
        )


def _check_number(title: str, name: str, value: Any, entry: Any, bounded: bool) -> None:
    kind: Any = numbers.Integral if isinstance(entry, io.Int.Input) else numbers.Real
    good = isinstance(value, kind) and not isinstance(value, bool)
    if not good or (bounded and isinstance(value, float) and not math.isfinite(value)):
        raise InteractiveActionError(f"{title}: {name} must be a number, but is {value!r:.60}. Correct it.")
    low, high = (-math.inf if entry.min is None else entry.min), (math.inf if entry.max is None else entry.max)
    if bounded and not low <= value <= high:
        raise InteractiveActionError(
            f"{title}: {name} must be from {low:g} to {high:g}, but is {value!r:.60}. Correct it."
        )


def _inputs_of(node: type[io.ComfyNode]) -> tuple[str, dict[str, Any]]:
    """(the node's title, its inputs by name)."""
    schema = node.define_schema()
    return schema.display_name or schema.node_id, {entry.id: entry for entry in schema.inputs}
