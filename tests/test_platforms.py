"""What can be said about Windows and macOS without one: names, line ends, encodings, calls that only Unix has."""

import ast
import collections
import re

import pytest

from interactive_action.errors import InteractiveActionError
from interactive_action.files import checked_name
from interactive_action.tools.dev.archive import shipped_files, tracked_files
from interactive_action.tools.dev.server import ROOT

BINARY = (".jpg", ".png", ".safetensors", ".pt", ".npz", ".glb")
LONGEST_PATH = 140  # characters; Windows has 260, and a portable ComfyUI in a user's folder takes some hundred
UNIX_CALLS = {
    "os.fork", "os.killpg", "os.setsid", "os.geteuid", "os.getuid", "os.uname", "os.mkfifo", "os.statvfs", "os.chown",
    "signal.SIGKILL", "signal.SIGALRM", "signal.SIGHUP", "signal.pause",
}  # fmt: skip
UNIX_MODULES = {"fcntl", "pwd", "grp", "resource", "termios", "pty", "syslog"}
UNIX_PATH = re.compile(r"(/tmp|/dev|/proc|/usr|/var|/etc|/home|~/)(/|$)")
SHIPPED = [
    name for name in shipped_files() if name.endswith(".py") and not name.startswith(("tools/", "miniature/fac"))
]
TREES = {name: ast.parse((ROOT / name).read_text(encoding="utf-8")) for name in SHIPPED}


def nodes(kind):
    """Every (file, node) of a kind in the code that users run."""
    return [(name, node) for name, tree in TREES.items() for node in ast.walk(tree) if isinstance(node, kind)]


def test_every_file_can_lie_on_windows():
    for name in tracked_files():
        assert len(name) <= LONGEST_PATH, name
        for part in name.split("/"):
            assert not re.search(r'[<>:"\\|?*\x00-\x1f]|[. ]$', part), name
            assert not re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", part, re.IGNORECASE), name


def test_no_two_files_are_one_where_capitals_do_not_count():
    counts = collections.Counter(name.casefold() for name in tracked_files())
    assert [name for name, count in counts.items() if count > 1] == []


def test_text_has_line_feeds_alone():
    for name in tracked_files():
        if not name.endswith(BINARY):
            assert b"\r" not in (ROOT / name).read_bytes().replace(b"\\r", b""), name
    assert "eol=lf" in (ROOT / ".gitattributes").read_text(encoding="utf-8")  # a clone on Windows keeps them


def test_nothing_is_called_that_only_unix_has():
    used = {f"{name}: {ast.unparse(node)}" for name, node in nodes(ast.Attribute) if ast.unparse(node) in UNIX_CALLS}
    used |= {
        f"{name}: {alias.name}"
        for name, node in nodes(ast.Import)
        for alias in node.names
        if alias.name in UNIX_MODULES
    }
    used |= {f"{name}: {node.module}" for name, node in nodes(ast.ImportFrom) if node.module in UNIX_MODULES}
    assert used == set()


def test_no_path_of_unix_is_written_in_the_code():
    texts = [(name, node.value) for name, node in nodes(ast.Constant) if isinstance(node.value, str)]
    assert [(name, text) for name, text in texts if UNIX_PATH.match(text)] == []


def test_every_text_file_is_opened_as_utf_8():
    """Without it Windows takes the code page of its language, and Chinese captions break."""
    wrong = []
    for name, call in nodes(ast.Call):
        function, given = ast.unparse(call.func), {keyword.arg for keyword in call.keywords}
        method = function.rpartition(".")[2]
        text = method in ("read_text", "write_text") and function not in ("read_text", "files.read_text")
        if function == "open":
            mode = ast.unparse(call.args[1]) if len(call.args) > 1 else "'r'"
            text = "b" not in mode
        if text and "encoding" not in given:
            wrong.append(f"{name}:{call.lineno} {function}")
    assert wrong == []


@pytest.mark.parametrize("name", ["aux", "COM1", "lpt9.txt", "nul", "name.", "a:b", "a?b", "a|b", "tab\tbed"])
def test_a_name_that_windows_refuses_is_refused_everywhere(name):
    with pytest.raises(InteractiveActionError):
        checked_name(name, "token")
