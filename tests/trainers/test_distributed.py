"""Several processes on one training: what they exchange is worked out from what each does alone."""

import os
import pathlib
import socket

import torch
import torch.multiprocessing

from interactive_action.tests.trainers.tiny import TinyEngine, noise_dataset
from interactive_action.trainers.distributed import DistributedObjective, joined_processes
from interactive_action.trainers.loop import TrainingState, training_steps
from interactive_action.trainers.textual_inversion import TextualInversionConfig, textual_inversion

CONFIG = TextualInversionConfig(steps=3, batch_size=2, learning_rate=0.1, initializer_token="with")


def loss_of():
    return textual_inversion(TinyEngine(), noise_dataset(), CONFIG)


def work(rank, port, folder):
    """What a process does that ``accelerate launch`` or torchrun starts: they tell it who it is by these variables."""
    torch.set_num_threads(1)
    os.environ.update(
        RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port)
    )
    with joined_processes() as process:
        assert (process.rank, process.count) == (rank, 2)
        loss = loss_of()
        v = loss.trainable.initial().requires_grad_()
        losses, gradient, movable = DistributedObjective(loss).gradient(v, torch.Generator().manual_seed(5))
        state = TrainingState.begin(loss.trainable.initial())
        for _ in training_steps(DistributedObjective(loss), state):
            pass
    names = [path.read_text().strip() for path in pathlib.Path("/proc/self/task").glob("*/comm")]
    learned = {"total": losses["total"], "gradient": gradient, "movable": movable, "parameters": state.parameters}
    torch.save(
        {**learned, "threads": torch.tensor(sum(name.startswith("pt_gloo") for name in names))}, folder / f"{rank}.pt"
    )


def test_the_gradient_is_the_mean_of_what_each_finds_and_all_learn_the_same(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = torch.multiprocessing.get_context("fork")
    running = [children.Process(target=work, args=(rank, port, tmp_path)) for rank in range(2)]
    for process in running:
        process.start()
    for process in running:
        process.join()
    one, other = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    for name in one:
        assert torch.equal(one[name], other[name])
    loss = loss_of()
    seed = torch.randint(2**62, (), generator=torch.Generator().manual_seed(5)).item()
    alone = [
        loss.gradient(loss.trainable.initial().requires_grad_(), torch.Generator().manual_seed(seed + rank))
        for rank in range(2)
    ]
    assert not torch.allclose(alone[0][1], alone[1][1])
    assert torch.allclose(one["gradient"], (alone[0][1] + alone[1][1]) / 2, atol=1e-7)
    assert torch.allclose(one["total"], (alone[0][0]["total"] + alone[1][0]["total"]) / 2)
    assert one["movable"].all()
    assert one["threads"] == 0, "a thread that outlives the group can abort the process at its end"
