from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import pytest

from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import repository
from tests import meshes, repositories
from tests.bot.fleets import SECOND, world
from tests.gitrepo import git, write

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path
    from typing import Any

    from extcp_bot.target import Fleet

T = TypeVar("T")
DIRECTORY = f"clusters/{SECOND}"
FILE = f"{DIRECTORY}/argocd/applications.yaml"
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"
KUSTOMIZATION = "resources: [../../istio/base]\n"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """A fleet whose repository is no Git repository yet."""
    files = {path: raw.decode() for path, raw in meshes.mesh().items()}
    files[FILE] = NAMESPACE
    files[f"{DIRECTORY}/kustomization.yaml"] = KUSTOMIZATION
    files["istio/base/kustomization.yaml"] = "resources: [namespace.yaml]\n"
    files["istio/base/namespace.yaml"] = NAMESPACE
    write(tmp_path, files)
    with world() as mesh:
        yield replace(mesh.fleet, root=tmp_path)


def of(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def head(fleet: Fleet) -> str:
    return git(fleet.root, "rev-parse", "HEAD").strip()


def again(fleet: Fleet) -> Fleet:
    """The same, with nothing remembered."""
    return replace(fleet)


def change(fleet: Fleet, path: str, text: str) -> None:
    write(fleet.root, {path: text})
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    git(fleet.root, "add", "--all")
    git(fleet.root, *identity, "commit", "--quiet", "--message=Change")


def test_outside_of_git_there_is_the_working_tree(fleet: Fleet) -> None:
    tree = of(repository.main(fleet))
    assert (tree.words, tree.commit) == ("the working tree", "")
    assert tree.objects(FILE) == [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}
    ]
    assert tree.objects("clusters/another/argocd/applications.yaml") is None


def test_the_remotes_branch_comes_first_and_then_the_branch(fleet: Fleet) -> None:
    repositories.commit(fleet.root)
    git(fleet.root, "update-ref", "refs/remotes/origin/main", "HEAD")
    change(fleet, FILE, NAMESPACE.replace("a}", "b}"))
    tree = of(repository.main(again(fleet)))
    assert tree.name == "origin/main"
    assert (tree.objects(FILE) or [])[0]["metadata"]["name"] == "a"
    git(fleet.root, "update-ref", "-d", "refs/remotes/origin/main")
    tree = of(repository.main(again(fleet)))
    assert (tree.name, tree.commit) == ("main", head(fleet))
    assert (tree.objects(FILE) or [])[0]["metadata"]["name"] == "b"


def test_another_commit_can_be_read_too(fleet: Fleet) -> None:
    repositories.commit(fleet.root)
    before = head(fleet)
    change(fleet, FILE, NAMESPACE.replace("a}", "b}"))
    tree = of(repository.at(again(fleet), before))
    assert (tree.objects(FILE) or [])[0]["metadata"]["name"] == "a"


def test_what_has_changed_is_told_by_directory(fleet: Fleet) -> None:
    repositories.commit(fleet.root)
    before = head(fleet)
    change(fleet, "istio/base/namespace.yaml", NAMESPACE.replace("a}", "b}"))
    changed = of(repository.changed(again(fleet), before, head(fleet)))
    assert changed is not None
    assert {"istio", "istio/base"} <= set(changed)
    assert of(repository.changed(again(fleet), "0" * 40, before)) is None


@pytest.mark.usefixtures("kustomize_on_path")
def test_a_commit_is_built_and_not_the_working_tree(fleet: Fleet) -> None:
    async def names(fleet: Fleet) -> list[str]:
        tree = await repository.main(fleet)
        built = await repository.build(fleet, tree, DIRECTORY)
        return [document.name for document in built.documents]

    assert of(names(fleet)) == ["a"]
    repositories.commit(fleet.root)
    write(fleet.root, {"istio/base/namespace.yaml": NAMESPACE.replace("a}", "b}")})
    assert of(names(again(fleet))) == ["a"]
    git(fleet.root, "checkout", "--quiet", "-b", "another")
    git(fleet.root, "branch", "--quiet", "-D", "main")
    assert of(names(again(fleet))) == ["b"]


@pytest.mark.usefixtures("kustomize_on_path")
def test_what_kustomize_refuses_cannot_be_looked_at(fleet: Fleet) -> None:
    write(fleet.root, {"istio/base/kustomization.yaml": "resources: [missing.yaml]\n"})

    async def build() -> None:
        await repository.build(fleet, await repository.main(fleet), DIRECTORY)

    with pytest.raises(CannotLookError, match="Kustomize cannot build it"):
        of(build())


def test_a_file_that_is_no_yaml_cannot_be_looked_at(fleet: Fleet) -> None:
    write(fleet.root, {FILE: "a: [\n"})
    with pytest.raises(CannotLookError, match=r"applications\.yaml"):
        of(repository.main(fleet)).objects(FILE)


def test_the_root_reads_the_argocd_directories_of_all_clusters(fleet: Fleet) -> None:
    assert f"{DIRECTORY}/argocd" in of(repository.main(fleet)).argocd
    assert "argocd" in of(repository.main(again(fleet))).argocd
