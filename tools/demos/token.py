"""``make demo``: teach a token an action from simulation on the embedded models, use it, score it. Offline, on a CPU.

The real ComfyUI runs the shipped workflows through its headless API, as a lab's script would; only names, prompts
and seeds are changed from one run to the next.
"""

import copy
import importlib.metadata
import json
import pathlib
import platform
import shutil
import sys
import time

import numpy
import torch
from PIL import Image
from tqdm import tqdm

from ..dev.server import ROOT, ComfyServer, comfyui_version
from ..dev.sheets import before_and_after, contact_sheet

PROMPTS = ROOT / "workflows" / "api"
DEMO = ROOT / "demo"
TOKEN = "pick-up"
PLAIN_WORD = "handling"  # the base model's own best word; v* starts from it
PHRASE = "picking up"  # what CLIP is asked, for both
RELATION = "lift"  # what the embedded classifier calls it
PAIRS = (
    ("panda", "strawberry"),
    ("penguin", "lemon"),
    ("frog", "cup"),
    ("monkey", "red ball"),
    ("man", "lamp"),
    ("woman", "blue box"),
    ("elephant", "strawberry"),
    ("robot", "yellow ball"),
)
IMAGES_PER_PAIR = 8
TEACH_SHARE = 0.7  # of the run's time, for the progress bar


def load_prompt(name):
    """A shipped workflow in the API's format, by the name of its file."""
    return json.loads((PROMPTS / f"{name}.json").read_text(encoding="utf-8"))


def node(prompt, title):
    """(id, node) of the node called ``title``."""
    [found] = [(key, value) for key, value in prompt.items() if value["_meta"]["title"] == title]
    return found


def run(client, prompt, bar, share):
    """Run ``prompt``; the bar advances by ``share`` of its total in all. Returns what its nodes show."""
    weights = {
        key: 30 if "Train" in value["class_type"] else 10 if "Record" in value["class_type"] else 1
        for key, value in prompt.items()
    }
    shares = {key: share * weight / sum(weights.values()) for key, weight in weights.items()}
    start, done = bar.n, {}

    def advance(node_id, value, maximum):
        done[node_id] = shares[node_id] * value / max(maximum, 1)
        bar.set_description(prompt[node_id]["_meta"]["title"], refresh=False)
        bar.update(start + sum(done.values()) - bar.n)

    outputs = client.run(prompt, advance)
    bar.update(start + share - bar.n)
    return outputs


def images(client, outputs, prompt, title):
    """The images that the node called ``title`` saved."""
    import io

    return [
        Image.open(io.BytesIO(client.view(file))).convert("RGB") for file in outputs[node(prompt, title)[0]]["images"]
    ]


def article(name):
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def teach(client, bar):
    """Record, caption, train and save; returns the token's file and word, and writes the images of it."""
    prompt = load_prompt("teach-an-action-from-simulation")
    outputs = run(client, prompt, bar, TEACH_SHARE)
    contact_sheet(images(client, outputs, prompt, "Save the simulated images"), DEMO / "simulated.png")
    images(client, outputs, prompt, "Save the loss curves")[0].save(DEMO / "loss.png")
    [trigger_word] = outputs[node(prompt, "Trigger word")[0]]["text"]
    return trigger_word


def use(client, bar, trigger_word, share):
    """Draw every pair with plain words and with the token, same seeds; returns the rows for the grid and both reports."""
    rows, reports = [], {"plain words": [], "token": []}
    for number, (subject, object) in enumerate(PAIRS):
        prompt = copy.deepcopy(load_prompt("use-a-token"))
        node(prompt, "Interactive Token Loader")[1]["inputs"]["token_name"] = f"{trigger_word.strip('<>')}.safetensors"
        for kind, word in (("plain words", PLAIN_WORD), ("token", trigger_word)):
            where = "with the token" if kind == "token" else "with plain words"
            node(prompt, f"Prompt {where}")[1]["inputs"]["text"] = f"{article(subject)} {word} {article(object)}"
            node(prompt, f"Draw {where}")[1]["inputs"]["seed"] = number
            node(prompt, f"IAScore {where}")[1]["inputs"].update(
                subject=subject, object=object.split()[-1], text=f"{article(subject)} {PHRASE} {article(object)}"
            )
        node(prompt, "Empty Latent")[1]["inputs"]["batch_size"] = IMAGES_PER_PAIR
        outputs = run(client, prompt, bar, share / len(PAIRS))
        drawn = {}
        for kind, scored in reports.items():
            drawn[kind] = images(client, outputs, prompt, f"Save ({kind})")
            scored.append(json.loads(outputs[node(prompt, f"Report ({kind})")[0]]["text"][0]))
        rows.append((f"{article(subject)} ... {article(object)}", drawn["plain words"], drawn["token"]))
    return rows, reports


def mean(reports, score):
    """A score over all images; every prompt has the same number of them."""
    return sum(report["scores"][score] for report in reports) / len(reports)


def happens(rows, column):
    """The share of images in which the embedded classifier, which no token ever saw, sees the action."""
    from ...miniature.judges import load_interaction_judge

    drawn = numpy.stack([numpy.asarray(image) for row in rows for image in row[column]])
    named = load_interaction_judge().classify(torch.from_numpy(drawn).float() / 255)
    return named.count(RELATION) / len(named)


def main():
    started = time.monotonic()
    DEMO.mkdir(exist_ok=True)
    with (
        tqdm(total=1.0, bar_format="{percentage:3.0f}% |{bar}| {elapsed} {desc}", desc="ComfyUI starts") as bar,
        ComfyServer(ROOT / "serve") as server,
    ):
        client = server.client()
        trigger_word = teach(client, bar)
        rows, reports = use(client, bar, trigger_word, 1 - TEACH_SHARE)
    token = pathlib.Path(f"{trigger_word.strip('<>')}.safetensors")
    shutil.copyfile(ROOT / "serve" / "models" / "embeddings" / token, DEMO / f"{TOKEN}.safetensors")
    before_and_after(rows, f'"{PLAIN_WORD}"', trigger_word, DEMO / "before_after.png")
    summary = {
        "token": f"{TOKEN}.safetensors",
        "trigger_word": trigger_word,
        "plain_word": PLAIN_WORD,
        "images": len(PAIRS) * IMAGES_PER_PAIR,
        "iascore_before": mean(reports["plain words"], "iascore_cosine"),
        "iascore_after": mean(reports["token"], "iascore_cosine"),
        "pass_rate_before": mean(reports["plain words"], "pass_rate"),
        "pass_rate_after": mean(reports["token"], "pass_rate"),
        "both_found_before": mean(reports["plain words"], "both_found"),
        "both_found_after": mean(reports["token"], "both_found"),
        "action_seen_before": happens(rows, 1),
        "action_seen_after": happens(rows, 2),
        "seconds": round(time.monotonic() - started, 1),
        "versions": {
            "comfyui": comfyui_version(),
            "python": platform.python_version(),
            **{
                name: importlib.metadata.version(name)
                for name in ("torch", "sapien", "transformers", "open_clip_torch")
            },
        },
    }
    (DEMO / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(summary, indent=1))
    print(
        f"\nLook at demo/before_after.png (same prompts and seeds without and with the token), demo/simulated.png (what it\n"
        f"learned from) and demo/loss.png. The token is demo/{TOKEN}.safetensors. To use it in the web page: make serve,\n"
        f"open the address it prints, choose the template 'Use a token' and write {trigger_word} in a prompt."
    )


if __name__ == "__main__":
    sys.exit(main())
