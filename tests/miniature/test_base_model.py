"""How the base model is trained: what a caption weighs, and going on from where it stopped."""

import torch

from interactive_action.miniature.factory import base_model as base
from interactive_action.miniature.factory.everyday_world import sample_scene
from interactive_action.miniature.factory.nonce_tokens import HIDDEN_WORDS

ROW_OF = {number: row for row, number in enumerate(base.words(), 1)}


def test_a_caption_weighs_more_only_where_it_has_a_hidden_word():
    captions = [
        "a panda and a lemon",
        f"a panda {HIDDEN_WORDS['push']} a lemon in a room",
        f"the frog {HIDDEN_WORDS['sit']} a box",
        "",
    ]
    rows = torch.tensor([base.token_rows(caption, ROW_OF) for caption in captions])
    assert base.caption_weights(rows, ROW_OF, {"push": 8.0, "sit": 3.0}).tolist() == [1, 8, 3, 1]
    assert base.caption_weights(rows, ROW_OF, {}).tolist() == [1, 1, 1, 1]


def test_training_goes_on_from_given_models_and_keeps_what_it_has(tmp_path):
    facts = [scene_facts(sample_scene(seed)) for seed in range(4)]
    latents = torch.randn(4, 4, 12, 12, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)
    start = torch.nn.ModuleList(base.build())
    given = dict(batch=2, start=start, stress=base.STRESS, progress=lambda line: None)
    assert equal(base.train(latents, facts, tmp_path / "none.pt", 0, **given), start)
    learned = base.train(latents, facts, tmp_path / "some.pt", 10, **given)
    assert not equal(learned, start)
    assert equal(base.train(latents, facts, tmp_path / "some.pt", 10, **given), learned)


def scene_facts(scene):
    return dict(
        subject=scene.subject, object=scene.object, color=scene.color, place=scene.place, relation=scene.relation
    )


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
