"""How the base model is trained: what a caption weighs, and going on from where it stopped."""

import pytest
import torch

from interactive_action.miniature.factory import train_base_model
from interactive_action.miniature.factory.base_model import build, vocabulary
from interactive_action.miniature.factory.everyday_world import sample_scene
from interactive_action.miniature.factory.nonce_tokens import NONCE_TOKENS


def test_a_caption_weighs_more_only_where_it_has_a_nonce_token():
    captions = [
        "a panda and a lemon",
        f"a panda {NONCE_TOKENS['push']} a lemon in a room",
        f"the frog {NONCE_TOKENS['sit']} a box",
        "",
    ]
    rows = torch.tensor([vocabulary().rows(caption) for caption in captions])
    assert train_base_model.caption_weights(rows, {"push": 8.0, "sit": 3.0}).tolist() == [1, 8, 3, 1]
    assert train_base_model.caption_weights(rows, {}).tolist() == [1, 1, 1, 1]


@pytest.mark.slow
def test_training_goes_on_from_given_models_and_keeps_what_it_has(tmp_path):
    facts = [scene_facts(sample_scene(seed)) for seed in range(4)]
    latents = torch.randn(4, 4, 12, 12, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)
    start = torch.nn.ModuleList(build())

    def train(name, steps):
        settings = train_base_model.Settings(steps, batch_size=2, nonce_weights=train_base_model.NONCE_WEIGHTS)
        return train_base_model.train(latents, facts, tmp_path / name, settings, start, log=lambda line: None)

    assert equal(train("none.pt", 0), start)
    trained = train("some.pt", 10)
    assert not equal(trained, start)
    assert equal(train("some.pt", 10), trained)


def scene_facts(scene):
    return dict(
        subject=scene.subject, object=scene.object, color=scene.color, place=scene.place, relation=scene.relation
    )


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
