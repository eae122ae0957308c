"""Draws every action of the simulator at its key moments: ``python . tools.dev.action_sheet``.

The sheet is web/docs/actions.jpg. Look at it: hands must touch.
"""

from __future__ import annotations

import numpy as np
from einops import rearrange
from PIL import Image, ImageDraw

from ...sim.actions import ACTIONS
from ...sim.client import SIMULATOR
from ...sim.interiors import ROOMS
from ...sim.plan import Plan
from ...sim.robots import ROBOTS
from ...sim.scene import Scene, able
from .server import ROOT
from .sheets import save_jpeg

SHEET = ROOT / "web" / "docs" / "actions.jpg"
COLUMNS, KEY_FRAMES, SIZE = 3, 3, 144


def main() -> None:
    """Records every action and writes the sheet."""
    strips = [record_strip(name, number) for number, name in enumerate(ACTIONS)]
    strips += [np.full_like(strips[0], 255)] * (-len(strips) % COLUMNS)
    save_jpeg(rearrange(strips, "(row column) h w c -> (row h) (column w) c", column=COLUMNS), SHEET)
    SIMULATOR.close()


def record_strip(action: str, number: int) -> np.ndarray:
    """Records one episode of an action.

    Args:
        action: its name.
        number: chooses object, room and seed.

    Returns:
        uint8 (SIZE, KEY_FRAMES * SIZE, 3): each key frame from the camera that sees most of the object.
    """
    objects = ACTIONS[action].objects
    robot = able(action)[0]
    rooms = [room for room in ROOMS if not (ROBOTS[robot].base.stands and ROOMS[room].below)]
    scene = Scene(robot, action, objects[number % len(objects)], room=rooms[number % len(rooms)], seed=number)
    plan = Plan(num_episodes=1, key_frames="key moments", frames_per_episode=KEY_FRAMES, width=SIZE, height=SIZE)
    recording = SIMULATOR.record(scene, plan)
    pixels = recording.object_masks.sum((1, 2)).reshape(KEY_FRAMES, -1)  # of the object, a key frame and camera
    rows = np.arange(KEY_FRAMES) * pixels.shape[1] + pixels.argmax(1)
    strip = Image.fromarray(rearrange(recording.images[rows], "frame h w c -> h (frame w) c"))
    title = f"{action}: {recording.object[0]}, {scene.room}"
    ImageDraw.Draw(strip).text((4, 2), title, fill="white", stroke_width=1, stroke_fill="black")
    print(f"{action}: the object takes {recording.object_masks.mean((1, 2)).min():.1%} of the image or more")
    return np.asarray(strip)


if __name__ == "__main__":
    main()
