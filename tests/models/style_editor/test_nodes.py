"""The node that extends a checkpoint: what it writes, what it keeps and what it refuses."""

import pathlib
import shutil

import pytest
import torch

from interactive_action.errors import InteractiveActionError


@pytest.fixture
def checkpoints(files, tmp_path, monkeypatch):
    """ComfyUI's folder of checkpoints, with the plain model in it."""
    import folder_paths

    from interactive_action.nodes import embedded_models

    embedded_models.register()
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "checkpoints", ([str(tmp_path)], {".safetensors"}))
    shutil.copy(files["plain"], tmp_path / "plain.safetensors")
    return tmp_path


def extend(ckpt_name="plain.safetensors", name="style-editor"):
    from interactive_action.nodes.extend_editor import ExtendEditor

    with torch.inference_mode():
        return ExtendEditor.execute(ckpt_name, name)


def names(folder):
    return sorted(path.name for path in pathlib.Path(folder).iterdir())


def test_it_writes_a_file_and_gives_the_model_in_it(checkpoints):
    model, clip, vae, name = extend().result
    assert names(checkpoints) == ["plain.safetensors", name] == ["plain.safetensors", "style-editor.safetensors"]
    assert model.model.diffusion_model.input_blocks[0][0].weight.shape[1] == 12
    assert clip is not None
    assert vae is not None


def test_a_file_that_was_made_from_the_same_checkpoint_is_used_as_it_is(checkpoints):
    from interactive_action.models.style_editor.single_file import load_editor

    extend()
    path = checkpoints / "style-editor.safetensors"
    editor = load_editor(path)
    editor.model.style_attention.to_out.bias += 1  # as if it was taught
    editor.save(path)
    written = path.stat().st_mtime_ns
    assert extend().result[0].model.diffusion_model.style_attention.to_out.bias.min() >= 1
    assert path.stat().st_mtime_ns == written


def test_any_other_file_is_kept(checkpoints):
    before = (checkpoints / "plain.safetensors").read_bytes()
    with pytest.raises(
        InteractiveActionError, match="exists in .* and was not made from plain.safetensors; it is kept"
    ):
        extend(name="plain")
    assert (checkpoints / "plain.safetensors").read_bytes() == before


def test_a_checkpoint_that_is_no_instruct_pix2pix_is_told_and_nothing_is_written(checkpoints, files):
    from interactive_action.miniature.weights import CHECKPOINT
    from interactive_action.nodes.extend_editor import ExtendEditor

    shutil.copy(CHECKPOINT, checkpoints / "text.safetensors")
    shutil.copy(files["extended"], checkpoints / "twelve.safetensors")
    for name, sentence in (
        ("text", "takes 4 input channels: it draws from text alone"),
        ("twelve", "takes 12 input channels: it takes a style image already"),
    ):
        with pytest.raises(InteractiveActionError, match=sentence):
            extend(f"{name}.safetensors")
    assert names(checkpoints) == ["plain.safetensors", "text.safetensors", "twelve.safetensors"]
    assert "cannot be called" in ExtendEditor.validate_inputs(name="../elsewhere")
