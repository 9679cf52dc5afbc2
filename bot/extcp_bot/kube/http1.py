"""HTTP/1.1 answers out of bytes that come by another way than a socket of our own.

As strict as RFC 9112 lets a client be: who is asked may be anything that listens on a port.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([2-5]\d\d)(?: [^\x00-\x08\x0a-\x1f\x7f]*)?")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")
_LENGTH: Final = re.compile(rb"\d{1,12}")
_END: Final = b"\r\n\r\n"
_LONGEST_HEAD: Final = 64 << 10
_LONGEST_LINE: Final = 1 << 10
_WITHOUT_BODY: Final = (204, 304)


class BrokenError(ValueError):
    """This is no HTTP answer, or not a whole one, or too long a one; says which."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a GET.

    Attributes:
        status: 200 to 599.
        body: All of it, decoded from chunks.
    """

    status: int
    body: bytes


class AnswerReader:
    """Takes the bytes of one answer as they come.

    Args:
        at_most: Bytes of the body.
    """

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._raw = bytearray()
        self._body = bytearray()
        self._status = 0
        self._length: int | None = None
        self._is_chunked = False

    def feed(self, chunk: bytes) -> Answer | None:
        """The answer, once these bytes make it whole.

        Raises:
            BrokenError: It cannot become an answer any more.
        """
        self._raw += chunk
        if not self._status and not self._take_head():
            return None
        if self._is_chunked:
            is_whole = self._take_chunks()
        else:
            self._take(len(self._raw))
            is_whole = self._length is not None and len(self._body) >= self._length
        if self._length is not None and len(self._body) > self._length:
            raise BrokenError("a body longer than its Content-Length")
        return self._answer() if is_whole else None

    def end(self) -> Answer:
        """The answer, where the end of the connection is its end.

        Raises:
            BrokenError: It is not whole.
        """
        if not self._status or self._is_chunked or self._length is not None:
            raise BrokenError("half an answer" if self._raw or self._status else "no answer")
        return self._answer()

    def _answer(self) -> Answer:
        return Answer(self._status, bytes(self._body))

    def _take_head(self) -> bool:
        """Read the status and the fields, once they are all there."""
        end = self._raw.find(_END)
        if end < 0 and len(self._raw) <= _LONGEST_HEAD:
            return False
        first, *lines = bytes(self._raw[: max(end, 0)]).split(b"\r\n")
        status = _STATUS.fullmatch(first)
        if status is None or end > _LONGEST_HEAD:
            raise BrokenError("something else than HTTP")
        del self._raw[: end + len(_END)]
        self._status = int(status[1])
        self._take_fields(lines)
        return True

    def _take_fields(self, lines: list[bytes]) -> None:
        fields = [_FIELD.fullmatch(line) for line in lines]
        found = [(field[1].lower(), field[2].strip()) for field in fields if field]
        if len(found) < len(fields):
            raise BrokenError("a header that is none")
        lengths = {value for name, value in found if name == b"content-length"}
        encodings = [value.lower() for name, value in found if name == b"transfer-encoding"]
        if self._status in _WITHOUT_BODY:
            lengths, encodings = {b"0"}, []
        if encodings not in ([], [b"chunked"]):
            raise BrokenError("an encoding that was not asked for")
        if len(lengths) + len(encodings) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
            raise BrokenError("more than one length, or none that is a number")
        self._is_chunked = bool(encodings)
        self._length = int(lengths.pop()) if lengths else None

    def _take(self, count: int) -> None:
        """Move bytes to the body."""
        self._body += self._raw[:count]
        del self._raw[:count]
        if len(self._body) > self._at_most:
            raise BrokenError(f"more than {self._at_most >> 20} MiB")

    def _take_chunks(self) -> bool:
        """Whether the last chunk and its trailers are there."""
        while True:
            eol = self._raw.find(b"\r\n")
            if eol < 0 and len(self._raw) <= _LONGEST_LINE:
                return False
            size = _SIZE.fullmatch(bytes(self._raw[: max(eol, 0)]))
            if size is None:
                raise BrokenError("a chunk without a size")
            count = int(size[1], 16)
            if count == 0:
                return self._has_trailers(eol)
            if len(self._body) + count > self._at_most:
                raise BrokenError(f"more than {self._at_most >> 20} MiB")
            after = eol + 2 + count
            if len(self._raw) < after + 2:
                return False
            if self._raw[after : after + 2] != b"\r\n":
                raise BrokenError("a chunk without an end")
            del self._raw[: eol + 2]
            self._take(count)
            del self._raw[:2]

    def _has_trailers(self, start: int) -> bool:
        if self._raw.find(_END, start) >= 0:
            return True
        if len(self._raw) > _LONGEST_HEAD:
            raise BrokenError("trailers without an end")
        return False
