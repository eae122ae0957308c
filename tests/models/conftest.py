"""What the tests of models share."""

import pytest

from interactive_action.tests.models import tiny_transformers


@pytest.fixture(scope="session", autouse=True)
def no_models_at_exit():
    """ComfyUI's models go while ComfyUI is still there."""
    yield
    tiny_transformers.shared.cache_clear()
    tiny_transformers.small_vae.cache_clear()
