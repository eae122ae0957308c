"""ADI's gradient masks: which channels of a token an action may write to.

Three images, all with the anchor's prompt, timestep and noise, give three gradients of one token v in R^d: g_ac of the
anchor, g_ac' of another image of the same action (context-different), g_a'c of the same context with another action
(action-different). Channels whose gradient changes with the context are the context's and are masked; so are channels
whose gradient does not change with the action. What is left is the action's.

A mask here is True where a channel is kept (the paper's 1). Gradients are (..., d): tokens of several vectors or layers
have a mask for each vector of each layer. The paper does not say how its overlap rate (30.26 % on average) is counted;
``overlap_rate`` is intersection over union of the two sets of kept channels, 25 % for two masks by chance at beta 0.6.
Source: Huang et al. 2023, section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

Strategy = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, float, torch.Generator], torch.Tensor]


def context_pair_mask(g_ac: torch.Tensor, g_other_context: torch.Tensor, beta: float) -> torch.Tensor:
    """Returns which channels to keep: those whose difference is below the share ``beta`` of largest ones.

    Args:
        g_ac: (..., d) the anchor's gradient.
        g_other_context: (..., d) that of another image of the action.
        beta: share of channels to mask; one that rounds to none masks none, one that rounds to all masks all.

    Channels with a difference equal to the threshold are masked, too: with all differences equal nothing is kept.
    Source: Eq. 4, 5.
    """
    difference = (g_ac - g_other_context).abs()
    masked = round(beta * difference.shape[-1])
    if masked == 0:
        return torch.ones_like(difference, dtype=torch.bool)
    return difference < difference.sort(descending=True).values[..., masked - 1 : masked]


def action_pair_mask(g_ac: torch.Tensor, g_other_action: torch.Tensor, beta: float) -> torch.Tensor:
    """Returns which channels to keep: those whose difference is above the share ``beta`` of smallest ones.

    Args:
        g_ac: (..., d) the anchor's gradient.
        g_other_action: (..., d) that of the same context with another action.
        beta: share of channels to mask; one that rounds to none masks none, one that rounds to all masks all.

    Channels with a difference equal to the threshold are kept, too: with all differences equal nothing is masked.
    Source: Eq. 7, 8.
    """
    difference = (g_ac - g_other_action).abs()
    masked = round(beta * difference.shape[-1])
    if masked == difference.shape[-1]:
        return torch.zeros_like(difference, dtype=torch.bool)
    return difference >= difference.sort().values[..., masked : masked + 1]


def overlap_rate(context_mask: torch.Tensor, action_mask: torch.Tensor) -> torch.Tensor:
    """Returns channels kept by both over channels kept by either.

    A scalar in 0..1, the mean over vectors and layers.
    """
    both, either = (context_mask & action_mask).sum(-1), (context_mask | action_mask).sum(-1)
    return (both / either.clamp(min=1)).mean()


def _evenly(g: torch.Tensor, beta: float) -> torch.Tensor:
    """Masks a share beta of the channels, evenly spaced and always the same."""
    channel = torch.arange(g.shape[-1], device=g.device)
    return (((channel + 1) * beta).floor() == (channel * beta).floor()).expand_as(g)


def _smallest(values: torch.Tensor, beta: float) -> torch.Tensor:
    """Masks the share beta of channels whose value is smallest."""
    return action_pair_mask(values, torch.zeros_like(values), beta)


# Eq. 9 and the variants that the paper compares it with (Fig. 5 to 7), from both masks, g_ac, beta and a generator.
# "min" and "max" go by the size of the gradient, |g_ac|, which the paper calls its value.
STRATEGIES: dict[str, Strategy] = {
    "intersection": lambda context, action, g, beta, generator: context & action,
    "union": lambda context, action, g, beta, generator: context | action,
    "context pair only": lambda context, action, g, beta, generator: context,
    "action pair only": lambda context, action, g, beta, generator: action,
    "reversed": lambda context, action, g, beta, generator: ~(context & action),
    "uniform": lambda context, action, g, beta, generator: _evenly(g, beta),
    "random": lambda context, action, g, beta, generator: _smallest(
        torch.rand(g.shape, generator=generator).to(g), beta
    ),
    "min": lambda context, action, g, beta, generator: _smallest(g, beta),
    "max": lambda context, action, g, beta, generator: context_pair_mask(g, torch.zeros_like(g), beta),
}
