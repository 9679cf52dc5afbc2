from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from extcp_gitops.commands.context import Context
from extcp_gitops.commands.istioctl import istioctl
from extcp_gitops.errors import ExtcpError
from extcp_gitops.release import this_platform
from tests.webserver import Site, publish_istioctl, web_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _nothing_found(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not empty_cache.exists()
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with web_server() as site:
        monkeypatch.setenv("EXTCP_ISTIO_RELEASES", site.base)
        for version in ("1.29.1", "1.28.3"):
            publish_istioctl(site, version, this_platform())
        yield site


def run(directory: Path, *arguments: str) -> Result:
    context = Context(directory)
    return CliRunner().invoke(istioctl, arguments, obj=context, catch_exceptions=False)


def test_install_prints_where_it_is(site: Site, tmp_path: Path) -> None:
    result = run(tmp_path, "install", "1.28.3")
    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path}/cache/istioctl/1.28.3/istioctl\n"
    assert result.stderr == "getting istioctl 1.28.3\n"
    assert len(site.requests) == 2


@pytest.mark.usefixtures("site")
def test_the_same_as_json(tmp_path: Path) -> None:
    expected = {"version": "1.29.1", "path": f"{tmp_path}/cache/istioctl/1.29.1/istioctl"}
    assert json.loads(run(tmp_path, "install", "1.29.1", "-o", "json").stdout) == expected
    assert json.loads(run(tmp_path, "path", "1.29.1", "--output", "json").stdout) == expected


@pytest.mark.usefixtures("site")
def test_without_a_mesh_it_is_the_default_release(tmp_path: Path) -> None:
    installed = run(tmp_path, "install").stdout
    assert "/1.29.1/" in installed
    assert run(tmp_path, "path").stdout == installed


@pytest.mark.usefixtures("site")
def test_the_release_comes_from_the_mesh_around_the_directory(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text("kind: Mess\nistioVersion: 1.28.3\n")
    (tmp_path / "clusters").mkdir()
    assert "/1.28.3/" in run(tmp_path / "clusters", "install").stdout
    assert "/1.28.3/" in run(tmp_path, "path").stdout
    assert "/1.29.1/" in run(tmp_path, "install", "1.29.1").stdout


@pytest.mark.parametrize(
    ("mesh", "code"),
    [
        ("kind: Mesh\n", "mesh.yaml: EXTCP-T107"),
        ("istioVersion: 1.29\n", "mesh.yaml: EXTCP-T107"),
        ("istioVersion: latest\n", "EXTCP-T101"),
        ("istioVersion: ../x\n", "EXTCP-T101"),
        ("a: [\n", "mesh.yaml:.*EXTCP-Y"),
    ],
)
def test_a_mesh_without_a_release_is_an_error(tmp_path: Path, mesh: str, code: str) -> None:
    (tmp_path / "mesh.yaml").write_text(mesh)
    for command in ("install", "path"):
        with pytest.raises(ExtcpError, match=code):
            run(tmp_path, command)


def test_path_to_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-T103"):
        run(tmp_path, "path", "1.29.1")


def test_each_command_has_an_example_in_its_help(tmp_path: Path) -> None:
    for command in ("install", "path"):
        help_text = run(tmp_path, command, "--help").stdout
        assert f"extcp-gitops istioctl {command}" in help_text


@pytest.mark.usefixtures("site")
def test_on_a_terminal_there_is_progress() -> None:
    code = (
        "from pathlib import Path\n"
        "from extcp_gitops.commands.context import Context\n"
        "from extcp_gitops.commands.istioctl import istioctl\n"
        "istioctl.main(['install', '1.29.1'], obj=Context(Path()))\n"
    )
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, stderr=theirs, text=True
    )
    os.close(theirs)
    seen = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert done.stdout.endswith("/1.29.1/istioctl\n")
    assert seen.endswith("\r\x1b[K")  # what counted is gone when it is done
    assert shlex.split(seen)[:3] == ["getting", "istioctl", "1.29.1"]
