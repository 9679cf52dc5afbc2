"""The evidence about a mesh in one archive: reports, what they rest on, logs, the inventory."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import re
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from extcp_bot import redacted
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import istiod
from extcp_bot.live.istiod import Replica
from extcp_bot.report import render
from extcp_bot.target import Target
from extcp_gitops import __version__
from extcp_gitops.inventory.load import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extcp_bot.kube.client import Client
    from extcp_bot.passes import Pass
    from extcp_bot.result import Report

LIMIT: Final = 256 << 20
"""Bytes of all members, before they are compressed."""

_SECONDS: Final = 60.0
_LOG: Final = "container=discovery&tailLines=5000&limitBytes=1048576"
_REPORTS: Final = {
    "report.html": "html",
    "report.json": "json",
    "report.md": "markdown",
    "report.prom": "prometheus",
    "report.txt": "text",
    "report.xml": "junit",
}
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.-]")
_README: Final = """\
Evidence about the mesh {mesh}, collected by extcp-bot {version} at {started}.

report.*        what the checks found; open report.html in a browser
inventory/      what the mesh should be
clusters/       what was read of each cluster, by the path of the request
istiod/         what each replica of istiod says of itself, and the end of its log

Values of Secrets, credentials and what looks like one are replaced by ***, and so are annotations,
variables, arguments and configuration that are not known to hold none. Certificates are not. Of
Pods, there is nothing of containers but the proxy's image and whose proxy it is.
Names of clusters, namespaces, hosts and addresses are in here. Look through it before you give it
to somebody.
"""


@dataclass
class Bundle:
    """What goes into the archive.

    Attributes:
        limit: Bytes of all members together.
        members: Content by name.
        missing: What could not be had, and why, for people.
    """

    limit: int = LIMIT
    members: dict[str, bytes] = field(default_factory=dict, repr=False)
    missing: list[str] = field(default_factory=list)
    _size: int = 0

    def add(self, name: str, content: str) -> None:
        """A member more, as long as there is room."""
        raw = content.encode(errors="backslashreplace")
        if self._size + len(raw) > self.limit:
            self.missing.append(f"{name}: there was no room for its {len(raw) >> 20} MiB")
            return
        self._size += len(raw)
        self.members[name] = raw


async def collect(one: Pass, limit: int = LIMIT) -> Bundle:
    """Collect what a pass has seen, and the logs of istiod.

    Args:
        one: Carried out.
        limit: Bytes of all members together; what comes last is left out.
    """
    bundle = Bundle(limit)
    for name, form in _REPORTS.items():
        bundle.add(name, render(form, one.report, one.inventory))
    for path, content in read(one.fleet.root).items():
        bundle.add(f"inventory/{path}", redacted.text(content.decode(errors="replace")))
    try:
        async with asyncio.timeout(_SECONDS):
            await _add_logs(bundle, one)
    except TimeoutError:
        bundle.missing.append(f"logs of istiod: not all within {_SECONDS:g} s")
    finally:
        await one.fleet.close()
    _add_debug(bundle, one)
    for name, client in _clients(bundle, one):
        _add_reads(bundle, name, client)
    _add_missing(bundle, one.report)
    return bundle


def pack(bundle: Bundle, report: Report) -> bytes:
    """The archive: the same bytes for the same members, whoever packs it.

    Args:
        bundle: The members.
        report: Whose beginning is the time of each member.
    """
    when = int(report.started.timestamp())
    top = f"extcp-support-{_safe(report.mesh_id)}"
    raw = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", 6, raw, mtime=when) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, content in sorted(bundle.members.items()):
            member = tarfile.TarInfo(f"{top}/{name}")
            member.size, member.mtime, member.mode = len(content), when, 0o600
            archive.addfile(member, io.BytesIO(content))
    return raw.getvalue()


def file_name(report: Report) -> str:
    """A name for the archive that tells the mesh and the time."""
    return f"extcp-support-{_safe(report.mesh_id)}-{report.started:%Y%m%dT%H%M%SZ}.tar.gz"


async def _add_logs(bundle: Bundle, one: Pass) -> None:
    """The end of the log of each Pod of each istiod, of the container before it, too."""
    for plane in one.inventory.mesh.control_planes:
        target = Target(one.fleet, one.inventory.external, plane)
        try:
            pods = sorted(await istiod.names(target))
            api = target.api
        except CannotLookError as error:
            bundle.missing.append(f"logs of {plane.name}: {error.why}")
            continue
        for pod in pods:
            path = f"/api/v1/namespaces/{plane.namespace}/pods/{quote(pod, safe='')}/log?{_LOG}"
            try:
                said = await api.text(path)
            except CannotLookError as error:
                bundle.missing.append(f"log of {plane.name}/{pod}: {error.why}")
            else:
                name = f"istiod/{_safe(plane.name)}/{_safe(pod)}.log"
                bundle.add(name, redacted.text(said))


def _add_debug(bundle: Bundle, one: Pass) -> None:
    """What replicas of istiod were asked for by checks."""
    by_replica: dict[Replica, dict[str, Any]] = {}
    for key, said in one.fleet.once.done():
        match key:
            case (Replica() as replica, str(path), *_):
                by_replica.setdefault(replica, {})[path] = said
    for replica, its in sorted(by_replica.items(), key=lambda each: each[0].name):
        name = f"istiod/{_safe(replica.namespace)}/{_safe(replica.name)}.json"
        bundle.add(name, _as_json(its))


def _clients(bundle: Bundle, one: Pass) -> Iterator[tuple[str, Client]]:
    """The clients of all clusters, those that are read for the sake of others first."""
    names = sorted(one.inventory.by_name, key=lambda name: (name not in one.fleet.hubs, name))
    for name in names:
        try:
            yield one.inventory.by_name[name].slug, one.fleet.api(name)
        except CannotLookError as error:
            bundle.missing.append(f"cluster {name}: {error.why}")
    try:
        argocd = one.fleet.argocd_api
    except CannotLookError as error:
        bundle.missing.append(f"Argo CD: {error.why}")
    else:
        if all(argocd is not one.fleet.api(name) for name in names):
            yield "argocd", argocd


def _add_reads(bundle: Bundle, name: str, client: Client) -> None:
    seen = client.seen()
    if seen:
        bundle.add(f"clusters/{_safe(name)}.json", _as_json(seen))
    for path, found in sorted(seen.items()):
        if isinstance(found, CannotLookError):
            bundle.missing.append(f"cluster {name}, {path}: {found.why}")


def _as_json(by_path: Mapping[str, Any]) -> str:
    """What was read by path, without credentials."""
    shown = {
        redacted.text(path): {"error": redacted.text(str(found))}
        if isinstance(found, BaseException)
        else redacted.value(path, found)
        for path, found in sorted(by_path.items())
    }
    return json.dumps(shown, indent=1, ensure_ascii=False) + "\n"


def _add_missing(bundle: Bundle, report: Report) -> None:
    text = _README.format(
        mesh=report.mesh_id,
        version=__version__,
        started=report.started.isoformat(timespec="seconds"),
    )
    bundle.missing = [redacted.text(line) for line in bundle.missing]
    if bundle.missing:
        text += "\nWhat could not be had:\n\n" + "".join(f"  {line}\n" for line in bundle.missing)
    bundle.members["README.txt"] = text.encode(errors="backslashreplace")


def _safe(name: str) -> str:
    """A name as one plain part of a path, whatever a cluster calls its Pods."""
    return _UNSAFE.sub("_", name)[:200].lstrip(".") or "_"
