"""The sockets of a session of aiohttp, to be sure of their end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import weakref
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiohappyeyeballs import AddrInfoType

_TURNS: Final = 50  # of the event loop, which needs a few to see the end of a connection


class Connections:
    """Makes sockets, as the factory of a connector, and remembers them."""

    def __init__(self) -> None:
        self._made: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def __call__(self, address: AddrInfoType) -> socket.socket:
        """A new socket for an address."""
        family, kind, protocol, *_ = address
        made = socket.socket(family, kind, protocol)
        self._made.add(made)
        return made

    async def cut(self) -> None:
        """End what is not closed yet; asyncio would wait 30 s for the server's own end of TLS."""
        for connection in self._made:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for _ in range(_TURNS):
            if all(connection.fileno() < 0 for connection in self._made):
                return
            await asyncio.sleep(0)
