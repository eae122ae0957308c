"""DreamBooth and Custom Diffusion: what they train, what they leave alone, and that stock nodes load what comes out."""

import dataclasses

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.miniature.weights import CHECKPOINT
from interactive_action.models.comfy_tokens import add_tokens
from interactive_action.models.single_file import load_single_file
from interactive_action.tests.models.test_engine_parity import distance
from interactive_action.tests.trainers.tiny import TinyEngine, noise_dataset
from interactive_action.tokens.token import InteractiveToken
from interactive_action.trainers.custom_diffusion import CustomDiffusionConfig, custom_diffusion
from interactive_action.trainers.dreambooth import DreamBoothConfig, dreambooth
from interactive_action.trainers.loop import TrainingState, step_generator, training_steps
from interactive_action.trainers.textual_inversion import TextualInversionConfig, textual_inversion

DATASET, PRIOR = noise_dataset(), noise_dataset(3, seed=1)
DREAMBOOTH = DreamBoothConfig(steps=4, batch_size=2, learning_rate=0.02, instance_token="sks")
WHOLE = dataclasses.replace(DREAMBOOTH, rank=0)
CUSTOM = CustomDiffusionConfig(steps=4, batch_size=2, learning_rate=0.02, num_vectors=2)
METHODS = {
    "dreambooth": lambda engine, *given: dreambooth(engine, DATASET, DREAMBOOTH, *given),
    "dreambooth, every weight": lambda engine, *given: dreambooth(engine, DATASET, WHOLE, *given),
    "custom diffusion": lambda engine, *given: custom_diffusion(engine, DATASET, CUSTOM, *given),
}
every_method = pytest.mark.parametrize("make", METHODS.values(), ids=METHODS)


def disturbed(loss, size=0.05):
    """What is trained some way from its start, where the changes are no longer nothing."""
    start = loss.trainable.initial()
    return start + size * torch.randn(start.shape, generator=torch.Generator().manual_seed(1)).to(start)


@every_method
def test_the_gradient_is_that_of_finite_differences(make):
    loss = make(TinyEngine(dtype=torch.float64), PRIOR)
    trained = torch.nn.Parameter(disturbed(loss).double())
    _, gradient, movable = loss.gradient(trained, step_generator(0, 0))
    direction = torch.randn(trained.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    step = 1e-4 * direction
    ahead, behind = (
        loss.gradient(torch.nn.Parameter(trained + way * step), step_generator(0, 0))[0]["total"] for way in (1, -1)
    )
    assert ((ahead - behind) / 2e-4).item() == pytest.approx((gradient * direction).sum().item(), rel=1e-3)
    assert movable.all()


@every_method
def test_training_lowers_the_loss_and_leaves_the_models_weights_alone(make):
    loss = make(TinyEngine())
    before = [layer.weight.clone() for layer in loss.engine.projections]
    state = TrainingState.begin(loss.trainable.initial())
    loss.config = dataclasses.replace(loss.config, steps=60)
    for _ in training_steps(loss, state):
        pass
    assert sum(state.losses["total"][-15:]) < sum(state.losses["total"][:15])
    assert all(torch.equal(layer.weight, weight) for layer, weight in zip(loss.engine.projections, before))
    assert all(type(layer.weight) is torch.nn.Parameter for layer in loss.engine.projections)


@every_method
def test_at_its_start_it_changes_nothing(make):
    """One seed draws the same for every method, so that the first loss is Textual Inversion's with the same word."""
    loss = make(TinyEngine())
    settings = loss.config.as_dict()
    word = settings.get("instance_token") or settings["initializer_token"]
    config = TextualInversionConfig(batch_size=2, initializer_token=word, num_vectors=settings.get("num_vectors", 1))
    plain = textual_inversion(TinyEngine(), DATASET, config)
    first = loss.gradient(torch.nn.Parameter(loss.trainable.initial()), step_generator(0, 0))[0]["total"]
    assert first.item() == pytest.approx(
        plain.losses(plain.trainable.initial(), step_generator(0, 0))["total"].item(), rel=1e-5
    )


def test_dreambooth_says_the_rare_word_where_v_is_written():
    loss = METHODS["dreambooth"](TinyEngine())
    spoken = loss.engine.encode_prompts(["a frog <v*> a cup"], loss.trainable.vectors(None))
    assert torch.equal(spoken, loss.engine.encode_prompts(["a frog sks a cup"]))
    assert not loss.trainable.trains_token


def test_the_prior_is_a_term_of_its_own_with_its_weight():
    loss = dreambooth(TinyEngine(), DATASET, dataclasses.replace(DREAMBOOTH, prior_loss_weight=0.5), PRIOR)
    losses = loss.gradient(torch.nn.Parameter(loss.trainable.initial()), step_generator(0, 0))[0]
    assert losses["total"].item() == pytest.approx((losses["denoise"] + 0.5 * losses["prior"]).item(), rel=1e-6)
    assert (
        "prior"
        not in METHODS["dreambooth"](TinyEngine()).gradient(
            torch.nn.Parameter(loss.trainable.initial()), step_generator(0, 0)
        )[0]
    )


def test_custom_diffusion_trains_the_token_and_cross_attentions_keys_and_values_alone():
    loss = METHODS["custom diffusion"](TinyEngine(layers=3, width=12))
    trained = torch.nn.Parameter(disturbed(loss))
    _, gradient, _ = loss.gradient(trained, step_generator(0, 0))
    assert loss.trainable.vectors(trained).shape == (2, 12)
    assert len(trained) == 2 * 12 + 6 * 12 * 12
    assert loss.trainable.vectors(gradient).norm() > 0
    assert sorted(loss.trainable.lora_tensors(trained)) == sorted(
        f"lora_unet_down_blocks_{layer}_attn2_to_{kind}.diff" for layer in range(3) for kind in "kv"
    )


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: DreamBoothConfig(rank=-1), "rank is -1. It must be at least 0"),
        (lambda: DreamBoothConfig(prior_loss_weight=-1.0), "prior_loss_weight is -1"),
        (
            lambda: dreambooth(TinyEngine(), DATASET, dataclasses.replace(DREAMBOOTH, instance_token=" ")),
            "instance token is empty",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(make, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        make()


ON_THE_EMBEDDED_MODEL = {
    "dreambooth": lambda engine, dataset: dreambooth(engine, dataset, DreamBoothConfig(instance_token="with"), dataset),
    "dreambooth, every weight": lambda engine, dataset: dreambooth(
        engine, dataset, DreamBoothConfig(instance_token="with", rank=0)
    ),
    "custom diffusion": lambda engine, dataset: custom_diffusion(
        engine, dataset, CustomDiffusionConfig(initializer_token="with"), dataset
    ),
}


@pytest.mark.parametrize("make", ON_THE_EMBEDDED_MODEL.values(), ids=ON_THE_EMBEDDED_MODEL)
def test_both_engines_agree_and_stock_nodes_draw_with_what_was_trained(checkpoint, engine, dataset, make):
    import comfy.sd

    loss, oracle = make(engine, dataset), make(load_single_file(CHECKPOINT), dataset)
    trained = disturbed(loss, 0.03)
    assert loss.trainable.lora_tensors(trained).keys() == oracle.trainable.lora_tensors(trained).keys()
    (one, of_one, _), (other, of_other, _) = (
        each.gradient(torch.nn.Parameter(trained.clone()), step_generator(3, 0)) for each in (loss, oracle)
    )
    assert one["total"].item() == pytest.approx(other["total"].item(), rel=1e-4)
    assert of_one.norm() > 0
    assert distance(of_one, of_other) < 1e-4

    z_t, t = torch.randn(1, 4, 12, 12, generator=torch.Generator().manual_seed(2)), torch.tensor([700])
    with torch.no_grad():
        plain = engine.predict_noise(
            z_t, t, engine.encode_prompts(["a frog <v*> a ball"], loss.trainable.vectors(trained))
        )
        with loss.trainable.adapted(trained):
            changed = engine.predict_noise(
                z_t, t, engine.encode_prompts(["a frog <v*> a ball"], loss.trainable.vectors(trained))
            )
        model, clip, _ = checkpoint
        clip = add_tokens(clip, [InteractiveToken("lift", loss.trainable.vectors(trained))])
        context = clip.encode_from_tokens(clip.tokenize("a frog <lift> a ball"))
        model, _ = comfy.sd.load_lora_for_models(model, None, loss.trainable.lora_tensors(trained), 1.0, 0.0)
        comfy.model_management.load_models_gpu([model])
        sigma = model.model.model_sampling.sigmas[t]
        noisy = z_t * (1 + sigma**2).sqrt()
        stock = (noisy - model.model.apply_model(noisy, sigma, c_crossattn=context)) / sigma
        comfy.model_management.load_models_gpu([checkpoint[0]])  # takes the LoRA's patches back
    assert torch.allclose(stock, changed, atol=1e-3)
    assert not torch.allclose(plain, changed, atol=1e-2)
