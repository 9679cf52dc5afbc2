from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from extcp_gitops.inventory.model import (
    Cluster,
    ControlPlane,
    Destination,
    GatewayTLS,
    Inventory,
    Mesh,
    Repository,
    Role,
)
from extcp_gitops.render import argocd
from tests import strategies

if TYPE_CHECKING:
    from collections.abc import Iterator

Object = dict[str, Any]

CRDS_PATH = "istio/1.29.1/crds"
KINDS = [("", "Secret"), ("apps", "Deployment")]
SOME = settings(max_examples=40)  # an inventory is large, and varies in a few ways that matter
SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"


def mesh(*, address: str = "istiod.example.com", mesh_id: str = "mesh1") -> Inventory:
    tls = None if address[0].isdigit() else GatewayTLS("istiod-tls")
    plane = ControlPlane("external-istiod", address, "config", tls=tls)
    remotes = [
        Cluster(
            name,
            Role.REMOTE,
            Destination(name=name),
            control_plane=plane.name,
            network="network1",
            labels={"team": "payments", argocd.LABEL_MESH: "forged"},
        )
        for name in ("config", "remote")
    ]
    external = Cluster("external", Role.EXTERNAL, Destination(server=argocd.IN_CLUSTER))
    repository = Repository("https://git.example.com/mesh.git")
    return Inventory(
        Mesh(mesh_id, "1.29.1", repository, "external", (plane,)), (*remotes, external)
    )


def project_of(inventory: Inventory, cluster: Cluster) -> Object:
    return argocd.project(
        inventory,
        cluster,
        namespaces=["istio-system", "another"],
        cluster_kinds=[("", "Namespace")],
        namespaced_kinds=KINDS,
    )


def applications_of(inventory: Inventory, cluster: Cluster) -> list[Object]:
    paths = [cluster.directory, "istio/1.29.1/external-istiod/istiod"]
    return argocd.applications(inventory, cluster, crds_paths=[CRDS_PATH], paths=paths)


def objects_of(inventory: Inventory) -> Iterator[Object]:
    yield from argocd.root_objects(inventory)
    for cluster in inventory.clusters:
        yield project_of(inventory, cluster)
        yield from applications_of(inventory, cluster)


def rules_of(inventory: Inventory, name: str) -> list[Object]:
    _, rest = applications_of(inventory, inventory.by_name[name])
    rules: list[Object] = rest["spec"].get("ignoreDifferences", [])
    return rules


def matches(glob: str, text: str) -> bool:
    """Argo CD's globs (gobwas/glob without separators), as far as they are written here."""
    tokens = {"*": ".*", "?": ".", "{": "(?:", ",": "|", "}": ")"}
    parts = re.findall(r"\\.|.", glob, re.DOTALL)
    assert not {"[", "]"} & set(parts), "a class is more than this model knows"
    regex = "".join(tokens.get(part) or re.escape(part[-1]) for part in parts)
    return re.fullmatch(regex, text, re.DOTALL) is not None


# Argo CD's own schemas


@pytest.fixture(scope="session")
def validators() -> dict[str, jsonschema.Draft202012Validator]:
    """Argo CD's CRDs, made strict: what a schema does not know, it refuses."""
    directory = os.environ.get("EXTCP_ARGOCD_CRDS")
    if not directory:
        pytest.fail("EXTCP_ARGOCD_CRDS names no directory; run 'make test'", pytrace=False)
    result = {}
    for name in ("application-crd.yaml", "appproject-crd.yaml"):
        crd = yaml.safe_load((Path(directory) / name).read_text())
        (version,) = crd["spec"]["versions"]
        schema = strict(version["schema"]["openAPIV3Schema"])
        result[crd["spec"]["names"]["kind"]] = jsonschema.Draft202012Validator(schema)
    return result


def strict(schema: Object, *, top: bool = True) -> Object:
    result = dict(schema)
    if "properties" in schema:
        result["properties"] = {
            # metadata is the API server's own; its schema is not in a CRD
            key: value if top and key == "metadata" else strict(value, top=False)
            for key, value in schema["properties"].items()
        }
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            result["additionalProperties"] = False
    for key in ("items", "additionalProperties"):
        if isinstance(result.get(key), dict):
            result[key] = strict(result[key], top=False)
    return result


@SOME
@given(inventory=strategies.inventories())
def test_argo_cds_own_schemas_accept_every_object(
    validators: dict[str, jsonschema.Draft202012Validator], inventory: Inventory
) -> None:
    for item in objects_of(inventory):
        validators[item["kind"]].validate(item)
        assert re.fullmatch(SUBDOMAIN, item["metadata"]["name"])
        assert len(item["metadata"]["name"]) <= 63
        for value in item["metadata"]["labels"].values():
            assert re.fullmatch(r"([A-Za-z0-9]([-\w.]*[A-Za-z0-9])?)?", value, re.ASCII)
            assert len(value) <= 63


def test_the_strict_schemas_refuse_what_argo_cd_does_not_know(
    validators: dict[str, jsonschema.Draft202012Validator],
) -> None:
    _, application = argocd.root_objects(mesh())
    application["spec"]["syncPolicy"]["automated"]["selfheal"] = True
    with pytest.raises(jsonschema.ValidationError, match="selfheal"):
        validators["Application"].validate(application)


# Law 5: safe to prune


@SOME
@given(inventory=strategies.inventories())
def test_nothing_that_vanishes_from_git_takes_a_mesh_with_it(inventory: Inventory) -> None:
    for item in objects_of(inventory):
        assert "finalizers" not in item["metadata"], "deleting it would delete what it deployed"
        if item["kind"] == "Application":
            automated = item["spec"]["syncPolicy"]["automated"]
            assert "allowEmpty" not in automated  # false, in the only form that stays
            if item["spec"]["source"]["path"] == CRDS_PATH:
                assert "prune" not in automated
            assert not any(option.startswith(("Replace", "Force")) for option in syncs(item)), (
                "replacing is deleting"
            )
    for item in argocd.root_objects(inventory):
        options = item["metadata"]["annotations"]["argocd.argoproj.io/sync-options"]
        assert options == "Prune=false,Delete=false"


def syncs(application: Object) -> list[str]:
    options: list[str] = application["spec"]["syncPolicy"]["syncOptions"]
    return options


def test_a_cluster_leaves_before_its_project_does() -> None:
    inventory = mesh()
    project = project_of(inventory, inventory.by_name["remote"])
    apps = applications_of(inventory, inventory.by_name["remote"])
    _, root = argocd.root_objects(inventory)
    wave = "argocd.argoproj.io/sync-wave"
    # Pruning goes through the waves backwards, unless PruneLast puts all of it into one.
    assert int(project["metadata"]["annotations"][wave]) < 0
    assert all(wave not in app["metadata"]["annotations"] for app in apps)
    assert "PruneLast=true" not in syncs(root)


# Least privilege


@SOME
@given(inventory=strategies.inventories())
def test_a_project_reaches_its_own_cluster_and_nothing_else(inventory: Inventory) -> None:
    for cluster in inventory.clusters:
        spec = project_of(inventory, cluster)["spec"]
        for other in inventory.clusters:
            reached = [
                matches(item[key], value)
                for item in spec["destinations"]
                for key in ("name", "server")
                if key in item and (value := getattr(other.destination, key)) is not None
            ]
            if other is cluster:
                assert reached
                assert all(reached)
            else:
                assert not any(reached)
        assert spec["sourceRepos"] == [inventory.mesh.repository.url]
        assert not any(item.get("name", "").startswith("!") for item in spec["destinations"])


@SOME
@given(inventory=strategies.inventories())
def test_a_project_allows_what_its_applications_do(inventory: Inventory) -> None:
    for cluster in inventory.clusters:
        project = project_of(inventory, cluster)
        for app in applications_of(inventory, cluster):
            spec = app["spec"]
            assert spec["project"] == project["metadata"]["name"]
            assert spec["source"]["repoURL"] in project["spec"]["sourceRepos"]
            namespaces = [item["namespace"] for item in project["spec"]["destinations"]]
            assert spec["destination"]["namespace"] in namespaces
            assert len(namespaces) == len(set(namespaces))
        allowed = project["spec"]["clusterResourceWhitelist"]
        assert {"group": "apiextensions.k8s.io", "kind": "CustomResourceDefinition"} in allowed


def test_an_escaped_destination_is_no_pattern() -> None:
    inventory = mesh()
    for destination, written in (
        (Destination(name="!*"), {"name": r"\!\*"}),
        (Destination(server="https://[::1]:6443"), {"server": r"https://\[::1\]:6443"}),
    ):
        cluster = replace(inventory.by_name["remote"], destination=destination)
        changed = Inventory(inventory.mesh, (cluster, *inventory.clusters[:1]))
        (first, *_) = project_of(changed, cluster)["spec"]["destinations"]
        assert first == {**written, "namespace": "another"}
        _, app = applications_of(changed, cluster)
        assert app["spec"]["destination"] == {
            key: value
            for key, value in (("name", destination.name), ("server", destination.server))
            if value
        } | {"namespace": "external-istiod"}


def test_a_project_without_kinds_is_refused() -> None:
    inventory = mesh()
    with pytest.raises(ValueError, match="allows all"):
        argocd.project(
            inventory, inventory.external, namespaces=[], cluster_kinds=[], namespaced_kinds=[]
        )


@SOME
@given(inventory=strategies.inventories())
def test_the_root_writes_applications_and_projects_in_argo_cds_own_namespace(
    inventory: Inventory,
) -> None:
    project, root = argocd.root_objects(inventory)
    here = {
        "server": "https://kubernetes.default.svc",
        "namespace": inventory.mesh.argocd_namespace,
    }
    assert project["spec"]["destinations"] == [here]
    assert root["spec"]["destination"] == here
    assert project["spec"]["clusterResourceWhitelist"] == []
    assert project["spec"]["namespaceResourceWhitelist"] == [
        {"group": "argoproj.io", "kind": "AppProject"},
        {"group": "argoproj.io", "kind": "Application"},
    ]
    for item in objects_of(inventory):
        assert item["metadata"]["namespace"] == inventory.mesh.argocd_namespace


# What the root picks up


@pytest.mark.parametrize(
    ("path", "is_synced"),
    [
        ("argocd/application.yaml", True),
        ("argocd/project.yaml", True),
        ("argocd/kustomization.yaml", False),
        ("argocd/deeper/project.yaml", False),
        ("mesh.yaml", False),
        ("clusters/remote/cluster.yaml", False),
        ("clusters/remote/argocd/project.yaml", True),
        ("clusters/remote/argocd/applications.yaml", True),
        ("clusters/remote/argocd/other.yaml", False),
        ("clusters/a--slash--b/argocd/project.yaml", True),
        ("clusters/argocd/argocd/project.yaml", True),
        ("clusters/argocd/project.yaml", False),
        ("clusters/custom/argocd/project.yaml", True),
        ("clusters/remote/custom/argocd/project.yaml", False),
        ("clusters/remote/custom/argocd/applications.yaml", False),
        ("clusters/remote/custom/a/argocd/project.yaml", False),
        ("clusters/remote/argocd/argocd/project.yaml", False),
        ("elsewhere/clusters/remote/argocd/project.yaml", False),
    ],
)
def test_the_root_syncs_what_is_generated_and_nothing_of_a_persons(
    path: str, *, is_synced: bool
) -> None:
    _, root = argocd.root_objects(mesh())
    source = root["spec"]["source"]
    assert source["path"] == "."
    assert source["directory"]["recurse"] is True
    included = matches(source["directory"]["include"], path)
    assert (included and not matches(source["directory"]["exclude"], path)) is is_synced


# Names


@SOME
@given(
    inventories=st.lists(
        strategies.inventories(), min_size=2, max_size=3, unique_by=lambda one: one.mesh.mesh_id
    )
)
def test_several_meshes_share_an_argo_cd(inventories: list[Inventory]) -> None:
    names = [
        (item["kind"], item["metadata"]["name"])
        for inventory in inventories
        for item in objects_of(inventory)
    ]
    assert len(names) == len(set(names))


def test_names_that_could_be_mistaken_for_one_another_are_not() -> None:
    inventory = mesh(mesh_id="a")
    clusters = [
        replace(inventory.by_name["remote"], name=name, destination=Destination(name=name))
        for name in ("b", "b-crds", "crds", f"b{'x' * 60}", f"b{'x' * 61}")
    ]
    other = mesh(mesh_id="a-b")
    names = [
        *(argocd.application_name(inventory, cluster) for cluster in clusters),
        *(argocd.crds_application_name(inventory, cluster) for cluster in clusters),
        *(argocd.application_name(other, cluster) for cluster in clusters),
        *(argocd.root_name(mesh(mesh_id=one)) for one in ("default", "b" * 62, "b" * 63)),
    ]
    assert len(names) == len(set(names))
    assert {"a.b", "a.b.crds", "a-b.b", "extcp-default"} <= set(names)
    assert "default" not in names, "that project is Argo CD's own"
    assert max(map(len, names)) == 63


def test_labels_say_what_a_cluster_is() -> None:
    inventory = mesh()
    for name, role in (("external", "external"), ("config", "config"), ("remote", "remote")):
        cluster = inventory.by_name[name]
        for item in (project_of(inventory, cluster), *applications_of(inventory, cluster)):
            ours = {
                "extcp-gitops.io/mesh": "mesh1",
                "extcp-gitops.io/cluster": name,
                "extcp-gitops.io/role": role,
            }
            theirs = {} if name == "external" else {"team": "payments"}
            assert item["metadata"]["labels"] == theirs | ours


# What a sync does


def test_an_application_is_rendered_again_when_its_own_files_change() -> None:
    inventory = mesh()
    crds, rest = applications_of(inventory, inventory.by_name["remote"])
    annotation = "argocd.argoproj.io/manifest-generate-paths"
    assert crds["metadata"]["annotations"][annotation] == "/istio/1.29.1/crds"
    assert rest["metadata"]["annotations"][annotation] == (
        "/clusters/remote;/istio/1.29.1/external-istiod/istiod"
    )
    assert crds["spec"]["source"]["path"] == "istio/1.29.1/crds"
    assert rest["spec"]["source"]["path"] == "clusters/remote"


@SOME
@given(inventory=strategies.inventories())
def test_every_application_converges_without_anybody(inventory: Inventory) -> None:
    for item in objects_of(inventory):
        if item["kind"] == "Application":
            policy = item["spec"]["syncPolicy"]
            assert policy["automated"]["selfHeal"] is True
            assert policy["retry"]["limit"] < 0, "a revision that is given up is never tried again"
            assert policy["retry"]["refresh"] is True, "or it hangs on to an old revision"
            assert "ServerSideApply=true" in policy["syncOptions"]
            annotations = item["metadata"]["annotations"]
            assert annotations["argocd.argoproj.io/compare-options"] == "ServerSideDiff=true"


def test_only_what_istiod_writes_is_ignored() -> None:
    group = {"group": "admissionregistration.k8s.io"}
    bundle, policy = ".webhooks[]?.clientConfig.caBundle", ".webhooks[]?.failurePolicy"
    injector = {"kind": "MutatingWebhookConfiguration", "jqPathExpressions": [bundle]}
    validator = {"kind": "ValidatingWebhookConfiguration", "jqPathExpressions": [bundle, policy]}

    for inventory in (mesh(), mesh(address="198.51.100.7")):
        assert rules_of(inventory, "external") == [
            {**group, **injector, "name": "istio-sidecar-injector"},
            {**group, **validator, "name": "istio-validator-istio-system"},
        ]
    assert rules_of(mesh(), "config") == []
    assert rules_of(mesh(), "remote") == []
    by_ip = mesh(address="198.51.100.7")
    own = {**group, **injector, "name": "istio-sidecar-injector-external-istiod"}
    assert rules_of(by_ip, "remote") == [own]
    assert rules_of(by_ip, "config") == [
        own,
        {**group, **validator, "name": "istio-validator-external-istiod"},
        {**group, **validator, "name": "istiod-default-validator"},
    ]


@SOME
@given(inventory=strategies.inventories())
def test_ignored_differences_are_respected_where_there_are_any(inventory: Inventory) -> None:
    for item in objects_of(inventory):
        if item["kind"] == "Application":
            respects = "RespectIgnoreDifferences=true" in syncs(item)
            assert respects is ("ignoreDifferences" in item["spec"])
