"""A headless client of a ComfyUI server: queue a graph, follow its progress, fetch what it made.

The graph is in ComfyUI's API format (in the web page: File > Export (API)), a dict of node id to
``{"class_type": ..., "inputs": {...}}``. Nothing but urllib and websocket-client is needed:

    from interactive_action.client import ComfyClient, load_workflow

    client = ComfyClient("127.0.0.1:8188")
    prompt = load_workflow("use-a-token")  # or a dict of yours
    outputs = client.run(prompt, progress=lambda node, value, maximum: print(node, value, "/", maximum))
    client.save_images(outputs, "images")
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import pathlib
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from .errors import InteractiveActionError, MissingExtraError
from .files import StrPath, path_inside, write_atomically

try:
    import websocket
except ImportError as error:  # ComfyUI does not bring it
    raise MissingExtraError("websocket-client", "client") from error

TIMEOUT = 300.0  # seconds; loading gigabytes from a cold disk can keep a server from answering for a while

WORKFLOWS = pathlib.Path(__file__).parent / "workflows" / "api"

Event = tuple[str, dict[str, Any]]


def load_workflow(name: str) -> dict[str, Any]:
    """Returns a shipped workflow in ComfyUI's API format.

    Args:
        name: its file's in ``workflows/api``, without the ending.

    Raises:
        InteractiveActionError: there is none of that name.
    """
    path = WORKFLOWS / f"{name}.json"
    names = sorted(file.stem for file in WORKFLOWS.glob("*.json"))
    if name not in names:
        raise InteractiveActionError(f"There is no workflow called {name!r}. Choose one of: {', '.join(names)}.")
    return dict(json.loads(path.read_text(encoding="utf-8")))


class Cancelled(InteractiveActionError):
    """The run was cancelled, by ``ComfyClient.interrupt`` or in the web page."""


class ComfyClient:
    """A client of a ComfyUI server. What the server refuses becomes an InteractiveActionError.

    Args:
        address: "host:port".
        timeout: seconds that the server may take for an answer, and seconds without an event after which it is asked
            whether it still has the prompt. While it says so, a node may take as long as it likes.
    """

    def __init__(self, address: str, timeout: float = TIMEOUT) -> None:
        self.address = address
        self._timeout = timeout
        self._id = str(uuid.uuid4())

    def run(
        self, prompt: dict[str, Any], progress: Callable[[str, float, float], object] | None = None
    ) -> dict[str, Any]:
        """Queues a graph and waits until it is done.

        Args:
            prompt: in ComfyUI's API format.
            progress: called with (node id, value, maximum) as nodes advance.

        Returns:
            What its nodes show: {node id: {"images": [...]}, ...}.

        Raises:
            InteractiveActionError: as ``follow``.
        """
        for kind, data in self.follow(prompt):
            if progress and kind == "progress":
                progress(data["node"], data["value"], data["max"])
        outputs: dict[str, Any] = self.history(data["prompt_id"])["outputs"]
        return outputs

    def follow(self, prompt: dict[str, Any]) -> Iterator[Event]:
        """Queues a graph and yields the server's events about it until it is done.

        Args:
            prompt: in ComfyUI's API format.

        Yields:
            (kind, data). Kinds: execution_start, execution_cached, executing, progress, progress_state, executed,
            execution_success; each data has the "prompt_id".

        Raises:
            Cancelled: somebody cancelled it.
            InteractiveActionError: a node failed, with its message; or the server is not there, or no longer.
        """
        with contextlib.closing(self._connect()) as connection:
            prompt_id = self.queue(prompt)
            kind = ""
            while kind != "execution_success":
                kind, data = self._next_event(connection, prompt_id)
                node = f"{data.get('node_type')} (node {data.get('node_id')})"
                if kind == "execution_error":
                    raise InteractiveActionError(f"{node}: {data['exception_message'].strip()}")
                if kind == "execution_interrupted":
                    raise Cancelled(f"Prompt {prompt_id} was cancelled in {node}.")
                yield kind, data

    def _connect(self) -> websocket.WebSocket:
        with self._connection_errors():
            return open_websocket(f"ws://{self.address}/ws?clientId={self._id}", self._timeout)

    def _next_event(self, connection: websocket.WebSocket, prompt_id: str) -> Event:
        """The next event about a prompt. A long node sends nothing, nor does a dead server: in silence it is asked."""
        while True:
            message = None
            with self._connection_errors(), contextlib.suppress(websocket.WebSocketTimeoutException):
                message = connection.recv()
            if message is None:
                if end := self._end_of(prompt_id):
                    return end
                continue
            if message == "":
                raise InteractiveActionError(f"The connection to ComfyUI at {self.address} failed: it was closed.")
            if isinstance(message, bytes):  # a preview image
                continue
            event = json.loads(message)
            if event["data"].get("prompt_id") == prompt_id:
                return event["type"], event["data"]

    def _end_of(self, prompt_id: str) -> Event | None:
        """How a prompt ended, from the server's records; None while it waits or runs."""
        try:
            queue = self._json("/queue")
        except InteractiveActionError as error:
            raise InteractiveActionError(
                f"Nothing was heard from ComfyUI at {self.address} for {self._timeout:g} s. {error} Look into its log, "
                f"start it again and run this once more."
            ) from error
        if any(prompt_id == entry[1] for entry in queue["queue_running"] + queue["queue_pending"]):
            return None
        # in this order: a prompt goes from the queue into the history in one step
        if record := self._json(f"/history/{prompt_id}").get(prompt_id):
            kind, data = record["status"]["messages"][-1]
            return kind, data
        raise InteractiveActionError(
            f"ComfyUI at {self.address} no longer knows prompt {prompt_id}: it was taken from the queue, or ComfyUI "
            f"was started again. Run it once more."
        )

    @contextlib.contextmanager
    def _connection_errors(self) -> Iterator[None]:
        try:
            yield
        except (websocket.WebSocketException, OSError) as error:
            raise InteractiveActionError(f"The connection to ComfyUI at {self.address} failed: {error}.") from error

    def queue(self, prompt: dict[str, Any]) -> str:
        """Queues a graph and returns its id. A graph that the server refuses, even in part, raises."""
        answer = self._json("/prompt", {"prompt": prompt, "client_id": self._id})
        if answer["node_errors"]:  # the server runs the rest of the graph all the same
            self.interrupt(answer["prompt_id"])
            raise InteractiveActionError(_reason(answer))
        prompt_id: str = answer["prompt_id"]
        return prompt_id

    def interrupt(self, prompt_id: str) -> None:
        """Cancels a prompt, whether it waits or runs."""
        self._request("/queue", {"delete": [prompt_id]})
        self._request("/interrupt", {"prompt_id": prompt_id})

    def history(self, prompt_id: str, timeout: float = 30) -> dict[str, Any]:
        """Returns the record of a finished prompt: "outputs", "status", ... It comes a moment after the last event."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if record := self._json(f"/history/{prompt_id}").get(prompt_id):
                return dict(record)
            time.sleep(0.05)
        raise InteractiveActionError(f"ComfyUI has no record of prompt {prompt_id} after {timeout} s.")

    def nodes(self) -> dict[str, Any]:
        """Returns every node that the server knows: {node id: its inputs, outputs, description, ...}."""
        return dict(self._json("/object_info"))

    def view(self, file: dict[str, str]) -> bytes:
        """Returns the bytes of a file that a node made, an entry of its "images": filename, subfolder, type."""
        return self.get("/view?" + urllib.parse.urlencode(file))

    def save_images(self, outputs: dict[str, Any], folder: StrPath) -> list[pathlib.Path]:
        """Writes the images that a run saved (previews are left out) to a folder of this machine.

        Args:
            outputs: of ``run``.
            folder: is made if need be; files of the same names in it are replaced.

        Returns:
            The files, as the server named them, in the order of the nodes.
        """
        files = [file for node in outputs.values() for file in node.get("images", []) if file.get("type") == "output"]
        paths = [path_inside(folder, file["filename"], "image") for file in files]
        for path, file in zip(paths, files):
            write_atomically(path, self.view(file))
        return paths

    def upload(self, path: str | pathlib.Path) -> str:
        """Puts an image into the server's input folder; returns the name under which LoadImage finds it."""
        path, boundary = pathlib.Path(path), uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{path.name}"\r\n\r\n'
        body = head.encode() + path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        answer = json.loads(self._request("/upload/image", body, f"multipart/form-data; boundary={boundary}"))
        return str(answer["name"])

    def get(self, path: str) -> bytes:
        """Returns the bytes of anything else that the server has at ``path``."""
        return self._request(path)

    def _json(self, path: str, body: Any = None) -> Any:
        answer = self._request(path, body)
        try:
            return json.loads(answer)
        except ValueError as error:
            raise InteractiveActionError(
                f"What answers at {self.address} is no ComfyUI: {path} gave {answer[:40]!r}. Check the address."
            ) from error

    def _request(self, path: str, body: Any = None, content_type: str = "application/json") -> bytes:
        """The bytes that the server answers to a GET, or to a POST where there is a body (bytes, or data for JSON)."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        request = urllib.request.Request(f"http://{self.address}{path}", body, {"Content-Type": content_type})
        try:
            with open_url(request, self._timeout) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            with contextlib.suppress(ValueError, KeyError, TypeError):  # unless this is how it refuses a graph
                text = _reason(json.loads(text))
            raise InteractiveActionError(text or f"ComfyUI at {self.address} answered {path} with {error}.") from error
        except (OSError, http.client.HTTPException) as error:
            raise InteractiveActionError(f"ComfyUI at {self.address} did not answer {path}: {error}.") from error


def open_url(url: str | urllib.request.Request, timeout: float) -> Any:
    """Returns the answer to a request, to be read and closed; this machine itself is asked without a proxy.

    Args:
        url: or a whole request.
        timeout: seconds.
    """
    request = url if isinstance(url, urllib.request.Request) else urllib.request.Request(url)
    handlers = [urllib.request.ProxyHandler({})] if _is_this_machine(request.full_url) else []
    return urllib.request.build_opener(*handlers).open(request, timeout=timeout)


def open_websocket(url: str, timeout: float) -> websocket.WebSocket:
    """Returns a connection, to be closed; to this machine itself without a proxy.

    Args:
        url: "ws://host:port/...".
        timeout: seconds, also of each ``recv``.
    """
    options: dict[str, Any] = {}
    if _is_this_machine(url):  # the library leaves a connection that is there already as it is
        parts = urllib.parse.urlsplit(url)
        options["socket"] = socket.create_connection((parts.hostname, parts.port or 80), timeout)
    try:
        return websocket.create_connection(url, timeout=timeout, suppress_origin=True, **options)
    except BaseException:
        if "socket" in options:
            options["socket"].close()
        raise


def _is_this_machine(url: str) -> bool:
    """Whether a URL names this machine by a loopback name or address."""
    host = urllib.parse.urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _reason(answer: dict[str, Any]) -> str:
    """The sentences in ComfyUI's answer to a graph that it refuses."""
    reasons = [
        f"{node['class_type']} (node {node_id}): {error['message']}: {error['details']}"
        for node_id, node in answer["node_errors"].items()
        for error in node["errors"]
    ]
    return "\n".join(reasons) or f"{answer['error']['message']}: {answer['error']['details']}".rstrip(": ")
