"""The nodes that learn, one for each method."""

from comfy_api.latest import io

from ..captions.dataset import InteractionDataset
from ..captions.templates import PLACEHOLDER
from ..captions.words import ACTION_WORDS, negative_words
from ..errors import InteractiveActionError
from ..files import filled_lines
from ..trainers.adi import ADIConfig
from ..trainers.custom_diffusion import CustomDiffusionConfig
from ..trainers.dreambooth import DreamBoothConfig
from ..trainers.interactive_action import InteractiveActionConfig
from ..trainers.p_plus import PPlusConfig
from ..trainers.reversion import ReVersionConfig
from ..trainers.textual_inversion import TextualInversionConfig
from . import sockets
from . import training_options as training_inputs
from . import validation_images as training_samples
from .training_options import CATEGORY, COMMON, LAST, MODEL, PRIOR, STEERING, inputs_of, lora_output, outputs
from .training_run import train


class _Trainer(io.ComfyNode):
    """What all trainer nodes share: an empty initializer token is refused before anything is loaded."""

    @classmethod
    def validate_inputs(cls, initializer_token):
        if initializer_token is not None and not initializer_token.strip():
            return "The initializer token is empty. Write a vague word for an interaction, such as 'handling'."
        return True


class TrainInteractiveToken(_Trainer):
    @classmethod
    def define_schema(cls):
        defaults = InteractiveActionConfig(positives=ACTION_WORDS["pick up"])
        return io.Schema(
            node_id="InteractiveActionTrainToken",
            display_name="Train Interactive Token",
            category=CATEGORY,
            description="Learn a word v* for an interaction from simulated images: denoising, steering and a distillation from "
            "the frozen model that keeps subject and object (Eq. 8). Only v* is trained; MODEL and CLIP stay as they are.",
            search_aliases=["textual inversion", "training", "embedding", "distillation"],
            inputs=[
                *inputs_of(
                    defaults, *MODEL, *COMMON, "steering_words", "lambda_steer", "lambda_distill", *STEERING, *LAST
                ),
                *inputs_of(defaults, "negative_words", "auxiliary_lora_rank", "literal_eq6", "options"),
            ],
            outputs=outputs(),
        )

    @classmethod
    def execute(cls, model, clip, vae, dataset, steering_words, negative_words="", **settings):
        words = {"positives": filled_lines(steering_words), "negatives": filled_lines(negative_words)}
        return _token("interactive-action", (model, clip, vae), dataset, **words, **settings)


class TrainTextualInversion(_Trainer):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="InteractiveActionTrainTextualInversion",
            display_name="Train Token (Textual Inversion)",
            category=CATEGORY,
            description="Learn a word v* from images by denoising alone: the plain method, for comparison and for looks rather "
            "than interactions. Only v* is trained.",
            search_aliases=["textual inversion", "training", "embedding"],
            inputs=inputs_of(TextualInversionConfig(), *MODEL, *COMMON, *LAST, "options"),
            outputs=outputs(),
        )

    @classmethod
    def execute(cls, model, clip, vae, dataset, **settings):
        return _token("textual-inversion", (model, clip, vae), dataset, **settings)


class TrainReVersion(_Trainer):
    @classmethod
    def define_schema(cls):
        defaults = ReVersionConfig(positives=ACTION_WORDS["pick up"], negatives=negative_words("pick up"))
        return io.Schema(
            node_id="InteractiveActionTrainReVersion",
            display_name="Train Token (ReVersion)",
            category=CATEGORY,
            description="Learn a word v* for a relation by denoising and steering towards words of its kind, without a teacher: for "
            "photographs rather than simulated images. Only v* is trained.",
            search_aliases=["relation", "training", "embedding", "steering"],
            inputs=inputs_of(
                defaults,
                *MODEL,
                *COMMON,
                "steering_words",
                "lambda_steer",
                *STEERING,
                *LAST,
                "negative_words",
                "options",
            ),
            outputs=outputs(),
        )

    @classmethod
    def execute(cls, model, clip, vae, dataset, steering_words, negative_words="", **settings):
        words = {"positives": filled_lines(steering_words), "negatives": filled_lines(negative_words)}
        return _token("reversion", (model, clip, vae), dataset, **words, **settings)


class TrainPPlus(_Trainer):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="InteractiveActionTrainPPlus",
            display_name="Train Token (P+)",
            category=CATEGORY,
            description="Learn a word v* with a vector of its own for each cross-attention layer of MODEL, by denoising. It holds more "
            "than a plain token and is used through Interactive Token Loader. Only v* is trained.",
            search_aliases=["layer-wise", "extended textual inversion", "training"],
            inputs=inputs_of(PPlusConfig(), *MODEL, *COMMON, *LAST, "options"),
            outputs=outputs(),
        )

    @classmethod
    def execute(cls, model, clip, vae, dataset, **settings):
        return _token("p-plus", (model, clip, vae), dataset, **settings)


class TrainADI(_Trainer):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="InteractiveActionTrainADI",
            display_name="Train Token (ADI)",
            category=CATEGORY,
            description="Learn an action as a layer-wise word v*, with the channels of the context masked out of its gradient: what "
            "changes with the scene, or stays when the action changes, is not learned. Only v* is trained.",
            search_aliases=["action customization", "disentangled identifier", "layer-wise", "training"],
            inputs=[
                *inputs_of(ADIConfig(), *MODEL),
                sockets.GradientMask.Input(
                    "gradient_mask", tooltip="From ADI Gradient Mask: images of other actions, and how to mask."
                ),
                *inputs_of(ADIConfig(), *COMMON, *LAST),
                io.Boolean.Input(
                    "layer_wise",
                    default=True,
                    tooltip="A token for each layer, as in the paper. Off: one for all.",
                    advanced=True,
                ),
                *inputs_of(ADIConfig(), "options"),
            ],
            outputs=outputs(),
        )

    @classmethod
    def execute(cls, model, clip, vae, dataset, gradient_mask, **settings):
        action_different, masking = gradient_mask
        return _token("adi", (model, clip, vae), dataset, action_different, **masking, **settings)


class TrainDreamBooth(_Trainer):
    @classmethod
    def define_schema(cls):
        defaults = DreamBoothConfig()
        return io.Schema(
            node_id="InteractiveActionTrainDreamBooth",
            display_name="Train LoRA (DreamBooth)",
            category=CATEGORY,
            description="Let the U-Net learn what an instance token means, as a LoRA or in all of its weights: a baseline that learns looks "
            "rather than interactions, and quickly makes a model of one scene. MODEL itself stays as it is.",
            search_aliases=["lora", "fine-tuning", "baseline", "training"],
            inputs=[
                *inputs_of(defaults, *MODEL, *COMMON[:-2]),
                io.String.Input("initializer_token", display_name="instance_token", default=defaults.initializer_token,
                                tooltip="The word that comes to mean it, put where the prompts say <v*>: one that the model hardly knows."),
                *inputs_of(defaults, "timestep_sampling", "rank", *PRIOR, "weight_decay", "save_state_every", "options"),
            ],
            outputs=[lora_output(), *outputs()[1:]],
        )  # fmt: skip

    @classmethod
    def execute(cls, model, clip, vae, dataset, class_images=None, class_prompt="", **settings):
        trained = train("dreambooth", (model, clip, vae), dataset, _prior(class_images, class_prompt), **settings)
        return io.NodeOutput(trained.lora, *trained.told, ui=trained.shown)


class TrainCustomDiffusion(_Trainer):
    @classmethod
    def define_schema(cls):
        defaults = CustomDiffusionConfig()
        return io.Schema(
            node_id="InteractiveActionTrainCustomDiffusion",
            display_name="Train Token and LoRA (Custom Diffusion)",
            category=CATEGORY,
            description="Learn a word v* and, with it, the keys and values of all cross-attentions: a baseline between a token and "
            "DreamBooth. Token and LoRA belong together. MODEL itself stays as it is.",
            search_aliases=["lora", "key value", "baseline", "training"],
            inputs=inputs_of(defaults, *MODEL, *COMMON, *PRIOR, *LAST, "options"),
            outputs=[outputs()[0], lora_output(), *outputs()[1:]],
        )

    @classmethod
    def execute(cls, model, clip, vae, dataset, class_images=None, class_prompt="", **settings):
        trained = train("custom-diffusion", (model, clip, vae), dataset, _prior(class_images, class_prompt), **settings)
        return io.NodeOutput(trained.token, trained.lora, *trained.told, ui=trained.shown)


def _token(method, *arguments, **settings):
    trained = train(method, *arguments, **settings)
    return io.NodeOutput(trained.token, *trained.told, ui=trained.shown)


def _prior(images, prompt):
    """The dataset of images that the model drew for one plain prompt, or None where there are none."""
    if images is None:
        return None
    if not prompt.strip():
        raise InteractiveActionError(
            "The prior images have no prompt. Write the plain words that they were drawn with, such as 'a robot arm and a cube'."
        )
    return InteractionDataset(images[..., :3], ((PLACEHOLDER,),) * len(images), ((prompt.strip(),),) * len(images))


NODES = [
    TrainInteractiveToken,
    TrainTextualInversion,
    TrainReVersion,
    TrainPPlus,
    TrainADI,
    TrainDreamBooth,
    TrainCustomDiffusion,
    *training_inputs.NODES,
    *training_samples.NODES,
]
