"""The preflight checks of a cluster that is to join: one file each, as for those of health."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from extcp_bot.candidates.checks.registry import PREFLIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_bot.checks.model import Check


def all_preflight_checks() -> Mapping[str, Check]:
    """Every check of this folder, by code."""
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("p"):
            importlib.import_module(f"{__name__}.{module.name}")
    return PREFLIGHT.registered()
