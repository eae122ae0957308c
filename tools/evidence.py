"""``make evidence``: paper 000's comparison (Table 1) in the miniature world.

Every method learns every action from the same simulated pictures, with several training seeds, and is judged on the same
prompts with the same sampling noise, by models that no method ever saw. Each gets the learning rate at which it did best on
another seed and other noise. Beside the methods stand the bounds: the base model's own vague word, the hidden word that only
the world's generator knows, and a token learned from everyday pictures, where there is no gap between what is learned from
and what is drawn. What is made stays in ``evidence/``: run again, it goes on from there. One process a core works:
``torchrun --nproc-per-node N . tools.evidence``, each takes its part of the arms.
"""

import argparse
import datetime
import json
import os
import sys

import numpy
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from tqdm import tqdm

from ..captions.dataset import InteractionDataset
from ..captions.templates import PLACEHOLDER, TEMPLATES, paired_prompts
from ..files import safetensors_bytes, write_atomically
from ..miniature import check, sheets
from ..miniature.base import ddim
from ..miniature.export import FILE
from ..miniature.hidden import HIDDEN_WORDS
from ..miniature.interactions import possible
from ..miniature.judges import load_clip_scorer, load_detector, load_interaction_judge
from ..miniature.world import HELD_OUT_SEEDS, SUBJECTS, render, sample_scene
from ..scoring.iascore import score_pictures
from ..scoring.report import Cell, File, Grid, Score, Table, write_report
from ..trainers.adi import ActionDifferent
from ..trainers.engines.single_file import load_single_file
from ..trainers.loop import TrainingState, training_steps
from ..trainers.methods import METHODS
from .server import ROOT

EVIDENCE = ROOT / "evidence"
ACTIONS = {  # the simulator's name -> the world's, what CLIP is asked
    "lift overhead": ("lift", "lifting"),
    "hold in both hands": ("hold", "holding"),
}
VAGUE_WORD = "handling"
BUDGET = {"steps": 400, "batch_size": 8}  # the same for all
RATES = 2e-4, 5e-4, 1e-3
START = {"start_word": VAGUE_WORD, "timestep_law": "high noise"}
STEERED = {**START, "positives": ("handling", "using", "playing with", "with")}  # of the words for any interaction those that this world has
SETTINGS = {
    "textual-inversion": START, "reversion": STEERED, "p-plus": START, "adi": START, "interactive-action": STEERED,
    "dreambooth": {"timestep_law": "high noise"}, "custom-diffusion": START,
}
BOUNDS = ("base", "hidden word", "everyday pictures")
TUNING_SEED = 100
TAKES, SIDE = 12, 96
PICTURES = 104  # a training seed; of each creature equally many
PRIOR = 64  # pictures that the base model draws for the methods that train its weights
SHOWN = 16
LARGEST = 100_000  # bytes of a file that goes into the page: tokens do, weights do not
RESAMPLES = 2000


def simulated(action, moments="held"):
    """Captioned pictures of the simulator's recording of an action, kept on disk."""
    from ..sim.actions import ACTIONS as PERFORMED
    from ..sim.plan import Plan
    from ..sim.record import record
    from ..sim.scene import Scene, able

    path = EVIDENCE / "recordings" / f"{_file(action)}_{_file(moments)}.npz"
    if not path.exists():
        scene = Scene(robot=able(action)[0], action=action, object=PERFORMED[action].objects[0])
        made = record(scene, Plan(takes=TAKES, moments=moments, width=SIDE, height=SIDE))
        path.parent.mkdir(parents=True, exist_ok=True)
        numpy.savez(path, pictures=made.pictures, subject=made.subject, object=made.object)
    made = numpy.load(path, allow_pickle=False)
    return _dataset(made["pictures"], made["subject"], made["object"])


def everyday(relation, count=96):
    """Everyday pictures of a relation, from seeds that the base model never saw."""
    creatures = [name for name in SUBJECTS if possible(name, relation)]
    scenes = [sample_scene(HELD_OUT_SEEDS + 10_000 + k, creatures[k % len(creatures)], relation=relation) for k in range(count)]
    return _dataset([render(scene).picture for scene in scenes], [scene.subject for scene in scenes],
                    [f"{scene.color} {scene.object}".strip() for scene in scenes])


def _dataset(pictures, subjects, objects):
    student, teacher = zip(*(paired_prompts(TEMPLATES, str(who), str(what)) for who, what in zip(subjects, objects)))
    return InteractionDataset(torch.from_numpy(numpy.stack(pictures)).float() / 255, student, teacher)


def prior(engine, autoencoder):
    """What the base model draws for plain prompts, for the methods that train its weights and must not forget them."""
    asked = check.questions(PRIOR)
    pictures = draw(engine, autoencoder, check.prompts("and", asked), None, TUNING_SEED)
    prompts = tuple((prompt,) for prompt in check.prompts("and", asked))
    return InteractionDataset(pictures, tuple((prompt,) for prompt in check.prompts(PLACEHOLDER, asked)), prompts)


def learn(engine, autoencoder, action, method, rate, seed):
    """The method's loss and what it trained, on the action's pictures; the latter is kept on disk."""
    name = "textual-inversion" if method == "everyday pictures" else method
    dataset = everyday(ACTIONS[action][0]) if method == "everyday pictures" else simulated(action)
    given = []
    if method == "adi":
        given = [ActionDifferent.in_order(simulated(action, "before contact").pictures, len(dataset))]
    if method in ("dreambooth", "custom-diffusion"):
        given = [prior(engine, autoencoder)]
    make_config, make_loss = METHODS[name]
    loss = make_loss(engine, dataset, make_config(**BUDGET, **SETTINGS[name], learning_rate=rate, seed=seed), *given)
    path = EVIDENCE / "trained" / f"{_file(action)}_{_file(method)}_{rate:g}_{seed}.safetensors"
    if not path.exists():
        state = TrainingState.begin(loss.start())
        for _ in tqdm(training_steps(loss, state), f"{action}: {method}, seed {seed}", loss.config.steps, leave=False):
            pass
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, safetensors_bytes({"trained": state.result}, {"config": json.dumps(loss.config.as_dict())}))
    return loss, load_file(path)["trained"]


@torch.no_grad()
def draw(engine, autoencoder, prompts, vectors, seed):
    """Pictures (N, 96, 96, 3) in 0..1 of ``prompts``; the noise depends on ``seed`` alone."""
    parts = []
    for start in range(0, len(prompts), check.BATCH):
        batch = prompts[start : start + check.BATCH]
        told, untold = engine.encode_prompts(batch, vectors), engine.encode_prompts([""] * len(batch))
        context = torch.cat([told, untold.expand(*told.shape[:-3], -1, -1, -1)], dim=-3)
        noise = torch.randn(len(batch), 4, SIDE // 8, SIDE // 8, generator=torch.Generator().manual_seed(seed * 10_000 + start))
        parts.append(autoencoder.decode(ddim(lambda x, t, context=context: engine.predict_noise(x, t, context), noise)))
    return torch.cat(parts).clamp(0, 1).movedim(1, -1)


def judge(engine, judges, action, method, rate, seed, count=PICTURES):
    """One row a picture of one method, action and training seed: a list of dicts, kept on disk with the pictures and a sheet."""
    path = _rows(action, method, rate, seed)
    if not path.exists():
        autoencoder, detector, scorer, classifier = judges
        relation, phrase = ACTIONS[action]
        asked = check.questions(count, relation)
        if method in ("base", "hidden word"):
            word = VAGUE_WORD if method == "base" else HIDDEN_WORDS[relation]
            pictures = draw(engine, autoencoder, check.prompts(word, asked), None, seed)
        else:
            loss, trained = learn(engine, autoencoder, action, method, rate, seed)
            with loss.changed(trained):
                pictures = draw(engine, autoencoder, check.prompts(PLACEHOLDER, asked), loss.token(trained), seed)
        entities = check.judged(pictures, asked, detector, [classifier, classifier])
        scores = score_pictures(pictures, [who for who, _, _ in asked], [what for _, what, _ in asked],
                                check.prompts(phrase, asked), detector, scorer)
        rows = [{**row, "method": method, "action": action, "seed": seed, "entities": row["subject_right"] and row["object_right"],
                 "interaction": row["relation"] == relation, "passed": score.passed, "iascore": score.passed * score.cosine}
                for row, score in zip(entities, scores)]
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = (pictures.numpy() * 255).astype(numpy.uint8)
        sheets.grid(pixels[:48], 8).save(path.with_suffix(".png"))
        numpy.save(path.with_suffix(".npy"), pixels[:SHOWN])
        write_atomically(path, "".join(f"{json.dumps(row)}\n" for row in rows).encode())
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def best_rate(engine, judges, action, method):
    """The learning rate of ``RATES`` at which entities and interaction are right most often, on a seed that is not reported."""
    if method in ("base", "hidden word"):
        return 0.0
    rows = {rate: judge(engine, judges, action, method, rate, TUNING_SEED, PICTURES // 2) for rate in RATES}
    return max(RATES, key=lambda rate: sum(row["entities"] and row["interaction"] for row in rows[rate]))


def interval(rows, value):
    """Mean of ``value(row)`` and its 95 % bootstrap interval. Prompts are resampled, and with each all its training seeds."""
    by_prompt = {}
    for place, row in enumerate(rows):
        by_prompt.setdefault((row["action"], place % PICTURES), []).append(float(value(row)))
    means = numpy.array([numpy.mean(values) for values in by_prompt.values()])
    draws = numpy.random.default_rng(0).integers(len(means), size=(RESAMPLES, len(means)))
    low, high = numpy.quantile(means[draws].mean(1), (0.025, 0.975))
    return {"mean": float(means.mean()), "interval": [float(low), float(high)]}


def table(rows):
    """One entry a method, best IAScore first."""
    entries = []
    for method in dict.fromkeys(row["method"] for row in rows):
        mine = [row for row in rows if row["method"] == method]
        figures = {name: interval(mine, lambda row, name=name: row[name]) for name in ("iascore", "passed", "entities", "interaction")}
        figures["both"] = interval(mine, lambda row: row["entities"] and row["interaction"])
        entries.append({"method": method.replace("-", "_"), "pictures": len(mine), "iascore": figures["iascore"]["mean"],
                        "interval": figures["iascore"]["interval"], "pass_rate": figures["passed"]["mean"],
                        **{name: figures[name] for name in ("passed", "entities", "interaction", "both")}})
    return sorted(entries, key=lambda entry: -entry["iascore"])


def report(rows, rates, path):
    """Tables, pictures and tokens in one page."""
    actions, methods = (list(dict.fromkeys(row[key] for row in rows)) for key in ("action", "method"))
    sections = [_shown("All actions", rows)] if len(actions) > 1 else []
    sections += [_shown(action.capitalize(), [row for row in rows if row["action"] == action]) for action in actions]
    files = []
    for action in actions:
        asked = check.prompts("...", check.questions(PICTURES, ACTIONS[action][0]))[:SHOWN]
        drawn = {method: numpy.load(_rows(action, method, rates[action, method], 0).with_suffix(".npy")) for method in methods}
        sections.append(Grid(f"Pictures: {action}", [(prompt, [Cell(method, [drawn[method][k]]) for method in methods]) for k, prompt in enumerate(asked)],
                             "The first prompts and the first training seed of each method, not chosen."))
        for method in methods:
            trained = EVIDENCE / "trained" / _rows(action, method, rates[action, method], 0).with_suffix(".safetensors").name
            if trained.exists() and trained.stat().st_size < LARGEST:
                files.append(File(f"{_file(action)}-{method}.safetensors", trained.read_bytes(), "what was trained, as the trainer keeps it"))
    settings = {"All methods": {**BUDGET, "takes": TAKES, "prompts": PICTURES, "vague word": VAGUE_WORD}}
    settings |= {f"{action}: {method}": {"learning rate": rates[action, method], **SETTINGS.get(method, {})} for action in actions for method in methods}
    write_report(path, "Methods compared in the miniature world", "Every method learned from the same simulated pictures and drew the same prompts "
                 "from the same noise; a detector, a classifier and a CLIP that no method ever saw judged them.", sections, settings, files)


def _shown(title, rows):
    columns = {"IAScore": "iascore", "entities right": "entities", "interaction seen": "interaction", "both": "both", "passed": "passed"}
    return Table(title, [{"method": entry["method"], "pictures": entry["pictures"],
                          **{name: Score(entry[key], entry["interval"]) if key == "iascore" else Score(entry[key]["mean"], entry[key]["interval"])
                             for name, key in columns.items()}} for entry in table(rows)],
                 note="With 95 % bootstrap intervals over prompts.")


def main(methods, actions, seeds):
    rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    engine = load_single_file(FILE)
    judges = check.load()[2], load_detector(), load_clip_scorer(), load_interaction_judge()
    together = dist.barrier if dist.is_initialized() else lambda: None
    if rank == 0:
        for action in actions:
            simulated(action), simulated(action, "before contact")
    together()
    pairs = [(action, method) for action in actions for method in (*BOUNDS, *methods)]
    learning = [(*pair, rate) for pair in pairs if pair[1] not in ("base", "hidden word") for rate in RATES]
    for action, method, rate in tqdm(learning[rank::world], "learning rates", disable=rank > 0 or not sys.stderr.isatty()):
        judge(engine, judges, action, method, rate, TUNING_SEED, PICTURES // 2)
    together()
    rates = {pair: best_rate(engine, judges, *pair) for pair in pairs}
    arms = [(*pair, rates[pair], seed) for pair in pairs for seed in range(seeds)]
    for arm in tqdm(arms[rank::world], "evidence", disable=rank > 0 or not sys.stderr.isatty()):
        judge(engine, judges, *arm)
    together()
    if rank > 0:
        return
    rows = [row for arm in arms for row in judge(engine, judges, *arm)]
    entries = table(rows)
    write_atomically(EVIDENCE / "table1.json", (json.dumps(entries, indent=1) + "\n").encode())
    report(rows, rates, EVIDENCE / "report.html")
    print(f"{'method':20}{'IAScore':>9}{'95 %':>16}{'entities':>10}{'action':>8}{'both':>8}")
    for entry in entries:
        low, high = entry["interval"]
        print(f"{entry['method']:20}{entry['iascore']:9.3f}{f'{low:.3f}..{high:.3f}':>16}"
              + "".join(f"{entry[name]['mean']:{width}.3f}" for name, width in (("entities", 10), ("interaction", 8), ("both", 8))))
    print("Look at evidence/report.html.")


def _rows(action, method, rate, seed):
    return EVIDENCE / "rows" / f"{_file(action)}_{_file(method)}_{rate:g}_{seed}.jsonl"


def _file(name):
    return name.replace(" ", "-")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=[*SETTINGS], choices=[*SETTINGS])
    parser.add_argument("--actions", nargs="+", default=[*ACTIONS], choices=[*ACTIONS])
    parser.add_argument("--seeds", type=int, default=3, help="training seeds a method and action")
    if "RANK" in os.environ:
        torch.set_num_threads(1)
        dist.init_process_group("gloo", timeout=datetime.timedelta(hours=3))
    main(**vars(parser.parse_args()))
