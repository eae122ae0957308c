"""D3PO's arithmetic: the log-ratio and Eq. 7, against hand-worked numbers and slow versions."""

import math

import pytest
import torch

from interactive_action.trainers.d3po import d3po_loss, log_ratio


def test_the_log_ratio_is_that_of_two_gaussians():
    draw = torch.Generator().manual_seed(1)
    x, mean, reference = torch.randn(3, 2, 4, 3, 3, generator=draw, dtype=torch.float64)
    slow = torch.distributions.Normal(mean, 0.3).log_prob(x) - torch.distributions.Normal(reference, 0.3).log_prob(x)
    assert torch.allclose(log_ratio(x, mean, reference, torch.tensor(0.3)), slow.mean((1, 2, 3)))


def test_eq_7_by_hand():
    # minus the logarithm of 1 / (1 + exp(-0.1 (0.05 - -0.03)))
    loss = d3po_loss(torch.tensor([0.05]), torch.tensor([-0.03]))
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-0.1 * 0.08)))


def test_without_a_difference_it_is_log_2():
    assert d3po_loss(torch.zeros(1), torch.zeros(1)).item() == pytest.approx(math.log(2))


def test_the_loss_is_bounded_near_log_2_whatever_is_learned():
    best, worst = (
        d3po_loss(torch.tensor([9.0]), torch.tensor([-9.0])),
        d3po_loss(torch.tensor([-9.0]), torch.tensor([9.0])),
    )
    assert (best.item(), worst.item()) == (pytest.approx(0.6832, abs=1e-4), pytest.approx(0.7032, abs=1e-4))


def test_a_ratio_counts_between_0_9_and_1_1_and_has_no_gradient_beyond():
    def slope(value):
        winner = torch.tensor([value], requires_grad=True)
        d3po_loss(winner, torch.zeros(1)).sum().backward()
        return winner.grad.item()

    assert slope(math.log(1.1) + 1e-4) == slope(math.log(0.9) - 1e-4) == 0
    assert slope(math.log(1.1) - 1e-4) < 0 and slope(math.log(0.9) + 1e-4) < 0
