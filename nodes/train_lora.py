"""The nodes that train weights: DreamBooth and Custom Diffusion, baselines."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..captions.dataset import InteractionDataset
from ..captions.templates import PLACEHOLDER
from ..errors import InteractiveActionError
from ..trainers.methods import METHODS
from .config_inputs import inputs_of
from .node import Node
from .train_token import CATEGORY, action_input, loaded_inputs, session_inputs, token_output, training_outputs
from .training_session import train


def class_inputs() -> list[io.Input]:
    """Returns the inputs of prior preservation."""
    return [
        io.Image.Input(
            "class_images",
            optional=True,
            tooltip="Images that MODEL generated for plain words: they hold it to what it knew. Without, it forgets "
            "more.",
        ),
        io.String.Input(
            "class_prompt",
            default="",
            optional=True,
            tooltip="The plain words that the class images were generated with, such as 'a robot arm and a cube'.",
        ),
    ]


def lora_output() -> io.Output:
    """Returns the output of a LoRA."""
    tooltip = "For Load LoRA Model, or for Save LoRA Weights and then Load LoRA."
    return io.LoraModel.Output(display_name="lora", tooltip=tooltip)


def class_dataset(images: Any, prompt: str) -> InteractionDataset | None:
    """Returns the dataset of images that the model generated for one plain prompt, or None without images.

    Raises:
        InteractiveActionError: the images have no prompt.
    """
    if images is None:
        return None
    if not prompt.strip():
        raise InteractiveActionError(
            "The class images have no prompt. Write the plain words that they were generated with, such as 'a robot "
            "arm and a cube'."
        )
    return InteractionDataset(images[..., :3], ((PLACEHOLDER,),) * len(images), ((prompt.strip(),),) * len(images))


class TrainDreamBooth(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionTrainDreamBooth",
            display_name="Train LoRA (DreamBooth)",
            category=CATEGORY,
            description="Let the model learn what a rare word means, as a LoRA or in all of its weights: a baseline "
            "that learns looks rather than interactions, and quickly makes a model of one scene. MODEL itself stays "
            "as it is.",
            search_aliases=["lora", "fine-tuning", "baseline", "training"],
            inputs=[
                *loaded_inputs(),
                action_input(),
                *inputs_of(METHODS["dreambooth"].config),
                *class_inputs(),
                *session_inputs(),
            ],
            outputs=[lora_output(), *training_outputs()],
        )

    @classmethod
    def check_inputs(cls, instance_token: str) -> None:
        if not instance_token.strip():
            raise InteractiveActionError(
                "The instance token is empty. Write a word that the model hardly knows, such as 'sks'."
            )

    @classmethod
    def execute(
        cls,
        model: Any,
        clip: Any,
        vae: Any,
        dataset: Any,
        class_images: Any = None,
        class_prompt: str = "",
        **settings: Any,
    ) -> io.NodeOutput:
        extra = class_dataset(class_images, class_prompt)
        trained = train("dreambooth", (model, clip, vae), dataset, extra=extra, **settings)
        return io.NodeOutput(trained.lora, *trained.outputs, ui=trained.preview)


class TrainCustomDiffusion(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionTrainCustomDiffusion",
            display_name="Train Token and LoRA (Custom Diffusion)",
            category=CATEGORY,
            description="Learn a new word and, with it, the keys and values of all cross-attentions: a baseline "
            "between a token and DreamBooth. Token and LoRA belong together. MODEL itself stays as it is.",
            search_aliases=["lora", "key value", "baseline", "training"],
            inputs=[
                *loaded_inputs(),
                action_input(),
                *inputs_of(METHODS["custom-diffusion"].config),
                *class_inputs(),
                *session_inputs(),
            ],
            outputs=[token_output(), lora_output(), *training_outputs()],
        )

    @classmethod
    def check_inputs(cls, initializer_token: str) -> None:
        if not initializer_token.strip():
            raise InteractiveActionError("The initializer token is empty. Write a word to start from, such as 'ktn'.")

    @classmethod
    def execute(
        cls,
        model: Any,
        clip: Any,
        vae: Any,
        dataset: Any,
        class_images: Any = None,
        class_prompt: str = "",
        **settings: Any,
    ) -> io.NodeOutput:
        extra = class_dataset(class_images, class_prompt)
        trained = train("custom-diffusion", (model, clip, vae), dataset, extra=extra, **settings)
        return io.NodeOutput(trained.token, trained.lora, *trained.outputs, ui=trained.preview)


NODES = [TrainDreamBooth, TrainCustomDiffusion]
