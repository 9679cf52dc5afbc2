"""The fixture of the preflight checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bot.candidates.joining import Preflight
    from tests.bot.simulation.generated import Generated


@pytest.fixture
def joining(repository: Generated) -> Iterator[Preflight]:
    """A candidate beside a healthy mesh; see ``joining.py``."""
    from tests.bot.candidates.joining import beside  # noqa: PLC0415 - few tests want it

    with beside(repository) as found:
        yield found
