"""Makes the embedded miniature model known to ComfyUI, so that its stock loader, encoder and sampler take it."""

from typing import ClassVar

from ..miniature.weights import CHECKPOINT
from ..models.compact_vocabulary import expanded_vocabulary

FOLDER = CHECKPOINT.resolve().parent
EMBEDDINGS = FOLDER.parent / "embeddings"  # a ready token, so that *Use a token* works before any training
CLIP_CONFIG = {
    "hidden_size": 128,
    "intermediate_size": 512,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "projection_dim": 128,
}

NODES = []


def _model_class():
    from comfy import sd1_clip, supported_models, supported_models_base, utils

    class MiniatureClip(sd1_clip.SD1ClipModel):
        def __init__(self, device="cpu", dtype=None, model_options=None, **more):
            model_options = {**(model_options or {}), "clip_l_model_config": CLIP_CONFIG}
            super().__init__(device=device, dtype=dtype, model_options=model_options, **more)

    class InteractiveActionMiniature(supported_models.SD15):
        """Stable Diffusion 1 with 64 channels and a context of 128, numbers no other model has."""

        unet_config: ClassVar = {**supported_models.SD15.unet_config, "context_dim": 128, "model_channels": 64}
        unet_extra_config: ClassVar = {"num_heads": -1, "num_head_channels": 32}

        def process_clip_state_dict(self, state_dict):
            return super().process_clip_state_dict(expanded_vocabulary(state_dict))

        def process_vae_state_dict(self, state_dict):
            """The embedded editor leaves its autoencoder to the embedded base model."""
            if not state_dict:
                base = utils.load_torch_file(str(CHECKPOINT), safe_load=True)
                state_dict = utils.state_dict_prefix_replace(base, {self.vae_key_prefix[0]: ""}, filter_keys=True)
            return super().process_vae_state_dict(state_dict)

        def clip_target(self, state_dict=None):
            return supported_models_base.ClipTarget(sd1_clip.SD1Tokenizer, MiniatureClip)

    return InteractiveActionMiniature


def register():
    """Add the model class and the folders of the shipped checkpoint and token to ComfyUI's; again changes nothing."""
    import folder_paths
    from comfy import supported_models

    if not any(model.__name__ == "InteractiveActionMiniature" for model in supported_models.models):
        supported_models.models.insert(0, _model_class())
    folder_paths.add_model_folder_path("checkpoints", str(FOLDER))
    folder_paths.add_model_folder_path("embeddings", str(EMBEDDINGS))  # last: a user's file of that name comes first
