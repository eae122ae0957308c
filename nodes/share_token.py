"""Nodes that share tokens: out as a folder with a card, in from anybody, to and from the Hugging Face hub."""

from __future__ import annotations

import json
import pathlib
from typing import TYPE_CHECKING, Any

import folder_paths
from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..files import checked_name, path_inside, write_atomically
from ..tokens.import_token import import_token
from ..tokens.token import InteractiveToken
from ..tokens.token_file import SUFFIXES, load_token
from . import sockets
from .interactive_token import CATEGORY, LAYERS, _token_files, _token_path
from .node import Node, SavingNode

if TYPE_CHECKING:
    import torch

EXPORTS = "interactive_tokens"  # the folder of exported tokens in ComfyUI's output folder
INPUT = "input/"  # before the names of files in ComfyUI's input folder


class ExportToken(SavingNode):
    """Writes a folder with a token, an image of what it does and its card."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionExportToken",
            display_name="Export Token",
            category=CATEGORY,
            description="Make a token ready to be shared: a folder in output/interactive_tokens with the token, a "
            "preview image and a card that says what it is, how it was made, how well it scores and how to use it.",
            search_aliases=["share embedding", "model card", "publish", "trigger word"],
            is_output_node=True,
            inputs=[
                sockets.Token.Input("token", tooltip="From Save Interactive Token or Import Token.", lazy=True),
                io.Image.Input(
                    "image",
                    optional=True,
                    lazy=True,
                    tooltip="What the token does: the first image becomes its preview, here and beside the token in "
                    "the models folder.",
                ),
                io.String.Input(
                    "report",
                    optional=True,
                    force_input=True,
                    lazy=True,
                    tooltip="The report that IAScore gave images with the token.",
                ),
                io.String.Input(
                    "description",
                    default="",
                    multiline=True,
                    optional=True,
                    tooltip="A sentence or two for people who find the token.",
                ),
                io.String.Input(
                    "license",
                    default="",
                    optional=True,
                    tooltip="Under which license you share it, such as apache-2.0 or cc-by-4.0. Empty: what its file "
                    "says.",
                ),
            ],
            outputs=[
                io.String.Output(
                    display_name="folder", tooltip="The folder's name in output/interactive_tokens, for Push Token."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        token: InteractiveToken,
        image: torch.Tensor | None = None,
        report: str | None = None,
        description: str = "",
        license: str = "",
    ) -> io.NodeOutput:
        from PIL import Image

        from ..tokens.export_token import export_token, preview_bytes, preview_name

        picture = None
        if image is not None:
            picture = Image.fromarray((image[0].clamp(0, 1) * 255).round().byte().cpu().numpy())
        target = export_token(
            token,
            pathlib.Path(folder_paths.get_output_directory(), EXPORTS),
            picture,
            _report(report),
            description=description,
            license=license,
        )
        for folder in folder_paths.get_folder_paths(LAYERS if token.layers else "embeddings")[:1]:
            if picture and pathlib.Path(folder, f"{token.name}.safetensors").exists():
                write_atomically(pathlib.Path(folder, preview_name(token.name)), preview_bytes(picture))
        return io.NodeOutput(target.name, ui=ui.PreviewText(f"Exported to output/{EXPORTS}/{target.name}."))


class ImportToken(Node):
    """Takes in anybody's token."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionImportToken",
            display_name="Import Token",
            category=CATEGORY,
            description="Take in a token of yours or of anybody: an embedding of A1111 (.pt, .safetensors), "
            "diffusers (learned_embeds.bin), OneTrainer or ComfyUI. It is kept in the models folder in the form that "
            "every loader lists.",
            search_aliases=["embedding", "textual inversion", "civitai", "convert", "pt to safetensors"],
            is_output_node=True,
            inputs=[
                io.Combo.Input(
                    "file",
                    options=_importable(),
                    tooltip="A file in ComfyUI's input folder, or one that is in the models folder already. Code in "
                    ".pt and .bin files is never run; those that need it are refused. Press R to read the list anew.",
                ),
                io.String.Input(
                    "name",
                    default="",
                    optional=True,
                    tooltip="How to call it here; the word in prompts is the name in angle brackets. Empty: as the "
                    "file is called, or where all are called the same (learned_embeds.bin), as the word in it.",
                ),
            ],
            outputs=_token_outputs(),
        )

    @classmethod
    def check_inputs(cls, file: str, name: str = "") -> None:
        _source(file)
        if name.strip():
            checked_name(name.strip(), "token")

    @classmethod
    def files_read(cls, file: str) -> list[pathlib.Path]:
        return [_source(file)]

    @classmethod
    def execute(cls, file: str, name: str = "") -> io.NodeOutput:
        path, name = _source(file), name.strip()
        here = not file.startswith(INPUT) and path.suffix == ".safetensors" and name in ("", path.stem)
        return _imported(path if here else import_token(path, _folders(), name))


class PushToken(Node):
    """Uploads an exported token to the Hugging Face hub."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionPushToken",
            display_name="Push Token (Hugging Face)",
            category=CATEGORY,
            description="Upload an exported token to a repository of yours at Hugging Face. Log in once with "
            "`hf auth login` in a terminal; no secret belongs into a graph.",
            search_aliases=["upload", "hub", "publish embedding", "share"],
            is_output_node=True,
            inputs=[
                io.String.Input("folder", tooltip="From Export Token: a folder's name in output/interactive_tokens."),
                io.String.Input(
                    "repository",
                    default="",
                    tooltip="Your name and the repository's, such as anna/pick-up. It is made if it is not there. "
                    "Empty: nothing is uploaded.",
                ),
                io.Boolean.Input(
                    "private",
                    default=True,
                    tooltip="On: a new repository is seen by you alone. One that is there stays as it is.",
                ),
            ],
            outputs=[
                io.String.Output(display_name="address", tooltip="The repository's page; empty if none was named.")
            ],
        )

    @classmethod
    def execute(cls, folder: str, repository: str, private: bool) -> io.NodeOutput:
        from ..tokens.hub import push_token

        exports = pathlib.Path(folder_paths.get_output_directory(), EXPORTS)
        path = path_inside(exports, folder, "folder of an exported token")
        if not path.is_dir():
            raise InteractiveActionError(
                f"There is no folder {folder!r} in output/{EXPORTS}. Connect Export Token, or name a folder of its."
            )
        if not repository.strip():
            return io.NodeOutput("", ui=ui.PreviewText("Nothing was uploaded: no repository is named."))
        address = push_token(path, repository.strip(), private)
        return io.NodeOutput(address, ui=ui.PreviewText(f"Uploaded to {address}."))


class PullToken(Node):
    """Downloads a token from the Hugging Face hub."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionPullToken",
            display_name="Pull Token (Hugging Face)",
            category=CATEGORY,
            description="Download a token, or anybody's embedding, from a repository at Hugging Face into the models "
            "folder. Private ones need `hf auth login` in a terminal.",
            search_aliases=["download embedding", "hub", "sd-concepts-library", "import"],
            is_output_node=True,
            inputs=[
                io.String.Input(
                    "repository", default="", tooltip="The owner's name and the repository's: anna/pick-up."
                ),
                io.String.Input(
                    "file",
                    default="",
                    optional=True,
                    tooltip="Which file of the repository. Empty: the only one that can be a token.",
                ),
                io.String.Input(
                    "revision",
                    default="",
                    optional=True,
                    advanced=True,
                    tooltip="A branch, tag or commit: with a commit the graph loads the same token for ever. Empty: "
                    "the newest.",
                ),
                io.String.Input(
                    "name",
                    default="",
                    optional=True,
                    tooltip="How to call it here; the word in prompts is the name in angle brackets. Empty: as it is "
                    "called there.",
                ),
            ],
            outputs=_token_outputs(),
        )

    @classmethod
    def check_inputs(cls, name: str = "") -> None:
        if name.strip():
            checked_name(name.strip(), "token")

    @classmethod
    def execute(cls, repository: str, file: str = "", revision: str = "", name: str = "") -> io.NodeOutput:
        from ..tokens.hub import pull_token

        return _imported(pull_token(repository.strip(), _folders(), file.strip(), revision.strip(), name.strip()))


def _token_outputs() -> list[io.Output]:
    return [
        sockets.Token.Output(display_name="token", tooltip="For Apply Interactive Token or Export Token."),
        io.String.Output(display_name="trigger_word", tooltip="The word to write in prompts."),
    ]


def _imported(path: pathlib.Path) -> io.NodeOutput:
    """The outputs of both importing nodes."""
    token = load_token(path)
    summary = f"{path.name} is in the models folder. Write {token.trigger_word} in a prompt."
    return io.NodeOutput(token, token.trigger_word, ui=ui.PreviewText(summary))


def _folders() -> tuple[str, str]:
    """The user's own folders of plain and of layer-wise tokens."""
    return folder_paths.get_folder_paths("embeddings")[0], folder_paths.get_folder_paths(LAYERS)[0]


def _importable() -> list[str]:
    """Names of files that may be tokens: those of the input folder, then those that are in the models folder."""
    folder = pathlib.Path(folder_paths.get_input_directory())
    found = sorted(path for pattern in ("*", "*/*") for path in folder.glob(pattern))
    inputs = [f"{INPUT}{path.relative_to(folder).as_posix()}" for path in found if path.name.lower().endswith(SUFFIXES)]
    return [*inputs, *_token_files()]


def _source(file: str) -> pathlib.Path:
    """The path of one of ``_importable``."""
    if not file.startswith(INPUT):
        return _token_path(file)
    path = path_inside(folder_paths.get_input_directory(), file.removeprefix(INPUT), "token")
    if not path.is_file():
        raise InteractiveActionError(
            f"There is no file {path.name!r} in ComfyUI's input folder. Put it there and press R to read the list anew."
        )
    return path


def _report(text: str | None) -> dict[str, Any] | None:
    """IAScore's report, as it comes along its link; None if there is none."""
    if not text or not text.strip():
        return None
    with_scores: Any = None
    try:
        with_scores = json.loads(text)
        with_scores["scores"]["n"]
    except (ValueError, TypeError, KeyError) as error:
        raise InteractiveActionError(
            f"The report of Export Token is {text[:40]!r}, which IAScore did not write. Connect IAScore's report, or "
            "nothing."
        ) from error
    return dict(with_scores)


NODES = [ExportToken, ImportToken, PushToken, PullToken]
