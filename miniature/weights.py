"""Where the embedded weights, style images and token are. Nothing is loaded here."""

from pathlib import Path

MODELS = Path(__file__).parent / "models"

CHECKPOINT = MODELS / "checkpoints" / "interactive-action-miniature.safetensors"
"""The base model: U-Net, text encoder and autoencoder of Stable Diffusion 1's architecture."""

STYLE_EDITOR = MODELS / "checkpoints" / "interactive-action-miniature-editor.safetensors"
"""A style-conditioned InstructPix2Pix without an autoencoder of its own: it uses the base model's."""

EXAMPLE_TOKEN = MODELS / "embeddings" / "lift-overhead.safetensors"
"""A ready token for the base model, so that the workflow *Use a token* works before any training."""

LAYOUT_MODEL = MODELS / "layouts" / "interactive-action-rooms.safetensors"
"""A layout model for bedrooms, living rooms, dining rooms and kitchens, trained on procedural rooms."""

DETECTOR = MODELS / "detector"
CLIP = MODELS / "clip"
INTERACTION_CLASSIFIER = MODELS / "interaction_classifier"
DEPTH = MODELS / "depth"
ENCODER = MODELS / "encoder"
STYLES = MODELS / "styles"
