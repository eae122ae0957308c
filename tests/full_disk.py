"""A full disk, for a child process alone: it may write no more than some bytes to a file.

The system refuses the rest as a full disk does.
"""

import multiprocessing
import resource

import torch


def limit_files(size):
    """From now on no file of this process may become longer than ``size`` bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def in_a_child(function, *arguments):
    """What ``function`` returns in a process of its own."""
    processes = multiprocessing.get_context("fork")
    receiver, sender = processes.Pipe(duplex=False)

    def run():
        torch.set_num_threads(1)
        sender.send(function(*arguments))

    child = processes.Process(target=run)
    child.start()
    sender.close()
    try:
        return receiver.recv()
    finally:
        child.join()
