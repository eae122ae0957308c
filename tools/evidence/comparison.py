"""``make evidence``: the comparison of methods, in the miniature world or on a checkpoint of your own.

Every method learns every action from the same simulated images, with several training seeds, and is evaluated on the
same prompts with the same sampling noise, by models that no method ever saw. It has these parts:

* tuning: each method on the first action at every rate and number of steps, with a seed and noise that are not
  reported; the other actions have no part in any choice.
* table: each method at its best on every action, and beside it the upper bounds: the base model's own words and, in
  the miniature world, the nonce token that only the world's generator knows and a token learned from in-domain images.
* published: each method with its paper's hyperparameters.
* curves: four methods over steps and learning rates on two actions.

What is made stays in ``evidence/``: run again, it goes on from there. One process a core works: ``torchrun
--nproc-per-node N . tools.evidence.comparison``, each takes its part of the arms. ``--quick`` follows two methods over
steps at one rate, on two actions. With ``--checkpoint`` an SD 1.x, SD 2.x or SDXL file takes the miniature's
place; see --help for its judges.

Source:
    Interactive-Action (anonymous, 2025), Table 1.
"""

from __future__ import annotations

import argparse
import datetime
import os
import pathlib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from tqdm import tqdm

from ...miniature.factory.training import rank_and_count
from ..dev.server import ROOT
from .arms import MARKS, RATES, Arm, Comparison, published
from .checkpoint_world import CheckpointWorld
from .miniature_world import MiniatureWorld
from .report import Findings, write_findings
from .variants import ABLATIONS, ACTIONS, CURVES, METHODS, Variant, as_published
from .worlds import World

EVIDENCE = ROOT / "evidence"
PARTS = ("tuning", "table", "published", "curves")
QUICK = ("textual-inversion", "noise-gated")


@dataclass(frozen=True)
class Plan:
    """What is compared.

    Args:
        world: base model, prompts and judges.
        variants: the lines, beside the world's references.
        actions: names of ``variants.ACTIONS``.
        num_seeds: training seeds for each variant and action.
        parts: of ``PARTS``.
        curves: names of the variants that are followed over steps and rates,
        curve_actions: on these actions,
        curve_rates: at these rates.
        name: of the files with the figures.
    """

    world: World
    variants: Sequence[Variant]
    actions: Sequence[str]
    num_seeds: int
    parts: Sequence[str] = PARTS
    curves: Sequence[str] = CURVES
    curve_actions: Sequence[str] = tuple(ACTIONS)[:2]
    curve_rates: Sequence[float] = RATES
    name: str = "evidence"


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
    first = plan.actions[0]
    arms: dict[str, Sequence[Arm]] = dict.fromkeys(PARTS[1:], ())
    variants = (*plan.world.references, *plan.variants)
    if {"tuning", "table"} & set(plan.parts):
        _evaluate(comparison, (arm for one in variants for arm in comparison.tuning_arms(first, one)), "tuning")
    if "table" in plan.parts:
        best = {variant.name: comparison.best(first, variant) for variant in variants}
        arms["table"] = _table_arms(plan, variants, best)
    if "published" in plan.parts:
        papers = [as_published(variant) for variant in plan.variants]
        chosen = {one.name: (published(one).learning_rate, min(published(one).steps, MARKS[-1])) for one in papers}
        arms["published"] = _table_arms(plan, papers, chosen)
    if "curves" in plan.parts:
        arms["curves"] = _curve_arms(plan)
    for part, of_part in arms.items():
        _evaluate(comparison, of_part, part)
    if rank == 0 and any(arms.values()):
        findings = Findings(comparison, plan.actions, arms["table"], arms["published"], arms["curves"])
        write_findings(findings, root, plan.name)
        print(f"Look at {root.name}/{plan.name}.html.")


def _table_arms(plan: Plan, variants: Sequence[Variant], chosen: dict[str, tuple[float, int]]) -> Sequence[Arm]:
    """An arm for each action, variant and seed, at the chosen rate and steps."""
    return [
        Arm(action, variant, *chosen[variant.name], seed)
        for action in plan.actions
        for variant in variants
        if variant.is_trained or action in variant.words
        for seed in range(plan.num_seeds)
    ]


def _curve_arms(plan: Plan) -> Sequence[Arm]:
    count = plan.world.num_images // 2
    return [
        Arm(action, METHODS[name], rate, step, 0, count)
        for action in plan.curve_actions
        for name in plan.curves
        for rate in plan.curve_rates
        for step in MARKS
    ]


def _evaluate(comparison: Comparison, arms: Iterable[Arm], title: str) -> None:
    """Evaluates this process's part of the arms, and waits for the others. One run's arms stay in one process."""
    rank, count = rank_and_count()
    runs: dict[tuple[str, str, float, int], list[Arm]] = {}
    for arm in arms:
        runs.setdefault((arm.action, arm.variant.name, arm.rate, arm.seed), []).append(arm)
    own = [arm for of_run in list(runs.values())[rank::count] for arm in sorted(of_run, key=lambda one: one.step)]
    for arm in tqdm(own, title, disable=rank > 0 or not sys.stderr.isatty()):
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
    options = _parser().parse_args(arguments)
    world: World
    if options.checkpoint is None:
        world = MiniatureWorld(EVIDENCE / "recordings")
    else:
        judges = (options.detector, options.threshold, options.clip, options.pretrained)
        world = CheckpointWorld(options.checkpoint, *judges, options.side)
    if options.quick:
        return Plan(
            world,
            [METHODS[name] for name in QUICK],
            options.actions[:2],
            1,
            ("curves",),
            QUICK,
            options.actions[:2],
            RATES[2:3],
            "evidence-quick",
        )
    if options.ablations:
        return Plan(world, ABLATIONS, options.actions, options.seeds, ("table",), name="ablations")
    variants = [METHODS[name] for name in options.methods]
    curves = [name for name in CURVES if name in options.methods]
    return Plan(world, variants, options.actions, options.seeds, options.parts, curves, options.actions[:2])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=[*METHODS], choices=METHODS)
    parser.add_argument("--parts", nargs="+", default=[*PARTS], choices=PARTS)
    parser.add_argument("--actions", nargs="+", default=[*ACTIONS], choices=[*ACTIONS])
    parser.add_argument("--seeds", type=int, default=3, help="training seeds for each method and action")
    parser.add_argument("--quick", action="store_true", help="two methods over steps at one rate, on two actions")
    parser.add_argument(
        "--ablations", action="store_true", help="instead of methods, our own with one choice changed at a time"
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
    return parser


def main() -> None:
    """Joins the processes that torchrun started, if any, and compares."""
    if "RANK" in os.environ:
        torch.set_num_threads(1)
        dist.init_process_group("gloo", timeout=datetime.timedelta(hours=12))
    compare(parse_plan())


if __name__ == "__main__":
    main()
