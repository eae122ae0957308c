"""A training step of this pack against the same step as diffusers' Textual Inversion script assembles it.

Both run on one U-Net and text encoder of SD 1.5's shapes with random weights, in one process and interleaved, so that
whatever else the machine does meets both alike. Their step encodes the image, runs text encoder and U-Net, and lets
AdamW own the vocabulary's whole table, of which all rows but one are put back. Teacher and student on it are theirs
plus one forward pass more. Written from their loop as it is documented; none of its code is here.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from einops import rearrange
from torch.nn.functional import mse_loss

from ..captions.dataset import InteractionDataset
from ..captions.words import ACTION_WORDS
from ..models.diffusers_engine import DiffusersEngine
from ..models.diffusers_unet import checkpointed_unet
from ..models.gradient_checkpointing import malloc_trim
from ..models.single_file import SCHEDULE, clip_tokenizer
from ..models.text_encoders import TextEncoder
from ..trainers.action_different import ActionDifferent
from ..trainers.adi import ADIConfig, ADIObjective
from ..trainers.interactive_action import InteractiveActionConfig, interactive_action
from ..trainers.loop import TrainingState, training_steps
from ..trainers.objective import Objective
from ..trainers.textual_inversion import TextualInversionConfig, textual_inversion

ROUNDS = 3
BATCH = 2
IMAGES = 2
SIZE = 512
TRIPLE_SIZE = 256  # ADI's six images and what they are compared with: at 512 they need more than 23 GB
PROMPTS, PROMPTS_AND = ("a photo of a robot arm <v*> a red cube",), ("a photo of a robot arm and a red cube",)
GIGABYTE = 2**30

Step = Callable[[], object]


def measure() -> dict[str, Any]:
    """Returns ratios of seconds and of peak memory above the weights of U-Net and text encoder, medians over rounds."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    unet, text_encoder = unet_and_text_encoder(device)
    memory = Memory(device)
    steps = all_steps(unet, text_encoder, device)
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    gigabytes: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, ready in steps.items():
            with ready as step, memory:
                start = time.perf_counter()
                step()
                memory.wait()
                seconds[name].append(time.perf_counter() - start)
            gigabytes[name].append(memory.peak / GIGABYTE)
            print(f"{name}: {seconds[name][-1]:.2f} s, {gigabytes[name][-1]:.2f} GB above the weights", flush=True)
    return {
        "plain_vs_diffusers_plain": ratio(seconds, "plain", "diffusers plain"),
        "full_vs_diffusers_full": ratio(seconds, "full", "diffusers full"),
        "full_vs_diffusers_plain": ratio(seconds, "full", "diffusers plain"),
        "memory_vs_diffusers": ratio(gigabytes, "full", "diffusers full"),
        "checkpointed_memory": ratio(gigabytes, "checkpointed", "diffusers plain"),
        "checkpointed_time": ratio(seconds, "checkpointed", "plain"),
        "teacher_overhead": ratio(seconds, "full", "plain"),
        "adi_overhead": ratio(seconds, "triple", "plain for the triple"),
        "seconds": {name: round(statistics.median(values), 3) for name, values in seconds.items()},
        "gigabytes_above_weights": {name: round(statistics.median(values), 3) for name, values in gigabytes.items()},
        "measured_on": f"SD 1.5's shapes, random weights, batch {BATCH}, float32, {SIZE} x {SIZE} pixels (ADI: "
        f"{TRIPLE_SIZE} x {TRIPLE_SIZE}), {device.type}, {torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"medians of {ROUNDS} paired rounds",
    }


def ratio(values: Mapping[str, Sequence[float]], ours: str, theirs: str) -> float:
    """Returns the median ratio of paired rounds of two steps."""
    return round(statistics.median(one / other for one, other in zip(values[ours], values[theirs])), 3)


def all_steps(unet: Any, text_encoder: Any, device: torch.device) -> dict[str, contextlib.AbstractContextManager[Step]]:
    """Builds name -> a context manager, usable again, that gives a function of one step."""
    from diffusers import DDPMScheduler

    scheduler: Any = DDPMScheduler(**SCHEDULE)
    tokenizer = clip_tokenizer()
    # for theirs: the weights are the same
    untouched = copy.deepcopy(unet, {id(weight): weight for weight in unet.parameters()})
    encoders = [TextEncoder(text_encoder, tokenizer)]
    engine = DiffusersEngine(unet, encoders, autoencoder, scheduler.alphas_cumprod, device=device)
    images = torch.rand(IMAGES, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(0))
    dataset = InteractionDataset(images, (PROMPTS,) * IMAGES, (PROMPTS_AND,) * IMAGES)
    small_images = images[:, :TRIPLE_SIZE, :TRIPLE_SIZE]
    small = InteractionDataset(small_images, dataset.prompts, dataset.prompts_and)
    plain = TextualInversionConfig(batch_size=BATCH)
    full = InteractiveActionConfig(batch_size=BATCH, steering_words=ACTION_WORDS["pick up"])
    others = ActionDifferent.in_order(small_images.flip(0), IMAGES)
    # one vector for all layers, as plain's, so that only the triple differs
    triple = ADIObjective(engine, small, ADIConfig(batch_size=BATCH, layer_wise=False), others)
    pixels = rearrange(images[:BATCH], "b h w c -> b c h w").to(device) * 2 - 1
    theirs = functools.partial(DiffusersStep, untouched, text_encoder, tokenizer, scheduler, pixels)
    plain_objective = textual_inversion(engine, dataset, plain)
    return {
        "diffusers plain": theirs(teacher=False),
        "plain": OurStep(plain_objective),
        "diffusers full": theirs(teacher=True),
        "full": OurStep(interactive_action(engine, dataset, full)),
        "checkpointed": OurStep(plain_objective, unet),
        "plain for the triple": OurStep(textual_inversion(engine, small, plain)),
        "triple": OurStep(triple),
    }


class OurStep(contextlib.AbstractContextManager[Step]):
    """A step of a method.

    Args:
        objective: the method's.
        checkpointed: a U-Net whose gradients are checkpointed; None: none.
    """

    def __init__(self, objective: Objective, checkpointed: Any = None) -> None:
        self.unet = checkpointed
        self.steps = training_steps(objective, TrainingState.begin(objective.trainable.initial()))

    def __enter__(self) -> Step:
        self.contexts = contextlib.ExitStack()
        if self.unet is not None:
            self.contexts.enter_context(checkpointed_unet(self.unet))
        return lambda: next(self.steps)

    def __exit__(self, *error: object) -> None:
        self.contexts.close()


class DiffusersStep(contextlib.AbstractContextManager[Step]):
    """Their step, with what it keeps in memory: an autoencoder, AdamW over the vocabulary's table and a copy of it.

    Args:
        unet, text_encoder, tokenizer, scheduler: the model.
        pixels: the images (BATCH, 3, SIZE, SIZE) in -1..1.
        teacher: whether a teacher's forward pass is added.
    """

    def __init__(
        self, unet: Any, text_encoder: Any, tokenizer: Any, scheduler: Any, pixels: torch.Tensor, teacher: bool
    ) -> None:
        self.unet, self.text_encoder, self.scheduler = unet, text_encoder, scheduler
        self.pixels, self.teacher = pixels, teacher
        texts = [prompts[0].replace("<v*>", "handling") for prompts in (PROMPTS, PROMPTS_AND)]
        ids = tokenizer(texts, padding="max_length", max_length=77, return_tensors="pt").input_ids
        self.ids, self.teacher_ids = (row.to(pixels.device).repeat(BATCH, 1) for row in ids)
        self.token_id = tokenizer("handling", add_special_tokens=False).input_ids[0]

    def __enter__(self) -> Step:
        self.autoencoder = autoencoder().to(self.pixels.device)
        self.table = self.text_encoder.get_input_embeddings().weight.requires_grad_()
        self.before = self.table.detach().clone()
        self.optimizer = torch.optim.AdamW([self.table], lr=5e-3)
        self.table.grad = torch.zeros_like(self.table)
        self.optimizer.step()  # makes its moments, as every step but a run's first finds them
        self.optimizer.zero_grad()
        return self.step

    def __exit__(self, *error: object) -> None:
        self.table.requires_grad_(False)
        self.table.grad = None
        with torch.no_grad():
            self.table.copy_(self.before)
        del self.autoencoder, self.optimizer, self.before, self.table

    def step(self) -> None:
        """Trains one step."""
        latents = self.autoencoder.encode(self.pixels).latent_dist.sample() * self.autoencoder.config.scaling_factor
        noise = torch.randn_like(latents)
        t = torch.randint(1000, (BATCH,), device=latents.device)
        z_t = self.scheduler.add_noise(latents, noise, t)
        student = self.unet(z_t, t, self.text_encoder(self.ids).last_hidden_state).sample
        loss = mse_loss(student, noise)
        if self.teacher:
            with torch.no_grad():
                teacher = self.unet(z_t, t, self.text_encoder(self.teacher_ids).last_hidden_state).sample
            loss = loss + 0.2 * mse_loss(student, teacher)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        others = torch.ones(len(self.table), dtype=torch.bool, device=self.table.device)
        others[self.token_id] = False
        with torch.no_grad():
            self.table[others] = self.before[others]


class Memory(contextlib.AbstractContextManager[None]):
    """Measures peak memory while it is entered.

    Made when U-Net and text encoder are loaded, it counts neither them nor the libraries.

    Attributes:
        peak: the most bytes that were held, beside those that were held when it was made.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.peak = device, 0
        gc.collect()
        self.start = torch.cuda.memory_allocated() if device.type == "cuda" else _resident("VmRSS")

    def __enter__(self) -> None:
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        else:
            malloc_trim()
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")  # forgets the highest value so far

    def __exit__(self, *error: object) -> None:
        highest = torch.cuda.max_memory_allocated() if self.device.type == "cuda" else _resident("VmHWM")
        self.peak = highest - self.start

    def wait(self) -> None:
        """Waits until a GPU is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def _resident(name: str) -> int:
    """Returns a figure of this process's memory, bytes."""
    with open("/proc/self/status") as file:
        [line] = [line for line in file if line.startswith(f"{name}:")]
    return int(line.split()[1]) * 1024


def unet_and_text_encoder(device: torch.device) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Builds SD 1.5's U-Net and text encoder, untrained."""
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    unet: Any = UNet2DConditionModel(cross_attention_dim=768)
    text_encoder: Any = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=49408,
            hidden_size=768,
            intermediate_size=3072,
            num_hidden_layers=12,
            num_attention_heads=12,
            bos_token_id=49406,
            eos_token_id=49407,
        )
    )
    return unet.to(device), text_encoder.to(device)


def autoencoder() -> Any:
    """Builds SD 1.x's autoencoder, untrained."""
    from diffusers import AutoencoderKL

    model: Any = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        latent_channels=4,
        scaling_factor=0.18215,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    )
    return model.requires_grad_(False)
