"""``python . tools.dev.action_sheet``: every action of the simulator at its key moments, in web/docs/actions.jpg. Look at it: hands must touch."""

import io

import numpy as np
from PIL import Image, ImageDraw

from ...files import write_atomically
from ...sim.actions import ACTIONS
from ...sim.client import SIMULATOR
from ...sim.interiors import ROOMS
from ...sim.plan import Plan
from ...sim.robots import ROBOTS
from ...sim.scene import Scene, able
from .server import ROOT

SHEET = ROOT / "web" / "docs" / "actions.jpg"
COLUMNS, KEY_FRAMES, SIZE = 3, 3, 144


def main():
    rows = [row(name, number) for number, name in enumerate(ACTIONS)]
    rows += [np.full_like(rows[0], 255)] * (-len(rows) % COLUMNS)
    lines = [np.concatenate(rows[start : start + COLUMNS], 1) for start in range(0, len(rows), COLUMNS)]
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(lines)).save(buffer, "JPEG", quality=85)
    write_atomically(SHEET, buffer.getvalue())
    SIMULATOR.close()


def row(name, number):
    """One take of the action (SIZE, KEY_FRAMES * SIZE, 3), each moment from the camera that sees most of the object."""
    objects = ACTIONS[name].objects
    robot = able(name)[0]
    rooms = [room for room in ROOMS if not (ROBOTS[robot].stands and ROOMS[room].below)]
    scene = Scene(robot, name, objects[number % len(objects)], room=rooms[number % len(rooms)], seed=number)
    recording = SIMULATOR.record(
        scene, Plan(num_episodes=1, key_frames="key moments", frames_per_episode=KEY_FRAMES, width=SIZE, height=SIZE)
    )
    seen = recording.object_masks.sum((1, 2)).reshape(KEY_FRAMES, -1)
    shots = [moment * seen.shape[1] + seen[moment].argmax() for moment in range(KEY_FRAMES)]
    strip = Image.fromarray(np.concatenate(recording.images[shots], 1))
    ImageDraw.Draw(strip).text(
        (4, 2), f"{name}: {recording.object[0]}, {scene.room}", fill="white", stroke_width=1, stroke_fill="black"
    )
    print(f"{name}: the object takes {recording.object_masks.mean((1, 2)).min():.1%} of the image or more")
    return np.asarray(strip)


if __name__ == "__main__":
    main()
