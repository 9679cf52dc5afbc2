"""A process that is the bot: one full check of a simulated mesh, as ``extcp-bot check`` does it.

    python -m benchmarks.simulated.look DIRECTORY

It prints its figures as one JSON object. Not the command itself, because the names of simulated
clusters are in no DNS.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.simulated.mesh import KUBECONFIG, PLAN, REPOSITORY
from extcp_bot.access.resolve import Choice
from extcp_bot.checks import all_checks
from extcp_bot.checks.model import State
from extcp_bot.commands.looking import raise_limit_of_files
from extcp_bot.passes import Pass, Plan
from extcp_bot.report import render

if TYPE_CHECKING:
    from extcp_bot.result import Report

_ADDRESS = "istiod.example.com"
_GATEWAY_PORTS = (15012, 15017)


def main() -> None:
    """Look, and print the figures."""
    directory = Path(sys.argv[1])
    os.environ["KUBECONFIG"] = str(directory / KUBECONFIG)
    raise_limit_of_files()
    print(json.dumps(asyncio.run(_look(directory))))


async def _look(directory: Path) -> dict[str, Any]:
    """One look; the figures alone leave the loop, for Python 3.11 would write its result out."""
    place = tuple(json.loads((directory / PLAN).read_text())["gateway"])
    plan = Plan(
        directory / REPOSITORY,
        Choice(),
        tuple(all_checks().values()),
        connect_to={(_ADDRESS, port): place for port in _GATEWAY_PORTS},
    )
    began = time.perf_counter()
    one = await Pass.begin(plan)
    one.fleet.lookup = _lookup
    await one.carry_out()
    text = render("text", one.report, one.inventory)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": time.perf_counter() - began,
        "cpu": used.ru_utime + used.ru_stime,
        "megabytes": used.ru_maxrss / 1024,
        **_said(one.report),
        "lines": len(text.splitlines()),
    }


def _said(report: Report) -> dict[str, Any]:
    bad = next((each for each in report.sorted() if each.state is not State.HEALTHY), None)
    return {
        "first": f"{bad.code} {bad.cluster}: {bad.looked_at}: {bad.found}" if bad else "",
        "results": len(report.results),
        **{state.value: count for state, count in report.counts().items()},
        "exit": int(report.exit_code),
    }


async def _lookup(host: str) -> tuple[str, ...]:
    """What DNS would say: of the clusters' servers, and of the control plane's load balancer."""
    if host == "127.0.0.1" or host.endswith(".clusters.test"):
        return ("127.0.0.1",)
    if host == _ADDRESS:
        return ("192.0.2.10",)
    raise socket.gaierror(socket.EAI_NONAME, host)


if __name__ == "__main__":
    main()
