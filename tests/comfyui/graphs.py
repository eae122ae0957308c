"""Small graphs in ComfyUI's API format that several server tests build on."""

import io

import torch
from PIL import Image

from interactive_action.captions.dataset import InteractionDataset

CHECKPOINT = "interactive-action-miniature.safetensors"


def save_noise_dataset(base, name="noise"):
    """A dataset of four images of noise in the server's dataset folder, for tests in which only mechanics count."""
    folder = base / "datasets" / "interactive_action" / name
    if not folder.exists():
        images = torch.rand(4, 96, 96, 3, generator=torch.Generator().manual_seed(0))
        InteractionDataset(images, (("a frog <v*> a cup",),) * 4, (("a frog and a cup",),) * 4).save(folder)
    return name


def pixels(client, file):
    """The pixels of an image that the server saved.

    Its file also holds the graph, so that equal images differ as files.
    """
    return Image.open(io.BytesIO(client.view(file))).convert("RGB").tobytes()


def training(dataset="noise", token="token", **settings):
    """Load the checkpoint and a saved dataset, train, save the token."""
    settings = {
        "action": "pick up",
        "steps": 6,
        "batch_size": 2,
        "learning_rate": 0.01,
        "seed": 1,
        "initializer_token": "handling",
        "timestep_sampling": "high noise",
        "steering_words": "handling\nusing",
        "lambda_steer": 0.01,
        "lambda_distill": 0.2,
        "gamma": 0.07,
        "positives_per_image": 4,
        "num_vectors": 1,
        "weight_decay": 0.01,
        "save_state_every": 5,
        **settings,
    }
    return {
        "ckpt": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": CHECKPOINT}},
        "data": {"class_type": "InteractiveActionLoadDataset", "inputs": {"name": dataset}},
        "train": {
            "class_type": "InteractiveActionTrainToken",
            "inputs": {
                "model": ["ckpt", 0],
                "clip": ["ckpt", 1],
                "vae": ["ckpt", 2],
                "dataset": ["data", 0],
                **settings,
            },
        },
        "save": {
            "class_type": "InteractiveActionSaveToken",
            "inputs": {"token": ["train", 0], "name": token, "overwrite": True, "license": ""},
        },
    }


def drawing(text="a panda and a cup", seed=1):
    """Load the checkpoint and draw one image with stock nodes."""
    return {
        "ckpt": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": CHECKPOINT}},
        "yes": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["ckpt", 1], "text": text}},
        "no": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["ckpt", 1], "text": ""}},
        "latent": {"class_type": "EmptyLatentImage", "inputs": {"width": 96, "height": 96, "batch_size": 1}},
        "draw": {
            "class_type": "KSampler",
            "inputs": {
                "model": ["ckpt", 0],
                "positive": ["yes", 0],
                "negative": ["no", 0],
                "latent_image": ["latent", 0],
                "seed": seed,
                "steps": 4,
                "cfg": 4.0,
                "sampler_name": "ddim",
                "scheduler": "normal",
                "denoise": 1.0,
            },
        },
        "decode": {"class_type": "VAEDecode", "inputs": {"samples": ["draw", 0], "vae": ["ckpt", 2]}},
        "show": {"class_type": "PreviewImage", "inputs": {"images": ["decode", 0]}},
    }
