"""Training an editor inside ComfyUI.

The same numbers as in plain PyTorch, a LoRA that loads, and a MODEL that stays as it is.
"""

import json

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.models.adapters import editor_adapter
from interactive_action.models.style_editor.protocol import PlainEditor
from interactive_action.models.style_editor.single_file import load_editor
from interactive_action.scoring.editing import EditingReward
from interactive_action.trainers.d3po import D3POConfig
from interactive_action.trainers.edit_task import EditTask
from interactive_action.trainers.rlaif import D3POTraining

SETTINGS = {
    "steps": 2,
    "pairs": 2,
    "batch_size": 4,
    "denoising_steps": 2,
    "learning_rate": 1e-3,
    "rank": 2,
    "s_in": 1.0,
    "s_sty": 1.0,
    "s_T": 1.0,
}


class Brightness:
    name = "brightness"

    def to(self, device):
        pass

    def depth(self, images):
        return images.mean(-1)


class MeanColor(Brightness):
    name = "mean color"

    def encode_image(self, images):
        return torch.nn.functional.normalize(images.mean((1, 2)) + 1e-3, dim=-1)


REWARD = EditingReward(Brightness(), MeanColor())


@pytest.fixture(scope="module")
def images():
    return torch.rand(2, 64, 64, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def both(files, load):
    """The taught editor as ComfyUI runs it, and in plain PyTorch."""
    from interactive_action.models.comfy_style_editor import ComfyEditor

    with ComfyEditor(*load("taught")) as engine:
        yield engine, PlainEditor(load_editor(files["taught"]))


def test_both_engines_see_and_predict_alike(both, images):
    comfy, plain = both
    z_t, t = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1)), torch.tensor([700, 200])
    images = [engine.encode_images(images) for engine in both]
    contexts = [engine.encode_prompts(["make it wood", ""]) for engine in both]
    assert torch.allclose(comfy.alphas_cumprod, plain.alphas_cumprod, atol=1e-5)
    assert torch.allclose(*images, atol=1e-3) and torch.allclose(*contexts, atol=1e-3)
    noises = [engine.predict(z_t, t, contexts[1], images[1], images[1].flip(0)) for engine in both]
    assert torch.allclose(*noises, atol=2e-3) and noises[1].std() > 0.1
    assert torch.allclose(*(engine.decode_latents(0.5 * z_t) for engine in both), atol=2e-2)


@pytest.mark.slow
def test_both_engines_teach_alike(both, images):
    config = D3POConfig(**SETTINGS)
    task = EditTask(images, images.flip(0), "make it wood")
    gradients = []
    for engine in both:
        adapter = editor_adapter(engine.module, config.rank)
        gradient, numbers, pair = D3POTraining(engine, adapter, task, REWARD, config).step(
            adapter.start(torch.Generator().manual_seed(0)), 0
        )
        gradients.append(sorted(float(part.norm()) for part in adapter.tensors(gradient).values()))
        assert pair.better[3] <= pair.worse[3] and numbers["ties"] == 0
    assert len(gradients[0]) == len(gradients[1])
    assert sum(gradients[0]) == pytest.approx(sum(gradients[1]), rel=0.05)


@pytest.mark.slow
def test_the_node_gives_a_taught_model_a_lora_and_a_report_and_leaves_the_model_alone(load, images):
    from interactive_action.nodes.train_editor import TrainEditor

    model, clip, vae = load("extended")
    before = {name: value.clone() for name, value in model.model.diffusion_model.state_dict().items()}
    with torch.inference_mode():
        taught, lora, shown, report = TrainEditor.execute(
            model, clip, vae, images, images, REWARD, "make it wood", seed=0, **SETTINGS
        ).result
    assert all(torch.equal(value, before[name]) for name, value in model.model.diffusion_model.state_dict().items())
    assert {"diffusion_model.input_blocks.0.0.diff", "diffusion_model.style_attention.to_q.diff_b"} <= set(lora)
    assert any(name.endswith("attn2.to_q.lora_up.weight") and part.any() for name, part in lora.items())
    assert lora["diffusion_model.input_blocks.0.0.diff"][:, 8:].any()  # the style image begins to count
    changed = {name for name in lora if name.endswith((".diff", ".diff_b", ".lora_up.weight"))}
    assert len(taught.patches) == len(changed)  # nothing of the LoRA is left over
    assert shown.shape[0] == 1 and len(json.loads(report)["reward"]) == 2


@pytest.mark.slow
def test_a_run_that_was_cancelled_goes_on_and_ends_at_the_same_bits(load, images):
    import comfy.utils

    from interactive_action.nodes.train_editor import TrainEditor

    class CancelledError(BaseException):
        pass

    def cancel(value, total, preview, node_id=None):
        if value > 0.7 * total:
            raise CancelledError

    def run():
        return TrainEditor.execute(*load("taught"), images, images, REWARD, "make it gold", seed=1, **SETTINGS).result

    whole = run()
    comfy.utils.set_progress_bar_global_hook(cancel)
    try:
        with pytest.raises(CancelledError):
            run()
    finally:
        comfy.utils.set_progress_bar_global_hook(None)
    resumed = run()
    assert all(torch.equal(part, whole[1][name]) for name, part in resumed[1].items())
    assert resumed[3] == whole[3]


def test_a_model_without_style_channels_is_a_sentence(load, images):
    from interactive_action.nodes.train_editor import TrainEditor

    with pytest.raises(InteractiveActionError, match="takes 8 input channels, and an editor with a style image 12"):
        TrainEditor.execute(*load("plain"), images, images, REWARD, "make it wood", seed=0, **SETTINGS)


def test_every_input_has_a_tooltip():
    from interactive_action.nodes.train_editor import NODES

    for node in NODES:
        for given in node.define_schema().inputs:
            assert given.tooltip, (node.__name__, given.id)
