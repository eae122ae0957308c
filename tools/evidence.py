"""``make evidence``: paper 000's comparison (Table 1) in the miniature world.

Every method learns every action from the same simulated pictures, with several training seeds, and is judged on the same
prompts with the same sampling noise, by models that no method ever saw. Beside the methods stand the bounds: the base
model's own vague word, the hidden word that only the world's generator knows, and a token learned from everyday pictures,
where there is no gap between what is learned from and what is drawn. What is made stays in ``evidence/``: run again, it
goes on from there.
"""

import argparse
import json
import sys

import numpy
import torch
from safetensors.torch import load_file
from tqdm import tqdm

from ..captions.dataset import InteractionDataset
from ..captions.templates import PLACEHOLDER, TEMPLATES, paired_prompts
from ..captions.words import ACTION_WORDS
from ..files import safetensors_bytes, write_atomically
from ..miniature import check, sheets
from ..miniature.base import ddim
from ..miniature.export import FILE
from ..miniature.hidden import HIDDEN_WORDS
from ..miniature.interactions import possible
from ..miniature.judges import load_clip_scorer, load_detector, load_interaction_judge
from ..miniature.world import HELD_OUT_SEEDS, SUBJECTS, render, sample_scene
from ..scoring.iascore import score_pictures
from ..trainers.adi import ActionDifferent
from ..trainers.engines.single_file import load_single_file
from ..trainers.loop import TrainingState, training_steps
from ..trainers.methods import METHODS
from .server import ROOT

EVIDENCE = ROOT / "evidence"
ACTIONS = {  # the simulator's name -> the world's, another action of the same scenes, what CLIP is asked
    "pick up": ("lift", "push", "picking up"),
    "push": ("push", "pick up", "pushing"),
}
VAGUE_WORD = "handling"
BUDGET = {"steps": 200, "batch_size": 8, "learning_rate": 1e-3}  # the same for all
START = {"start_word": VAGUE_WORD, "timestep_law": "high noise"}
STEERED = {**START, "positives": ACTION_WORDS["any interaction"]}
SETTINGS = {
    "textual-inversion": START, "reversion": STEERED, "p-plus": START, "adi": START, "interactive-action": STEERED,
}
BOUNDS = ("base", "hidden word", "everyday pictures")
TAKES, SIDE = 12, 96
PICTURES = 104  # a training seed; of each creature equally many
RESAMPLES = 2000


def recorded(action):
    """The simulator's recording of an action, kept on disk: pictures uint8 (N, 96, 96, 3), subjects and objects (N,)."""
    from ..sim.plan import Plan
    from ..sim.record import record
    from ..sim.scene import Scene

    path = EVIDENCE / "recordings" / f"{_file(action)}.npz"
    if not path.exists():
        made = record(Scene(action=action), Plan(takes=TAKES, width=SIDE, height=SIDE))
        path.parent.mkdir(parents=True, exist_ok=True)
        numpy.savez(path, pictures=made.pictures, subject=made.subject, object=made.object)
    return numpy.load(path, allow_pickle=False)


def simulated(action):
    made = recorded(action)
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


def learn(engine, action, method, seed):
    """The vectors that a method learns of an action, (n, d) or (L, n, d) for one a layer; kept on disk."""
    path = EVIDENCE / "tokens" / f"{_file(action)}_{_file(method)}_{seed}.safetensors"
    if not path.exists():
        relation, other, _ = ACTIONS[action]
        name = "textual-inversion" if method == "everyday pictures" else method
        dataset = everyday(relation) if method == "everyday pictures" else simulated(action)
        extra = [ActionDifferent.in_order(simulated(other).pictures, len(dataset))] if method == "adi" else []
        make_config, make_loss = METHODS[name]
        loss = make_loss(engine, dataset, make_config(**BUDGET, **SETTINGS[name], seed=seed), *extra)
        state = TrainingState.begin(loss.start())
        for _ in tqdm(training_steps(loss, state), f"{action}: {method}, seed {seed}", loss.config.steps, leave=False):
            pass
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, safetensors_bytes({"vectors": state.vectors}, {"config": json.dumps(loss.config.as_dict())}))
    return load_file(path)["vectors"]


@torch.no_grad()
def draw(engine, autoencoder, word, vectors, asked, seed):
    """Pictures (N, 96, 96, 3) in 0..1 of what is ``asked`` (subject, object, colour); the noise depends on ``seed`` alone."""
    parts = []
    for start in range(0, len(asked), check.BATCH):
        prompts = check.prompts(word, asked[start : start + check.BATCH])
        told, untold = engine.encode_prompts(prompts, vectors), engine.encode_prompts([""] * len(prompts))
        context = torch.cat([told, untold.expand(*told.shape[:-3], -1, -1, -1)], dim=-3)
        noise = torch.randn(len(prompts), 4, SIDE // 8, SIDE // 8, generator=torch.Generator().manual_seed(seed * 10_000 + start))
        parts.append(autoencoder.decode(ddim(lambda x, t, context=context: engine.predict_noise(x, t, context), noise)))
    return torch.cat(parts).clamp(0, 1).movedim(1, -1)


def judge(engine, judges, action, method, seed):
    """One row a picture of one method, action and training seed: a list of dicts, kept on disk with a sheet."""
    path = EVIDENCE / "rows" / f"{_file(action)}_{_file(method)}_{seed}.jsonl"
    if not path.exists():
        autoencoder, detector, scorer, classifier = judges
        relation, _, phrase = ACTIONS[action]
        words = {"base": VAGUE_WORD, "hidden word": HIDDEN_WORDS[relation]}
        vectors = None if method in words else learn(engine, action, method, seed)
        asked = check.questions(PICTURES, relation)
        pictures = draw(engine, autoencoder, words.get(method, PLACEHOLDER), vectors, asked, seed)
        entities = check.judged(pictures, asked, detector, [classifier, classifier])
        scores = score_pictures(pictures, [who for who, _, _ in asked], [what for _, what, _ in asked],
                                check.prompts(phrase, asked), detector, scorer)
        rows = [{**row, "method": method, "action": action, "seed": seed, "entities": row["subject_right"] and row["object_right"],
                 "interaction": row["relation"] == relation, "passed": score.passed, "iascore": score.passed * score.cosine}
                for row, score in zip(entities, scores)]
        path.parent.mkdir(parents=True, exist_ok=True)
        sheets.grid((pictures[:48].numpy() * 255).astype(numpy.uint8), 8).save(path.with_suffix(".png"))
        write_atomically(path, "".join(f"{json.dumps(row)}\n" for row in rows).encode())
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


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
                        **{name: figures[name] for name in ("entities", "interaction", "both")}})
    return sorted(entries, key=lambda entry: -entry["iascore"])


def main(methods, actions, seeds):
    engine = load_single_file(FILE)
    judges = check.load()[2], load_detector(), load_clip_scorer(), load_interaction_judge()
    arms = [(action, method, seed) for action in actions for method in (*BOUNDS, *methods)
            for seed in range(seeds)]
    rows = []
    for action, method, seed in tqdm(arms, "evidence", disable=not sys.stderr.isatty()):
        rows += judge(engine, judges, action, method, seed)
    entries = table(rows)
    write_atomically(EVIDENCE / "table1.json", (json.dumps(entries, indent=1) + "\n").encode())
    print(f"{'method':20}{'IAScore':>9}{'95 %':>16}{'entities':>10}{'action':>8}{'both':>8}")
    for entry in entries:
        low, high = entry["interval"]
        print(f"{entry['method']:20}{entry['iascore']:9.3f}{f'{low:.3f}..{high:.3f}':>16}"
              + "".join(f"{entry[name]['mean']:{width}.3f}" for name, width in (("entities", 10), ("interaction", 8), ("both", 8))))


def _file(name):
    return name.replace(" ", "-")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=[*SETTINGS], choices=[*SETTINGS])
    parser.add_argument("--actions", nargs="+", default=[*ACTIONS], choices=[*ACTIONS])
    parser.add_argument("--seeds", type=int, default=3, help="training seeds a method and action")
    main(**vars(parser.parse_args()))
