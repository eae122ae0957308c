"""A recording as a folder that people and other programs can read and write: images, masks and a line of JSON for each.

    metadata.jsonl      one line an image: file_name, subject, object, action, and what else is known
    images/*.png        what the cameras saw
    masks/*.png         white where the subject or the object is, if known
    trajectories.npz    depth, contacts, joints and poses, if known
    scene.json          the scene that was simulated, if it was simulated here

By hand only ``metadata.jsonl`` and the images are needed, and only ``file_name``, ``subject``, ``object`` and
``action`` in it.
"""

from __future__ import annotations

import io
import json
import math
import pathlib
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from ..errors import InteractiveActionError
from ..files import new_folder, parse_json, path_inside, read_json_lines, read_text
from ..images import read_image
from .recording import ExternalSource, Recording
from .scene import Scene

LINE = {"subject": str, "object": str, "phase": str, "episode": int, "camera": int, "time": float}
MATRICES = {"intrinsics": (3, 3), "extrinsics": (4, 4)}
STORED = ("images", "subject_masks", "object_masks", *LINE, *MATRICES)  # everything else is in the trajectories
METADATA = "metadata.jsonl"
MOST_EPISODES = 1_000_000  # a number beyond it is a mistake, and arrays of that length would fill the memory


def save(recording: Recording, folder: str | pathlib.Path) -> None:
    """Writes ``folder`` whole or not at all.

    Raises:
        InteractiveActionError: the folder exists, or could not be written.
    """
    with new_folder(folder, "recording") as temporary:
        _write(recording, temporary)


def _write(recording: Recording, folder: pathlib.Path) -> None:
    for name in ("images", "masks"):
        (folder / name).mkdir()
    lines = []
    for index, image in enumerate(recording.images):
        line: dict[str, Any] = {"file_name": f"images/{index:05}.png", "action": recording.action}
        Image.fromarray(image).save(folder / line["file_name"])
        for who in ("subject", "object"):
            line[f"{who}_mask"] = f"masks/{index:05}-{who}.png"
            Image.fromarray(getattr(recording, f"{who}_masks")[index]).save(folder / line[f"{who}_mask"])
        line |= {name: getattr(recording, name)[index].item() for name in LINE}
        line |= {name: getattr(recording, name)[index].tolist() for name in MATRICES}
        lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {name: array for name, array in recording.arrays().items() if name not in STORED}
    np.savez_compressed(buffer, **arrays)
    (folder / "trajectories.npz").write_bytes(buffer.getvalue())
    if isinstance(recording.scene, Scene):
        (folder / "scene.json").write_text(json.dumps(recording.scene.to_json(), indent=1), encoding="utf-8")
    (folder / METADATA).write_text("".join(lines), encoding="utf-8", errors="backslashreplace", newline="\n")


def load(folder: str | pathlib.Path) -> Recording:
    """Returns the recording in a folder that was saved, or made by hand or by another engine; what is unknown is empty.

    Raises:
        InteractiveActionError: with the file, and the line of the metadata, that cannot be used.
    """
    folder = pathlib.Path(folder)
    if not (folder / METADATA).is_file():
        raise InteractiveActionError(
            f"{folder.name!r} is not a recording: it has no {METADATA}. Each line of it must be like "
            '{"file_name": "0.png", "subject": "robot arm", "object": "red cube", "action": "pick up"}.'
        )
    shots: list[dict[str, Any]] = []
    actions: list[str] = []
    for number, line in read_json_lines(folder / METADATA):
        try:
            actions.append(_text(line["action"], "action"))
            shots.append(_shot(folder, line, len(shots)))
        except InteractiveActionError as error:
            raise InteractiveActionError(f"Line {number} of {folder.name}/{METADATA}: {error}") from error
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise InteractiveActionError(
                f"Line {number} of {folder.name}/{METADATA} cannot be used: {type(error).__name__}: {error}. It must "
                "name an image of the folder (file_name), its subject, object and action; masks and matrices must fit "
                "the image."
            ) from error
    sizes = {shot["images"].shape for shot in shots}
    if len(sizes) != 1 or len(set(actions)) != 1:
        raise InteractiveActionError(
            f"{folder.name!r} must hold images of one size and of one action, but holds {len(sizes)} sizes and the "
            f"actions {', '.join(sorted(set(actions))) or 'none'}. Split it into a folder for each."
        )
    arrays = {name: np.array([shot[name] for shot in shots]) for name in shots[0]}
    scene, trajectories = _scene(folder, actions[0]), _trajectories(folder, arrays)
    try:
        return Recording(scene, **arrays, **trajectories)
    except TypeError as error:
        raise InteractiveActionError(
            f"{folder.name}/trajectories.npz does not hold what a recording needs: {error}. Remove it, or save the "
            f"recording again."
        ) from error


def _shot(folder: pathlib.Path, line: dict[str, Any], index: int) -> dict[str, Any]:
    """The arrays of one image."""
    image = _image(folder, line["file_name"], "RGB")
    shot: dict[str, Any] = {"images": image}
    for who in ("subject", "object"):
        mask = line.get(f"{who}_mask")
        shot[f"{who}_masks"] = (
            _image(folder, mask, "L") > 127 if mask else _box(line.get(f"{who}_box"), image.shape[:2])
        )
        if shot[f"{who}_masks"].shape != image.shape[:2]:
            raise ValueError(f"{mask!r} has another size than its image")
    missing = {"phase": "", "episode": index, "camera": 0, "time": 0.0}
    checks: dict[type, Callable[[Any, str], Any]] = {str: _text, int: _count, float: _number}
    for name, kind in LINE.items():
        value = missing[name] if name in missing and name not in line else line[name]
        shot[name] = checks[kind](value, name)
    for name, shape in MATRICES.items():
        shot[name] = np.array(line.get(name, np.eye(shape[0])), float).reshape(shape)
        if not np.isfinite(shot[name]).all():
            raise ValueError(f"{name} must be finite numbers")
    return shot


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, but is {value!r}")
    return value


def _count(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MOST_EPISODES:
        raise ValueError(f"{name} must be a whole number from 0 to {MOST_EPISODES - 1}, but is {value!r}")
    return value


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, but is {value!r}")
    return float(value)


def _image(folder: pathlib.Path, name: Any, mode: str) -> np.ndarray[Any, Any]:
    return np.asarray(read_image(path_inside(folder, _text(name, "the name of an image"), "image"), mode))


def _box(box: Any, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """The mask (H, W) that a box [x, y, width, height] in pixels stands for; nothing without one."""
    mask = np.zeros(shape, bool)
    if box:
        x, y, width, height = (round(_number(side, "a box")) for side in box)
        mask[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)] = True
    return mask


def _scene(folder: pathlib.Path, action: str) -> Scene | ExternalSource:
    path = folder / "scene.json"
    if not path.is_file():
        return ExternalSource(action)
    fields = parse_json(read_text(path), f"{folder.name}/scene.json")
    try:
        return Scene(**fields)
    except TypeError as error:
        raise InteractiveActionError(
            f"{folder.name}/scene.json does not describe a scene: {error}. Remove it, or save the recording again."
        ) from error


def _trajectories(folder: pathlib.Path, arrays: dict[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
    path = folder / "trajectories.npz"
    if path.is_file():
        try:
            with np.load(path, allow_pickle=False) as stored:
                return dict(stored)
        except (OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise InteractiveActionError(
                f"{folder.name}/trajectories.npz could not be read: {error}. Remove it, or save the recording again."
            ) from error
    episodes = arrays["episode"].max() + 1
    empty = {name: np.zeros(0) for name in ("contact_time", "contact_force", "step_time")}
    return {
        **empty,
        **{name: np.zeros(0, int) for name in ("contact_episode", "step_episode", "failed_seeds")},
        **{name: np.zeros(0, str) for name in ("contact_link", "failures")},
        "joints": np.zeros((0, 0)),
        "object_poses": np.zeros((0, 7)),
        "depth": np.zeros(arrays["images"].shape[:3], np.float32),
        "seeds": np.arange(episodes),
    }
