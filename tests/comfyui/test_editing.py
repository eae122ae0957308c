"""The shipped workflows about edits on the real server, with the embedded editor and judges."""

import json
import runpy

import numpy
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from interactive_action.tools.dev.prompts import fetch_images, load_prompt, node
from interactive_action.tools.dev.server import ROOT

JUDGES = runpy.run_path(str(ROOT / "tests" / "scoring" / "tiny_judges.py"))


def few_steps(prompt):
    node(prompt, "Scheduler")[1]["inputs"]["steps"] = 3
    return prompt


def save(prompt, title, source):
    """Save one more output's images, under a node of that title."""
    prompt[title] = {
        "class_type": "SaveImage",
        "inputs": {"images": source, "filename_prefix": "test"},
        "_meta": {"title": title},
    }


def save_mask(prompt, source):
    prompt["mask"] = {"class_type": "MaskToImage", "inputs": {"mask": source}, "_meta": {"title": "Mask"}}
    save(prompt, "Save the mask", ["mask", 0])


def arrays(client, outputs, prompt, *titles):
    return (
        numpy.stack([numpy.asarray(image, dtype=int) for image in fetch_images(client, outputs, prompt, title)])
        for title in titles
    )


def test_a_thing_is_made_what_a_text_and_style_images_say_by_the_file_that_the_stock_loader_takes(server):
    prompt = load_prompt("edit-with-text-and-style")
    node(prompt, "Scheduler")[1]["inputs"]["steps"] = 10
    recorded = node(prompt, "Record Interaction")[0]
    save(prompt, "Save the image", [recorded, 0])
    save_mask(prompt, [recorded, 2])
    client = server.client()
    before, after, mask = arrays(client, client.run(prompt), prompt, "Save the image", "Save the edit", "Save the mask")
    assert after.shape == before.shape == (4, 96, 96, 3)
    inside = mask[..., 0] > 127
    change = (after - before)[inside].mean(0)
    assert change[0] - change[2] > 20  # redder
    assert numpy.abs(after - before)[~inside].mean() < 25


def test_a_simulation_looks_real_where_the_thing_is_and_keeps_the_rest(server):
    prompt = few_steps(load_prompt("make-a-simulation-look-real"))
    save_mask(prompt, node(prompt, "Keep the rest")[1]["inputs"]["mask"])
    client = server.client()
    titles = "Save the simulated images", "Save the edited recording", "Save the mask"
    simulated, real, masks = arrays(client, client.run(prompt), prompt, *titles)
    inside = masks[..., 0] > 127
    assert len(real) == 5 and (real == simulated)[~inside].all()
    assert numpy.abs(real - simulated)[inside].mean() > 5


def test_edits_are_scored(server):
    prompt = few_steps(load_prompt("score-an-edit"))
    outputs = server.client().run(prompt)
    report = json.loads(outputs[node(prompt, "Report")[0]]["text"][0])
    assert report["structure"] > 0 and report["semantics"] > 0 and len(report["edits"]) == 4
    shown = outputs[node(prompt, "Score Edits")[0]]
    assert "lower is better" in shown["text"][0] and len(shown["images"]) == 4
    assert len(outputs[node(prompt, "Save the best")[0]]["images"]) == 1


def test_a_thing_is_masked(server, tmp_path):
    Image.new("RGB", (64, 64), "tan").save(server.base / "input" / "image.png")
    prompt = load_prompt("mask-a-thing")
    node(prompt, "Load Detector")[1]["inputs"].update(name=JUDGES["grounding_dino"](tmp_path / "dino"), threshold=0.0)
    node(prompt, "Grounded Mask")[1]["inputs"].update(segmenter=JUDGES["sam2"](tmp_path / "sam2"))
    assert server.client().run(prompt)[node(prompt, "Save the mask")[0]]["images"]


def test_simulation_and_robot_are_compared(server):
    prompt = load_prompt("compare-simulation-and-robot")
    outputs = server.client().run(prompt)
    assert "0.083" in outputs[node(prompt, "Sim-to-Real Correlation")[0]]["text"][0]
    assert outputs[node(prompt, "Save the plot")[0]]["images"]


def test_an_edit_is_taught(server):
    prompt = load_prompt("teach-an-edit")
    node(prompt, "Train Editor from AI Feedback")[1]["inputs"].update(steps=2, pairs=2, batch_size=4, denoising_steps=2)
    seen = []
    outputs = server.client().run(prompt, lambda key, value, maximum: seen.append((key, value, maximum)))
    trained = node(prompt, "Train Editor from AI Feedback")[0]
    assert "The loss says nothing" in outputs[trained]["text"][0]
    progress = [(value, maximum) for key, value, maximum in seen if key == trained]
    assert progress == sorted(progress) and progress[-1][0] == progress[-1][1]
    [lora] = (server.base / "output" / "loras").glob("edit*.safetensors")
    assert any(name.endswith("lora_up.weight") for name in load_file(lora))


@pytest.mark.parametrize(
    "part", ["style_attention.to_out.diff_b", "style_attention.to_v.diff", "input_blocks.0.0.diff"]
)
def test_what_a_lora_says_of_the_new_parts_counts_in_the_stock_loader(server, part):
    from interactive_action.miniature.weights import STYLE_EDITOR

    loras = server.base / "models" / "loras"
    loras.mkdir(parents=True, exist_ok=True)
    weight = load_file(STYLE_EDITOR)[
        f"model.diffusion_model.{part.replace('.diff_b', '.bias').replace('.diff', '.weight')}"
    ]
    change = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)) * weight.float().std()
    save_file({f"diffusion_model.{part}": change}, loras / f"{part}.safetensors")
    client, drawn = server.client(), []
    for strength in (0.0, 5.0):
        prompt = few_steps(load_prompt("edit-with-text-and-style"))
        guider = node(prompt, "Guider: Image + Style + Text")[1]["inputs"]
        inputs = {"model": guider["model"], "lora_name": f"{part}.safetensors", "strength_model": strength}
        prompt["lora"] = {"class_type": "LoraLoaderModelOnly", "inputs": inputs, "_meta": {"title": "Load LoRA"}}
        guider["model"] = ["lora", 0]
        drawn.append(numpy.asarray(fetch_images(client, client.run(prompt), prompt, "Save the edit")[0], dtype=int))
    assert numpy.abs(drawn[1] - drawn[0]).mean() > 0.5
