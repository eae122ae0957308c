"""``python . tools.dev.robot_sheet``: every action by every robot that it is offered for, in web/docs/bodies.jpg. Look at it: hands must touch."""

import io
from collections import Counter

import numpy as np
from PIL import Image, ImageDraw

from ...errors import InteractiveActionError
from ...files import write_atomically
from ...sim.actions import ACTIONS
from ...sim.cameras import CameraRig
from ...sim.key_frames import key_frames
from ...sim.plan import Plan
from ...sim.record import perform, warm_up
from ...sim.robots import ROBOTS
from ...sim.scene import Scene, able
from .server import ROOT

SHEET = ROOT / "web" / "docs" / "bodies.jpg"
SIZE, CAMERAS, KEY_FRAMES, TRIES = 128, 4, 12, 5
GREY = (225, 225, 225)


def main():
    warm_up()
    head = np.concatenate([label(name, 16) for name in ROBOTS], 1)
    lines = [
        np.concatenate([cell(name, robot, number + column) for column, robot in enumerate(ROBOTS)], 1)
        for number, name in enumerate(ACTIONS)
    ]
    half = -(-len(lines) // 2)
    lines += [np.full_like(lines[0], 255)] * (2 * half - len(lines))
    gap = np.full((16 + half * SIZE, 8, 3), 255, np.uint8)
    sheet = np.concatenate([np.concatenate([head, *lines[:half]]), gap, np.concatenate([head, *lines[half:]])], 1)
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, "JPEG", quality=80)
    write_atomically(SHEET, buffer.getvalue())


def cell(name, robot, number):
    """The action by the robot (SIZE, SIZE, 3), from the camera that sees most of the object; grey if it is not offered."""
    if robot not in able(name):
        return label(f"{name}:\nnot offered", SIZE)
    objects, room = ACTIONS[name].objects, "living room" if ROBOTS[robot].stands else "table"
    for attempt in range(number, number + TRIES):
        scene = Scene(robot, name, objects[attempt % len(objects)], room=room, seed=attempt)
        world, failure = perform(scene, 0)
        if not failure:
            break
    else:
        raise InteractiveActionError(f"The {robot} does not '{name}' {scene.object}, nor others: {failure}")
    shot = max(shots(world, number), key=lambda shot: shot["object_masks"].sum())
    image = Image.fromarray(shot["images"])
    ImageDraw.Draw(image).text((3, 1), name, fill="white", stroke_width=1, stroke_fill="black")
    print(f"{robot}, {name}: {scene.object}", flush=True)
    return np.asarray(image)


def shots(world, seed):
    """What each camera sees of the last of the moments at which most links press on the object, if there is one, of those
    at which it shows that the action is being done."""
    links = Counter(contact.time for contact in world.contacts)

    def telling(state):
        return bool(links[state.time]) and world.action.shows(world.states[0], state), links[state.time]

    states = [state for _, state in key_frames(world, world.action, "from contact to end", KEY_FRAMES)]
    world.restore(max(reversed(states), key=telling))
    rig = CameraRig(world, Plan(cameras=CAMERAS, width=SIZE, height=SIZE), np.random.default_rng(seed))
    return [rig.shoot(camera) for camera in range(CAMERAS)]


def label(words, height):
    field = Image.new("RGB", (SIZE, height), GREY)
    ImageDraw.Draw(field).text((3, 1), words, fill="black")
    return np.asarray(field)


if __name__ == "__main__":
    main()
