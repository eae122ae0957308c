"""A disk that is full, or a folder that cannot be written: what was learned is not lost with it."""

import logging

import pytest

from interactive_action.errors import InteractiveActionError, NotWrittenError
from interactive_action.files import write_atomically
from interactive_action.miniature.weights import CHECKPOINT
from interactive_action.tests.full_disk import in_a_child, limit_files
from interactive_action.tests.trainers.tiny import TinyEngine, noise_dataset
from interactive_action.tokens.token_file import load_token
from interactive_action.trainers.checkpoints import Checkpoints, Folders
from interactive_action.trainers.custom_diffusion import CustomDiffusionConfig, custom_diffusion
from interactive_action.trainers.loop import TrainingState
from interactive_action.trainers.provenance import Origin
from interactive_action.trainers.session import Session
from interactive_action.trainers.textual_inversion import TextualInversionConfig, textual_inversion
from interactive_action.trainers.train import train

CONFIG = TextualInversionConfig(steps=8, batch_size=2, learning_rate=0.1, initializer_token="with")
ORIGIN = Origin("textual-inversion", "lift", "tiny", "tiny")
RUN = "the run"


def session_in(folder, objective=None, **settings):
    """A session that keeps its state and its files in ``folder``."""
    objective = objective or textual_inversion(TinyEngine(), noise_dataset(), CONFIG)
    checkpoints = Checkpoints(objective, ORIGIN, "lift", Folders(folder, folder, folder), "checkpoints")
    settings = {"state_path": folder / "lift.state", "save_state_every": 2, "checkpoints": checkpoints, **settings}
    return Session(objective, RUN, **settings)


def finish(session, **train):
    """Trains, writes what was learned and removes the state; returns the token's bytes."""
    state = session.train(**train)
    with session.finishing(state):
        [path] = session.checkpoints.save(state)
    return path.read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a token whose training nothing disturbed."""
    return finish(session_in(tmp_path_factory.mktemp("whole")))


@pytest.fixture
def no_folder(tmp_path):
    """A path below a file, where nothing can ever be written."""
    (tmp_path / "file").touch()
    return tmp_path / "file" / "folder"


def fill_the_disk(done=3, *_):
    """From step 3 on no file may become longer than 100 bytes."""
    if done == 3:
        limit_files(100)


def train_on_a_disk_that_becomes_full(folder):
    session = session_in(folder, save_every=4, log_folder=folder / "log")
    with pytest.raises(NotWrittenError) as caught:
        finish(session, progress=fill_the_disk)
    return str(caught.value), session.failed_writes.sentences, session.saved_step()


def test_training_goes_on_while_the_disk_is_full_and_the_same_run_goes_on_from_the_last_state(tmp_path, whole):
    sentence, problems, step = in_a_child(train_on_a_disk_that_becomes_full, tmp_path)
    assert step == 2
    assert problems.keys() == {"state", "checkpoints", "curves"}
    assert all("File too large" in problem for problem in problems.values())
    assert "lift.safetensors could not be written" in sentence
    assert f"The state after step 2 is kept in {tmp_path / 'lift.state'}: the same run goes on from there." in sentence
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["lift.state"]
    steps = []
    assert finish(session_in(tmp_path), progress=lambda done, *_: steps.append(done)) == whole
    assert steps == [3, 4, 5, 6, 7, 8]
    assert not (tmp_path / "lift.state").exists()


def test_what_was_learned_is_written_without_training_again_once_there_is_room(tmp_path, no_folder, whole):
    session = session_in(tmp_path, save_state_every=5)
    state = session.train()
    assert session.saved_step() == 5
    kept = pytest.raises(NotWrittenError, match="What was learned is kept in .* without training again")
    with kept, session.finishing(state):
        write_atomically(no_folder / "lift.safetensors", b"token")
    assert session.saved_step() == 8
    steps = []
    assert finish(session_in(tmp_path), progress=lambda done, *_: steps.append(done)) == whole
    assert steps == []


def test_a_failed_state_is_said_once_in_the_log(tmp_path, no_folder, caplog, whole):
    session = session_in(tmp_path, state_path=no_folder / "lift.state", save_state_every=1)
    with caplog.at_level(logging.WARNING):
        assert finish(session) == whole
    [record] = caplog.records
    assert "Training goes on, but its state could not be written: lift.state could not be written" in record.message
    assert session.failed_writes.sentences == {"state": record.message}


def test_images_that_cannot_be_written_stop_no_training(tmp_path, no_folder, whole):
    def progress(done, total, preview):
        write_atomically(no_folder / f"{done}.png", b"image")

    session = session_in(tmp_path)
    assert finish(session, progress=progress) == whole
    assert session.failed_writes.sentences.keys() == {"validation images"}


def test_cancel_remains_cancel_when_no_state_can_be_written(tmp_path, no_folder):
    def progress(done, total, preview):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session_in(tmp_path, state_path=no_folder / "lift.state").train(progress)


def test_a_token_does_not_stay_without_the_lora_that_belongs_to_it(tmp_path, no_folder):
    config = CustomDiffusionConfig(steps=1, batch_size=1, initializer_token="with")
    objective = custom_diffusion(TinyEngine(), noise_dataset(), config)
    checkpoints = Checkpoints(objective, ORIGIN, "lift", Folders(tmp_path, tmp_path, no_folder), "checkpoints")
    state = TrainingState.begin(objective.trainable.initial())
    with pytest.raises(NotWrittenError, match="lift-lora"):
        checkpoints.save(state)
    assert not list(tmp_path.glob("*.safetensors"))


def test_the_command_line_puts_what_it_cannot_put_where_it_belongs_elsewhere(tmp_path, no_folder, dataset, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    dataset.save(tmp_path / "dataset")
    (tmp_path / "run.toml").write_text(
        f'model = "{CHECKPOINT}"\ndataset = "dataset"\naction = "lift"\nmethod = "textual-inversion"\nname = "lift"\n'
        f'output = "{no_folder}"\n[hyperparameters]\nsteps = 2\nbatch_size = 1\ninitializer_token = "with"\n'
    )
    with pytest.raises(NotWrittenError) as caught:
        train(tmp_path / "run.toml")
    [token] = elsewhere.rglob("*.safetensors")
    assert f"What was learned was written to {token} instead" in str(caught.value)
    assert load_token(token).provenance["interactive_action.step"] == "2"


def test_a_state_that_is_broken_is_named(tmp_path):
    path = tmp_path / "lift.state"
    path.write_bytes(b"no state")
    with pytest.raises(InteractiveActionError, match=r"The state .*lift.state of this run could not be read"):
        TrainingState.load(path, RUN)
