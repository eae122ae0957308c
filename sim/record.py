"""Run the action with one seed after the other and photograph its moments. In-process: ``client.py`` runs it apart."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

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
    from .plan import Plan
    from .recording import Recording
    from .scene import Scene


def record(scene: Scene, plan: Plan, progress: Any = None) -> Recording:
    """A ``Recording`` of ``scene`` by ``plan``. A seed whose action fails is noted and the next one is tried.

    ``progress(done, total, image)``, uint8 (H, W, 3), is called after every image and may raise to stop.
    """
    return collect(lambda *job: Deferred(record_episode, *job), (scene,), plan, progress)[0]


def record_episode(scenes: Sequence[Scene], plan: Plan, seed: int, progress: Any = None) -> tuple[list[Any], str]:
    """Returns (arrays of each scene's episode, why it failed), as ``episodes.collect`` puts them together.

    ``progress(done, image)`` is called after every image. Nothing is rendered unless all of the scenes succeed.
    """
    warm_up()
    worlds = []
    for scene in scenes:
        world, failure = perform(scene, seed)
        if failure:
            return [], failure
        worlds.append(world)
    done, parts = itertools.count(1), []
    for scene, world in zip(scenes, worlds):
        shots = []
        for shot in _render_episode(world, scene, plan, seed):
            shots.append({"subject": world.subject, "object": world.caption_name, **shot})
            if progress:
                progress(next(done), shot["images"])
        contacts = [(contact.time, contact.link, contact.force, contact.point) for contact in world.contacts]
        steps = [
            (
                state.time,
                state.qpos,
                np.concatenate([state.position, state.quaternion]),
                state.things,
                state.articulation_qpos,
            )
            for state in world.states
        ]
        parts.append(
            {name: np.stack([shot[name] for shot in shots]) for name in shots[0]}
            | dict(
                zip(("contact_time", "contact_link", "contact_force", "contact_point"), map(np.array, zip(*contacts)))
            )
            | dict(
                zip(
                    ("step_time", "joints", "object_poses", "other_poses", "articulation_qpos"),
                    map(np.array, zip(*steps)),
                )
            )
            | {"links": np.array(list(world.link_names.values()))}
        )
    return parts, ""


def perform(scene: Scene, seed: int, **how: Any) -> tuple[World, str]:
    """Run the scene's action once; the world afterwards, and why it failed (empty if it succeeded)."""
    of_world, of_action, _ = _generators(scene, seed)
    world = World(scene, of_world)
    action: Any = ACTIONS[scene.action](world, of_action)
    world.action = action
    try:
        action.run(TwoHands(world) if world.robot.palms else Arm(world), **how)
    except InteractiveActionError as error:
        return world, str(error)
    return world, "" if action.succeeded(world) else action.failure


def _render_episode(world: World, scene: Scene, plan: Plan, seed: int) -> Iterator[dict[str, Any]]:
    rig = CameraRig(world, plan, _generators(scene, seed)[2])
    for moment, state in key_frames(world, world.action, plan.key_frames, plan.frames_per_episode):
        world.restore(state)
        links = world.link_poses()
        for camera in range(plan.cameras):
            yield {"phase": moment, "time": state.time, "camera": camera, "link_poses": links, **rig.render(camera)}


def _generators(scene: Scene, seed: int) -> Any:
    """What decides the world, the action and the cameras: apart, so that one can be changed and the others kept."""
    of_world, of_action, of_cameras = np.random.default_rng((scene.seed, seed)).spawn(3)
    if scene.action_seed >= 0:
        of_action = np.random.default_rng((scene.action_seed, seed))
    return of_world, of_action, of_cameras


@functools.cache
def warm_up() -> Any:
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
