"""Classes of ComfyUI's with something mixed in, for copies of its objects that others do not hold."""

from __future__ import annotations

import functools


@functools.cache
def with_mixin(base: type, mixin: type) -> type:
    """Returns the one subclass of ``base`` with ``mixin``: a subclass, so that others' isinstance checks hold."""
    name = f"{base.__name__}With{mixin.__name__.lstrip('_')}"
    return type(name, (mixin, base), {"__module__": __name__})
