"""Simulate an interaction: record it from several cameras, look at its masks and boxes, keep it."""

from __future__ import annotations

import pathlib
from typing import Any

import comfy.model_management
import comfy.utils
import folder_paths
import numpy as np
import torch
from comfy_api.latest import io, ui
from PIL import Image

from ..errors import InteractiveActionError
from ..file_digests import files_below
from ..files import checked_name, free_path
from ..sim import recording_folder as recordings
from ..sim.client import SIMULATOR
from ..sim.key_frames import KEY_FRAMES
from ..sim.plan import ANGLES, CAMERA_MODES, LIMITS, Plan
from ..sim.pool import Pool
from . import sockets
from .interaction_scene import CATEGORY, InteractionScene
from .node import Node, SavingNode


def whole(name: str, tooltip: str, **how: Any) -> io.Input:
    """A whole number of ``Plan``, with its bounds and default."""
    least, most = LIMITS[name]
    return io.Int.Input(name, default=getattr(Plan(), name), min=least, max=most, tooltip=tooltip, **how)


def _real(name: str, tooltip: str) -> io.Input:
    least, most = ANGLES[name]
    how = {"step": 0.1, "optional": True, "advanced": True}
    return io.Float.Input(name, default=getattr(Plan(), name), min=least, max=most, tooltip=tooltip, **how)


IMAGES = (
    whole("cameras", "From how many sides each key frame is seen."),
    io.Combo.Input(
        "key_frames",
        options=list(KEY_FRAMES),
        tooltip="Which part of the action becomes images, told by its contacts. Held teaches 'pick up': the object is "
        "off the ground.",
    ),
    whole(
        "frames_per_episode",
        "How many key frames of each episode, evenly from the first to the last; one alone is the last.",
    ),
    whole("width", "The images' width in pixels: the size that your model was trained on.", step=8),
    whole("height", "The images' height in pixels: the size that your model was trained on.", step=8),
)


class RecordInteraction(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionRecord",
            display_name="Record Interaction",
            category=CATEGORY,
            description="Simulate the action by contact and friction and photograph it from several cameras, with "
            "masks, boxes, depth and contact forces. An episode whose action did not succeed is told and run again "
            "with another seed.",
            search_aliases=["simulate", "robot", "render", "dataset"],
            inputs=[
                sockets.Scene.Input("scene", tooltip="What happens, from Interaction Scene."),
                whole(
                    "num_episodes", "How often the action is run, each time with another place, size, light and motion."
                ),
                *IMAGES,
                io.Combo.Input(
                    "camera_mode",
                    options=list(CAMERA_MODES),
                    default=Plan.camera_mode,
                    optional=True,
                    tooltip="Tracking cameras aim at hand and object for every image; tracking_close ones go nearer "
                    "where the object would be small. Fixed ones keep their place, so that another action with the "
                    "same seed has the same background. An orbit goes evenly around, the wrist's go with the hand, "
                    "and manual ones stand where you say.",
                ),
                _real("field_of_view", "Angle of view from bottom to top in degrees."),
                _real(
                    "azimuth",
                    "Manual and wrist cameras: where the first one stands, in degrees from the front; the others "
                    "follow evenly around.",
                ),
                _real("elevation", "Manual cameras and an orbit: how high they stand, in degrees."),
                _real("distance", "Manual cameras: meters to the object. 0 frames hand and object."),
                io.Int.Input(
                    "workers",
                    default=1,
                    min=1,
                    max=32,
                    optional=True,
                    advanced=True,
                    tooltip="How many simulators work at once. The images are the same with any number; each takes "
                    "half a gigabyte.",
                ),
            ],
            outputs=_outputs(),
        )

    @classmethod
    def execute(cls, scene: Any, workers: int = 1, **settings: Any) -> io.NodeOutput:
        plan = Plan(**settings)
        progress = show_progress(plan.images)
        if workers == 1:
            recording = SIMULATOR.record(scene, plan, progress)
        else:
            with Pool(workers) as pool:
                recording = pool.record(scene, plan, progress)
        return io.NodeOutput(*_values(recording), ui=ui.PreviewText(recording.summary()))


def show_progress(total: int) -> Any:
    """What shows each image in the page and lets Cancel through."""
    bar = comfy.utils.ProgressBar(total)

    def show(done: int, total: int, image: Any) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        if image is not None:
            bar.update_absolute(done, total, ("JPEG", Image.fromarray(image), 512))

    return show


class VisualizeAnnotations(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionVisualizeAnnotations",
            display_name="Visualize Annotations",
            category=CATEGORY,
            description="The images of a recording with masks and boxes drawn on them: the subject blue, the object "
            "orange.",
            search_aliases=["overlay", "bounding box", "segmentation"],
            is_output_node=True,
            inputs=[sockets.Recording.Input("recording", tooltip="What to draw, from Record Interaction.")],
            outputs=[io.Image.Output(display_name="overlay")],
        )

    @classmethod
    def execute(cls, recording: Any) -> io.NodeOutput:
        overlay = image(recording.overlay())
        return io.NodeOutput(overlay, ui=ui.PreviewImage(overlay, cls=cls))


def recording_folder() -> pathlib.Path:
    """The folder that holds all recordings."""
    return pathlib.Path(folder_paths.get_folder_paths("datasets")[0]) / "interactive_action_recordings"


class SaveRecording(SavingNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionSaveRecording",
            display_name="Save Recording",
            category=CATEGORY,
            description="Write all of a recording to a folder: images, masks, metadata.jsonl and trajectories.",
            search_aliases=["export", "simulation", "dataset"],
            is_output_node=True,
            inputs=[
                sockets.Recording.Input("recording", tooltip="What to keep, from Record Interaction.", lazy=True),
                io.String.Input(
                    "name",
                    default="pick-up",
                    tooltip="Folder name under datasets/interactive_action_recordings. If there is one already, a "
                    "number is added.",
                ),
            ],
            outputs=[sockets.Recording.Output(display_name="recording")],
        )

    @classmethod
    def check_inputs(cls, name: str) -> None:
        checked_name(name, "recording")

    @classmethod
    def execute(cls, recording: Any, name: str) -> io.NodeOutput:
        folder = free_path(recording_folder(), checked_name(name, "recording"))
        recordings.save(recording, folder)
        return io.NodeOutput(recording, ui=ui.PreviewText(f"{len(recording)} images written to {folder}"))


class LoadRecording(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionLoadRecording",
            display_name="Load Recording",
            category=CATEGORY,
            description="Read a recording from a folder: one that was saved, or images of Unity, Blender or a camera "
            "with a metadata.jsonl.",
            search_aliases=["import", "Unity", "Blender", "photographs"],
            inputs=[
                io.String.Input(
                    "name", default="pick-up", tooltip="Folder name under datasets/interactive_action_recordings."
                )
            ],
            outputs=_outputs(),
        )

    @classmethod
    def check_inputs(cls, name: str) -> None:
        checked_name(name, "recording")

    @classmethod
    def files_read(cls, name: str) -> list[pathlib.Path]:
        return files_below(recording_folder() / checked_name(name, "recording"))

    @classmethod
    def execute(cls, name: str) -> io.NodeOutput:
        folder = recording_folder() / checked_name(name, "recording")
        if not folder.is_dir():
            found = sorted(
                path.name for path in recording_folder().glob("*") if path.is_dir() and not path.name.startswith(".")
            )
            raise InteractiveActionError(
                f"There is no recording called {name!r}. Found: {', '.join(found) or 'none'}. They lie in "
                f"{recording_folder()}."
            )
        recording = recordings.load(folder)
        return io.NodeOutput(*_values(recording), ui=ui.PreviewText(recording.summary()))


def _outputs() -> list[io.Output]:
    return [
        io.Image.Output(display_name="images"),
        io.Mask.Output(display_name="subject_mask", tooltip="The robot."),
        io.Mask.Output(display_name="object_mask", tooltip="The object."),
        io.BoundingBox.Output(display_name="subject_boxes", tooltip="One list an image."),
        io.BoundingBox.Output(display_name="object_boxes", tooltip="One list an image."),
        io.Image.Output(display_name="depth", tooltip="Inverse depth: near is white. The recording has meters."),
        sockets.Recording.Output(
            display_name="recording",
            tooltip="All of it, with contact forces, joint positions, cameras and the names of what is seen.",
        ),
    ]


def _values(recording: Any) -> tuple[Any, ...]:
    return (
        image(recording.images),
        torch.from_numpy(recording.subject_masks).float(),
        torch.from_numpy(recording.object_masks).float(),
        recording.subject_boxes,
        recording.object_boxes,
        torch.from_numpy(recording.depth_images())[..., None].expand(-1, -1, -1, 3).contiguous(),
        recording,
    )


def image(images: np.ndarray) -> torch.Tensor:
    """Images uint8 (N, H, W, 3) as ComfyUI has them: float32 in 0..1."""
    return torch.from_numpy(images).float() / 255


NODES = [InteractionScene, RecordInteraction, VisualizeAnnotations, SaveRecording, LoadRecording]
