"""The shipped workflows about edits on the real server, with small models of the real architectures in the places of the real ones."""

import json
import runpy

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from interactive_action.editor.extend import CONV_IN, PLAIN, widened
from interactive_action.miniature.export import FILE
from interactive_action.tools.demo import load_prompt, node
from interactive_action.tools.server import ROOT

JUDGES = runpy.run_path(str(ROOT / "tests" / "scoring" / "tiny_judges.py"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folders of small judges by name."""
    folder = tmp_path_factory.mktemp("judges")
    return {name: JUDGES[name](folder / name) for name in ("depth_anything", "dinov2", "sam2", "grounding_dino")}


def put_picture(path, seed, size=(64, 64)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = torch.randint(0, 256, (*size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    Image.fromarray(pixels.numpy()).save(path)


def test_an_edit_is_scored(server, folder):
    for seed, name in enumerate(("picture", "edit", "style")):
        put_picture(server.base / "input" / f"{name}.png", seed)
    prompt = load_prompt("score-an-edit")
    node(prompt, "Load Detector")[1]["inputs"].update(name=folder["grounding_dino"], threshold=0.0)
    node(prompt, "Where the edit belongs")[1]["inputs"].update(segmenter=folder["sam2"])
    node(prompt, "Editing Reward")[1]["inputs"].update(depth_model=folder["depth_anything"], encoder_model=folder["dinov2"])
    outputs = server.client().run(prompt)
    report = json.loads(outputs[node(prompt, "Report")[0]]["text"][0])
    assert report["structure"] > 0 and report["semantics"] > 0 and report["best"] == 1
    shown = outputs[node(prompt, "Score Edits")[0]]
    assert "lower is better" in shown["text"][0] and len(shown["images"]) == 1


def test_simulation_and_robot_are_compared(server):
    prompt = load_prompt("compare-simulation-and-robot")
    outputs = server.client().run(prompt)
    assert "0.083" in outputs[node(prompt, "Sim-to-Real Correlation")[0]]["text"][0]
    assert outputs[node(prompt, "Save the plot")[0]]["images"]


def test_an_edit_is_taught(server, folder):
    state = {key: value.float() if value.is_floating_point() else value for key, value in load_file(FILE).items()}
    checkpoints = server.base / "models" / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    save_file({**state, CONV_IN: widened(state[CONV_IN], PLAIN)}, checkpoints / "plain-editor.safetensors")
    for seed in range(2):
        put_picture(server.base / "input" / "pictures" / f"{seed}.png", seed)
        put_picture(server.base / "input" / "styles" / f"{seed}.png", seed + 2, (40, 56))
    prompt = load_prompt("teach-an-edit")
    node(prompt, "Extend InstructPix2Pix for Style")[1]["inputs"].update(ckpt_name="plain-editor.safetensors", name="taught-editor")
    for title in ("Pictures to practise on", "Pictures of the style"):
        node(prompt, f"{title}, 256 x 256")[1]["inputs"].update(width=64, height=64)
    node(prompt, "Editing Reward")[1]["inputs"].update(depth_model=folder["depth_anything"], encoder_model=folder["dinov2"])
    node(prompt, "Train Editor from AI Feedback")[1]["inputs"].update(steps=2, pairs=2, batch_size=4, denoising_steps=2)
    seen = []
    outputs = server.client().run(prompt, lambda key, value, maximum: seen.append((key, value, maximum)))
    trained = node(prompt, "Train Editor from AI Feedback")[0]
    assert "The loss says nothing" in outputs[trained]["text"][0]
    progress = [(value, maximum) for key, value, maximum in seen if key == trained]
    assert progress == sorted(progress) and progress[-1][0] == progress[-1][1]
    [lora] = (server.base / "output" / "loras").glob("edit*.safetensors")
    assert any(name.endswith("lora_up.weight") for name in load_file(lora))
