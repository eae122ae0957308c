"""The embedded editor, its judges and its style images: small models that the project trained on its simulator's drawings.

``python . miniature.factory.train_style_editor`` remakes them all. The editor is a style-conditioned InstructPix2Pix of SD 1.x for the stock
checkpoint loader; depth model and encoder are ordinary folders of transformers.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

MODELS = Path(__file__).parent / "models"
EDITOR = MODELS / "checkpoints" / "interactive-action-miniature-editor.safetensors"
DEPTH, ENCODER, STYLES = MODELS / "depth", MODELS / "encoder", MODELS / "styles"
STYLES_EACH = 5


def looks():
    """Names of the materials of which there are style images."""
    return sorted(path.stem for path in STYLES.glob("*.png"))


def load_styles(look, count=STYLES_EACH):
    """Style images float (count, 96, 96, 3) in 0..1 and masks (count, 96, 96), 1 where the look is; the five take turns."""
    sheet = np.asarray(Image.open(STYLES / f"{look}.png")).copy()
    tiles = torch.from_numpy(sheet).unflatten(1, (-1, sheet.shape[0])).movedim(1, 0)
    tiles = tiles[torch.arange(count) % len(tiles)]
    return tiles[..., :3].float() / 255, (tiles[..., 3] == 255).float()


def load_depth_model():
    """The embedded depth model, as ``scoring.structure.DepthModel``: inverse depth from 0, the farthest, to 1."""
    from ..scoring.structure import load_depth_model

    model = load_depth_model(DEPTH)
    model.name = "miniature"
    return model


def load_encoder():
    """The embedded encoder of looks, as ``scoring.encoders.Encoder``."""
    from ..scoring.encoders import load_encoder

    encoder = load_encoder("DINOv2", str(ENCODER))
    encoder.name = "miniature"
    return encoder
