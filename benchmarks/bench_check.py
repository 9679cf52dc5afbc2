"""The bot's budgets (design, section 6): a full check of 1,000 simulated clusters.

Real HTTPS servers on loopback, each cluster with a port and a CA of its own, a whole healthy mesh
behind them, and 50 ms for each round trip; they run in processes of their own, and so does the bot,
with its 64 workers.

* All alive: at most 15 s.
* One in ten takes a second for each answer: no budget of its own; below that of the dead.
* All but the external and the config cluster dead, and all dead, half of them refusing
  connections, half of them silent: at most 60 s.
* Memory of the bot's process: below 300 MB in each case.

As ratios within the run: to as many bare requests with aiohttp, at the same concurrency, and to a
shell's loop of ``kubectl`` calls, run for some clusters and scaled. Seconds are of a machine that
has nothing else to do; the servers take about as much of it as the bot.

    python benchmarks/bench_check.py --clusters 1000
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
ALIVE_SECONDS = 15.0
DEAD_SECONDS = 60.0
MEGABYTES = 300.0
_READY_SECONDS = 300
_RUN_SECONDS = 900


class Case(NamedTuple):
    """One state of the mesh.

    Attributes:
        mode: As ``benchmarks.simulated.mesh`` calls it.
        seconds: The budget.
        words: For people.
        is_healthy: Whether a check has to find nothing, however long it takes.
    """

    mode: str
    seconds: float
    words: str
    is_healthy: bool = False


CASES = (
    Case("alive", ALIVE_SECONDS, "all alive", is_healthy=True),
    Case("slow", DEAD_SECONDS, "a tenth slow", is_healthy=True),
    Case("cut-off", DEAD_SECONDS, "remotes dead"),
    Case("dead", DEAD_SECONDS, "all dead"),
)


def main() -> int:
    """Measure, print a table, and return 1 when a budget is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clusters", type=int, default=1000, help="remote clusters")
    parser.add_argument("--kubectl", type=int, default=20, help="of them for kubectl; 0 for none")
    parser.add_argument("--only", choices=[each.mode for each in CASES], help="one case alone")
    options = parser.parse_args()
    is_over = False
    print(f"{options.clusters} remote clusters, 50 ms a round trip, load {os.getloadavg()[0]:.1f}")
    print(f"{'':14}{'wall':>9}{'CPU':>9}{'memory':>9}  results")
    for case in CASES:
        if options.only in (None, case.mode):
            with _mesh(options.clusters, case.mode) as directory:
                looked = _figures("look", directory)
                is_over |= _report(case, looked)
                if case.is_healthy:
                    is_over |= not _all_healthy(looked)
                if case.mode == "alive":
                    _compare(directory, looked, options)
    return int(is_over)


@contextlib.contextmanager
def _mesh(count: int, mode: str) -> Iterator[Path]:
    """A directory that leads to a mesh, which lives as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="bench-check-") as scratch:
        arguments = ("--clusters", str(count), "--mode", mode, "--into", scratch)
        command = [sys.executable, "-m", "benchmarks.simulated.mesh", *arguments]
        with subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin  # noqa: S101 - for the types alone
            assert process.stdout  # noqa: S101
            try:
                if process.stdout.readline() != "ready\n":
                    raise SystemExit("the simulated mesh does not start")
                yield Path(scratch)
            finally:
                process.stdin.close()  # at its end the mesh ends, too
                process.wait(_READY_SECONDS)


def _figures(what: str, directory: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.simulated.{what}", directory],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=_RUN_SECONDS,
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _report(case: Case, looked: dict[str, Any]) -> bool:
    """Print a line; whether a budget is exceeded."""
    over = [
        words
        for words, is_over in (
            (f"more than {case.seconds:.0f} s", looked["seconds"] > case.seconds),
            (f"more than {MEGABYTES:.0f} MB", looked["megabytes"] > MEGABYTES),
        )
        if is_over
    ]
    states = ("healthy", "unhealthy", "unknown")
    said = ", ".join(f"{looked[state]:,} {state}" for state in states if looked.get(state))
    verdict = f"   EXCEEDED: {', '.join(over)}" if over else ""
    print(f"{_line(case.words, looked)}  {said}{verdict}", flush=True)
    return bool(over)


def _all_healthy(looked: dict[str, Any]) -> bool:
    if looked["healthy"] == looked["results"]:
        return True
    print(f"NOT HEALTHY, although the mesh is: {looked['first']}")
    return False


def _line(words: str, figures: dict[str, Any]) -> str:
    return (
        f"{words:14}{figures['seconds']:>8.1f}s{figures['cpu']:>8.1f}s"
        f"{figures['megabytes']:>6.0f} MB"
    )


def _compare(directory: Path, looked: dict[str, Any], options: argparse.Namespace) -> None:
    bare = _figures("bare", directory)
    print(f"{_line('bare requests', bare)}  {bare['requests']:,} requests")
    if options.kubectl:
        kubectl = _kubectl(directory, options.kubectl) * options.clusters
        print(f"{'kubectl':14}{kubectl:>8.0f}s  one after the other, scaled from a few clusters")
        print(f"{'check / kubectl':24}{looked['seconds'] / kubectl:>8.4f}")
    print(f"{'check / bare requests':24}{looked['seconds'] / bare['seconds']:>8.2f}")


def _kubectl(directory: Path, count: int) -> float:
    """Seconds for one cluster, as a shell's loop over the first clusters takes them."""
    plan = json.loads((directory / "plan.json").read_text())
    lines = ["set -e"]
    for cluster in plan["clusters"][:count]:
        for request in plan["requests"]:
            method, _, path = request.partition(" ")
            verb = "get" if method == "GET" else "create --filename=-"
            said = shlex.quote(plan["bodies"].get(request, ""))
            lines.append(
                f"printf %s {said} | kubectl --context {cluster} {verb} --raw {shlex.quote(path)}"
                f"{' || true' if request in plan['missing'] else ''}"
            )
    script = directory / "loop.sh"
    script.write_text("\n".join(lines))
    environment = {**os.environ, "KUBECONFIG": str(directory / "few")}
    _few(directory, plan["clusters"][:count])
    begun = time.perf_counter()
    subprocess.run(
        ["bash", script],
        check=True,
        stdout=subprocess.DEVNULL,
        env=environment,
        timeout=_RUN_SECONDS,
    )
    return (time.perf_counter() - begun) / len(plan["clusters"][:count])


def _few(directory: Path, clusters: list[str]) -> None:
    """A kubeconfig of these clusters alone; each call would read that of a thousand."""
    import yaml  # noqa: PLC0415 - for this alone

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load((directory / "kubeconfig").read_text(), loader)  # noqa: S506 - a safe one
    kept = {
        kind: [each for each in document[kind] if each["name"] in clusters]
        for kind in ("clusters", "users", "contexts")
    }
    (directory / "few").write_text(yaml.safe_dump(kept))


if __name__ == "__main__":
    sys.exit(main())
