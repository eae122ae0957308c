"""What the tests of models share."""

import pytest
import torch

from interactive_action.captions.dataset import InteractionDataset
from interactive_action.tests.models import tiny_transformers
from interactive_action.tests.models.tiny_transformers import FAMILIES, shared


@pytest.fixture(scope="session", autouse=True)
def no_models_at_exit():
    """ComfyUI's models go while ComfyUI is still there."""
    yield
    tiny_transformers.shared.cache_clear()
    tiny_transformers.small_vae.cache_clear()


@pytest.fixture(scope="module", params=FAMILIES)
def small(request):
    """(MODEL, CLIP, VAE) of each family in turn."""
    return shared(request.param)


@pytest.fixture(scope="module")
def small_dataset():
    """Three images, whose prompts are of different length."""
    images = torch.rand(3, 32, 32, 3, generator=torch.Generator().manual_seed(0))
    prompts = (("a frog <v*> a red cup",), ("a photo of a frog <v*> a ball on a table",), ("a frog <v*> a cup",))
    return InteractionDataset(images, prompts, tuple((p.replace("<v*>", "and"),) for (p,) in prompts))
