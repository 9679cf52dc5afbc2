"""A process that asks what the bot asks, and makes nothing of it: bare requests with aiohttp.

    python -m benchmarks.simulated.bare DIRECTORY

As many requests to each cluster, over as many connections to a cluster and to as many clusters at
once as the bot, by the same library. It prints its figures as one JSON object.
"""

from __future__ import annotations

import asyncio
import base64
import json
import resource
import ssl
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from benchmarks.simulated.mesh import KUBECONFIG, PLAN
from extcp_bot import run
from extcp_bot.commands.looking import raise_limit_of_files
from extcp_bot.kube.transport import Limits


def main() -> None:
    """Ask, and print the figures."""
    raise_limit_of_files()
    directory = Path(sys.argv[1])
    plan = json.loads((directory / PLAN).read_text())
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load((directory / KUBECONFIG).read_text(), loader)  # noqa: S506 - a safe one
    clusters = {each["name"]: each["cluster"] for each in document["clusters"]}
    began = time.perf_counter()
    count = asyncio.run(_ask(plan, [clusters[name] for name in plan["clusters"]]))
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "seconds": time.perf_counter() - began,
        "cpu": used.ru_utime + used.ru_stime,
        "megabytes": used.ru_maxrss / 1024,
        "requests": count,
    }
    print(json.dumps(figures))


async def _ask(plan: dict[str, Any], clusters: list[dict[str, str]]) -> int:
    slots = asyncio.Semaphore(run.WORKERS)

    async def one(cluster: dict[str, str]) -> int:
        async with slots:
            return await _cluster(plan, cluster)

    return sum(await asyncio.gather(*map(one, clusters)))


async def _cluster(plan: dict[str, Any], cluster: dict[str, str]) -> int:
    ca = base64.b64decode(cluster["certificate-authority-data"]).decode()
    connector = aiohttp.TCPConnector(
        limit=Limits().connections, ssl=ssl.create_default_context(cadata=ca)
    )
    async with aiohttp.ClientSession(connector=connector) as session:

        async def request(asked: str) -> bool:
            method, _, path = asked.partition(" ")
            body = plan["bodies"].get(asked)
            async with session.request(method, cluster["server"] + path, data=body) as answer:
                return bool(await answer.read())

        return sum(await asyncio.gather(*map(request, plan["requests"])))


if __name__ == "__main__":
    main()
