"""A real headless browser that opens files and answers questions about them, without a network.

It speaks the Chrome DevTools Protocol. What a page itself may run is another matter: scripts that
this module evaluates are the debugger's, and no Content-Security-Policy holds for them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any, Self

import aiohttp

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 60.0


class Browser:
    """Runs while the block lasts.

    Args:
        program: Chromium or Chrome.
        directory: An empty one for what it keeps.

    Attributes:
        complaints: What it logged of pages, such as violations of their policies.
    """

    def __init__(self, program: Path, directory: Path) -> None:
        self.complaints: list[str] = []
        self._requests: dict[str, str] = {}
        self._program = program
        self._directory = directory
        self._loop = asyncio.new_event_loop()
        self._number = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [
                self._program,
                "--headless",
                "--no-sandbox",  # tests run as root in continuous integration
                "--disable-gpu",
                "--hide-scrollbars",
                "--host-resolver-rules=MAP * ~NOTFOUND",
                "--remote-debugging-port=0",
                f"--user-data-dir={self._directory}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # its many processes die together
        )
        try:
            self._loop.run_until_complete(asyncio.wait_for(self._connect(), _SECONDS))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(_SECONDS)
        if session := getattr(self, "_session", None):
            self._loop.run_until_complete(session.close())
        self._loop.close()

    @property
    def requests(self) -> list[str]:
        """Every URL that the page asked for and its policy let it ask for."""
        return list(self._requests.values())

    def open(self, path: Path, *, dark: bool = False, width: int = 1200, height: int = 900) -> None:
        """Open a file and wait until all of it is there."""
        self.complaints.clear()
        self._requests.clear()
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self._loop.run_until_complete(asyncio.wait_for(self._open(path), _SECONDS))

    def ask(self, script: str) -> Any:  # noqa: ANN401 - a JSON value
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """Keep what is to be seen as a PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def call(self, method: str, **parameters: Any) -> Any:  # noqa: ANN401 - the protocol's
        """The result of one method of the protocol."""
        work = asyncio.wait_for(self._call(method, parameters), _SECONDS)
        return self._loop.run_until_complete(work)

    async def _connect(self) -> None:
        place = self._directory / "DevToolsActivePort"
        while not (place.exists() and "\n" in place.read_text()):
            assert self._process.poll() is None, "the browser ended"
            await asyncio.sleep(0.02)
        port = place.read_text().partition("\n")[0]
        self._session = aiohttp.ClientSession()
        pages = f"http://127.0.0.1:{port}/json/list"
        async with self._session.get(pages) as answer:
            (page,) = [each for each in await answer.json() if each["type"] == "page"]
        self._socket = await self._session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0)
        for domain in ("Page", "Network", "Log", "Runtime"):
            await self._call(f"{domain}.enable", {})

    async def _open(self, path: Path) -> None:
        await self._call("Page.navigate", {"url": path.as_uri()})
        while await self._event() != "Page.loadEventFired":
            pass

    async def _call(self, method: str, parameters: dict[str, Any]) -> Any:  # noqa: ANN401
        self._number += 1
        number = self._number
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = json.loads((await self._socket.receive()).data)
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self._note(message)

    async def _event(self) -> str:
        message = json.loads((await self._socket.receive()).data)
        self._note(message)
        return str(message.get("method"))

    def _note(self, message: dict[str, Any]) -> None:
        told = message.get("params", {})
        match message.get("method"):
            case "Log.entryAdded":
                self.complaints.append(told["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append("a script failed")
            case "Network.requestWillBeSent":
                self._requests[told["requestId"]] = told["request"]["url"]
            case "Network.loadingFailed" if told.get("blockedReason") == "csp":
                del self._requests[told["requestId"]]
