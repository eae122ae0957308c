"""Sampling rooms: from noise to layouts, guided by physics, with what a person wants kept, added or left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ..errors import InteractiveActionError
from ..models.sampling import DDIM
from ..sim.furniture import CATEGORIES
from ..sim.layout import FloorPlan, Layout, LayoutObject
from ..trainers.loop import step_generator
from .diffusion import to_noise, to_x0
from .floor_plans import centered
from .guidance.guide import GuidanceConfig, Guide
from .model_file import LayoutModel
from .representation import (
    CHANNELS,
    CLASS,
    NOTHING,
    PLACE,
    SLOTS,
    TURN,
    UNIT,
    condition,
    decode_layouts,
    decode_rooms,
    encode_moved,
    encode_object,
)
from .rooms import NAMES, Rooms

FARTHEST = 60.0  # metres from the middle of a room
CODE_LIMIT = 0.1  # what PhyScene's code cuts its gradient at
Progress = Callable[[int, int, None], None]


@dataclass(frozen=True)
class Wishes:
    """What a person wants of a room.

    Args:
        keep: things that stay exactly as they are; the rest is arranged around them.
        want: classes of which there shall be one each, beside those kept.
        avoid: classes that shall not be there.
        count: how many things there shall be; None: as many as the model likes.
        tidiness: from 0 to 1; None: as the model likes.

    Raises:
        InteractiveActionError: a class is unknown or both wanted and avoided, or there are more things than fit.
    """

    keep: tuple[LayoutObject, ...] = ()
    want: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    count: int | None = None
    tidiness: float | None = None

    def __post_init__(self) -> None:
        for name in (*self.want, *self.avoid):
            if name not in CATEGORIES:
                raise InteractiveActionError(
                    f"There is no class of furniture {name!r}. Choose some of: {', '.join(CATEGORIES)}."
                )
        both = sorted(set(self.want) & set(self.avoid))
        if both:
            raise InteractiveActionError(f"A {both[0]} is both wanted and avoided. Decide for one.")
        most = SLOTS if self.count is None else self.count
        if self.count is not None and not 1 <= self.count <= SLOTS:
            raise InteractiveActionError(f"{self.count} things are asked for. Ask for 1 to {SLOTS}.")
        if len(self.keep) + len(self.want) > most:
            raise InteractiveActionError(
                f"{len(self.keep)} things are kept and {len(self.want)} wanted, which are more than {most}. Ask for "
                "fewer, or for more things in all."
            )
        if self.tidiness is not None and not 0 <= self.tidiness <= 1:
            raise InteractiveActionError(f"The tidiness is {self.tidiness}. It must be from 0 to 1.")


def sample_rooms(
    model: LayoutModel,
    plans: Sequence[FloorPlan],
    seed: int = 0,
    steps: int = 50,
    wishes: Wishes | None = None,
    guidance: GuidanceConfig | None = None,
    progress: Progress = lambda done, total, preview: None,
) -> list[Layout]:
    """Returns one room for each floor plan; the first n of more plans give the rooms that they give alone.

    Args:
        model: the layout model.
        plans: floor plans, in batches of what memory holds.
        seed: of the noise.
        steps: denoising steps.
        wishes: of a person, for each room; None: none.
        guidance: None: not guided.
        progress: called after each step with (steps done, all steps, None); may raise to cancel.

    Raises:
        InteractiveActionError: what is wanted covers more than a floor, or guidance is so strong that it runs away.

    Source: Song et al. 2021 (DDIM); Yang et al. 2024, Alg. 1.
    """
    if not plans:
        return []
    wishes = wishes or Wishes()
    for plan in plans:
        _check_space(plan, wishes)
    sampler = _Sampler(model, plans, seed, steps, wishes, guidance)
    with torch.no_grad():
        for k in range(len(sampler.schedule)):
            sampler.step(k)
            progress(k + 1, len(sampler.schedule), None)
    _check_in_range(sampler.x0, guidance)
    about: dict[str, str | float] = {"source": "sampled", "seed": seed, "guided": float(guidance is not None)}
    kept = len(wishes.keep)
    return [
        Layout(layout.floor_plan, (*wishes.keep, *layout.objects[kept:]), {**about, "index": index})
        for index, layout in enumerate(decode_layouts(sampler.x0, plans))
    ]


def _check_space(plan: FloorPlan, wishes: Wishes) -> None:
    """Raises a sentence if what is kept and wanted covers more than the floor."""
    sizes = [item.size for item in wishes.keep] + [CATEGORIES[name].size for name in wishes.want]
    names = [item.category for item in wishes.keep] + list(wishes.want)
    needed = sum(width * depth for name, (width, depth, _) in zip(names, sizes) if CATEGORIES[name].obstacle)
    if needed > plan.area:
        raise InteractiveActionError(
            f"There is no space for what is wanted: {', '.join(names)} cover {needed:.1f} square metres, and the floor "
            f"has {plan.area:.1f}. Want less, or give a larger floor plan."
        )


def _check_in_range(x0: torch.Tensor, guidance: GuidanceConfig | None) -> None:
    """Raises a sentence if a room has run away to where no room is."""
    far = float(x0[..., PLACE].abs().nan_to_num(torch.inf).max() * UNIT)
    if far > FARTHEST:
        scale = f"the guidance's scale is {guidance.scale:g}, lower it" if guidance else "train the model longer"
        raise InteractiveActionError(f"Sampling ran away: a thing stands {far:.3g} m off the middle. Perhaps {scale}.")


class _Sampler:
    """The state of one batch on its way from noise to rooms."""

    def __init__(
        self,
        model: LayoutModel,
        plans: Sequence[FloorPlan],
        seed: int,
        steps: int,
        wishes: Wishes,
        guidance: GuidanceConfig | None,
    ) -> None:
        self.model, self.guidance = model, guidance
        self.plans = [centered(plan)[0] for plan in plans]
        free_order = bool(wishes.keep or wishes.want)
        count = len(plans)
        self.condition = condition(plans, [wishes.tidiness] * count, [wishes.count] * count, not free_order)
        stochastic = guidance is not None and guidance.form != "x0"
        # the published forms need the posterior's variance
        self.schedule = (
            DDIM.leading(model.alphas_cumprod, steps, eta=1.0)
            if stochastic
            else DDIM.from_full_noise(model.alphas_cumprod, steps)
        )
        self.generators = [step_generator(seed, index) for index in range(count)]
        self.known, self.truth = _known(wishes, plans)
        self.avoid = [NAMES.index(name) + CLASS.start for name in wishes.avoid]
        self.fixed = (torch.arange(SLOTS) < len(wishes.keep)).expand(count, SLOTS)
        self.some = SLOTS if wishes.count is None else wishes.count
        self.counted = wishes.count is not None
        self.noise = self._randn()
        self.x = self.noise.clone()
        self.x0 = self.x
        self.guide = Guide(guidance, self.plans) if guidance else None
        self.guided_from = len(self.schedule) - round(len(self.schedule) * guidance.last) if guidance else steps

    def step(self, k: int) -> None:
        """Goes from the k-th noise level to the next."""
        abar = self.schedule.abar[k].expand(len(self.x))
        # what is known is its truth with the noise that it began with
        noised = abar[:, None, None].sqrt() * self.truth + (1 - abar[:, None, None]).sqrt() * self.noise
        self.x = torch.where(self.known, noised, self.x)
        t = self.schedule.timesteps[k].expand(len(self.x)) / len(self.model.alphas_cumprod)
        output = self.model.network(self.x, t, self.condition)
        self.x0 = self._as_wished(to_x0(output, self.x, abar, self.model.prediction))
        guided = self.guide is not None and k >= self.guided_from
        if guided and self.guidance and self.guidance.form == "x0":
            self.x0 = self._moved(self.x0, self.guidance.inner_steps)
        mean = self.schedule.mean(self.x, to_noise(self.x0, self.x, abar), k)
        if guided and self.guidance and self.guidance.form != "x0":
            mean = mean + self._push(mean, self.schedule.sigma[k] ** 2)
        self.x = mean + self.schedule.sigma[k] * self._randn() if self.schedule.sigma[k] else mean
        if k == len(self.schedule) - 1 and self.guidance and self.guidance.form != "x0":
            self.x0 = self._as_wished(mean)

    def _moved(self, x0: torch.Tensor, steps: int) -> torch.Tensor:
        """The predicted rooms after some steps down the losses."""
        if self.guide is None:
            return x0
        rooms = decode_rooms(x0, self.plans)
        if self.guide.begun:
            self.guide.remember(rooms)
        for _ in range(steps):
            rooms = self.guide.move(rooms, fixed=self.fixed)
        return encode_moved(x0, rooms)

    def _push(self, mean: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
        """What the published forms add to the posterior's mean, (B, S, C)."""
        if self.guide is None or self.guidance is None:
            return torch.zeros_like(mean)
        rooms: Rooms = decode_rooms(mean, self.plans)
        by_center, by_yaw = self.guide.gradient(rooms)
        push = torch.zeros_like(mean)
        push[..., PLACE] = -UNIT * by_center
        cos, sin = mean[..., TURN].unbind(-1)
        around = torch.stack([-sin, cos], -1) / (cos.square() + sin.square()).clamp(min=1e-6)[..., None]
        push[..., TURN] = -by_yaw[..., None] * around
        push = variance * push if self.guidance.form == "text" else push.clamp(-CODE_LIMIT, CODE_LIMIT)
        return push * ~self.fixed[..., None]

    def _as_wished(self, x0: torch.Tensor) -> torch.Tensor:
        """Predicted objects with what is known, without what is avoided, and as many as are wanted."""
        x0 = torch.where(self.known, self.truth, x0)
        nothing = CLASS.start + NOTHING
        if self.counted:
            x0[:, : self.some, nothing] = -2.0
            x0[:, self.some :, CLASS] = -1.0
            x0[:, self.some :, nothing] = 1.0
        x0[..., self.avoid] = torch.where(self.known[..., self.avoid], x0[..., self.avoid], -2.0)
        return x0

    def _randn(self) -> torch.Tensor:
        """(B, S, C) noise of which each room's comes from its own generator."""
        return torch.stack([torch.randn(SLOTS, CHANNELS, generator=generator) for generator in self.generators])


def _known(wishes: Wishes, plans: Sequence[FloorPlan]) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, S, C) bool: which numbers are known; and (B, S, C) these: all of things kept, the class of things wanted."""
    known = torch.zeros(len(plans), SLOTS, CHANNELS, dtype=torch.bool)
    truth = torch.zeros(len(plans), SLOTS, CHANNELS)
    known[:, : len(wishes.keep)] = True
    for row, plan in enumerate(plans):
        _, middle = centered(plan)
        for slot, item in enumerate(wishes.keep):
            truth[row, slot] = encode_object(item, middle)
    for slot, name in enumerate(wishes.want, len(wishes.keep)):
        known[:, slot, CLASS] = True
        truth[:, slot, CLASS] = -1
        truth[:, slot, CLASS.start + NAMES.index(name)] = 1
    return known, truth
