"""What people write into boxes of several lines."""


def filled_lines(text):
    """The lines (a tuple) that hold something, without the blanks around it."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())
