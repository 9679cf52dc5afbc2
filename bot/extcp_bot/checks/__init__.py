"""The live checks: one file each, so that each can be read, declared and tested alone.

``h01_endpoint.py`` to ``h19_wrong_place.py``; a file registers its check by the decorator of
``model.py``. What several checks read of a cluster stands in ``extcp_bot.live``.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from extcp_bot.checks.model import registered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_bot.checks.model import Check


def all_checks() -> Mapping[str, Check]:
    """Every check of this folder, by code."""
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("h"):
            importlib.import_module(f"{__name__}.{module.name}")
    return registered()
