"""ADI's masks, 001 Eq. 4 to 9, worked out by hand and written out channel by channel."""

import pytest
import torch

from interactive_action.trainers.gradient_masks import STRATEGIES, action_pair_mask, context_pair_mask, overlap_rate

G = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
G_OTHER_CONTEXT = torch.tensor(
    [1.5, 2.0, 7.0, 4.1, 9.0]
)  # differences .5 0 4 .1 4: masked at 60 % are the three largest
G_OTHER_ACTION = torch.tensor(
    [1.0, 5.0, 3.1, 9.0, 5.2]
)  # differences 0 3 .1 5 .2: masked at 60 % are the three smallest
CONTEXT, ACTION = [False, True, False, True, False], [False, True, False, True, False]


def slow_mask(g, other, beta, keep_small):
    """Eq. 5 and 8 for one vector, one channel after the other."""
    differences = sorted(abs(a - b) for a, b in zip(g, other))
    masked = round(beta * len(g))
    threshold = differences[len(g) - masked] if keep_small else differences[masked]
    return [(abs(a - b) < threshold) == keep_small for a, b in zip(g, other)]


def test_the_context_pair_keeps_what_differs_least():
    assert context_pair_mask(G, G_OTHER_CONTEXT, 0.6).tolist() == CONTEXT


def test_the_action_pair_keeps_what_differs_most():
    assert action_pair_mask(G, G_OTHER_ACTION, 0.6).tolist() == ACTION


@pytest.mark.parametrize("beta", [0.2, 0.5, 0.6, 0.8])
def test_both_equal_the_equations_written_out_for_every_vector_of_every_layer(beta):
    g, context, action = torch.randn(3, 4, 2, 10, generator=torch.Generator().manual_seed(0))
    fast = context_pair_mask(g, context, beta), action_pair_mask(g, action, beta)
    for layer in range(4):
        for k in range(2):
            rows = [x[layer, k].tolist() for x in (g, context, action)]
            assert fast[0][layer, k].tolist() == slow_mask(rows[0], rows[1], beta, keep_small=True)
            assert fast[1][layer, k].tolist() == slow_mask(rows[0], rows[2], beta, keep_small=False)


def test_each_vector_of_each_layer_loses_the_share_beta():
    g, other = torch.randn(2, 16, 2, 768, generator=torch.Generator().manual_seed(0))
    for mask in (context_pair_mask(g, other, 0.6), action_pair_mask(g, other, 0.6)):
        assert ((~mask).sum(-1) == round(0.6 * 768)).all()


def test_the_strategies_on_the_hand_worked_example():
    context, action = torch.tensor([True, True, False, False, False]), torch.tensor([True, False, True, False, False])
    kept = {
        name: strategy(
            context, action, torch.tensor([-5.0, 1.0, 2.0, 3.0, 4.0]), 0.6, torch.Generator().manual_seed(0)
        ).tolist()
        for name, strategy in STRATEGIES.items()
    }
    assert sum(kept.pop("random")) == 2
    assert kept == {
        "intersection": [True, False, False, False, False],
        "union": [True, True, True, False, False],
        "context pair only": [True, True, False, False, False],
        "action pair only": [True, False, True, False, False],
        "reversed": [False, True, True, True, True],
        "uniform": [True, False, True, False, False],
        "min": [True, False, False, False, True],
        "max": [False, True, True, False, False],
    }


def test_overlap_is_what_both_keep_of_what_either_keeps():
    context, action = torch.tensor([[True, True, False, False]]), torch.tensor([[True, False, True, False]])
    assert overlap_rate(context, action).item() == pytest.approx(1 / 3)


def test_masks_by_chance_overlap_by_a_quarter_and_share_16_percent_of_the_channels():
    masks = torch.rand(2, 64, 768, generator=torch.Generator().manual_seed(1)) < 0.4
    assert overlap_rate(*masks).item() == pytest.approx(0.25, abs=0.01)
    assert (masks[0] & masks[1]).float().mean().item() == pytest.approx(0.16, abs=0.01)


@pytest.mark.parametrize(
    ("beta", "context_kept", "action_kept"),
    [
        (0.0, [True] * 8, [True] * 8),
        (0.0005, [True] * 8, [True] * 8),  # 0.004 of 8 channels rounds to none
        (0.05, [True] * 8, [True] * 8),
        (0.125, [True] * 7 + [False], [False] + [True] * 7),
        (0.95, [False] * 8, [False] * 8),  # 7.6 of 8 channels rounds to all
        (0.9999, [False] * 8, [False] * 8),
        (1.0, [False] * 8, [False] * 8),
    ],
)
def test_a_share_that_rounds_to_none_masks_none_and_one_that_rounds_to_all_masks_all(beta, context_kept, action_kept):
    """The eight channels differ by 0, 1, ... 7."""
    g, zero = torch.arange(8.0), torch.zeros(8)
    assert context_pair_mask(g, zero, beta).tolist() == context_kept
    assert action_pair_mask(g, zero, beta).tolist() == action_kept


def test_ties_at_the_threshold_are_the_contexts_and_stay_the_actions():
    g, zero = torch.tensor([1.0, 1.0, 1.0, 1.0]), torch.zeros(4)
    assert not context_pair_mask(g, zero, 0.5).any()
    assert action_pair_mask(g, zero, 0.5).all()
