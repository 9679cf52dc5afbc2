"""Every test runs hermetically: no home, no Git configuration, no clusters, a fixed author.

Real parts (istioctl, kustomize) are found by environment variables that ``make test`` sets; a
test that needs one fails without it, so that no run passes by leaving something out.
"""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import hypothesis
import pytest

# Hypothesis would fail a slow example; a busy machine is no defect. In continuous integration the
# examples are the same each time, so that a change fails for what it changed; elsewhere they are
# new ones, which is how the laws are searched.
hypothesis.settings.register_profile("extcp", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("extcp")

# A shell starts what runs in the background with Ctrl-C ignored, and every child inherits that;
# the tests that interrupt would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

PARTS_BIN = "EXTCP_PARTS_BIN"
_PARTS = (
    PARTS_BIN,
    "EXTCP_ISTIOCTL_",
    "EXTCP_KUSTOMIZE",
    "EXTCP_CHROMIUM",
    "EXTCP_ARGOCD_",
    "EXTCP_TEST_",
)
_SURROUNDINGS = ("GIT_", "EXTCP_", "XDG_", "ISTIO", "KUBE", "ARGOCD_", "SSH_", "GITHUB_", "GITLAB_")
_NAMES = ("EMAIL", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "ftp_proxy")
_INSTANT = "2026-01-02T03:04:05+00:00"


@pytest.fixture(scope="session")
def render_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Share rendered manifests among all tests, and across runs where EXTCP_TEST_CACHE is set."""
    chosen = os.environ.get("EXTCP_TEST_CACHE")
    if chosen:
        directory = Path(chosen).resolve()
        directory.mkdir(parents=True, exist_ok=True)
        return directory
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # the workers' directories have one parent
        base = base.parent
    directory = base / "render-cache"
    directory.mkdir(exist_ok=True)
    return directory


@pytest.fixture(scope="session")
def _no_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that cannot even be made: its parent is a file, so that touching it is an error."""
    file = tmp_path_factory.mktemp("hermetic") / "this-test-chose-no-home"
    file.touch()
    return file / "home"


@pytest.fixture(autouse=True)
def _hermetic(monkeypatch: pytest.MonkeyPatch, _no_home: Path, render_cache: Path) -> None:
    """Hide the machine's own settings from the code under test and from its children."""
    for name in os.environ:
        if name.startswith(_PARTS):
            continue
        if name.startswith(_SURROUNDINGS) or name in _NAMES or name.lower() in _PROXIES:
            monkeypatch.delenv(name)
    settings = {
        "HOME": str(_no_home),
        "EXTCP_CACHE_DIR": str(render_cache),
        "KUBECONFIG": os.devnull,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_TEMPLATE_DIR": "",
        "GIT_ALLOW_PROTOCOL": "file",
        "GIT_TERMINAL_PROMPT": "0",
    }
    for person in ("AUTHOR", "COMMITTER"):
        settings[f"GIT_{person}_NAME"] = "Test Operator"
        settings[f"GIT_{person}_EMAIL"] = "operator@example.com"
        settings[f"GIT_{person}_DATE"] = _INSTANT
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, for what really belongs there."""
    directory = tmp_path / "home"
    directory.mkdir()
    monkeypatch.setenv("HOME", str(directory))
    return directory


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, with nothing in it."""
    directory = tmp_path / "cache"
    monkeypatch.setenv("EXTCP_CACHE_DIR", str(directory))
    return directory


def _part(name: str, variable: str) -> Path | None:
    """Where the environment says that a real part is; None where it says nothing."""
    if named := os.environ.get(variable):
        return Path(named)
    if directory := os.environ.get(PARTS_BIN):
        return Path(directory) / name
    return None


def _require(path: Path | None, name: str, variable: str) -> Path:
    if path is not None and path.is_file() and os.access(path, os.X_OK):
        return path.absolute()
    where = "no variable names it" if path is None else f"{path} is no program"
    pytest.fail(
        f"this test runs the real {name}, and {where}: run 'make test', "
        f"or set {variable} or {PARTS_BIN}",
        pytrace=False,
    )


@pytest.fixture(scope="session")
def istioctl_path() -> Path:
    """The real istioctl 1.29.1."""
    name, variable = "istioctl-1.29.1", "EXTCP_ISTIOCTL_1_29_1"
    return _require(_part(name, variable), name, variable)


@pytest.fixture(scope="session")
def istioctl_other() -> Path:
    """The real istioctl of a second release, 1.28.3."""
    name, variable = "istioctl-1.28.3", "EXTCP_ISTIOCTL_1_28_3"
    return _require(_part(name, variable), name, variable)


@pytest.fixture(scope="session")
def kustomize() -> Path:
    """The real kustomize; one on PATH will do."""
    name, variable = "kustomize", "EXTCP_KUSTOMIZE"
    path = _part(name, variable)
    if path is None and (found := shutil.which(name)):
        path = Path(found)
    return _require(path, name, variable)


@pytest.fixture
def kustomize_on_path(kustomize: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put kustomize on PATH."""
    from tests import repositories  # noqa: PLC0415 - tests of the lazy imports come first

    monkeypatch.setenv("PATH", repositories.search_path(tmp_path / "bin", kustomize=kustomize))


@pytest.fixture(scope="session")
def chromium() -> Path:
    """A real headless Chromium, or Chrome."""
    name, variable = "chromium", "EXTCP_CHROMIUM"
    return _require(_part(name, variable), name, variable)


# All tests share the meshes that follow: one that changes something changes a copy.


@pytest.fixture(scope="session")
def generated_mesh(
    tmp_path_factory: pytest.TempPathFactory, istioctl_path: Path, render_cache: Path
) -> Path:
    """The mesh of ``meshes.mesh()``, generated and not in Git."""
    from tests import meshes, repositories  # noqa: PLC0415 - tests of the lazy imports come first

    root = tmp_path_factory.mktemp("generated-mesh")
    return repositories.create(root, meshes.mesh(), istioctl_path, render_cache)


@pytest.fixture(scope="session")
def committed_mesh(tmp_path_factory: pytest.TempPathFactory, generated_mesh: Path) -> Path:
    """The same mesh, committed."""
    from tests import repositories  # noqa: PLC0415 - tests of the lazy imports come first

    root = shutil.copytree(generated_mesh, tmp_path_factory.mktemp("committed-mesh") / "root")
    repositories.commit(root)
    return root


@pytest.fixture(scope="session")
def host_name_mesh(
    tmp_path_factory: pytest.TempPathFactory, istioctl_path: Path, render_cache: Path
) -> Path:
    """The mesh of ``repositories.host_name()``, generated and not in Git."""
    from tests import repositories  # noqa: PLC0415 - tests of the lazy imports come first

    root = tmp_path_factory.mktemp("host-name-mesh")
    return repositories.create(root, repositories.host_name(), istioctl_path, render_cache)


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--update-goldens``: take what is generated now for what is expected."""
    parser.addoption("--update-goldens", action="store_true", help="rewrite tests/golden")


class Command:
    """Runs ``extcp-gitops`` in this process and keeps what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = ""
        self.err = ""

    def __call__(self, *arguments: str | Path) -> int:
        """The exit code; ``out`` and ``err`` hold what was printed."""
        from extcp_gitops.cli import run  # noqa: PLC0415 - tests of the lazy imports come first

        self._capsys.readouterr()
        status = run([str(argument) for argument in arguments])
        self.out, self.err = self._capsys.readouterr()
        return status


@pytest.fixture
def extcp(
    capsys: pytest.CaptureFixture[str], istioctl_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """The command, with istioctl 1.29.1 where it looks for one."""
    monkeypatch.setenv("EXTCP_ISTIOCTL", str(istioctl_path))
    return Command(capsys)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Law 1 holds but for its deltas, so a run that tested the law says what they are."""
    from extcp_gitops.render.deltas import DELTAS  # noqa: PLC0415 - tests of lazy imports

    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    if any("test_equality" in report.nodeid for report in reports):
        terminalreporter.section("law 1: equal to istioctl on the guide's documents, but for")
        for delta in DELTAS:
            terminalreporter.line(f"{delta.name}: {delta.reason}")
