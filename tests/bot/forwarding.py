"""Ports of Pods on a simulated API server: a handler for the path of a Pod's port-forwarding."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from extcp_bot.kube.portforward import PROTOCOL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.bot.apiserver import Handler

DATA, ERROR = b"\0", b"\1"


def speaking(answer: Callable[[bytes], Iterable[bytes]]) -> Handler:
    """A port that is greeted as a kubelet does, hears one request and says these messages.

    Args:
        answer: From what it hears to messages, channel included.
    """

    async def handler(request: web.Request) -> web.StreamResponse:
        channels = web.WebSocketResponse(protocols=[PROTOCOL])
        await channels.prepare(request)
        greeting = int(request.query["ports"]).to_bytes(2, "little")
        for channel in (DATA, ERROR):
            await channels.send_bytes(channel + greeting)
        heard = await channels.receive_bytes(timeout=5)
        for message in answer(heard.removeprefix(DATA)):
            await channels.send_bytes(message)
        await channels.close()
        return channels

    return handler


def serving(pages: Mapping[str, Any]) -> Handler:
    """A port with an HTTP server, in Go's manner.

    Args:
        pages: What it answers, by path: a number is a status, a text stands for itself, anything
            else becomes JSON.
    """

    def answer(request: bytes) -> Iterable[bytes]:
        page = pages.get(request.split(b" ")[1].decode(), 404)
        if isinstance(page, int):
            yield DATA + b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % page
            return
        body = (page if isinstance(page, str) else json.dumps(page)).encode()
        yield DATA + b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        for start in range(0, len(body), 4096):
            chunk = body[start : start + 4096]
            yield DATA + b"%x\r\n%b\r\n" % (len(chunk), chunk)
        yield DATA + b"0\r\n\r\n"

    return speaking(answer)
