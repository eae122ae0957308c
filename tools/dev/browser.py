"""The web page in a real Chromium without a window, driven by its DevTools protocol.

    with Browser() as browser:
        browser.open_comfyui(server.address)
        browser.evaluate(f"app.loadApiJson({json.dumps(prompt)}, 'workflow')")
        workflow = browser.evaluate("app.graph.serialize()")  # in the page's own format
        browser.screenshot("workflow.png")

JavaScript sees ComfyUI's ``app`` and ``LiteGraph``.
"""

from __future__ import annotations

import base64
import itertools
import json
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.request
from typing import TYPE_CHECKING, Any

from ...client import open_url, open_websocket
from ...errors import InteractiveActionError
from ...files import StrPath
from .setup import BROWSERS

if TYPE_CHECKING:
    import websocket

SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # it would not start as root otherwise; it sees nothing but pages on this machine
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    "--no-proxy-server",  # the pages are this machine's
)
TIMEOUT = 120  # seconds for one answer


class Browser:
    """A browser with one page for the length of a ``with`` block.

    Args:
        width: of the page in pixels.
        height: of the page in pixels.

    Raises:
        InteractiveActionError: from every method, with what the page or the browser says.
    """

    def __init__(self, width: int = 1600, height: int = 900) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="interactive-action-", ignore_cleanup_errors=True)
        self._size = {"width": width, "height": height}
        self._calls = itertools.count(1)
        self._process: subprocess.Popen[bytes]
        self._page: websocket.WebSocket

    def __enter__(self) -> Browser:
        program = next(filter(None, map(shutil.which, BROWSERS)), None)
        if program is None:
            raise InteractiveActionError(
                f"No browser was found: none of {', '.join(BROWSERS)} is on the PATH. Install one."
            )
        command = [program, *SWITCHES, f"--user-data-dir={self._profile.name}", "about:blank"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            self._page = open_websocket(self._page_address(), TIMEOUT)
            self.call("Emulation.setDeviceMetricsOverride", **self._size, deviceScaleFactor=1, mobile=False)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._page.close()
        self._stop()

    def open_comfyui(self, address: str) -> None:
        """Opens the page of the ComfyUI at ``address`` ("host:port") and waits until its nodes are there."""
        # a new user's page opens with a dialog of templates over the graph
        body = json.dumps({"Comfy.TutorialCompleted": True}).encode()
        open_url(urllib.request.Request(f"http://{address}/api/settings", body), TIMEOUT).close()
        self.call("Page.navigate", url=f"http://{address}/")
        self.wait("window.app?.graph && window.LiteGraph?.registered_node_types.KSampler")

    def evaluate(self, javascript: str) -> Any:
        """Returns the value of an expression in the page; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=javascript, awaitPromise=True, returnByValue=True)
        if problem := answer.get("exceptionDetails"):
            raise InteractiveActionError(
                f"The page failed: {problem.get('exception', {}).get('description', problem['text'])}"
            )
        return answer["result"].get("value")

    def wait(self, javascript: str, timeout: float = 60) -> None:
        """Waits until an expression in the page is true, at most ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while not self.evaluate(f"Boolean({javascript})"):
            if time.monotonic() > deadline:
                raise InteractiveActionError(f"The page did not come to {javascript!r} within {timeout} s.")
            time.sleep(0.1)

    def screenshot(self, path: StrPath) -> None:
        """Writes what the page looks like to a PNG file."""
        pathlib.Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Calls a method of the DevTools protocol and returns its result."""
        number = next(self._calls)
        self._page.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._page.recv())
            if answer.get("id") == number:
                break
        if "error" in answer:
            raise InteractiveActionError(f"The browser refused {method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _page_address(self, timeout: float = 60) -> str:
        """The websocket address of the first page; the browser writes its port into its profile once it listens."""
        port_file = pathlib.Path(self._profile.name, "DevToolsActivePort")
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self._process.poll() is None:
            if port_file.exists() and (port := port_file.read_text().partition("\n")[0]):
                with open_url(f"http://127.0.0.1:{port}/json/list", TIMEOUT) as answer:
                    for target in json.load(answer):
                        if target["type"] == "page":
                            return str(target["webSocketDebuggerUrl"])
            time.sleep(0.05)
        raise InteractiveActionError(f"The browser did not start within {timeout} s, or ended at once.")

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._profile.cleanup()
