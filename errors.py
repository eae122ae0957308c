"""The errors that this pack raises on purpose: sentences for the user, all of one base."""


class InteractiveActionError(Exception):
    """A sentence for the user: what was wrong, what was found, what to do.

    Args:
        sentence: may hold names of files and texts of users.
    """

    def __init__(self, sentence: str) -> None:
        # Half an emoji or a name from another encoding (a lone surrogate) cannot be printed, and ComfyUI's worker dies
        # of an error that it cannot log.
        super().__init__(sentence.encode("utf-8", "backslashreplace").decode("utf-8"))


class NotWrittenError(InteractiveActionError):
    """A file or folder could not be written: the disk is full, for example."""


class MissingExtraError(InteractiveActionError):
    """A part that is installed separately is not there.

    Args:
        need: what is missing, as the subject of a sentence.
        extra: the extra of pyproject.toml that brings it.
    """

    def __init__(self, need: str, extra: str) -> None:
        what = "--no-deps -r requirements-sim.txt" if extra == "sim" else f'-e ".[{extra}]"'
        super().__init__(
            f"{need} is not installed, and this cannot run without it. Install it into ComfyUI's Python, in the folder "
            f"of this pack, with: pip install {what}."
        )
