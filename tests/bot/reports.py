"""Reports such as runs leave them, made by hand, for the forms in which they are shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extcp_bot.checks.model import Check, Observation, Scope, Severity, State
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.result import Report, Result
from extcp_bot.target import Fleet, Target
from extcp_gitops.inventory.load import load
from tests import meshes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extcp_gitops.inventory.model import Inventory

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HEALTHY, UNHEALTHY, UNKNOWN = State
CRITICAL, ERROR, WARNING = Severity
HOSTILE = (
    "<script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">"
    " [link](javascript:alert(1)) | `code` ``` @everyone closes #1 \x1b[31mred\x1b[0m \u202e "
    "https://evil.example.com/ {{ 7 * 7 }} ]]> &amp; \x00 \ufffe"
)
HOSTILE_COMMAND = "".join(filter(str.isprintable, HOSTILE))
"""What is not printable is no command."""
SECOND_PLANE = """\
  - name: istiod-b
    address: istiod-b.example.com
    configCluster: team-b-1
    tls:
      secretName: istiod-b-tls
"""


def mesh(remotes: int = 2, networks: int = 1, *, second_plane: bool = False) -> Inventory:
    """A mesh of ``remote-cluster-1`` and so on, which take turns with ``network1`` and so on."""
    files: dict[str, str | None] = {}
    for number in range(1, remotes + 1):
        text = meshes.REMOTE.format(name=f"remote-cluster-{number}")
        network = f"network{(number - 1) % networks + 1}"
        files[f"clusters/remote-cluster-{number}/cluster.yaml"] = text.replace("network1", network)
    if second_plane:
        files["mesh.yaml"] = meshes.MESH + SECOND_PLANE
        text = meshes.REMOTE.format(name="team-b-1").replace("external-istiod", "istiod-b")
        files["clusters/team-b-1/cluster.yaml"] = text
    return load(meshes.mesh(files)).inventory


def hostile_mesh() -> Inventory:
    """A mesh with names that no inventory would let in."""
    inventory = mesh()
    clusters = tuple(replace(each, network=HOSTILE) for each in inventory.clusters)
    renamed = replace(clusters[-1], name=HOSTILE)
    return replace(
        inventory,
        clusters=(*clusters[:-1], renamed),
        mesh=replace(inventory.mesh, mesh_id=HOSTILE),
    )


def result(
    inventory: Inventory,
    cluster: str,
    state: State = HEALTHY,
    severity: Severity = ERROR,
    *,
    code: str = "EXTCP-H05",
    name: str = "secret-shape",
    plane: str = "",
    **texts: str,
) -> Result:
    """One result; ``texts`` are fields of an observation."""
    found = inventory.by_name[cluster]
    its_plane = inventory.control_planes[
        plane or found.control_plane or inventory.mesh.control_planes[0].name
    ]
    check = Check(code, name, "Is it?", Scope.CLUSTER, severity, (), (), _look)
    nobody = CannotLookError("", "")
    fleet = Fleet(inventory, Path(), {}, nobody, now=lambda: NOW)
    words: dict[str, Any] = {"looked_at": "the place", "found": "this", **texts}
    return Result.of(check, Target(fleet, found, its_plane), Observation(state, **words), 0.25)


async def _look(target: Target) -> AsyncIterator[Observation]:
    yield Observation(HEALTHY, "", target.cluster.name)


def bad(inventory: Inventory, cluster: str, severity: Severity = ERROR, **texts: str) -> Result:
    """An unhealthy result with all that one has."""
    words: dict[str, Any] = {
        "problem": "not-labelled",
        "found": "none",
        "wanted": "true",
        "remedy": "label it",
        "command": f"kubectl label {cluster!r} a=b",
        **texts,
    }
    return result(inventory, cluster, UNHEALTHY, severity, **words)


def unknown(inventory: Inventory, cluster: str, why: str, code: str = "EXTCP-H05") -> Result:
    """A result that says that nobody could look."""
    return result(inventory, cluster, UNKNOWN, code=code, found=why, remedy="check the route")


def report(inventory: Inventory, *results: Result, complete: bool = True) -> Report:
    """A report on all clusters, each healthy but for what is given."""
    names = tuple(cluster.name for cluster in inventory.clusters)
    said = {each.cluster for each in results}
    rest = [result(inventory, name) for name in names if name not in said]
    return Report(inventory.mesh.mesh_id, NOW, names, [*results, *rest], 2.5, complete)


def mixed(inventory: Inventory) -> Report:
    """A report in which every third remote cluster is bad, unknown, or warned of, in turns."""
    results = []
    for number, cluster in enumerate(inventory.remotes):
        match number % 9:
            case 2:
                results += [
                    bad(inventory, cluster.name, CRITICAL, problem="missing"),
                    bad(inventory, cluster.name),
                ]
            case 5:
                why = f"{cluster.name}:6443 does not answer: no connection in time"
                results += [
                    unknown(inventory, cluster.name, why, code)
                    for code in ("EXTCP-H06", "EXTCP-H07", "EXTCP-H10")
                ]
            case 8:
                results.append(bad(inventory, cluster.name, WARNING))
    return report(inventory, *results)
