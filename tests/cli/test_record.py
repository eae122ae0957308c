"""``interactive-action record``: options are fields of ``Scene`` and ``Plan``; the folder is as the node writes it."""

import argparse
import dataclasses
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from interactive_action.cli import record
from interactive_action.cli.fields import argument_meanings, from_fields
from interactive_action.cli.main import main
from interactive_action.errors import InteractiveActionError
from interactive_action.sim import recording_folder
from interactive_action.sim.client import SIMULATOR
from interactive_action.sim.plan import Plan
from interactive_action.sim.scene import Scene
from interactive_action.tools.dev.server import ROOT

SMALL = ("--num-episodes", "2", "--cameras", "4", "--width", "64", "--height", "48", "--seed", "5")


@pytest.fixture(scope="module")
def parser():
    parser = argparse.ArgumentParser()
    record.add_arguments(parser)
    return parser


def test_without_options_the_fields_have_their_own_defaults(parser):
    options = parser.parse_args(["folder"])
    assert from_fields(Scene, options) == Scene()
    assert from_fields(Plan, options) == Plan()


def test_every_field_is_an_option(parser):
    options = {option for action in parser._actions for option in action.option_strings}
    names = [field.name.replace("_", "-") for kind in (Scene, Plan) for field in dataclasses.fields(kind)]
    assert {f"--{name}" for name in names} <= options


def test_every_option_says_what_it_means():
    for kind in (Scene, Plan):
        assert argument_meanings(kind).keys() >= {field.name for field in dataclasses.fields(kind)}


def test_the_help_names_the_choices(parser):
    text = " ".join(parser.format_help().split())
    assert "panda, xarm7, fetch" in text
    assert "(default: pick up)" in text


@pytest.mark.sim
def test_what_is_written_is_what_the_node_records(tmp_path, interactive_action):
    result = interactive_action("record", tmp_path / "new", "--workers", "2", *SMALL)
    assert result.returncode == 0, result.stderr
    assert f"Written to {tmp_path / 'new'}" in result.stdout
    recording = recording_folder.load(tmp_path / "new")
    expected = SIMULATOR.record(Scene(seed=5), Plan(num_episodes=2, cameras=4, width=64, height=48))
    np.testing.assert_array_equal(recording.images, expected.images)
    np.testing.assert_array_equal(recording.object_masks, expected.object_masks)


@pytest.mark.sim
def test_ctrl_c_is_a_sentence_and_leaves_nothing(tmp_path):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # or a child of a background job ignores it
    many = [*SMALL, "--num-episodes", "100"]
    process = subprocess.Popen(
        [sys.executable, str(ROOT), "record", str(tmp_path / "new"), *many],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    signal.signal(signal.SIGINT, before)
    bar = ""
    while "%|" not in bar and (character := process.stderr.read(1)):  # it simulates
        bar += character
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the simulator gets it, too
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip().endswith("Stopped. Nothing was written.")
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--robot", "nix"], "There is no robot 'nix'"),
        (["--num-episodes", "0"], "num_episodes must be a whole number from 1 to"),
        (["--num-episodes", "many"], "invalid int value: 'many'"),
        (["--workers", "0"], "workers is 0. It must be at least 1."),
        (["--custom-robot", "nowhere.json"], "nowhere.json could not be read"),
        (["--nix", "1"], "unrecognized arguments: --nix 1"),
    ],
)
def test_bad_input_is_a_sentence_and_status_2(tmp_path, capsys, arguments, sentence):
    try:
        status = main(["record", str(tmp_path / "new"), *arguments])
    except SystemExit as end:  # argparse's own refusals
        status = end.code
    assert status == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.slow
def test_a_folder_that_exists_is_refused_before_anything_is_simulated(tmp_path, interactive_action):
    result = interactive_action("record", tmp_path)
    assert result.returncode == 2
    assert "exists already" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_robot_of_ones_own_is_a_file_of_json(tmp_path, parser):
    robot = {"folder": str(tmp_path), "urdf": "arm.urdf", "ee_link": "hand", "gripper_links": ["left", "right"]}
    (tmp_path / "robot.json").write_text(json.dumps(robot))
    scene = from_fields(Scene, parser.parse_args(["folder", "--custom-robot", str(tmp_path / "robot.json")]))
    assert scene.custom_robot.gripper_links == ("left", "right")
    (tmp_path / "robot.json").write_text('{"folder": ".", "wheels": 4}')
    with pytest.raises(
        InteractiveActionError, match="must be one JSON object with folder, urdf, ee_link and, if need be"
    ):
        from_fields(Scene, parser.parse_args(["folder", "--custom-robot", str(tmp_path / "robot.json")]))
