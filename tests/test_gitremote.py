from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_gitops.errors import ExtcpError
from extcp_gitops.git import Identity, Repository
from extcp_gitops.gitremote import Credential, Remote
from tests.githttp import PASSWORD, USER, GitServer, arguments_of_all_processes, git_server
from tests.gitrepo import bare, begin, git, program, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOT = Identity("extcp-bot", "bot@example.com")
BRANCH = "extcp/add-cluster/one"


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    base = tmp_path_factory.mktemp("served")
    with git_server(base / "repositories", base) as made:
        yield made


@pytest.fixture
def server(
    serving: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GitServer]:
    """With the repository mesh.git, whose branch main has one commit."""
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file:https")
    serving.directory = tmp_path / "repositories"
    serving.directory.mkdir()
    bare(serving.directory / "mesh.git")
    git(begin(tmp_path / "person"), "push", "--quiet", str(serving.directory / "mesh.git"), "main")
    yield serving
    serving.shown.clear()
    serving.watch = lambda: None
    serving.refusal = serving.moved = None


@pytest.fixture
def remote(server: GitServer) -> Remote:
    return Remote(f"{server.url}/mesh.git", Credential(USER, PASSWORD), server.roots)


@pytest.fixture
def clone(remote: Remote, tmp_path: Path) -> Repository:
    return remote.clone(tmp_path / "clone", "main")


def served(server: GitServer, branch: str) -> str:
    return git(server.directory / "mesh.git", "rev-parse", branch).strip()


def propose(clone: Repository, text: str = "b: 2\n") -> str:
    """A commit of the bot's, on top of what is checked out."""
    write(clone.root, {"clusters/two/cluster.yaml": text})
    commit = clone.commit(["clusters/two/cluster.yaml"], "Add", BOT)
    assert commit
    return commit


def test_clone_commit_push_and_fetch_over_https(
    remote: Remote, clone: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit = propose(clone)
    remote.push_with_lease(clone, commit, BRANCH, None)
    assert served(server, BRANCH) == commit
    other = remote.clone(tmp_path / "other", "main")
    assert remote.head(other, BRANCH) == commit
    assert remote.fetch(other, BRANCH) == commit
    assert other.resolve(f"origin/{BRANCH}") == commit
    assert server.shown == {f"{USER}:{PASSWORD}"}


def test_a_branch_that_is_not_there(remote: Remote, clone: Repository) -> None:
    assert remote.head(clone, BRANCH) is None
    assert remote.fetch(clone, BRANCH) is None


def test_a_branch_whose_name_ends_like_ours_is_another(
    remote: Remote, clone: Repository, server: GitServer
) -> None:
    git(server.directory / "mesh.git", "branch", f"refs/heads/{BRANCH}", "main")
    assert remote.head(clone, BRANCH) is None


def test_the_branch_of_a_clone_is_chosen_and_others_stay_away(
    remote: Remote, clone: Repository, tmp_path: Path
) -> None:
    commit = propose(clone)
    remote.push_with_lease(clone, commit, BRANCH, None)
    other = remote.clone(tmp_path / "other", BRANCH)
    assert git(other.root, "rev-parse", "HEAD", "--abbrev-ref", "HEAD").split() == [commit, BRANCH]
    with pytest.raises(ExtcpError, match="EXTCP-G040"):
        other.resolve("origin/main")


def test_a_shallow_clone_is_as_deep_as_was_asked_for(
    remote: Remote, clone: Repository, tmp_path: Path
) -> None:
    remote.push_with_lease(clone, propose(clone), "main", clone.resolve("main~1"))
    other = remote.clone(tmp_path / "other", "main", depth=1)
    assert git(other.root, "rev-list", "--count", "HEAD") == "1\n"


def test_files_come_byte_for_byte(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = tmp_path / "gitconfig"
    configuration.write_text("[core]\n autocrlf = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(configuration))
    clone = remote.clone(tmp_path / "clone", "main")
    assert (clone.root / "mesh.yaml").read_bytes() == b"a: 1\n"
    assert clone.commit(["mesh.yaml"], "Nothing", BOT) is None


# The lease


def test_a_branch_is_replaced_when_it_is_what_it_was_seen_to_be(
    remote: Remote, clone: Repository, server: GitServer
) -> None:
    first = propose(clone)
    remote.push_with_lease(clone, first, BRANCH, None)
    git(clone.root, "reset", "--quiet", "--hard", "origin/main")
    second = propose(clone, "b: 3\n")
    remote.push_with_lease(clone, second, BRANCH, first)
    assert served(server, BRANCH) == second


def test_a_lost_push_race_has_its_own_code(
    remote: Remote, clone: Repository, server: GitServer, tmp_path: Path
) -> None:
    ours = propose(clone)
    git(
        tmp_path / "person", "push", "--quiet", str(server.directory / "mesh.git"), f"main:{BRANCH}"
    )
    theirs = served(server, BRANCH)
    with pytest.raises(ExtcpError, match="EXTCP-G035"):
        remote.push_with_lease(clone, ours, BRANCH, None)
    with pytest.raises(ExtcpError, match="EXTCP-G035"):
        remote.push_with_lease(clone, ours, BRANCH, ours)
    assert served(server, BRANCH) == theirs


def test_a_race_that_only_the_server_sees_is_the_same(
    remote: Remote, clone: Repository, server: GitServer
) -> None:
    hook = server.directory / "mesh.git/hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    program(hook, f"unset GIT_QUARANTINE_PATH; git update-ref refs/heads/{BRANCH} main")
    with pytest.raises(ExtcpError, match="EXTCP-G035"):
        remote.push_with_lease(clone, propose(clone), BRANCH, None)


def test_a_push_of_what_is_there_already_changes_nothing(
    remote: Remote, clone: Repository, server: GitServer
) -> None:
    commit = propose(clone)
    remote.push_with_lease(clone, commit, BRANCH, None)
    remote.push_with_lease(clone, commit, BRANCH, None)
    assert served(server, BRANCH) == commit


@pytest.mark.parametrize("branch", ["--delete", "a b", "x:main", "HEAD", ""])
def test_a_hostile_name_of_a_branch_is_refused(
    remote: Remote, clone: Repository, branch: str
) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-G004"):
        remote.push_with_lease(clone, "HEAD", branch, None)
    with pytest.raises(ExtcpError, match="EXTCP-G004"):
        remote.fetch(clone, branch)


# Refusals


def test_a_protected_branch(remote: Remote, clone: Repository, server: GitServer) -> None:
    hook = server.directory / "mesh.git/hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    program(hook, "echo 'GH006: Protected branch update failed' >&2; exit 1")
    with pytest.raises(ExtcpError, match="EXTCP-G033"):
        remote.push_with_lease(clone, propose(clone), "main", clone.resolve("main~1"))


def test_a_wrong_token_is_said_and_not_shown(
    server: GitServer, tmp_path: Path, remote: Remote
) -> None:
    wrong = Remote(remote.url, Credential(USER, f"wrong-{PASSWORD}"), server.roots)
    with pytest.raises(ExtcpError, match="EXTCP-G032") as caught:
        wrong.clone(tmp_path / "clone", "main")
    (finding,) = caught.value.findings
    assert "token" in finding.remedy
    assert PASSWORD not in f"{caught.value}{finding}{wrong!r}"


def test_a_token_that_may_not_write(remote: Remote, clone: Repository, server: GitServer) -> None:
    commit = propose(clone)
    server.refusal = (403, "Permission to platform/mesh.git denied to bot.")
    with pytest.raises(ExtcpError, match="EXTCP-G032"):
        remote.push_with_lease(clone, commit, BRANCH, None)


def test_an_archived_repository(remote: Remote, clone: Repository, server: GitServer) -> None:
    commit = propose(clone)
    server.refusal = (403, "This repository was archived so it is read-only.")
    with pytest.raises(ExtcpError, match="EXTCP-G037"):
        remote.push_with_lease(clone, commit, BRANCH, None)


def test_no_such_repository_and_no_such_branch(
    remote: Remote, server: GitServer, tmp_path: Path
) -> None:
    missing = Remote(f"{server.url}/other.git", remote.credential, server.roots)
    with pytest.raises(ExtcpError, match="EXTCP-G030"):
        missing.clone(tmp_path / "clone", "main")
    with pytest.raises(ExtcpError, match="EXTCP-G036"):
        remote.clone(tmp_path / "clone", "trunk")


def test_a_server_that_is_not_trusted_or_not_there(remote: Remote, tmp_path: Path) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-G034"):
        Remote(remote.url, remote.credential).clone(tmp_path / "clone", "main")
    with pytest.raises(ExtcpError, match="EXTCP-G034"):
        Remote("https://127.0.0.1:1/mesh.git").clone(tmp_path / "clone", "main")


@pytest.mark.parametrize("url", ["ext::sh -c true", "--upload-pack=x", "https://x:y@z.example/a"])
def test_a_hostile_url_is_refused(url: str) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-G00"):
        Remote(url)


@pytest.mark.parametrize("password", ["", "a\nhost=evil.example", "a b", "a\0", "ü"])
def test_what_cannot_be_a_token_is_none(password: str) -> None:
    with pytest.raises(ValueError, match="printable"):
        Credential(USER, password)


# The credential


def test_the_credential_is_in_no_argument_and_in_no_file(
    remote: Remote, server: GitServer, tmp_path: Path
) -> None:
    seen: list[str] = []
    server.watch = lambda: seen.append(arguments_of_all_processes())
    clone = remote.clone(tmp_path / "clone", "main")
    remote.push_with_lease(clone, propose(clone), BRANCH, None)
    remote.fetch(clone, BRANCH)
    assert any("remote-https" in lines for lines in seen)
    assert not any(PASSWORD in lines for lines in seen)
    files = [path for path in clone.root.rglob("*") if path.is_file()]
    assert clone.root / ".git/config" in files
    assert not any(PASSWORD.encode() in path.read_bytes() for path in files)
    assert git(clone.root, "remote", "get-url", "origin").strip() == remote.url


def test_no_helper_of_the_machine_is_asked_or_told(
    remote: Remote, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = tmp_path / "witness"
    helper = program(tmp_path / "helper", f"echo called >> {witness}")
    configuration = tmp_path / "gitconfig"
    configuration.write_text(f"[credential]\n helper = {helper}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(configuration))
    monkeypatch.setenv("GIT_ASKPASS", str(helper))
    remote.clone(tmp_path / "clone", "main")
    wrong = Remote(remote.url, Credential(USER, "wrong"), server.roots)
    with pytest.raises(ExtcpError, match="EXTCP-G032"):
        wrong.clone(tmp_path / "other", "main")
    assert not witness.exists()


def test_the_credential_goes_to_no_server_that_we_are_sent_to(
    remote: Remote, server: GitServer, tmp_path: Path
) -> None:
    with git_server(server.directory, tmp_path / "elsewhere") as elsewhere:
        server.moved = elsewhere.url
        with pytest.raises(ExtcpError, match="EXTCP-G03"):
            remote.clone(tmp_path / "clone", "main")
        assert elsewhere.shown == set()


def test_a_persons_configuration_by_variables_stays(
    remote: Remote, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{remote.url}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://git.example.com/mesh.git")
    other = Remote("https://git.example.com/mesh.git", remote.credential, remote.roots)
    with pytest.raises(ExtcpError, match="EXTCP-G03"):
        other.clone(tmp_path / "clone", "main")
    assert server.shown == set()  # the token was for another host


def test_without_a_credential_a_person_has_helpers(
    remote: Remote, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = program(tmp_path / "helper", f"echo username={USER}", f"echo password={PASSWORD}")
    configuration = tmp_path / "gitconfig"
    configuration.write_text(f"[credential]\n helper = {helper}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(configuration))
    Remote(remote.url, roots=server.roots).clone(tmp_path / "clone", "main")
    assert server.shown == {f"{USER}:{PASSWORD}"}
