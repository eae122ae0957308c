"""Tokens in repositories of the Hugging Face hub: a folder goes up, a token comes down.

The user is who ``hf auth login`` made known on this machine, or HF_TOKEN. No secret is an argument here, because what a
graph holds is saved in every image that it draws.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..errors import InteractiveActionError, MissingExtraError
from ..files import write_atomically
from .export_token import preview_name
from .import_token import import_token
from .token_file import LARGEST, SUFFIXES

if TYPE_CHECKING:
    from huggingface_hub import HfApi


def push_token(folder: str | os.PathLike[str], repository: str, private: bool = True) -> str:
    """Uploads an exported token; a repository that is not there is made.

    Args:
        folder: as ``export_token`` writes it.
        repository: "user/name".
        private: whether a new repository is seen by its owner alone.

    Returns:
        The address of the repository's page.

    Raises:
        InteractiveActionError: nobody is logged in, the name is none, or the hub refuses.
    """
    folder = pathlib.Path(folder)
    if not list(folder.glob("*.safetensors")):
        raise InteractiveActionError(
            f"The folder {folder.name} holds no token, so that there is nothing to upload. Take the folder that Export "
            "Token gives."
        )
    with _hub(repository) as api:
        from huggingface_hub import get_token

        if not get_token():
            raise InteractiveActionError(
                "Nobody is logged in at Hugging Face on this machine. Type `hf auth login` once in a terminal, with "
                "ComfyUI's Python, and queue this again. Never write an access token into a graph."
            )
        address = str(api.create_repo(repository, private=private, exist_ok=True))
        api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            commit_message=f"{folder.name} from Interactive Action",
            allow_patterns=["*.safetensors", "*.preview.png", "*.md"],
        )
    return address


def pull_token(
    repository: str,
    folders: tuple[str | os.PathLike[str], str | os.PathLike[str]],
    file: str = "",
    revision: str = "",
    name: str = "",
) -> pathlib.Path:
    """Downloads a token, with its preview if there is one, and takes it in like ``import_token``.

    Args:
        repository: "user/name".
        folders: for plain and for layer-wise tokens.
        file: of the repository; empty: the only one that can be a token.
        revision: a branch, tag or commit; empty: the newest.
        name: of the new file; empty: as it is called there, or where that says nothing, as the token or repository is.

    Returns:
        The path of the token.

    Raises:
        InteractiveActionError: the hub has no such token or does not answer, or the file is none.
    """
    with _hub(repository) as api, tempfile.TemporaryDirectory(prefix="interactive-action-") as temporary:
        info = api.model_info(repository, revision=revision or None, files_metadata=True)
        sizes = {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or []}
        chosen = _chosen(repository, sizes, file)
        beside = str(pathlib.PurePosixPath(chosen).with_name(preview_name(pathlib.PurePosixPath(chosen).stem)))
        wanted = [chosen, *([beside] if sizes.get(beside, LARGEST) < LARGEST else [])]
        paths = [
            pathlib.Path(api.hf_hub_download(repository, path, revision=info.sha, local_dir=temporary))
            for path in wanted
        ]
        token = import_token(paths[0], folders, name)
        for preview in paths[1:]:
            if not token.with_name(preview_name(token.stem)).exists():
                write_atomically(token.with_name(preview_name(token.stem)), preview.read_bytes())
    return token


def _chosen(repository: str, sizes: dict[str, int], file: str) -> str:
    """The path of the token among a repository's files."""
    candidates = [path for path in sizes if path.lower().endswith(SUFFIXES)]
    listed = ", ".join(candidates[:10]) or "none"
    if file and file not in sizes:
        raise InteractiveActionError(
            f"{repository} has no file {file!r}. Files that can be tokens: {listed}. Choose one of them."
        )
    if not file and len(candidates) != 1:
        raise InteractiveActionError(
            f"{repository} has {len(candidates)} files that can be tokens: {listed}. Name the one you want in `file`."
            if candidates
            else f"{repository} has no token: no .safetensors, .pt or .bin file. Check the repository's name."
        )
    chosen = file or candidates[0]
    if sizes[chosen] > LARGEST:
        raise InteractiveActionError(
            f"{chosen} of {repository} is not a token: it has {sizes[chosen] / 1e6:.0f} MB, and an embedding far less "
            "than one. Name another file."
        )
    return chosen


@contextlib.contextmanager
def _hub(repository: str) -> Iterator[HfApi]:
    """Yields the hub, and turns what it and the network answer into sentences."""
    try:
        import huggingface_hub
        from huggingface_hub import errors
    except ImportError as error:
        raise MissingExtraError("huggingface_hub", "share") from error
    if repository.count("/") != 1:
        raise InteractiveActionError(
            f"The repository is {repository!r}. It is written as user/name, for example anna/pick-up: correct it."
        )
    try:
        yield huggingface_hub.HfApi()
    except errors.HFValidationError as error:
        raise InteractiveActionError(f"{repository!r} cannot be a repository: {error} Correct its name.") from error
    except errors.GatedRepoError as error:
        raise InteractiveActionError(
            f"{repository} is shown only to those who agreed to its terms. Open its page, agree, log in with `hf auth "
            "login`, and queue this again."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise InteractiveActionError(
            f"There is no repository {repository} at Hugging Face, or it is private and you are not logged in. Check "
            "its name, or log in with `hf auth login`."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise InteractiveActionError(
            f"{repository} has no such revision. Take a branch, tag or commit of it."
        ) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no status"
        raise InteractiveActionError(
            f"Hugging Face refuses this for {repository} ({status}): {error.server_message or 'it does not say why'}. "
            "Check that the repository is yours, and that your login may write."
        ) from error
    except (OSError, _http_error(errors)) as error:
        raise InteractiveActionError(
            f"Hugging Face could not be reached: {str(error) or type(error).__name__}. Check the network, or "
            "HF_ENDPOINT if you use a mirror, and queue this again."
        ) from error


def _http_error(errors: Any) -> type[Exception]:
    """The base of what the library's HTTP library raises without a network; which one it uses changed."""
    kinds: list[type[Exception]] = [kind for kind in errors.HfHubHTTPError.__mro__ if kind.__name__ == "HTTPError"]
    return kinds[0]
