"""Images of what is learned so far, drawn while it is learned, and the best of it by a score.

They use the engine alone, and random numbers of their own, so that they change nothing of what is learned.
"""

import gc
import io
import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch
from PIL import Image

from ..errors import InteractiveActionError
from ..files import write_atomically

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Samples:
    """One image for each of ``prompts`` after every ``every`` steps, and after the last.

    steps, guidance: of the sampler. score: from images (N, H, W, 3) to a number, of which more is better; with it what
    scored best is kept instead of what came last.
    """

    prompts: tuple[str, ...] = ()
    every: int = 100
    seed: int = 0
    steps: int = 20
    guidance: float = 7.5
    score: Callable[[torch.Tensor], float] | None = None

    def __post_init__(self):
        if not self.prompts:
            raise InteractiveActionError(
                "There is no prompt to draw samples for. Write one a line, with <v*> where the learned word belongs."
            )
        if min(self.every, self.steps) < 1:
            raise InteractiveActionError(
                f"Samples have every {self.every} and steps {self.steps}. Both must be at least 1."
            )

    def due(self, state, steps):
        """Whether images are to be drawn where a run of ``steps`` stands, which a run that goes on asks before its first step, too."""
        return (
            state.step > 0
            and (state.step % self.every == 0 or state.step == steps)
            and str(state.step) not in state.scores
        )

    def draw(self, loss, state):
        """Images float32 (N, H, W, 3), and the score into ``state``; None where memory ran out, which ends no run."""
        try:
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            images = draw(loss, state.average, self)
            score = None if self.score is None else self.score(images)
        except (RuntimeError, MemoryError) as error:
            if not (
                isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)
            ):  # the last as a CPU says it
                raise
            LOGGER.warning(
                "There was too little memory for sample images at step %d. Training goes on without them.", state.step
            )
            return None
        if score is not None:
            state.rate(score)
        return images


@torch.no_grad()
def draw(loss, trained, samples):
    """Images float32 (N, H, W, 3) in 0..1, of the size of the loss's, guided, of the samples' prompts."""
    count = len(samples.prompts)
    noise = torch.randn((count, *loss.latents.shape()), generator=torch.Generator().manual_seed(samples.seed))
    with loss.changed(trained):
        vectors = loss.token(trained)
        contexts = torch.cat(
            [loss.engine.encode_prompts(list(words), vectors) for words in ([""] * count, samples.prompts)], dim=-3
        )
        z = ddim(loss.engine, noise, contexts, samples.steps, samples.guidance)
    return loss.engine.decode_latents(z)


@torch.no_grad()
def ddim(engine, noise, contexts, steps, guidance):
    """Latents (N, 4, h, w) from ``noise`` by DDIM (Song et al. 2021) without noise of its own, on the engine's schedule.

    contexts: (2N, ...) of the empty prompts, then of the prompts.
    """
    abar = engine.alphas_cumprod.clamp(min=1e-7).to(engine.device)  # a schedule may end in nothing but noise
    times = torch.linspace(len(abar) - 1, 0, steps + 1).round().long()[:-1].tolist()
    z = noise.to(engine.device)
    for now, following in zip(times, [*times[1:], None]):
        t = torch.full((2 * len(z),), now, device=engine.device)
        without, told = engine.predict_noise(torch.cat([z, z]), t, contexts).chunk(2)
        eps = without + guidance * (told - without)
        z_0 = (z - (1 - abar[now]).sqrt() * eps) / abar[now].sqrt()
        z = z_0 if following is None else abar[following].sqrt() * z_0 + (1 - abar[following]).sqrt() * eps
    return z


def save_images(images, folder, step):
    """Write each as ``folder/000100-0.png``, after step 100."""
    for number, image in enumerate((images * 255).round().to(torch.uint8).numpy()):
        data = io.BytesIO()
        Image.fromarray(image).save(data, "PNG")
        write_atomically(folder / f"{step:06d}-{number}.png", data.getvalue())
