"""``interactive-action``: what the pack does without ComfyUI.

A sub-command is a module beside this one with ``add_arguments(parser)``, ``run(arguments)`` and ``STOPPED``, the
sentence after Ctrl-C. Only the one that is named is imported, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import runpy
import signal
import sys
from collections.abc import Sequence

from ..errors import InteractiveActionError

PROGRAM = "interactive-action"
BAD_INPUT, INTERRUPTED = 2, 130  # exit statuses; 130 is a shell's own for Ctrl-C
PACK = __package__.rpartition(".")[0]

COMMANDS = {
    "record": "simulate an action and write images, masks and poses to a folder",
    "caption": "put prompts to a recording's images: a dataset to train on",
    "train": "learn a token or a LoRA as a file describes it",
    "rooms": "make, generate, score and draw furnished rooms, or train what generates them",
    "score": "judge a folder of images: did subject and object really meet?",
}
# Modules that a clone has and an installed copy lacks, with a command line of their own.
TOOLS = {"evidence": "tools.evidence.comparison", "bench": "tools.dev.bench"}
SUMMARIES = {
    **COMMANDS,
    "evidence": "compare the methods on the same data and noise (hours)",
    "bench": "measure speed, memory or success rates",
}
EPILOG = """\
examples:
  interactive-action record recordings/lift --robot "unitree g1" --action "lift overhead" --object "big cube"
  interactive-action caption recordings/lift dataset
  interactive-action train --print-config interactive-action > lift.toml
  interactive-action train lift.toml
  interactive-action rooms make rooms.jsonl --count 200
  interactive-action score images --subject panda --object lemon --text "a panda picking up a lemon"

`interactive-action COMMAND --help` lists a command's options. Without an installation
`python <the pack's folder>` takes the place of `interactive-action`.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: behind the program's name; None: those of this process.

    Returns:
        The exit status: 0, 2 after bad input or 130 after Ctrl-C.
    """
    try:
        return _dispatch(sys.argv[1:] if arguments is None else list(arguments))
    except InteractiveActionError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    except ModuleNotFoundError as error:
        if (error.name or PACK).partition(".")[0] == PACK:
            raise
        print(
            f"{error.name} is not installed, and this command cannot run without it. ComfyUI brings it: use ComfyUI's "
            'Python, or, without ComfyUI, install it in the folder of this pack with: pip install -e ".[standalone]".',
            file=sys.stderr,
        )
        return BAD_INPUT
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever reads the output has enough, as `| head` does
        sys.stderr.close()  # or Python complains once more at its end
        return 0


def _dispatch(arguments: list[str]) -> int:
    name = arguments[0] if arguments else ""
    if name in TOOLS:
        return _run_tool(TOOLS[name], arguments[1:])
    if "." in name and not name.startswith("-"):  # the simulator's process and the Makefile name a module
        return _run_module(name, arguments[1:])
    parser, subparsers = _parsers()
    if name not in COMMANDS:
        parser.parse_args(arguments or ["--help"])  # helps or refuses, and ends
    command = importlib.import_module(f".{name}", __package__)
    command.add_arguments(subparsers[name])
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a cluster's scheduler stops a job with it
    try:
        status: int = command.run(options)
    except KeyboardInterrupt:
        print(command.STOPPED, file=sys.stderr)
        return INTERRUPTED
    return status


def _parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser of the whole line, and those of the sub-commands by their names, without their arguments."""
    parser = argparse.ArgumentParser(
        PROGRAM,
        description="Teach a text-to-image model an interaction from simulated images, without ComfyUI.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    subparsers = {
        name: commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}{'' if summary.endswith('?') else '.'}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for name, summary in SUMMARIES.items()
    }
    return parser, subparsers


def _run_tool(module: str, arguments: list[str]) -> int:
    """Runs a tool of the repository; a sentence with which it ends is about bad input."""
    try:
        return _run_module(module, arguments)
    except SystemExit as end:
        if not isinstance(end.code, str):
            raise
        print(end.code, file=sys.stderr)
        return BAD_INPUT


def _run_module(name: str, arguments: list[str]) -> int:
    """Runs a module of the pack as a program of its own."""
    try:
        known = importlib.util.find_spec(f"{PACK}.{name}") is not None
    except ModuleNotFoundError:
        known = False
    if not known and name in TOOLS.values():
        raise InteractiveActionError(
            "What compares and measures is no part of an installed copy. Clone the repository and run this there."
        )
    if not known:
        raise InteractiveActionError(f"There is no command {name!r}. Choose one of: {', '.join(SUMMARIES)}.")
    sys.argv[1:] = arguments
    runpy.run_module(f"{PACK}.{name}", run_name="__main__", alter_sys=True)
    return 0
