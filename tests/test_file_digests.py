"""The key of what is in files: any edit changes it, and nothing else does."""

import os
import time

import pytest

from interactive_action import file_digests
from interactive_action.file_digests import contents_key, files_below


@pytest.fixture(autouse=True)
def nothing_is_known(monkeypatch):
    monkeypatch.setattr(file_digests, "_digests", {})


@pytest.fixture
def reads(monkeypatch):
    """The names of the files that were opened to be read."""
    opened = []

    def spy(file, *arguments):
        opened.append(file.name)
        return open(file, *arguments)

    monkeypatch.setattr(file_digests, "open", spy, raising=False)
    return opened


def settle(monkeypatch):
    """Lets the clock run on, so that what was written lies in the past."""
    now = time.time()
    monkeypatch.setattr(file_digests.time, "time", lambda: now + 60)


def test_contents_and_names_count_and_order_and_times_do_not(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a")
    two.write_text("b")
    key = contents_key([one, two])
    os.utime(one, (5, 5))
    assert contents_key([two, one, one]) == key
    one.write_text("c")
    assert contents_key([one, two]) != key
    one.write_text("a")
    assert contents_key([one, two]) == key
    two.rename(tmp_path / "three")
    assert contents_key([one, tmp_path / "three"]) != key


def test_a_file_that_is_not_there_has_a_key_too_and_another_one_once_it_comes(tmp_path):
    missing = tmp_path / "missing"
    before = contents_key([missing])
    assert before == contents_key([missing])
    missing.write_text("")
    assert contents_key([missing]) != before
    assert contents_key([tmp_path, tmp_path / "a\0b"])  # a folder, and a name that no system takes


def test_edits_of_equal_length_within_one_tick_are_not_missed(tmp_path):
    file, keys = tmp_path / "file", set()
    for number in range(200):
        file.write_text(f"{number:04}")
        os.utime(file, ns=(10**18, 10**18))  # as if the clock stood still
        keys.add(contents_key([file]))
    assert len(keys) == 200


def test_a_file_that_rests_is_read_once(tmp_path, reads, monkeypatch):
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    settle(monkeypatch)
    key = contents_key(files_below(tmp_path))
    assert contents_key(files_below(tmp_path)) == key
    assert sorted(reads) == ["one", "two"]


def test_an_edit_whose_time_was_set_back_is_seen(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("a")
    os.utime(file, (5, 5))
    settle(monkeypatch)
    key = contents_key([file])
    time.sleep(0.02)  # more than a tick of any kernel
    file.write_text("b")
    os.utime(file, (5, 5))
    assert contents_key([file]) != key


def test_folders_in_the_folder_count_and_hidden_files_do_not(tmp_path):
    for name in ("metadata.jsonl", "images/0.png", ".DS_Store", ".cache/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in files_below(tmp_path)) == [
        "images/0.png", "metadata.jsonl",
    ]  # fmt: skip
    assert files_below(tmp_path / "nowhere") == []
