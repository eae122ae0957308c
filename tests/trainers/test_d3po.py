"""D3PO's arithmetic:

DDIM with eta = 1, the log-ratio and Eq. 7, against diffusers, hand-worked numbers and slow versions.
"""

import math

import pytest
import torch
from diffusers import DDIMScheduler

from interactive_action.errors import InteractiveActionError
from interactive_action.trainers.d3po import DDIM, d3po_loss, log_ratio

SCHEDULE = dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")


@pytest.fixture(scope="module")
def scheduler():
    scheduler = DDIMScheduler(**SCHEDULE, clip_sample=False, set_alpha_to_one=False, steps_offset=1)
    scheduler.set_timesteps(20)
    return scheduler


def test_ddim_visits_the_timesteps_of_diffusers(scheduler):
    assert DDIM(scheduler.alphas_cumprod, 20).timesteps.tolist() == scheduler.timesteps.tolist()


@pytest.mark.parametrize("k", [0, 7, 19])
@pytest.mark.parametrize("eta", [1.0, 0.0])
def test_a_step_is_that_of_diffusers(scheduler, k, eta):
    draw = torch.Generator().manual_seed(k)
    x, noise, z = torch.randn(3, 2, 4, 3, 3, generator=draw)
    ddim = DDIM(scheduler.alphas_cumprod, 20, eta)
    expected = scheduler.step(noise, ddim.timesteps[k], x, eta=eta, variance_noise=z if eta else None).prev_sample
    assert torch.allclose(ddim.mean(x, noise, k) + float(ddim.sigma[k]) * z, expected, atol=2e-5)


def test_every_step_has_noise(scheduler):
    assert (DDIM(scheduler.alphas_cumprod, 20).sigma > 0.01).all()
    assert (DDIM(scheduler.alphas_cumprod, 500).sigma > 0).all()


def test_a_trajectory_is_its_steps_and_ticks():
    ddim = DDIM(torch.linspace(0.999, 0.01, 100), 5)
    seen, ticks = [], []

    def predict(x, t):
        seen.append(t.tolist())
        return 0.1 * x

    trajectory = ddim.sample(predict, torch.ones(2, 1, 2, 2), torch.Generator().manual_seed(3), lambda: ticks.append(1))
    assert seen == [[81, 81], [61, 61], [41, 41], [21, 21], [1, 1]] and len(ticks) == 5 and len(trajectory) == 6
    draw = torch.Generator().manual_seed(3)
    x = torch.ones(2, 1, 2, 2)
    for k in range(5):
        x = ddim.mean(x, 0.1 * x, k) + float(ddim.sigma[k]) * torch.randn(x.shape, generator=draw)
        assert torch.equal(x, trajectory[k + 1])


@pytest.mark.parametrize("steps", [0, 501])
def test_steps_that_the_schedule_has_not_are_a_sentence(scheduler, steps):
    with pytest.raises(InteractiveActionError, match="Give 1 to 500"):
        DDIM(scheduler.alphas_cumprod, steps)


def test_the_log_ratio_is_that_of_two_gaussians():
    draw = torch.Generator().manual_seed(1)
    x, mean, reference = torch.randn(3, 2, 4, 3, 3, generator=draw, dtype=torch.float64)
    slow = torch.distributions.Normal(mean, 0.3).log_prob(x) - torch.distributions.Normal(reference, 0.3).log_prob(x)
    assert torch.allclose(log_ratio(x, mean, reference, torch.tensor(0.3)), slow.mean((1, 2, 3)))


def test_eq_7_by_hand():
    # -log(1 / (1 + exp(-0.1 (0.05 - -0.03))))
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
