"""The wheel as built: what is in it, and that it runs from elsewhere without the source tree."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHIPPED = {
    "generator/extcp_gitops": "extcp_gitops",
    "bot/extcp_bot": "extcp_bot",
    "overlays": "extcp_gitops/_overlays",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation")
    _run(*build, "--outdir", out, ROOT, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of an environment with the wheel itself and the dependencies of this one."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=False, symlinks=True)
    pip = (sys.executable, "-m", "pip", "--python", home / "bin" / "python")
    _run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=home)
    # A directory named in a .pth file has its own .pth files ignored, so the editable install
    # that may be in there does not reach the new environment.
    purelib = home / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    (purelib / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


def _run(*argv: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        argv, cwd=cwd, env={}, stdout=subprocess.PIPE, text=True, timeout=120, check=True
    )
    return done.stdout


def _sources(directory: str) -> set[str]:
    base = ROOT / directory
    return {
        path.relative_to(base).as_posix()
        for path in base.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_the_packages_and_overlays_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    code = {name for name in names if ".dist-info/" not in name}
    assert code == {
        f"{target}/{name}" for source, target in SHIPPED.items() for name in _sources(source)
    }
    assert {"extcp_gitops/py.typed", "extcp_bot/py.typed"} <= code


def test_the_wheel_carries_the_licence_word_for_word(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/licenses/LICENSE"))
        assert archive.read(name) == (ROOT / "LICENSE").read_bytes()


@pytest.mark.parametrize("command", ["extcp-gitops", "extcp-bot"])
def test_the_installed_commands_say_their_version(
    installed: Path, tmp_path: Path, command: str
) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] in _run(installed / command, "--version", cwd=tmp_path)


def test_the_installed_packages_and_overlays_are_the_wheels(
    installed: Path, tmp_path: Path
) -> None:
    program = (
        "import extcp_gitops, extcp_bot; from extcp_gitops.render import overlay;"
        "print(extcp_gitops.__file__, extcp_bot.__file__, overlay.directory())"
    )
    places = _run(installed / "python", "-c", program, cwd=tmp_path).split()
    assert len(places) == 3
    assert all(Path(place).is_relative_to(installed.parent) for place in places)
