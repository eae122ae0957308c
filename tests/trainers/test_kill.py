"""kill -9 at twenty random moments: the run goes on each time, and the token is the same to the bit."""

import multiprocessing
import os
import random
import signal
import time

import pytest
import torch

from interactive_action.tests.trainers.tiny import TinyEngine, noise_dataset
from interactive_action.trainers.interactive_action import InteractiveActionConfig, interactive_action
from interactive_action.trainers.loop import TrainingState, training_steps

CONFIG = InteractiveActionConfig(
    steps=400, batch_size=2, learning_rate=0.05, steering_words=("holding",), ema_decay=0.9, grad_accumulation_steps=2
)
KILLS = 20


def train(path, save_every):
    """What node and command line do, in a process of its own."""
    torch.set_num_threads(1)  # of a pool that the parent has there is nothing left in a child
    loss = interactive_action(TinyEngine(), noise_dataset(), CONFIG)
    state = TrainingState.load(path, "run") or TrainingState.begin(loss.trainable.initial())
    for _ in training_steps(loss, state):
        if state.step % save_every == 0 or state.step == CONFIG.steps:
            state.save(path, "run")


@pytest.mark.slow
@pytest.mark.parametrize("save_every", [1, 7])
def test_a_run_that_is_killed_again_and_again_learns_the_same_token(tmp_path, save_every):
    processes = multiprocessing.get_context("fork")  # imports nothing anew
    whole, path = tmp_path / "whole", tmp_path / "killed"
    train(whole, CONFIG.steps)
    moments, kills, child = random.Random(save_every), 0, None
    while child is None or child.exitcode != 0:
        child = processes.Process(target=train, args=(path, save_every))
        child.start()
        if kills < KILLS:
            before = _progress(path)
            while _progress(path) == before and child.is_alive():  # so that it gets on
                time.sleep(0.001)
            time.sleep(moments.uniform(0, 0.05))
            kills += child.is_alive()
            os.kill(child.pid, signal.SIGKILL)
        child.join()
    assert kills == KILLS
    expected, found = (TrainingState.load(file, "run") for file in (whole, path))
    for name in ("parameters", "average", "exp_avg", "exp_avg_sq"):
        assert torch.equal(getattr(found, name), getattr(expected, name))
    assert found.losses == expected.losses


def _progress(path):
    return path.stat().st_mtime_ns if path.exists() else 0
