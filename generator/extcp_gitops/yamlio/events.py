"""PyYAML's parse events, one at a time.

Events are pulled, never composed by PyYAML: its C composer recurses and overflows the stack on
100 000 brackets, while libyaml's event parser keeps its stack on the heap and can be left at any
event. What is nested too deeply is thus refused before anything recurses.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

Event = Any
"""A ``yaml.Event``; which attributes it has depends on its kind, and the kind is compared."""

NextEvent = Callable[[], Event]

_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@contextmanager
def events(text: bytes | str) -> Iterator[NextEvent]:
    """The function that returns the next event of the text.

    It raises ``yaml.YAMLError`` where the text is not YAML. libyaml parses, which is 25 times as
    fast, or PyYAML's own parser where PyYAML was built without it.
    """
    parser = _Parser(text)
    try:
        yield parser.get_event
    finally:
        parser.dispose()
