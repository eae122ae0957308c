"""The simulator's process may die, hang or be left alone: each ends in a sentence, and the next run works."""

import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from interactive_action.errors import InteractiveActionError
from interactive_action.sim.client import ROOT
from interactive_action.sim.plan import Plan
from interactive_action.sim.protocol import receive, send
from interactive_action.sim.scene import Scene
from interactive_action.tests.sim.conftest import PLAN, SCENE

SHORT = Plan(num_episodes=1, frames_per_episode=1, width=32, height=32)


class Cancelled(Exception):
    pass


def at_the_third_image(act):
    def progress(done, total, image):
        if done == 3 and image is not None:
            act()

    return progress


def assert_same(first, second):
    for name, array in first.arrays().items():
        assert np.array_equal(array, second.arrays()[name]), name


def test_the_same_seed_gives_the_same_pixels_again_and_in_another_process(simulator, held):
    assert_same(held, simulator.record(SCENE, PLAN))
    other = simulator.record(Scene(seed=SCENE.seed + 1), PLAN)
    assert not np.array_equal(held.images, other.images)
    simulator.process.kill()  # unnoticed, so that the next run must start another
    simulator.process.wait()
    assert_same(held, simulator.record(SCENE, PLAN))


def test_so_do_the_places_of_many_contacts_which_physics_gives_in_any_order(simulator):
    poured = Scene(action="pour", object="cup", seed=3)
    first, *others = (simulator.record(poured, SHORT) for _ in range(3))
    for other in others:
        assert_same(first, other)


def test_a_process_that_dies_in_the_middle_is_a_sentence_and_the_next_run_works(simulator):
    with pytest.raises(InteractiveActionError, match="ended in the middle of its work .SIGKILL"):
        simulator.record(SCENE, PLAN, at_the_third_image(lambda: simulator.process.kill()))
    assert len(simulator.record(SCENE, SHORT)) == 4


def test_a_process_that_hangs_is_ended_after_its_limit_and_the_next_run_works(simulator, monkeypatch):
    simulator.record(SCENE, SHORT)
    process = simulator.process
    monkeypatch.setattr(simulator, "timeout_s", 2.0)
    with pytest.raises(InteractiveActionError, match="gave no sign for 2 s and was ended"):
        simulator.record(SCENE, PLAN, at_the_third_image(lambda: process.send_signal(signal.SIGSTOP)))
    assert process.poll() is not None
    monkeypatch.undo()
    assert len(simulator.record(SCENE, SHORT)) == 4


def test_cancel_stops_promptly_and_keeps_the_process(simulator):
    simulator.record(SCENE, SHORT)
    process, seen = simulator.process, []

    def progress(done, total, image):
        seen.append(done)
        if done == 3:
            raise Cancelled

    began = time.monotonic()
    with pytest.raises(Cancelled):
        simulator.record(SCENE, PLAN, progress)
    assert time.monotonic() - began < 10
    assert max(seen) == 3
    assert len(simulator.record(SCENE, SHORT)) == 4
    assert simulator.process is process


def test_cancel_works_while_the_process_gives_no_sign(simulator):
    simulator.record(SCENE, SHORT)
    process = simulator.process
    process.send_signal(signal.SIGSTOP)

    def progress(done, total, image):
        raise Cancelled

    with pytest.raises(Cancelled):
        simulator.record(SCENE, PLAN, progress)
    assert process.poll() is not None


def test_without_a_vulkan_device_the_sentence_says_what_to_install(simulator, monkeypatch):
    simulator.close()
    for name in ("VK_DRIVER_FILES", "VK_ICD_FILENAMES"):
        monkeypatch.setenv(name, "/nowhere.json")
    with pytest.raises(InteractiveActionError, match="no Vulkan device.*mesa-vulkan-drivers"):
        simulator.record(SCENE, SHORT)
    simulator.close()
    monkeypatch.undo()
    assert len(simulator.record(SCENE, SHORT)) == 4


def test_prints_do_not_disturb_the_messages():
    script = (
        f"import runpy; runpy.run_path({str(ROOT / '__main__.py')!r})['enter_pack']()\n"
        "import os, sys\n"
        "from interactive_action.sim import worker\n"
        "from interactive_action.errors import InteractiveActionError\n"
        "def noisy(*request):\n"
        "    print('a print'); sys.stdout.flush(); os.write(1, b'a print of C++')\n"
        "    raise InteractiveActionError('said')\n"
        "worker._run_episode = noisy\n"
        "worker.main()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        for _ in range(2):
            send(process.stdin, {"scenes": [{}], "plan": {}, "seed": 0})
            assert receive(process.stdout) == ({"kind": "error", "sentence": "said"}, {})
        _, said = process.communicate(timeout=20)
    assert said.count(b"a print of C++") == 2


def test_the_process_ends_with_who_started_it():
    script = (
        f"import runpy, time; runpy.run_path({str(ROOT / '__main__.py')!r})['enter_pack']()\n"
        "from interactive_action.sim.client import Simulator\n"
        "from interactive_action.sim.plan import Plan\n"
        "from interactive_action.sim.scene import Scene\n"
        "def show(done, total, image):\n"
        "    if image is not None:\n"
        "        print(simulator.process.pid, flush=True)\n"
        "        time.sleep(600)\n"
        "simulator = Simulator()\n"
        "simulator.record(Scene(), Plan(num_episodes=1, width=32, height=32), show)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    gone, _ = psutil.wait_procs([worker], timeout=60)
    assert gone or worker.status() == psutil.STATUS_ZOMBIE
