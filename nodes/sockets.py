"""The sockets for things ComfyUI has no word for; their names are promises to saved workflows."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

Scene = io.Custom("INTERACTIVE_ACTION_SCENE")
Robot = io.Custom("INTERACTIVE_ACTION_ROBOT")
ObjectSpec = io.Custom("INTERACTIVE_ACTION_OBJECT")
Recording = io.Custom("INTERACTIVE_ACTION_RECORDING")
Dataset = io.Custom("INTERACTIVE_ACTION_DATASET")
Token = io.Custom("INTERACTIVE_ACTION_TOKEN")
Detector = io.Custom("INTERACTIVE_ACTION_DETECTOR")
ClipScorer = io.Custom("INTERACTIVE_ACTION_CLIP_SCORER")
GradientMask = io.Custom("INTERACTIVE_ACTION_GRADIENT_MASK")
TrainingOptions = io.Custom("INTERACTIVE_ACTION_TRAINING_OPTIONS")
Validation = io.Custom("INTERACTIVE_ACTION_VALIDATION")
Attention = io.Custom("INTERACTIVE_ACTION_ATTENTION")
EditingReward = io.Custom("INTERACTIVE_ACTION_EDITING_REWARD")
FloorPlan = io.Custom("INTERACTIVE_ACTION_FLOOR_PLAN")
Layouts = io.Custom("INTERACTIVE_ACTION_LAYOUT")  # a tuple of rooms
LayoutModel = io.Custom("INTERACTIVE_ACTION_LAYOUT_MODEL")
RoomGuidance = io.Custom("INTERACTIVE_ACTION_ROOM_GUIDANCE")
Furniture = io.Custom("INTERACTIVE_ACTION_FURNITURE")

# which nodes a link comes from
SOURCES = {
    "INTERACTIVE_ACTION_SCENE": "Interaction Scene or Room to Scene",
    "INTERACTIVE_ACTION_ROBOT": "Load Robot (URDF)",
    "INTERACTIVE_ACTION_OBJECT": "Load Articulated Object (URDF)",
    "INTERACTIVE_ACTION_RECORDING": "Record Interaction or Load Recording",
    "INTERACTIVE_ACTION_DATASET": "Caption Images (Action) or Load Interaction Dataset",
    "INTERACTIVE_ACTION_TOKEN": "a trainer or Save Interactive Token",
    "INTERACTIVE_ACTION_DETECTOR": "Load Detector",
    "INTERACTIVE_ACTION_CLIP_SCORER": "Load CLIP Scorer",
    "INTERACTIVE_ACTION_GRADIENT_MASK": "ADI Gradient Mask",
    "INTERACTIVE_ACTION_TRAINING_OPTIONS": "Training Options",
    "INTERACTIVE_ACTION_VALIDATION": "Validation Images",
    "INTERACTIVE_ACTION_ATTENTION": "Capture Attention",
    "INTERACTIVE_ACTION_EDITING_REWARD": "Editing Reward",
    "INTERACTIVE_ACTION_FLOOR_PLAN": "Floor Plan, Floor Plan from Mask or Select Room",
    "INTERACTIVE_ACTION_LAYOUT": "Sample Rooms, Make Procedural Rooms, Load Rooms or Import Rooms",
    "INTERACTIVE_ACTION_LAYOUT_MODEL": "Layout Model Loader or Train Layout Model",
    "INTERACTIVE_ACTION_ROOM_GUIDANCE": "Room Guidance",
    "INTERACTIVE_ACTION_FURNITURE": "Furnish Rooms",
    "BOUNDING_BOX": "Record Interaction or a detector",
    "MODEL": "Load Checkpoint",
    "CLIP": "Load Checkpoint",
    "VAE": "Load Checkpoint",
    "IMAGE": "Load Image",
    "MASK": "Load Image",
    "LATENT": "a sampler",
    "CONDITIONING": "CLIP Text Encode",
}


def boxes_input(name: str, **details: Any) -> io.Input:
    """Returns an optional socket for boxes of any detector.

    ComfyUI's own type as a mere socket: io.BoundingBox.Input announces a default rectangle besides, and programs that
    make prompts from workflows (comfy-cli) send it wherever nothing is connected.
    """
    return io.Custom("BOUNDING_BOX").Input(name, optional=True, extra_dict={"forceInput": True}, **details)
