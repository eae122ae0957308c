"""Names, texts and writes as people and machines have them."""

import os
import subprocess
import sys

import pytest

from interactive_action.errors import InteractiveActionError
from interactive_action.files import (
    LONGEST_NAME,
    checked_name,
    filled_lines,
    free_path,
    new_folder,
    path_inside,
    read_json_lines,
    read_text,
    write_atomically,
)


@pytest.mark.parametrize("name", ["pick-up", "v1.2_b", "捡起", "lève", "ж", "console", "com", "x" * LONGEST_NAME])
def test_plain_names_of_any_script_are_taken(name):
    assert checked_name(name, "token") == name


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("x" * 300, "too long: .* has 300 bytes, and 200 are the limit"),
        ("捡" * 67, "has 201 bytes"),
        ("CON", "Windows keeps such names"),
        ("nul.txt", "Windows keeps such names"),
        ("com1", "Windows keeps such names"),
        ("x.", "Windows keeps such names"),
        ("../evil", "cannot be called '../evil'"),
        ("a/b", "cannot be called"),
        ("a\\b", "cannot be called"),
        ("a..b", "cannot be called"),
        (".hidden", "cannot be called"),
        ("", "cannot be called"),
        ("a b", "cannot be called"),
        ("<x>", "cannot be called"),
        ("a\0b", "cannot be called"),
        ("half\ud83c", "cannot be called"),
        (None, "needs a name in letters, but is called None"),
        (5, "needs a name in letters"),
    ],
)
def test_a_name_that_could_be_no_file_somewhere_is_refused_in_a_sentence(name, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        checked_name(name, "token")


def test_one_letter_in_two_forms_is_one_name():
    assert checked_name("le\u0301ve", "token") == "l\u00e9ve"


def test_the_longest_name_still_fits_with_what_is_put_around_it(tmp_path):
    path = tmp_path / f"{'x' * LONGEST_NAME}.safetensors"
    write_atomically(path, b"1")
    write_atomically(free_path(tmp_path, "x" * LONGEST_NAME, ".safetensors"), b"2")
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../b"])
def test_a_path_that_leads_out_of_its_folder_is_refused(tmp_path, name):
    with pytest.raises(InteractiveActionError, match="leads out of the folder"):
        path_inside(tmp_path, name, "mesh")


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, None])
def test_a_path_that_no_file_can_have_is_refused(tmp_path, name):
    with pytest.raises(InteractiveActionError, match="cannot be the name of a file"):
        path_inside(tmp_path, name, "mesh")


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(InteractiveActionError, match="leads out of the folder"):
        path_inside(tmp_path / "inside", "link", "mesh")


TEXT = "a frog <v*> a cup, naïve — 捡起"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_texts_are_read_as_editors_on_every_system_write_them(tmp_path, encoding):
    (tmp_path / "text.txt").write_text(TEXT, encoding=encoding)
    assert read_text(tmp_path / "text.txt") == TEXT


def test_another_encoding_is_refused_with_the_place(tmp_path):
    (tmp_path / "text.txt").write_bytes("Würfel".encode("latin-1"))
    with pytest.raises(InteractiveActionError, match=r"text.txt is not written in UTF-8: byte 1 is 0xfc"):
        read_text(tmp_path / "text.txt")


def test_only_line_ends_end_a_line():
    assert filled_lines("one\r\ntwo\rthree\n\n  four\u2028still four\u0085and on \n") == (
        "one",
        "two",
        "three",
        "four\u2028still four\u0085and on",
    )


def test_json_lines_may_have_blank_lines_between_them(tmp_path):
    (tmp_path / "rows.jsonl").write_text('\ufeff{"a": 1}\r\n\r\n{"a": "x\u2028y"}\n', encoding="utf-8")
    assert list(read_json_lines(tmp_path / "rows.jsonl")) == [(1, {"a": 1}), (3, {"a": "x\u2028y"})]


@pytest.mark.parametrize("line", ["not json", "[" * 100_000, '{"a": ', "5", "null"])
def test_a_line_that_is_no_object_is_named(tmp_path, line):
    (tmp_path / "rows.jsonl").write_text('{"a": 1}\n' + line)
    with pytest.raises(InteractiveActionError, match="Line 2"):
        list(read_json_lines(tmp_path / "rows.jsonl"))


def test_a_sentence_never_holds_what_cannot_be_written():
    text = str(InteractiveActionError("W\udcfcrfel and \ud83c"))
    assert text.encode("utf-8") == rb"W\udcfcrfel and \ud83c"


FULL = """
import resource, signal, sys
sys.path.insert(0, sys.argv[1])
import runpy
runpy.run_path(sys.argv[1] + "/__main__.py")["enter_pack"]()
from interactive_action.errors import InteractiveActionError
from interactive_action.files import new_folder, write_atomically
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # as a full disk, every write beyond it fails
try:
    if sys.argv[3] == "file":
        write_atomically(sys.argv[2] + "/token", bytes(500_000))
    else:
        with new_folder(sys.argv[2] + "/folder", "dataset") as temporary:
            (temporary / "image").write_bytes(bytes(500_000))
except InteractiveActionError as error:
    print(error)
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_write_that_finds_no_room_says_so_and_leaves_nothing(tmp_path, kind):
    import pathlib

    root = str(pathlib.Path(__file__).resolve().parents[1])
    output = subprocess.check_output([sys.executable, "-c", FULL, root, str(tmp_path), kind], text=True)
    assert "could not be written to the folder" in output
    assert "File too large" in output
    assert "Make room or allow writing there" in output
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_another_kind_leaves_no_half_folder(tmp_path):
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "half", "dataset") as temporary:
        (temporary / "image").write_bytes(b"1")
        1 / 0  # noqa: B018
    assert list(tmp_path.iterdir()) == []


def test_a_written_folder_can_be_read_by_others(tmp_path):
    with new_folder(tmp_path / "whole", "dataset") as temporary:
        (temporary / "image").write_bytes(b"1")
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "whole").stat().st_mode & 0o777 == 0o777 & ~mask
