"""Tensors are written whole, with equal bytes for equal content, and a full disk is told as for every other file."""

import pytest
import safetensors
import torch
from safetensors.torch import load_file

from interactive_action.errors import NotWrittenError
from interactive_action.tensor_files import safetensors_bytes, write_safetensors
from interactive_action.tests.full_disk import in_a_child, limit_files

TENSORS = {"b": torch.arange(6.0).view(2, 3), "a": torch.arange(6).view(2, 3).t()}  # the latter with strides


def test_a_file_written_in_pieces_holds_the_tensors_and_the_metadata(tmp_path):
    path = tmp_path / "new" / "x.safetensors"
    write_safetensors(path, TENSORS, {"made": "here"})
    assert all(torch.equal(tensor, TENSORS[name]) for name, tensor in load_file(path).items())
    with safetensors.safe_open(path, framework="pt") as file:
        assert file.metadata() == {"made": "here"}
        assert set(file.keys()) == {"a", "b"}


def test_the_order_of_tensors_and_metadata_changes_no_byte(tmp_path):
    metadata = {"z": "1", "y": "2"}
    data = safetensors_bytes(TENSORS, metadata)
    assert data == safetensors_bytes(dict(reversed(TENSORS.items())), dict(reversed(metadata.items())))
    (tmp_path / "x.safetensors").write_bytes(data)
    assert torch.equal(load_file(tmp_path / "x.safetensors")["a"], TENSORS["a"])


def write_on_a_full_disk(path):
    limit_files(1000)
    with pytest.raises(NotWrittenError) as caught:
        write_safetensors(path, {"large": torch.zeros(1000, 1000)})
    return str(caught.value)


def test_a_full_disk_is_a_sentence_and_keeps_what_was_there(tmp_path):
    path = tmp_path / "x.safetensors"
    write_safetensors(path, TENSORS)
    before = path.read_bytes()
    sentence = in_a_child(write_on_a_full_disk, path)
    assert sentence.startswith(f"x.safetensors could not be written to the folder {tmp_path.name}: File too large.")
    assert "It takes 4.0 MB." in sentence
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["x.safetensors"]


def test_what_is_no_refusal_of_the_system_stays_as_the_library_says_it(tmp_path):
    with pytest.raises(TypeError):
        write_safetensors(tmp_path / "x.safetensors", TENSORS, {"made": 3})
    assert not list(tmp_path.iterdir())
