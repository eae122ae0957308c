"""A small InstructPix2Pix.

The embedded model with input channels for an image, of random weights. It edits nothing well.
"""

import pytest
import torch
from safetensors.torch import load_file, save_file

from interactive_action.models.style_editor.extend import ATTENTION, CONV_IN, PLAIN_CHANNELS, extend_checkpoint, widen


def plain_state():
    """The small InstructPix2Pix's tensors by name, in float32."""
    from interactive_action.miniature.weights import CHECKPOINT

    state = {key: value.float() if value.is_floating_point() else value for key, value in load_file(CHECKPOINT).items()}
    state[CONV_IN] = widen(state[CONV_IN], PLAIN_CHANNELS)
    state[CONV_IN][:, 4:] = 0.02 * torch.randn(64, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    return state


def taught_state():
    """It extended, and what extending leaves at zero made random, so that image, style and text all matter."""
    state, draw = extend_checkpoint(plain_state()), torch.Generator().manual_seed(1)
    state[CONV_IN][:, 8:] = 0.02 * torch.randn(64, 4, 3, 3, generator=draw)
    for key in ("to_out.weight", "to_out.bias"):
        state[f"{ATTENTION}{key}"] = 0.5 * torch.randn(state[f"{ATTENTION}{key}"].shape, generator=draw)
    return state


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """The files of the plain model, of it extended, of it taught, and of it taught to predict v, by these names."""
    folder = tmp_path_factory.mktemp("editors")
    states = {"plain": plain_state(), "extended": extend_checkpoint(plain_state()), "taught": taught_state()}
    states["velocity"] = {**states["taught"], "v_pred": torch.zeros(0)}
    for name, state in states.items():
        save_file(state, folder / f"{name}.safetensors")
    return {name: folder / f"{name}.safetensors" for name in states}


@pytest.fixture(scope="session")
def load(files):
    """(MODEL, CLIP, VAE) of one of the files, as ComfyUI's stock loader node gives them; each is loaded once."""
    import comfy.sd

    from interactive_action.nodes import embedded_models

    embedded_models.register()
    loaded = {}

    def load(name):
        if name not in loaded:
            with torch.inference_mode():
                loaded[name] = comfy.sd.load_checkpoint_guess_config(str(files[name]))[:3]
        return loaded[name]

    return load


@pytest.fixture
def inputs():
    """(z_t, t, image, style, context) of two images."""
    draw = torch.Generator().manual_seed(2)
    z_t, image, style = torch.randn(3, 2, 4, 12, 12, generator=draw)
    return z_t, torch.tensor([700, 200]), 5 * image, 5 * style, torch.randn(2, 77, 128, generator=draw)
