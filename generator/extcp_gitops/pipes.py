"""The pipes of a child process, of which none may block."""

from __future__ import annotations

import os
import selectors
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

_CHUNK = 1 << 16


class Streams:
    """The three pipes of a child; each is unregistered when it is at its end."""

    def __init__(
        self, child: subprocess.Popen[bytes], selector: selectors.BaseSelector, stdin: bytes
    ) -> None:
        assert child.stdin is not None  # noqa: S101 - all three are pipes, see process.attend
        assert child.stdout is not None  # noqa: S101
        assert child.stderr is not None  # noqa: S101
        self._selector = selector
        self._stdin = child.stdin
        self._rest = memoryview(stdin)
        self._received = {child.stdout.fileno(): bytearray(), child.stderr.fileno(): bytearray()}
        self._register(child.stdin, selectors.EVENT_WRITE)
        self._register(child.stdout, selectors.EVENT_READ)
        self._register(child.stderr, selectors.EVENT_READ)

    @property
    def size(self) -> int:
        """Bytes received so far."""
        return sum(map(len, self._received.values()))

    @property
    def outputs(self) -> tuple[bytes, bytes]:
        """Standard output and standard error."""
        stdout, stderr = self._received.values()
        return bytes(stdout), bytes(stderr)

    def move(self, descriptor: int) -> None:
        """Read or write what a ready pipe takes."""
        if descriptor in self._received:
            chunk = os.read(descriptor, _CHUNK)
            self._received[descriptor] += chunk
            if not chunk:
                self._selector.unregister(descriptor)
            return
        try:
            self._rest = self._rest[os.write(descriptor, self._rest[:_CHUNK]) :]
        except BrokenPipeError:  # it does not want the rest
            self._rest = memoryview(b"")
        if not self._rest:
            self._selector.unregister(descriptor)
            self._stdin.close()

    def _register(self, stream: IO[bytes], event: int) -> None:
        os.set_blocking(stream.fileno(), False)
        self._selector.register(stream.fileno(), event)
