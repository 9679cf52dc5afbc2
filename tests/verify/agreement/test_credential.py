"""Documents that make a cluster's remote secret, from the directory to Argo CD."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from extcp_gitops.errors import Severity
from extcp_gitops.generate import Options, generate
from extcp_gitops.inventory.load import load_directory
from extcp_gitops.verify.run import validate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from extcp_gitops.verify.run import Report
    from tests.repositories import Scene

    Object = dict[str, Any]

REMOTE = "remote-cluster-2"
OWN = f"clusters/{REMOTE}"
KUSTOMIZATION = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- document.yaml
"""


def external_secret() -> Object:
    labels = {"istio/multiCluster": "true"}
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": f"istio-remote-secret-{REMOTE}", "namespace": "external-istiod"},
        "spec": {
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": "vault"},
            "target": {
                "name": f"istio-remote-secret-{REMOTE}",
                "template": {"metadata": {"labels": labels}},
            },
            "data": [{"secretKey": REMOTE, "remoteRef": {"key": REMOTE}}],
        },
    }


def sealed_secret() -> Object:
    item = external_secret()
    return {
        **item,
        "apiVersion": "bitnami.com/v1alpha1",
        "kind": "SealedSecret",
        "spec": {
            "encryptedData": {REMOTE: "AgBLQT1SL1A4Nylz5Gqs9JLSPnqPwEsm7QMrC1NR"},
            "template": item["spec"]["target"]["template"],
        },
    }


@pytest.fixture
def root(host_name: Scene, tmp_path: Path) -> Path:
    return shutil.copytree(host_name.root, tmp_path / "root")


@pytest.fixture
def write(root: Path, istioctl_path: Path) -> Callable[..., tuple[str, ...]]:
    """Put documents beside a cluster, and generate; gives the paths that changed."""

    def write(*items: Object) -> tuple[str, ...]:
        place = root / OWN / "credential"
        place.mkdir(exist_ok=True)
        (place / "kustomization.yaml").write_text(KUSTOMIZATION)
        (place / "document.yaml").write_text(yaml.safe_dump_all(items))
        return tuple(generate(root, Options(istioctl=istioctl_path)).changes.paths)

    return write


@pytest.fixture
def found(
    root: Path,
    istioctl_path: Path,
    kustomize_on_path: None,  # noqa: ARG001 - on PATH
) -> Callable[[], list[str]]:
    def run() -> list[str]:
        report: Report = validate(root, Options(istioctl=istioctl_path), [REMOTE])
        return [str(each) for each in report.findings if each.severity is Severity.ERROR]

    return run


@pytest.mark.parametrize(
    "item", [external_secret(), sealed_secret()], ids=["reference", "encrypted"]
)
def test_a_reference_and_an_encrypted_form_are_valid(
    write: Callable[..., tuple[str, ...]], found: Callable[[], list[str]], item: Object
) -> None:
    write(item)
    assert found() == []


def test_files_of_no_other_cluster_change(
    root: Path, write: Callable[..., tuple[str, ...]]
) -> None:
    assert set(write(external_secret())) == {
        f"{OWN}/argocd/applications.yaml",
        f"{OWN}/argocd/project.yaml",
    }
    assert load_directory(root).inventory.by_name[REMOTE].credential


def test_argo_cd_applies_them_to_the_external_cluster_and_nothing_else(
    root: Path, write: Callable[..., tuple[str, ...]]
) -> None:
    write(external_secret())
    place = root / OWN / "argocd"
    texts = [(place / f"{name}.yaml").read_text() for name in ("applications", "project")]
    applications, projects = ([each for each in yaml.safe_load_all(text) if each] for text in texts)
    (application,) = (a for a in applications if a["metadata"]["name"].endswith(".credential"))
    (project,) = (p for p in projects if p["metadata"]["name"].endswith(".credential"))
    assert application["spec"]["source"]["path"] == f"{OWN}/credential"
    assert application["spec"]["project"] == project["metadata"]["name"]
    external = load_directory(root).inventory.external.destination.name
    assert application["spec"]["destination"] == {"name": external, "namespace": "external-istiod"}
    (destination,) = project["spec"]["destinations"]
    assert destination["namespace"] == "external-istiod"
    kinds = {each["kind"] for each in project["spec"]["namespaceResourceWhitelist"]}
    assert kinds == {"ExternalSecret", "SealedSecret"}
    assert len(application["metadata"]["name"]) <= 63


def changed(*path: str, to: object) -> Object:
    item: Any = external_secret()
    inner = item
    for name in path[:-1]:
        inner = inner[int(name)] if name.isdecimal() else inner[name]
    inner[path[-1]] = to
    assert isinstance(item, dict)
    return item


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (changed("metadata", "name", to="other"), "the name of"),
        (changed("metadata", "namespace", to="istio-system"), "the name of"),
        (changed("spec", "data", "0", "secretKey", to="other"), "the key in"),
        (changed("spec", "target", "template", to={}), "label istio/multiCluster"),
        (changed("spec", "target", "name", to="other"), "the Secret of"),
        (changed("kind", to="ClusterExternalSecret"), "of a kind that its AppProject"),
    ],
)
def test_what_makes_something_else_is_found(
    write: Callable[..., tuple[str, ...]],
    found: Callable[[], list[str]],
    item: Object,
    words: str,
) -> None:
    write(item)
    assert any(words in each for each in found())


def test_a_second_object_is_found(
    write: Callable[..., tuple[str, ...]], found: Callable[[], list[str]]
) -> None:
    other = external_secret()
    other["metadata"]["name"] = "other"
    write(external_secret(), other)
    assert any("there are 2 objects" in each for each in found())


def test_a_secret_in_clear_is_found(
    write: Callable[..., tuple[str, ...]], found: Callable[[], list[str]]
) -> None:
    item = external_secret()
    write({**item, "apiVersion": "v1", "kind": "Secret", "spec": None, "data": {REMOTE: "eA=="}})
    assert any("EXTCP-V030" in each for each in found())


def test_what_lets_more_come_that_way_is_found(
    root: Path, write: Callable[..., tuple[str, ...]], found: Callable[[], list[str]]
) -> None:
    write(external_secret())
    path = root / OWN / "argocd" / "project.yaml"
    text = path.read_text()
    path.write_text(text.replace("kind: SealedSecret", "kind: Secret"))
    assert any("allows more than remote secrets" in each for each in found())
