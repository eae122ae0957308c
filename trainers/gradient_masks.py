"""ADI's gradient masks (001, section 4.2): which channels of a token an action may write to.

Three images, all with the anchor's prompt, timestep and noise, give three gradients of one token v in R^d:
g_ac of the anchor, g_ac' of another image of the same action (context-different), g_a'c of the same context with
another action (action-different). Channels whose gradient changes with the context are the context's and are masked;
so are channels whose gradient does not change with the action. What is left is the action's.

A mask here is True where a channel is kept (the paper's 1). Gradients are (..., d): tokens of several vectors or layers
have a mask for each vector of each layer. The paper does not say how its overlap rate (30.26 % on average) is counted; ``overlap_rate``
is intersection over union of the two sets of kept channels, 25 % for two masks by chance at beta 0.6.
"""

import torch

from ..errors import InteractiveActionError


def context_pair_mask(g_ac, g_other_context, beta):
    """Eq. 4, 5: keep channels whose difference lies below the threshold that masks the largest share ``beta``."""
    difference = (g_ac - g_other_context).abs()
    masked = round(beta * difference.shape[-1])
    return difference < difference.sort(descending=True).values[..., masked - 1 : masked]


def action_pair_mask(g_ac, g_other_action, beta):
    """Eq. 7, 8: keep channels whose difference reaches the threshold that masks the smallest share ``beta``."""
    difference = (g_ac - g_other_action).abs()
    masked = round(beta * difference.shape[-1])
    return difference >= difference.sort().values[..., masked : masked + 1]


def overlap_rate(context_mask, action_mask):
    """Kept by both, over kept by either: a scalar in 0..1, the mean over vectors and layers."""
    both, either = (context_mask & action_mask).sum(-1), (context_mask | action_mask).sum(-1)
    return (both / either.clamp(min=1)).mean()


def _evenly(g, beta):
    """Masks a share beta of the channels, evenly spaced and always the same."""
    channel = torch.arange(g.shape[-1], device=g.device)
    return (((channel + 1) * beta).floor() == (channel * beta).floor()).expand_as(g)


def _smallest(values, beta):
    """Masks the share beta of channels whose value is smallest."""
    return action_pair_mask(values, torch.zeros_like(values), beta)


# Eq. 9 and the variants that 001 compares it with (Fig. 5 to 7), from both masks, g_ac, beta and a generator.
# "min" and "max" go by the size of the gradient, |g_ac|, which the paper calls its value.
STRATEGIES = {
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


def check_strategy(strategy):
    """Raise a sentence where there is no strategy of this name."""
    if strategy not in STRATEGIES:
        raise InteractiveActionError(
            f"There is no masking strategy called {strategy!r}. Choose one of: {', '.join(STRATEGIES)}."
        )
