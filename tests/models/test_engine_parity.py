"""ComfyUI's engine and diffusers', two implementations of one model, agree.

The proof that the trainers compute what they say.
"""

import pytest
import torch

from interactive_action.miniature.weights import CHECKPOINT
from interactive_action.models.comfy_engine import ComfyEngine
from interactive_action.models.single_file import load_single_file
from interactive_action.trainers.action_different import ActionDifferent
from interactive_action.trainers.adi import ADIConfig, ADIObjective
from interactive_action.trainers.interactive_action import InteractiveActionConfig, interactive_action
from interactive_action.trainers.loop import step_generator
from interactive_action.trainers.noise_gated import NoiseGatedConfig, noise_gated
from interactive_action.trainers.p_plus import PPlusConfig, p_plus
from interactive_action.trainers.reversion import ReVersionConfig, reversion
from interactive_action.trainers.textual_inversion import TextualInversionConfig, textual_inversion

PREDICTION_TYPES = ("epsilon", "v_prediction")
WORDS = ("handling", "using", "playing with")


def adi(engine, dataset):
    others = ActionDifferent.in_order(dataset.images.flip(0).contiguous(), len(dataset))
    return ADIObjective(engine, dataset, ADIConfig(batch_size=2, initializer_token="handling"), others)


METHODS = {
    "textual inversion": lambda engine, dataset: textual_inversion(
        engine,
        dataset,
        TextualInversionConfig(batch_size=3, num_vectors=2, min_snr_gamma=5.0),
        torch.ones(4, 96, 96).triu(),
    ),
    "reversion": lambda engine, dataset: reversion(
        engine, dataset, ReVersionConfig(batch_size=3, steering_words=WORDS, initializer_token="handling")
    ),
    "interactive action": lambda engine, dataset: interactive_action(
        engine, dataset, InteractiveActionConfig(steering_words=WORDS)
    ),
    "noise gated": lambda engine, dataset: noise_gated(engine, dataset, NoiseGatedConfig(steering_words=WORDS)),
    "auxiliary_lora": lambda engine, dataset: interactive_action(
        engine,
        dataset,
        InteractiveActionConfig(steering_words=WORDS, auxiliary_lora_rank=4, literal_eq6=True, lambda_distill=10.0),
    ),
    "p plus": lambda engine, dataset: p_plus(engine, dataset, PPlusConfig(batch_size=2)),
    "adi": adi,
}


@pytest.fixture(scope="module", params=PREDICTION_TYPES)
def engines(checkpoint, request):
    """Both engines on the embedded checkpoint, whose U-Net's answer is taken for the noise or for v."""
    from comfy_extras.nodes_model_advanced import ModelSamplingDiscrete

    model, clip, vae = checkpoint
    [relabeled] = ModelSamplingDiscrete().patch(model, {"epsilon": "eps"}.get(request.param, request.param), zsnr=False)
    with ComfyEngine(relabeled, clip, vae) as comfy:
        yield comfy, load_single_file(CHECKPOINT, prediction_type=request.param)


def distance(one, other):
    """Relative, in the Euclidean norm."""
    return ((one - other).norm() / other.norm()).item()


@pytest.mark.parametrize("method", METHODS)
def test_both_engines_give_the_same_loss_and_the_same_gradient(engines, dataset, method):
    results = []
    for engine in engines:
        loss = METHODS[method](engine, dataset)
        v = torch.nn.Parameter(loss.trainable.initial() + 0.01)
        terms, gradient, _ = loss.gradient(v, step_generator(3, 0))
        results.append((terms, gradient))
    (comfy, of_comfy), (diffusers, of_diffusers) = results
    assert comfy.keys() == diffusers.keys()
    for name, value in comfy.items():
        assert value.item() == pytest.approx(diffusers[name].item(), rel=1e-4), name
    assert of_comfy.norm() > 0
    assert distance(of_comfy, of_diffusers) < 1e-4


def test_both_engines_see_the_same_words_latents_and_schedule(engines, dataset):
    comfy, diffusers = engines
    assert comfy.layers == diffusers.layers
    assert torch.equal(
        comfy.word_vectors("a robot, picking up cups (twice)"),
        diffusers.word_vectors("a robot, picking up cups (twice)"),
    )
    assert torch.allclose(comfy.schedule.alphas_cumprod, diffusers.schedule.alphas_cumprod, rtol=1e-5)
    for one, other in zip(comfy.encode_images(dataset.images), diffusers.encode_images(dataset.images)):
        assert torch.allclose(one, other, atol=1e-4)


def test_v_and_noise_are_different_things(checkpoint, dataset):
    """Otherwise the label would prove nothing."""
    z_t, t = torch.randn(1, 4, 12, 12, generator=torch.Generator().manual_seed(2)), torch.tensor([500])
    noise, v = (load_single_file(CHECKPOINT, prediction_type=kind) for kind in PREDICTION_TYPES)
    with torch.no_grad():
        context = noise.encode_prompts(["a frog and a ball"])
        assert distance(v.predict_noise(z_t, t, context), noise.predict_noise(z_t, t, context)) > 0.1
