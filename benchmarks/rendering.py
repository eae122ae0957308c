"""Images per second: ours, against a plain ManiSkill loop on such a scene, and against SAPIEN's bare loop on the same one, with
its own shaders and with ours.

ManiSkill's own loop needs requirements that the pack does without: they go into a folder apart (``tools/dev/peers.py``).
Where Vulkan is software, seconds are those of the processor, all threads together, so that what else the machine does
changes little; the loops run in turn, round after round, and each figure is the median of the rounds' ratios. What a
process does once, compiling shaders and drawing the eight environment maps, has been done when a loop begins.
"""

import functools
import gc
import itertools
import json
import os
import subprocess
import sys
import time

import numpy as np

FRAMES, SIZE, EPISODES = (
    int(os.environ.get("FRAMES", "8")),
    int(os.environ.get("SIZE", "512")),
    int(os.environ.get("EPISODES", "2")),
)
SCENES, ROUNDS = int(os.environ.get("SCENES", "500")), int(os.environ.get("ROUNDS", "3"))
SETTLED = 20  # scenes until all that is kept is there
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


def clock():
    """Seconds of the processor where it draws the images, too, and of the clock where a GPU does."""
    return time.process_time() if _software() else time.perf_counter()


@functools.cache
def _software():
    import sapien.render

    return SOFTWARE in sapien.render.get_device_summary()


def measure():
    """Return images a second and seconds from scene to scene; ``memory_growth`` is in MB over all scenes after the first."""
    from ..sim.environment_maps import KINDS, cubemap
    from ..sim.record import warm_up
    from ..tools.dev import peers

    maniskill = peers.provide("maniskill", *MANISKILL_NEEDS)
    warm_up()
    for number in range(KINDS):
        cubemap(number)
    loops = {
        "ours": _ours(),
        "bare": _bare(_theirs),
        "bare_with_our_shaders": _bare(_with_ours),
        "maniskill": _maniskill(maniskill, True),
        "maniskill_without_shadows": _maniskill(maniskill, False),
    }
    rates = {name: [] for name in loops}
    for _ in range(ROUNDS):
        for name, loop in loops.items():
            rates[name].append(next(loop))
    scene_to_scene, growth = _many_scenes()

    def share(one, other):
        return round(float(np.median(np.divide(rates[one], rates[other]))), 3)

    return {
        "vs_maniskill": share("ours", "maniskill"),
        "vs_maniskill_without_shadows": share("ours", "maniskill_without_shadows"),
        "of_bare_limit": share("ours", "bare"),
        "of_bare_limit_with_our_shaders": share("ours", "bare_with_our_shaders"),
        "bare_vs_maniskill": share("bare", "maniskill"),
        "scene_to_scene_s": round(scene_to_scene, 4),
        "memory_growth": round(growth, 2),
        "images_per_second": {name: round(float(np.median(rate)), 2) for name, rate in rates.items()},
        "seconds_of": "the processor, all threads together" if _software() else "the clock",
        "workload": f"{ROUNDS} rounds of {EPISODES} takes of {FRAMES} moments from {CAMERAS} cameras, {SIZE} x {SIZE}, {SCENES} scenes for the memory",
    }


def _ours():
    """Scene, physics, masks, depth and all, in this process; the images a second of each round."""
    from ..sim.record import record_episode
    from ..sim.scene import Scene

    plan, seeds = _plan(), itertools.count()
    record_episode((Scene(room="table"),), plan, next(seeds))  # reads the robot's meshes
    while True:
        began, images = clock(), 0
        while images < EPISODES * plan.images:
            parts, _ = record_episode((Scene(room="table"),), plan, next(seeds))
            images += sum(len(part["images"]) for part in parts)
        yield images / (clock() - began)


def _bare(camera_and_channels):
    """A loop that takes and gets what a recording needs, over the images of a recording: once they have been taken, what moves
    is put back and the camera stands where it stood, and only that and the drawing counts.
    """
    from ..sim.cameras import CameraRig
    from ..sim.key_frames import key_frames
    from ..sim.record import _generators, perform
    from ..sim.scene import Scene

    scene, plan, seeds = Scene(room="table"), _plan(), itertools.count(1)
    while True:
        seconds = 0
        for seed in itertools.islice(seeds, EPISODES):
            world, _ = perform(scene, seed)
            rig, shots = CameraRig(world, plan, _generators(scene, seed)[2]), []
            for _, state in key_frames(world, world.action, plan.key_frames, FRAMES):
                world.restore(state)
                shots += [(state, rig.shoot(number) and rig.camera.entity.pose) for number in range(CAMERAS)]
            camera, channels = camera_and_channels(world, rig)
            camera.take_picture()  # makes its pipeline
            began = clock()
            for state, place in shots:
                world.restore(state)
                camera.entity.set_pose(place)
                world.scene.update_render()
                camera.take_picture()
                for channel in channels:
                    camera.get_picture(channel)
            seconds += clock() - began
        yield EPISODES * plan.images / seconds


def _theirs(world, rig):
    own = rig.camera
    return world.scene.add_camera("camera", SIZE, SIZE, own.fovy, own.near, own.far), (
        "Color",
        "Segmentation",
        "Position",
    )


def _with_ours(world, rig):
    from ..sim.rendering import CHANNELS

    return rig.camera, CHANNELS


def _plan():
    from ..sim.plan import Plan

    return Plan(
        num_episodes=1, cameras=CAMERAS, key_frames="whole action", frames_per_episode=FRAMES, width=SIZE, height=SIZE
    )


def _many_scenes():
    """Median seconds to have the next scene with its cameras, and growth of this process in MB."""
    import psutil

    process, seconds = psutil.Process(), []
    for seed in range(SCENES):
        began = clock()
        _, rig = _world(seed, 64)
        seconds.append(clock() - began)
        rig.shoot(0)
        if seed == min(SETTLED, SCENES // 2):
            gc.collect()
            before = process.memory_info().rss
    gc.collect()
    return float(np.median(seconds[1:])), (process.memory_info().rss - before) / 2**20


def _world(seed, size):
    from ..sim.cameras import CameraRig
    from ..sim.plan import Plan
    from ..sim.scene import Scene
    from ..sim.world import World

    world = World(Scene(room="table"), np.random.default_rng(seed))
    return world, CameraRig(world, Plan(cameras=CAMERAS, width=size, height=size), np.random.default_rng(seed))


MANISKILL = """
import json, sys, time
from mani_skill.envs.tasks.tabletop.pick_cube import PickCubeEnv
from mani_skill.sensors.camera import CameraConfig
from mani_skill.utils import sapien_utils

size, cameras, frames, takes, shadows = json.loads(sys.argv[1])

class FourViews(PickCubeEnv):
    @property
    def _default_sensor_configs(self):
        return []

    @property
    def _default_human_render_camera_configs(self):
        sides = [(0.6, 0.7), (0.7, -0.3), (-0.1, 0.8), (-0.1, -0.8)][:cameras]
        return [
            CameraConfig(f"camera{number}", sapien_utils.look_at([x, y, 0.5], [0.0, 0.0, 0.2]), size, size, 0.56, 0.01, 50)
            for number, (x, y) in enumerate(sides)
        ]

env = FourViews(num_envs=1, obs_mode="none", render_mode="rgb_array", sim_backend="physx_cpu", enable_shadow=shadows)
clock = getattr(time, sys.argv[2])
env.reset(seed=0)
env.render()
began = clock()
for take in range(takes):
    env.reset(seed=take)
    for _ in range(frames):
        env.step(env.action_space.sample())
        env.render()
print(json.dumps(takes * frames * cameras / (clock() - began)))
"""


def _maniskill(packages, shadows):
    """Its own loop in a process of its own, which finds its requirements in the folder ``packages``."""
    job = json.dumps([SIZE, CAMERAS, FRAMES, EPISODES, shadows])
    counted = "process_time" if _software() else "perf_counter"
    while True:
        command = [sys.executable, "-c", MANISKILL, job, counted]
        environment = {**os.environ, "PYTHONPATH": str(packages)}
        run = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        if run.returncode:
            sys.exit(f"ManiSkill's own loop did not run, and says:\n{run.stderr.strip()[-2000:]}")
        yield json.loads(run.stdout.splitlines()[-1])
