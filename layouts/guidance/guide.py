"""The guidance of a batch of rooms: the weighted sum of its losses, and the three published forms of using it.

Source: Yang et al. 2024 (PhyScene), Eq. 2 to 4 and 6 to 8, and Alg. 1. In their sign phi = -loss. Their text derives a
gradient at the posterior mean, scaled by its variance ("text"); their code adds it unscaled, cut at 0.1, in the last
ten of a thousand steps ("code"); both push a noisy layout once a step. "x0" moves the predicted layout itself, several
times a step, and lets the sampler go on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ...sim.layout import FloorPlan
from ...trainers.hyperparameters import Config, parameter
from ..openings import keep_outs
from ..rooms import Rooms
from ..walkable import Body, FloorGrid
from .collision import collision_loss, sweep_loss
from .keep import Kept, keep_loss, remember
from .reach import CELL, path_discs, reach_loss
from .room import opening_loss, wall_loss

FORMS = ("x0", "text", "code")
MOST_METRES, MOST_RADIANS = 0.1, 0.1  # that one step moves a thing
RATE = 0.25  # metres a step for each metre of gradient: two things that share d metres of depth each go d / 2


def _weight(default: float, tooltip: str, advanced: bool = False) -> float:
    weight: float = parameter(default, tooltip, minimum=0.0, maximum=1000.0, step=0.1, advanced=advanced)
    return weight


@dataclass(frozen=True)
class GuidanceConfig(Config):
    """How generated rooms are guided; each weight of 0 leaves its loss out.

    Raises:
        InteractiveActionError: a value is out of its bounds.
    """

    collision: float = _weight(1.0, "How much things are pushed apart.")
    walls: float = _weight(1.0, "How much things are pushed out of the walls.")
    openings: float = _weight(0.5, "How much doors and windows are kept free.")
    reach: float = _weight(0.5, "How much a robot's way to everything is kept free.")
    opened: float = _weight(0.2, "How much the space of opened doors and drawers is kept free.")
    keep: float = _weight(1.0, "How much backs stay at their walls and things on their supports.")
    form: str = parameter(
        "x0",
        "x0: moves the predicted room. text, code: as PhyScene's text and code.",
        choices=FORMS,
        advanced=True,
    )
    scale: float = _weight(1.0, "Times all weights; PhyScene's lambda.", advanced=True)
    last: float = parameter(
        0.25, "Share of the steps, at the end, that are guided.", minimum=0.0, maximum=1.0, step=0.05, advanced=True
    )
    inner_steps: int = parameter(3, "Moves a step, in the form x0.", minimum=1, maximum=100, advanced=True)
    path_every: int = parameter(
        4, "Moves after which the robot's paths are searched again.", minimum=1, maximum=1000, advanced=True
    )
    parts: bool = parameter(
        True, "Whether a chair may go under a table: collisions of parts, not of whole boxes.", advanced=True
    )
    radius: float = parameter(0.25, "The robot's radius in metres.", minimum=0.05, maximum=2.0, step=0.01)
    height: float = parameter(1.3, "The robot's height in metres.", minimum=0.1, maximum=5.0, step=0.05)

    @property
    def body(self) -> Body:
        """The robot's."""
        return Body(self.radius, self.height)


class Guide:
    """Guides one batch of rooms.

    Args:
        config: weights and form.
        plans: the floor plan of each room.
        dtype: of the rooms.
    """

    def __init__(self, config: GuidanceConfig, plans: Sequence[FloorPlan], dtype: torch.dtype = torch.float32) -> None:
        self.config = config
        self.zones = keep_outs(plans, dtype)
        self.grids = [FloorGrid.of(plan, CELL) for plan in plans] if config.reach else []
        self._kept: Kept | None = None
        self._discs: tuple[torch.Tensor, torch.Tensor] | None = None
        self._moves = 0

    @property
    def begun(self) -> bool:
        """Whether it has seen rooms."""
        return self._kept is not None

    def begin(self, rooms: Rooms) -> None:
        """Remembers what shall be kept, and searches the robot's paths."""
        self.remember(rooms)
        self._moves = 0
        self._discs = path_discs(rooms, self.grids, self.config.body) if self.config.reach else None

    def remember(self, rooms: Rooms) -> None:
        """Remembers which backs are at walls and what stands on what, without searching paths again."""
        self._kept = remember(rooms)

    def losses(self, rooms: Rooms) -> dict[str, torch.Tensor]:
        """Returns each weighted loss (B,) by the name of its weight; after ``begin``."""
        config = self.config
        losses = {}
        if config.collision:
            losses["collision"] = config.collision * collision_loss(rooms, config.parts)
        if config.walls:
            losses["walls"] = config.walls * wall_loss(rooms)
        if config.openings:
            losses["openings"] = config.openings * opening_loss(rooms, self.zones)
        if config.opened:
            losses["opened"] = config.opened * sweep_loss(rooms)
        if self._discs is not None:
            losses["reach"] = config.reach * reach_loss(rooms, *self._discs, config.body)
        if config.keep and self._kept is not None:
            losses["keep"] = config.keep * keep_loss(rooms, self._kept)
        return losses

    @torch.enable_grad()
    def gradient(self, rooms: Rooms) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the gradients (B, N, 2) by middles and (B, N) by yaws of the sum of all losses, times ``scale``."""
        if self._kept is None:
            self.begin(rooms)
        elif self.config.reach and self._moves and not self._moves % self.config.path_every:
            self._discs = path_discs(rooms, self.grids, self.config.body)
        self._moves += 1
        center = rooms.boxes.center.detach().clone().requires_grad_()
        yaw = rooms.boxes.yaw.detach().clone().requires_grad_()
        losses = self.losses(rooms.moved(center, yaw))
        if not losses:
            return torch.zeros_like(center), torch.zeros_like(yaw)
        by_center, by_yaw = torch.autograd.grad(
            sum(losses.values(), torch.zeros(())).sum(), (center, yaw), allow_unused=True
        )
        there, scale = rooms.present, self.config.scale
        none = torch.zeros_like(yaw)
        return scale * by_center * there[..., None], scale * (none if by_yaw is None else by_yaw) * there

    def move(self, rooms: Rooms, rate: float = RATE, fixed: torch.Tensor | None = None) -> Rooms:
        """Returns the rooms after one step down the losses; large things move less than small ones.

        Args:
            rooms: the batch.
            rate: metres for each metre of gradient.
            fixed: (B, N) bool: what stays where it is; None: nothing.
        """
        by_center, by_yaw = self.gradient(rooms)
        ease = mobility(rooms) if fixed is None else mobility(rooms) * ~fixed
        step = -rate * ease[..., None] * by_center
        length = step.square().sum(-1, keepdim=True).clamp(min=1e-18).sqrt()
        step = step * (MOST_METRES / length).clamp(max=1)
        turn = (-rate * ease * by_yaw).clamp(-MOST_RADIANS, MOST_RADIANS)
        return rooms.moved(rooms.boxes.center.detach() + step, rooms.boxes.yaw.detach() + turn)


def mobility(rooms: Rooms) -> torch.Tensor:
    """Returns (B, N) how readily each thing moves: 1 up to a third of a square metre, less the larger it is."""
    return (0.35 / rooms.boxes.area.clamp(min=1e-4)).clamp(0.15, 1)
