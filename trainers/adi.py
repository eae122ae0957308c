"""ADI (Huang et al. 2023): a layer-wise token that learns an action, with the context masked out of its gradient.

Each step sees triples: an anchor x^(a,c), another image of the action x^(a,c'), and one of the same context with
another action x^(a',c). The losses of all three (Eq. 1) use the ANCHOR's prompt (section 4.2) and, so that the
gradients differ by the images alone, its timestep, noise and posterior sample, of which the paper says nothing. Only
the anchor's gradient, masked, moves v (Eq. 10); ``gradient_masks`` makes the mask anew each step.

With AdamW a gradient of zero is not a step of zero: momentum and weight decay go on. The paper discards updates of
masked channels, so the loop puts them back to the bit. AdamW's moments see the masked gradient of Eq. 10.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..captions.dataset import InteractionDataset
from ..errors import InteractiveActionError
from ..models.contexts import copies_with_gradient, gradients_of_copies, tensors_of
from ..models.protocol import Engine
from . import hyperparameters as hp
from .action_different import ActionDifferent
from .batches import Batch, Batches, choice
from .gradient_masks import STRATEGIES, action_pair_mask, context_pair_mask, overlap_rate
from .latents import Latents
from .objective import Gradient, loss_scale
from .trainable import LayerwiseToken, Token, Trainable


@dataclass(frozen=True)
class ADIConfig(hp.Config):
    """Hyperparameters. Defaults: the paper's (section 5.1), which does not give batch size and initializer token."""

    steps: int = hp.steps(3000)
    batch_size: int = hp.batch_size(1, "Triples of images a step.")
    learning_rate: float = hp.learning_rate(2e-4)
    seed: int = hp.seed()
    initializer_token: str = hp.initializer_token("handling")
    timestep_sampling: str = hp.timestep_sampling("uniform")
    num_vectors: int = hp.num_vectors()
    weight_decay: float = hp.weight_decay()
    layer_wise: bool = hp.parameter(
        True, "A token for each layer, as in the paper. Off: one for all.", label="layer-wise", advanced=True
    )
    beta: float = hp.parameter(
        0.6,
        "Share of channels that each of the two masks hides. More keeps less of the scene, and learns less.",
        label="share to mask",
        minimum=0.0,
        maximum=1.0,
        step=0.05,
        group="mask",
    )
    strategy: str = hp.parameter(
        "intersection",
        "Which channels are kept. 'intersection' of both masks is the paper's method; the others are its comparisons.",
        choices=tuple(STRATEGIES),
        group="mask",
    )
    grad_accumulation_steps: int = hp.grad_accumulation_steps()
    min_snr_gamma: float = hp.min_snr_gamma()
    ema_decay: float = hp.ema_decay()


class ADIObjective:
    """The loss of the anchor, and its masked gradient (Eq. 10).

    Args:
        engine: the frozen model.
        dataset: at least two images of the action, of one size.
        config: hyperparameters.
        action_different: at least one image for each of the dataset.
        loss_weights: (N, H, W), the anchor's count for its whole triple; None: the dataset's masks.

    Raises:
        InteractiveActionError: the images do not make triples.
    """

    def __init__(
        self,
        engine: Engine,
        dataset: InteractionDataset,
        config: ADIConfig,
        action_different: ActionDifferent,
        loss_weights: torch.Tensor | None = None,
    ) -> None:
        if len(dataset) < 2:
            raise InteractiveActionError(
                "ADI compares images of one action, and the dataset has only one. Give it at least two."
            )
        sizes = sorted(
            {tuple(image.shape[:2]) for images in (dataset.images, action_different.images) for image in images}
        )
        if len(sizes) > 1:
            raise InteractiveActionError(
                f"ADI compares images point by point, and there are some of {sizes[0]} and of {sizes[1]}. Bring all to "
                f"one size."
            )
        self.of_anchor = [(action_different.anchors == index).nonzero().flatten() for index in range(len(dataset))]
        if not all(len(others) for others in self.of_anchor):
            raise InteractiveActionError(
                "An image of the dataset has no action-different image. Give each at least one."
            )
        self.engine, self.dataset, self.config = engine, dataset, config
        self.batches = Batches(engine, dataset, config, loss_weights)
        self.trainable: Trainable = (LayerwiseToken if config.layer_wise else Token)(
            engine, config.initializer_token, config.num_vectors
        )
        self.other_latents = Latents(engine, action_different.images)

    def gradient(self, parameters: torch.Tensor, generator: torch.Generator) -> Gradient:
        """Returns what ``Objective.gradient`` does: the anchor's gradient in the channels that are kept."""
        batch = self.batches.sample(generator)
        losses, gradients = self.triple_gradients(parameters, batch, generator)
        # one mask for the channels of each text encoder: SDXL's two are of different size
        parts = zip(*(g.split(self.engine.widths, -1) for g in gradients))
        masks = [self._masks(anchor, context, action, generator) for anchor, context, action in parts]
        context, action, kept = (torch.cat(parts, -1) for parts in zip(*masks))
        terms = {
            "denoise": losses[0],
            "overlap": overlap_rate(context, action),
            "kept": kept.float().mean(),
            "total": losses[0],
        }
        return terms, kept * gradients[0], kept  # Eq. 10

    def triple_gradients(
        self, vectors: torch.Tensor, batch: Batch, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns losses (3,) and gradients (3, *vectors.shape) of anchor and of both other images.

        All three share the context of the anchor's prompt, so the text encoder runs once, and one backward pass through
        the U-Net gives the three gradients of three copies of that context; the chain rule does the rest.
        Source: Eq. 2, 3, 6.
        """
        shifts = [1 + torch.randint(len(self.dataset) - 1, (), generator=generator) for _ in batch.index]
        others = (batch.index + torch.stack(shifts)) % len(self.dataset)
        different = torch.stack([choice(self.of_anchor[index], generator) for index in batch.index])
        latents = (self.batches.latents[batch.index], self.batches.latents[others], self.other_latents[different])
        z_t = torch.cat([self.batches.z_t(batch, moments) for moments in latents])
        context = self.engine.encode_prompts(batch.prompts, self.trainable.vectors(vectors))
        copies = copies_with_gradient(context, 3)
        predictions = self.engine.predict_noise(z_t, batch.t.repeat(3), copies)
        parts = zip(predictions.chunk(3), latents)
        losses = torch.stack([self.batches.denoising_loss(part, batch, own).mean() for part, own in parts])
        scale = loss_scale(self.batches)
        of_copies = torch.autograd.grad(scale * losses.sum(), tensors_of(copies), allow_unused=True)
        gradients = gradients_of_copies(context, of_copies, vectors, 3)
        return losses.detach(), torch.stack(gradients) / scale

    def _masks(
        self, anchor: torch.Tensor, other_context: torch.Tensor, other_action: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(context-pair mask, action-pair mask, kept channels) of three gradients (Eq. 4 to 9)."""
        context = context_pair_mask(anchor, other_context, self.config.beta)
        action = action_pair_mask(anchor, other_action, self.config.beta)
        return context, action, STRATEGIES[self.config.strategy](context, action, anchor, self.config.beta, generator)
