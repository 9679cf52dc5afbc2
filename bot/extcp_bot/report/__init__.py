"""What a run found, in the forms that people and programs read.

One file for each form, a function from the report and the inventory to text. What a cluster said
comes in as :class:`extcp_bot.result.Result` makes it, one harmless line each; each form escapes
what its own readers would obey.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from extcp_bot.result import Report
    from extcp_gitops.inventory.model import Inventory

FORMATS: Final = ("text", "json", "junit", "markdown", "html", "prometheus")
"""Each is a module of this package with a function ``render(report, inventory)``."""


def render(form: str, report: Report, inventory: Inventory) -> str:
    """A report in one of the :data:`FORMATS`; text without colour.

    Args:
        form: Which one.
        report: What was found, complete or not.
        inventory: Of the same mesh.
    """
    module = importlib.import_module(f"{__name__}.{form}")
    rendered: str = module.render(report, inventory)
    return rendered
