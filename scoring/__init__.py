"""What is judged: did the interaction happen, and does the image match its words?"""

from __future__ import annotations


def first_line(error: BaseException) -> str:
    """Returns the first line of a library's error, as a sentence."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".: ") + "."
