"""The builder of the real parts, run as people run it, on a Go module without dependencies."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

PARTS = Path(__file__).with_name("parts")
RECIPES = """
[groups]
all = ["hello"]

[hello]
kind = "go"
version = "1.2.3"
takes = "no time"
package = "example.invalid/hello"
ldflags = ["-X main.version={version}"]
"""
HELLO = 'package main\n\nvar version = "none"\n\nfunc main() { print("hello ", version) }\n'
# The builder holds the lock of a part for as long as the compiler is kept waiting.
SLOW_GO = """#!/bin/sh
if [ "$1" = build ]; then
    echo $$ > "$GATE/started"
    while [ ! -e "$GATE/open" ]; do sleep 0.02; done
fi
exec "$REAL_GO" "$@"
"""


class Bench:
    """A recipe file, its one module, and an empty cache."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self.recipes = root / "recipes" / "parts.toml"
        self.module = root / "recipes" / "hello"
        self.cache = root / "cache"
        self.links = root / "links"
        self.environment = os.environ | environment | {"EXTCP_CACHE_DIR": str(self.cache)}
        self.module.mkdir(parents=True)
        self.recipes.write_text(RECIPES)
        (self.module / "go.mod").write_text("module example.invalid/hello\n\ngo 1.26\n")
        (self.module / "main.go").write_text(HELLO)

    def command(self, *names: str) -> list[str]:
        places = ["--recipes", str(self.recipes), "--into", str(self.links)]
        return [sys.executable, str(PARTS / "build.py"), *places, *names]

    def build(self, *names: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*names),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command("hello"), env=self.environment, stderr=subprocess.PIPE, text=True
        )

    def hold_compiler(self) -> Path:
        """Make compilations wait until the file ``open`` is in the directory given back."""
        gate = self.cache.parent / "gate"
        gate.mkdir()
        fake = gate / "bin" / "go"
        fake.parent.mkdir()
        fake.write_text(SLOW_GO)
        fake.chmod(0o755)
        real = subprocess.run(["which", "go"], capture_output=True, text=True, check=True)
        self.environment["REAL_GO"] = real.stdout.strip()
        self.environment["GATE"] = str(gate)
        self.environment["PATH"] = f"{fake.parent}:{self.environment['PATH']}"
        return gate

    def shelf(self) -> set[str]:
        """What the cache holds of the part, hashes written as ``#``."""
        names = (path.name for path in (self.cache / "parts" / "hello").iterdir())
        return {re.sub("[0-9a-f]{16}", "#", name) for name in names}

    def files_of_part(self) -> list[Path]:
        return [path for path in (self.links / "hello").glob("**/*") if path.is_file()]

    def say_hello(self) -> str:
        run = subprocess.run(
            [self.links / "hello"], capture_output=True, text=True, timeout=10, check=True
        )
        return run.stderr


@pytest.fixture(scope="session")
def compiled() -> str:
    """The machine's own store of compiled packages, else each test compiles Go's runtime first."""
    asked = subprocess.run(["go", "env", "GOCACHE"], capture_output=True, text=True, check=True)
    return asked.stdout.strip()


@pytest.fixture
def bench(compiled: str, home: Path, tmp_path: Path) -> Bench:
    return Bench(tmp_path, {"GOCACHE": compiled, "HOME": str(home)})


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + 60
    while not path.exists() or not path.read_text():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.02)
    return path.read_text()


def test_builds_once_and_links(bench: Bench) -> None:
    first = bench.build("hello")
    assert (first.returncode, first.stdout) == (0, f"{bench.links}\n")
    assert "hello 1.2.3: making it" in first.stderr
    assert bench.say_hello() == "hello 1.2.3"
    assert bench.shelf() == {"lock", "#", "#.log"}

    again = bench.build("all", "hello")
    assert again.stderr == "hello 1.2.3: found in the cache\n"
    assert bench.say_hello() == "hello 1.2.3"


def test_the_links_go_into_the_cache_unless_told_otherwise(bench: Bench) -> None:
    command = [word for word in bench.command("hello") if word not in {"--into", str(bench.links)}]
    done = subprocess.run(
        command, env=bench.environment, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == f"{bench.cache / 'bin'}\n"
    assert (bench.cache / "bin" / "hello").exists()


@pytest.mark.parametrize(
    ("file", "old", "new", "making"),
    [
        ("hello/go.mod", "go 1.26", "go 1.26.0", True),
        ("parts.toml", '"1.2.3"', '"1.2.4"', True),
        ("parts.toml", "main.version", "main.another", True),
        ("parts.toml", "no time", "ages", False),
    ],
)
def test_builds_again_when_and_only_when_an_input_changed(
    bench: Bench, file: str, old: str, new: str, making: bool
) -> None:
    bench.build("hello")
    changed = bench.recipes.parent / file
    changed.write_text(changed.read_text().replace(old, new))
    assert ("making it" in bench.build("hello").stderr) is making


def test_a_failing_build_shows_its_log_and_leaves_nothing_else(bench: Bench) -> None:
    (bench.module / "main.go").write_text("package main\n\nfunc main() { missing() }\n")
    failed = bench.build("hello")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "undefined: missing" in failed.stderr
    assert "Traceback" not in failed.stderr
    (log,) = (bench.cache / "parts" / "hello").glob("*.log")
    assert f"The whole log: {log}" in failed.stderr
    assert "undefined: missing" in log.read_text()
    assert bench.shelf() == {"lock", "#.log"}
    assert not bench.links.exists()

    (bench.module / "main.go").write_text(HELLO)
    assert bench.build("hello").returncode == 0


def test_a_dependency_without_a_checksum_is_refused_whatever_goflags_say(bench: Bench) -> None:
    bench.environment["GOFLAGS"] = "-mod=mod"
    pins = bench.module / "go.mod"
    pins.write_text(pins.read_text() + "\nrequire example.invalid/other v1.0.0\n")
    before = pins.read_text()
    (bench.module / "main.go").write_text(
        'package main\n\nimport "example.invalid/other"\n\nfunc main() { other.Do() }\n'
    )
    failed = bench.build("hello")
    assert failed.returncode == 1
    assert "missing go.sum entry" in failed.stderr
    assert pins.read_text() == before


def test_two_runs_build_once(bench: Bench) -> None:
    gate = bench.hold_compiler()
    first = bench.start()
    wait_for(gate / "started")
    second = bench.start()
    assert second.stderr is not None
    assert "another run is making it, waiting" in second.stderr.readline()
    (gate / "open").touch()
    assert "making it (go)" in first.communicate(timeout=120)[1]
    assert second.communicate(timeout=120)[1] == "hello 1.2.3: found in the cache\n"
    assert (first.returncode, second.returncode) == (0, 0)
    assert bench.say_hello() == "hello 1.2.3"


def wait_until_ended(process: int) -> None:
    """A killed process stays a zombie until its new parent, init, has taken note."""
    deadline = time.monotonic() + 30
    status = Path(f"/proc/{process}/stat")
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        while status.read_text().rpartition(")")[2].split()[0] != "Z":
            assert time.monotonic() < deadline, "it still runs"
            time.sleep(0.05)


def test_an_interrupted_run_takes_its_compiler_and_leftovers_with_it(bench: Bench) -> None:
    gate = bench.hold_compiler()
    run = bench.start()
    compiler = int(wait_for(gate / "started"))
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)
    assert run.returncode == 130
    wait_until_ended(compiler)
    assert bench.shelf() == {"lock", "#.log"}


def test_what_a_killed_run_left_is_cleared_away(bench: Bench) -> None:
    left = bench.cache / "parts" / "hello" / "making-dead" / "file"
    left.parent.mkdir(parents=True)
    left.write_text("half")
    assert bench.build("hello").returncode == 0
    assert bench.shelf() == {"lock", "#", "#.log"}


def test_a_persons_file_is_not_replaced_by_a_link(bench: Bench) -> None:
    bench.links.mkdir()
    (bench.links / "hello").write_text("mine")
    failed = bench.build("hello")
    assert failed.returncode == 1
    assert f"{bench.links / 'hello'} is in the way" in failed.stderr
    assert (bench.links / "hello").read_text() == "mine"


def test_an_unknown_part_is_a_usage_error_that_names_the_known_ones(bench: Bench) -> None:
    failed = bench.build("helo")
    assert failed.returncode == 2
    assert "no part or group helo; there are all, hello" in failed.stderr


def test_without_go_it_says_so(bench: Bench) -> None:
    bench.environment["PATH"] = str(bench.recipes.parent)
    failed = bench.build("hello")
    assert failed.returncode == 1
    assert "the parts need a Go toolchain on PATH" in failed.stderr


def test_copies_files_of_a_module(bench: Bench, tmp_path: Path) -> None:
    release = tmp_path / "proxy" / "example.invalid" / "other" / "@v"
    release.mkdir(parents=True)
    (release / "list").write_text("v1.0.0\n")
    (release / "v1.0.0.info").write_text('{"Version": "v1.0.0"}')
    (release / "v1.0.0.mod").write_text("module example.invalid/other\n")
    with zipfile.ZipFile(release / "v1.0.0.zip", "w") as archive:
        for name in ("go.mod", "data/a.yaml", "data/deep/b.yaml", "data/c.txt"):
            text = "module example.invalid/other\n" if name == "go.mod" else name
            archive.writestr(f"example.invalid/other@v1.0.0/{name}", text)
    bench.environment |= {"GOPROXY": f"file://{tmp_path}/proxy", "GONOSUMDB": "*"}
    bench.environment |= {"GOFLAGS": "-modcacherw", "GOMODCACHE": str(tmp_path / "modules")}
    (bench.module / "go.mod").write_text(
        "module example.invalid/hello\n\ngo 1.26\n\nrequire example.invalid/other v1.0.0\n"
    )
    bench.recipes.write_text(
        '[hello]\nkind = "module"\nversion = "1.0.0"\nmodule = "example.invalid/other"\n'
        'root = "data"\nfiles = ["**/*.yaml"]\n'
    )
    assert bench.build("hello").returncode == 0
    copied = {str(path.relative_to(bench.links / "hello")) for path in bench.files_of_part()}
    assert copied == {"a.yaml", "deep/b.yaml"}

    bench.recipes.write_text(bench.recipes.read_text().replace("**/*.yaml", "*.json"))
    failed = bench.build("hello")
    assert failed.returncode == 1
    assert "example.invalid/other has no *.json in data" in failed.stderr


def test_takes_a_program_out_of_a_wheel_that_has_the_pinned_hash(
    bench: Bench, tmp_path: Path
) -> None:
    info = "other-1.0.0.dist-info"
    contents = {
        "other/program": "#!/bin/sh\necho hello from a wheel >&2\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: other\nVersion: 1.0.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": f"other/program,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
    }
    wheel = tmp_path / "other-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in contents.items():
            archive.writestr(name, text)
    bench.environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    bench.recipes.write_text('[hello]\nkind = "wheel"\nversion = "1.0.0"\nfile = "other/program"\n')
    pins = bench.module / "requirements.txt"
    pins.write_text(f"other==1.0.0 --hash=sha256:{'0' * 64}\n")
    refused = bench.build("hello")
    assert refused.returncode == 1
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in refused.stderr

    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    pins.write_text(f"other==1.0.0 --hash=sha256:{digest}\n")
    assert bench.build("hello").returncode == 0
    assert bench.say_hello() == "hello from a wheel\n"


def real_parts() -> dict[str, dict[str, Any]]:
    tables = tomllib.loads((PARTS / "parts.toml").read_text())
    return {name: table for name, table in tables.items() if name != "groups"}


def go_mod(home: Path) -> str:
    return (home / "go.mod").read_text()


def pinned_modules(home: Path) -> dict[str, str]:
    return dict(re.findall(r"^(?:require |\t)(\S+) (v\S+)", go_mod(home), re.MULTILINE))


def asks_for(recipe: dict[str, Any]) -> str:
    return str(recipe.get("module") or recipe["package"])


def test_groups_name_parts() -> None:
    groups = tomllib.loads((PARTS / "parts.toml").read_text())["groups"]
    assert {name for group in groups.values() for name in group} <= set(real_parts())


@pytest.mark.parametrize("name", sorted(real_parts()))
def test_each_part_is_pinned_in_the_version_its_recipe_names(name: str) -> None:
    recipe = real_parts()[name]
    if recipe["kind"] == "system":
        assert set(recipe) == {"kind", "programs", "package"}
        return
    home = PARTS / recipe.get("pinned-by", name)
    if recipe["kind"] == "wheel":
        assert f"=={recipe['version']} " in (home / "requirements.txt").read_text()
        return
    modules = pinned_modules(home)
    module = max((name for name in modules if asks_for(recipe).startswith(name)), key=len)
    # A release of Istio is named by the commit of its tag, which has no v; see README.md.
    if module != "istio.io/istio":
        assert modules[module] == f"v{recipe['version'].removeprefix('v')}"
    assert f"{module} {modules[module]} h1:" in (home / "go.sum").read_text()
    if recipe.get("package") == ".":
        assert f'"{module}/' in (home / "main.go").read_text()
    elif recipe["kind"] == "go":
        assert recipe["package"] in re.findall(r"^(?:tool |\t)(\S+)$", go_mod(home), re.MULTILINE)
