"""ADI (001): a layer-wise token that learns an action, with the channels of the context masked out of its gradient.

Each step sees triples: an anchor x^(a,c), another image of the action x^(a,c'), and one of the same context with
another action x^(a',c). The losses of all three (Eq. 1) use the ANCHOR's prompt (001, section 4.2) and, so that the
gradients differ by the images alone, its timestep, noise and draw from the posterior, of which the paper says
nothing. Only the anchor's gradient, masked, moves v (Eq. 10); ``gradient_masks`` makes the mask anew each step.

With AdamW a gradient of zero is not a step of zero: momentum and weight decay go on. The paper discards updates of
masked channels, so the loop puts them back to the bit. AdamW's moments see the masked gradient of Eq. 10.
"""

import hashlib
import itertools
from dataclasses import dataclass

import torch

from ..errors import InteractiveActionError
from .gradient_masks import STRATEGIES, action_pair_mask, check_strategy, context_pair_mask, overlap_rate
from .latents import Latents
from .textual_inversion import TextualInversionConfig, TextualInversionLoss, choice


@dataclass(frozen=True)
class ADIConfig(TextualInversionConfig):
    """Hyperparameters; the defaults are the paper's (001, section 5.1), which does not give batch size and initializer token.

    batch_size: triples whose losses are averaged before masking. beta: share of channels that each of the two masks
    hides. strategy: a name of ``gradient_masks.STRATEGIES``. layer_wise: a token for each layer; off for ablation.
    """

    steps: int = 3000
    batch_size: int = 1
    learning_rate: float = 2e-4
    beta: float = 0.6
    strategy: str = "intersection"
    layer_wise: bool = True

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.beta < 1:
            raise InteractiveActionError(
                f"beta is {self.beta}. It is the share of channels to mask and must lie between 0 and 1."
            )
        if self.max_embedding_norm:
            raise InteractiveActionError(
                "ADI cannot limit the length of vectors: it would move masked channels. Set max_embedding_norm to 0."
            )
        check_strategy(self.strategy)


@dataclass(frozen=True)
class ActionDifferent:
    """Images (M, H, W, 3) of other actions in the contexts of a dataset: number m in that of its image anchors[m], (M,)."""

    images: torch.Tensor
    anchors: torch.Tensor

    def sha256(self):
        digest = hashlib.sha256(self.images.cpu().contiguous().numpy().tobytes())
        digest.update(self.anchors.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def rounds(self):
        """The images so that ``in_order`` matches them again: each anchor's in turn, as many rounds as the most of them has."""
        of_anchor = [
            (self.anchors == index).nonzero().flatten().tolist() for index in range(int(self.anchors.max()) + 1)
        ]
        most = max(map(len, of_anchor))
        return self.images[[others[turn % len(others)] for turn in range(most) for others in of_anchor]]

    @classmethod
    def in_order(cls, images, count):
        """For a dataset of ``count`` images: as many for each, given one dataset's order after the other."""
        if len(images) == 0 or len(images) % count:
            raise InteractiveActionError(
                f"There are {len(images)} action-different images for {count} images of the action. Give one for each, in "
                f"the same order, or whole rounds of them."
            )
        return cls(images, torch.arange(len(images)) % count)

    @classmethod
    def matched(cls, images, contexts, other_contexts):
        """By context: a tuple for each image of the dataset and for each of ``images``, what matters most first.

        An image of the dataset gets those that agree with it in the most leading values, and in the first at least.
        """
        pairs = []
        for anchor, context in enumerate(contexts):
            agreement = [_common_start(context, other) for other in other_contexts]
            if not any(agreement):
                raise InteractiveActionError(
                    f"Image {anchor} has no image of another action in its context, {context[0]}. Record the other action with "
                    f"the same scene and seed."
                )
            pairs += [(other, anchor) for other, common in enumerate(agreement) if common == max(agreement)]
        chosen, anchors = zip(*pairs)
        return cls(images[list(chosen)], torch.tensor(anchors))


class ADILoss(TextualInversionLoss):
    """The loss of the anchor, and its masked gradient (Eq. 10).

    action_different: an ``ActionDifferent`` with at least one image for each of the dataset, which has at least two.
    loss_weights: the anchor's count for its whole triple.
    """

    def __init__(self, engine, dataset, config, action_different, loss_weights=None):
        super().__init__(engine, dataset, config, loss_weights)
        if len(dataset) < 2:
            raise InteractiveActionError(
                "ADI compares images of one action, and the dataset has only one. Give it at least two."
            )
        sizes = sorted(
            {tuple(image.shape[:2]) for images in (dataset.images, action_different.images) for image in images}
        )
        if len(sizes) > 1:
            raise InteractiveActionError(
                f"ADI compares images point by point, and there are some of {sizes[0]} and of {sizes[1]}. Bring all to one size."
            )
        self.other_latents = Latents(engine, action_different.images)
        self.of_anchor = [(action_different.anchors == index).nonzero().flatten() for index in range(len(dataset))]
        if not all(len(others) for others in self.of_anchor):
            raise InteractiveActionError(
                "An image of the dataset has no action-different image. Give each at least one."
            )

    def start(self):
        start = super().start()
        return start.repeat(self.engine.layers, 1, 1) if self.config.layer_wise else start

    def gradient(self, v, generator):
        batch = self.draw(generator)
        losses, (g_ac, g_other_context, g_other_action) = self.triple_gradients(v, batch, generator)
        masks = [
            self._masks(*parts, generator)
            for parts in zip(*(g.split(self.engine.widths, -1) for g in (g_ac, g_other_context, g_other_action)))
        ]
        context, action, kept = (torch.cat(parts, -1) for parts in zip(*masks))
        terms = {
            "denoise": losses[0],
            "overlap": overlap_rate(context, action),
            "kept": kept.float().mean(),
            "total": losses[0],
        }
        return terms, kept * g_ac, kept  # Eq. 10

    def _masks(self, g_ac, g_other_context, g_other_action, generator):
        """(context-pair mask, action-pair mask, kept channels) for the channels of one text encoder: SDXL's two are of different size."""
        context = context_pair_mask(g_ac, g_other_context, self.config.beta)
        action = action_pair_mask(g_ac, g_other_action, self.config.beta)
        return (
            context,
            action,
            STRATEGIES[self.config.strategy](context, action, g_ac, self.config.beta, generator),
        )  # Eq. 9

    def triple_gradients(self, v, batch, generator):
        """(losses (3,), gradients (3, *v.shape)) of anchor, context-different and action-different images (Eq. 2, 3, 6).

        All three share the context of the anchor's prompt, so the text encoder runs once, and one backward pass through the
        U-Net gives the three gradients of three copies of that context; the chain rule does the rest.
        """
        shifts = [1 + torch.randint(len(self.dataset) - 1, (), generator=generator) for _ in batch.index]
        others = (batch.index + torch.stack(shifts)) % len(self.dataset)
        different = torch.stack([choice(self.of_anchor[index], generator) for index in batch.index])
        latents = (
            self.noisy(*self.latents[batch.index], batch),
            self.noisy(*self.latents[others], batch),
            self.noisy(*self.other_latents[different], batch),
        )
        context = self.engine.encode_prompts(batch.prompts, v)
        copies = torch.cat([context.detach()] * 3, dim=-3).requires_grad_()
        predicted = self.engine.predict_noise(torch.cat(latents), batch.t.repeat(3), copies)
        losses = torch.stack([self.denoise(part, batch).mean() for part in predicted.chunk(3)])
        (of_copies,) = torch.autograd.grad(self.scale * losses.sum(), [copies])
        gradients = [
            torch.autograd.grad(context, [v], of_copy, retain_graph=True)[0] for of_copy in of_copies.chunk(3, dim=-3)
        ]
        return losses.detach(), torch.stack(gradients) / self.scale


def _common_start(one, other):
    """How many leading values two tuples share."""
    return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other))))
