"""Where the embedded weights and style images are. Nothing is loaded here."""

from pathlib import Path

MODELS = Path(__file__).parent / "models"

CHECKPOINT = MODELS / "checkpoints" / "interactive-action-miniature.safetensors"
"""The base model: U-Net, text encoder and autoencoder of Stable Diffusion 1's architecture."""

STYLE_EDITOR = MODELS / "checkpoints" / "interactive-action-miniature-editor.safetensors"
"""A style-conditioned InstructPix2Pix without an autoencoder of its own: it uses the base model's."""

DETECTOR = MODELS / "detector"
CLIP = MODELS / "clip"
INTERACTION_CLASSIFIER = MODELS / "interaction_classifier"
DEPTH = MODELS / "depth"
ENCODER = MODELS / "encoder"
STYLES = MODELS / "styles"
