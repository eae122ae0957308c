"""Nodes that save learned tokens, load them and teach them to MODEL and CLIP."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import TYPE_CHECKING, Any

import folder_paths
from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..files import checked_name
from ..models.comfy_layerwise import cross_attention_layers, enable_layerwise_tokens
from ..models.comfy_tokens import add_tokens
from ..tokens.noise_gate import EVERYWHERE, NoiseGate
from ..tokens.token import InteractiveToken
from ..tokens.token_file import SUFFIXES, load_token, save_token
from . import sockets
from .node import Node, SavingNode

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher
    from comfy.sd import CLIP

CATEGORY = "Interactive Action/tokens"
LAYERS = "interactive_tokens"  # the folder of layer-wise tokens below models: where `embedding:` does not search
folder_paths.add_model_folder_path(LAYERS, str(pathlib.Path(folder_paths.models_dir, LAYERS)))


class SaveToken(SavingNode):
    """Writes a token to the folder of models in which the loader finds it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionSaveToken",
            display_name="Save Interactive Token",
            category=CATEGORY,
            description="Write a token to models/embeddings as one small file that ComfyUI, A1111 and diffusers load; "
            "a layer-wise token to models/interactive_tokens, for Interactive Token Loader.",
            search_aliases=["embedding", "textual inversion", "trigger word"],
            is_output_node=True,
            inputs=[
                sockets.Token.Input("token", tooltip="A trained token.", lazy=True),
                io.String.Input(
                    "name",
                    default="pick-up",
                    tooltip="The file's name; the word in prompts is the name in angle brackets: <pick-up>. Who "
                    "renames the file renames the word.",
                ),
                io.Boolean.Input(
                    "overwrite",
                    default=False,
                    tooltip="Off: an existing file stays, and a number is added to the name and so to the word: "
                    "<pick-up-2>. On: it is replaced.",
                ),
                io.String.Input(
                    "license",
                    default="",
                    tooltip="Under which license you share the token, written into the file. May stay empty.",
                ),
            ],
            outputs=[
                sockets.Token.Output(display_name="token", tooltip="The token as it was saved."),
                io.String.Output(
                    display_name="trigger_word",
                    tooltip="The word of the saved file. Feed it into prompts: after another run it may be "
                    "<pick-up-2>.",
                ),
            ],
        )

    @classmethod
    def check_inputs(cls, name: str) -> None:
        checked_name(name, "token")

    @classmethod
    def execute(cls, token: InteractiveToken, name: str, overwrite: bool, license: str) -> io.NodeOutput:
        provenance = {**token.provenance, **({"modelspec.license": license} if license.strip() else {})}
        token = dataclasses.replace(token, name=checked_name(name, "token"), provenance=provenance)
        folder = folder_paths.get_folder_paths(LAYERS if token.layers else "embeddings")[0]
        path = save_token(token, folder, overwrite)
        saved = load_token(path)
        summary = f"Saved {path.name}. Write {saved.trigger_word} in a prompt."
        return io.NodeOutput(saved, saved.trigger_word, ui=ui.PreviewText(summary))


class InteractiveTokenLoader(Node):
    """Teaches MODEL and CLIP a token from a file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveTokenLoader",
            display_name="Interactive Token Loader",
            category=CATEGORY,
            description="Teach MODEL and CLIP a saved token: afterwards its word, such as <pick-up>, works in every "
            "prompt. Several loaders in a row teach several tokens.",
            search_aliases=["embedding", "textual inversion", "interactive action", "trigger word"],
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
                    tooltip="A .safetensors, .pt or .bin file in models/embeddings, or a layer-wise token in "
                    "models/interactive_tokens. Its word is the file's name in angle brackets, whatever is written in "
                    "the file: lift.safetensors is <lift>. Rename a copy to use two versions together. Code in .pt and "
                    ".bin files is never run; those that need it are refused.",
                ),
                *noise_gate_inputs(),
            ],
            outputs=[
                io.Model.Output(),
                io.Clip.Output(),
                io.String.Output(display_name="trigger_word", tooltip="The word to write in prompts."),
            ],
        )

    @classmethod
    def check_inputs(cls, token_name: str, start_percent: float = 0.0, end_percent: float = 1.0) -> None:
        _token_path(token_name)
        NoiseGate(start_percent, end_percent)

    @classmethod
    def files_read(cls, token_name: str) -> list[pathlib.Path]:
        return [_token_path(token_name)]

    @classmethod
    def execute(cls, model: ModelPatcher, clip: CLIP, token_name: str, **gate: Any) -> io.NodeOutput:
        return _taught(model, clip, gated(load_token(_token_path(token_name)), **gate))


class ApplyToken(Node):
    """Teaches MODEL and CLIP a token of the same graph."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionApplyToken",
            display_name="Apply Interactive Token",
            category=CATEGORY,
            description="Teach MODEL and CLIP a token straight from the trainer or from Save Interactive Token, in the "
            "same graph.",
            search_aliases=["embedding", "textual inversion", "trigger word"],
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
    def execute(cls, model: ModelPatcher, clip: CLIP, token: InteractiveToken) -> io.NodeOutput:
        return _taught(model, clip, token)


def noise_gate_inputs() -> list[io.Input]:
    """Returns the inputs that say at which noise levels a token acts."""
    bounds = {"min": 0.0, "max": 1.0, "step": 0.01}
    return [
        io.Boolean.Input(
            "use_noise_gate",
            default=True,
            tooltip="On: a token that names noise levels in its file acts there alone, and its plain word stands in "
            "its place at the others. Off: it acts at all of them.",
            optional=True,
            advanced=True,
        ),
        io.Float.Input(
            "start_percent",
            default=0.0,
            tooltip="The word does not act before this share of the sampling; 0 is its start, at pure noise.",
            optional=True,
            advanced=True,
            **bounds,
        ),
        io.Float.Input(
            "end_percent",
            default=1.0,
            tooltip="The word does not act after this share of the sampling. What happens is decided first, how it "
            "looks later: about 0.45 is where Train Token (Noise-Gated) ends.",
            optional=True,
            advanced=True,
            **bounds,
        ),
        io.String.Input(
            "plain_word",
            default="",
            tooltip="What is read where the word does not act. Empty: what the token's file says, or the word that its "
            "training started from.",
            optional=True,
            advanced=True,
        ),
    ]


def gated(
    token: InteractiveToken,
    use_noise_gate: bool = True,
    start_percent: float = 0.0,
    end_percent: float = 1.0,
    plain_word: str = "",
) -> InteractiveToken:
    """Returns the token with the gate that its file and a node's inputs leave open together."""
    own = token.gate if use_noise_gate else EVERYWHERE
    word = plain_word.strip() or token.gate.plain_word or _initializer_token(token)
    gate = NoiseGate(max(own.start_percent, start_percent), min(own.end_percent, end_percent), word)
    return dataclasses.replace(token, gate=gate)


def _initializer_token(token: InteractiveToken) -> str:
    """The word that training started from, as the file says; empty if it does not."""
    try:
        hyperparameters = json.loads(token.provenance.get("interactive_action.hyperparameters", "{}"))
        return str(hyperparameters.get("initializer_token", ""))
    except (ValueError, AttributeError):  # a file of somebody else's
        return ""


def _taught(model: ModelPatcher, clip: CLIP, token: InteractiveToken) -> io.NodeOutput:
    """The outputs of both loaders: MODEL, CLIP and the trigger word."""
    taught = add_tokens(clip, [token])
    if token.layers:
        layers = len(cross_attention_layers(model.model.diffusion_model))
        if token.layers != layers:
            raise InteractiveActionError(
                f"{token.trigger_word} was learned for {token.layers} cross-attention layers, and this MODEL has "
                f"{layers}. Load the kind of checkpoint that the token was trained on."
            )
        model = enable_layerwise_tokens(model)
    else:
        model = model.clone()
    summary = f"Write {token.trigger_word} in a prompt."
    if not token.gate.is_open:
        summary += (
            f" It acts from {token.gate.start_percent:.0%} to {token.gate.end_percent:.0%} of the sampling; elsewhere "
            f"{token.gate.plain_word or 'nothing'!r} is read."
        )
    return io.NodeOutput(model, taught, token.trigger_word, ui=ui.PreviewText(summary))


def _token_files() -> list[str]:
    """Names of plain tokens as they are, of layer-wise ones with their folder before them."""
    names = [
        *folder_paths.get_filename_list("embeddings"),
        *(f"{LAYERS}/{name}" for name in folder_paths.get_filename_list(LAYERS)),
    ]
    return [name for name in names if name.lower().endswith(SUFFIXES)]


def _token_path(name: str) -> pathlib.Path:
    """The file of this name, one of ``_token_files``, or of this word, with or without its brackets."""
    files = _token_files()
    words = {f"<{pathlib.PurePath(file).stem}>": file for file in reversed(files)}  # of equal words the first counts
    listed = name if name in files else words.get(f"<{str(name).strip('<>')}>", str(name))
    inside = listed.removeprefix(f"{LAYERS}/")
    path = folder_paths.get_full_path(LAYERS, inside) if inside != listed else None
    path = path or folder_paths.get_full_path("embeddings", listed)
    if path is None:
        raise InteractiveActionError(
            f"There is no token {name!r} in models/embeddings or models/{LAYERS}. Found: {', '.join(files)}. Choose "
            "one of these; press R in the web page to read the list anew."
            if files
            else f"There is no token {name!r}, nor any other, in models/embeddings or models/{LAYERS}. Train one and "
            "keep it with Save Interactive Token, or put an embedding into models/embeddings."
        )
    return pathlib.Path(path)


NODES = [SaveToken, InteractiveTokenLoader, ApplyToken]
