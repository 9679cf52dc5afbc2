from __future__ import annotations

import os
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_gitops.errors import ExtcpError
from extcp_gitops.render.stamp import Ownership, ownership, stamp

if TYPE_CHECKING:
    from pathlib import Path

    from tests.write.conftest import Repositories, Repository

A = "clusters/a/kustomization.yaml"
B = "clusters/b/kustomization.yaml"


def stamped(*paths: str, text: str = "kind: Kustomization\n") -> dict[str, bytes]:
    return {path: stamp(path, text) for path in paths}


def refused(error: ExtcpError) -> list[tuple[str, str]]:
    return [(finding.code, finding.file) for finding in error.findings]


def test_what_is_missing_is_added_what_differs_modified_what_is_stale_deleted(
    repository: Repository,
) -> None:
    first = repository.write(stamped(A, B, "README.md"))
    assert (first.added, first.modified, first.deleted) == (("README.md", A, B), (), ())
    wanted = stamped("README.md") | stamped(A, text="kind: Other\n")
    second = repository.write(wanted)
    assert (second.added, second.modified, second.deleted) == ((), (A,), (B,))
    assert second.paths == (A, B)
    assert repository.snapshot() == wanted | {"clusters/": b"", "clusters/a/": b""}


def test_a_second_run_has_nothing_to_do(repository: Repository) -> None:
    assert repository.write(stamped(A, B))
    before = repository.snapshot()
    assert not repository.write(stamped(A, B))
    assert repository.snapshot() == before


def test_a_repository_that_is_not_there_yet_is_all_additions(repository: Repository) -> None:
    assert repository.workspace.changes(stamped(A)).added == (A,)
    assert not repository.root.exists()


def test_a_checkout_with_other_line_endings_is_unchanged_and_intact(repository: Repository) -> None:
    repository.write(stamped(A, B))
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]

    def run(*arguments: str) -> None:
        subprocess.run([*git, *arguments], cwd=repository.root, check=True, capture_output=True)

    run("init", "--quiet")
    run("add", ".")
    run("commit", "--quiet", "--message=x")
    run("rm", "--quiet", "-r", "clusters")
    run("-c", "core.autocrlf=true", "checkout", "HEAD", "--", "clusters")
    assert b"\r\n" in (repository.root / A).read_bytes()

    assert not repository.workspace.changes(stamped(A, B))
    removal = repository.write(stamped(A, text="kind: Other\n"))
    assert (removal.modified, removal.deleted) == ((A,), (B,))


def test_files_that_a_person_edited_or_put_in_the_way_are_all_named(repository: Repository) -> None:
    stale = "istio/1.28.3/crds/crds.yaml"
    repository.write(stamped(A, B, stale))
    for edited in (A, stale):
        (repository.root / edited).write_bytes((repository.root / edited).read_bytes() + b"# x\n")
    repository.lay({"README.md": b"# Ours\n"})
    before = repository.snapshot()

    wanted = stamped(A, "README.md", text="kind: Other\n")
    with pytest.raises(ExtcpError) as caught:
        repository.write(wanted)
    assert refused(caught.value) == [
        ("EXTCP-W005", "README.md"),
        ("EXTCP-W004", A),
        ("EXTCP-W004", stale),
    ]
    assert all("--force" in finding.remedy for finding in caught.value.findings)
    # 'init' has no --force, so that is not the only way.
    assert caught.value.findings[0].remedy.startswith("move it elsewhere and run again")
    assert repository.snapshot() == before

    forced = repository.write(wanted, force=True)
    assert (forced.modified, forced.deleted) == (("README.md", A), (B, stale))
    assert repository.snapshot() == wanted | {"clusters/": b"", "clusters/a/": b""}


def test_an_edit_that_says_what_would_be_generated_is_fine(repository: Repository) -> None:
    repository.write(stamped(A))
    wanted = stamped(A, text="kind: Other\n")
    repository.lay(wanted)
    assert not repository.write(wanted)


def test_what_is_a_persons_survives_a_removal(repository: Repository) -> None:
    own = {
        "clusters/a/custom/kustomization.yaml": b"kind: Kustomization\n",
        "clusters/a/custom/copied.yaml": stamp("x.yaml", "a: 1\n"),
        "clusters/a/cluster.yaml": b"kind: Cluster\n",
        "clusters/b/notes.md": b"mine\n",
        "docs/copied.yaml": stamp("x.yaml", "a: 1\n"),
        ".git/copied.yaml": stamp("x.yaml", "a: 1\n"),
        "istio/.git/copied.yaml": stamp("x.yaml", "a: 1\n"),
    }
    repository.write(stamped(A, B))
    repository.lay(own)
    assert repository.write({}).deleted == (A, B)
    assert {path: raw for path, raw in repository.snapshot().items() if raw} == own


def test_directories_go_when_they_are_empty_and_not_before(repository: Repository) -> None:
    repository.write(stamped("istio/1.28.3/a/b/x.yaml", "istio/1.28.3/c.yaml", A))
    repository.write(stamped("istio/1.28.3/c.yaml", A))
    assert set(repository.snapshot()) == {
        *("istio/", "istio/1.28.3/", "istio/1.28.3/c.yaml"),
        *("clusters/", "clusters/a/", A),
    }
    (repository.root / "clusters/a/empty").mkdir()
    repository.write({})
    assert set(repository.snapshot()) == {"clusters/", "clusters/a/", "clusters/a/empty/"}


def test_a_persons_files_are_written_and_deleted_as_asked(repository: Repository) -> None:
    repository.lay({"mesh.yaml": b"old\r\n", "clusters/b/cluster.yaml": b"b\n"})
    changes = repository.write(
        stamped(A),
        {
            "mesh.yaml": b"old\n",
            "clusters/a/cluster.yaml": b"a\n",
            "clusters/b/cluster.yaml": None,
            "clusters/c/cluster.yaml": None,
        },
    )
    assert changes.added == ("clusters/a/cluster.yaml", A)
    assert changes.modified == ("mesh.yaml",)
    assert changes.deleted == ("clusters/b/cluster.yaml",)
    assert repository.snapshot() == stamped(A) | {
        "mesh.yaml": b"old\n",
        "clusters/": b"",
        "clusters/a/": b"",
        "clusters/a/cluster.yaml": b"a\n",
    }


def test_what_was_edited_since_it_was_read_stops_the_run(repository: Repository) -> None:
    read = {"mesh.yaml": b"1\n", "clusters/a/cluster.yaml": b"1\n", "clusters/b/cluster.yaml": b""}
    repository.lay(read)
    repository.lay({"mesh.yaml": b"mine\n"})
    (repository.root / "clusters/b/cluster.yaml").unlink()
    with pytest.raises(ExtcpError) as caught:
        repository.workspace.changes(stamped(A), person={"mesh.yaml": b"2\n"}, read=read)
    assert refused(caught.value) == [
        ("EXTCP-W009", "clusters/b/cluster.yaml"),
        ("EXTCP-W009", "mesh.yaml"),
    ]
    repository.lay(read)
    changes = repository.workspace.changes(stamped(A), person={"mesh.yaml": b"2\n"}, read=read)
    assert changes.paths == (A, "mesh.yaml")


@pytest.mark.parametrize("place", [A, "clusters/a", "clusters"])
@pytest.mark.parametrize("target", ["elsewhere", "nowhere", "."])
@pytest.mark.parametrize("force", [False, True])
def test_a_link_in_the_way_is_named_and_never_followed(
    repository: Repository, tmp_path: Path, place: str, target: str, *, force: bool
) -> None:
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "kustomization.yaml").write_bytes(stamp(A, "kind: Mine\n"))
    link = repository.root / place
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / target)
    before = repository.snapshot(), (outside / "kustomization.yaml").read_bytes()

    with pytest.raises(ExtcpError) as caught:
        repository.write(stamped(A, "clusters/a/rbac.yaml"), force=force)
    assert ("EXTCP-W003", place) in refused(caught.value)
    assert {code for code, _ in refused(caught.value)} == {"EXTCP-W003"}
    assert len(caught.value.findings) == 1
    assert "symbolic link" in str(caught.value)
    assert (repository.snapshot(), (outside / "kustomization.yaml").read_bytes()) == before


def test_a_link_is_no_generated_file_of_ours(repository: Repository, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere" / "kustomization.yaml"
    outside.parent.mkdir()
    outside.write_bytes(stamp(A, "kind: Mine\n"))
    repository.lay({})
    (repository.root / "istio").mkdir(parents=True)
    (repository.root / "istio/link.yaml").symlink_to(outside)
    (repository.root / "argocd").symlink_to(outside.parent)
    (repository.root / ".github").symlink_to(outside.parent)
    before = repository.snapshot()
    assert not repository.write({})
    assert repository.snapshot() == before


@pytest.mark.parametrize("place", [A, "clusters/a", "clusters"])
@pytest.mark.parametrize("kind", ["FIFO", "socket", "wrong"])
def test_what_is_neither_file_nor_directory_is_named(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, place: str, kind: str
) -> None:
    target = repository.root / place
    target.parent.mkdir(parents=True)
    if kind == "FIFO":
        os.mkfifo(target)
    elif kind == "socket":
        monkeypatch.chdir(target.parent)  # the path of a socket is short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(target.name)
    elif place == A:
        target.mkdir()
    else:
        target.write_bytes(b"a file\n")
    before = repository.snapshot()
    with pytest.raises(ExtcpError) as caught:
        repository.write(stamped(A), force=True)
    assert refused(caught.value) == [("EXTCP-W003", place)]
    assert repository.snapshot() == before


def test_a_fifo_among_the_stale_files_holds_nobody_up(repository: Repository) -> None:
    (repository.root / "istio").mkdir(parents=True)
    os.mkfifo(repository.root / "istio/pipe.yaml")
    assert not repository.write({})


def test_a_hard_linked_file_is_replaced_and_not_written_through(
    repository: Repository, tmp_path: Path
) -> None:
    repository.write(stamped(A))
    other = tmp_path / "other"
    other.hardlink_to(repository.root / A)
    repository.write(stamped(A, text="kind: Other\n"))
    assert other.read_bytes() == stamped(A)[A]
    assert (repository.root / A).read_bytes() == stamped(A, text="kind: Other\n")[A]


@pytest.mark.parametrize("path", ["../outside", "/etc/x", ".git/hooks/post-checkout", "a/../b"])
@pytest.mark.parametrize("content", [b"x", None])
def test_a_persons_path_cannot_leave_the_repository(
    repository: Repository, path: str, content: bytes | None
) -> None:
    with pytest.raises(ExtcpError) as caught:
        repository.write({}, {path: content})
    assert [finding.code for finding in caught.value.findings] == ["EXTCP-W001"]
    assert not repository.root.exists()


def test_paths_that_differ_in_case_are_refused(repository: Repository) -> None:
    with pytest.raises(ExtcpError) as caught:
        repository.write(stamped("clusters/A/x.yaml", "clusters/a/y.yaml"))
    assert refused(caught.value) == [("EXTCP-W002", "clusters/a/y.yaml")]
    repository.write(stamped("clusters/A/x.yaml"))
    with pytest.raises(ExtcpError) as caught:
        repository.write(stamped("clusters/a/x.yaml"))
    assert refused(caught.value) == [("EXTCP-W002", "clusters/A/x.yaml")]


@pytest.mark.parametrize(
    ("generated", "person", "reason"),
    [
        ({A: b"kind: Kustomization\n"}, {}, "without a valid stamp"),
        ({A: stamped(A)[A] + b"x"}, {}, "without a valid stamp"),
        (stamped("docs/x.md"), {}, "outside the places"),
        (stamped("clusters/a/custom/x.yaml"), {}, "outside the places"),
        (stamped(A), {A: b"x"}, "at once"),
    ],
)
def test_what_could_never_be_recognised_again_is_a_bug(
    repository: Repository, generated: dict[str, bytes], person: dict[str, bytes], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        repository.workspace.changes(generated, person=person)


# Law 6. Names collide often, on purpose.
places = st.sampled_from(
    [
        *("README.md", ".gitattributes", "argocd/project.yaml", "istio/1/crds/crds.yaml"),
        *(f"clusters/{name}/{file}.yaml" for name in ("a", "b", "custom") for file in "xy"),
    ]
)
trees = st.dictionaries(places, st.sampled_from(["a: 1\n", "b: 2\n"])).map(
    lambda bodies: {path: stamp(path, body) for path, body in bodies.items()}
)
foreign = st.dictionaries(
    places | st.sampled_from(["mesh.yaml", "clusters/a/custom/z.yaml", "clusters/b/notes.md"]),
    st.sampled_from([b"", b"a: 1\n", b"\xff\x00"]),
)
edits = st.dictionaries(
    places, st.sampled_from([b"# mine\n", b"\r\n", stamp("x.yaml", "a: 1\n")]), max_size=3
)


@given(old=trees, new=trees, theirs=foreign, edited=edits)
def test_a_persons_work_is_never_lost_without_force(
    repositories: Repositories,
    old: dict[str, bytes],
    new: dict[str, bytes],
    theirs: dict[str, bytes],
    edited: dict[str, bytes],
) -> None:
    with repositories() as repository:
        repository.write(old)
        repository.lay({path: raw for path, raw in theirs.items() if path not in old})
        repository.lay({path: old[path] + tail for path, tail in edited.items() if path in old})
        before = repository.snapshot()
        work = {
            path: raw
            for path, raw in before.items()
            if not path.endswith("/")
            and raw != new.get(path)
            and ownership(raw) is not Ownership.INTACT
        }
        stopped_by = {
            path for path, raw in work.items() if path in new or b"extcp-gitops:generated" in raw
        }

        if stopped_by:
            with pytest.raises(ExtcpError) as caught:
                repository.write(new)
            assert {finding.file for finding in caught.value.findings} == stopped_by
            assert repository.snapshot() == before
            repository.write(new, force=True)
        else:
            repository.write(new)

        after = {path: raw for path, raw in repository.snapshot().items() if path[-1] != "/"}
        kept = {path: raw for path, raw in work.items() if path not in stopped_by}
        assert after == new | kept
        assert not repository.write(new)
