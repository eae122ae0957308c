"""A token's file: readable by everybody, reproducible, and never half written."""

import json
import os
import subprocess
import sys

import pytest
import safetensors
import safetensors.torch
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.tokens.token import InteractiveToken
from interactive_action.tokens.token_file import load_token, save_token

VECTORS = torch.arange(8.0).reshape(2, 4)


def token(name="pick-up"):
    return InteractiveToken(name, VECTORS, {"interactive_action.action": "pick up", "interactive_action.seed": "7"})


def test_a_token_comes_back_as_it_was_saved(tmp_path):
    loaded = load_token(save_token(token(), tmp_path))
    assert torch.equal(loaded.vectors, VECTORS)
    assert loaded.trigger_word == "<pick-up>"
    assert loaded.provenance["interactive_action.action"] == "pick up"


def test_the_file_holds_exactly_one_tensor_called_as_the_word(tmp_path):
    path = save_token(token(), tmp_path)
    tensors = safetensors.torch.load_file(path)
    assert list(tensors) == ["<pick-up>"]
    assert tensors["<pick-up>"].dtype == torch.float32


def test_comfyuis_own_embedding_loader_reads_it(tmp_path):
    from comfy.sd1_clip import load_embed

    save_token(token(), tmp_path)
    assert torch.equal(load_embed("pick-up", [str(tmp_path)], 4, "clip_l"), VECTORS)


def test_diffusers_own_loader_reads_it_as_two_tokens(tmp_path):
    from diffusers.loaders.textual_inversion import load_textual_inversion_state_dicts

    path = save_token(token(), tmp_path)
    [state] = load_textual_inversion_state_dicts([str(path)], weight_name=None)
    assert list(state) == ["<pick-up>"]
    assert torch.equal(state["<pick-up>"], VECTORS)


def test_equal_tokens_are_equal_files_in_every_process(tmp_path):
    script = (
        "import runpy, sys; runpy.run_path(sys.argv[1])['enter_pack']()\n"
        "import torch\n"
        "from interactive_action.tokens.token_file import save_token\n"
        "from interactive_action.tokens.token import InteractiveToken\n"
        "provenance = {f'key{i}': str(i) for i in range(9)}\n"
        "save_token(InteractiveToken('pick-up', torch.ones(1, 4), provenance), sys.argv[2])\n"
    )
    main = os.path.join(os.path.dirname(__file__), "..", "..", "__main__.py")
    for folder in ("one", "two"):
        subprocess.run([sys.executable, "-c", script, main, str(tmp_path / folder)], check=True)
    one, two = ((tmp_path / folder / "pick-up.safetensors").read_bytes() for folder in ("one", "two"))
    assert one == two


def test_an_existing_file_is_kept_and_the_next_free_name_is_taken(tmp_path):
    first = save_token(token(), tmp_path)
    second = save_token(token(), tmp_path)
    third = save_token(token(), tmp_path)
    assert [path.name for path in (first, second, third)] == [
        "pick-up.safetensors",
        "pick-up-2.safetensors",
        "pick-up-3.safetensors",
    ]
    assert load_token(third).trigger_word == "<pick-up-3>"


def test_overwriting_happens_only_when_told_to(tmp_path):
    save_token(token(), tmp_path)
    path = save_token(InteractiveToken("pick-up", torch.zeros(1, 4)), tmp_path, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["pick-up.safetensors"]
    assert load_token(path).vectors.sum() == 0


@pytest.mark.parametrize("name", ["../pick-up", "a/b", "..", "", ".hidden", "C:\\x", "pick\nup"])
def test_a_name_that_leads_elsewhere_is_refused_and_leaves_nothing(name, tmp_path):
    with pytest.raises(InteractiveActionError, match="cannot be called"):
        save_token(token(name), tmp_path / "embeddings")
    assert not list(tmp_path.rglob("*"))


def test_a_failed_write_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = save_token(token(), tmp_path)
    old = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("No space left on device")))
    with pytest.raises(InteractiveActionError, match="No space left"):
        save_token(InteractiveToken("pick-up", torch.zeros(1, 4)), tmp_path, overwrite=True)
    assert path.read_bytes() == old
    assert len(list(tmp_path.iterdir())) == 1


def test_a_plain_embedding_of_one_vector_loads_too(tmp_path):
    safetensors.torch.save_file({"emb_params": torch.ones(4)}, tmp_path / "style.safetensors")
    loaded = load_token(tmp_path / "style.safetensors")
    assert loaded.trigger_word == "<style>"
    assert loaded.vectors.shape == (1, 4)


@pytest.mark.parametrize(
    "tensors",
    [
        {"clip_l": torch.ones(1, 4), "t5xxl": torch.ones(1, 8)},
        {"clip_l": torch.ones(1, 4), "clip_g": torch.ones(2, 8)},
        {"clip_l": torch.ones(1, 4), "clip_g": torch.ones(1, 8), "t5xxl": torch.ones(1, 8)},
    ],
)
def test_a_file_of_other_tensors_than_a_tokens_is_refused(tmp_path, tensors):
    safetensors.torch.save_file(tensors, tmp_path / "other.safetensors")
    with pytest.raises(InteractiveActionError, match="holds one tensor"):
        load_token(tmp_path / "other.safetensors")


def test_a_layer_wise_token_for_two_encoders_comes_back_as_it_was_saved(tmp_path):
    vectors = torch.arange(48.0).reshape(3, 2, 8)
    loaded = load_token(save_token(InteractiveToken("lift", vectors, widths=(3, 5)), tmp_path))
    assert torch.equal(loaded.vectors, vectors)
    assert loaded.widths == (3, 5)


def test_a_broken_file_is_answered_with_a_sentence(tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(json.dumps({"not": "safetensors"}).encode())
    with pytest.raises(InteractiveActionError, match="broken.safetensors could not be read"):
        load_token(tmp_path / "broken.safetensors")
