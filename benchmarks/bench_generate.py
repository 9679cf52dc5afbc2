"""The generator's budgets (design, section 6), each a ratio taken in one run.

* ``extcp-gitops --help`` against ``python -c "import click"``: at most 1.5.
* ``init`` of N clusters, renders cached, against hashing and copying the same tree with
  ``git add`` and ``git commit``: what the machine needs to take the files in at all. N = 1,000 has
  a budget of 5 s and 200 MB, too, printed for a machine that has nothing else to do.
* 2 N against N clusters: below 2.2, so the time is linear.
* A second run writes nothing; N = 1,000 has a budget of 2 s.

    python benchmarks/bench_generate.py --clusters 1000
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

HELP_BUDGET = 1.5
LINEAR_BUDGET = 2.2
NO_OP_SECONDS = 2.0
INIT_SECONDS = 5.0
INIT_MEGABYTES = 200

_MAKE = """
import resource, sys, time
from pathlib import Path
from extcp_gitops.generate import Options, create, generate
from extcp_gitops.inventory.author import NewCluster, NewMesh, new_mesh
root, count, what = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
begun = time.perf_counter()
if what == "init":
    remotes = tuple(NewCluster(f"remote-cluster-{n + 1}") for n in range(count))
    mesh = NewMesh(mesh_id="mesh1", istio_version="1.29.1", address="istiod.example.com",
                   url="https://git.example.com/platform/mesh.git", remotes=remotes,
                   tls_secret="istiod-tls")
    create(root, new_mesh(mesh), Options())
else:
    assert not generate(root, Options()).changes
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(time.perf_counter() - begun, peak)
"""


class Cost(NamedTuple):
    """Seconds on the clock, and megabytes at the peak."""

    seconds: float
    megabytes: float = 0.0


def main() -> int:
    """Measure, print a table, and return 1 when a budget is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clusters", type=int, default=1000, help="remote clusters (N)")
    parser.add_argument("--runs", type=int, default=3, help="the quickest of so many counts")
    options = parser.parse_args()
    count, runs = options.clusters, options.runs
    with tempfile.TemporaryDirectory(prefix="bench-generate-") as scratch:
        place = Path(scratch)
        _made(place / "warm", 2, "init")  # what istioctl renders is in the cache from here on
        bare = _best(runs * 3, lambda: _run("-c", "import click"))
        shown = _best(runs * 3, lambda: _run("-m", "extcp_gitops", "--help"))
        single = [_made(place / f"a{n}", count, "init") for n in range(runs)]
        double = [_made(place / f"b{n}", 2 * count, "init") for n in range(runs)]
        again = [_made(place / "a0", count, "generate") for _ in range(runs)]
        taken_in = _taken_in(place / "a0")
    first, twice, no_op = min(single), min(double), min(again)
    rows = [
        ("--help / import click", shown.seconds / bare.seconds, HELP_BUDGET),
        (f"init {2 * count} / init {count}", twice.seconds / first.seconds, LINEAR_BUDGET),
        (f"no-op {count} / 2 s", no_op.seconds / NO_OP_SECONDS, 1.0),
        (f"init {count} / 5 s", first.seconds / INIT_SECONDS, 1.0),
        (f"init {count} / 200 MB", first.megabytes / INIT_MEGABYTES, 1.0),
    ]
    print(f"import click {bare.seconds:.3f} s, --help {shown.seconds:.3f} s")
    print(f"init {count}: {first.seconds:.2f} s, {first.megabytes:.0f} MB")
    print(f"no-op: {no_op.seconds:.2f} s")
    print(f"git add and commit of that tree: {taken_in.seconds:.2f} s")
    for name, ratio, budget in rows:
        verdict = "" if ratio <= budget else "   EXCEEDED"
        print(f"{name:32}{ratio:>8.2f}   budget {budget:.2f}{verdict}")
    print(f"{f'no-op {count} / init {count}':32}{no_op.seconds / first.seconds:>8.2f}")
    print(f"{'init / git add and commit':32}{first.seconds / taken_in.seconds:>8.2f}")
    return int(any(ratio > budget for _, ratio, budget in rows))


def _best(runs: int, measure: Callable[[], Cost]) -> Cost:
    return min(measure() for _ in range(runs))


def _run(*arguments: str) -> Cost:
    begun = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, timeout=60)
    return Cost(time.perf_counter() - begun)


def _made(root: Path, count: int, what: str) -> Cost:
    done = subprocess.run(
        [sys.executable, "-c", _MAKE, root, str(count), what],
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    )
    seconds, megabytes = map(float, done.stdout.split())
    return Cost(seconds, megabytes)


def _taken_in(root: Path) -> Cost:
    person = {"NAME": "Bench", "EMAIL": "bench@example.com"}
    names = {
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in person.items()
    }
    environment = {**os.environ, **names, "GIT_CONFIG_GLOBAL": os.devnull}
    begun = time.perf_counter()
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "bench"]):
        subprocess.run(["git", *arguments], check=True, cwd=root, env=environment, timeout=300)
    return Cost(time.perf_counter() - begun)


if __name__ == "__main__":
    sys.exit(main())
