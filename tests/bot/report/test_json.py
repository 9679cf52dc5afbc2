from __future__ import annotations

import json

from extcp_bot.report import json as form
from extcp_bot.report import render
from tests.bot.reports import HOSTILE, WARNING, bad, hostile_mesh, mesh, mixed, report, unknown


def test_everything_is_in_it_under_names_that_stay() -> None:
    inventory = mesh()
    found = report(
        inventory,
        bad(inventory, "remote-cluster-1", WARNING),
        unknown(inventory, "remote-cluster-2", "no answer"),
    )
    said = json.loads(render("json", found, inventory))
    assert {key: said[key] for key in said if key not in {"clusters", "results"}} == {
        "schemaVersion": 1,
        "mesh": "mesh1",
        "started": "2026-06-01T12:00:00+00:00",
        "seconds": 2.5,
        "complete": True,
        "exitCode": 5,
        "counts": {"critical": 0, "error": 0, "warning": 1, "unknown": 1, "healthy": 1},
    }
    assert said["clusters"]["remote-cluster-1"] == {
        "role": "remote",
        "controlPlane": "external-istiod",
        "network": "network1",
        "isConfigCluster": True,
        "state": "warning",
        "counts": {"critical": 0, "error": 0, "warning": 1, "unknown": 0, "healthy": 0},
    }
    assert [each["cluster"] for each in said["results"]] == [
        "remote-cluster-1",
        "remote-cluster-2",
        "external-cluster",
    ]
    assert said["results"][0]["documentation"] == "docs/checks.md#extcp-h05-secret-shape"


def test_on_one_line_where_each_pass_is_a_line() -> None:
    inventory = mesh(9)
    line = form.render(mixed(inventory), inventory, indent=None)
    assert line.count("\n") == 1
    assert json.loads(line)["mesh"] == "mesh1"


def test_hostile_words_stay_words() -> None:
    inventory = hostile_mesh()
    found = report(inventory, bad(inventory, HOSTILE, found=HOSTILE))
    said = json.loads(render("json", found, inventory))
    assert HOSTILE in said["clusters"]
    assert "\x1b" not in said["results"][0]["found"]
