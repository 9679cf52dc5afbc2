from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.errors import ExtcpError
from extcp_gitops.git import Repository
from tests.gitrepo import bare, begin, git, program, write

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "ghp_CANARY0123456789"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return begin(tmp_path / "mesh")


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return bare(tmp_path / "remote.git")


def test_push_and_the_remote_branch(root: Path, remote: Path) -> None:
    repository = Repository(root)
    repository.add_remote("origin", f"file://{remote}")
    repository.push("origin", "main")
    assert git(remote, "rev-parse", "main") == git(root, "rev-parse", "main")
    assert git(root, "rev-parse", "--abbrev-ref", "main@{upstream}") == "origin/main\n"


def test_a_remote_of_that_name_is_there_already(root: Path, remote: Path) -> None:
    repository = Repository(root)
    repository.add_remote("origin", str(remote))
    repository.add_remote("origin", str(remote))
    with pytest.raises(ExtcpError, match="EXTCP-G030"):
        repository.add_remote("origin", "https://git.example.com/mesh.git")
    assert git(root, "remote", "get-url", "origin").strip() == str(remote)


@pytest.mark.parametrize("url", ["ext::sh -c true", "--upload-pack=x", "https://x:y@z.example/a"])
def test_a_hostile_url_is_not_written(root: Path, url: str) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-G00"):
        Repository(root).add_remote("origin", url)
    assert git(root, "remote") == ""


@pytest.mark.parametrize("name", ["--mirror=push", "a b", "x\n[core]", ""])
def test_a_hostile_name_of_a_remote_is_refused(root: Path, remote: Path, name: str) -> None:
    repository = Repository(root)
    with pytest.raises(ExtcpError, match="EXTCP-G004"):
        repository.add_remote(name, str(remote))
    with pytest.raises(ExtcpError, match="EXTCP-G004"):
        repository.push(name, "main")


def test_a_push_that_would_lose_commits_is_refused(
    root: Path, remote: Path, tmp_path: Path
) -> None:
    repository = Repository(root)
    repository.add_remote("origin", str(remote))
    repository.push("origin", "main")
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", str(remote), str(other))
    write(other, {"mesh.yaml": "a: 2\n"})
    Repository(other).commit(["mesh.yaml"], "Theirs")
    Repository(other).push("origin", "main")
    write(root, {"mesh.yaml": "a: 3\n"})
    repository.commit(["mesh.yaml"], "Ours")
    with pytest.raises(ExtcpError, match="EXTCP-G031") as caught:
        repository.push("origin", "main")
    assert "git pull --rebase" in caught.value.findings[0].remedy


def test_a_push_that_the_remote_declines(root: Path, remote: Path) -> None:
    (remote / "hooks").mkdir(exist_ok=True)
    program(remote / "hooks/pre-receive", "echo 'main is protected' >&2", "exit 1")
    repository = Repository(root)
    repository.add_remote("origin", str(remote))
    with pytest.raises(ExtcpError, match=r"EXTCP-G033.*main is protected"):
        repository.push("origin", "main")


def test_a_push_to_no_repository(root: Path, tmp_path: Path) -> None:
    repository = Repository(root)
    with pytest.raises(ExtcpError, match="EXTCP-G030"):
        repository.push("nowhere", "main")
    repository.add_remote("origin", str(tmp_path / "missing.git"))
    with pytest.raises(ExtcpError, match="EXTCP-G030"):
        repository.push("origin", "main")


def test_a_push_of_no_branch(root: Path, remote: Path) -> None:
    repository = Repository(root)
    repository.add_remote("origin", str(remote))
    with pytest.raises(ExtcpError, match="EXTCP-G040"):
        repository.push("origin", "missing")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("fatal: Authentication failed for 'https://x:{}@git.example.com/mesh.git/'", "G032"),
        ("git@git.example.com: Permission denied (publickey).", "G032"),
        ("fatal: unable to access 'https://{}@git.example.com/': Could not resolve host", "G034"),
        ("Host key verification failed.", "G034"),
        ("error: \\033[31mAuthorization: Bearer {}", "G034"),
    ],
)
def test_what_ssh_and_servers_say_is_explained_without_credentials(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, code: str
) -> None:
    words = shlex.quote(said.format(CANARY))
    ssh = program(tmp_path / "ssh", f"printf '%b\\n' {words} >&2", "exit 128")
    monkeypatch.setenv("GIT_SSH_COMMAND", shlex.quote(str(ssh)))
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ssh")
    repository = Repository(root)
    repository.add_remote("origin", "git@git.example.com:platform/mesh.git")
    with pytest.raises(ExtcpError, match=f"EXTCP-{code}") as caught:
        repository.push("origin", "main")
    text = str(caught.value) + caught.value.findings[0].remedy
    assert CANARY not in text
    assert text.isprintable()


def test_a_transport_that_runs_programs_is_not_used(root: Path, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    git(root, "config", "remote.origin.url", f"ext::touch {witness}")
    git(root, "config", "protocol.ext.allow", "always")
    with pytest.raises(ExtcpError, match="EXTCP-G034"):
        Repository(root).push("origin", "main")
    assert not witness.exists()
