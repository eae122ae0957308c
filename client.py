"""A headless client of a ComfyUI server: queue a graph, follow its progress, fetch what it made.

The graph is in ComfyUI's API format (in the web page: File > Export (API)), a dict of node id to
``{"class_type": ..., "inputs": {...}}``. Nothing but urllib and websocket-client is needed:

    from interactive_action.client import ComfyClient

    client = ComfyClient("127.0.0.1:8188")
    outputs = client.run(prompt, progress=lambda node, value, maximum: print(node, value, "/", maximum))
    for image in outputs["9"]["images"]:  # node "9" is a SaveImage
        pathlib.Path(image["filename"]).write_bytes(client.view(image))
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from .errors import InteractiveActionError, MissingExtraError
from .files import StrPath

Prompt = dict[str, dict[str, Any]]  # a graph in API format
Event = tuple[str, dict[str, Any]]  # kind and data of what the server tells


class Cancelled(InteractiveActionError):
    """The run was cancelled, by ``ComfyClient.interrupt`` or in the web page."""


class ComfyClient:
    """A client of one server. What the server refuses becomes an InteractiveActionError.

    Args:
        address: "host:port".
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._id = str(uuid.uuid4())

    def run(self, prompt: Prompt, progress: Callable[[str, int, int], None] | None = None) -> dict[str, dict[str, Any]]:
        """Queues a graph and waits until it is done.

        Args:
            prompt: the graph.
            progress: called with (node id, value, maximum) as nodes advance.

        Returns:
            What its nodes show: {node id: {"images": [...]}, ...}.

        Raises:
            Cancelled: it was cancelled.
            InteractiveActionError: the server refuses the graph, or a node fails.
        """
        for kind, data in self.follow(prompt):
            if progress and kind == "progress":
                progress(data["node"], data["value"], data["max"])
        outputs: dict[str, dict[str, Any]] = self.history(data["prompt_id"])["outputs"]
        return outputs

    def follow(self, prompt: Prompt) -> Iterator[Event]:
        """Queues a graph and yields the server's events about it as (kind, data) until it is done.

        Kinds: execution_start, execution_cached, executing, progress, progress_state, executed, execution_success;
        each data has the "prompt_id".

        Raises:
            Cancelled: it was cancelled.
            InteractiveActionError: the server refuses the graph or does not answer, or a node fails.
        """
        websocket = _websocket()
        url = f"ws://{self.address}/ws?clientId={self._id}"
        try:
            with contextlib.closing(websocket.create_connection(url, suppress_origin=True)) as events:
                prompt_id = self.queue(prompt)
                kind = None
                while kind != "execution_success":
                    message = events.recv()
                    if isinstance(message, bytes):  # a preview image
                        continue
                    event = json.loads(message)
                    kind, data = event["type"], event["data"]
                    if data.get("prompt_id") != prompt_id:
                        continue
                    node = f"{data.get('node_type')} (node {data.get('node_id')})"
                    if kind == "execution_error":
                        raise InteractiveActionError(f"{node}: {data['exception_message'].strip()}")
                    if kind == "execution_interrupted":
                        raise Cancelled(f"Prompt {prompt_id} was cancelled in {node}.")
                    yield kind, data
        except (websocket.WebSocketException, OSError) as error:
            raise InteractiveActionError(f"The connection to ComfyUI at {self.address} failed: {error}.") from error

    def queue(self, prompt: Prompt) -> str:
        """Queues a graph and returns its prompt id.

        Raises:
            InteractiveActionError: the server refuses it, even if only in part.
        """
        answer = self._json("/prompt", {"prompt": prompt, "client_id": self._id})
        prompt_id: str = answer["prompt_id"]
        if answer["node_errors"]:  # the server runs the rest of the graph all the same
            self.interrupt(prompt_id)
            raise InteractiveActionError(_reason(answer))
        return prompt_id

    def interrupt(self, prompt_id: str) -> None:
        """Cancels a prompt, whether it waits or runs."""
        self._request("/queue", {"delete": [prompt_id]})
        self._request("/interrupt", {"prompt_id": prompt_id})

    def history(self, prompt_id: str, timeout_s: float = 30) -> dict[str, Any]:
        """Returns the record of a finished prompt: "outputs", "status", ...

        Args:
            prompt_id: from ``queue``.
            timeout_s: seconds to wait for it; it comes a moment after the last event.

        Raises:
            InteractiveActionError: there is none by then.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            record: dict[str, Any] | None = self._json(f"/history/{prompt_id}").get(prompt_id)
            if record:
                return record
            time.sleep(0.05)
        raise InteractiveActionError(f"ComfyUI has no record of prompt {prompt_id} after {timeout_s} s.")

    def nodes(self) -> dict[str, dict[str, Any]]:
        """Returns every node that the server knows: {node id: its inputs, outputs, description, ...}."""
        nodes: dict[str, dict[str, Any]] = self._json("/object_info")
        return nodes

    def view(self, file: dict[str, str]) -> bytes:
        """Returns the bytes of a file that a node made.

        Args:
            file: an entry of the node's "images": filename, subfolder, type.
        """
        return self.get("/view?" + urllib.parse.urlencode(file))

    def upload(self, path: StrPath) -> str:
        """Puts an image into the server's input folder; returns the name under which Load Image finds it."""
        path, boundary = pathlib.Path(path), uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{path.name}"\r\n\r\n'
        body = head.encode() + path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        answer = json.loads(self._request("/upload/image", body, f"multipart/form-data; boundary={boundary}"))
        name: str = answer["name"]
        return name

    def get(self, path: str) -> bytes:
        """Returns the bytes of anything else that the server has.

        Args:
            path: of the URL, from its first slash.
        """
        return self._request(path)

    def _json(self, path: str, body: Any = None) -> Any:
        return json.loads(self._request(path, body))

    def _request(self, path: str, body: Any = None, content_type: str = "application/json") -> bytes:
        """The bytes that the server answers to a GET, or to a POST where there is a body (bytes, or data for JSON)."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        request = urllib.request.Request(f"http://{self.address}{path}", body, {"Content-Type": content_type})
        try:
            with urllib.request.urlopen(request) as answer:
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            with contextlib.suppress(ValueError, KeyError, TypeError):  # unless this is how it refuses a graph
                text = _reason(json.loads(text))
            raise InteractiveActionError(text or f"ComfyUI at {self.address} answered {path} with {error}.") from error
        except OSError as error:
            raise InteractiveActionError(f"ComfyUI at {self.address} did not answer {path}: {error}.") from error


def _websocket() -> ModuleType:
    """The package websocket-client, which ComfyUI does not bring."""
    try:
        import websocket
    except ImportError as error:
        raise MissingExtraError("websocket-client", "client") from error
    return websocket


def _reason(answer: dict[str, Any]) -> str:
    """The sentences in ComfyUI's answer to a graph that it refuses."""
    reasons = [
        f"{node['class_type']} (node {node_id}): {error['message']}: {error['details']}"
        for node_id, node in answer["node_errors"].items()
        for error in node["errors"]
    ]
    return "\n".join(reasons) or f"{answer['error']['message']}: {answer['error']['details']}".rstrip(": ")
