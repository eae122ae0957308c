"""``make evidence``: the comparison of methods, in the miniature world or on a checkpoint of your own.

Every method learns every action from the same simulated images, with several training seeds, and is evaluated on the
same prompts with the same sampling noise, by models that no method ever saw. Each gets the learning rate at which it
did best on the first action, with another seed and other noise; the other actions had no part in any choice. Beside
the methods stand the upper bounds: the base model's own words and, in the miniature world, the nonce token that only
the world's generator knows and a token learned from in-domain images, where there is no gap between what is learned
from and what is generated. What is made stays in ``evidence/``: run again, it goes on from there. One process a core
works: ``torchrun --nproc-per-node N . tools.evidence.comparison``, each takes its part of the arms. With
``--checkpoint`` an SD 1.x, SD 2.x or SDXL file takes the miniature's place; see --help for its judges.

Source:
    Interactive-Action (anonymous, 2025), Table 1.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import pathlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from tqdm import tqdm

from ...files import write_atomically
from ...miniature.factory.training import rank_and_count
from ..dev.server import ROOT
from .arms import Arm, Comparison
from .checkpoint_world import CheckpointWorld
from .miniature_world import MiniatureWorld
from .report import write_page
from .statistics import print_table, summarize
from .variants import ABLATIONS, ACTIONS, METHODS, Variant
from .worlds import World

EVIDENCE = ROOT / "evidence"


@dataclass(frozen=True)
class Plan:
    """What is compared.

    Args:
        world: base model, prompts and judges.
        variants: the lines, beside the world's references.
        actions: names of ``ACTIONS``.
        num_seeds: training seeds for each variant and action.
        rate: one learning rate for all; None: the best of three for each.
        table: name of the file with the figures.
        page: name of the page.
    """

    world: World
    variants: Sequence[Variant]
    actions: Sequence[str]
    num_seeds: int
    rate: float | None = None
    table: str = "table1"
    page: str = "report"


def compare(plan: Plan, root: pathlib.Path = EVIDENCE) -> None:
    """Runs all arms that are missing, each process its part, and writes figures and page.

    Args:
        plan: what is compared.
        root: where evidence is kept.
    """
    comparison, (rank, _) = Comparison(plan.world, root), rank_and_count()
    if rank == 0:
        comparison.record(plan.actions)
    _barrier()
    variants, first = (*plan.world.references, *plan.variants), plan.actions[0]
    if plan.rate is None:
        _evaluate(comparison, [arm for one in variants for arm in comparison.tuning_arms(first, one)], "learning rates")
    rates = {
        variant.name: plan.rate if plan.rate and variant.is_trained else comparison.best_rate(first, variant)
        for variant in variants
    }
    arms = [
        Arm(action, variant, rates[variant.name], seed)
        for action in plan.actions
        for variant in variants
        for seed in range(plan.num_seeds)
    ]
    _evaluate(comparison, arms, "evidence")
    if rank > 0:
        return
    rows = [row for arm in arms for row in comparison.evaluate(arm)]
    entries = summarize(rows)
    write_atomically(root / f"{plan.table}.json", (json.dumps(entries, indent=1) + "\n").encode())
    write_page(comparison, rows, variants, rates, root / f"{plan.page}.html")
    print_table(entries)
    print(f"Look at {root.name}/{plan.page}.html.")


def _evaluate(comparison: Comparison, arms: Sequence[Arm], title: str) -> None:
    """Evaluates this process's part of the arms, and waits for the others."""
    rank, count = rank_and_count()
    for arm in tqdm(arms[rank::count], title, disable=rank > 0 or not sys.stderr.isatty()):
        comparison.evaluate(arm)
    _barrier()


def _barrier() -> None:
    """Waits for all processes."""
    if dist.is_initialized():
        dist.barrier()


def parse_plan(arguments: Sequence[str] | None = None) -> Plan:
    """Reads the command line.

    Args:
        arguments: of it; None: of this process.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=[*METHODS], choices=METHODS)
    parser.add_argument(
        "--ablations",
        action="store_true",
        help="instead of methods, Interactive Action with one choice changed at a time: ablations.html, ablations.json",
    )
    parser.add_argument("--actions", nargs="+", default=[*ACTIONS], choices=[*ACTIONS])
    parser.add_argument("--seeds", type=int, default=3, help="training seeds for each method and action")
    parser.add_argument(
        "--rate",
        type=float,
        help="one learning rate for all, instead of the best of three for each: rate.html and rate.json",
    )
    own = parser.add_argument_group("a checkpoint of your own")
    own.add_argument("--checkpoint", type=pathlib.Path, help="a single file; without it the embedded miniature is used")
    own.add_argument(
        "--detector", default="IDEA-Research/grounding-dino-tiny", help="a folder or hub name, in transformers' format"
    )
    own.add_argument("--threshold", type=float, default=0.3, help="of the detector")
    own.add_argument("--clip", default="ViT-B-32", help="open_clip's name, or local-dir:FOLDER")
    own.add_argument("--pretrained", default="laion2b_s34b_b79k", help="open_clip's tag or a file; empty for a folder")
    own.add_argument("--side", type=int, default=512, help="of an image, in pixels")
    options = parser.parse_args(arguments)
    world: World
    if options.checkpoint is None:
        world = MiniatureWorld()
    else:
        judges = (options.detector, options.threshold, options.clip, options.pretrained)
        world = CheckpointWorld(options.checkpoint, *judges, options.side)
    names = ("rate", "rate") if options.rate else ("table1", "report")
    names = ("ablations", "ablations") if options.ablations else names
    variants = ABLATIONS if options.ablations else [METHODS[name] for name in options.methods]
    return Plan(world, variants, options.actions, options.seeds, options.rate, *names)


def main() -> None:
    """Joins the processes that torchrun started, if any, and compares."""
    if "RANK" in os.environ:
        torch.set_num_threads(1)
        dist.init_process_group("gloo", timeout=datetime.timedelta(hours=3))
    compare(parse_plan())


if __name__ == "__main__":
    main()
