"""Runs the action with one seed after the other and renders its key frames. In-process: ``client.py`` runs it apart."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import sapien

from ..errors import InteractiveActionError
from .actions import ACTIONS
from .cameras import CameraRig
from .episodes import Deferred, collect
from .key_frames import key_frames
from .motion import Arm
from .rendering import add_camera, render_camera
from .two_hands import TwoHands
from .world import World

if TYPE_CHECKING:
    from .actions.action import Action
    from .plan import Plan
    from .progress import Episode, ImageProgress, Progress
    from .recording import Recording
    from .scene import Scene


def record(scene: Scene, plan: Plan, progress: Progress | None = None) -> Recording:
    """A ``Recording`` of ``scene`` by ``plan``. A seed whose action fails is noted and the next one is tried.

    ``progress(done, total, image)``, uint8 (H, W, 3), is called after every image and may raise to stop.
    """
    return collect(lambda *job: Deferred(record_episode, *job), (scene,), plan, progress)[0]


def record_episode(scenes: Sequence[Scene], plan: Plan, seed: int, progress: ImageProgress | None = None) -> Episode:
    """Returns (arrays of each scene's episode, why it failed), as ``episodes.collect`` puts them together.

    ``progress(done, image)`` is called after every image. Nothing is rendered unless all of the scenes succeed.
    """
    warm_up()
    performances = []
    for scene in scenes:
        performance = perform(scene, seed)
        if performance.failure:
            return [], performance.failure
        performances.append(performance)
    done, episodes = itertools.count(1), []
    for scene, performance in zip(scenes, performances):
        shots = []
        for shot in _render_episode(performance, scene, plan, seed):
            shots.append(shot)
            if progress:
                progress(next(done), shot["images"])
        images = {name: np.stack([shot[name] for shot in shots]) for name in shots[0]}
        episodes.append({**images, **_log(performance.world)})
    return episodes, ""


def _log(world: World) -> dict[str, np.ndarray]:
    """The arrays of what was logged at each step of physics, by the names of a ``Recording``."""
    contacts = [(contact.time, contact.link, contact.force, contact.point) for contact in world.contacts]
    steps = [
        (
            state.time,
            state.qpos,
            np.concatenate([state.position, state.quaternion]),
            state.others,
            state.articulation_qpos,
        )
        for state in world.states
    ]
    contact_names = ("contact_time", "contact_link", "contact_force", "contact_point")
    step_names = ("step_time", "joints", "object_poses", "other_poses", "articulation_qpos")
    return {
        **dict(zip(contact_names, map(np.array, zip(*contacts)))),
        **dict(zip(step_names, map(np.array, zip(*steps)))),
        "links": np.array(list(world.link_names.values())),
        "instance_names": np.array(world.room.instance_names, str),
    }


class Performance(NamedTuple):
    """An action that was done once.

    Args:
        world: afterwards.
        action: what was done.
        failure: why it failed; empty if it succeeded.
    """

    world: World
    action: Action
    failure: str


def perform(scene: Scene, seed: int, **options: bool) -> Performance:
    """Runs the scene's action once.

    Args:
        scene: what is simulated.
        seed: decides, with the scene's own, everything random.
        options: for the action's ``run``, such as close=False, with which a grasp must fail.
    """
    of_world, of_action, _ = _generators(scene, seed)
    world = World(scene, of_world)
    action = ACTIONS[scene.action](world, of_action)
    try:
        action.run(TwoHands(world) if world.robot.humanoid else Arm(world), **options)
    except InteractiveActionError as error:
        return Performance(world, action, str(error))
    return Performance(world, action, "" if action.succeeded(world) else action.failure)


def _render_episode(performance: Performance, scene: Scene, plan: Plan, seed: int) -> Iterator[dict[str, Any]]:
    """Yields each image and what belongs to it, by the names of a ``Recording``."""
    world, action, _ = performance
    rig = CameraRig(world, plan, _generators(scene, seed)[2])
    for phase, state in key_frames(world, action, plan.key_frames, plan.frames_per_episode):
        world.restore(state)
        frame = {
            "subject": world.subject,
            "object": world.caption_name,
            "phase": phase,
            "time": state.time,
            "link_poses": world.link_poses(),
        }
        for camera in range(plan.cameras):
            yield {**frame, "camera": camera, **rig.render(camera)}


def _generators(scene: Scene, seed: int) -> tuple[np.random.Generator, np.random.Generator, np.random.Generator]:
    """What decides the world, the action and the cameras: apart, so that one can be changed and the others kept."""
    of_world, of_action, of_cameras = np.random.default_rng((scene.seed, seed)).spawn(3)
    if scene.action_seed >= 0:
        of_action = np.random.default_rng((scene.action_seed, seed))
    return of_world, of_action, of_cameras


@functools.cache
def warm_up() -> sapien.Scene:
    """Compile the shaders once: they are kept as long as one scene is, and every new scene would compile them again."""
    try:
        keeper = sapien.Scene()
    except RuntimeError as error:
        raise InteractiveActionError(
            f"There is no Vulkan device to draw with ({error}). With a graphics card, install its maker's driver with "
            "Vulkan; without one, install Mesa's software driver, version 24.3 or newer (Debian and Ubuntu: apt-get "
            "install mesa-vulkan-drivers libvulkan1; Debian 12 has it in bookworm-backports)."
        ) from error
    try:
        render_camera(keeper, add_camera(keeper, 32, 32, 1))
    except (RuntimeError, IndexError) as error:
        raise InteractiveActionError(
            f"SAPIEN {sapien.__version__} does not take the pack's shaders ({error}). Install the version they are "
            "for: pip install sapien==3.0.3."
        ) from error
    return keeper
