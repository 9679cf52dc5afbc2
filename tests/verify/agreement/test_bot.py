from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.generate import Options
from extcp_gitops.verify import run
from extcp_gitops.verify.agreement import check_argocd, check_bot
from tests.repositories import put, spoilt, without

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_gitops.errors import Finding
    from extcp_gitops.verify.objects import Built, Object
    from tests.repositories import Change, Scene

HERE = "clusters/external-cluster/bot"
ARGOCD = "clusters/external-cluster/argocd"
BOT = "mesh1.external-cluster.bot"
DEPLOYMENT = ("Deployment", "extcp-bot")
CONTAINER = ("spec", "template", "spec", "containers", 0)
VOLUMES = ("spec", "template", "spec", "volumes")


def check(scene: Scene, built: Built | None = None) -> list[Finding]:
    return check_bot(scene.inventory, built or scene.built[HERE])


def rule(**lists: list[str]) -> Change:
    def change(data: Object) -> None:
        data["rules"].append({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], **lists})

    return change


def test_the_forges_api_is_that_of_the_inventory(with_bot: Scene) -> None:
    bot = with_bot.inventory.mesh.bot
    assert bot.in_cluster is not None
    pod = replace(bot.in_cluster, forge_api_url="https://api.example.com")
    mesh = replace(with_bot.inventory.mesh, bot=replace(bot, in_cluster=pod))
    (found,) = check_bot(replace(with_bot.inventory, mesh=mesh), with_bot.built[HERE])
    assert found.code == "EXTCP-V021"


def test_what_is_generated_agrees(with_bot: Scene) -> None:
    assert check(with_bot) == []


@pytest.mark.parametrize(
    ("item", "change"),
    [
        (DEPLOYMENT, put("registry.example.com/extcp-bot:latest", *CONTAINER, "image")),
        (DEPLOYMENT, put("https://git.example.com/x.git", *CONTAINER, "command", 7)),
        (DEPLOYMENT, put("next", *CONTAINER, "command", 9)),
        (DEPLOYMENT, put("gitlab", *CONTAINER, "command", 11)),
        (DEPLOYMENT, put("other", *VOLUMES, 1, "secret", "secretName")),
        (DEPLOYMENT, put({"name": "x", "secret": {"secretName": "x"}}, *VOLUMES, 0)),
        (("ClusterRole", "extcp-bot-extcp-bot"), rule(resources=["secrets"])),
        (("ClusterRole", "extcp-bot-extcp-bot"), rule(verbs=["*"])),
        (("ClusterRole", "extcp-bot-extcp-bot"), rule(resources=["*"])),
        (("ClusterRole", "extcp-bot-extcp-bot"), rule(apiGroups=["*"])),
        (
            ("ClusterRoleBinding", "extcp-bot-extcp-bot"),
            put([{"kind": "Group", "name": "system:authenticated"}], "subjects"),
        ),
    ],
)
def test_each_disagreement_is_found(with_bot: Scene, item: tuple[str, str], change: Change) -> None:
    found = check(with_bot, spoilt(with_bot.built[HERE], *item, change))
    assert {finding.code for finding in found} == {"EXTCP-V021"}
    assert {finding.file for finding in found} == {HERE}


@pytest.mark.parametrize(
    "item",
    [DEPLOYMENT, ("Namespace", "extcp-bot"), ("ServiceAccount", "extcp-bot")],
)
def test_each_object_that_has_to_be_there_is_missed(with_bot: Scene, item: tuple[str, str]) -> None:
    found = check(with_bot, without(with_bot.built[HERE], *item))
    assert "EXTCP-V010" in {finding.code for finding in found}


def test_a_mesh_without_a_bot_has_nothing_to_agree(host_name: Scene, with_bot: Scene) -> None:
    assert check_bot(host_name.inventory, with_bot.built[HERE]) == []


# What Argo CD is to do with it


def check_its_argocd(scene: Scene, built: Built) -> list[Finding]:
    cluster = scene.inventory.external
    crds = f"istio/{scene.inventory.mesh.istio_version}/crds"
    return check_argocd(scene.inventory, cluster, built, (cluster.directory, crds), (HERE,))


def test_it_has_a_project_of_its_own(with_bot: Scene) -> None:
    assert check_its_argocd(with_bot, with_bot.built[ARGOCD]) == []


@pytest.mark.parametrize(
    "change",
    [
        put("mesh1.external-cluster", "spec", "project"),
        put("clusters/external-cluster/custom", "spec", "source", "path"),
        put("remote-cluster-1", "spec", "destination", "name"),
    ],
)
def test_an_application_of_another_project_is_found(with_bot: Scene, change: Change) -> None:
    built = spoilt(with_bot.built[ARGOCD], "Application", BOT, change)
    found = check_its_argocd(with_bot, built)
    assert {finding.code for finding in found} == {"EXTCP-V019"}


@pytest.mark.parametrize("kind", ["AppProject", "Application"])
def test_what_is_missing_is_found(with_bot: Scene, kind: str) -> None:
    assert check_its_argocd(with_bot, without(with_bot.built[ARGOCD], kind, BOT))


@pytest.mark.usefixtures("kustomize_on_path")
def test_all_of_it_is_valid(
    with_bot: Scene, istioctl_path: Path, render_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXTCP_CACHE_DIR", str(render_cache))
    report = run.validate(with_bot.root, Options(istioctl=istioctl_path))
    assert [each for each in report.findings if each.code != "EXTCP-I041"] == []
    assert report.unknown == ()


@pytest.mark.usefixtures("kustomize_on_path")
def test_an_object_that_its_project_does_not_allow_is_found(
    with_bot: Scene, tmp_path: Path
) -> None:
    root = shutil.copytree(with_bot.root, tmp_path / "root")
    file = root / HERE / "namespace.yaml"
    file.write_text(
        f"{file.read_text()}---\napiVersion: v1\nkind: ConfigMap\n"
        "metadata: {name: x, namespace: extcp-bot}\n"
    )
    report = run.check_objects(root, with_bot.inventory, [with_bot.inventory.external])
    assert ("EXTCP-V050", HERE) in {(each.code, each.file) for each in report.findings}
