"""How much longer ``validate`` takes than the bare ``kustomize build`` calls that it needs.

Budget (design, section 6): at most 1.3 times. Both are measured in one run on one tree, so that
the machine cancels out. istioctl, kustomize and a render cache are needed, as for the tests.

    EXTCP_BENCH_CLUSTERS=1000 python benchmarks/bench_validate.py
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import run
from typing import TYPE_CHECKING, NamedTuple

from extcp_gitops.generate import Options, create
from extcp_gitops.inventory import author
from extcp_gitops.verify import build
from extcp_gitops.verify.run import validate

if TYPE_CHECKING:
    from collections.abc import Callable

BUDGET = 1.3


class Cost(NamedTuple):
    """Seconds: on the clock, and of CPU in this process and its children."""

    wall: float
    cpu: float


def main() -> int:
    """Measure, print a table, and return 1 when the budget is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    wanted = int(os.environ.get("EXTCP_BENCH_CLUSTERS", "1000"))
    parser.add_argument("--clusters", type=int, default=wanted, help="remote clusters")
    count = parser.parse_args().clusters
    with tempfile.TemporaryDirectory(prefix="bench-validate-") as scratch:
        root = Path(scratch)
        create(root, _inventory(count), Options(say=lambda text: print(text, file=sys.stderr)))
        directories = [f"clusters/{path.name}" for path in sorted((root / "clusters").iterdir())]
        # One half before and one half after, or a load that comes and goes would tilt the ratio.
        first = _measure(lambda: _build_all(root, directories[::2]))
        whole = _measure(lambda: _validate(root))
        second = _measure(lambda: _build_all(root, directories[1::2]))
    bare = Cost(first.wall + second.wall, first.cpu + second.cpu)
    ratio = whole.wall / bare.wall
    print(f"{count} remote clusters, {build.PARALLEL} builds side by side")
    print(f"{'':24}{'wall':>10}{'CPU':>10}")
    for name, cost in (("bare kustomize build", bare), ("validate", whole)):
        print(f"{name:24}{cost.wall:>9.1f}s{cost.cpu:>9.1f}s")
    print(f"{'ratio':24}{ratio:>10.2f}{whole.cpu / bare.cpu:>10.2f}   budget {BUDGET}")
    return int(ratio > BUDGET)


def _inventory(count: int) -> dict[str, bytes]:
    remotes = tuple(
        author.NewCluster(f"remote-cluster-{number}", network=f"network{number % 3}")
        for number in range(1, count + 1)
    )
    mesh = author.NewMesh(
        mesh_id="mesh1",
        istio_version="1.29.1",
        url="https://git.example.com/platform/mesh.git",
        address="istiod.example.com",
        remotes=remotes,
        tls_secret="istiod-tls",  # noqa: S106 - the name of a Secret
    )
    return dict(author.new_mesh(mesh))


def _build_all(root: Path, directories: list[str]) -> None:
    kustomize = build.find()

    def one(directory: str) -> int:
        command = [*kustomize.command, directory]
        return len(run(command, cwd=root, check=True, capture_output=True).stdout)

    with ThreadPoolExecutor(build.PARALLEL) as pool:
        assert all(pool.map(one, directories))  # noqa: S101 - each printed something


def _validate(root: Path) -> None:
    report = validate(root, Options())
    wrong = [finding for finding in report.findings if finding.severity == "error"]
    if wrong or report.unknown:
        raise SystemExit(f"the tree is not valid: {[*wrong, *report.unknown][0]}")


def _measure(work: Callable[[], None]) -> Cost:
    wall, cpu = time.perf_counter(), _cpu()
    work()
    return Cost(time.perf_counter() - wall, _cpu() - cpu)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


if __name__ == "__main__":
    sys.exit(main())
