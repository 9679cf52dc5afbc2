"""An HTTP request to a port of a Pod's loopback, through the API server and the kubelet.

By the WebSocket subprotocol ``v4.channel.k8s.io`` (k8s.io/cri-streaming, portforward/websocket.go),
which the API server hands through to the kubelet as it is: each message begins with a byte for the
channel, of which there are two, and the first words of each channel are the port, two bytes in
little endian. Since Kubernetes 1.35 who opens it needs ``create`` for ``pods/portforward`` beside
``get``, which the method of a WebSocket's handshake has always meant (kubernetes#133515).
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import WSMsgType

from extcp_bot.kube.failure import NonsenseError, NoRouteError
from extcp_bot.kube.http1 import AnswerReader, BrokenError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientWebSocketResponse

    from extcp_bot.kube.client import Client
    from extcp_bot.kube.http1 import Answer

PROTOCOL: Final = "v4.channel.k8s.io"
VERBS: Final = ("get", "create")
"""What it takes for ``pods/portforward``."""

_DATA: Final = 0
_ERROR: Final = 1
_PORT_BYTES: Final = 2
_CLOSE_SECONDS: Final = 1.0
_REACH: Final = (
    "check that 'kubectl port-forward' gets there: the API server has to reach the kubelet, and "
    "no proxy on the way may stop WebSockets"
)


@dataclass(frozen=True, slots=True)
class PodPort:
    """A port of a Pod.

    Attributes:
        namespace: Of the Pod.
        pod: Its name.
        port: 1 to 65535.
    """

    namespace: str
    pod: str
    port: int

    @property
    def path(self) -> str:
        """Where the API server forwards it."""
        where = f"/api/v1/namespaces/{self.namespace}/pods/{self.pod}/portforward"
        return f"{where}?ports={self.port}"

    @property
    def place(self) -> str:
        """For people."""
        return f"Pod {self.namespace}/{self.pod}, port {self.port}"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request may cost.

    Attributes:
        seconds: From beginning to end.
        bytes: Of the answer's body.
    """

    seconds: float = 10.0
    bytes: int = 16 << 20


async def get(client: Client, to: PodPort, path: str, cost: Cost | None = None) -> Answer:
    """Ask a port of a Pod; each request has a connection of its own.

    Args:
        client: The API server of the Pod's cluster.
        to: Whom to ask.
        path: What, with its query; encoded.
        cost: What it may cost.

    Returns:
        The answer, whatever its status.

    Raises:
        NotAllowedError: The credential may not forward ports.
        NoRouteError: Nobody gets there, or nobody answers in time.
        NonsenseError: What answers does not speak HTTP, or does not stop.
    """
    cost = cost or Cost()
    try:
        async with asyncio.timeout(cost.seconds):
            async with _opened(client, to) as channels:
                await channels.send_bytes(bytes([_DATA]) + _request(to, path))
                return await _Exchange(channels, to, cost).answer()
    except NonsenseError as error:
        if error.looked_at == to.path:  # the handshake
            raise _unreachable(to, "the API server opens no way to it") from None
        raise
    except TimeoutError:
        raise _unreachable(to, "no answer in time") from None
    except (OSError, RuntimeError) as error:  # aiohttp says the latter of a closed connection
        raise _unreachable(to, f"the connection broke ({type(error).__name__})") from None


class _Exchange:
    """What comes back through one connection."""

    def __init__(self, channels: ClientWebSocketResponse, to: PodPort, cost: Cost) -> None:
        self._channels = channels
        self._to = to
        self._reader = AnswerReader(cost.bytes)
        self._greetings = {_DATA: bytearray(), _ERROR: bytearray()}

    async def answer(self) -> Answer:
        try:
            async for message in self._channels:
                if message.type is not WSMsgType.BINARY:
                    break
                if found := self._take(message.data):
                    return found
            return self._reader.end()
        except BrokenError as error:
            where = self._to.place
            why = f"{where}: what listens there answers with {error}"
            raise NonsenseError(why, "find out what listens there", where) from None

    def _take(self, data: bytes) -> Answer | None:
        channel, said = data[0] if data else -1, data[1:]
        if channel not in self._greetings:
            raise BrokenError("a channel that nobody opened")
        greeting = self._greetings[channel]
        missing = _PORT_BYTES - len(greeting)
        greeting += said[:missing]
        said = said[missing:]
        if len(greeting) == _PORT_BYTES and int.from_bytes(greeting, "little") != self._to.port:
            raise BrokenError("another port")
        if said and channel == _ERROR:
            raise _unreachable(self._to, said.decode("utf-8", "replace"))
        return self._reader.feed(said) if said else None


def _request(to: PodPort, path: str) -> bytes:
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: localhost:{to.port}",
        "User-Agent: extcp-bot",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    return "\r\n".join([*lines, "", ""]).encode("ascii")


@contextlib.asynccontextmanager
async def _opened(client: Client, to: PodPort) -> AsyncIterator[ClientWebSocketResponse]:
    channels = await client.websocket(to.path, PROTOCOL)
    try:
        yield channels
    finally:
        with contextlib.suppress(TimeoutError, OSError, RuntimeError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await channels.close()


def _unreachable(to: PodPort, why: str) -> NoRouteError:
    return NoRouteError(f"{to.place}: {why}", _REACH, to.place)
