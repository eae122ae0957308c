"""Reinforcement from AI feedback: its gradient against a slow version and finite differences; resuming; learning."""

import dataclasses
import math

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.models.adapters import LoRA, WeightDelta, editor_adapter
from interactive_action.models.style_editor.guidance import guided_noise
from interactive_action.tests.trainers.tiny_editor import REWARD, TinyEditor, noise_task
from interactive_action.trainers.d3po import D3POConfig
from interactive_action.trainers.edit_task import EditTask
from interactive_action.trainers.loop import TrainingState
from interactive_action.trainers.rlaif import D3POTraining, begin, reward_curve, training_steps

CONFIG = D3POConfig(steps=3, pairs=3, batch_size=4, denoising_steps=3, learning_rate=1e-2, rank=2, seed=5)


def training(config=CONFIG, engine=None, task=None, reward=REWARD):
    engine = engine or TinyEditor()
    return D3POTraining(engine, editor_adapter(engine.module, config.rank), task or noise_task(), reward, config)


def run(training, state=None, until=None, progress=lambda done, total: None):
    state = state or begin(training)
    for _ in training_steps(training, state, progress):
        if state.step == until:
            break
    return state


def slow_loss(training, weights, trajectories, images, styles, winner, tie):
    """Eq. 7 with one image and one timestep at a time, written as it is printed."""
    task, config, engine, losses = training.task, training.config, training.engine, []
    together = torch.cat(list(trajectories), 2)
    for p in range(len(tie)):
        if tie[p]:
            continue
        for k, t in enumerate(training.ddim.timesteps):
            terms = []
            for which in (winner[p], 1 - winner[p]):
                x, x_next = together[k, which, p][None], together[k + 1, which, p][None]
                image, style = training.image[images[p]][None], training.style[styles[p]][None]
                text, null = engine.encode_prompts([task.instruction]), engine.encode_prompts([""])

                def log_probability(x=x, x_next=x_next, image=image, style=style, text=text, null=null, t=t, k=k):
                    noise = guided_noise(
                        engine.predict, x, t[None], image, style, text, null, config.s_in, config.s_sty, config.s_T
                    )
                    return (
                        torch.distributions.Normal(training.ddim.mean(x, noise, k), training.ddim.sigma[k])
                        .log_prob(x_next)
                        .mean()
                    )

                reference = log_probability().detach()
                with training.adapter.active(weights):
                    ratio = torch.exp(log_probability() - reference)
                terms.append(config.beta * torch.log(ratio.clamp(1 - config.clip_ratio, 1 + config.clip_ratio)))
            losses.append(-torch.log(torch.sigmoid(terms[0] - terms[1])))
    return torch.stack(losses).mean()


@pytest.fixture(params=[2, 0], ids=["LoRA", "every weight"])
def sampled(request):
    """(training in float64, weights a little off their start, what ``gradient`` takes) with a tie and both winners."""
    training_ = training(dataclasses.replace(CONFIG, rank=request.param), TinyEditor(torch.float64))
    draw = torch.Generator().manual_seed(1)
    weights = training_.initial().double()
    weights += 1e-4 * torch.randn(len(weights), generator=draw, dtype=torch.float64)
    images, styles = torch.tensor([0, 2, 1]), torch.tensor([0, 1, 0])
    x_T = torch.randn(3, *training_.image.shape[1:], generator=draw, dtype=torch.float64)
    trajectories = [
        training_.trajectories(weights, x_T[part], images[part], styles[part], draw)
        for part in torch.arange(3).split(2)
    ]
    return (
        training_,
        weights,
        (trajectories, images, styles, torch.tensor([0, 0, 1]), torch.tensor([False, True, False])),
    )


def test_the_loss_and_its_gradient_are_those_of_the_slow_version(sampled):
    training, weights, arguments = sampled
    gradient, numbers = training.gradient(weights, *arguments)
    variable = weights.clone().requires_grad_()
    slow = slow_loss(training, variable, *arguments)
    assert numbers["loss"] == pytest.approx(slow.item(), rel=1e-12)
    assert torch.allclose(gradient, torch.autograd.grad(slow, variable)[0], rtol=1e-6, atol=1e-12)
    assert gradient.abs().max() > 1e-6


def test_the_gradient_is_that_of_finite_differences(sampled):
    training, weights, arguments = sampled
    gradient, _ = training.gradient(weights, *arguments)
    largest = gradient.abs().argsort(descending=True)[:: len(gradient) // 12][:6]
    for i in largest.tolist():
        step = torch.zeros_like(weights)
        step[i] = 1e-6
        up, down = (training.gradient(weights + sign * step, *arguments)[1]["loss"] for sign in (1, -1))
        assert (up - down) / 2e-6 == pytest.approx(gradient[i].item(), rel=1e-4, abs=1e-9)


def test_the_two_of_a_pair_begin_alike_and_end_apart():
    one = training()
    draw, index = torch.Generator().manual_seed(0), torch.tensor([0, 1])
    trajectory = one.trajectories(
        one.initial(), torch.randn(2, *one.image.shape[1:], generator=draw), index, index, draw
    )
    assert trajectory.shape == (4, 2, 2, 4, 2, 3)
    assert torch.equal(trajectory[0, 0], trajectory[0, 1])
    assert (trajectory[-1, 0] - trajectory[-1, 1]).abs().min(0).values.max() > 0.01


def test_at_the_start_policy_and_reference_are_one():
    one = training()
    gradient, numbers, _ = one.step(one.initial(), 0)
    assert numbers["loss"] == pytest.approx(math.log(2), abs=1e-6) and numbers["clipped"] == 0
    assert gradient.abs().max() > 0


def test_styles_take_turns():
    one, seen = training(), []
    one.scores = lambda edited, images, styles, scores=one.scores: seen.append(styles) or scores(edited, images, styles)
    one.step(one.initial(), 0)
    one.step(one.initial(), 1)
    first_of_pairs = torch.cat([styles[: len(styles) // 2] for styles in seen])
    assert first_of_pairs.tolist() == [0, 1, 0, 1, 0, 1]


def test_memory_does_not_change_what_is_learned():
    tie = torch.tensor([False, False, False])
    small, large = (training(dataclasses.replace(CONFIG, batch_size=size)) for size in (1, 6))
    images, styles, winner = torch.tensor([0, 1, 2]), torch.tensor([0, 1, 0]), torch.tensor([0, 1, 0])
    draw = torch.Generator().manual_seed(0)
    trajectory = large.trajectories(
        large.initial(), torch.randn(3, *large.image.shape[1:], generator=draw), images, styles, draw
    )
    at_once, _ = large.gradient(large.initial(), [trajectory], images, styles, winner, tie)
    singly, _ = small.gradient(small.initial(), trajectory.split(1, 2), images, styles, winner, tie)
    assert torch.allclose(at_once, singly, atol=1e-5) and at_once.abs().max() > 1e-3


def test_ties_teach_nothing():
    class Indifferent:
        name = "indifferent"

        def depth(self, images):
            return torch.zeros(images.shape[:3])

        def encode_image(self, images):
            return torch.nn.functional.normalize(torch.ones(len(images), 3), dim=-1)

    task = dataclasses.replace(noise_task(), masks=None)
    one = training(task=task, reward=dataclasses.replace(REWARD, depth_model=Indifferent(), encoder=Indifferent()))
    state = run(one)
    assert state.step == 3 and state.losses["ties"] == [1, 1, 1] and set(state.losses["loss"]) == {math.log(2)}
    assert torch.equal(state.parameters, one.initial()) and not state.exp_avg.any()


@pytest.mark.parametrize("rank", [2, 0])
def test_a_run_that_is_killed_and_resumed_from_its_file_ends_at_the_same_bits(tmp_path, rank):
    config = dataclasses.replace(CONFIG, rank=rank)
    whole = run(training(config))

    class KilledError(BaseException):
        pass

    def kill(done, total):
        assert total == 3 * training(config).calls_per_step
        if done > 2 * total / 3 + 2:
            raise KilledError

    part = begin(training(config))
    with pytest.raises(KilledError):
        run(training(config), part, progress=kill)
    assert part.step == 2
    part.save(tmp_path / "state.safetensors", "this run")
    resumed = run(training(config), TrainingState.load(tmp_path / "state.safetensors", "this run"))
    assert torch.equal(resumed.parameters, whole.parameters) and not torch.equal(
        whole.parameters, training(config).initial()
    )
    assert resumed.losses == whole.losses


def test_the_progress_ends_at_its_total_and_never_falls():
    seen = []
    run(training(), progress=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (seen[0][1],) * 2


def test_numbers_that_are_not_finite_stop_with_a_sentence_and_keep_the_last_good_weights():
    one = training()
    state = run(one, until=1)
    good = state.parameters.clone()
    one.step = lambda weights, index, tick, step=one.step: (
        step(weights, index, tick)[0] * float("nan"),
        *step(weights, index, tick)[1:],
    )
    with pytest.raises(InteractiveActionError, match="broke down at step 2"):
        run(one, state)
    assert torch.equal(state.parameters, good) and state.step == 1
    one = training()
    one.image = one.image * float("nan")
    with pytest.raises(InteractiveActionError, match="edit holds values that are not numbers"):
        run(one, state)
    assert torch.equal(state.parameters, good)


def test_an_untouched_adapter_changes_nothing_and_leaves_nothing_behind():
    for rank in (2, 0):
        engine = TinyEditor()
        inputs = torch.randn(1, 4, 2, 3), torch.tensor([5]), engine.encode_prompts(["x"]), *torch.randn(2, 1, 4, 2, 3)
        adapter = editor_adapter(engine.module, rank)
        before, names = engine.predict(*inputs), [name for name, _ in engine.module.named_parameters()]
        with adapter.active(adapter.start(torch.Generator())):
            assert torch.equal(engine.predict(*inputs), before)
        with adapter.active(adapter.start(torch.Generator()) + 0.1):
            assert not torch.equal(engine.predict(*inputs), before)
        assert torch.equal(engine.predict(*inputs), before)
        assert [name for name, _ in engine.module.named_parameters()] == names


def test_with_lora_the_new_style_channels_are_trained_whole():
    module = TinyEditor().module
    lora, new = editor_adapter(module, 2).adapters
    assert isinstance(lora, LoRA) and isinstance(new, WeightDelta)
    assert list(lora.layers) == [f"block.attn2.to_{part}" for part in ("q", "k", "v", "out.0")]
    assert {name.split(".")[0] for name in new.names} == {
        "conv_in",
        "style_attention",
    } and "conv_in.bias" not in new.names
    assert list(editor_adapter(module, 0).names) == [name for name, _ in module.named_parameters()]


def test_an_adapter_s_file_holds_what_it_adds():
    module = TinyEditor().module
    adapter = editor_adapter(module, 2)
    state = adapter.tensors(torch.arange(len(adapter.start(torch.Generator())), dtype=torch.float32))
    assert state["diffusion_model.block.attn2.to_q.lora_down.weight"].shape == (2, 8) and state[
        "diffusion_model.block.attn2.to_q.lora_up.weight"
    ].shape == (8, 2)
    assert state["diffusion_model.block.attn2.to_q.lora_up.weight"].flatten()[0] == 16
    assert state["diffusion_model.conv_in.diff"].shape == (8, 12, 3, 3) and state[
        "diffusion_model.style_attention.to_q.diff_b"
    ].shape == (8,)


def test_the_reward_curve_is_in_deviations_of_the_first_step():
    history = {
        "structure": [0.4, 0.3, 0.5],
        "structure_deviation": [0.1, 9, 9],
        "semantics": [0.2, 0.2, 0.1],
        "semantics_deviation": [0.05, 9, 9],
    }
    assert reward_curve(history) == pytest.approx([0, 1, 1])
    assert reward_curve(history, alpha=0.5) == pytest.approx([0, 1, 0])


def test_the_reward_rises_on_noise_that_was_not_trained():
    plain = {"s_in": 1.0, "s_sty": 1.0, "s_T": 1.0}
    one = training(
        dataclasses.replace(CONFIG, steps=40, pairs=32, batch_size=64, learning_rate=1e-3, rank=0, **plain),
        task=noise_task(2, 1),
    )
    state = run(one)

    def judged(weights):
        draw = torch.Generator().manual_seed(99)
        images, styles = torch.arange(128) % 2, torch.zeros(128, dtype=torch.long)
        trajectory = one.trajectories(
            weights, torch.randn(128, *one.image.shape[1:], generator=draw), images, styles, draw
        )
        edited = one.engine.decode_latents(trajectory[-1].flatten(0, 1))
        return one.scores(edited, images.repeat(2), styles.repeat(2))

    before, after = judged(one.initial()), judged(state.parameters)
    gained = sum((first - last) / first.std() for first, last in zip(before, after))  # lower scores are better
    assert gained.mean() > 4 * gained.std() / len(gained) ** 0.5
    assert all(abs(loss - math.log(2)) < 0.011 for loss in state.losses["loss"])  # and the loss says nothing


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"pairs": 0}, "pairs is 0"),
        ({"beta": 0}, "beta is 0"),
        ({"clip_ratio": 1}, "clip_ratio is 1"),
        ({"rank": -1}, "rank is -1"),
        ({"s_sty": -1}, "s_sty is -1"),
        ({"s_T": float("nan")}, "s_T is nan"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
    ],
)
def test_bad_settings_are_sentences(setting, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        dataclasses.replace(CONFIG, **setting)


def test_bad_images_are_sentences():
    good = torch.rand(1, 16, 16, 3)
    for arguments, sentence in (
        ((good[:, :15], good, "wood"), "16 x 15. Scale or crop them to multiples of 8"),
        ((good * float("nan"), good, "wood"), "image to edit holds values that are not numbers"),
        ((good, good, " "), "instruction is empty"),
        ((good, good, "wood", torch.zeros(1, 16, 16)), "mask of image 1 is empty"),
        ((good, good, "wood", None, torch.ones(1, 8, 8)), "style mask is 8 x 8"),
    ):
        with pytest.raises(InteractiveActionError, match=sentence):
            EditTask(*arguments)
    assert EditTask(good, good, "wood").sha256() != EditTask(good, good, "gold").sha256()
