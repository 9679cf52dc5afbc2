from __future__ import annotations

import html
from xml.etree import ElementTree as ET

import pytest

from extcp_bot.report import render, text
from extcp_bot.report.text import Style
from tests.bot.reports import bad, mesh, report

LONG = "kubectl delete secret a && " + "sleep 5 && " * 300 + "kubectl create --filename -"


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json", "junit"])
def test_a_long_command_is_shown_whole_in_every_form(form: str) -> None:
    inventory = mesh()
    shown = render(
        form, report(inventory, bad(inventory, "remote-cluster-1", command=LONG)), inventory
    )
    if form == "junit":
        shown = "".join(ET.fromstring(shown).itertext())  # noqa: S314 - our own
    assert LONG in html.unescape(shown)


def test_a_long_command_is_not_broken_for_a_narrow_terminal() -> None:
    inventory = mesh()
    found = report(inventory, bad(inventory, "remote-cluster-1", command=LONG))
    assert f"{LONG}\n" in text.render(found, inventory, Style(width=40))
