"""A directory that lasts as long as some work, and goes with it, also where that is cancelled."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_TRIES: Final = 50
_PAUSE: Final = 0.1


@asynccontextmanager
async def directory() -> AsyncIterator[Path]:
    """An empty directory, for this user alone.

    Git, run in a thread by work that is cancelled, goes on for a moment to write into what is being
    removed; so that is tried again until it has ended.
    """
    top = Path(tempfile.mkdtemp(prefix="extcp-bot-"))
    try:
        yield top
    finally:
        for _ in range(_TRIES):
            if _is_removed(top):
                break
            await asyncio.sleep(_PAUSE)


def _is_removed(top: Path) -> bool:
    shutil.rmtree(top, ignore_errors=True)
    return not top.exists()
