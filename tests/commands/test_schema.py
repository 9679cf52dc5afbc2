from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.inventory.schema import BY_KIND

if TYPE_CHECKING:
    from tests.conftest import Command


@pytest.mark.parametrize("kind", BY_KIND)
def test_the_schema_is_printed(extcp: Command, kind: str) -> None:
    assert extcp("schema", kind) == 0
    assert json.loads(extcp.out) == BY_KIND[kind]


def test_another_kind(extcp: Command) -> None:
    assert extcp("schema", "meshes") == 2
