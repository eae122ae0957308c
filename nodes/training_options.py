"""The inputs that trainer nodes share, and two nodes that plug into them."""

from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..trainers.adi import ActionDifferent, ADIConfig
from ..trainers.gradient_masks import STRATEGIES
from ..trainers.timesteps import TIMESTEP_SAMPLING
from . import sockets

CATEGORY = "Interactive Action/training"


def inputs_of(defaults, *names):
    """The named inputs, in their order, with a method's defaults."""

    def whole(name, least, most, tooltip, **how):
        return io.Int.Input(name, default=getattr(defaults, name), min=least, max=most, tooltip=tooltip, **how)

    def real(name, least, most, step, tooltip, **how):
        return io.Float.Input(
            name, default=getattr(defaults, name), min=least, max=most, step=step, tooltip=tooltip, **how
        )

    makers = {
        "model": lambda name: io.Model.Input(name, tooltip="MODEL of an SD 1.x, SD 2.x or SDXL checkpoint."),
        "clip": lambda name: io.Clip.Input(name, tooltip="CLIP of the same checkpoint."),
        "vae": lambda name: io.Vae.Input(name, tooltip="VAE of the same checkpoint."),
        "dataset": lambda name: sockets.Dataset.Input(
            name, tooltip="Images with their paired prompts, from Caption Images (Action)."
        ),
        "action": lambda name: io.String.Input(
            name, default="pick up", tooltip="What the token means, in plain words; written into the token's file."
        ),
        "steps": lambda name: whole(name, 1, 100000, "Optimizer steps."),
        "batch_size": lambda name: whole(name, 1, 256, "Images a step; for ADI triples of images."),
        "learning_rate": lambda name: real(name, 1e-7, 1.0, 1e-5, "AdamW's learning rate.", round=False),
        "seed": lambda name: io.Int.Input(
            name,
            default=0,
            min=0,
            max=0xFFFFFFFFFFFFFFFF,
            control_after_generate=io.ControlAfterGenerate.fixed,
            tooltip="Same seed, model, data and settings: the same token, byte for byte.",
        ),
        "initializer_token": lambda name: io.String.Input(
            name,
            default=defaults.initializer_token,
            tooltip="The word v* starts from: best a vague word for any interaction. Not 'and' where there is a distillation: it "
            "has no gradient there and v* stays stuck.",
        ),
        "timestep_sampling": lambda name: io.Combo.Input(
            name,
            options=list(TIMESTEP_SAMPLING),
            default=defaults.timestep_sampling,
            tooltip="Which noise levels are trained. Interactions are decided at high noise; uniform training cannot tell "
            "lifting from pushing. 'cosine' favors high noise 3 : 1.",
        ),
        "steering_words": lambda name: io.String.Input(
            name,
            multiline=True,
            default="\n".join(defaults.positives),
            tooltip="One word or phrase a line, towards which v* is steered. Words of another action pull the token to "
            "that action: leave them out. Steering Words has lists.",
        ),
        "lambda_steer": lambda name: real(name, 0.0, 10.0, 0.001, "Weight of the steering loss (Eq. 5)."),
        "lambda_distill": lambda name: real(
            name,
            0.0,
            10.0,
            0.01,
            "Weight of the distillation (Eq. 6): more keeps subject and object safer and learns the action less.",
        ),
        "gamma": lambda name: real(name, 0.001, 10.0, 0.01, "Temperature of the steering loss.", advanced=True),
        "positives_per_image": lambda name: whole(
            name, 1, 64, "How many steering words are drawn for each image.", advanced=True
        ),
        "vectors": lambda name: whole(name, 1, 16, "How many vectors v* has.", advanced=True),
        "weight_decay": lambda name: real(name, 0.0, 1.0, 0.001, "AdamW's weight decay.", advanced=True),
        "save_state_every": lambda name: io.Int.Input(
            name,
            default=100,
            min=1,
            max=100000,
            tooltip="Steps between state files. Queue the same graph again after a crash or Cancel and training goes on from there.",
            advanced=True,
        ),
        "negative_words": lambda name: io.String.Input(
            name,
            multiline=True,
            default="\n".join(defaults.negatives),
            optional=True,
            tooltip="One word or phrase a line, away from which v* is steered, beside the prompts' own words: actions that yours "
            "is mistaken for.",
        ),
        "auxiliary_lora_rank": lambda name: whole(
            name,
            0,
            64,
            "Rank of a LoRA in the student's attention that is trained with v* and dropped, to take up the look of the images; "
            "public code has 4. 0: v* alone, as in the paper.",
            optional=True,
            advanced=True,
        ),
        "literal_eq6": lambda name: io.Boolean.Input(
            name,
            default=defaults.literal_eq6,
            optional=True,
            advanced=True,
            tooltip="Give student and teacher the prompt with 'and', as Eq. 6 is printed. It holds back the auxiliary LoRA alone.",
        ),
        "rank": lambda name: whole(
            name,
            0,
            256,
            "Rank of the LoRA on the attentions. 0 changes the whole U-Net: stronger, and needs ten times its memory.",
        ),
        "prior_loss_weight": lambda name: real(name, 0.0, 10.0, 0.1, "How much the prior images count."),
        "class_images": lambda name: io.Image.Input(
            name,
            optional=True,
            tooltip="Images that MODEL drew for plain words: they hold it to what it knew. Without, it forgets more.",
        ),
        "class_prompt": lambda name: io.String.Input(
            name,
            default="",
            optional=True,
            tooltip="The plain words that the prior images were drawn with, such as 'a robot arm and a cube'.",
        ),
        "options": lambda name: sockets.TrainingOptions.Input(
            name,
            optional=True,
            tooltip="From Training Options: accumulation, averaging, min-SNR, limits and a mask. May stay empty.",
        ),
    }
    return [makers[name](name) for name in names]


MODEL = ("model", "clip", "vae", "dataset")
COMMON = ("action", "steps", "batch_size", "learning_rate", "seed", "initializer_token", "timestep_sampling")
STEERING = ("gamma", "positives_per_image")
PRIOR = ("prior_loss_weight", "class_images", "class_prompt")
LAST = ("vectors", "weight_decay", "save_state_every")


def outputs():
    return [
        sockets.Token.Output(display_name="token"),
        io.LossMap.Output(display_name="loss"),
        io.Image.Output(display_name="loss curves"),
    ]


def lora_output():
    return io.LoraModel.Output(
        display_name="lora", tooltip="For Load LoRA Model, or for Save LoRA Weights and then Load LoRA."
    )


class ADIGradientMask(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="InteractiveActionADIGradientMask",
            display_name="ADI Gradient Mask",
            category=CATEGORY,
            description="Give each image of an action images of other actions in the same context, and say which channels of the "
            "token's gradient they mask. Plugs into Train Token (ADI).",
            search_aliases=["action-different", "triples", "disentangled"],
            inputs=[
                sockets.Dataset.Input("dataset", tooltip="The images of the action: the same dataset that is trained."),
                io.Image.Input(
                    "action_different",
                    tooltip="Images of the same contexts with other actions: a second recording of the same scene and seed, your own, or "
                    "some that were generated.",
                ),
                io.Float.Input(
                    "beta",
                    default=ADIConfig.beta,
                    min=0.05,
                    max=0.95,
                    step=0.05,
                    tooltip="Share of channels that each of the two masks hides. More keeps less of the scene, and learns less.",
                ),
                io.Combo.Input(
                    "strategy",
                    options=list(STRATEGIES),
                    default=ADIConfig.strategy,
                    tooltip="Which channels are kept. 'intersection' of both masks is the paper's method; the others are its comparisons.",
                ),
                sockets.Recording.Input(
                    "recording",
                    optional=True,
                    tooltip="The recording of the dataset's images. With both, images are matched by scene.",
                ),
                sockets.Recording.Input(
                    "other_recording",
                    optional=True,
                    tooltip="The recording of the action-different images. Without, they are matched in order, round after round.",
                ),
            ],
            outputs=[sockets.GradientMask.Output(display_name="gradient mask")],
        )

    @classmethod
    def execute(cls, dataset, action_different, beta, strategy, recording=None, other_recording=None):
        images = action_different[..., :3]
        if recording is not None and other_recording is not None:
            for what, shown, recorded in (
                ("dataset", dataset, recording),
                ("action-different images", images, other_recording),
            ):
                if len(shown) != len(recorded):
                    raise InteractiveActionError(
                        f"There are {len(shown)} images in the {what} and {len(recorded)} in their recording. Connect the recording they "
                        f"come from, or neither recording."
                    )
            different = ActionDifferent.matched(images, _contexts(recording), _contexts(other_recording))
        else:
            different = ActionDifferent.in_order(images, len(dataset))
        text = f"{len(different.images)} triples with {len(dataset)} images of the action; {beta:.0%} of the channels masked by each pair."
        return io.NodeOutput((different, {"beta": beta, "strategy": strategy}), ui=ui.PreviewText(text))


def _switch(name, tooltip):
    return io.Boolean.Input(name, default=False, optional=True, advanced=True, tooltip=tooltip)


class TrainingOptions(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="InteractiveActionTrainingOptions",
            display_name="Training Options",
            category=CATEGORY,
            description="What users of other trainers may miss: gradient accumulation, averaging, min-SNR, a limit of length and a mask of "
            "the loss. Plugs into every trainer of tokens.",
            search_aliases=["ema", "min-snr", "gradient accumulation", "masked loss"],
            inputs=[
                io.Int.Input(
                    "grad_accumulation_steps",
                    default=1,
                    min=1,
                    max=256,
                    tooltip="Batches whose gradients are averaged for one step.",
                ),
                io.Float.Input(
                    "min_snr_gamma",
                    default=0.0,
                    min=0.0,
                    max=100.0,
                    step=0.5,
                    tooltip="min-SNR weighting of the denoising loss; 5 is usual. 0 leaves it out.",
                ),
                io.Float.Input(
                    "ema_decay",
                    default=0.0,
                    min=0.0,
                    max=0.9999,
                    step=0.001,
                    round=False,
                    tooltip="The token is a running average of the vectors with this decay, 0.99 for example. 0: the last vectors.",
                ),
                io.Float.Input(
                    "max_embedding_norm",
                    default=0.0,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip="How long a vector may become, in lengths of the initializer token's. Long ones drown the rest of a prompt. 0: no limit.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="One an image: where the denoising loss counts, for example subject and object of the recording together.",
                ),
                io.Float.Input(
                    "outside",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="How much the loss counts outside of the mask.",
                ),
                sockets.Samples.Input(
                    "samples", optional=True, tooltip="From Validation Images: images that are drawn while training."
                ),
                _switch(
                    "tensorboard",
                    "Write curves and sample images for TensorBoard to output/tensorboard. Needs the package tensorboard.",
                ),
                _switch(
                    "gradient_checkpointing",
                    "Gradient checkpointing: much less memory for somewhat more time. The result is the same.",
                ),
                io.Int.Input(
                    "save_every",
                    default=0,
                    min=0,
                    max=100000,
                    optional=True,
                    advanced=True,
                    tooltip="Steps between checkpoints that are kept as tokens (or LoRAs) of their own, ready to be loaded. 0: none.",
                ),
                _switch(
                    "cache_latents_to_disk",
                    "Keep the encoded images in files, for this run and later ones, instead of in memory: for thousands of images.",
                ),
                io.String.Input(
                    "export_config",
                    default="",
                    optional=True,
                    advanced=True,
                    tooltip="A name: the trainer first writes output/<name>/run.toml with all settings and images, which the command line runs, "
                    "also on several GPUs. Empty: nothing is written.",
                ),
            ],
            outputs=[sockets.TrainingOptions.Output(display_name="options")],
        )

    @classmethod
    def execute(cls, outside, mask=None, **options):
        if mask is not None:
            options["loss_weights"] = mask + (1 - mask) * outside
        return io.NodeOutput(options)


def _contexts(recording):
    """What an image shows beside the action, what matters most first: object, take, camera."""
    return list(zip(recording.object.tolist(), recording.seeds[recording.episode].tolist(), recording.camera.tolist()))


NODES = [ADIGradientMask, TrainingOptions]
