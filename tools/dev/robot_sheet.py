"""Draws every action by every robot that it is offered for: ``python . tools.dev.robot_sheet``.

The sheet is web/docs/robots.jpg. Look at it: hands must touch.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from ...errors import InteractiveActionError
from ...sim.actions import ACTIONS
from ...sim.cameras import CameraRig
from ...sim.key_frames import key_frames
from ...sim.plan import Plan
from ...sim.record import Performance, perform, warm_up
from ...sim.robots import ROBOTS
from ...sim.scene import Scene, able
from .server import ROOT
from .sheets import save_jpeg

if TYPE_CHECKING:
    from ...sim.state import State

SHEET = ROOT / "web" / "docs" / "robots.jpg"
SIZE, CAMERAS, KEY_FRAMES, ATTEMPTS = 128, 4, 12, 5
HEADER, GAP = 16, 8  # pixels: height of the robots' names, between the two halves
GREY = (225, 225, 225)


def main() -> None:
    """Performs everything and writes the sheet, the actions in two halves side by side."""
    warm_up()
    header = np.concatenate([label(name, HEADER) for name in ROBOTS], 1)
    lines = [
        np.concatenate([cell(action, robot, number + column) for column, robot in enumerate(ROBOTS)], 1)
        for number, action in enumerate(ACTIONS)
    ]
    half = -(-len(lines) // 2)
    lines += [np.full_like(lines[0], 255)] * (2 * half - len(lines))
    gap = np.full((HEADER + half * SIZE, GAP, 3), 255, np.uint8)
    left, right = (np.concatenate([header, *part]) for part in (lines[:half], lines[half:]))
    save_jpeg(np.concatenate([left, gap, right], 1), SHEET, quality=80)


def cell(action: str, robot: str, number: int) -> np.ndarray:
    """Performs an action.

    Args:
        action: its name.
        robot: its name.
        number: the first seed; objects are tried in turn until one succeeds.

    Returns:
        uint8 (SIZE, SIZE, 3), from the camera that sees most of the object; grey if the action is not offered.

    Raises:
        InteractiveActionError: no attempt succeeded.
    """
    if robot not in able(action):
        return label(f"{action}:\nnot offered", SIZE)
    objects, room = ACTIONS[action].objects, "living room" if ROBOTS[robot].base.stands else "table"
    for seed in range(number, number + ATTEMPTS):
        scene = Scene(robot, action, objects[seed % len(objects)], room=room, seed=seed)
        performance = perform(scene, 0)
        if not performance.failure:
            break
    else:
        raise InteractiveActionError(
            f"The {robot} does not '{action}' {scene.object}, nor others: {performance.failure}"
        )
    best = max(shots(performance, number), key=lambda shot: shot["object_masks"].sum())
    image = Image.fromarray(best["images"])
    ImageDraw.Draw(image).text((3, 1), action, fill="white", stroke_width=1, stroke_fill="black")
    print(f"{robot}, {action}: {scene.object}", flush=True)
    return np.asarray(image)


def shots(performance: Performance, seed: int) -> list[dict[str, np.ndarray]]:
    """Renders the state that shows an action best, from each camera.

    It is the last of those with the most links in contact with the object, among those that show that the action is
    being done, if there are such.

    Args:
        performance: of the action.
        seed: of the cameras.
    """
    world, action, _ = performance
    links = Counter(contact.time for contact in world.contacts)

    def clarity(state: State) -> tuple[bool, int]:
        contacts = links[state.time]
        return bool(contacts) and action.shows(world.states[0], state), contacts

    states = [state for _, state in key_frames(world, action, "from contact to end", KEY_FRAMES)]
    world.restore(max(reversed(states), key=clarity))
    rig = CameraRig(world, Plan(cameras=CAMERAS, width=SIZE, height=SIZE), np.random.default_rng(seed))
    return [rig.render(camera) for camera in range(CAMERAS)]


def label(text: str, height: int) -> np.ndarray:
    """Writes a text on grey, uint8 (height, SIZE, 3)."""
    field = Image.new("RGB", (SIZE, height), GREY)
    ImageDraw.Draw(field).text((3, 1), text, fill="black")
    return np.asarray(field)


if __name__ == "__main__":
    main()
