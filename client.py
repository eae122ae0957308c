"""A headless client of a ComfyUI server: queue a graph, follow its progress, fetch what it made.

The graph is in ComfyUI's API format (in the web page: File > Export (API)), a dict of node id to
``{"class_type": ..., "inputs": {...}}``. Nothing but urllib and websocket-client is needed:

    client = ComfyClient("127.0.0.1:8188")
    outputs = client.run(prompt, progress=lambda node, value, maximum: print(node, value, "/", maximum))
    for image in outputs["9"]["images"]:  # node "9" is a SaveImage
        pathlib.Path(image["filename"]).write_bytes(client.view(image))
"""

import contextlib
import json
import pathlib
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import websocket

from .errors import InteractiveActionError


class Cancelled(InteractiveActionError):
    """The run was cancelled, by `ComfyClient.interrupt` or in the web page."""


class ComfyClient:
    """A client of the server at `address` ("host:port"). What the server refuses becomes an InteractiveActionError."""

    def __init__(self, address):
        self.address = address
        self._id = str(uuid.uuid4())

    def run(self, prompt, progress=None):
        """Queue `prompt`, wait until it is done and return what its nodes show: {node id: {"images": [...]}, ...}.

        progress(node id, value, maximum) is called as nodes advance. Raises as `follow` does.
        """
        for kind, data in self.follow(prompt):
            if progress and kind == "progress":
                progress(data["node"], data["value"], data["max"])
        return self.history(data["prompt_id"])["outputs"]

    def follow(self, prompt):
        """Queue `prompt` and yield the server's events about it as (kind, data) until it is done.

        Kinds: execution_start, execution_cached, executing, progress, progress_state, executed, execution_success;
        each data has the "prompt_id". Raises Cancelled, or InteractiveActionError with the failed node's message.
        """
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

    def queue(self, prompt):
        """Queue `prompt` and return its id. A graph that the server refuses, even in part, raises."""
        answer = self._json("/prompt", {"prompt": prompt, "client_id": self._id})
        if answer["node_errors"]:  # the server runs the rest of the graph all the same
            self.interrupt(answer["prompt_id"])
            raise InteractiveActionError(_reason(answer))
        return answer["prompt_id"]

    def interrupt(self, prompt_id):
        """Cancel a prompt, whether it waits or runs."""
        self._request("/queue", {"delete": [prompt_id]})
        self._request("/interrupt", {"prompt_id": prompt_id})

    def history(self, prompt_id, timeout=30):
        """The record of a finished prompt: "outputs", "status", ... It comes a moment after the last event."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if record := self._json(f"/history/{prompt_id}").get(prompt_id):
                return record
            time.sleep(0.05)
        raise InteractiveActionError(f"ComfyUI has no record of prompt {prompt_id} after {timeout} s.")

    def nodes(self):
        """Every node that the server knows: {node id: its inputs, outputs, description, ...}."""
        return self._json("/object_info")

    def view(self, file):
        """The bytes of a file that a node made; `file` is an entry of its "images": filename, subfolder, type."""
        return self.get("/view?" + urllib.parse.urlencode(file))

    def upload(self, path):
        """Put an image into the server's input folder; returns the name under which LoadImage finds it."""
        path, boundary = pathlib.Path(path), uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{path.name}"\r\n\r\n'
        body = head.encode() + path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        return json.loads(self._request("/upload/image", body, f"multipart/form-data; boundary={boundary}"))["name"]

    def get(self, path):
        """The bytes of anything else that the server has at `path`."""
        return self._request(path)

    def _json(self, path, body=None):
        return json.loads(self._request(path, body))

    def _request(self, path, body=None, content_type="application/json"):
        """The bytes that the server answers to a GET, or to a POST where there is a body (bytes, or data for JSON)."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        request = urllib.request.Request(f"http://{self.address}{path}", body, {"Content-Type": content_type})
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            with contextlib.suppress(ValueError, KeyError, TypeError):  # unless this is how it refuses a graph
                text = _reason(json.loads(text))
            raise InteractiveActionError(text or f"ComfyUI at {self.address} answered {path} with {error}.") from error
        except OSError as error:
            raise InteractiveActionError(f"ComfyUI at {self.address} did not answer {path}: {error}.") from error


def _reason(answer):
    """The sentences in ComfyUI's answer to a graph that it refuses."""
    reasons = [
        f"{node['class_type']} (node {node_id}): {error['message']}: {error['details']}"
        for node_id, node in answer["node_errors"].items()
        for error in node["errors"]
    ]
    return "\n".join(reasons) or f"{answer['error']['message']}: {answer['error']['details']}".rstrip(": ")
