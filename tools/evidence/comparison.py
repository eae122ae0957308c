"""``make evidence``: paper 000's comparison (Table 1), in the miniature world or on a checkpoint of your own.

Every method learns every action from the same simulated images, with several training seeds, and is judged on the same
prompts with the same sampling noise, by models that no method ever saw. Each gets the learning rate at which it did best on the
first action, with another seed and other noise; the other actions had no part in any choice. Beside the methods stand the bounds:
the base model's own words and, in the miniature world, the hidden word that only the world's generator knows and a token learned
from everyday images, where there is no gap between what is learned from and what is drawn. What is made stays in ``evidence/``:
run again, it goes on from there. One process a core works: ``torchrun --nproc-per-node N . tools.evidence``, each takes its part of
the arms. With ``--checkpoint`` an SD 1.x, SD 2.x or SDXL file takes the miniature's place; see --help for its judges.
"""

import argparse
import datetime
import functools
import hashlib
import json
import os
import pathlib
import sys

import numpy
import torch
import torch.distributed as dist
from PIL import Image
from safetensors.torch import load_file
from tqdm import tqdm

from ...captions.dataset import InteractionDataset
from ...captions.templates import PLACEHOLDER
from ...files import safetensors_bytes, write_atomically
from ...miniature.factory import sheets
from ...scoring.report import Cell, File, Grid, Score, Table, write_report
from ...trainers.action_different import ActionDifferent
from ...trainers.loop import TrainingState, training_steps
from ...trainers.methods import METHODS as LOSSES
from ...trainers.validation import ddim
from ..dev.server import ROOT
from ..dev.sheets import row_each
from .worlds import ACTIONS, METHODS, MiniatureWorld, OwnWorld, ablations, paired_dataset

EVIDENCE = ROOT / "evidence"
RATES = 2e-4, 5e-4, 1e-3
TUNING_SEED = 100
TAKES = 12
BATCH, STEPS = 20, 20  # of the sampler
SHOWN = 16
LARGEST = 100_000  # bytes of a file that goes into the page: tokens do, weights do not
RESAMPLES = 2000


def simulated(action, side, key_frames="held"):
    """Captioned images of the simulator's recording of an action, kept on disk."""
    from ...sim.actions import ACTIONS as PERFORMED
    from ...sim.plan import Plan
    from ...sim.record import record
    from ...sim.scene import Scene, able

    path = EVIDENCE / "recordings" / f"{_file(action)}_{_file(key_frames)}_{side}.npz"
    if not path.exists():
        scene = Scene(robot=able(action)[0], action=action, object=PERFORMED[action].objects[0])
        made = record(scene, Plan(num_episodes=TAKES, key_frames=key_frames, width=side, height=side))
        path.parent.mkdir(parents=True, exist_ok=True)
        numpy.savez(path, images=made.images, subject=made.subject, object=made.object)
    made = numpy.load(path, allow_pickle=False)
    return paired_dataset(made["images"], made["subject"], made["object"])


class Comparison:
    """One world's arms: (action, method, learning rate, training seed). Each arm's rows, images and what it trained stay on disk,
    in a folder that the checkpoint's content names.
    """

    def __init__(self, world):
        self.world, self.engine = world, world.engine
        with open(world.file, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        self.folder = EVIDENCE / f"{pathlib.Path(world.file).stem}-{content[:12]}"

    @functools.cached_property
    def prior(self):
        """What the base model draws for plain prompts, for the methods that train its weights and must not forget them."""
        learned, plain = self.world.plain()
        return InteractionDataset(
            self.draw(plain, None, TUNING_SEED), tuple((one,) for one in learned), tuple((one,) for one in plain)
        )

    def settings(self, action, method):
        """(the trainer's name of the method, its settings beside budget, learning rate and seed). An ablation is "method, what"."""
        name, _, changed = method.partition(", ")
        name = "textual-inversion" if name == "everyday images" else name
        return name, {**self.world.settings(name), **(ablations(action)[changed] if changed else {})}

    def learn(self, action, method, rate, seed):
        """The method's loss and what it trained, on the action's images."""
        name, settings = self.settings(action, method)
        dataset = self.world.everyday(action) if method == "everyday images" else simulated(action, self.world.side)
        given = []
        if name == "adi":
            given = [
                ActionDifferent.in_order(simulated(action, self.world.side, "before contact").images, len(dataset))
            ]
        if name in ("dreambooth", "custom-diffusion"):
            given = [self.prior]
        make_config, make_loss = LOSSES[name]
        config = make_config(**self.world.budget, **settings, learning_rate=rate, seed=seed)
        loss = make_loss(self.engine, dataset, config, *given)
        path = self._path("trained", action, method, rate, seed, ".safetensors")
        if not path.exists():
            state = TrainingState.begin(loss.trainable.initial())
            for _ in tqdm(training_steps(loss, state), f"{action}: {method}, seed {seed}", config.steps, leave=False):
                pass
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(
                path, safetensors_bytes({"trained": state.result}, {"config": json.dumps(config.as_dict())})
            )
        return loss, load_file(path)["trained"].to(self.engine.device)

    @torch.no_grad()
    def draw(self, prompts, vectors, seed):
        """Images (N, side, side, 3) in 0..1 of ``prompts``; the noise depends on ``seed`` alone."""
        parts, side = [], self.world.side // 8
        for start in range(0, len(prompts), BATCH):
            batch = prompts[start : start + BATCH]
            told, untold = self.engine.encode_prompts(batch, vectors), self.engine.encode_prompts([""] * len(batch))
            contexts = torch.cat([untold.expand(*told.shape[:-3], -1, -1, -1), told], dim=-3)
            noise = torch.randn(
                len(batch), 4, side, side, generator=torch.Generator().manual_seed(seed * 10_000 + start)
            )
            parts.append(self.engine.decode_latents(ddim(self.engine, noise, contexts, STEPS, self.world.guidance)))
        return torch.cat(parts)

    def judge(self, action, method, rate, seed, count=None):
        """One row an image of one method, action and training seed: a list of dicts."""
        path = self._path("rows", action, method, rate, seed, ".jsonl")
        if not path.exists():
            asked = self.world.asked(action, count or self.world.images)
            if word := self.world.word(method, action):
                images = self.draw(self.world.said(word, asked), None, seed)
            else:
                loss, trained = self.learn(action, method, rate, seed)
                with loss.trainable.adapted(trained):
                    images = self.draw(self.world.said(PLACEHOLDER, asked), loss.trainable.vectors(trained), seed)
            rows = [
                {**row, "method": method, "action": action, "seed": seed, "prompt": number}
                for number, row in enumerate(self.world.judged(images, asked, action))
            ]
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = (images.numpy() * 255).astype(numpy.uint8)
            sheets.grid(pixels[:48], 8).save(path.with_suffix(".png"))
            numpy.save(path.with_suffix(".npy"), pixels[_shown_places(len(pixels))])
            write_atomically(path, "".join(f"{json.dumps(row)}\n" for row in rows).encode())
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def best_rate(self, action, method):
        """The learning rate of ``RATES`` at which the world's wish is met most often, on a seed that is not reported."""
        if self.world.word(method, action):
            return 0.0
        rows = {rate: self.judge(*arm) for rate, arm in self.tuning(action, method).items()}
        return max(
            RATES, key=lambda rate: sum(numpy.prod([row[wish] for wish in self.world.wanted]) for row in rows[rate])
        )

    def tuning(self, action, method):
        """The arguments of ``judge`` for each rate that is tried."""
        return {rate: (action, method, rate, TUNING_SEED, self.world.images // 2) for rate in RATES}

    def shown(self, action, method, rate):
        """Images of some prompts by the first training seed, and the file of what was trained, which may not exist."""
        arm = action, method, rate, 0
        return numpy.load(self._path("rows", *arm, ".npy")), self._path("trained", *arm, ".safetensors")

    def _path(self, kind, action, method, rate, seed, suffix):
        return self.folder / kind / f"{_file(action)}_{_file(method)}_{rate:g}_{seed}{suffix}"


def interval(rows, value):
    """Mean of ``value(row)`` and its 95 % bootstrap interval. Prompts are resampled, and with each all its training seeds."""
    by_prompt = {}
    for row in rows:
        by_prompt.setdefault((row["action"], row["prompt"]), []).append(float(value(row)))
    means = numpy.array([numpy.mean(values) for values in by_prompt.values()])
    draws = numpy.random.default_rng(0).integers(len(means), size=(RESAMPLES, len(means)))
    low, high = numpy.quantile(means[draws].mean(1), (0.025, 0.975))
    return {"mean": float(means.mean()), "interval": [float(low), float(high)]}


def table(rows):
    """One entry a method, best IAScore first. Without a classifier there is no "interaction" in the rows, nor in the entries."""
    entries = []
    seen = [name for name in ("passed", "entities", "interaction") if name in rows[0]]
    for method in dict.fromkeys(row["method"] for row in rows):
        mine = [row for row in rows if row["method"] == method]
        figures = {name: interval(mine, lambda row, name=name: row[name]) for name in ("iascore", *seen)}
        if "interaction" in seen:
            figures["both"] = interval(mine, lambda row: row["entities"] and row["interaction"])
        iascore = figures.pop("iascore")
        entries.append(
            {
                "method": method.replace("-", "_"),
                "images": len(mine),
                "iascore": iascore["mean"],
                "interval": iascore["interval"],
                "pass_rate": figures["passed"]["mean"],
                **figures,
            }
        )
    return sorted(entries, key=lambda entry: -entry["iascore"])


def report(comparison, rows, rates, path):
    """Tables, images and tokens in one page, and the images of each action as a file of their own beside it."""
    world = comparison.world
    actions, methods = (list(dict.fromkeys(row[key] for row in rows)) for key in ("action", "method"))
    sections = [_shown("All actions", rows)] if len(actions) > 1 else []
    sections += [_shown(action.capitalize(), [row for row in rows if row["action"] == action]) for action in actions]
    files = []
    for action in actions:
        asked = world.said("...", world.asked(action, world.images))
        asked = [asked[place] for place in _shown_places(world.images)]
        drawn = {method: comparison.shown(action, method, rates[method]) for method in methods}
        sections.append(
            Grid(
                f"Images: {action}",
                [
                    (prompt, [Cell(method, [drawn[method][0][k]]) for method in methods])
                    for k, prompt in enumerate(asked)
                ],
                "Every so many prompts one, by the first training seed of each method, not chosen.",
            )
        )
        row_each(
            [(method, [Image.fromarray(one) for one in drawn[method][0]]) for method in methods],
            path.with_name(f"{path.stem}-{_file(action)}.png"),
        )
        for method in methods:
            if (trained := drawn[method][1]).exists() and trained.stat().st_size < LARGEST:
                files.append(
                    File(
                        f"{_file(action)}-{method}.safetensors",
                        trained.read_bytes(),
                        "what was trained, as the trainer keeps it",
                    )
                )
    settings = {
        "All methods": {
            **world.budget,
            "num_episodes": TAKES,
            "prompts": world.images,
            "base model's word": world.word("base", actions[0]),
        }
    }
    settings |= {
        f"{action}: {method}": {"learning rate": rates[method], **comparison.settings(action, method)[1]}
        for action in actions
        for method in methods
        if not world.word(method, action)
    }
    write_report(
        path,
        f"Methods compared in {world.title}",
        "Every method learned from the same simulated images and drew the same prompts "
        f"from the same noise; it was judged by {world.judged_by}.",
        sections,
        settings,
        files,
    )


def _shown(title, rows):
    columns = {"entities": "entities right", "interaction": "interaction seen", "both": "both", "passed": "passed"}
    return Table(
        title,
        [
            {
                "method": entry["method"],
                "images": entry["images"],
                "IAScore": Score(entry["iascore"], entry["interval"]),
                **{
                    shown: Score(entry[name]["mean"], entry[name]["interval"])
                    for name, shown in columns.items()
                    if name in entry
                },
            }
            for entry in table(rows)
        ],
        note="With 95 % bootstrap intervals over prompts.",
    )


def main(world, methods, actions, seeds, rate=None, name="table1", page="report"):
    rank, count = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    together = dist.barrier if dist.is_initialized() else lambda: None
    comparison = Comparison(world)
    if rank == 0:
        for action in actions:
            simulated(action, world.side), simulated(action, world.side, "before contact")
    together()
    every, first = ("base", *world.bounds, *methods), actions[0]
    learned = [method for method in every if not world.word(method, first)]
    tuning = [] if rate else [arm for method in learned for arm in comparison.tuning(first, method).values()]
    for arm in tqdm(tuning[rank::count], "learning rates", disable=rank > 0 or not sys.stderr.isatty()):
        comparison.judge(*arm)
    together()
    rates = {method: rate if rate and method in learned else comparison.best_rate(first, method) for method in every}
    arms = [(action, method, rates[method], seed) for action in actions for method in every for seed in range(seeds)]
    for arm in tqdm(arms[rank::count], "evidence", disable=rank > 0 or not sys.stderr.isatty()):
        comparison.judge(*arm)
    together()
    if rank > 0:
        return
    rows = [row for arm in arms for row in comparison.judge(*arm)]
    entries = table(rows)
    write_atomically(EVIDENCE / f"{name}.json", (json.dumps(entries, indent=1) + "\n").encode())
    report(comparison, rows, rates, EVIDENCE / f"{page}.html")
    shown = [name for name in ("entities", "interaction", "both") if name in entries[0]]
    width = 2 + max(len(entry["method"]) for entry in entries)
    print(f"{'method':{width}}{'IAScore':>9}{'95 %':>16}" + "".join(f"{name:>13}" for name in shown))
    for entry in entries:
        low, high = entry["interval"]
        print(
            f"{entry['method']:{width}}{entry['iascore']:9.3f}{f'{low:.3f}..{high:.3f}':>16}"
            + "".join(f"{entry[name]['mean']:13.3f}" for name in shown)
        )
    print(f"Look at {EVIDENCE.name}/{page}.html.")


def _shown_places(count):
    return [k * count // SHOWN for k in range(min(SHOWN, count))]


def _file(name):
    return name.replace(",", "").replace(" ", "-")


def parsed(arguments=None):
    """What ``main`` is called with."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=[*METHODS], choices=METHODS)
    parser.add_argument(
        "--ablations",
        action="store_true",
        help="instead of methods, Interactive Action with one choice changed at a time: ablations.html and ablations.json",
    )
    parser.add_argument("--actions", nargs="+", default=[*ACTIONS], choices=[*ACTIONS])
    parser.add_argument("--seeds", type=int, default=3, help="training seeds a method and action")
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
    given = parser.parse_args(arguments)
    world = (
        MiniatureWorld()
        if given.checkpoint is None
        else OwnWorld(given.checkpoint, given.detector, given.threshold, given.clip, given.pretrained, given.side)
    )
    told = {
        "world": world,
        "methods": given.methods,
        "actions": given.actions,
        "seeds": given.seeds,
        "rate": given.rate,
    }
    if given.rate:
        told |= {"name": "rate", "page": "rate"}
    if given.ablations:
        changes = ablations(given.actions[0])
        told |= {
            "methods": ["interactive-action", *(f"interactive-action, {change}" for change in changes)],
            "name": "ablations",
            "page": "ablations",
        }
    return told


if __name__ == "__main__":
    if "RANK" in os.environ:
        torch.set_num_threads(1)
        dist.init_process_group("gloo", timeout=datetime.timedelta(hours=3))
    main(**parsed())
