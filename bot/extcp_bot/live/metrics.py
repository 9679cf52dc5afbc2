"""Metrics in the text format of Prometheus, as far as istiod's need it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SAMPLE: Final = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? +(?P<value>\S+).*")
_LABEL: Final = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_ESCAPE: Final = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric, with its labels."""

    labels: Mapping[str, str]
    value: float


def samples(text: str, name: str) -> Iterator[Sample]:
    """The values of one metric; what is no sample is left out.

    Args:
        text: All metrics of a server.
        name: Of the metric.
    """
    for line in text.splitlines():
        found = _SAMPLE.fullmatch(line) if line.startswith(name) else None
        if found is None or found["name"] != name:
            continue
        try:
            value = float(found["value"])
        except ValueError:
            continue
        labels = {
            key: _ESCAPE.sub(_said, said) for key, said in _LABEL.findall(found["labels"] or "")
        }
        yield Sample(labels, value)


def _said(escape: re.Match[str]) -> str:
    return "\n" if escape[1] == "n" else escape[1]
