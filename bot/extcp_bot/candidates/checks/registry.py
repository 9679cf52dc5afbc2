"""The registry of the preflight checks, beside that of the checks of a mesh's health."""

from __future__ import annotations

from typing import Final

from extcp_bot.checks.model import Registry

PREFLIGHT: Final = Registry()
check = PREFLIGHT.check
