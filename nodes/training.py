"""The node that learns a token."""

import json
import pathlib

import comfy.utils
import folder_paths
import numpy
import torch
from comfy_api.latest import io, ui

from ..captions.words import ACTION_WORDS
from ..tokens.token import InteractiveToken
from ..trainers.interactive_action import InteractiveActionConfig, InteractiveActionLoss
from ..trainers.loop import TrainingState, run_key, training_steps
from ..trainers.timesteps import TIMESTEP_LAWS
from . import sockets
from .plots import loss_curves

CATEGORY = "Interactive Action/training"
PREVIEW_EVERY = 25
DEFAULTS = InteractiveActionConfig(positives=("",))


class TrainInteractiveToken(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="InteractiveActionTrainToken",
            display_name="Train Interactive Token",
            category=CATEGORY,
            description="Learn a word v* for an interaction from simulated pictures: denoising, steering and a distillation from "
            "the frozen model that keeps subject and object (Eq. 8). Only v* is trained; MODEL and CLIP stay as they are.",
            search_aliases=["textual inversion", "training", "embedding", "distillation"],
            inputs=[
                io.Model.Input("model", tooltip="MODEL of an SD 1.x checkpoint."),
                io.Clip.Input("clip", tooltip="CLIP of the same checkpoint."),
                io.Vae.Input("vae", tooltip="VAE of the same checkpoint."),
                sockets.Dataset.Input("dataset", tooltip="Pictures with their paired prompts, from Caption Interaction."),
                io.String.Input(
                    "action", default="pick up", tooltip="What the token means, in plain words; written into the token's file."
                ),
                io.Int.Input("steps", default=DEFAULTS.steps, min=1, max=100000, tooltip="Optimiser steps."),
                io.Int.Input("batch_size", default=DEFAULTS.batch_size, min=1, max=256, tooltip="Pictures a step."),
                io.Float.Input(
                    "learning_rate",
                    default=DEFAULTS.learning_rate,
                    min=1e-7,
                    max=1.0,
                    step=1e-5,
                    round=False,
                    tooltip="AdamW's learning rate.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    tooltip="Same seed, model, data and settings: the same token, byte for byte.",
                ),
                io.String.Input(
                    "start_word",
                    default=DEFAULTS.start_word,
                    tooltip="The word v* starts from: best a vague word for any interaction. Not 'and': there the distillation "
                    "has no gradient and v* stays stuck.",
                ),
                io.Combo.Input(
                    "timestep_law",
                    options=list(TIMESTEP_LAWS),
                    default=DEFAULTS.timestep_law,
                    tooltip="Which noise levels are trained. Interactions are decided at high noise; uniform training cannot tell "
                    "lifting from pushing. 'cosine' favours high noise 3 : 1.",
                ),
                io.String.Input(
                    "steering_words",
                    multiline=True,
                    default="\n".join(ACTION_WORDS["pick up"]),
                    tooltip="One word or phrase a line, towards which v* is steered. Words of another action pull the token to "
                    "that action: leave them out. Interaction Words has lists.",
                ),
                io.Float.Input(
                    "lambda_steer", default=DEFAULTS.lambda_steer, min=0.0, max=10.0, step=0.001, tooltip="Weight of the steering loss (Eq. 5)."
                ),
                io.Float.Input(
                    "lambda_distill",
                    default=DEFAULTS.lambda_distill,
                    min=0.0,
                    max=10.0,
                    step=0.01,
                    tooltip="Weight of the distillation (Eq. 6): more keeps subject and object safer and learns the action less.",
                ),
                io.Float.Input(
                    "gamma", default=DEFAULTS.gamma, min=0.001, max=10.0, step=0.01, tooltip="Temperature of the steering loss.", advanced=True
                ),
                io.Int.Input(
                    "positives_per_picture",
                    default=DEFAULTS.positives_per_picture,
                    min=1,
                    max=64,
                    tooltip="How many steering words are drawn for each picture.",
                    advanced=True,
                ),
                io.Int.Input("vectors", default=DEFAULTS.vectors, min=1, max=16, tooltip="How many vectors v* has.", advanced=True),
                io.Float.Input(
                    "weight_decay", default=DEFAULTS.weight_decay, min=0.0, max=1.0, step=0.001, tooltip="AdamW's weight decay.", advanced=True
                ),
                io.Int.Input(
                    "save_state_every",
                    default=100,
                    min=1,
                    max=100000,
                    tooltip="Steps between state files. Queue the same graph again after a crash or Cancel and training goes on from there.",
                    advanced=True,
                ),
            ],
            outputs=[
                sockets.Token.Output(display_name="token"),
                io.LossMap.Output(display_name="loss"),
                io.Image.Output(display_name="loss curves"),
            ],
        )

    @classmethod
    def validate_inputs(cls, start_word):
        if start_word is not None and not start_word.strip():
            return "The start word is empty. Write a vague word for an interaction, such as 'handling'."
        return True

    @classmethod
    def execute(cls, model, clip, vae, dataset, action, steering_words, save_state_every, **settings):
        # imported here: it needs a running ComfyUI, not only an importable one
        from ..trainers.engines.comfy import ComfyEngine

        words = tuple(line.strip() for line in steering_words.splitlines() if line.strip())
        config = InteractiveActionConfig(positives=words, **settings)
        progress = comfy.utils.ProgressBar(config.steps)
        with ComfyEngine(model, clip, vae) as engine:
            loss = InteractiveActionLoss(engine, dataset, config)
            base = engine.fingerprint()
            run = run_key(base, dataset, config)
            path = state_path(run)
            state = TrainingState.load(path, run) or TrainingState.begin(loss.start())
            try:
                for _ in training_steps(loss, state):
                    preview = None
                    if state.step % PREVIEW_EVERY == 0 or state.step == config.steps:
                        preview = ("JPEG", loss_curves(state.losses, config.steps), 640)
                    progress.update_absolute(state.step, config.steps, preview)  # raises when the user cancels
                    if state.step % save_state_every == 0:
                        state.save(path, run)
            except BaseException:
                if state.step:
                    state.save(path, run)
                raise
            provenance = {
                "interactive_action.action": action,
                "interactive_action.method": "interactive-action",
                "interactive_action.base_model": _checkpoint_name(model),
                "interactive_action.base_model_sha256": base,
                "interactive_action.dataset_sha256": dataset.sha256(),
                "interactive_action.pictures": str(len(dataset)),
                "interactive_action.hyperparameters": json.dumps(config.as_dict(), sort_keys=True),
                "interactive_action.seed": str(config.seed),
                "modelspec.architecture": "stable-diffusion-v1/textual-inversion",
            }
        path.unlink(missing_ok=True)
        curves = torch.from_numpy(numpy.array(loss_curves(state.losses, config.steps, 1200, 400))).float()[None] / 255
        text = f"{config.steps} steps; total loss {numpy.mean(state.losses['total'][-50:]):.4f} over the last {min(50, config.steps)}."
        token = InteractiveToken("v", state.average, provenance)
        return io.NodeOutput(token, {"loss": state.losses["total"]}, curves, ui=ui.PreviewText(text))


def state_path(run):
    """Where the state of a run lies until it is done: outside of what ComfyUI clears at its start."""
    return pathlib.Path(folder_paths.get_user_directory()) / "interactive_action" / "training" / f"{run[:16]}.safetensors"


def _checkpoint_name(model):
    """The file a MODEL was loaded from, as far as ComfyUI remembers it."""
    source = getattr(model, "cached_patcher_init", None)
    return pathlib.Path(source[1][0]).name if source else "unknown"


NODES = [TrainInteractiveToken]
