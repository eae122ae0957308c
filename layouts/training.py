"""Training a layout model, by the one loop and the one session of ``trainers``: resumable to the bit."""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import torch

from ..errors import InteractiveActionError
from ..sim.layout import Layout
from ..trainers.hyperparameters import Config, batch_size, learning_rate, parameter, seed, weight_decay
from ..trainers.loop import run_key
from ..trainers.objective import Gradient, Objective
from ..trainers.session import Session
from .diffusion import PREDICTIONS, linear_schedule, training_loss
from .model_file import LayoutModel
from .network import LayoutNetwork, RoomTransformer
from .representation import SLOTS, Condition, canonical_order, condition, encode_objects, symmetric

DROPPED, UNORDERED = 0.1, 0.25  # shares of a batch that is not told its tidiness, and whose slots are in any order
LARGEST_GRADIENT = 1.0
Progress = Callable[[int, int, Any], None]


@dataclass(frozen=True)
class LayoutTrainingConfig(Config):
    """Hyperparameters of a layout model; the defaults are those of the embedded one.

    Raises:
        InteractiveActionError: a value is out of its bounds.
    """

    steps: int = parameter(16_000, "Optimizer steps.", minimum=1, maximum=10_000_000)
    batch_size: int = batch_size(128, "Rooms a step.")
    learning_rate: float = learning_rate(1e-3)
    weight_decay: float = weight_decay()
    ema_decay: float = parameter(
        0.999, "Of the running average that is kept.", minimum=0.0, maximum=0.99999, step=0.00001
    )
    grad_accumulation_steps: int = parameter(1, "Batches whose gradients are averaged.", minimum=1, maximum=256)
    seed: int = seed()
    width: int = parameter(128, "Numbers a token.", minimum=8, maximum=2048)
    layers: int = parameter(4, "Transformer blocks.", minimum=1, maximum=48)
    heads: int = parameter(4, "Heads of attention; they divide the width.", minimum=1, maximum=64)
    prediction: str = parameter("x0", "What the network predicts; eps is PhyScene's.", choices=PREDICTIONS)
    mixed_precision: str = parameter(
        "bf16", "Numbers that products are computed in; no: float32, as the parameters.", choices=("bf16", "no")
    )
    gamma: float = parameter(5.0, "The largest min-SNR weight, for x0.", minimum=0.1, maximum=1000.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % (2 * self.heads):
            raise InteractiveActionError(
                f"The width is {self.width} and there are {self.heads} heads. Give a width that twice the heads divide."
            )

    @property
    def shape(self) -> dict[str, int]:
        """``RoomTransformer``'s arguments."""
        return {"width": self.width, "layers": self.layers, "heads": self.heads}


class LayoutDataset:
    """Rooms as tensors, from which batches are sampled under the eight symmetries of the square.

    Args:
        layouts: at least one; ``about["sloppiness"]`` tells their tidiness, where it is there.

    Raises:
        InteractiveActionError: there is none, or one has too many objects.
    """

    def __init__(self, layouts: Sequence[Layout]) -> None:
        if not layouts:
            raise InteractiveActionError("There are no rooms to train on. Make some: interactive-action rooms make.")
        self.objects = encode_objects(layouts)
        tidiness = [1 - float(layout.about.get("sloppiness", 0.0)) for layout in layouts]
        counts = [len(layout.objects) for layout in layouts]
        self.condition = condition([layout.floor_plan for layout in layouts], tidiness, counts)
        lines = [json.dumps(layout.to_json(), sort_keys=True) for layout in layouts]
        self._digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.objects)

    def sha256(self) -> str:
        """Returns a key of the rooms."""
        return self._digest

    def batch(self, size: int, generator: torch.Generator) -> tuple[torch.Tensor, Condition]:
        """Returns objects (size, S, C) and conditions of random rooms.

        Some are not told their tidiness or count, and some have their slots in any order.
        """
        rows = torch.randint(len(self), (size,), generator=generator)
        number = int(torch.randint(8, (), generator=generator))
        objects, walls = symmetric(self.objects[rows], self.condition.walls[rows], number)
        ordered = torch.rand(size, generator=generator) >= UNORDERED
        shuffled = torch.rand(size, SLOTS, generator=generator).argsort(1)[..., None].expand_as(objects)
        objects = torch.where(ordered[:, None, None], canonical_order(objects), torch.gather(objects, 1, shuffled))
        room = self.condition.room[rows].clone()
        room[torch.rand(size, generator=generator) < DROPPED, -4:-2] = 0
        room[torch.rand(size, generator=generator) < 0.5, -2:] = 0
        return objects, Condition(walls, self.condition.there[rows], room, ordered.float())


class NetworkParameters:
    """A network's parameters as the one tensor that the loop trains.

    Args:
        network: whose initial parameters are trained.
    """

    trains_token = False

    def __init__(self, network: RoomTransformer) -> None:
        self.network = network
        self.shapes = {name: value.shape for name, value in network.named_parameters()}

    def initial(self) -> torch.Tensor:
        """Returns the parameters (P,) that training starts from, float32."""
        return torch.nn.utils.parameters_to_vector(self.network.parameters()).detach().clone()

    def tensors(self, parameters: torch.Tensor) -> dict[str, torch.Tensor]:
        """Returns the parameters (P,) by their names."""
        parts = torch.split(parameters, [shape.numel() for shape in self.shapes.values()])
        return {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts)}

    def limit_norm_(self, parameters: torch.Tensor) -> None:
        """Limits nothing."""


class LayoutObjective:
    """The denoising loss of layouts (Yang et al. 2024, Eq. 1), as the loop asks for it.

    Args:
        config: the hyperparameters.
        dataset: the rooms.
        device: where it is computed.
    """

    def __init__(self, config: LayoutTrainingConfig, dataset: LayoutDataset, device: str = "cpu") -> None:
        self.config, self.dataset = config, dataset
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            network = RoomTransformer(**config.shape)
        self.trainable = NetworkParameters(network.to(device))
        self.engine = SimpleNamespace(device=torch.device(device))
        self.alphas_cumprod = linear_schedule()

    def gradient(self, parameters: torch.Tensor, generator: torch.Generator) -> Gradient:
        """Returns (losses by name, their gradient, which elements may move: all)."""
        device = self.engine.device
        objects, told = self.dataset.batch(self.config.batch_size, generator)
        tensors = self.trainable.tensors(parameters)

        def network(x: torch.Tensor, t: torch.Tensor, told: Condition) -> torch.Tensor:
            with torch.autocast(device.type, torch.bfloat16, enabled=self.config.mixed_precision == "bf16"):
                output: torch.Tensor = torch.func.functional_call(self.trainable.network, tensors, (x, t, told))
            return output.to(x.dtype)

        losses = training_loss(
            cast(LayoutNetwork, network),
            objects.to(device),
            told.to(device),
            self.alphas_cumprod,
            generator,
            self.config.prediction,
            self.config.gamma,
        )
        (gradient,) = torch.autograd.grad(losses["total"], [parameters])
        gradient = gradient * (LARGEST_GRADIENT / gradient.norm().clamp(min=1e-12)).clamp(max=1)
        return losses, gradient, torch.ones_like(parameters, dtype=torch.bool)

    def model(self, parameters: torch.Tensor, about: dict[str, str]) -> LayoutModel:
        """Returns the model that parameters (P,) make."""
        network = RoomTransformer(**self.config.shape)
        network.load_state_dict({name: value.cpu() for name, value in self.trainable.tensors(parameters).items()})
        return LayoutModel(network.eval(), self.config.shape, self.config.prediction, about)


def train_layouts(
    layouts: Sequence[Layout],
    path: str | pathlib.Path,
    config: LayoutTrainingConfig | None = None,
    device: str = "cpu",
    progress: Progress = lambda done, total, preview: None,
) -> LayoutModel:
    """Trains a layout model and writes it; what was interrupted goes on from where it stopped.

    Args:
        layouts: rooms to learn from.
        path: of the model's file; a state lies beside it while it trains.
        config: the hyperparameters; None: those of the embedded model.
        device: "cpu" or "cuda".
        progress: called after each step with (steps done, all steps, preview); may raise to stop.

    Returns:
        The model, by the running average of its parameters.
    """
    path = pathlib.Path(path)
    config = config or LayoutTrainingConfig()
    objective = LayoutObjective(config, LayoutDataset(layouts), device)
    run = run_key("layouts", objective.dataset, config)
    session = Session(cast(Objective, objective), run, path.with_name(f".{path.name}.state"), save_state_every=500)
    state = session.train(progress)
    loss = sum(state.losses["total"][-100:]) / len(state.losses["total"][-100:])
    about = {"config": json.dumps(config.as_dict(), sort_keys=True), "rooms": str(len(layouts)), "loss": f"{loss:.4f}"}
    model = objective.model(state.result, about)
    with session.finishing(state):
        model.save(path)
    return model
