"""How well images match texts: the cosine of CLIP's two embeddings (Radford et al. 2021), through open_clip."""

import torch
from torchvision.transforms.functional import to_pil_image

from ..errors import InteractiveActionError, MissingExtraError
from . import why


class ClipScorer:
    def __init__(self, model, preprocess, tokenizer, name):
        self.model, self.preprocess, self.tokenizer, self.name = model.eval(), preprocess, tokenizer, name

    def to(self, device):
        self.model.to(device)

    @torch.no_grad()
    def see(self, images):
        """Images (B, H, W, 3) in 0..1 -> embeddings of length one (B, d)."""
        channels_first = images.clamp(0, 1).movedim(-1, 1).float().cpu()
        pixels = torch.stack([self.preprocess(to_pil_image(image)) for image in channels_first])
        return self.model.encode_image(pixels.to(self._device), normalize=True).float().cpu()

    @torch.no_grad()
    def read(self, texts):
        """B texts -> embeddings of length one (B, d)."""
        different = list(dict.fromkeys(texts))  # a text that many images share is read once
        read = self.model.encode_text(self.tokenizer(different).to(self._device), normalize=True).float().cpu()
        return read[[different.index(text) for text in texts]]

    def cosine(self, images, texts):
        """Cosine of each image with its text, float (B,) in -1..1, neither scaled nor clipped."""
        return (self.see(images) * self.read(texts)).sum(-1)

    @property
    def _device(self):
        return next(self.model.parameters()).device


def load_clip_scorer(name, pretrained=""):
    """An open_clip model: a name ("ViT-B-32") with a pretrained tag or file, or ``local-dir:FOLDER``, ``hf-hub:NAME``.

    Weights are read with safetensors or ``weights_only``; a model without weights is refused.
    """
    try:
        import open_clip
    except ImportError as error:
        raise MissingExtraError("open_clip", "score") from error
    try:
        model, preprocess = open_clip.create_model_from_pretrained(name, pretrained or None, weights_only=True)
        tokenizer = open_clip.get_tokenizer(name)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise InteractiveActionError(
            f'The CLIP "{name}" ({pretrained or "no pretrained tag"}) could not be loaded: {why(error)} Give an '
            'open_clip name with a pretrained tag or file ("ViT-B-32", "laion2b_s34b_b79k"), or "local-dir:" and a '
            "folder."
        ) from error
    return ClipScorer(model, preprocess, tokenizer, f"{name} {pretrained}".strip())
