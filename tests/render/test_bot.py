"""What is generated to run the bot in the external cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from extcp_gitops.inventory.model import (
    Bot,
    Cluster,
    ControlPlane,
    Destination,
    Forge,
    GatewayTLS,
    InClusterBot,
    Inventory,
    Mesh,
    Repository,
    Role,
)
from extcp_gitops.render import argocd, bot
from extcp_gitops.verify import secrets
from extcp_gitops.verify.objects import Document
from extcp_gitops.verify.schemas import kubernetes

Object = dict[str, Any]

IMAGE = f"registry.example.com/extcp-bot@sha256:{'0' * 64}"
BY_ARGOCD = InClusterBot(IMAGE, "forge")
BY_KUBECONFIG = InClusterBot(IMAGE, "forge", "tools", "clusters")
BOTH = (BY_ARGOCD, BY_KUBECONFIG)


def mesh(pod: InClusterBot | None, planes: int = 1) -> Inventory:
    tls = GatewayTLS("gateway-tls")
    control = [
        ControlPlane(f"istiod-{n}", f"{n}.example.com", f"config-{n}", tls=tls)
        for n in range(planes)
    ]
    remotes = [
        Cluster(p.config_cluster, Role.REMOTE, Destination(name=p.config_cluster), p.name, "n")
        for p in control
    ]
    external = Cluster("ext", Role.EXTERNAL, Destination(server=argocd.IN_CLUSTER))
    url = "https://git.example.com/mesh.git"
    made = Mesh("mesh1", "1.29.1", Repository(url, "trunk", Forge.GITEA), "ext", tuple(control))
    return Inventory(replace(made, bot=Bot(in_cluster=pod)), (*remotes, external))


def objects(pod: InClusterBot, planes: int = 1) -> list[Object]:
    found: list[Object] = []
    for path, body in bot.files(mesh(pod, planes)).items():
        assert path.startswith("clusters/ext/bot/")
        if not path.endswith("kustomization.yaml"):
            found += body if isinstance(body, list) else yaml.safe_load_all(body)
    return found


def one(found: list[Object], kind: str, namespace: str = "") -> Object:
    (item,) = [
        each
        for each in found
        if each["kind"] == kind and each["metadata"].get("namespace", "") == namespace
    ]
    return item


def pod_of(found: list[Object], namespace: str) -> Object:
    spec: Object = one(found, "Deployment", namespace)["spec"]["template"]["spec"]
    return spec


def test_where_nobody_asks_for_it_there_is_nothing() -> None:
    assert bot.files(mesh(None)) == {}
    assert bot.argocd_objects(mesh(None)) == ([], [])


@pytest.mark.parametrize("pod", BOTH, ids=["Argo CD", "kubeconfig"])
def test_each_object_fits_its_schema_and_none_is_a_secret(pod: InClusterBot) -> None:
    for item in objects(pod, planes=2):
        document = Document(yaml.safe_dump(item), item)
        assert kubernetes.problems(document) == []
        assert kubernetes.metadata_problems(document) == []
        assert list(secrets.check_objects({document: ["here"]})) == []
        assert item["kind"] != "Secret"


@pytest.mark.parametrize("pod", BOTH, ids=["Argo CD", "kubeconfig"])
def test_kustomize_is_given_all_files(pod: InClusterBot) -> None:
    files = bot.files(mesh(pod))
    listed = yaml.safe_load(str(files["clusters/ext/bot/kustomization.yaml"]))["resources"]
    assert {f"clusters/ext/bot/{name}" for name in listed} == set(files) - {
        "clusters/ext/bot/kustomization.yaml"
    }


@pytest.mark.parametrize("pod", BOTH, ids=["Argo CD", "kubeconfig"])
def test_its_pod_may_do_as_little_as_a_pod_can(pod: InClusterBot) -> None:
    found = objects(pod)
    namespace = one(found, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    spec = pod_of(found, pod.namespace)
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = spec["containers"]
    assert container["image"] == IMAGE
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]
    assert {"livenessProbe", "readinessProbe"} <= set(container)
    for volume in spec["volumes"]:
        assert volume.get("secret", {}).get("defaultMode", 0o440) == 0o440
    written = [mount["mountPath"] for mount in container["volumeMounts"] if "readOnly" not in mount]
    assert written == ["/tmp"]  # noqa: S108 - a path in the container
    account = one(found, "ServiceAccount", pod.namespace)
    assert account["automountServiceAccountToken"] is False


def test_of_two_replicas_one_may_be_drained() -> None:
    found = objects(BY_ARGOCD)
    assert one(found, "Deployment", "extcp-bot")["spec"]["replicas"] == 2
    budget = one(found, "PodDisruptionBudget", "extcp-bot")["spec"]
    labels = one(found, "Deployment", "extcp-bot")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        budget["selector"],
        one(found, "Deployment", "extcp-bot")["spec"]["selector"],
        one(found, "NetworkPolicy", "extcp-bot")["spec"]["podSelector"],
    ]
    assert budget["maxUnavailable"] == 1
    for selector in selectors:
        assert set(selector["matchLabels"].items()) <= set(labels.items())


def test_it_is_told_of_its_repository_and_of_no_token() -> None:
    (container,) = pod_of(objects(BY_ARGOCD), "extcp-bot")["containers"]
    command = container["command"]
    assert command[:2] == ["extcp-bot", "serve"]
    told = dict(zip(command[2:14:2], command[3:14:2], strict=True))
    assert told == {
        "--listen": "0.0.0.0:8080",
        "--lease": "extcp-bot/extcp-bot",
        "--repository": "https://git.example.com/mesh.git",
        "--branch": "trunk",
        "--forge": "gitea",
        "--forge-ca": "/var/run/secrets/extcp-bot/forge/ca.crt",
    }
    assert command[14:] == ["--from-argocd", "--in-cluster"]
    names = {each["name"] for each in container["env"]}
    assert "EXTCP_FORGE_TOKEN_FILE" in names
    assert not {"EXTCP_FORGE_TOKEN", "KUBECONFIG"} & names


def test_it_is_told_of_an_api_at_another_address() -> None:
    api = "https://api.example.com/v1"
    (container,) = pod_of(objects(replace(BY_ARGOCD, forge_api_url=api)), "extcp-bot")["containers"]
    command = container["command"]
    assert command[command.index("--forge-api") + 1] == api


def test_with_a_kubeconfig_its_account_may_hold_the_lease_and_nothing_else() -> None:
    found = objects(BY_KUBECONFIG)
    (container,) = pod_of(found, "tools")["containers"]
    assert "--from-argocd" not in container["command"]
    (variable,) = [each for each in container["env"] if each["name"] == "KUBECONFIG"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert variable["value"] == f"{mounts['kubeconfig']}/config"
    roles = [each for each in found if each["kind"] in {"Role", "ClusterRole"}]
    (role,) = roles
    assert role["rules"] == [
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": ["extcp-bot"],
            "verbs": ["get", "update"],
        },
    ]
    (project,), _ = bot.argocd_objects(mesh(BY_KUBECONFIG))
    assert project["spec"]["clusterResourceWhitelist"] == [{"group": "", "kind": "Namespace"}]
    assert [each["namespace"] for each in project["spec"]["destinations"]] == ["tools"]


def test_each_role_is_bound_to_it_alone() -> None:
    found = objects(BY_ARGOCD, planes=2)
    roles = [each for each in found if each["kind"] in {"Role", "ClusterRole"}]
    bindings = [each for each in found if each["kind"].endswith("Binding")]
    assert len(roles) == len(bindings) == 6
    for binding in bindings:
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "extcp-bot", "namespace": "extcp-bot"}
        ]
        wanted = (binding["roleRef"]["kind"], binding["roleRef"]["name"])
        namespace = binding["metadata"].get("namespace")
        assert any(
            (role["kind"], role["metadata"]["name"]) == wanted
            and role["metadata"].get("namespace") == namespace
            for role in roles
        )


def test_two_bots_in_one_cluster_share_no_object() -> None:
    def keys(pod: InClusterBot) -> set[tuple[str, str, str]]:
        return {
            (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"])
            for each in objects(pod)
        }

    assert not keys(BY_ARGOCD) & keys(replace(BY_ARGOCD, namespace="tools"))


def test_no_way_leads_to_the_credentials_of_the_node() -> None:
    policy = one(objects(BY_ARGOCD), "NetworkPolicy", "extcp-bot")["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    anywhere = [rule for rule in policy["egress"] if "to" not in rule]
    assert all(port["port"] == 53 for rule in anywhere for port in rule["ports"])
    blocks = [to["ipBlock"] for rule in policy["egress"] for to in rule.get("to", ())]
    assert {"169.254.0.0/16"} <= {each for block in blocks for each in block["except"]}
    (ingress,) = policy["ingress"]
    assert ingress["from"]


@pytest.mark.parametrize("pod", BOTH, ids=["Argo CD", "kubeconfig"])
def test_its_project_allows_what_it_is_made_of_and_no_more(pod: InClusterBot) -> None:
    inventory = mesh(pod, planes=2)
    (project,), (application,) = bot.argocd_objects(inventory)
    found = objects(pod, planes=2)

    def kinds(items: list[Object], *, namespaced: bool) -> set[tuple[str, str]]:
        return {
            (each["apiVersion"].rpartition("/")[0], each["kind"])
            for each in items
            if ("namespace" in each["metadata"]) is namespaced
        }

    for field, namespaced in (
        ("clusterResourceWhitelist", False),
        ("namespaceResourceWhitelist", True),
    ):
        allowed = {(each["group"], each["kind"]) for each in project["spec"][field]}
        assert allowed == kinds(found, namespaced=namespaced)
    namespaces = {
        each["metadata"]["namespace"] for each in found if "namespace" in each["metadata"]
    }
    reached = project["spec"]["destinations"]
    assert {each["namespace"] for each in reached} == namespaces
    assert {each["server"] for each in reached} == {argocd.IN_CLUSTER}
    assert application["spec"]["project"] == project["metadata"]["name"] == "mesh1.ext.bot"
    assert application["spec"]["source"]["path"] == "clusters/ext/bot"
    assert "finalizers" not in application["metadata"]
    automated = application["spec"]["syncPolicy"]["automated"]
    assert automated == {"prune": True, "selfHeal": True}
