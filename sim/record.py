"""Run the action with one seed after the other and photograph its moments. In-process: ``client.py`` runs it apart."""

import functools
import itertools

import numpy as np
import sapien

from ..errors import InteractiveActionError
from .actions import ACTIONS
from .cameras import Rig
from .keyframes import key_frames
from .motion import Arm
from .recording import Recording
from .world import World

SEEDS_PER_TAKE = 5


def record(scene, plan, progress=None):
    """A ``Recording`` of ``scene`` by ``plan``. A seed whose action fails is noted and the next one is tried.

    ``progress(done, total, picture)``, uint8 (H, W, 3), is called after every picture and may raise to stop.
    """
    _warm_up()
    shots, contacts, steps, seeds, failures = [], [], [], [], {}
    next_seed = itertools.count()
    for take in range(plan.takes):
        for seed in itertools.islice(next_seed, SEEDS_PER_TAKE):
            world, failure = perform(scene, seed)
            if not failure:
                break
            failures[seed] = failure
        else:
            raise InteractiveActionError(
                f"'{scene.action}' did not succeed with any of {SEEDS_PER_TAKE} seeds in a row. The last one: {failure}"
            )
        seeds.append(seed)
        contacts += [(take, contact.time, contact.link, contact.force) for contact in world.contacts]
        steps += [
            (take, state.time, state.qpos, np.concatenate([state.position, state.quaternion]), state.things, state.openings)
            for state in world.states
        ]
        for shot in _photograph(world, scene, plan, seed):
            shots.append({"take": take, "subject": world.subject, "object": f"{world.object_colour} {scene.object}", **shot})
            if progress:
                progress(len(shots), plan.pictures, shot["pictures"])
    return Recording(
        scene,
        **{name: np.array([shot[name] for shot in shots]) for name in shots[0]},
        **dict(zip(("contact_take", "contact_time", "contact_link", "contact_force"), map(np.array, zip(*contacts)))),
        **dict(zip(("step_take", "step_time", "joints", "object_poses", "thing_poses", "openings"), map(np.array, zip(*steps)))),
        seeds=np.array(seeds),
        failed_seeds=np.array(list(failures), int),
        failures=np.array(list(failures.values()), str),
    )


def perform(scene, seed, **how):
    """Run the scene's action once; the world afterwards, and why it failed (empty if it succeeded)."""
    of_world, of_action, _ = _generators(scene, seed)
    world = World(scene, of_world)
    action = world.action = ACTIONS[scene.action](world, of_action)
    try:
        action.run(Arm(world), **how)
    except InteractiveActionError as error:
        return world, str(error)
    return world, "" if action.succeeded(world) else action.failure


def _photograph(world, scene, plan, seed):
    rig = Rig(world, plan.cameras, plan.width, plan.height, _generators(scene, seed)[2], plan.rig)
    for moment, state in key_frames(world, world.action, plan.moments, plan.frames_per_take):
        world.restore(state)
        for camera in range(plan.cameras):
            yield {"moment": moment, "time": state.time, "camera": camera, **rig.shoot(camera)}


def _generators(scene, seed):
    """What decides the world, the action and the cameras: apart, so that one can be changed and the others kept."""
    of_world, of_action, of_cameras = np.random.default_rng((scene.seed, seed)).spawn(3)
    if scene.action_seed >= 0:
        of_action = np.random.default_rng((scene.action_seed, seed))
    return of_world, of_action, of_cameras


@functools.cache
def _warm_up():
    """Compile the shaders once: they are kept as long as one scene is, and every new scene would compile them again."""
    try:
        keeper = sapien.Scene()
    except RuntimeError as error:
        raise InteractiveActionError(
            f"There is no Vulkan device to draw with ({error}). With a graphics card, install its maker's driver with Vulkan; "
            "without one, install Mesa's software driver, version 24.3 or newer (Debian and Ubuntu: apt-get install "
            "mesa-vulkan-drivers libvulkan1; Debian 12 has it in bookworm-backports)."
        ) from error
    camera = keeper.add_camera("keeper", 32, 32, 1, 0.1, 10)
    keeper.update_render()
    camera.take_picture()
    camera.get_picture("Color")
    return keeper
