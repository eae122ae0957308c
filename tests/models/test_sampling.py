"""DDIM and guidance, against diffusers and hand-worked numbers."""

import pytest
import torch
from diffusers import DDIMScheduler

from interactive_action.captions.templates import PLACEHOLDER
from interactive_action.errors import InteractiveActionError
from interactive_action.models.sampling import DDIM, guided, prompt_contexts, sample
from interactive_action.tests.trainers.tiny import TinyEngine
from interactive_action.tokens.noise_gate import NoiseGate

SCHEDULE = dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")


@pytest.fixture(scope="module")
def scheduler():
    scheduler = DDIMScheduler(**SCHEDULE, clip_sample=False, set_alpha_to_one=False, steps_offset=1)
    scheduler.set_timesteps(20)
    return scheduler


def test_ddim_visits_the_timesteps_of_diffusers(scheduler):
    assert DDIM.leading(scheduler.alphas_cumprod, 20).timesteps.tolist() == scheduler.timesteps.tolist()


@pytest.mark.parametrize("k", [0, 7, 19])
@pytest.mark.parametrize("eta", [1.0, 0.0])
def test_a_step_is_that_of_diffusers(scheduler, k, eta):
    draw = torch.Generator().manual_seed(k)
    x, noise, z = torch.randn(3, 2, 4, 3, 3, generator=draw)
    ddim = DDIM.leading(scheduler.alphas_cumprod, 20, eta)
    expected = scheduler.step(noise, ddim.timesteps[k], x, eta=eta, variance_noise=z if eta else None).prev_sample
    assert torch.allclose(ddim.mean(x, noise, k) + float(ddim.sigma[k]) * z, expected, atol=2e-5)


def test_every_step_has_noise(scheduler):
    assert (DDIM.leading(scheduler.alphas_cumprod, 20, 1.0).sigma > 0.01).all()
    assert (DDIM.leading(scheduler.alphas_cumprod, 500, 1.0).sigma > 0).all()


def test_a_trajectory_is_its_steps():
    ddim = DDIM.leading(torch.linspace(0.999, 0.01, 100), 5, 1.0)
    seen = []

    def predict(x, t):
        seen.append(t.tolist())
        return 0.1 * x

    trajectory = list(ddim.trajectory(predict, torch.ones(2, 1, 2, 2), torch.Generator().manual_seed(3)))
    assert seen == [[81, 81], [61, 61], [41, 41], [21, 21], [1, 1]] and len(trajectory) == 5
    draw = torch.Generator().manual_seed(3)
    x = torch.ones(2, 1, 2, 2)
    for k in range(5):
        x = ddim.mean(x, 0.1 * x, k) + float(ddim.sigma[k]) * torch.randn(x.shape, generator=draw)
        assert torch.equal(x, trajectory[k])


@pytest.mark.parametrize("steps", [0, 501])
def test_steps_that_the_schedule_has_not_are_a_sentence(scheduler, steps):
    with pytest.raises(InteractiveActionError, match="Give 1 to 500"):
        DDIM.leading(scheduler.alphas_cumprod, steps)


def test_without_noise_it_samples_what_diffusers_samples_to_the_bit(scheduler):
    x = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    expected = x
    for t in scheduler.timesteps:
        expected = scheduler.step(torch.tanh(expected) + t / 1000, t, expected).prev_sample
    latents = DDIM.leading(scheduler.alphas_cumprod, 20).sample(
        lambda x, t: torch.tanh(x) + t.view(-1, 1, 1, 1) / 1000, x
    )
    assert torch.equal(latents, expected)


def test_from_full_noise_the_first_step_is_the_noisiest_and_the_last_leaves_none(scheduler):
    schedule = DDIM.from_full_noise(scheduler.alphas_cumprod, 4)
    assert schedule.timesteps.tolist() == [999, 749, 500, 250]
    assert schedule.abar_next[-1] == 1 and not schedule.sigma.any()
    x, noise = torch.full((1, 1, 1, 1), 3.0), torch.full((1, 1, 1, 1), 2.0)
    abar = schedule.abar[-1]
    assert torch.equal(schedule.mean(x, noise, 3), (x - (1 - abar).sqrt() * noise) / abar.sqrt())


def test_a_schedule_that_ends_in_nothing_but_noise_gives_numbers():
    schedule = DDIM.from_full_noise(torch.linspace(1, 0, 100), 5)
    assert schedule.sample(lambda x, t: x, torch.ones(1, 1, 1, 1)).isfinite().all()


def test_an_error_of_the_network_ends_a_trajectory_where_it_is(scheduler):
    class StoppedError(Exception):
        pass

    def predict(x, t):
        if t[0] < 900:
            raise StoppedError
        return x

    steps = DDIM.leading(scheduler.alphas_cumprod, 20).trajectory(predict, torch.ones(1, 1, 1, 1))
    with pytest.raises(StoppedError):
        for _ in steps:
            pass


def test_guidance_by_hand():
    assert guided(torch.tensor(1.0), torch.tensor(3.0), 7.5).item() == 1 + 7.5 * 2
    assert guided(torch.tensor(1.0), torch.tensor(3.0), 1.0).item() == 3


def test_an_engine_is_sampled_with_the_empty_prompts_first():
    engine, noise = TinyEngine(), torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    null, prompts = engine.encode_prompts(["", ""]), engine.encode_prompts(["a frog", "a cup here"])
    schedule = DDIM.from_full_noise(engine.schedule.alphas_cumprod, 7)

    def predict(z, t):
        return guided(engine.predict_noise(z, t, null), engine.predict_noise(z, t, prompts), 7.5)

    latents = sample(engine, noise, [(0, 1, torch.cat([null, prompts]))], 7, 7.5)
    assert torch.allclose(latents, schedule.sample(predict, noise), atol=1e-4)
    assert not torch.allclose(sample(engine, noise, [(0, 1, torch.cat([prompts, null]))], 7, 7.5), latents, atol=1e-2)


def test_contexts_act_in_their_bands_of_noise_alone():
    engine, noise = TinyEngine(), torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    vectors = torch.ones(1, engine.width)
    prompts = [f"a frog {PLACEHOLDER} a cup", f"a {PLACEHOLDER} b"]
    contexts = prompt_contexts(engine, prompts, vectors, NoiseGate(0.0, 0.45, "near"))
    assert [(start, end) for start, end, _ in contexts] == [(0, 0.45), (0.45, 1)]
    learned, plain = engine.encode_prompts(prompts, vectors), engine.encode_prompts(["a frog near a cup", "a near b"])
    asked = []

    def predict(z, t):
        asked.append(t[0].item())
        conditional = learned if t[0] >= 0.55 * 999 else plain
        null = engine.encode_prompts(["", ""])
        return guided(engine.predict_noise(z, t, null), engine.predict_noise(z, t, conditional), 4.0)

    expected = DDIM.from_full_noise(engine.schedule.alphas_cumprod, 7).sample(predict, noise)
    assert torch.allclose(sample(engine, noise, contexts, 7, 4.0), expected, atol=1e-4)
    assert min(asked) < 0.55 * 999 < max(asked)


def test_layer_wise_words_act_in_bands_too():
    engine = TinyEngine()
    vectors = torch.stack([torch.full((1, engine.width), float(layer)) for layer in range(engine.layers)])
    early, late = prompt_contexts(engine, [f"a {PLACEHOLDER} b"], vectors, NoiseGate(0.0, 0.5, "near"))
    assert early[2].shape == (engine.layers, 2, *late[2].shape[1:])
    assert late[2].shape[0] == 2
