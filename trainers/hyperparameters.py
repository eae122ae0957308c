"""A method's hyperparameters as data: default, bounds, label and meaning stand once, in the field itself.

Node schemas, the command line's run files and the checks all read them from here.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from ..errors import InteractiveActionError
from ..files import check_text
from .timesteps import TIMESTEP_SAMPLING

NOUNS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", tuple: "a list of texts"}


@dataclass(frozen=True)
class Parameter:
    """What a person must know of one hyperparameter.

    Args:
        tooltip: one or two plain sentences.
        label: the name that a node shows; the field's own name if empty.
        minimum: smallest allowed number.
        maximum: largest allowed number.
        step: of a node's widget.
        choices: allowed texts.
        advanced: folded away in a node.
        group: "method" for a trainer node's own inputs, "options" for those of Training Options, "mask" for ADI's node.
    """

    tooltip: str
    label: str = ""
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()
    advanced: bool = False
    group: str = "method"


def parameter(default: Any, tooltip: str, **details: Any) -> Any:
    """Returns a dataclass field with its ``Parameter``."""
    return dataclasses.field(default=default, metadata={"parameter": Parameter(tooltip, **details)})


def parameters(config: type[Config] | Config) -> dict[str, tuple[dataclasses.Field[Any], Parameter]]:
    """Returns name -> (field, ``Parameter``) in the order in which the method's file has them."""
    return {field.name: (field, field.metadata["parameter"]) for field in dataclasses.fields(config)}


@dataclass(frozen=True)
class Config:
    """Base of every method's hyperparameters: checks each field against its ``Parameter``.

    Raises:
        InteractiveActionError: a value has the wrong type, is not finite or lies out of its bounds.
    """

    def __post_init__(self) -> None:
        for name, (field, details) in parameters(self).items():
            check_value(name, getattr(self, name), type(field.default), details)

    def as_dict(self) -> dict[str, Any]:
        """Returns name -> value."""
        return dataclasses.asdict(self)


def check_value(name: str, value: Any, kind: type, details: Parameter) -> None:
    """Raises a sentence if ``value`` is not of ``kind`` or not what ``details`` allow."""
    fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
    if not fits or (isinstance(value, bool) and kind is not bool):
        raise InteractiveActionError(f"{name} is {value!r}. It must be {NOUNS[kind]}.")
    for text in (value,) if kind is str else value if kind is tuple else ():
        check_text(text, name)
    if details.choices and value not in details.choices:
        raise InteractiveActionError(f"{name} is {value!r}. Choose one of: {', '.join(details.choices)}.")
    if kind not in (int, float):
        return
    if not math.isfinite(value):
        raise InteractiveActionError(f"{name} is {value}. It must be a finite number.")
    if details.minimum is not None and value < details.minimum:
        raise InteractiveActionError(f"{name} is {value}. It must be at least {details.minimum:g}.")
    if details.maximum is not None and value > details.maximum:
        raise InteractiveActionError(f"{name} is {value}. It must be at most {details.maximum:g}.")


# Parameters that several methods have


def steps(default: int) -> Any:
    """Optimizer steps."""
    return parameter(default, "Optimizer steps.", minimum=1, maximum=100_000)


def batch_size(default: int, tooltip: str = "Images a step.") -> Any:
    """Images a step."""
    return parameter(default, tooltip, minimum=1, maximum=256)


def learning_rate(default: float) -> Any:
    """AdamW's learning rate."""
    return parameter(default, "AdamW's learning rate.", minimum=1e-7, maximum=1.0, step=1e-5)


def seed() -> Any:
    """The seed of everything random."""
    tooltip = "Same seed, model, data and settings: the same result, byte for byte."
    return parameter(0, tooltip, minimum=0, maximum=0xFFFFFFFFFFFFFFFF)


def initializer_token(default: str) -> Any:
    """The word that the new word starts from."""
    return parameter(
        default,
        "The word that the new word starts from: best a vague word for any interaction. Not 'and' where the frozen "
        "model teaches: the new word would stay stuck there.",
        label="initializer token",
    )


def timestep_sampling(default: str) -> Any:
    """Which noise levels are trained."""
    return parameter(
        default,
        "Which noise levels are trained. Interactions are decided at high noise; uniform training cannot tell "
        "lifting from pushing. 'cosine' favors high noise 3 : 1, 'logit-normal' the middle.",
        label="timestep sampling",
        choices=tuple(TIMESTEP_SAMPLING),
    )


def num_vectors() -> Any:
    """How many vectors the new word has."""
    return parameter(1, "How many vectors the new word has.", minimum=1, maximum=16, advanced=True)


def text_encoders() -> Any:
    """Which text encoders' vectors are learned."""
    tooltip = (
        "Which text encoders get a new vector, such as 'clip_l' or 't5xxl' of FLUX.1; several with commas between. The "
        "others keep reading the initializer token. Empty: all. Only for methods that train a plain token."
    )
    return parameter("", tooltip, label="text encoders", advanced=True, group="options")


def weight_decay() -> Any:
    """AdamW's weight decay."""
    return parameter(1e-2, "AdamW's weight decay.", minimum=0.0, maximum=1.0, step=0.001, advanced=True)


def prior_loss_weight() -> Any:
    """The weight of prior preservation."""
    return parameter(1.0, "How much the class images count.", minimum=0.0, maximum=10.0, step=0.1)


def grad_accumulation_steps() -> Any:
    """Batches a step."""
    return parameter(1, "Batches whose gradients are averaged for one step.", minimum=1, maximum=256, group="options")


def min_snr_gamma() -> Any:
    """min-SNR weighting (Hang et al. 2023)."""
    tooltip = "min-SNR weighting of the denoising loss; 5 is usual. 0 leaves it out."
    return parameter(0.0, tooltip, minimum=0.0, maximum=100.0, step=0.5, group="options")


def ema_decay() -> Any:
    """The decay of the running average."""
    tooltip = (
        "What is kept is a running average of what is learned, with this decay, 0.99 for example. 0: the last values."
    )
    return parameter(0.0, tooltip, minimum=0.0, maximum=0.9999, step=0.001, group="options")


def max_embedding_norm() -> Any:
    """The longest vector allowed."""
    tooltip = (
        "How long a vector may become, in lengths of the initializer token's. Long ones drown the rest of a prompt. "
        "0: no limit. Only for methods that train a token alone."
    )
    return parameter(0.0, tooltip, minimum=0.0, maximum=100.0, step=0.1, group="options")
