"""Node inputs made from a method's Config: name, default, bounds and tooltip stand in its fields alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from comfy_api.latest import io

from ..errors import InteractiveActionError
from ..files import filled_lines
from ..trainers.hyperparameters import Config, Parameter, parameters
from ..trainers.methods import METHODS


def inputs_of(
    config: type[Config], group: str = "method", shown: Sequence[str] | None = None, **defaults: Any
) -> list[io.Input]:
    """Returns an input for each field of ``config`` in ``group``.

    Args:
        config: a method's hyperparameters.
        group: of ``Parameter``.
        shown: names of the fields that are not folded away; None: as the fields themselves say.
        defaults: what the node starts with where the Config's default is not for a person, such as word lists.
    """
    return [
        _input(name, defaults.get(name, field.default), _folded(details, name, shown))
        for name, (field, details) in parameters(config).items()
        if details.group == group
    ]


def _folded(details: Parameter, name: str, shown: Sequence[str] | None) -> Parameter:
    return details if shown is None else dataclasses.replace(details, advanced=name not in shown)


def config_of(config: type[Config], values: dict[str, Any], options: dict[str, Any]) -> Config:
    """Returns the Config that a node's values and Training Options describe.

    Args:
        config: a method's hyperparameters.
        values: the node's inputs; lists of words are texts of several lines.
        options: those of Training Options, of which a method may lack some; such must be off.

    Raises:
        InteractiveActionError: an option is on that the method lacks, or a value is refused by the Config.
    """
    known = parameters(config)
    for name, value in options.items():
        off = _options()[name][0].default
        if name not in known and value != off:
            raise InteractiveActionError(f"This method has no {name}. Set it to {off} in Training Options.")
    settings = {**values, **{name: value for name, value in options.items() if name in known}}
    return config(
        **{
            name: filled_lines(value) if isinstance(known[name][0].default, tuple) else value
            for name, value in settings.items()
        }
    )


def options_inputs() -> list[io.Input]:
    """Returns the inputs of Training Options: every option that one of the methods has, once."""
    return [_input(name, field.default, details) for name, (field, details) in _options().items()]


def _options() -> dict[str, tuple[dataclasses.Field[Any], Parameter]]:
    """Name -> (field, ``Parameter``) of every option of every method."""
    everything = [item for method in METHODS.values() for item in parameters(method.config).items()]
    return {name: (field, details) for name, (field, details) in everything if details.group == "options"}


def _input(name: str, default: Any, details: Parameter) -> io.Input:
    """The widget of one hyperparameter. What is folded away may be missing in a prompt: the Config has its default."""
    advanced = details.advanced
    common: dict[str, Any] = {
        "tooltip": details.tooltip,
        "display_name": details.label or None,
        "advanced": advanced or None,
    }
    common |= {"optional": advanced}
    bounds = {"min": details.minimum, "max": details.maximum}
    if isinstance(default, bool):
        return io.Boolean.Input(name, default=default, **common)
    if details.choices:
        return io.Combo.Input(name, options=list(details.choices), default=default, **common)
    if name == "seed":
        fixed = io.ControlAfterGenerate.fixed
        return io.Int.Input(name, default=default, control_after_generate=fixed, **bounds, **common)
    if isinstance(default, int):
        return io.Int.Input(name, default=default, **bounds, **common)
    if isinstance(default, float):
        return io.Float.Input(name, default=default, step=details.step, round=False, **bounds, **common)
    if isinstance(default, tuple):
        return io.String.Input(name, default="\n".join(default), multiline=True, **common)
    return io.String.Input(name, default=default, **common)
