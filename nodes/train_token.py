"""The nodes that train a token: Interactive Token, Textual Inversion, ReVersion, P+ and ADI."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..captions.words import ACTION_WORDS, negative_words
from ..errors import InteractiveActionError
from ..trainers.methods import METHODS
from . import sockets
from .config_inputs import inputs_of
from .node import Node
from .training_session import train

CATEGORY = "Interactive Action/training"
ACTION = "pick up"  # whose words the nodes start with


def loaded_inputs() -> list[io.Input]:
    """Returns the sockets that every trainer has first."""
    return [
        io.Model.Input(
            "model",
            tooltip="MODEL of SD 1.x, SD 2.x or SDXL; for plain tokens and LoRAs also of SD 3.5, FLUX.1, FLUX.2, "
            "Z-Image or Krea 2.",
        ),
        io.Clip.Input("clip", tooltip="CLIP of the same checkpoint or family."),
        io.Vae.Input("vae", tooltip="VAE of the same checkpoint or family."),
        sockets.Dataset.Input("dataset", tooltip="Images with their paired prompts, from Caption Images (Action)."),
    ]


def action_input() -> io.Input:
    """Returns the text that says what is learned."""
    tooltip = "What the new word means, in plain words; written into the token's file."
    return io.String.Input("action", default=ACTION, tooltip=tooltip)


def session_inputs() -> list[io.Input]:
    """Returns the inputs that every trainer has last."""
    return [
        io.Int.Input(
            "save_state_every",
            default=100,
            min=1,
            max=100_000,
            tooltip="Steps between state files. Queue the same graph again after a crash or Cancel and training goes "
            "on from there.",
            advanced=True,
        ),
        sockets.TrainingOptions.Input(
            "options",
            optional=True,
            tooltip="From Training Options: averaging, min-SNR, limits, a mask, validation images. May stay empty.",
        ),
    ]


def training_outputs() -> list[io.Output]:
    """Returns the outputs that every trainer has last."""
    return [
        io.LossMap.Output(display_name="loss", tooltip="The total loss of every step."),
        io.Image.Output(display_name="loss curves", tooltip="A plot of every part of the loss."),
    ]


def token_output() -> io.Output:
    """Returns the output of a token."""
    return sockets.Token.Output(display_name="token", tooltip="For Save Interactive Token or Apply Interactive Token.")


class TokenTrainer(Node):
    """What the nodes that train a token alone share; a node is a method, texts and what it adds."""

    METHOD = ""
    NODE_ID = ""
    TITLE = ""
    DESCRIPTION = ""
    ALIASES: tuple[str, ...] = ()

    @classmethod
    def define_schema(cls) -> io.Schema:
        method = METHODS[cls.METHOD]
        words: dict[str, Any] = {}
        if method.steers:
            words = {"steering_words": ACTION_WORDS[ACTION], "negative_words": cls.negatives()}
        return io.Schema(
            node_id=cls.NODE_ID,
            display_name=cls.TITLE,
            category=CATEGORY,
            description=cls.DESCRIPTION,
            search_aliases=[*cls.ALIASES, "training", "embedding"],
            inputs=[
                *loaded_inputs(),
                *cls.extra_inputs(),
                action_input(),
                *inputs_of(method.config, **words),
                *session_inputs(),
            ],
            outputs=[token_output(), *training_outputs()],
        )

    @classmethod
    def negatives(cls) -> tuple[str, ...]:
        """Returns the negative words that the node starts with."""
        return ()

    @classmethod
    def extra_inputs(cls) -> list[io.Input]:
        """Returns the sockets that this method alone has."""
        return []

    @classmethod
    def check_inputs(cls, initializer_token: str) -> None:
        if not initializer_token.strip():
            raise InteractiveActionError(
                "The initializer token is empty. Write a vague word for an interaction, such as 'handling'."
            )

    @classmethod
    def execute(cls, model: Any, clip: Any, vae: Any, dataset: Any, **settings: Any) -> io.NodeOutput:
        trained = train(cls.METHOD, (model, clip, vae), dataset, **settings)
        return io.NodeOutput(trained.token, *trained.outputs, ui=trained.preview)


class TrainInteractiveToken(TokenTrainer):
    METHOD = "interactive-action"
    NODE_ID = "InteractiveActionTrainToken"
    TITLE = "Train Interactive Token"
    DESCRIPTION = (
        "Learn a new word for an interaction from simulated images. The frozen model holds the word back, so that "
        "subject and object stay right. Only the word is trained; MODEL and CLIP stay as they are."
    )
    ALIASES = ("textual inversion", "distillation")


class TrainNoiseGated(TokenTrainer):
    METHOD = "noise-gated"
    NODE_ID = "InteractiveActionTrainNoiseGated"
    TITLE = "Train Token (Noise-Gated)"
    DESCRIPTION = (
        "Learn a new word for an interaction from simulated images, and let it act at high noise alone, where is "
        "decided what happens; a plain word draws the rest, to keep the simulator's look out. Only the word is "
        "trained."
    )
    ALIASES = ("textual inversion", "interactive action")


class TrainTextualInversion(TokenTrainer):
    METHOD = "textual-inversion"
    NODE_ID = "InteractiveActionTrainTextualInversion"
    TITLE = "Train Token (Textual Inversion)"
    DESCRIPTION = (
        "Learn a new word from images by denoising alone: the plain method, for comparison and for looks rather than "
        "interactions. Only the word is trained."
    )
    ALIASES = ("textual inversion",)


class TrainReVersion(TokenTrainer):
    METHOD = "reversion"
    NODE_ID = "InteractiveActionTrainReVersion"
    TITLE = "Train Token (ReVersion)"
    DESCRIPTION = (
        "Learn a new word for a relation by denoising and steering towards words of its kind, without a teacher: for "
        "photographs rather than simulated images. Only the word is trained."
    )
    ALIASES = ("relation", "steering")

    @classmethod
    def negatives(cls) -> tuple[str, ...]:
        return negative_words(ACTION)


class TrainPPlus(TokenTrainer):
    METHOD = "p-plus"
    NODE_ID = "InteractiveActionTrainPPlus"
    TITLE = "Train Token (P+)"
    DESCRIPTION = (
        "Learn a new word with a vector of its own for each cross-attention layer of MODEL, by denoising. It holds "
        "more than a plain token and is used through Interactive Token Loader. Only the word is trained."
    )
    ALIASES = ("layer-wise", "extended textual inversion")


class TrainADI(TokenTrainer):
    METHOD = "adi"
    NODE_ID = "InteractiveActionTrainADI"
    TITLE = "Train Token (ADI)"
    DESCRIPTION = (
        "Learn an action as a layer-wise word, with the channels of the context masked out of its gradient: what "
        "changes with the scene, or stays when the action changes, is not learned. Only the word is trained."
    )
    ALIASES = ("action customization", "disentangled identifier", "layer-wise")

    @classmethod
    def extra_inputs(cls) -> list[io.Input]:
        tooltip = "From ADI Gradient Mask: images of other actions, and how to mask."
        return [sockets.GradientMask.Input("gradient_mask", tooltip=tooltip)]

    @classmethod
    def execute(
        cls, model: Any, clip: Any, vae: Any, dataset: Any, gradient_mask: Any = None, **settings: Any
    ) -> io.NodeOutput:
        action_different, masking = gradient_mask
        return super().execute(model, clip, vae, dataset, extra=action_different, **masking, **settings)


NODES = [TrainInteractiveToken, TrainNoiseGated, TrainTextualInversion, TrainReVersion, TrainPPlus, TrainADI]
