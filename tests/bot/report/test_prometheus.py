from __future__ import annotations

import re

from extcp_bot.report import render
from tests.bot.reports import (
    CRITICAL,
    HOSTILE,
    WARNING,
    bad,
    hostile_mesh,
    mesh,
    mixed,
    report,
    result,
    unknown,
)

_LABEL = r'[a-z_]+="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"([a-z_]+)\{{({_LABEL}(?:,{_LABEL})*)?\}} (-?[0-9.e+-]+)")


def samples(text: str) -> dict[str, float]:
    """The samples, by what stands before the value; all of the text has to be well-formed."""
    found = {}
    named = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            named = line.split()[2]
        elif line.startswith("# TYPE "):
            assert line == f"# TYPE {named} gauge"
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert match[1] == named
            assert line.rpartition(" ")[0] not in found
            found[line.rpartition(" ")[0]] = float(match[3])
    return found


def test_one_series_for_each_check_on_each_cluster() -> None:
    inventory = mesh()
    found = report(
        inventory,
        result(inventory, "external-cluster"),
        bad(inventory, "remote-cluster-1", CRITICAL),
        bad(inventory, "remote-cluster-1", CRITICAL),
        unknown(inventory, "remote-cluster-2", "no answer"),
        bad(inventory, "remote-cluster-2", WARNING, code="EXTCP-H02", name="certificate"),
    )
    said = samples(render("prometheus", found, inventory))
    states = {key: value for key, value in said.items() if "_state{" in key}
    rest = 'control_plane="external-istiod",code="EXTCP-H05",check="secret-shape"'
    assert states == {
        'extcp_cluster_state{mesh="mesh1",cluster="external-cluster"}': 1,
        'extcp_cluster_state{mesh="mesh1",cluster="remote-cluster-1"}': 0,
        'extcp_cluster_state{mesh="mesh1",cluster="remote-cluster-2"}': -1,
        f'extcp_check_state{{mesh="mesh1",cluster="external-cluster",{rest}}}': 1,
        f'extcp_check_state{{mesh="mesh1",cluster="remote-cluster-1",{rest}}}': 0,
        f'extcp_check_state{{mesh="mesh1",cluster="remote-cluster-2",{rest}}}': -1,
        'extcp_check_state{mesh="mesh1",cluster="remote-cluster-2",'
        'control_plane="external-istiod",code="EXTCP-H02",check="certificate"}': 1,
    }
    problem = f'cluster="remote-cluster-1",{rest},problem="not-labelled",severity="critical"'
    assert said[f'extcp_problems{{mesh="mesh1",{problem}}}'] == 2
    assert said['extcp_run_timestamp_seconds{mesh="mesh1"}'] == 1780315200
    assert said['extcp_run_seconds{mesh="mesh1"}'] == 2.5
    assert said['extcp_run_complete{mesh="mesh1"}'] == 1


def test_what_clusters_say_makes_no_series() -> None:
    inventory = mesh()
    one, other = (
        report(inventory, bad(inventory, "remote-cluster-1", found=found, looked_at=found))
        for found in ("this", "that")
    )
    assert render("prometheus", one, inventory) == render("prometheus", other, inventory)


def test_labels_are_escaped() -> None:
    inventory = hostile_mesh()
    name = inventory.clusters[-1].name
    found = report(inventory, bad(inventory, name))
    found.mesh_id = 'a "quote", a \\ and a\nline'
    said = samples(render("prometheus", found, inventory))
    assert any(r"a \"quote\", a \\ and a\nline" in key for key in said)
    assert any(HOSTILE[:20] in key for key in said)


def test_a_large_mesh_has_a_bounded_number_of_series() -> None:
    inventory = mesh(200)
    found = mixed(inventory)
    assert len(samples(render("prometheus", found, inventory))) < 6 * len(found.clusters)
