"""The schedule, the loss, the network, its training and its file."""

import math

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.layouts.diffusion import linear_schedule, noisy, to_noise, to_x0, training_loss
from interactive_action.layouts.grammar.procedural import procedural_rooms
from interactive_action.layouts.model_file import LayoutModel
from interactive_action.layouts.network import RoomTransformer
from interactive_action.layouts.representation import CHANNELS, CLASS, SLOTS, Condition, condition
from interactive_action.layouts.training import LayoutDataset, LayoutObjective, LayoutTrainingConfig, train_layouts

TINY = dict(width=32, layers=1, heads=2, batch_size=8)


@pytest.fixture(scope="module")
def layouts():
    return procedural_rooms(8)


@pytest.fixture(scope="module")
def dataset(layouts):
    return LayoutDataset(layouts)


def network():
    torch.manual_seed(0)
    made = RoomTransformer(32, 2, 4)
    for block in made.blocks:
        torch.nn.init.normal_(block.modulation.weight, std=0.2)
    return made


def told(layouts, ordered=True):
    return condition([layout.floor_plan for layout in layouts], [1.0] * len(layouts), [None] * len(layouts), ordered)


def test_the_schedule_is_the_papers():
    abar = linear_schedule()
    assert abar[0].item() == pytest.approx(1 - 1e-4)
    assert abar[1].item() == pytest.approx((1 - 1e-4) * (1 - 1e-4 - (0.02 - 1e-4) / 999))
    assert abar[-1].item() == pytest.approx(4.04e-5, rel=0.01)


def test_noise_and_objects_follow_from_one_another(dataset):
    generator = torch.Generator().manual_seed(0)
    x0, noise = dataset.objects, torch.randn(dataset.objects.shape, generator=generator)
    abar = torch.linspace(0.05, 0.95, len(x0))
    x = noisy(x0, noise, abar)
    assert torch.allclose(to_noise(x0, x, abar), noise, atol=1e-4)
    assert torch.allclose(to_x0(noise, x, abar, "eps"), x0, atol=1e-4)
    assert torch.equal(to_x0(x0, x, abar, "x0"), x0)


def test_the_loss_on_noise_is_equation_1_written_out(dataset, layouts):
    """One room and one timestep at a time, with the same random numbers."""
    made, abar = network(), linear_schedule()
    loss = training_loss(made, dataset.objects, told(layouts), abar, torch.Generator().manual_seed(3), "eps")["total"]
    generator = torch.Generator().manual_seed(3)
    t = torch.randint(1000, (8,), generator=generator)
    noise = torch.randn(dataset.objects.shape, generator=generator)
    errors = []
    for row in range(8):
        level = abar[t[row]]
        x = level.sqrt() * dataset.objects[row] + (1 - level).sqrt() * noise[row]
        predicted = made(x[None], t[row : row + 1] / 1000, told(layouts[row : row + 1]))[0]
        errors.append((noise[row] - predicted).square().mean())
    assert loss.item() == pytest.approx(torch.stack(errors).mean().item(), rel=1e-4)


def test_place_and_size_of_nothing_cost_nothing(dataset, layouts):
    def perfect_but_for_empty_slots(x, t, condition):
        there = dataset.objects[..., CLASS.stop - 1 :] < 0
        return torch.where(there, dataset.objects, dataset.objects + torch.cat([torch.ones(7), torch.zeros(29)]))

    losses = training_loss(
        perfect_but_for_empty_slots, dataset.objects, told(layouts), linear_schedule(), torch.Generator().manual_seed(0)
    )
    assert losses["geometry"] == losses["classes"] == 0


def test_walls_that_only_fill_a_batch_change_no_prediction(layouts, dataset):
    made = network()
    together = made(dataset.objects, torch.full((8,), 0.5), told(layouts))
    for row in range(8):
        alone = made(dataset.objects[row : row + 1], torch.tensor([0.5]), told(layouts[row : row + 1]))
        assert torch.allclose(alone[0], together[row], atol=1e-5)


def test_without_an_order_the_network_knows_no_slot(layouts, dataset):
    made, order = network(), torch.randperm(SLOTS, generator=torch.Generator().manual_seed(0))
    there, other = (
        made(x, torch.full((8,), 0.5), told(layouts, False)) for x in (dataset.objects, dataset.objects[:, order])
    )
    assert torch.allclose(there[:, order], other, atol=1e-5)
    ordered = made(dataset.objects[:, order], torch.full((8,), 0.5), told(layouts))
    assert not torch.allclose(there[:, order], ordered, atol=1e-3)


def test_the_network_hears_of_walls_tidiness_and_time(layouts, dataset):
    made, half = network(), torch.full((8,), 0.5)
    base = made(dataset.objects, half, told(layouts))
    plans = [layout.floor_plan for layout in layouts]
    for other in (
        made(dataset.objects, half / 2, told(layouts)),
        made(dataset.objects, half, condition(plans, [0.0] * 8, [None] * 8)),
        made(dataset.objects, half, condition(plans[::-1], [1.0] * 8, [None] * 8)),
    ):
        assert (base - other).abs().max() > 1e-3


def test_the_embedded_model_fits_into_four_megabytes(tmp_path):
    config = LayoutTrainingConfig()
    LayoutModel(RoomTransformer(**config.shape), config.shape, "x0", {}).save(tmp_path / "model.safetensors")
    assert (tmp_path / "model.safetensors").stat().st_size <= 4e6


def test_a_batch_shows_the_same_rooms_from_other_sides(dataset):
    first, second = (dataset.batch(64, torch.Generator().manual_seed(seed))[0] for seed in (0, 1))
    assert first.shape == (64, SLOTS, CHANNELS)
    areas = {round(float(row[:, 2].sum()), 3) for row in dataset.objects}
    for batch in (first, second):
        assert {round(float(row[:, 2].sum()), 3) for row in batch} <= areas
    assert not torch.equal(first, second)


def test_the_gradient_of_the_flat_parameters_is_that_of_differences(dataset):
    objective = LayoutObjective(LayoutTrainingConfig(**TINY), dataset)
    parameters = objective.trainable.initial().double()
    objective.trainable.network.double()
    objects, condition_of = dataset.batch(4, torch.Generator().manual_seed(0))
    doubled = Condition(
        condition_of.walls.double(), condition_of.there, condition_of.room.double(), condition_of.ordered.double()
    )

    def loss(flat):
        def call(x, t, condition):
            return torch.func.functional_call(
                objective.trainable.network, objective.trainable.tensors(flat), (x, t.double(), condition)
            )

        return training_loss(
            call, objects.double(), doubled, linear_schedule().double(), torch.Generator().manual_seed(5)
        )["total"]

    flat = parameters.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(flat), flat)
    way = torch.randn(len(flat), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    difference = (loss(parameters + 1e-6 * way) - loss(parameters - 1e-6 * way)) / 2e-6
    assert (gradient @ way).item() == pytest.approx(difference.item(), rel=1e-4)


def test_training_lowers_the_loss_and_writes_a_model(layouts, tmp_path):
    config = LayoutTrainingConfig(**TINY, steps=60, learning_rate=3e-3)
    seen = []
    train_layouts(
        layouts, tmp_path / "m.safetensors", config, progress=lambda d, n, p: seen.append(p.state.losses["total"][-1])
    )
    assert len(seen) == 60 and sum(seen[-10:]) < 0.7 * sum(seen[:10])
    model = LayoutModel.load(tmp_path / "m.safetensors")
    assert model.shape == config.shape and model.about["rooms"] == "8"
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


def test_an_interrupted_training_ends_as_if_it_had_not_been(layouts, tmp_path):
    config = LayoutTrainingConfig(**TINY, steps=6)

    def stop(done, total, preview):
        if done == 3:
            raise KeyboardInterrupt

    train_layouts(layouts, tmp_path / "whole.safetensors", config)
    with pytest.raises(KeyboardInterrupt):
        train_layouts(layouts, tmp_path / "parts.safetensors", config, progress=stop)
    assert not (tmp_path / "parts.safetensors").exists()
    done = []
    train_layouts(layouts, tmp_path / "parts.safetensors", config, progress=lambda d, n, p: done.append(d))
    assert done[0] == 4
    assert (tmp_path / "parts.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


def test_noise_can_be_predicted_instead(layouts, tmp_path):
    config = LayoutTrainingConfig(**TINY, steps=2, prediction="eps")
    assert train_layouts(layouts, tmp_path / "m.safetensors", config).prediction == "eps"
    assert LayoutModel.load(tmp_path / "m.safetensors").prediction == "eps"


def test_a_file_of_something_else_is_no_model(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InteractiveActionError, match="no layout model"):
        LayoutModel.load(tmp_path / "other.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    for name in ("broken", "missing"):
        with pytest.raises(InteractiveActionError, match="could not be read"):
            LayoutModel.load(tmp_path / f"{name}.safetensors")


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(InteractiveActionError, match="twice the heads"):
        LayoutTrainingConfig(width=30, heads=4)
    with pytest.raises(InteractiveActionError, match="prediction"):
        LayoutTrainingConfig(prediction="v")
    with pytest.raises(InteractiveActionError, match="no rooms to train on"):
        LayoutDataset([])
    assert math.isclose(LayoutTrainingConfig().ema_decay, 0.999)
