"""One training over several processes, each with a copy of the model: as torchrun or ``accelerate launch`` starts them.

What they exchange each step is the gradient alone: a few kilobytes for a token.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist

# Its functions keep, as a default, the group that there is when it is imported, and an optimizer imports it. Imported
# later, gloo's threads would outlive destroy_process_group and now and then abort a process that is done.
import torch.distributed.nn

from .objective import Gradient, Objective


@dataclass(frozen=True)
class Process:
    """This process among those that were started together.

    Args:
        rank: its number; 0 writes files.
        count: how many there are.
        device_index: its GPU's number.
    """

    rank: int = 0
    count: int = 1
    device_index: int = 0


@contextlib.contextmanager
def joined_processes() -> Iterator[Process]:
    """Joins the processes that were started together, if any; yields this one."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Process()
        return
    index = int(os.environ.get("LOCAL_RANK", "0"))
    if torch.cuda.is_available():
        torch.cuda.set_device(index)
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Process(dist.get_rank(), count, index)
    finally:
        dist.destroy_process_group()


class DistributedObjective:
    """An objective over the joined processes: each samples batches of its own, and gradients are averaged.

    N processes thus train on N times as many images a step as one.

    Args:
        objective: this process's.
    """

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self.config: Any = objective.config
        self.trainable, self.batches = objective.trainable, objective.batches
        self.engine, self.dataset = objective.engine, objective.dataset

    def gradient(self, parameters: torch.Tensor, generator: torch.Generator) -> Gradient:
        """Returns what ``Objective.gradient`` does, equal in all processes."""
        seed = int(torch.randint(2**62, (), generator=generator)) + dist.get_rank()
        losses, gradient, movable = self._objective.gradient(parameters, torch.Generator().manual_seed(seed))
        scalars = torch.stack(list(losses.values())).to(gradient)
        numbers = torch.cat([gradient.flatten(), movable.flatten().to(gradient), scalars])
        dist.all_reduce(numbers)
        numbers /= dist.get_world_size()
        gradient, movable, means = numbers.detach().split([gradient.numel(), movable.numel(), len(losses)])
        return dict(zip(losses, means)), gradient.view_as(parameters), movable.view_as(parameters) > 0
