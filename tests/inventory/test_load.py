from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.errors import ExtcpError
from extcp_gitops.inventory.load import find_root, load, load_directory, read
from extcp_gitops.inventory.model import Bot, Gateways, InClusterBot, Role
from tests import meshes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CUSTOM = "clusters/remote-cluster-2/custom/kustomization.yaml"


def write(root: Path, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)


def codes(error: pytest.ExceptionInfo[ExtcpError]) -> list[str]:
    return [finding.code for finding in error.value.findings]


def test_an_inventory(tmp_path: Path) -> None:
    write(tmp_path, {**meshes.mesh(), CUSTOM: b"kind: Component\n"})
    inventory = load_directory(tmp_path).inventory
    assert [c.name for c in inventory.clusters] == [
        "external-cluster",
        "remote-cluster-1",
        "remote-cluster-2",
    ]
    first, second = inventory.remotes
    assert inventory.external.role is Role.EXTERNAL
    assert inventory.is_config_cluster(first)
    assert not inventory.is_config_cluster(second)
    assert (first.custom, second.custom) == (False, True)
    assert first.gateways == Gateways(ingress=True)
    assert inventory.control_plane_of(second).namespace == "external-istiod"


def test_the_root_is_found_from_below_as_git_does(tmp_path: Path) -> None:
    write(tmp_path, meshes.mesh())
    assert find_root(tmp_path / "clusters/remote-cluster-1") == tmp_path


def test_no_mesh(tmp_path: Path) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-I010"):
        find_root(tmp_path)
    with pytest.raises(ExtcpError, match="EXTCP-I010"):
        load_directory(tmp_path)


def test_a_cluster_id_with_a_slash() -> None:
    changes = {
        "mesh.yaml": meshes.replaced(
            meshes.MESH, "configCluster: remote-cluster-1", "configCluster: team/blue"
        ),
        "clusters/remote-cluster-1/cluster.yaml": None,
        "clusters/team--slash--blue/cluster.yaml": meshes.REMOTE.format(name="blue"),
    }
    inventory = load(meshes.mesh(changes)).inventory
    cluster = inventory.by_name["team/blue"]
    assert cluster.directory == "clusters/team--slash--blue"
    assert inventory.is_config_cluster(cluster)


def test_every_problem_of_every_file_is_reported() -> None:
    changes = {
        "mesh.yaml": meshes.replaced(meshes.MESH, "meshID: mesh1", "meshID: [1]"),
        "clusters/remote-cluster-1/cluster.yaml": "a: &x 1\n",
        "clusters/remote-cluster-2/cluster.yaml": "role: remote\nrole: remote\n",
        "clusters/Upper/cluster.yaml": meshes.REMOTE.format(name="upper"),
    }
    with pytest.raises(ExtcpError) as error:
        load(meshes.mesh(changes))
    files = {finding.file for finding in error.value.findings}
    assert files == {"clusters/Upper/cluster.yaml", *list(changes)[:3]}


@pytest.mark.parametrize("path", ["mesh.yaml", "clusters/remote-cluster-1/cluster.yaml"])
def test_links_and_pipes_are_not_read(tmp_path: Path, path: str) -> None:
    write(tmp_path, meshes.mesh())
    (tmp_path / path).rename(tmp_path / "elsewhere")
    (tmp_path / path).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ExtcpError) as error:
        read(tmp_path)
    assert (codes(error), error.value.findings[0].file) == (["EXTCP-I011"], path)
    (tmp_path / path).unlink()
    os.mkfifo(tmp_path / path)
    with pytest.raises(ExtcpError, match="EXTCP-I011"):
        read(tmp_path)


@pytest.mark.parametrize("directory", ["clusters", "clusters/remote-cluster-2"])
def test_a_linked_directory_is_named_and_not_read(tmp_path: Path, directory: str) -> None:
    write(tmp_path, meshes.mesh())
    (tmp_path / directory).rename(tmp_path / "elsewhere")
    (tmp_path / directory).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ExtcpError, match="EXTCP-I011 is a symbolic link") as error:
        read(tmp_path)
    assert error.value.findings[0].file == directory


def test_the_repository_itself_may_be_behind_a_link(tmp_path: Path) -> None:
    write(tmp_path / "mesh", meshes.mesh())
    (tmp_path / "link").symlink_to("mesh")
    assert read(tmp_path / "link") == read(tmp_path / "mesh") == meshes.mesh()


def test_what_a_removed_cluster_left_waits_for_the_next_of_its_name(tmp_path: Path) -> None:
    path = "clusters/remote-cluster-2/cluster.yaml"
    write(tmp_path, {**meshes.mesh({path: None}), CUSTOM: b"kind: Component\n"})
    files = read(tmp_path)
    assert CUSTOM in files
    assert "remote-cluster-2" not in load(files).inventory.by_name
    again = load(files | {path: meshes.mesh()[path]}).inventory
    assert again.by_name["remote-cluster-2"].custom


def test_what_no_cluster_uses_need_not_be_right() -> None:
    files = meshes.mesh({"clusters/remote-cluster-2/cluster.yaml": None, CUSTOM: "kind: Other\n"})
    assert len(load(files).inventory.clusters) == 2


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {**meshes.mesh(), "mesh.yaml": b"a: " + b"x" * (9 << 20)})
    with pytest.raises(ExtcpError, match=r"mesh\.yaml"):
        load_directory(tmp_path)


def test_a_hundred_thousand_brackets_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {**meshes.mesh(), "mesh.yaml": b"[" * 100_000})
    with pytest.raises(ExtcpError, match=r"mesh\.yaml:1:"):
        load_directory(tmp_path)


def test_a_custom_directory_has_to_be_a_component(tmp_path: Path) -> None:
    write(tmp_path, {**meshes.mesh(), CUSTOM: b"kind: Kustomization\nresources: []\n"})
    with pytest.raises(ExtcpError) as error:
        load_directory(tmp_path)
    assert (codes(error), error.value.findings[0].file) == (["EXTCP-I029"], CUSTOM)


def test_notes_between_certificates_are_dropped() -> None:
    noted = f"issued by nobody {{{{7*7}}}}\n{meshes.certificate()}"
    block = "".join(f"      {line}\n" for line in noted.splitlines())
    plane = load(meshes.mesh({"mesh.yaml": f"{meshes.MESH}    caBundle: |\n{block}"}))
    assert plane.inventory.mesh.control_planes[0].ca_bundle == meshes.certificate()


FORGE = meshes.replaced(meshes.MESH, "mesh.git\n", "mesh.git\n  forge: github\n")
IMAGE = f"registry.example.com/extcp-bot@sha256:{'0' * 64}"


def test_where_the_bot_runs() -> None:
    assert load(meshes.mesh()).inventory.mesh.bot == Bot()
    scheduled = f'{FORGE}bot:\n  schedule: "*/30 * * * *"\n'
    assert load(meshes.mesh({"mesh.yaml": scheduled})).inventory.mesh.bot == Bot("*/30 * * * *")
    inside = f"{FORGE}bot:\n  inCluster:\n    image: {IMAGE}\n    tokenSecret: forge\n"
    found = load(meshes.mesh({"mesh.yaml": inside})).inventory.mesh.bot
    assert found == Bot(None, InClusterBot(IMAGE, "forge", "extcp-bot"))
    api = "https://api.example.com:8443/v1"
    more = f"{inside}    namespace: tools\n    kubeconfigSecret: clusters\n    forgeApiUrl: {api}\n"
    found = load(meshes.mesh({"mesh.yaml": more})).inventory.mesh.bot
    assert found.in_cluster == InClusterBot(IMAGE, "forge", "tools", "clusters", api)


@pytest.mark.parametrize(
    "line",
    [
        "schedule: every day",
        'schedule: "*/30 * * *"',
        'schedule: "*/30 * * * *\\n"',
        "inCluster: {tokenSecret: forge}",
        "inCluster: {image: registry.example.com/extcp-bot:latest, tokenSecret: forge}",
        f"inCluster: {{image: {IMAGE}}}",
        f"inCluster: {{image: {IMAGE}, tokenSecret: forge, token: canary}}",
        f"inCluster: {{image: {IMAGE}, tokenSecret: forge, forgeApiUrl: http://example.com}}",
        f"inCluster: {{image: {IMAGE}, tokenSecret: forge, forgeApiUrl: https://a:b@example.com}}",
        f"inCluster: {{image: {IMAGE}, tokenSecret: forge, forgeApiUrl: https://example.com/?a=b}}",
    ],
)
def test_a_bot_that_cannot_be(line: str) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-I00") as error:
        load(meshes.mesh({"mesh.yaml": f"{FORGE}bot:\n  {line}\n"}))
    assert {finding.line for finding in error.value.findings} <= {15, 16}


def test_documents_of_a_credential_are_no_part_of_the_inventory() -> None:
    place = "clusters/remote-cluster-2/credential"
    files = meshes.mesh({f"{place}/external-secret.yaml": "kind: ExternalSecret\n"})
    assert not load(files).inventory.by_name["remote-cluster-2"].credential
    files[f"{place}/kustomization.yaml"] = b"kind: Kustomization\n"
    clusters = load(files).inventory.by_name
    assert clusters["remote-cluster-2"].credential
    assert not clusters["remote-cluster-1"].credential


def test_a_cluster_may_be_called_credential() -> None:
    item = meshes.REMOTE.format(name="credential")
    files = meshes.mesh({"clusters/credential/cluster.yaml": item})
    assert "credential" in load(files).inventory.by_name
