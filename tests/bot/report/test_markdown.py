from __future__ import annotations

import re
from typing import Any

from extcp_bot.report import markdown, render
from tests.bot.reports import (
    HOSTILE,
    HOSTILE_COMMAND,
    bad,
    hostile_mesh,
    mesh,
    mixed,
    report,
    unknown,
)


def test_a_table_of_clusters_one_of_findings_and_what_mends_them() -> None:
    inventory = mesh()
    found = report(
        inventory,
        bad(inventory, "remote-cluster-1"),
        unknown(inventory, "remote-cluster-2", "no answer"),
    )
    lines = render("markdown", found, inventory).splitlines()
    assert lines[0] == ("**Mesh `mesh1`: 1 of 3 clusters is healthy, 1 unhealthy, 1 unknown.**")
    assert "| `remote-cluster-1` | `network1` | ❌ unhealthy | 1 error |" in lines
    assert "| `external-cluster` |  | ✅ healthy |  |" in lines
    assert (
        "| error | `EXTCP-H05 secret-shape` | `remote-cluster-1` | `the place` | `none` | `true` |"
        in lines
    )
    assert "`EXTCP-H05 secret-shape` on `remote-cluster-1`: `label it`" in lines
    assert "kubectl label 'remote-cluster-1' a=b" in lines


def test_a_healthy_mesh_needs_no_table_of_findings() -> None:
    inventory = mesh()
    said = render("markdown", report(inventory), inventory)
    assert "How to mend it" not in said
    assert said.endswith("\nLooked at on 2026-06-01 12:00 UTC, in 2.5 s.\n")


def test_it_fits_into_a_comment_however_much_there_is_to_say() -> None:
    inventory = mesh(1000)
    found = mixed(inventory)
    said = render("markdown", found, inventory)
    assert len(said) < markdown.LIMIT
    assert "\nand 951 more clusters.\n" in said
    assert re.search(r"\nNot in this table: \d+ findings\.\n", said)
    assert re.search(r"\nLeft out: \d+ findings\.\n", said)
    assert said.count("<details>") == said.count("</details>") == 1


def test_nothing_hostile_stands_outside_of_code() -> None:
    inventory = hostile_mesh()
    words: Any = dict.fromkeys(("looked_at", "found", "wanted", "remedy"), HOSTILE)
    words["command"] = HOSTILE_COMMAND
    said = render("markdown", report(inventory, bad(inventory, HOSTILE, **words)), inventory)
    fences = re.findall(r"^(`{3,})sh\n.*\n\1$", said, re.MULTILINE)
    assert fences == ["````"]
    outside = re.sub(r"^(`{3,})sh\n.*\n\1$", "", said, flags=re.MULTILINE)
    outside = re.sub(r"`[^`\n]*`|<code>[A-Za-z0-9&#;]*</code>", "", outside)
    outside = outside.replace("<details><summary>How to mend it</summary>", "")
    outside = outside.replace("</details>", "")
    for sign in ("<", "`", "@", "#", "](", "http", "script", "evil"):
        assert sign not in outside, sign
    for line in outside.splitlines():
        if line.startswith("|"):
            assert line.count("|") in {5, 7}
