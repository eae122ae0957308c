"""A furnished room as a scene, by the node, and recorded."""

import pytest

from interactive_action.errors import InteractiveActionError
from interactive_action.nodes import record_interaction as sim
from interactive_action.nodes.room_to_scene import RoomToScene, number_of
from interactive_action.sim.stations import FLOOR
from interactive_action.tests.layouts.small_rooms import room, thing

ROOM = room(
    thing("counter", 1.0, 3.69), thing("counter", 2.4, 3.69), thing("dining table", 2, 1.6), room_type="kitchen"
)


def scene(rooms=(ROOM,), index=0, item="whatever fits", **settings):
    settings = {"robot": "panda", "action": "pick up", "object": "cube", **settings}
    return RoomToScene.execute(rooms=rooms, index=index, item=item, **settings).result[0]


def test_the_item_is_found_by_its_class_and_number():
    assert scene().item == -1 and scene(item="floor").item == FLOOR
    assert scene(item="counter").item == 0 and scene(item="counter", which=2).item == 1
    assert scene(rooms=(room(), ROOM), index=1, item="dining table").layout == ROOM
    with pytest.raises(InteractiveActionError, match="The room has 2 counters, and number 3 was asked for"):
        scene(item="counter", which=3)
    with pytest.raises(InteractiveActionError, match="The room has no fridge.*Choose one of: counter, dining table"):
        number_of(ROOM, "fridge")


def test_what_cannot_be_is_a_sentence():
    with pytest.raises(InteractiveActionError, match="There is no room 1: the last has the number 0"):
        scene(index=1)
    with pytest.raises(InteractiveActionError, match="nothing of it opens"):
        scene(item="dining table", action="open")
    with pytest.raises(InteractiveActionError, match="rooms wants a link from"):
        scene(rooms="here")


@pytest.mark.parametrize("settings", [{"action": "open", "item": "counter"}, {"item": "dining table", "object": "can"}])
def test_it_is_recorded(simulator, monkeypatch, settings):
    monkeypatch.setattr(sim, "SIMULATOR", simulator)
    plan = {"num_episodes": 1, "cameras": 4, "key_frames": "held", "frames_per_episode": 1, "width": 64, "height": 64}
    output = sim.RecordInteraction.execute(scene(object_color="red", **settings), **plan)
    recording = output.result[-1]
    assert len(recording) == 4 and recording.object_masks.any((1, 2)).all()
    assert recording.instances.shape == (4, 64, 64) and "wall_0" in recording.instance_names
    assert set(recording.object) == {"counter" if "action" in settings else "red can"}
