"""Learn a token on the command line, without ComfyUI:  python . trainers.cli train lift.toml

A run is described by a TOML file; `config` writes one with every setting:

  python . trainers.cli config interactive-action > lift.toml    the method's defaults
  python . trainers.cli config pick-up.safetensors > again.toml  the settings that a token was learned with
  python . trainers.cli train lift.toml                          learn; Ctrl-C stops, the same command goes on

Over several GPUs:  accelerate launch --multi_gpu . trainers.cli train lift.toml  (or torchrun --nproc-per-node 4 . ...)
"""

from __future__ import annotations

import argparse
import inspect
import signal
import sys

from .methods import METHODS
from .run_file import Run, config_text


def main(arguments: list[str]) -> int:
    """Runs the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        "python . trainers.cli", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="train | config")
    learn = commands.add_parser(
        "train",
        help="learn a token",
        description="Learn the token that a TOML file describes.",
        epilog=inspect.getdoc(Run),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    learn.add_argument("file", help="the run file; paths in it are relative to it")
    show = commands.add_parser("config", help="print a run file with every setting")
    show.add_argument("source", help=f"a method ({', '.join(METHODS)}) or a token's .safetensors file")
    chosen = parser.parse_args(arguments)
    if chosen.command == "config":
        print(config_text(chosen.source), end="")
        return 0
    from ..miniature.judges import load_judges
    from .train import train

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a cluster's scheduler says it so
    try:
        paths = train(chosen.file, load_judges)
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from here.", file=sys.stderr)
        return 130
    for path in paths:
        print(f"Saved {path}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
