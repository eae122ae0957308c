"""``interactive-action rooms``: procedural rooms, layout models, sampling, scores and plans, without ComfyUI."""

from __future__ import annotations

import argparse
import json
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import InteractiveActionError
from ..sim.furniture import ROOM_TYPES
from ..sim.layout import FloorPlan, load_layouts, save_layouts
from .fields import add_parameters, from_parameters
from .progress import progress_bar

if TYPE_CHECKING:
    from ..layouts.model_file import LayoutModel

EMBEDDED = "embedded"  # in place of the path of a model

STOPPED = "Stopped. What was trained goes on from here with the same command; nothing else was written."
EPILOG = """\
examples:
  interactive-action rooms make rooms.jsonl --count 20000
  interactive-action rooms train rooms.jsonl rooms.safetensors
  interactive-action rooms sample rooms.safetensors mine.jsonl --corners "0,0; 4,0; 4,3; 0,3" --doors "door 0 0.5 0.9"
  interactive-action rooms score mine.jsonl
  interactive-action rooms draw mine.jsonl plans
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds a parser for each thing that can be done with rooms."""
    from ..layouts.grammar.procedural import SPLITS
    from ..layouts.guidance.guide import GuidanceConfig
    from ..layouts.training import LayoutTrainingConfig

    parser.epilog = EPILOG
    actions = parser.add_subparsers(dest="rooms", required=True, metavar="what")
    make = actions.add_parser("make", help="write procedural rooms")
    make.add_argument("out", type=pathlib.Path, help="a new file of rooms, .jsonl")
    make.add_argument("--count", type=int, default=100, metavar="N", help="rooms (default: 100)")
    make.add_argument("--types", default=",".join(ROOM_TYPES), help="types of room, with commas (default: all)")
    make.add_argument("--seed", type=int, default=0, metavar="N", help="of everything (default: 0)")
    make.add_argument("--split", default=SPLITS[0], help=f"one of: {', '.join(SPLITS)} (default: {SPLITS[0]})")
    make.add_argument("--sloppy-share", type=float, default=0.5, metavar="X", help="of the rooms (default: 0.5)")

    train = actions.add_parser("train", help="learn a layout model; the same command goes on after an interruption")
    train.add_argument("layouts", type=pathlib.Path, help="the file of rooms")
    train.add_argument("out", type=pathlib.Path, help="the model's file, .safetensors")
    train.add_argument("--device", default="", help="cpu or cuda (default: a GPU where there is one)")
    add_parameters(train, LayoutTrainingConfig)

    _add_sample(actions.add_parser("sample", help="generate rooms for a floor plan"))

    compare = actions.add_parser("compare", help="score raw, guided and settled rooms of a model beside one another")
    compare.add_argument("model", help=f"the layout model's file; {EMBEDDED}: the pack's own")
    compare.add_argument("plans", type=pathlib.Path, help="a file of rooms, whose floor plans are furnished")
    compare.add_argument("--denoising-steps", type=int, default=50, metavar="N", help="(default: 50)")
    compare.add_argument("--seed", type=int, default=0, metavar="N", help="of the noise (default: 0)")
    compare.add_argument("--tidiness", type=float, metavar="X", help="0 to 1 (default: as the model likes)")
    compare.add_argument("--json", action="store_true", help="print JSON")
    add_parameters(compare, GuidanceConfig)

    score = actions.add_parser("score", help="score rooms: collisions, walls, reachability, relations")
    score.add_argument("layouts", type=pathlib.Path, help="the file of rooms")
    score.add_argument("--reference", type=pathlib.Path, help="rooms as they should be, for the divergence of classes")
    score.add_argument(
        "--radius", type=float, default=0.25, metavar="X", help="of the robot, in metres (default: 0.25)"
    )
    score.add_argument("--height", type=float, default=1.3, metavar="X", help="of the robot, in metres (default: 1.3)")
    score.add_argument("--json", action="store_true", help="print JSON")

    draw = actions.add_parser("draw", help="draw plans")
    draw.add_argument("layouts", type=pathlib.Path, help="the file of rooms")
    draw.add_argument("out", type=pathlib.Path, help="a new folder")
    draw.add_argument("--size", type=int, default=512, metavar="N", help="pixels of the longer side (default: 512)")


def _add_sample(sample: argparse.ArgumentParser) -> None:
    """Adds what ``rooms sample`` takes."""
    from ..layouts.guidance.guide import GuidanceConfig

    sample.add_argument("model", help=f"the layout model's file; {EMBEDDED}: the pack's own")
    sample.add_argument("out", type=pathlib.Path, help="a new file of rooms, .jsonl")
    sample.add_argument("--plans", type=pathlib.Path, help="a file of rooms whose floor plans are furnished")
    sample.add_argument("--corners", default="", help='"x,y; x,y; ...", in metres, in place of --plans')
    sample.add_argument("--doors", default="", help='and windows: "kind wall start width; ..."')
    sample.add_argument("--type", default=ROOM_TYPES[0], help=f"one of: {', '.join(ROOM_TYPES)}")
    sample.add_argument("--rooms-each", type=int, default=1, metavar="N", help="rooms a floor plan (default: 1)")
    sample.add_argument("--denoising-steps", type=int, default=50, metavar="N", help="(default: 50)")
    sample.add_argument("--seed", type=int, default=0, metavar="N", help="of the noise (default: 0)")
    sample.add_argument("--want", default="", help="classes of furniture, with commas")
    sample.add_argument("--avoid", default="", help="classes of furniture, with commas")
    sample.add_argument("--count", type=int, help="things in a room (default: as the model likes)")
    sample.add_argument("--tidiness", type=float, metavar="X", help="0 to 1 (default: as the model likes)")
    sample.add_argument("--guided", action="store_true", help="by physics, with these weights")
    sample.add_argument("--settled", action="store_true", help="repair what is left afterwards")
    add_parameters(sample, GuidanceConfig)


def run(arguments: argparse.Namespace) -> int:
    """Does it; returns the exit status."""
    if arguments.rooms in ("make", "sample", "draw") and arguments.out.exists():
        raise InteractiveActionError(f"{arguments.out} exists already. Name a new one, or remove it first.")
    commands = {"make": _make, "train": _train, "sample": _sample, "compare": _compare, "score": _score, "draw": _draw}
    return commands[arguments.rooms](arguments)


def _make(arguments: argparse.Namespace) -> int:
    from ..layouts.grammar.procedural import procedural_rooms

    with progress_bar("room") as progress:
        rooms = procedural_rooms(
            arguments.count,
            _names(arguments.types),
            arguments.seed,
            arguments.split,
            arguments.sloppy_share,
            progress,
        )
    save_layouts(arguments.out, rooms)
    print(f"{len(rooms)} rooms written to {arguments.out}.")
    return 0


def _train(arguments: argparse.Namespace) -> int:
    import torch

    from ..layouts.training import LayoutTrainingConfig, train_layouts

    config = from_parameters(LayoutTrainingConfig, arguments)
    layouts = load_layouts(arguments.layouts)
    device = arguments.device or ("cuda" if torch.cuda.is_available() else "cpu")
    with progress_bar("step") as progress:
        model = train_layouts(layouts, arguments.out, config, device, progress)
    print(f"Learned from {len(layouts)} rooms; the last loss is {model.about['loss']}. Written to {arguments.out}.")
    return 0


def _sample(arguments: argparse.Namespace) -> int:
    from ..layouts.guidance.guide import GuidanceConfig
    from ..layouts.sampling import Wishes, sample_rooms
    from ..layouts.settle import settle

    plans = [plan for plan in _plans(arguments) for _ in range(arguments.rooms_each)]
    wishes = Wishes(
        want=_names(arguments.want),
        avoid=_names(arguments.avoid),
        count=arguments.count,
        tidiness=arguments.tidiness,
    )
    guidance = from_parameters(GuidanceConfig, arguments) if arguments.guided else None
    model = _model(arguments.model)
    with progress_bar("step") as progress:
        rooms = sample_rooms(model, plans, arguments.seed, arguments.denoising_steps, wishes, guidance, progress)
    if arguments.settled:
        settled = settle(rooms)
        print(f"Settling moved things {100 * sum(room.moved for room in settled) / len(settled):.1f} cm on average.")
        rooms = [room.layout for room in settled]
    save_layouts(arguments.out, rooms)
    print(f"{len(rooms)} rooms written to {arguments.out}.")
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    from ..layouts.comparison import STAGES, compare
    from ..layouts.guidance.guide import GuidanceConfig
    from ..layouts.sampling import Wishes
    from ..layouts.scores import table

    layouts = load_layouts(arguments.plans)
    with progress_bar("room") as progress:
        results = compare(
            _model(arguments.model),
            [layout.floor_plan for layout in layouts],
            from_parameters(GuidanceConfig, arguments),
            Wishes(tidiness=arguments.tidiness),
            arguments.seed,
            arguments.denoising_steps,
            layouts,
            progress,
        )
    if arguments.json:
        print(json.dumps(results, indent=1))
        return 0
    for stage in STAGES:
        moved = results[stage].get("moved_cm")
        said = f", {moved['mean']:.1f} cm moved" if moved else ""
        print(f"{stage} ({results[stage]['seconds']:.1f} s{said})\n{table(results[stage])}\n")
    return 0


def _score(arguments: argparse.Namespace) -> int:
    from ..layouts.scores import score_rooms, table
    from ..layouts.walkable import Body

    reference = load_layouts(arguments.reference) if arguments.reference else ()
    body = Body(arguments.radius, arguments.height)
    with progress_bar("room") as progress:
        scores = score_rooms(load_layouts(arguments.layouts), reference, body, progress)
    print(json.dumps(scores, indent=1) if arguments.json else table(scores))
    return 0


def _draw(arguments: argparse.Namespace) -> int:
    from ..files import new_folder
    from ..layouts.drawing import draw_plan

    layouts = load_layouts(arguments.layouts)
    with progress_bar("plan") as progress, new_folder(arguments.out, "folder of plans") as folder:
        for index, layout in enumerate(layouts):
            draw_plan(layout, arguments.size).save(folder / f"{index:04}.png")
            progress(index + 1, len(layouts))
    print(f"{len(layouts)} plans written to {arguments.out}.")
    return 0


def _model(name: str) -> LayoutModel:
    from ..layouts.model_file import LayoutModel
    from ..miniature.weights import LAYOUT_MODEL

    return LayoutModel.load(LAYOUT_MODEL if name == EMBEDDED else name)


def _plans(arguments: argparse.Namespace) -> Sequence[FloorPlan]:
    from ..layouts.floor_plans import floor_plan

    if bool(arguments.corners) == bool(arguments.plans):
        raise InteractiveActionError("Give the floor plan: either --corners or --plans.")
    if arguments.corners:
        return [floor_plan(arguments.corners, arguments.doors, arguments.type)]
    return [layout.floor_plan for layout in load_layouts(arguments.plans)]


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
