"""The table of docs/checks.md: of each fault, what istioctl says and what the bot says.

istioctl is asked as it can be where istiod is in another cluster: ``remote-clusters`` through the
external cluster, ``proxy-status`` at the control plane's address, ``analyze`` over all clusters.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import yaml

from tests.e2e.testbed.errors import TestbedError
from tests.e2e.testbed.processes import run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.e2e.testbed.bot import Result
    from tests.e2e.testbed.mesh import ControlPlane

    from .model import Fault, Stage

NOTHING, NOTHING_NEW = "nothing", "nothing new"
SECONDS = 15
LOOKS = 5
LONGEST = 160
# What `proxy-status` says of a kind of configuration with which nothing is wrong.
FINE = {"SYNCED", "IGNORED"}
# The columns that say something else of a proxy.
OTHERS = {"NAME", "CLUSTER", "ISTIOD", "VERSION"}
FIRST = "NAME "
_COLUMNS = re.compile(r" {2,}")
_AGE = re.compile(r" \(.*\)$")
_CLOCK = re.compile(r"^\d{4}-\d\d-\d\dT\S+\s+")

Message = tuple[str, str]


class Table:
    """The rows, written out after each fault so that a failing run keeps what it has seen.

    Attributes:
        file: Where to.
    """

    def __init__(self, file: Path, stage: Stage) -> None:
        self.file = file
        self._rows: list[dict[str, Any]] = []
        # What istioctl holds against a mesh that works is no news; it does not say all of it
        # each time.
        self._before: dict[str, set[Message]] = {}
        for plane in (stage.mesh.plane, stage.payments):
            with ThreadPoolExecutor() as pool:
                looks = pool.map(lambda _: _seen(stage, plane), range(LOOKS))  # noqa: B023 - done in it
                self._before[plane.namespace] = set().union(*looks)

    def add(self, fault: Fault, named: Result, stage: Stage) -> None:
        """A row for a fault that is there now; istioctl's commands are run side by side."""
        is_payments = named["controlPlane"] == stage.payments.namespace
        plane = stage.payments if is_payments else stage.mesh.plane
        asked: dict[str, Callable[[], str]] = {
            "remote-clusters": lambda: remote_clusters(stage, plane),
            "proxy-status": lambda: proxy_status(stage, plane),
            "analyze": lambda: analyze(stage, plane, self._before[plane.namespace]),
        }
        with ThreadPoolExecutor() as pool:
            said = dict(zip(asked, pool.map(_in_words, asked.values()), strict=True))
        row = {
            "fault": fault.words,
            "istioctl": said,
            "code": named["code"],
            "problem": named["problem"] or named["state"],
            "remedy": named["remedy"],
        }
        self._rows.append(row)
        self.file.write_text(yaml.safe_dump(self._rows, sort_keys=False, width=100))


def remote_clusters(stage: Stage, plane: ControlPlane) -> str:
    """The clusters that istiod knows with their state, in short."""
    said = _istioctl(stage, plane, "remote-clusters", f"--context={stage.external.name}")
    states = {row["NAME"]: row["STATUS"] for row in _rows(said)}
    return ", ".join(f"{name} {state}" for name, state in sorted(states.items())) or NOTHING


def proxy_status(stage: Stage, plane: ControlPlane) -> str:
    """How many proxies are in which state."""
    said = _istioctl(
        stage,
        plane,
        *("proxy-status", "--verbosity=1", f"--context={plane.config.name}"),
        f"--xds-address={plane.address}:15012",
    )
    states = Counter(_worst(row) for row in _rows(said))
    return ", ".join(f"{number} {state}" for state, number in sorted(states.items())) or NOTHING


def analyze(stage: Stage, plane: ControlPlane, before: set[Message]) -> str:
    """The codes of what it has to say about all clusters and had not before."""
    codes = Counter(code for code, _ in _messages(stage, plane) - before)
    return ", ".join(f"{number} {code}" for code, number in sorted(codes.items())) or NOTHING_NEW


def _seen(stage: Stage, plane: ControlPlane) -> set[Message]:
    """As :func:`_messages`; nothing where it does not end in time, which is no test's failure."""
    try:
        return _messages(stage, plane)
    except TestbedError:
        return set()


def _messages(stage: Stage, plane: ControlPlane) -> set[Message]:
    remotes = [] if plane is stage.payments else [stage.second]
    said = _istioctl(
        stage,
        plane,
        *("analyze", "--all-namespaces", "--output=json", f"--context={plane.config.name}"),
        *(f"--remote-contexts={cluster.name}" for cluster in (stage.external, *remotes)),
    )
    try:
        messages = json.loads(said) or []
    except ValueError:
        raise TestbedError(f"says: {said.strip()[:LONGEST]}") from None
    return {(each["code"], each.get("origin", "")) for each in messages}


def _istioctl(stage: Stage, plane: ControlPlane, *arguments: str) -> str:
    """What a command of istioctl prints.

    Raises:
        TestbedError: It prints nothing, with the words in which it fails.
    """
    repository = stage.mesh.repository
    try:
        done = run(
            ["istioctl", *arguments, f"--istioNamespace={plane.namespace}"],
            cwd=repository.directory,
            env=repository.environment,
            seconds=SECONDS,
            ok=range(256),
        )
    except TestbedError:
        raise TestbedError(f"does not end within {SECONDS} s") from None
    if not done.stdout:
        lines = [_CLOCK.sub("", line) for line in done.stderr.strip().splitlines() if line]
        raise TestbedError(f"fails: {lines[-1][:LONGEST]}" if lines else NOTHING)
    return done.stdout


def _in_words(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except TestbedError as error:
        return str(error)


def _rows(text: str) -> list[Mapping[str, str]]:
    """The rows of a table by the column in which each word begins; cells may be empty.

    Raises:
        TestbedError: It is no table; with its words.
    """
    lines = text.strip().splitlines()
    # It may have something to say before the table.
    begin = next((i for i, line in enumerate(lines) if line.startswith(FIRST)), None)
    if begin is None:
        raise TestbedError(f"says: {_CLOCK.sub('', lines[-1])[:LONGEST]}" if lines else NOTHING)
    heads, *lines = lines[begin:]
    begins = [(heads.index(head), head) for head in _COLUMNS.split(heads.strip()) if head]
    ends = [*(begin for begin, _ in begins[1:]), None]
    return [
        {head: line[begin:end].strip() for (begin, head), end in zip(begins, ends, strict=True)}
        for line in lines
        if line.strip()
    ]


def _worst(row: Mapping[str, str]) -> str:
    states = {_AGE.sub("", value) for head, value in row.items() if head not in OTHERS}
    return ", ".join(sorted(states - FINE)) or "SYNCED"
