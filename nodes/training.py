"""The nodes that learn a token, one for each method."""

import json
import pathlib

import comfy.utils
import folder_paths
import numpy
import torch
from comfy_api.latest import io, ui

from ..captions.words import ACTION_WORDS, negative_words
from ..tokens.token import InteractiveToken
from ..trainers.adi import ADIConfig
from ..trainers.interactive_action import InteractiveActionConfig
from ..trainers.loop import TrainingState, run_key, training_steps
from ..trainers.methods import METHODS
from ..trainers.p_plus import PPlusConfig
from ..trainers.reversion import ReVersionConfig
from ..trainers.textual_inversion import TextualInversionConfig
from . import sockets, training_inputs
from .plots import loss_curves
from .training_inputs import CATEGORY, COMMON, LAST, MODEL, STEERING, inputs_of, outputs

PREVIEW_EVERY = 25


class _Trainer(io.ComfyNode):
    """What all trainer nodes share: an empty start word is refused before anything is loaded."""

    @classmethod
    def validate_inputs(cls, start_word):
        if start_word is not None and not start_word.strip():
            return "The start word is empty. Write a vague word for an interaction, such as 'handling'."
        return True


class TrainInteractiveToken(_Trainer):
    @classmethod
    def define_schema(cls):
        defaults = InteractiveActionConfig(positives=ACTION_WORDS["pick up"])
        return io.Schema(
            node_id="InteractiveActionTrainToken",
            display_name="Train Interactive Token",
            category=CATEGORY,
            description="Learn a word v* for an interaction from simulated pictures: denoising, steering and a distillation from "
            "the frozen model that keeps subject and object (Eq. 8). Only v* is trained; MODEL and CLIP stay as they are.",
            search_aliases=["textual inversion", "training", "embedding", "distillation"],
            inputs=[
                *inputs_of(defaults, *MODEL, *COMMON, "steering_words", "lambda_steer", "lambda_distill", *STEERING, *LAST),
                *inputs_of(defaults, "negative_words", "absorber_rank", "literal_eq6", "options"),
            ],
            outputs=outputs(),
        )

    @classmethod
    def execute(cls, model, clip, vae, dataset, steering_words, negative_words="", **settings):
        words = {"positives": _lines(steering_words), "negatives": _lines(negative_words)}
        return _train("interactive-action", (model, clip, vae), dataset, **words, **settings)


class TrainTextualInversion(_Trainer):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="InteractiveActionTrainTextualInversion",
            display_name="Train Token (Textual Inversion)",
            category=CATEGORY,
            description="Learn a word v* from pictures by denoising alone: the plain method, for comparison and for looks rather "
            "than interactions. Only v* is trained.",
            search_aliases=["textual inversion", "training", "embedding"],
            inputs=inputs_of(TextualInversionConfig(), *MODEL, *COMMON, *LAST, "options"),
            outputs=outputs(),
        )

    @classmethod
    def execute(cls, model, clip, vae, dataset, **settings):
        return _train("textual-inversion", (model, clip, vae), dataset, **settings)


class TrainReVersion(_Trainer):
    @classmethod
    def define_schema(cls):
        defaults = ReVersionConfig(positives=ACTION_WORDS["pick up"], negatives=negative_words("pick up"))
        return io.Schema(
            node_id="InteractiveActionTrainReVersion",
            display_name="Train Token (ReVersion)",
            category=CATEGORY,
            description="Learn a word v* for a relation by denoising and steering towards words of its kind, without a teacher: for "
            "photographs rather than simulated pictures. Only v* is trained.",
            search_aliases=["relation", "training", "embedding", "steering"],
            inputs=inputs_of(
                defaults, *MODEL, *COMMON, "steering_words", "lambda_steer", *STEERING, *LAST, "negative_words", "options"
            ),
            outputs=outputs(),
        )

    @classmethod
    def execute(cls, model, clip, vae, dataset, steering_words, negative_words="", **settings):
        words = {"positives": _lines(steering_words), "negatives": _lines(negative_words)}
        return _train("reversion", (model, clip, vae), dataset, **words, **settings)


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
        return _train("p-plus", (model, clip, vae), dataset, **settings)


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
                sockets.GradientMask.Input("gradient_mask", tooltip="From ADI Gradient Mask: pictures of other actions, and how to mask."),
                *inputs_of(ADIConfig(), *COMMON, *LAST),
                io.Boolean.Input(
                    "layer_wise", default=True, tooltip="A token for each layer, as in the paper. Off: one for all.", advanced=True
                ),
                *inputs_of(ADIConfig(), "options"),
            ],
            outputs=outputs(),
        )

    @classmethod
    def execute(cls, model, clip, vae, dataset, gradient_mask, **settings):
        action_different, masking = gradient_mask
        return _train("adi", (model, clip, vae), dataset, action_different, **masking, **settings)


def _train(method, loaded, dataset, *triples, action, save_state_every, options=None, **settings):
    """Learn a token with one of ``METHODS``: its config from the inputs and options, its loss, and the shared loop.

    loaded: (MODEL, CLIP, VAE). triples: what the loss of ADI needs beside a data set. Returns a trainer node's output.
    """
    # imported here: it needs a running ComfyUI, not only an importable one
    from ..trainers.engines.comfy import ComfyEngine

    options = dict(options or {})
    weights = options.pop("loss_weights", None)
    config_class, loss_class = METHODS[method]
    config = config_class(**settings, **options)
    progress = comfy.utils.ProgressBar(config.steps)
    with ComfyEngine(*loaded) as engine:
        loss = loss_class(engine, dataset, config, *triples, loss_weights=weights)
        base = engine.fingerprint()
        tensors = [tensor for extra in triples for tensor in (extra.pictures, extra.anchors)]
        run = run_key(base, dataset, config, *tensors, *([] if weights is None else [weights]))
        path = state_path(run)
        state = TrainingState.load(path, run) or TrainingState.begin(loss.start())
        try:
            for _ in training_steps(loss, state):
                preview = None
                if state.step % PREVIEW_EVERY == 0 or state.step == config.steps:
                    preview = ("JPEG", loss_curves(_shown(state.losses), config.steps), 640)
                progress.update_absolute(state.step, config.steps, preview)  # raises when the user cancels
                if state.step % save_state_every == 0:
                    state.save(path, run)
        except BaseException:
            if state.step:
                state.save(path, run)
            raise
        provenance = {
            "interactive_action.action": action,
            "interactive_action.method": method,
            "interactive_action.base_model": _checkpoint_name(loaded[0]),
            "interactive_action.base_model_sha256": base,
            "interactive_action.dataset_sha256": dataset.sha256(),
            "interactive_action.pictures": str(len(dataset)),
            "interactive_action.hyperparameters": json.dumps(config.as_dict(), sort_keys=True),
            "interactive_action.seed": str(config.seed),
            "modelspec.architecture": f"stable-diffusion-v{2 if engine.width == 1024 else 1}/textual-inversion",
        }
    path.unlink(missing_ok=True)
    curves = torch.from_numpy(numpy.array(loss_curves(_shown(state.losses), config.steps, 1200, 400))).float()[None] / 255
    text = f"{config.steps} steps; total loss {numpy.mean(state.losses['total'][-50:]):.4f} over the last {min(50, config.steps)}."
    if "overlap" in state.losses:
        text += f" The two masks overlapped by {numpy.mean(state.losses['overlap']):.1%} on average (30.3% in the paper)."
    token = InteractiveToken("v", loss.token(state.average), provenance)
    return io.NodeOutput(token, {"loss": state.losses["total"]}, curves, ui=ui.PreviewText(text))


def state_path(run):
    """Where the state of a run lies until it is done: outside of what ComfyUI clears at its start."""
    return pathlib.Path(folder_paths.get_user_directory()) / "interactive_action" / "training" / f"{run[:16]}.safetensors"


def _lines(text):
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _shown(losses):
    """The losses without the total where it is the denoising loss alone."""
    return {name: values for name, values in losses.items() if name != "total" or values != losses["denoise"]}


def _checkpoint_name(model):
    """The file a MODEL was loaded from, as far as ComfyUI remembers it."""
    source = getattr(model, "cached_patcher_init", None)
    return pathlib.Path(source[1][0]).name if source else "unknown"


NODES = [TrainInteractiveToken, TrainTextualInversion, TrainReVersion, TrainPPlus, TrainADI, *training_inputs.NODES]
