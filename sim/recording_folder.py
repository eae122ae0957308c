"""A recording as a folder that people and other programs can read and write: images, masks and a line of json for each.

    metadata.jsonl      one line an image: file_name, subject, object, action, and what else is known
    images/*.png      what the cameras saw
    masks/*.png         white where the subject or the object is, if known
    trajectories.npz    depth, contacts, joints and poses, if known
    scene.json          the scene that was simulated, if it was simulated here

By hand only ``metadata.jsonl`` and the images are needed, and only ``file_name``, ``subject``, ``object`` and ``action`` in it.
"""

import io
import json
import os
import pathlib
import shutil
import tempfile

import numpy as np
from PIL import Image

from ..errors import InteractiveActionError
from .recording import ExternalSource, Recording
from .scene import Scene

LINE = {"subject": str, "object": str, "phase": str, "episode": int, "camera": int, "time": float}
MATRICES = {"intrinsics": (3, 3), "extrinsics": (4, 4)}
STORED = ("images", "subject_masks", "object_masks", *LINE, *MATRICES)  # everything else is in the trajectories
METADATA = "metadata.jsonl"


def save(recording, folder):
    """Write ``folder`` whole or not at all; one that exists is not touched."""
    folder = pathlib.Path(folder)
    if folder.exists():
        raise InteractiveActionError(
            f"There is already a recording called {folder.name!r}. Choose another name or remove it first."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = pathlib.Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        _write(recording, temporary)
        temporary.chmod(0o755)
        os.rename(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary)
        raise


def _write(recording, folder):
    for name in ("images", "masks"):
        (folder / name).mkdir()
    lines = []
    for index, image in enumerate(recording.images):
        line = {"file_name": f"images/{index:05}.png", "action": recording.action}
        Image.fromarray(image).save(folder / line["file_name"])
        for who in ("subject", "object"):
            line[f"{who}_mask"] = f"masks/{index:05}-{who}.png"
            Image.fromarray(getattr(recording, f"{who}_masks")[index]).save(folder / line[f"{who}_mask"])
        line |= {name: getattr(recording, name)[index].item() for name in LINE}
        line |= {name: getattr(recording, name)[index].tolist() for name in MATRICES}
        lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: array for name, array in recording.arrays().items() if name not in STORED})
    (folder / "trajectories.npz").write_bytes(buffer.getvalue())
    if isinstance(recording.scene, Scene):
        (folder / "scene.json").write_text(json.dumps(recording.scene.to_json(), indent=1))
    (folder / METADATA).write_text("".join(lines), encoding="utf-8")


def load(folder):
    """The ``Recording`` in a folder that was saved, or made by hand or by another engine; what is not known is empty."""
    folder = pathlib.Path(folder)
    if not (folder / METADATA).is_file():
        raise InteractiveActionError(
            f"{folder.name!r} is not a recording: it has no {METADATA}. Each line of it must be like "
            '{"file_name": "0.png", "subject": "robot arm", "object": "red cube", "action": "pick up"}.'
        )
    shots, actions = [], []
    for number, text in enumerate((folder / METADATA).read_text(encoding="utf-8").splitlines(), 1):
        try:
            line = json.loads(text)
            actions.append(str(line["action"]))
            shots.append(_shot(folder, line, len(shots)))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InteractiveActionError(
                f"Line {number} of {folder.name}/{METADATA} cannot be used: {type(error).__name__}: {error}. It must name an image "
                "of the folder (file_name), its subject, object and action; masks and matrices must fit the image."
            ) from error
    sizes = {shot["images"].shape for shot in shots}
    if len(sizes) != 1 or len(set(actions)) != 1:
        raise InteractiveActionError(
            f"{folder.name!r} must hold images of one size and of one action, but holds {len(sizes)} sizes and the actions "
            f"{', '.join(sorted(set(actions))) or 'none'}. Split it into a folder for each."
        )
    arrays = {name: np.array([shot[name] for shot in shots]) for name in shots[0]}
    return Recording(_scene(folder, actions[0]), **arrays, **_trajectories(folder, arrays))


def _shot(folder, line, index):
    image = _image(folder, line["file_name"], "RGB")
    shot = {"images": image}
    for who in ("subject", "object"):
        mask = line.get(f"{who}_mask")
        shot[f"{who}_masks"] = (
            _image(folder, mask, "L") > 127 if mask else _box(line.get(f"{who}_box"), image.shape[:2])
        )
        if shot[f"{who}_masks"].shape != image.shape[:2]:
            raise ValueError(f"{mask!r} has another size than its image")
    missing = {"phase": "", "episode": index, "camera": 0, "time": 0.0}
    shot |= {
        name: kind(line[name] if name in line or name not in missing else missing[name]) for name, kind in LINE.items()
    }
    shot |= {name: np.array(line.get(name, np.eye(shape[0])), float).reshape(shape) for name, shape in MATRICES.items()}
    return shot


def _image(folder, name, mode):
    if not (folder / name).resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{name!r} leads out of the folder")
    with Image.open(folder / name) as image:
        return np.asarray(image.convert(mode))


def _box(box, shape):
    """The mask (H, W) that a box [x, y, width, height] in pixels stands for; nothing without one."""
    mask = np.zeros(shape, bool)
    if box:
        x, y, width, height = map(round, box)
        mask[max(y, 0) : y + height, max(x, 0) : x + width] = True
    return mask


def _scene(folder, action):
    path = folder / "scene.json"
    return Scene(**json.loads(path.read_text())) if path.is_file() else ExternalSource(action)


def _trajectories(folder, arrays):
    path = folder / "trajectories.npz"
    if path.is_file():
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
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
