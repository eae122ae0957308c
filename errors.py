"""The one base of every error that this pack raises on purpose."""


class InteractiveActionError(Exception):
    """A sentence for the user: what was wrong, what was found, what to do."""

    def __init__(self, sentence):
        # Names of files and texts of users stand in sentences. Half an emoji or a name from another encoding (a lone
        # surrogate) cannot be printed, and ComfyUI's worker dies of an error that it cannot log.
        super().__init__(sentence.encode("utf-8", "backslashreplace").decode("utf-8"))


class NotWrittenError(InteractiveActionError):
    """A file or folder could not be written: the disk is full, for example."""


class MissingExtraError(InteractiveActionError):
    """A part that is installed separately is not there."""

    def __init__(self, need, extra):
        super().__init__(
            f"{need} is not installed, and this cannot run without it. Install it into ComfyUI's Python, in the folder of this pack, "
            f'with: pip install ".[{extra}]"'
            + (" && pip install --no-deps mani_skill==3.0.1." if extra == "sim" else ".")
        )
