"""Images per second: ours, against a plain ManiSkill loop on such a scene and SAPIEN's bare loop on the same.

The bare loop runs with SAPIEN's own shaders and with ours. ManiSkill's own loop needs requirements that the pack does
without: they go into a folder apart (``tools/dev/peers.py``). Where Vulkan is software, seconds are those of the
processor, all threads together, so that what else the machine does changes little; the loops run in turn, round after
round, and each figure is the median of the rounds' ratios. What a process does once, compiling shaders and drawing
the eight environment maps, has been done when a loop begins.
"""

from __future__ import annotations

import functools
import gc
import itertools
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InteractiveActionError

if TYPE_CHECKING:
    from ..sim.cameras import CameraRig
    from ..sim.plan import Plan
    from ..sim.world import World


def _setting(name: str, default: int) -> int:
    return int(os.environ.get(name, default))


FRAMES, SIZE, EPISODES = _setting("FRAMES", 8), _setting("SIZE", 512), _setting("EPISODES", 2)
SCENES, ROUNDS = _setting("SCENES", 500), _setting("ROUNDS", 3)
WARM_UP_SCENES = 20  # until all that is kept is there
CAMERAS = 4
MANISKILL_NEEDS = (  # of its 50 requirements those that this loop imports; one of the others breaks with numpy 2
    (
        *("--no-deps", "gymnasium==1.4.0", "farama-notifications==0.0.6", "cloudpickle==3.1.3", "dacite==1.9.2"),
        *("h5py==3.16.0", "tabulate==0.10.0", "imageio>=2.37,<3", "tyro==1.0.17", "pytorch_kinematics==0.7.6"),
        *("arm-pytorch-utilities==0.5.0", "pytorch-seed==0.2.0", "docstring-parser==0.18.0", "typeguard==4.6.1"),
        *("GitPython==3.2.1", "gitdb==4.0.12", "smmap==5.0.3", "nvidia-ml-py==13.615.71", "defusedxml==0.7.1"),
    ),
    ("ipython>=8.20,<10",),
)
SOFTWARE = "llvmpipe"

CameraAndChannels = tuple[Any, tuple[str, ...]]
"""A camera of SAPIEN's and the names of the images that are fetched from it."""


def clock() -> float:
    """Returns seconds: of the processor where it renders the images, too, and of the clock where a GPU does."""
    return time.process_time() if _is_software() else time.perf_counter()


@functools.cache
def _is_software() -> bool:
    import sapien.render

    return SOFTWARE in sapien.render.get_device_summary()


def measure() -> dict[str, Any]:
    """Returns ratios of images a second, seconds from scene to scene, and ``memory_growth``, MB over all scenes."""
    from ..sim.environment_maps import KINDS, cubemap
    from ..sim.record import warm_up
    from ..tools.dev import peers

    maniskill = peers.provide("maniskill", *MANISKILL_NEEDS)
    warm_up()
    for number in range(KINDS):
        cubemap(number)
    loops = {
        "ours": _ours(),
        "bare": _bare(_with_sapiens_shaders),
        "bare_with_our_shaders": _bare(_with_our_shaders),
        "maniskill": _maniskill(maniskill, shadows=True),
        "maniskill_without_shadows": _maniskill(maniskill, shadows=False),
    }
    rates: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(ROUNDS):
        for name, loop in loops.items():
            rates[name].append(next(loop))
    scene_to_scene, growth = _many_scenes()

    def ratio(one: str, other: str) -> float:
        return round(float(np.median(np.divide(rates[one], rates[other]))), 3)

    return {
        "vs_maniskill": ratio("ours", "maniskill"),
        "vs_maniskill_without_shadows": ratio("ours", "maniskill_without_shadows"),
        "of_bare_limit": ratio("ours", "bare"),
        "of_bare_limit_with_our_shaders": ratio("ours", "bare_with_our_shaders"),
        "bare_vs_maniskill": ratio("bare", "maniskill"),
        "scene_to_scene_s": round(scene_to_scene, 4),
        "memory_growth": round(growth, 2),
        "images_per_second": {name: round(float(np.median(rate)), 2) for name, rate in rates.items()},
        "seconds_of": "the processor, all threads together" if _is_software() else "the clock",
        "workload": f"{ROUNDS} rounds of {EPISODES} episodes of {FRAMES} key frames from {CAMERAS} cameras, "
        f"{SIZE} x {SIZE}, {SCENES} scenes for the memory",
    }


def _ours() -> Iterator[float]:
    """Records scene, physics, masks, depth and all, in this process; yields the images a second of each round."""
    from ..sim.record import record_episode
    from ..sim.scene import Scene

    plan, seeds = _plan(), itertools.count()
    record_episode((Scene(room="table"),), plan, next(seeds))  # reads the robot's meshes
    while True:
        start, images = clock(), 0
        while images < EPISODES * plan.images:
            parts, _ = record_episode((Scene(room="table"),), plan, next(seeds))
            images += sum(len(part["images"]) for part in parts)
        yield images / (clock() - start)


def _bare(camera_and_channels: Callable[[World, CameraRig], CameraAndChannels]) -> Iterator[float]:
    """Renders and fetches what a recording needs, over its images; yields the images a second of each round.

    Once the recording has been made, what moves is put back and the camera stands where it stood, and only that and the
    rendering counts.
    """
    from ..sim.cameras import CameraRig
    from ..sim.key_frames import key_frames
    from ..sim.record import _generators, perform
    from ..sim.scene import Scene

    scene, plan, seeds = Scene(room="table"), _plan(), itertools.count(1)
    while True:
        seconds = 0.0
        for seed in itertools.islice(seeds, EPISODES):
            world, action, _ = perform(scene, seed)
            rig, shots = CameraRig(world, plan, _generators(scene, seed)[2]), []
            for _, state in key_frames(world, action, plan.key_frames, FRAMES):
                world.restore(state)
                shots += [(state, rig.render(number) and rig.camera.entity.pose) for number in range(CAMERAS)]
            camera, channels = camera_and_channels(world, rig)
            camera.take_picture()  # makes its pipeline
            start = clock()
            for state, pose in shots:
                world.restore(state)
                camera.entity.set_pose(pose)
                world.scene.update_render()
                camera.take_picture()
                for channel in channels:
                    camera.get_picture(channel)
            seconds += clock() - start
        yield EPISODES * plan.images / seconds


def _with_sapiens_shaders(world: World, rig: CameraRig) -> CameraAndChannels:
    own = rig.camera
    camera = world.scene.add_camera("camera", SIZE, SIZE, own.fovy, own.near, own.far)
    return camera, ("Color", "Segmentation", "Position")


def _with_our_shaders(world: World, rig: CameraRig) -> CameraAndChannels:
    from ..sim.rendering import CHANNELS

    return rig.camera, tuple(CHANNELS)


def _plan() -> Plan:
    from ..sim.plan import Plan

    return Plan(
        num_episodes=1, cameras=CAMERAS, key_frames="whole action", frames_per_episode=FRAMES, width=SIZE, height=SIZE
    )


def _many_scenes() -> tuple[float, float]:
    """Returns the median seconds to have the next scene with its cameras, and the growth of this process in MB."""
    import psutil

    process, seconds = psutil.Process(), []
    for seed in range(SCENES):
        start = clock()
        rig = _rig(seed, 64)
        seconds.append(clock() - start)
        rig.render(0)
        if seed == min(WARM_UP_SCENES, SCENES // 2):
            gc.collect()
            before = process.memory_info().rss
    gc.collect()
    return float(np.median(seconds[1:])), (process.memory_info().rss - before) / 2**20


def _rig(seed: int, size: int) -> CameraRig:
    """Builds a world and the cameras before it."""
    from ..sim.cameras import CameraRig
    from ..sim.plan import Plan
    from ..sim.scene import Scene
    from ..sim.world import World

    world = World(Scene(room="table"), np.random.default_rng(seed))
    return CameraRig(world, Plan(cameras=CAMERAS, width=size, height=size), np.random.default_rng(seed))


MANISKILL = """
import json, sys, time
from mani_skill.envs.tasks.tabletop.pick_cube import PickCubeEnv
from mani_skill.sensors.camera import CameraConfig
from mani_skill.utils import sapien_utils

size, cameras, frames, episodes, shadows = json.loads(sys.argv[1])

class FourViews(PickCubeEnv):
    @property
    def _default_sensor_configs(self):
        return []

    @property
    def _default_human_render_camera_configs(self):
        sides = [(0.6, 0.7), (0.7, -0.3), (-0.1, 0.8), (-0.1, -0.8)][:cameras]
        poses = [sapien_utils.look_at([x, y, 0.5], [0.0, 0.0, 0.2]) for x, y in sides]
        return [
            CameraConfig(f"camera{number}", pose, size, size, 0.56, 0.01, 50) for number, pose in enumerate(poses)
        ]

env = FourViews(
    num_envs=1, obs_mode="none", render_mode="rgb_array", sim_backend="physx_cpu", enable_shadow=shadows
)
clock = getattr(time, sys.argv[2])
env.reset(seed=0)
env.render()
start = clock()
for episode in range(episodes):
    env.reset(seed=episode)
    for _ in range(frames):
        env.step(env.action_space.sample())
        env.render()
print(json.dumps(episodes * frames * cameras / (clock() - start)))
"""


def _maniskill(packages: pathlib.Path, shadows: bool) -> Iterator[float]:
    """Runs ManiSkill's own loop in a process of its own; yields images a second.

    Args:
        packages: the folder with its requirements.
        shadows: whether it renders shadows.
    """
    job = json.dumps([SIZE, CAMERAS, FRAMES, EPISODES, shadows])
    command = [sys.executable, "-c", MANISKILL, job, "process_time" if _is_software() else "perf_counter"]
    environment = {**os.environ, "PYTHONPATH": str(packages)}
    while True:
        run = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        if run.returncode:
            raise InteractiveActionError(f"ManiSkill's own loop did not run, and says:\n{run.stderr.strip()[-2000:]}")
        yield float(json.loads(run.stdout.splitlines()[-1]))
