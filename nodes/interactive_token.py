"""Nodes that keep, load and speak learned tokens."""

import dataclasses
import pathlib

import folder_paths
from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..files import checked_name
from ..models.comfy_layerwise import cross_attention_layers, teach_layers
from ..models.comfy_tokens import teach
from ..tokens.token_file import load_token, save_token
from . import sockets
from .node import Node, SavingNode

CATEGORY = "Interactive Action/tokens"
LAYERS = "interactive_tokens"  # the folder of layer-wise tokens below models: where `embedding:` does not search
folder_paths.add_model_folder_path(LAYERS, str(pathlib.Path(folder_paths.models_dir, LAYERS)))


class SaveToken(SavingNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="InteractiveActionSaveToken",
            display_name="Save Interactive Token",
            category=CATEGORY,
            description="Write a token to models/embeddings as one small file that ComfyUI, A1111 and diffusers load; a layer-wise "
            "token to models/interactive_tokens, for Interactive Token Loader.",
            is_output_node=True,
            inputs=[
                sockets.Token.Input("token", tooltip="A trained token.", lazy=True),
                io.String.Input(
                    "name",
                    default="pick-up",
                    tooltip="The file's name; the word in prompts is the name in angle brackets: <pick-up>.",
                ),
                io.Boolean.Input(
                    "overwrite",
                    default=False,
                    tooltip="Off: an existing file is kept and a number is added to the name. On: it is replaced.",
                ),
                io.String.Input(
                    "license",
                    default="",
                    tooltip="Under which licence you share the token, written into the file. May stay empty.",
                ),
            ],
            outputs=[
                sockets.Token.Output(display_name="token"),
                io.String.Output(display_name="trigger_word"),
            ],
        )

    @classmethod
    def check_inputs(cls, name: str) -> None:
        checked_name(name, "token")

    @classmethod
    def execute(cls, token, name, overwrite, license):
        provenance = {**token.provenance, **({"modelspec.license": license} if license.strip() else {})}
        token = dataclasses.replace(token, name=checked_name(name, "token"), provenance=provenance)
        folder = folder_paths.get_folder_paths(LAYERS if token.layers else "embeddings")[0]
        path = save_token(token, folder, overwrite)
        saved = load_token(path)
        return io.NodeOutput(
            saved, saved.trigger_word, ui=ui.PreviewText(f"Saved {path.name}. Write {saved.trigger_word} in a prompt.")
        )


class InteractiveTokenLoader(Node):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="InteractiveTokenLoader",
            display_name="Interactive Token Loader",
            category=CATEGORY,
            description="Teach MODEL and CLIP a saved token: afterwards its word, such as <pick-up>, works in every prompt. "
            "Several loaders in a row teach several tokens.",
            search_aliases=["embedding", "textual inversion", "interactive action"],
            inputs=[
                io.Model.Input(
                    "model", tooltip="The MODEL that will draw; only layer-wise tokens change what comes out."
                ),
                io.Clip.Input(
                    "clip", tooltip="The CLIP that learns the word. The CLIP that you connect here is not changed."
                ),
                io.Combo.Input(
                    "token_name",
                    options=_token_files(),
                    tooltip="A file in models/embeddings, or a layer-wise one in models/interactive_tokens. Its word is its name "
                    "in angle brackets.",
                ),
            ],
            outputs=[
                io.Model.Output(),
                io.Clip.Output(),
                io.String.Output(display_name="trigger_word", tooltip="The word to write in prompts."),
            ],
        )

    @classmethod
    def files_read(cls, token_name: str) -> list[pathlib.Path]:
        return [_token_path(token_name)]

    @classmethod
    def execute(cls, model, clip, token_name):
        return _taught(model, clip, load_token(_token_path(token_name)))


class ApplyToken(Node):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="InteractiveActionApplyToken",
            display_name="Apply Interactive Token",
            category=CATEGORY,
            description="Teach MODEL and CLIP a token straight from the trainer or from Save Interactive Token, in the same graph.",
            inputs=[
                io.Model.Input("model", tooltip="The MODEL that will draw."),
                io.Clip.Input(
                    "clip", tooltip="The CLIP that learns the word. The CLIP that you connect here is not changed."
                ),
                sockets.Token.Input("token", tooltip="A token from a trainer or from Save Interactive Token."),
            ],
            outputs=[
                io.Model.Output(),
                io.Clip.Output(),
                io.String.Output(display_name="trigger_word", tooltip="The word to write in prompts."),
            ],
        )

    @classmethod
    def execute(cls, model, clip, token):
        return _taught(model, clip, token)


def _taught(model, clip, token):
    if token.layers:
        layers = len(cross_attention_layers(model.model.diffusion_model))
        if token.layers != layers:
            raise InteractiveActionError(
                f"{token.trigger_word} was learned for {token.layers} cross-attention layers, and this MODEL has {layers}. Load the kind "
                f"of checkpoint that the token was trained on."
            )
        model = teach_layers(model)
    else:
        model = model.clone()
    return io.NodeOutput(
        model, teach(clip, [token]), token.trigger_word, ui=ui.PreviewText(f"Write {token.trigger_word} in a prompt.")
    )


def _token_files():
    """Names of plain tokens as they are, of layer-wise ones with their folder before them."""
    names = [
        *folder_paths.get_filename_list("embeddings"),
        *(f"{LAYERS}/{name}" for name in folder_paths.get_filename_list(LAYERS)),
    ]
    return [name for name in names if name.endswith(".safetensors")]


def _token_path(name):
    """The file that one of ``_token_files`` names."""
    folder, slash, rest = name.partition("/")
    layered = slash and folder == LAYERS
    path = folder_paths.get_full_path(LAYERS, rest) if layered else folder_paths.get_full_path("embeddings", name)
    if path is None:
        raise InteractiveActionError(
            f"There is no token file {name!r} in models/embeddings or models/{LAYERS}. Found: {', '.join(_token_files()) or 'none'}."
        )
    return pathlib.Path(path)


NODES = [SaveToken, InteractiveTokenLoader, ApplyToken]
