"""The laws that say which noise levels are trained."""

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.trainers.timesteps import TIMESTEP_SAMPLING, timestep_weights


def test_high_noise_never_draws_from_the_lower_half():
    weights = timestep_weights("high noise", 1000)
    assert weights[:550].sum() == 0
    assert (weights[550:] == 1).all()


def test_cosine_prefers_the_noisiest_step_three_to_one():
    weights = timestep_weights("cosine", 1000)
    assert weights[-1] / weights[0] == pytest.approx(3, rel=1e-3)
    assert (weights.diff() > 0).all()


def test_uniform_prefers_nothing():
    assert timestep_weights("uniform", 10).unique().numel() == 1


@pytest.mark.parametrize("law", TIMESTEP_SAMPLING)
def test_every_law_gives_usable_weights_for_any_schedule(law):
    for timesteps in (1, 2, 1000):
        weights = timestep_weights(law, timesteps)
        assert weights.shape == (timesteps,)
        assert (weights >= 0).all()
        assert torch.isfinite(weights).all()


def test_an_unknown_law_is_answered_with_the_known_ones():
    with pytest.raises(InteractiveActionError, match="'lognormal'.*high noise, cosine, uniform"):
        timestep_weights("lognormal", 1000)


def test_logit_normal_prefers_the_middle_and_both_ends_alike():
    weights = timestep_weights("logit-normal", 1000)
    assert torch.allclose(weights, weights.flip(0), rtol=1e-3)
    assert weights[500] / weights[66] == pytest.approx(8.13, rel=1e-2)  # 4 to exp(-2.64^2 / 2) / (.0665 * .9335)
