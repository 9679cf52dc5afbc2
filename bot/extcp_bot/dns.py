"""What DNS says of a name, asked from where the bot runs."""

from __future__ import annotations

import asyncio
import socket


async def lookup(host: str) -> tuple[str, ...]:
    """The IP addresses of a host, in the order in which they should be tried.

    Args:
        host: A host name, or an IP address, which is its own.

    Raises:
        socket.gaierror: There is no such name, or nobody answers for it.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
