"""Every method's shipped workflow on the real server, with few steps, and layer-wise tokens in stock nodes."""

import json
from types import SimpleNamespace

import numpy
import pytest
import torch
from safetensors.torch import load_file

from interactive_action.captions.dataset import InteractionDataset
from interactive_action.errors import InteractiveActionError
from interactive_action.tests.comfyui.graphs import drawing, pixels, save_noise_dataset, training
from interactive_action.tokens.token_file import load_token
from interactive_action.tools.dev.prompts import load_prompt, node


def shortened(name, token, **more):
    """A shipped workflow that trains three steps on images of noise: (prompt, its trainer's id)."""
    prompt = load_prompt(name)
    [(key, trainer)] = [(key, value) for key, value in prompt.items() if "save_state_every" in value["inputs"]]
    trainer["inputs"].update(steps=3, batch_size=2, **more)
    if any(value["class_type"] == "InteractiveActionSaveToken" for value in prompt.values()):
        node(prompt, "Save Interactive Token")[1]["inputs"].update(name=token)
    for value in prompt.values():
        if value["class_type"] == "InteractiveActionLoadDataset":
            value["inputs"].update(name="noise")
        if value["class_type"] == "InteractiveActionRecord":
            value["inputs"].update(num_episodes=1, cameras=4, frames_per_episode=1)
    return prompt, key


def adi_on_noise(**masking):
    """The ADI trainer on a saved dataset, masked with the images of the same dataset in order."""
    graph = training(token="adi-noise")
    settings = graph["train"]["inputs"]
    for name in ("steering_words", "lambda_steer", "lambda_distill", "gamma", "positives_per_image"):
        del settings[name]
    graph["train"] = {
        "class_type": "InteractiveActionTrainADI",
        "inputs": {**settings, "gradient_mask": ["mask", 0], "layer_wise": True},
    }
    graph["mask"] = {
        "class_type": "InteractiveActionADIGradientMask",
        "inputs": {
            "dataset": ["data", 0],
            "action_different": ["data", 1],
            "beta": 0.6,
            "strategy": "intersection",
            **masking,
        },
    }
    return graph


@pytest.fixture
def models(server):
    save_noise_dataset(server.base)
    return server.base / "models"


@pytest.mark.parametrize(
    ("name", "method", "layered"),
    [
        ("train-with-textual-inversion", "textual-inversion", False),
        ("train-with-reversion", "reversion", False),
        ("train-with-noise-gating", "noise-gated", False),
        ("train-with-p-plus", "p-plus", True),
        ("train-with-adi", "adi", True),
    ],
)
def test_a_methods_workflow_trains_and_its_token_tells_where_it_came_from(client, models, name, method, layered):
    prompt, trainer = shortened(name, f"by-{method}")
    steps = []
    outputs = client.run(prompt, lambda key, value, _: key == trainer and steps.append(value))
    assert steps[-1] == 3
    folder, other = ("interactive_tokens", "embeddings") if layered else ("embeddings", "interactive_tokens")
    token = load_token(models / folder / f"by-{method}.safetensors")
    assert bool(token.layers) == layered
    assert token.provenance["interactive_action.method"] == method
    assert json.loads(token.provenance["interactive_action.hyperparameters"])["steps"] == 3
    assert not (models / other / f"by-{method}.safetensors").exists()
    if layered:
        [shown] = [value for key, value in outputs.items() if key == node(prompt, "First images with the new word")[0]]
        assert len(shown["images"]) == 4
    if method == "adi":
        assert "masks overlapped by" in outputs[trainer]["text"][0]


def test_a_saved_layer_wise_token_draws_through_the_loader_and_changes_nothing_else(client, models):
    client.run(shortened("train-with-p-plus", "layers", learning_rate=1.0)[0])

    def draw(text, loaded):
        graph = drawing(text)
        if loaded:
            graph["load"] = {
                "class_type": "InteractiveTokenLoader",
                "inputs": {
                    "model": ["ckpt", 0],
                    "clip": ["ckpt", 1],
                    "token_name": "interactive_tokens/layers.safetensors",
                },
            }
            graph["draw"]["inputs"]["model"] = ["load", 0]
            graph["yes"]["inputs"]["clip"] = graph["no"]["inputs"]["clip"] = ["load", 1]
        [image] = client.run(graph)["show"]["images"]
        return pixels(client, image)

    plain = draw("a frog and a cup", loaded=False)
    assert draw("a frog <layers> a cup", loaded=True) != draw("a frog and a cup", loaded=True)
    assert draw("a frog and a cup", loaded=False) == plain


def test_a_layer_wise_token_is_not_among_the_embeddings(client, models):
    client.run(shortened("train-with-p-plus", "apart")[0])
    assert "apart" not in client.get("/embeddings").decode()
    loader = client.nodes()["InteractiveTokenLoader"]["input"]["required"]["token_name"]
    assert "interactive_tokens/apart.safetensors" in json.dumps(loader)


@pytest.mark.parametrize(
    ("graph", "sentence"),
    [
        (adi_on_noise(strategy="most"), "most"),
        (adi_on_noise(beta=1.5), "beta"),
        (
            training(options=["options", 0])
            | {
                "options": {
                    "class_type": "InteractiveActionTrainingOptions",
                    "inputs": {
                        "grad_accumulation_steps": 0,
                        "min_snr_gamma": 0.0,
                        "ema_decay": 0.0,
                        "max_embedding_norm": 0.0,
                        "unmasked_weight": 0.0,
                    },
                }
            },
            "grad_accumulation_steps",
        ),
    ],
)
def test_bad_input_is_answered_with_a_sentence(client, models, graph, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        client.run(graph)


def test_one_mask_for_many_images_is_answered_with_a_sentence(client, models):
    graph = training(token="masked", options=["options", 0])
    graph["mask"] = {"class_type": "SolidMask", "inputs": {"value": 1.0, "width": 96, "height": 96}}
    graph["options"] = {
        "class_type": "InteractiveActionTrainingOptions",
        "inputs": {
            "grad_accumulation_steps": 2,
            "min_snr_gamma": 5.0,
            "ema_decay": 0.5,
            "max_embedding_norm": 1.5,
            "mask": ["mask", 0],
            "unmasked_weight": 0.1,
        },
    }
    with pytest.raises(InteractiveActionError, match="1 masks for 4 images"):
        client.run(graph)


class Recorded(SimpleNamespace):
    """What a recording tells of its images' contexts."""

    def __len__(self):
        return len(self.object)


def recorded(*images, seeds=(7, 8)):
    names, takes, cameras = zip(*images)
    return Recorded(
        object=numpy.array(names), episode=numpy.array(takes), camera=numpy.array(cameras), seeds=numpy.array(seeds)
    )


def test_recordings_are_matched_by_object_take_and_camera():
    from interactive_action.nodes.training_options import ADIGradientMask

    images = torch.rand(2, 8, 8, 3)
    dataset = InteractionDataset(images, (("a <v*> b",),) * 2, (("a and b",),) * 2)
    action = recorded(("red cube", 0, 0), ("blue cube", 1, 1))
    other = recorded(("blue cube", 0, 1), ("red cube", 1, 0), seeds=(8, 7))  # the same seeds, taken in another order
    different, masking = ADIGradientMask.execute(dataset, images, 0.6, "intersection", action, other).args[0]
    assert sorted(zip(different.anchors.tolist(), different.images[:, 0, 0, 0].tolist())) == [
        (0, images[1, 0, 0, 0]),
        (1, images[0, 0, 0, 0]),
    ]
    assert masking == {"beta": 0.6, "strategy": "intersection"}
    with pytest.raises(
        InteractiveActionError, match="1 images in the action-different images and 2 in their recording"
    ):
        ADIGradientMask.execute(dataset, images[:1], 0.6, "intersection", action, other)


@pytest.mark.parametrize(
    ("name", "first", "layers"),
    [
        ("train-with-dreambooth", "First images with the instance token", 56),
        ("train-with-custom-diffusion", "First images with the new word", 14),
    ],
)
def test_what_a_baseline_trains_draws_at_once_and_the_stock_loader_finds_it(
    server, client, models, name, first, layers
):
    prompt, trainer = shortened(name, name, learning_rate=0.1)
    node(prompt, "Save LoRA Weights")[1]["inputs"].update(prefix=f"loras/{name}")
    outputs = client.run(prompt)
    [shown] = [value for key, value in outputs.items() if key == node(prompt, first)[0]]
    assert len(shown["images"]) == 4
    file = f"{name}_00001_.safetensors"
    assert len(load_file(server.base / "output" / "loras" / file)) == layers * (
        2 if name == "train-with-dreambooth" else 1
    )
    graph = drawing("a frog and a cup")
    [plain] = client.run(graph)["show"]["images"]
    graph["lora"] = {
        "class_type": "LoraLoaderModelOnly",
        "inputs": {"model": ["ckpt", 0], "lora_name": file, "strength_model": 1.0},
    }
    graph["draw"]["inputs"]["model"] = ["lora", 0]
    [changed] = client.run(graph)["show"]["images"]
    assert pixels(client, changed) != pixels(client, plain)
    if name == "train-with-custom-diffusion":
        assert "Kept what scored best" in outputs[trainer]["text"][0]
