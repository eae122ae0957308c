"""The sockets for things ComfyUI has no word for; their names are promises to saved workflows."""

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
