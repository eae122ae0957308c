"""``interactive-action train``: learn what a run file describes, in one process or, under torchrun, in several."""

from __future__ import annotations

import argparse
import inspect

from ..errors import InteractiveActionError
from ..trainers.methods import METHODS
from ..trainers.run_file import Run, config_text

STOPPED = "Stopped. The same command goes on from here."
EPILOG = """\
The file, which --print-config writes with every setting:

{run}

Over several GPUs:
  torchrun --standalone --nproc-per-node 4 -m interactive_action train lift.toml
  accelerate launch --multi_gpu -m interactive_action train lift.toml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the run file, and what prints one to start from."""
    parser.epilog = EPILOG.format(run=inspect.getdoc(Run))
    parser.add_argument(
        "file", nargs="?", help="the run file; Ctrl-C stops, and the same command goes on to the same bytes"
    )
    parser.add_argument(
        "--print-config",
        metavar="SOURCE",
        help=f"print a run file: with a method's defaults ({', '.join(METHODS)}), or with the settings that a token's "
        ".safetensors file was learned with",
    )


def run(arguments: argparse.Namespace) -> int:
    """Trains, or prints a run file; returns the exit status."""
    if (arguments.file is None) == (arguments.print_config is None):
        raise InteractiveActionError(
            "Name the run file to train, or print one to start from: "
            "interactive-action train --print-config interactive-action > run.toml"
        )
    if arguments.print_config is not None:
        print(config_text(arguments.print_config), end="")
        return 0
    from ..miniature.judges import load_judges
    from ..trainers.train import train

    for path in train(arguments.file, load_judges):
        print(f"Saved {path}.")
    return 0
