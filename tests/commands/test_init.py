from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.inventory.load import load_directory
from extcp_gitops.inventory.model import Forge, Gateways

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Command

URL = "https://git.example.com/platform/mesh.git"
ASKED = ["--mesh-id", "mesh1", "--address", "istiod.example.com", "--repo-url", URL]
ALL = [*ASKED, "--tls-secret", "istiod-tls"]


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", root, *arguments], check=True, capture_output=True, text=True, timeout=30
    )
    return done.stdout


def test_a_new_repository_with_one_commit(extcp: Command, tmp_path: Path) -> None:
    root = tmp_path / "mesh"
    assert extcp("init", root, *ALL) == 0
    assert git(root, "log", "--format=%s") == "Describe the mesh mesh1\n"
    assert git(root, "status", "--porcelain") == ""
    assert git(root, "branch", "--show-current") == "main\n"
    assert git(root, "remote", "get-url", "origin").strip() == URL
    inventory = load_directory(root).inventory
    assert [cluster.name for cluster in inventory.clusters] == [
        "external-cluster",
        "remote-cluster-1",
    ]
    assert extcp.out == ""
    assert "Next:" in extcp.err


def test_what_is_missing_is_named_where_there_is_no_terminal(
    extcp: Command, tmp_path: Path
) -> None:
    assert extcp("init", tmp_path / "mesh", "--address", "a.example.com") == 2
    assert "--mesh-id, --repo-url, --tls-secret" in extcp.err
    assert not (tmp_path / "mesh").exists()


def test_an_issuer_or_an_ip_address_makes_the_secret_needless(
    extcp: Command, tmp_path: Path
) -> None:
    assert extcp("init", tmp_path / "a", *ASKED, "--issuer", "letsencrypt") == 0
    by_ip = ["--mesh-id", "m", "--address", "192.0.2.1", "--repo-url", URL]
    assert extcp("init", tmp_path / "b", *by_ip) == 0
    assert "EXTCP-I040" in extcp.err


def test_what_is_missing_is_asked_for_on_a_terminal(istioctl_path: Path, tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    environment = {**os.environ, "EXTCP_ISTIOCTL": str(istioctl_path), "TERM": "dumb"}
    seen = bytearray()

    def read() -> None:
        while True:
            try:
                chunk = os.read(controller, 4096)
            except OSError:
                return
            if not chunk:
                return
            seen.extend(chunk)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    os.write(controller, b"\nistiod.example.com\nftp://nowhere\n" + URL.encode() + b"\n\n")
    done = subprocess.run(
        [sys.executable, "-m", "extcp_gitops", "init", tmp_path / "mesh"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=environment,
        timeout=120,
        check=False,
    )
    os.close(terminal)
    reader.join(5)
    os.close(controller)
    assert done.returncode == 0, seen.decode()
    [plane] = load_directory(tmp_path / "mesh").inventory.mesh.control_planes
    assert plane.address == "istiod.example.com"
    assert plane.tls
    assert plane.tls.secret_name == "istiod-tls"  # noqa: S105 - a name


def test_remote_clusters_and_networks(extcp: Command, tmp_path: Path) -> None:
    remotes = ["--remote-cluster", "a,network=one,ingress"]
    remotes += ["--remote-cluster", "b,network=two,server=https://b.example.com:6443"]
    assert extcp("init", tmp_path / "mesh", *ALL, *remotes) == 0
    inventory = load_directory(tmp_path / "mesh").inventory
    first, second = inventory.remotes
    assert inventory.mesh.control_planes[0].config_cluster == "a"
    assert first.gateways == Gateways(ingress=True, east_west=True)
    assert (second.network, second.gateways) == ("two", Gateways(east_west=True))
    assert second.destination.server == "https://b.example.com:6443"


@pytest.mark.parametrize("remote", ["a,net=x", "a,network=", "a,network=x,network=y", "a,"])
def test_a_remote_cluster_that_cannot_be_read(extcp: Command, tmp_path: Path, remote: str) -> None:
    assert extcp("init", tmp_path / "mesh", *ALL, "--remote-cluster", remote) == 2
    assert "network=NET" in extcp.err


@pytest.mark.parametrize(
    ("url", "forge"),
    [
        ("https://github.com/a/b.git", Forge.GITHUB),
        ("git@gitlab.example.com:a/b.git", Forge.GITLAB),
        ("https://gitea.example.com/a/b.git", Forge.GITEA),
        ("https://git.example.com/a/b.git", Forge.NONE),
    ],
)
def test_the_forge_is_guessed(extcp: Command, tmp_path: Path, url: str, forge: Forge) -> None:
    arguments = [url if value == URL else value for value in ALL]
    assert extcp("init", tmp_path / "mesh", *arguments) == 0
    assert load_directory(tmp_path / "mesh").inventory.mesh.repository.forge is forge


def test_a_credential_in_the_url_is_refused_and_not_repeated(
    extcp: Command, tmp_path: Path
) -> None:
    arguments = ["https://u:canary@git.example.com/x" if v == URL else v for v in ALL]
    assert extcp("init", tmp_path / "mesh", *arguments) == 2
    assert "canary" not in extcp.err
    assert not (tmp_path / "mesh").exists()


def test_push(extcp: Command, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "init", "--bare", "-q", bare], check=True, timeout=30)
    arguments = [f"file://{bare}" if value == URL else value for value in ALL]
    assert extcp("init", tmp_path / "mesh", *arguments, "--push", "--output", "json") == 0
    assert git(bare, "log", "--format=%s", "main") == "Describe the mesh mesh1\n"
    assert '"commit"' in extcp.out


def test_in_a_repository_with_other_things_nothing_else_is_committed(
    extcp: Command, tmp_path: Path
) -> None:
    subprocess.run(["git", "init", "-q", "-b", "main", tmp_path], check=True, timeout=30)
    (tmp_path / "notes.txt").write_text("mine")
    git(tmp_path, "add", "notes.txt")
    assert extcp("init", tmp_path, *ALL) == 0
    assert git(tmp_path, "status", "--porcelain") == "A  notes.txt\n"


def test_a_persons_readme_is_in_the_way_and_stays(extcp: Command, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    assert extcp("init", tmp_path, *ALL) == 1
    assert "README.md" in extcp.err
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
