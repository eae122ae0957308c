"""Noise schedules: hand-worked numbers, and what must hold of every one of them."""

import pytest
import torch

from interactive_action.models.sampling import Euler
from interactive_action.models.schedules import FlowMatching, VariancePreserving

SHIFT_3 = 3 * (level := torch.arange(1, 1001) / 1000) / (1 + 2 * level)
SCHEDULES = {
    "noise": VariancePreserving(torch.cumprod(1 - torch.linspace(0.03, 0.11, 1000) ** 2, 0)),
    "velocity": FlowMatching(SHIFT_3),
}


@pytest.fixture(params=SCHEDULES)
def schedule(request):
    return SCHEDULES[request.param]


def latents(seed):
    return torch.randn(3, 4, 2, 2, generator=torch.Generator().manual_seed(seed))


def test_a_flow_mixes_latents_and_noise_in_a_straight_line():
    flow = FlowMatching(torch.tensor([0.25, 0.75]))
    z_0, noise = torch.full((2, 1, 1, 1), 4.0), torch.full((2, 1, 1, 1), 8.0)
    assert flow.add_noise(z_0, noise, torch.tensor([0, 1])).flatten().tolist() == [5.0, 7.0]
    assert flow.target(z_0, noise).flatten().tolist() == [4.0, 4.0]
    assert flow.snr().tolist() == pytest.approx([9.0, 1 / 9])


def test_the_target_leads_back_to_the_latents(schedule):
    z_0, noise, t = latents(0), latents(1), torch.tensor([20, 500, 900])
    z_t = schedule.add_noise(z_0, noise, t)
    assert torch.allclose(schedule.clean(z_t, schedule.target(z_0, noise), t), z_0, atol=1e-4)


def test_v_means_the_noise_that_it_was_made_of():
    schedule, z_0, noise, t = SCHEDULES["noise"], latents(0), latents(1), torch.tensor([20, 500, 900])
    abar = schedule.alphas_cumprod[t].view(-1, 1, 1, 1)
    v = abar.sqrt() * noise - (1 - abar).sqrt() * z_0
    assert torch.allclose(schedule.noise_from_v(v, schedule.add_noise(z_0, noise, t), t), noise, atol=1e-5)


def test_without_gamma_every_level_counts_alike(schedule):
    assert schedule.min_snr_weights(0.0).tolist() == [1.0] * len(schedule)


def test_min_snr_weighs_an_error_of_the_latents_by_the_ratio_up_to_gamma(schedule):
    """Whatever the target is: the error of the target, weighted, is min(SNR, gamma) times that of the latents."""
    z_0, noise, t = latents(0), latents(1), torch.tensor([20, 500, 900])
    z_t, target = schedule.add_noise(z_0, noise, t), schedule.target(z_0, noise)
    wrong = target + 0.1 * latents(2)
    weighted = schedule.min_snr_weights(5.0)[t] * (wrong - target).square().sum((1, 2, 3))
    of_latents = (schedule.clean(z_t, wrong, t) - z_0).square().sum((1, 2, 3))
    assert torch.allclose(weighted, schedule.snr()[t].clamp(max=5.0) * of_latents, rtol=1e-2)


def test_the_high_half_of_a_shifted_flow_is_high_noise():
    assert SCHEDULES["velocity"].sigmas[549] == pytest.approx(0.7857, abs=1e-4)


def test_euler_walks_a_straight_flow_without_error():
    """Where every path is straight, one step and many lead to the same latents."""
    z_0, noise = latents(0), latents(1)
    for steps in (1, 3, 10):
        sampled = SCHEDULES["velocity"].sampler(steps).sample(lambda x, t: noise - z_0, noise)
        assert torch.allclose(sampled, z_0, atol=1e-5)


def test_euler_takes_the_steps_that_diffusers_takes():
    from diffusers import FlowMatchEulerDiscreteScheduler

    scheduler = FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=3.0)
    sampler = Euler.from_full_noise(SHIFT_3, 4)
    scheduler.set_timesteps(sigmas=[1.0, *((sampler.timesteps[1:] + 1) / 1000).tolist()])
    x = expected = latents(3)
    for t in scheduler.timesteps:
        expected = scheduler.step(torch.tanh(expected), t, expected).prev_sample
    assert torch.allclose(sampler.sample(lambda x, t: torch.tanh(x), x), expected, atol=1e-5)


def test_a_sampler_asks_at_falling_timesteps_the_noisiest_first(schedule):
    asked = []
    schedule.sampler(5).sample(lambda x, t: asked.append(int(t[0])) or torch.zeros_like(x), latents(0))
    assert asked[0] == len(schedule) - 1
    assert asked == sorted(asked, reverse=True)
    assert len(asked) == 5
