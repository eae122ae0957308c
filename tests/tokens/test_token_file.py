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


@pytest.mark.slow
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
        {"clip_l": torch.ones(1, 4), "unet": torch.ones(1, 8)},
        {"clip_l": torch.ones(1, 4), "clip_g": torch.ones(2, 8)},
        {"clip_l": torch.ones(1, 4), "clip_g": torch.ones(1, 8), "t5xxl": torch.ones(2, 8)},
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


# The word is the file's name


@pytest.mark.parametrize("numbers", [VECTORS, torch.arange(24.0).reshape(3, 2, 4)], ids=["plain", "layer-wise"])
def test_a_renamed_file_has_its_new_name_for_a_word(tmp_path, numbers):
    path = save_token(InteractiveToken("pick-up", numbers), tmp_path)
    renamed = path.rename(tmp_path / "lift-by-anna.safetensors")
    loaded = load_token(renamed)
    assert (loaded.name, loaded.trigger_word) == ("lift-by-anna", "<lift-by-anna>")
    assert torch.equal(loaded.vectors, numbers)


def test_a_foreign_file_is_called_by_its_name_whatever_its_key_and_metadata_say(tmp_path):
    metadata = {"modelspec.trigger_phrase": "wide view"}
    safetensors.torch.save_file({"<wide>": torch.ones(1, 4)}, tmp_path / "panorama.safetensors", metadata)
    assert load_token(tmp_path / "panorama.safetensors").trigger_word == "<panorama>"


def test_a_renamed_token_that_is_saved_again_says_its_new_word_to_all_others(tmp_path):
    renamed = save_token(token(), tmp_path / "one").rename(tmp_path / "lift.safetensors")
    path = save_token(load_token(renamed), tmp_path / "two")
    with safetensors.safe_open(path, framework="pt") as file:
        assert list(file.keys()) == ["<lift>"]
        assert (file.metadata()["modelspec.trigger_phrase"], file.metadata()["modelspec.title"]) == ("<lift>", "lift")


# What others write


def test_onetrainers_vectors_behind_the_encoder_are_left_out_as_comfyui_does(tmp_path):
    from comfy.sd1_clip import load_embed

    pair = {"clip_l": torch.ones(2, 3), "clip_g": torch.full((2, 5), 2.0)}
    behind = {"clip_l_out": torch.full((1, 3), 7.0), "clip_g_out": torch.full((1, 5), 8.0)}
    safetensors.torch.save_file(pair | behind, tmp_path / "xl.safetensors")
    loaded = load_token(tmp_path / "xl.safetensors")
    assert loaded.widths == (3, 5)
    assert loaded.vectors.tolist() == [[1.0] * 3 + [2.0] * 5] * 2
    assert torch.equal(load_embed("xl", [str(tmp_path)], 5, "clip_g"), loaded.vectors[:, 3:])

    safetensors.torch.save_file({"emb_params": VECTORS, "emb_params_out": VECTORS + 9}, tmp_path / "sd.safetensors")
    assert torch.equal(load_token(tmp_path / "sd.safetensors").vectors, VECTORS)


def a1111(numbers):
    return {
        "string_to_token": {"*": 265},
        "string_to_param": {"*": torch.nn.Parameter(numbers)},
        "name": "style",
        "step": 100,
        "sd_checkpoint": None,
        "sd_checkpoint_name": None,
    }


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "before torch 1.6"])
@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("style.pt", a1111(VECTORS), VECTORS),
        ("learned_embeds.bin", {"<cat-toy>": VECTORS[0]}, VECTORS[:1]),
        ("half.PT", {"emb_params": VECTORS.half()}, VECTORS),
        ("xl.pt", {"clip_g": VECTORS * 2, "clip_l": VECTORS}, torch.cat([VECTORS, VECTORS * 2], -1)),
    ],
)
def test_a1111s_and_diffusers_pickled_files_are_read(tmp_path, name, content, expected, legacy):
    torch.save(content, tmp_path / name, _use_new_zipfile_serialization=not legacy)
    loaded = load_token(tmp_path / name)
    assert torch.equal(loaded.vectors, expected)
    assert not loaded.vectors.requires_grad
    assert loaded.trigger_word == f"<{name.partition('.')[0]}>"


class Hostile:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_code_in_a_pickled_file_is_never_run(tmp_path):
    torch.save({"<x>": torch.ones(1, 4), "more": Hostile(tmp_path / "ran")}, tmp_path / "hostile.pt")
    with pytest.raises(InteractiveActionError, match=r"hostile\.pt could not be read.*never run.*safetensors") as error:
        load_token(tmp_path / "hostile.pt")
    assert not (tmp_path / "ran").exists()
    assert "weights_only" not in str(error.value)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04" + b"\0" * 40, b"\x80\x02}q\x00.", b"not a pickle", b"\x80"])
def test_a_damaged_pickled_file_is_answered_with_a_sentence(tmp_path, data):
    (tmp_path / "broken.bin").write_bytes(data)
    with pytest.raises(InteractiveActionError, match=r"broken\.bin (could not be read|is not a token)"):
        load_token(tmp_path / "broken.bin")


@pytest.mark.parametrize(
    "content",
    [
        {"<x>": torch.ones(1, 1).expand(2**40, 4)},  # 16 TB, of which one number is stored
        {"<x>": torch.ones(1, 4, dtype=torch.int64)},
        {"<x>": torch.ones(1, 4).to_sparse()},
        {"<x>": torch.ones(1, 4, device="meta")},
        {"<x>": torch.ones(2, 3, 4)},
        {"string_to_param": 5},
        {"a": torch.ones(1, 4), "b": torch.ones(1, 4)},
        [torch.ones(1, 4)],
        5,
    ],
    ids=["expanded", "integers", "sparse", "meta", "3-d", "no dict", "two", "list", "number"],
)
def test_a_pickled_file_of_something_else_is_no_token(tmp_path, content):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(InteractiveActionError, match=r"other\.pt (is not a token|could not be read)"):
        load_token(tmp_path / "other.pt")


def test_a_pickled_file_that_unpacks_to_far_more_than_an_embedding_is_not_unpacked(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 300_000_000)
    assert (tmp_path / "bomb.pt").stat().st_size < 1e6
    with pytest.raises(InteractiveActionError, match=r"bomb\.pt is not a token: it takes 300 MB"):
        load_token(tmp_path / "bomb.pt")


# Broken vectors and files that are gone


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        (torch.full((1, 4), float("nan")), r"diverged\.safetensors cannot be used: 4 of its 4 numbers are NaN"),
        (torch.tensor([[1.0, float("-inf")]]), r"diverged\.safetensors cannot be used: 1 of its 2 numbers"),
        (torch.tensor([[1e300, 1.0]], dtype=torch.float64), r"diverged\.safetensors cannot be used: 1 of its 2"),
        (torch.zeros(0, 128), r"diverged\.safetensors holds no vectors"),
    ],
)
def test_a_file_of_broken_vectors_is_named(tmp_path, numbers, sentence):
    safetensors.torch.save_file({"emb_params": numbers}, tmp_path / "diverged.safetensors")
    with pytest.raises(InteractiveActionError, match=sentence):
        load_token(tmp_path / "diverged.safetensors")


@pytest.mark.parametrize("shape", [(1, 4), (3, 1, 4)])
def test_a_token_whose_training_diverged_is_not_saved(tmp_path, shape):
    with pytest.raises(InteractiveActionError, match="<pick-up> cannot be used.*diverged.*lower learning rate"):
        save_token(InteractiveToken("pick-up", torch.full(shape, float("nan"))), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["gone.safetensors", "gone.pt"])
def test_a_file_that_is_gone_is_answered_with_a_sentence(tmp_path, name):
    with pytest.raises(InteractiveActionError, match=f"{name} is not there any more") as error:
        load_token(tmp_path / name)
    assert str(tmp_path) not in str(error.value)


def for_encoders(keys, widths, **facts):
    vectors = torch.arange(2.0 * sum(widths)).reshape(2, sum(widths))
    provenance = {"interactive_action.family": "flux1", "interactive_action.encoders": ",".join(keys), **facts}
    return InteractiveToken("lift", vectors, provenance, widths)


def test_a_token_of_a_transformer_has_comfyuis_keys_and_t5_once_more_for_others(tmp_path):
    from comfy.sd1_clip import load_embed

    token = for_encoders(("clip_l", "t5xxl"), (3, 5))
    path = save_token(token, tmp_path)
    assert sorted(safetensors.torch.load_file(path)) == ["clip_l", "t5", "t5xxl"]
    for key, part in (("clip_l", token.vectors[:, :3]), ("t5xxl", token.vectors[:, 3:]), ("t5", token.vectors[:, 3:])):
        assert torch.equal(load_embed("lift", [str(tmp_path)], part.shape[1], key), part)


@pytest.mark.parametrize(
    "keys, widths",
    [(("qwen3_4b",), (4,)), (("clip_l", "t5xxl"), (3, 5)), (("clip_l", "clip_g", "t5xxl"), (3, 4, 5))],
)
def test_a_token_of_a_transformer_comes_back_with_its_family_and_encoders(tmp_path, keys, widths):
    token = for_encoders(keys, widths)
    loaded = load_token(save_token(token, tmp_path))
    assert torch.equal(loaded.vectors, token.vectors)
    assert (loaded.family, loaded.encoders, loaded.widths) == ("flux1", keys, widths)


def test_what_onetrainer_and_diffusers_write_of_flux_is_read_and_saved_for_comfyui(tmp_path):
    tensors = {"t5": torch.ones(1, 5), "clip_l": torch.zeros(1, 3), "t5_out": torch.ones(1, 5)}
    safetensors.torch.save_file(tensors, tmp_path / "theirs.safetensors")
    loaded = load_token(tmp_path / "theirs.safetensors")
    assert (loaded.encoders, loaded.widths, loaded.family) == (("clip_l", "t5xxl"), (3, 5), "")
    assert loaded.vectors.tolist() == [[0, 0, 0, 1, 1, 1, 1, 1]]
    assert "t5xxl" in safetensors.torch.load_file(save_token(loaded, tmp_path / "ours"))
