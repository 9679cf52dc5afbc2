"""A name server: the records of a file, and the Services of a cluster where there is one."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

TYPE_A = 1
CLASS_IN = 1
TTL_SECONDS = 2
NO_SUCH_NAME = 3

Lookup = Callable[[str], list[str] | None]


class Records:
    """A file with lines ``NAME ADDRESS``, read again for each question: it is small."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, name: str) -> list[str] | None:
        """The addresses of a name, or None where there is no such name."""
        lines = (line.split() for line in self.path.read_text().splitlines())
        return [address for owner, address in lines if owner == name] or None


def set_record(path: Path, name: str, address: str | None) -> None:
    """Point a name at an address, or take the name away, in one step."""
    lines = path.read_text().splitlines() if path.exists() else []
    kept = [line for line in lines if line.split()[0] != name]
    if address is not None:
        kept.append(f"{name} {address}")
    fresh = path.with_suffix(".new")
    fresh.write_text("".join(f"{line}\n" for line in kept))
    fresh.replace(path)


def _question(packet: bytes) -> tuple[str, int, int]:
    """Name, type and the end of the first question."""
    labels, at = [], 12
    while length := packet[at]:
        labels.append(packet[at + 1 : at + 1 + length].decode("ascii", errors="replace"))
        at += 1 + length
    (kind,) = struct.unpack("!H", packet[at + 1 : at + 3])
    return ".".join(labels).lower(), kind, at + 5


def answer(packet: bytes, lookups: list[Lookup]) -> bytes:
    """The response to one query, from the first lookup that knows the name."""
    name, kind, end = _question(packet)
    found = next((found for look in lookups if (found := look(name)) is not None), None)
    addresses = (found or []) if kind == TYPE_A else []
    code = NO_SUCH_NAME if found is None else 0
    # Response, recursion wanted and available, authoritative: nobody else is asked.
    header = packet[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(addresses), 0, 0)
    records = b"".join(
        struct.pack("!HHHIH", 0xC00C, TYPE_A, CLASS_IN, TTL_SECONDS, 4) + IPv4Address(a).packed
        for a in addresses
    )
    return header + packet[12:end] + records


def serve(address: str, lookups: list[Lookup]) -> None:
    """Answer on UDP port 53 of ``address``, in a thread of its own."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            packet, socket = self.request
            try:
                socket.sendto(answer(packet, lookups), self.client_address)
            except (IndexError, struct.error):
                return  # not a question

    server: Any = socketserver.ThreadingUDPServer((address, 53), Handler)
    threading.Thread(target=server.serve_forever, name="dns", daemon=True).start()
