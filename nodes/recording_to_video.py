"""A recording as a video."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from comfy_api.latest import InputImpl, Types, io

from ..errors import InteractiveActionError
from . import sockets
from .node import Node
from .record_interaction import CATEGORY, image


class RecordingToVideo(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionRecordingToVideo",
            display_name="Recording to Video",
            category=CATEGORY,
            description="A video of a recording at the speed at which it happened, one episode after the other, its "
            "cameras side by side.",
            search_aliases=["video", "animation", "movie"],
            inputs=[
                sockets.Recording.Input(
                    "recording",
                    tooltip="From Record Interaction, best with the moments 'whole action' and twenty frames or more a "
                    "take.",
                ),
                io.Int.Input(
                    "camera",
                    default=-1,
                    min=-1,
                    max=63,
                    tooltip="Which camera, counted from 0; -1 puts all side by side.",
                ),
                io.Boolean.Input(
                    "masks_and_boxes",
                    default=False,
                    tooltip="Draw masks and boxes: the subject blue, the object orange.",
                ),
            ],
            outputs=[io.Video.Output(display_name="video"), io.Image.Output(display_name="frames")],
        )

    @classmethod
    def execute(cls, recording: Any, camera: Any, masks_and_boxes: Any) -> io.NodeOutput:
        images = recording.overlay() if masks_and_boxes else recording.images
        cameras = sorted(set(recording.camera.tolist())) if camera < 0 else [camera]
        views = [images[recording.camera == number] for number in cameras]
        if len({len(view) for view in views}) > 1 or not len(views[0]):
            raise InteractiveActionError(
                f"There is no camera {camera} with images of its own. The recording has: "
                f"{sorted(set(recording.camera.tolist()))}."
                if camera >= 0
                else "The cameras have not taken equally many images. Choose one of them."
            )
        times, episodes = (
            recording.time[recording.camera == cameras[0]],
            recording.episode[recording.camera == cameras[0]],
        )
        steps = np.diff(times)[np.diff(episodes) == 0]
        rate = 1 / np.median(steps) if len(steps) and np.median(steps) > 0 else 1.0
        frames = image(np.concatenate(views, 2))
        frames = frames[:, : frames.shape[1] // 2 * 2, : frames.shape[2] // 2 * 2]  # a video's sides are even
        video = InputImpl.VideoFromComponents(
            Types.VideoComponents(images=frames, frame_rate=Fraction(rate).limit_denominator(1000))
        )
        return io.NodeOutput(video, frames)


NODES = [RecordingToVideo]
