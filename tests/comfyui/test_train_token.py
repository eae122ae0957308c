"""The trainer nodes with everything that plugs into them, run as ComfyUI runs them but without its server."""

import pathlib

import pytest
import torch

from interactive_action.captions.dataset import InteractionDataset
from interactive_action.errors import InteractiveActionError


@pytest.fixture
def options():
    """Samples that are judged, TensorBoard and checkpointing together."""
    from interactive_action.miniature import judges
    from interactive_action.nodes.training_options import TrainingOptionsNode
    from interactive_action.nodes.validation_images import ValidationImages

    drawing = {"sample_every": 1, "seed": 1, "steps": 2, "cfg": 4.0}
    prompts, looked_for = "a panda <v*> a cup\na frog <v*> a ball", ("panda\nfrog", "cup\nball", "picking up")
    validation = ValidationImages.execute(
        prompts, judges.load_detector(0.3), judges.load_clip_scorer(), *looked_for, **drawing
    ).args[0]
    off = {
        "grad_accumulation_steps": 1,
        "min_snr_gamma": 0.0,
        "ema_decay": 0.0,
        "max_embedding_norm": 0.0,
        "unmasked_weight": 0.0,
    }
    return TrainingOptionsNode.execute(
        **off, validation=validation, tensorboard=True, gradient_checkpointing=True
    ).args[0]


def test_weights_tokens_and_layer_wise_tokens_are_learned_sampled_scored_and_logged(checkpoint, dataset, options):
    import folder_paths

    from interactive_action.nodes import train_lora
    from interactive_action.nodes import train_token as training

    settings = {
        "action": "pick up",
        "steps": 2,
        "batch_size": 1,
        "learning_rate": 0.01,
        "seed": 0,
        "initializer_token": "with",
        "timestep_sampling": "high noise",
        "weight_decay": 0.01,
        "save_state_every": 1,
        "options": options,
    }
    instance = {**settings, "instance_token": settings["initializer_token"]}
    del instance["initializer_token"]
    with torch.inference_mode():
        prior = {"class_images": dataset.images, "class_prompt": "a man and a cup", "prior_loss_weight": 1.0}
        lora, loss, curves = train_lora.TrainDreamBooth.execute(*checkpoint, dataset, rank=4, **prior, **instance).args
        assert len(lora) == 112
        assert len(loss["loss"]) == 2
        assert curves.shape[-1] == 3
        done = train_lora.TrainCustomDiffusion.execute(
            *checkpoint, dataset, num_vectors=1, prior_loss_weight=1.0, **settings
        )
        assert len(done.args[1]) == 14
        assert "Kept what scored best" in done.ui.as_dict()["text"][0]
        assert training.TrainPPlus.execute(*checkpoint, dataset, num_vectors=1, **settings).args[0].layers == 7
    assert len(list(pathlib.Path(folder_paths.get_output_directory(), "tensorboard").iterdir())) == 3


def test_half_a_judgment_and_a_prior_without_words_are_refused(checkpoint, dataset):
    from interactive_action.miniature import judges
    from interactive_action.nodes.train_lora import TrainDreamBooth
    from interactive_action.nodes.validation_images import ValidationImages

    with pytest.raises(InteractiveActionError, match="IAScore needs both judges"):
        ValidationImages.execute("a <v*> b", judges.load_detector(0.3))
    with pytest.raises(InteractiveActionError, match="The class images have no prompt"):
        TrainDreamBooth.execute(*checkpoint, dataset, class_images=dataset.images)


@pytest.mark.parametrize("method", ["textual inversion", "adi"])
def test_the_file_that_a_trainer_writes_trains_the_same_token_without_comfyui(checkpoint, dataset, method):
    import folder_paths

    from interactive_action.nodes import train_token as training
    from interactive_action.nodes.training_options import ADIGradientMask, TrainingOptionsNode
    from interactive_action.tokens.token_file import load_token
    from interactive_action.trainers.train import train

    mask = (torch.arange(96) < 48).float().expand(4, 96, 96)
    off = {
        "grad_accumulation_steps": 1,
        "min_snr_gamma": 5.0,
        "ema_decay": 0.5,
        "max_embedding_norm": 0.0,
        "unmasked_weight": 0.0,
    }
    options = TrainingOptionsNode.execute(
        **off, mask=mask, save_every=1, cache_latents_to_disk=True, export_config="as-a-file"
    ).args[0]
    settings = {
        "action": "pick up",
        "steps": 2,
        "batch_size": 2,
        "learning_rate": 0.01,
        "seed": 0,
        "initializer_token": "with",
        "timestep_sampling": "high noise",
        "weight_decay": 0.01,
        "save_state_every": 1,
        "options": options,
        "num_vectors": 1,
    }
    dataset = InteractionDataset(
        (dataset.images * 255).round() / 255, dataset.prompts, dataset.prompts_and
    )  # as a PNG holds them
    with torch.inference_mode():
        if method == "adi":
            masking = ADIGradientMask.execute(
                dataset, dataset.images.flip(0).repeat(2, 1, 1, 1), 0.6, "intersection"
            ).args[0]
            done = training.TrainADI.execute(*checkpoint, dataset, masking, layer_wise=True, **settings)
        else:
            done = training.TrainTextualInversion.execute(*checkpoint, dataset, **settings)
    told = done.ui.as_dict()["text"][0]
    token, [saved] = done.args[0], train(told.rpartition("command line: ")[2].removesuffix("."))
    learned = load_token(saved)
    assert learned.vectors.shape == token.vectors.shape
    close = (learned.vectors - token.vectors).abs() < 1e-3 * token.vectors.abs().max()
    assert close.float().mean() > 0.99, "a channel on the edge of a mask may fall to either side"
    for name in (
        "method",
        "action",
        "hyperparameters",
        "base_model",
        "step",
    ):  # but not the dataset, which there has the masks, too
        assert learned.provenance[f"interactive_action.{name}"] == token.provenance[f"interactive_action.{name}"]
    folder = folder_paths.get_folder_paths("interactive_tokens" if method == "adi" else "embeddings")[0]
    [kept] = pathlib.Path(folder).glob("run-*/v-000001.safetensors")
    assert load_token(kept).layers == token.layers
