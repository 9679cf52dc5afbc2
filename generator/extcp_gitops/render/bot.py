"""``extcp-bot serve`` in the external cluster: its objects, and what Argo CD is to do with them.

Only where the inventory asks for it. No Secret is made: that with the forge's token, and that with
a kubeconfig, are somebody's own, and here by their names (law 4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from extcp_gitops.render import argocd, bot_rights
from extcp_gitops.render.bases import kind_of
from extcp_gitops.render.external_cluster import namespace
from extcp_gitops.render.overlay import render_yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extcp_gitops.inventory.model import InClusterBot, Inventory
    from extcp_gitops.render.bot_rights import Rule

Object = dict[str, Any]

NAME: Final = "extcp-bot"

_RBAC_GROUP: Final = "rbac.authorization.k8s.io"
_RBAC: Final = f"{_RBAC_GROUP}/v1"
# Of the two skeletons.
_KINDS: Final = (
    ("apps", "Deployment"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("policy", "PodDisruptionBudget"),
)
_RESTRICTED: Final = {"pod-security.kubernetes.io/enforce": "restricted"}


def directory(inventory: Inventory) -> str:
    """What Argo CD builds, relative to the repository."""
    return f"{inventory.external.directory}/bot"


def cluster_role(pod: InClusterBot) -> str:
    """Name of its roles outside of its namespace: other meshes may have a bot here, too."""
    return f"{NAME}-{pod.namespace}"


def files(inventory: Inventory) -> dict[str, str | list[Object]]:
    """The files of the directory, by path; none where the bot does not run in the cluster."""
    pod = inventory.mesh.bot.in_cluster
    if pod is None:
        return {}
    top = directory(inventory)
    repository = inventory.mesh.repository
    context: dict[str, object] = {
        "namespace": pod.namespace,
        "image": pod.image,
        "lease": f"{pod.namespace}/{NAME}",
        "url": repository.url,
        "branch": repository.branch,
        "forge": repository.forge.value,
        "forge_api": pod.forge_api_url,
        "token_secret": pod.token_secret,
        "kubeconfig_secret": pod.kubeconfig_secret,
        "by_argocd": pod.kubeconfig_secret is None,
    }
    return {
        f"{top}/kustomization.yaml": render_yaml("bot/kustomization.yaml.j2", {}),
        f"{top}/namespace.yaml": [namespace(pod.namespace, labels=_RESTRICTED)],
        f"{top}/access.yaml": _access(inventory, pod),
        f"{top}/network.yaml": render_yaml("bot/network.yaml.j2", {"namespace": pod.namespace}),
        f"{top}/deployment.yaml": render_yaml("bot/deployment.yaml.j2", context),
    }


def argocd_objects(inventory: Inventory) -> tuple[list[Object], list[Object]]:
    """The bot's AppProject and its Application; none where it does not run in the cluster."""
    pod = inventory.mesh.bot.in_cluster
    if pod is None:
        return [], []
    access = _access(inventory, pod)
    kinds = {kind_of(item) for item in access}
    others = {item["metadata"].get("namespace", pod.namespace) for item in access}
    project, application = argocd.bot_objects(
        inventory,
        directory(inventory),
        namespaces=[pod.namespace, *sorted(others - {pod.namespace})],
        cluster_kinds={("", "Namespace"), *((k.group, k.kind) for k in kinds if not k.namespaced)},
        namespaced_kinds={*_KINDS, *((k.group, k.kind) for k in kinds if k.namespaced)},
    )
    return [project], [application]


def _access(inventory: Inventory, pod: InClusterBot) -> list[Object]:
    """The service account and all that it may do."""
    account: Object = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": NAME, "namespace": pod.namespace},
        "automountServiceAccountToken": False,
    }
    objects = [account, *_role(NAME, pod.namespace, bot_rights.lease(NAME), pod)]
    if pod.kubeconfig_secret is None:
        name = cluster_role(pod)
        for place, rules in bot_rights.rights(inventory).items():
            objects += _role(name, place, rules, pod)
    return objects


def _role(name: str, place: str, rules: Sequence[Rule], pod: InClusterBot) -> list[Object]:
    kind = "Role" if place else "ClusterRole"
    metadata = {"name": name, **({"namespace": place} if place else {})}
    return [
        {
            "apiVersion": _RBAC,
            "kind": kind,
            "metadata": metadata,
            "rules": [rule.as_object() for rule in rules],
        },
        {
            "apiVersion": _RBAC,
            "kind": f"{kind}Binding",
            "metadata": dict(metadata),
            "roleRef": {"apiGroup": _RBAC_GROUP, "kind": kind, "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": pod.namespace}],
        },
    ]
