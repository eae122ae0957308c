"""One training over several processes, each with a copy of the model: as torchrun or ``accelerate launch`` starts them.

What they exchange each step is the gradient of v* alone, a few kilobytes.
"""

import contextlib
import os

import torch
import torch.distributed as dist

# Its functions keep, as a default, the group that there is when it is imported, and an optimizer imports it. Imported
# later, gloo's threads would outlive destroy_process_group and now and then abort a process that is done.
import torch.distributed.nn


@contextlib.contextmanager
def processes():
    """Joins the processes that were started together, if any; yields (this one's number, their count, its device's index)."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield 0, 1, 0
        return
    index = int(os.environ.get("LOCAL_RANK", "0"))
    if torch.cuda.is_available():
        torch.cuda.set_device(index)
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield dist.get_rank(), count, index
    finally:
        dist.destroy_process_group()


class Parallel:
    """A method's loss over the joined processes: each draws batches of its own, and gradients are averaged.

    N processes thus train on N times as many images a step as one.
    """

    def __init__(self, loss):
        self.loss, self.config, self.engine = loss, loss.config, loss.engine
        self.start, self.token = loss.start, loss.token

    def gradient(self, trained, generator):
        """As ``textual_inversion``'s, equal in all processes."""
        seed = torch.randint(2**62, (), generator=generator).item() + dist.get_rank()
        losses, gradient, movable = self.loss.gradient(trained, torch.Generator().manual_seed(seed))
        numbers = torch.cat(
            [gradient.flatten(), movable.flatten().to(gradient), torch.stack(list(losses.values())).to(gradient)]
        )
        dist.all_reduce(numbers)
        numbers /= dist.get_world_size()
        gradient, movable, means = numbers.detach().split([gradient.numel(), movable.numel(), len(losses)])
        return dict(zip(losses, means)), gradient.view_as(trained), movable.view_as(trained) > 0
