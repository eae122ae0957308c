"""A training step of this pack against the same step as diffusers' Textual Inversion script assembles it.

Both run on one U-Net and text encoder of SD 1.5's shapes with random weights, in one process and interleaved, so that
whatever else the machine does meets both alike. Their step encodes the image, runs text encoder and U-Net, and lets AdamW
own the vocabulary's whole table, of which all rows but one are put back. Teacher and student on it are theirs plus one
forward pass more. Written from their loop as it is documented; none of its code is here.
"""

import contextlib
import copy
import functools
import gc
import statistics
import time

import torch
from torch.nn.functional import mse_loss

from ..captions.dataset import InteractionDataset
from ..captions.words import ACTION_WORDS
from ..models.diffusers_engine import DiffusersEngine, checkpointed_unet
from ..models.gradient_checkpointing import malloc_trim
from ..models.single_file import SCHEDULE, clip_tokenizer
from ..models.text_encoders import TextEncoder
from ..trainers.action_different import ActionDifferent
from ..trainers.adi import ADIConfig, ADIObjective
from ..trainers.interactive_action import InteractiveActionConfig, interactive_action
from ..trainers.loop import TrainingState, training_steps
from ..trainers.textual_inversion import TextualInversionConfig, textual_inversion

ROUNDS = 3
BATCH = 2
IMAGES = 2
SIZE = 512
TRIPLE_SIZE = 256  # ADI's six images and what they are compared with: at 512 they need more than 23 GB
PROMPTS, PROMPTS_AND = ("a photo of a robot arm <v*> a red cube",), ("a photo of a robot arm and a red cube",)
GIGABYTE = 2**30


def measure():
    """Ratios of seconds and of peak memory above the weights of U-Net and text encoder, medians over rounds."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    unet, text = unet_and_text(device)
    memory = Memory(device)
    steps = the_steps(unet, text, device)
    seconds, gigabytes = {name: [] for name in steps}, {name: [] for name in steps}
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
        "measured_on": f"SD 1.5's shapes, random weights, batch {BATCH}, float32, {SIZE} x {SIZE} pixels (ADI: {TRIPLE_SIZE} x "
        f"{TRIPLE_SIZE}), {device.type}, {torch.get_num_threads()} threads, torch {torch.__version__}, medians of {ROUNDS} paired rounds",
    }


def ratio(values, ours, theirs):
    return round(statistics.median(one / other for one, other in zip(values[ours], values[theirs])), 3)


def the_steps(unet, text, device):
    """name -> a context manager, usable again, that gives a function of one step."""
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler(**SCHEDULE)
    tokenizer = clip_tokenizer()
    untouched = copy.deepcopy(
        unet, {id(weight): weight for weight in unet.parameters()}
    )  # for them; the weights are the same
    engine = DiffusersEngine(unet, [TextEncoder(text, tokenizer)], autoencoder, scheduler.alphas_cumprod, device=device)
    images = torch.rand(IMAGES, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(0))
    dataset = InteractionDataset(images, (PROMPTS,) * IMAGES, (PROMPTS_AND,) * IMAGES)
    small = InteractionDataset(images[:, :TRIPLE_SIZE, :TRIPLE_SIZE], dataset.prompts, dataset.prompts_and)
    plain = TextualInversionConfig(batch_size=BATCH)
    full = InteractiveActionConfig(batch_size=BATCH, steering_words=ACTION_WORDS["pick up"])
    others = ActionDifferent.in_order(small.images.flip(0), IMAGES)
    # one vector for all layers, as plain's, so that only the triple differs
    triple = ADIObjective(engine, small, ADIConfig(batch_size=BATCH, layer_wise=False), others)
    theirs = functools.partial(
        DiffusersStep, untouched, text, tokenizer, scheduler, images[:BATCH].movedim(-1, 1).to(device) * 2 - 1
    )
    plain_loss = textual_inversion(engine, dataset, plain)
    return {
        "diffusers plain": theirs(teacher=False),
        "plain": OurStep(plain_loss),
        "diffusers full": theirs(teacher=True),
        "full": OurStep(interactive_action(engine, dataset, full)),
        "checkpointed": OurStep(plain_loss, unet),
        "plain for the triple": OurStep(textual_inversion(engine, small, plain)),
        "triple": OurStep(triple),
    }


class OurStep:
    """A step of a method's loss; with gradient checkpointing where ``checkpointed`` is a U-Net."""

    def __init__(self, loss, checkpointed=None):
        self.unet = checkpointed
        self.steps = training_steps(loss, TrainingState.begin(loss.trainable.initial()))

    def __enter__(self):
        self.gradient_checkpointing = contextlib.nullcontext() if self.unet is None else checkpointed_unet(self.unet)
        self.gradient_checkpointing.__enter__()
        return lambda: next(self.steps)

    def __exit__(self, *error):
        self.gradient_checkpointing.__exit__(*error)


class DiffusersStep:
    """Their step, with what it keeps in memory: an autoencoder, AdamW over the vocabulary's table and a copy of it."""

    def __init__(self, unet, text, tokenizer, scheduler, pixels, teacher):
        self.unet, self.text, self.scheduler, self.pixels, self.teacher = unet, text, scheduler, pixels, teacher
        ids = [tokenizer(prompts[0].replace("<v*>", "handling"), padding="max_length", max_length=77, return_tensors="pt").input_ids
               for prompts in (PROMPTS, PROMPTS_AND)]  # fmt: skip
        self.ids, self.teacher_ids = (row.to(pixels.device).repeat(BATCH, 1) for row in ids)
        self.learned = tokenizer("handling", add_special_tokens=False).input_ids[0]

    def __enter__(self):
        self.autoencoder = autoencoder().to(self.pixels.device)
        self.table = self.text.get_input_embeddings().weight.requires_grad_()
        self.before = self.table.detach().clone()
        self.optimizer = torch.optim.AdamW([self.table], lr=5e-3)
        self.table.grad = torch.zeros_like(self.table)
        self.optimizer.step()  # makes its moments, as every step but a run's first finds them
        self.optimizer.zero_grad()
        return self.step

    def __exit__(self, *error):
        self.table.requires_grad_(False)
        self.table.grad = None
        with torch.no_grad():
            self.table.copy_(self.before)
        del self.autoencoder, self.optimizer, self.before, self.table

    def step(self):
        latents = self.autoencoder.encode(self.pixels).latent_dist.sample() * self.autoencoder.config.scaling_factor
        noise = torch.randn_like(latents)
        t = torch.randint(1000, (BATCH,), device=latents.device)
        z_t = self.scheduler.add_noise(latents, noise, t)
        predicted = self.unet(z_t, t, self.text(self.ids).last_hidden_state).sample
        loss = mse_loss(predicted, noise)
        if self.teacher:
            with torch.no_grad():
                taught = self.unet(z_t, t, self.text(self.teacher_ids).last_hidden_state).sample
            loss = loss + 0.2 * mse_loss(predicted, taught)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        others = torch.ones(len(self.table), dtype=torch.bool, device=self.table.device)
        others[self.learned] = False
        with torch.no_grad():
            self.table[others] = self.before[others]


class Memory(contextlib.AbstractContextManager):
    """Measures ``peak``: the most bytes that were held while it was entered, beside those that were held when it was made.

    Made when U-Net and text encoder are loaded, it counts neither them nor the libraries.
    """

    def __init__(self, device):
        self.device, self.peak = device, 0
        gc.collect()
        self.start = torch.cuda.memory_allocated() if device.type == "cuda" else _resident("VmRSS")

    def __enter__(self):
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        else:
            malloc_trim()
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")  # forgets the highest value so far

    def __exit__(self, *error):
        highest = torch.cuda.max_memory_allocated() if self.device.type == "cuda" else _resident("VmHWM")
        self.peak = highest - self.start

    def wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def _resident(name):
    with open("/proc/self/status") as file:
        [line] = [line for line in file if line.startswith(f"{name}:")]
    return int(line.split()[1]) * 1024


def unet_and_text(device):
    """SD 1.5's U-Net and text encoder, untrained."""
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    unet = UNet2DConditionModel(cross_attention_dim=768)
    text = CLIPTextModel(
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
    return unet.to(device), text.to(device)


def autoencoder():
    """SD 1.x's autoencoder, untrained."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, scaling_factor=0.18215,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    ).requires_grad_(False)  # fmt: skip
