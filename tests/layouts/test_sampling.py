"""Sampling: what is kept, wanted, avoided and counted, and what guidance does in each of its forms.

A network that has learned nothing stands in for a trained one: what is promised here must hold for any network.
"""

import dataclasses
from collections import Counter

import numpy as np
import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.layouts.grammar.procedural import procedural_rooms
from interactive_action.layouts.guidance.guide import FORMS, GuidanceConfig
from interactive_action.layouts.metrics import measure
from interactive_action.layouts.model_file import LayoutModel
from interactive_action.layouts.network import RoomTransformer
from interactive_action.layouts.representation import SLOTS, encode_objects
from interactive_action.layouts.sampling import Wishes, sample_rooms
from interactive_action.sim.layout import FloorPlan
from interactive_action.tests.layouts.small_rooms import L_SHAPE, room, thing

SHAPE = {"width": 32, "layers": 1, "heads": 2}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(1)
    return LayoutModel(RoomTransformer(**SHAPE).eval(), SHAPE, "x0", {})


@pytest.fixture(scope="module")
def plans():
    return [layout.floor_plan for layout in procedural_rooms(3, sloppy_share=0.0)]


def model_of(layout):
    """A model that knows one room by heart."""
    truth = encode_objects([layout])

    class Memory(torch.nn.Module):
        def forward(self, x, t, condition):
            return truth.expand(len(x), -1, -1).clone()

    return LayoutModel(Memory(), SHAPE, "x0", {})


def categories(layout):
    return [item.category for item in layout.objects]


def test_a_network_that_knows_a_room_gives_that_room():
    layout = room(thing("double bed", 2, 2.95), thing("nightstand", 0.9, 3.8), corners=L_SHAPE)
    for steps in (2, 20):
        (sampled,) = sample_rooms(model_of(layout), [layout.floor_plan], steps=steps)
        assert categories(sampled) == categories(layout)
        for item, other in zip(layout.objects, sampled.objects):
            assert other.position == pytest.approx(item.position, abs=1e-4)


def test_a_model_that_predicts_noise_gives_the_same_room_as_one_that_predicts_rooms():
    layout = room(thing("double bed", 2, 2.95), thing("nightstand", 0.9, 3.8))
    truth = encode_objects([layout])

    class Noise(torch.nn.Module):
        def forward(self, x, t, condition):
            abar = LayoutModel(None, SHAPE, "eps", {}).alphas_cumprod[(t * 1000).round().long()][:, None, None]
            return (x - abar.sqrt() * truth) / (1 - abar).sqrt()

    (sampled,) = sample_rooms(LayoutModel(Noise(), SHAPE, "eps", {}), [layout.floor_plan], steps=10)
    assert categories(sampled) == categories(layout)
    assert sampled.objects[0].position == pytest.approx(layout.objects[0].position, abs=1e-2)


def test_the_same_seed_gives_the_same_rooms_alone_and_in_a_batch(model, plans):
    together = sample_rooms(model, plans, seed=4, steps=5)
    assert sample_rooms(model, plans, seed=4, steps=5) == together
    (alone,) = sample_rooms(model, plans[:1], seed=4, steps=5)
    assert categories(alone) == categories(together[0])
    assert sample_rooms(model, plans, seed=5, steps=5) != together


def test_kept_things_stay_exactly_as_they_are(model, plans):
    bed = dataclasses.replace(thing("double bed", 0.3, 0.2, 0.7), asset="mine", opened=0.0)
    desk = dataclasses.replace(thing("desk", -0.5, 0.1), opened=0.5)
    for form in (None, *FORMS):
        guidance = GuidanceConfig(form=form, last=0.5) if form else None
        for sampled in sample_rooms(model, plans, steps=6, wishes=Wishes(keep=(bed, desk)), guidance=guidance):
            assert sampled.objects[:2] == (bed, desk)


def test_wanted_things_are_there_and_avoided_ones_are_not(model, plans):
    free = sample_rooms(model, plans, steps=5)
    usual, _ = Counter(name for layout in free for name in categories(layout)).most_common(1)[0]
    wishes = Wishes(want=("sofa", "fridge"), avoid=(usual,))
    for sampled in sample_rooms(model, plans, steps=5, wishes=wishes):
        assert {"sofa", "fridge"} <= set(categories(sampled))
        assert usual not in categories(sampled)


@pytest.mark.parametrize("count", [1, 5, SLOTS])
def test_there_are_as_many_things_as_are_asked_for(model, plans, count):
    keep = (thing("bin", 0, 0),)
    for sampled in sample_rooms(model, plans, steps=4, wishes=Wishes(keep=keep, count=count)):
        assert len(sampled.objects) == count and sampled.objects[0] == keep[0]


def overlapping():
    """Two dressers at a wall, one half in the other."""
    return room(thing("dresser", 1.5, 3.735), thing("dresser", 2.2, 3.735), thing("box", 3.95, 1.0))


def test_guidance_parts_what_the_network_would_put_into_one_another():
    layout = overlapping()
    before = measure(layout)
    (raw,) = sample_rooms(model_of(layout), [layout.floor_plan], steps=20)
    assert measure(raw).overlap_volume == pytest.approx(before.overlap_volume, rel=1e-2)
    # the last posterior has a variance of 1e-4: lambda must be large there, and would be far too large earlier
    for form, scale, last in (("x0", 1.0, 0.5), ("text", 500.0, 0.05), ("code", 1.0, 0.05)):
        guidance = GuidanceConfig(form=form, scale=scale, opened=0.0, reach=0.0, last=last)
        (guided,) = sample_rooms(model_of(layout), [layout.floor_plan], steps=20, guidance=guidance)
        assert measure(guided).overlap_volume < 0.75 * before.overlap_volume, form
        assert categories(guided) == categories(layout)


def test_guidance_that_runs_away_says_so():
    layout = overlapping()
    guidance = GuidanceConfig(form="text", scale=1000.0, last=1.0)
    with pytest.raises(InteractiveActionError, match="scale is 1000"):
        sample_rooms(model_of(layout), [layout.floor_plan], steps=20, guidance=guidance)


def test_guided_rooms_of_any_network_collide_less(model, plans):
    wishes = Wishes(count=6)
    raw = sample_rooms(model, plans, steps=8, wishes=wishes)
    guidance = GuidanceConfig(last=1.0, inner_steps=4, reach=0.0)
    guided = sample_rooms(model, plans, steps=8, wishes=wishes, guidance=guidance)
    for name in ("overlap_volume", "out_area"):
        before, after = (np.mean([getattr(measure(layout), name) for layout in rooms]) for rooms in (raw, guided))
        assert after < 0.8 * before, name


def test_a_floor_plan_far_from_zero_gets_the_same_room_there(model):
    here = FloorPlan(((0, 0), (4, 0), (4, 3), (0, 3)))
    there = FloorPlan(((50, 20), (54, 20), (54, 23), (50, 23)))
    (first,), (second,) = (sample_rooms(model, [plan], steps=4) for plan in (here, there))
    assert categories(first) == categories(second)
    for item, other in zip(first.objects, second.objects):
        assert np.subtract(other.position, item.position) == pytest.approx((50, 20, 0), abs=1e-3)


def test_what_covers_more_than_the_floor_is_refused(model):
    closet = FloorPlan(((0, 0), (1.5, 0), (1.5, 1.5), (0, 1.5)))
    with pytest.raises(InteractiveActionError, match=r"no space.*3.4 square metres, and the floor has 2.2"):
        sample_rooms(model, [closet], wishes=Wishes(want=("double bed",)))


def test_sampling_says_how_far_it_is_and_can_be_cancelled(model, plans):
    seen = []

    def cancel(done, total, preview):
        seen.append((done, total))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample_rooms(model, plans, steps=5, progress=cancel)
    assert seen == [(1, 5), (2, 5)]
    assert sample_rooms(model, []) == []


@pytest.mark.parametrize(
    "wishes, sentence",
    [
        (dict(want=("throne",)), "'throne'"),
        (dict(want=("sofa",), avoid=("sofa",)), "both wanted and avoided"),
        (dict(count=0), "1 to 16"),
        (dict(count=1, want=("sofa", "bin")), "more than 1"),
        (dict(keep=tuple(thing("box", 0, 0) for _ in range(17))), "more than 16"),
        (dict(tidiness=2.0), "from 0 to 1"),
    ],
)
def test_wishes_that_cannot_be_are_refused(wishes, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        Wishes(**wishes)
