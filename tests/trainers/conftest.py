"""The embedded model, loaded once by ComfyUI's own loader, as a checkpoint loader node in a graph would."""

import pytest
import torch

from interactive_action.captions.dataset import InteractionDataset
from interactive_action.captions.templates import paired_prompts


@pytest.fixture(scope="session")
def checkpoint():
    """(MODEL, CLIP, VAE) of the embedded checkpoint, loaded in inference mode as ComfyUI does while it executes a graph."""
    import comfy.sd

    from interactive_action.miniature.export import FILE
    from interactive_action.nodes import miniature

    miniature.register()
    with torch.inference_mode():
        return comfy.sd.load_checkpoint_guess_config(str(FILE))[:3]


@pytest.fixture
def engine(checkpoint):
    from interactive_action.trainers.engines.comfy import ComfyEngine

    with ComfyEngine(*checkpoint) as engine:
        yield engine


@pytest.fixture(scope="session")
def dataset():
    """Four pictures of noise: enough for arithmetic."""
    y, y_and = paired_prompts(("{subject} <v*> {object}", "a photo of {subject} <v*> {object}"), "robot arm", "red cube")
    pictures = torch.rand(4, 96, 96, 3, generator=torch.Generator().manual_seed(0))
    return InteractionDataset(pictures, (y,) * 4, (y_and,) * 4)
