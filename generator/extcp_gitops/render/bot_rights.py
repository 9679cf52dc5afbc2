"""What the bot may do in the external cluster, and with Argo CD, when it runs there.

It is what ``extcp-bot rbac --side external --credentials`` prints, but for what rotating takes, and
``--side argocd --from-argocd``. The checks of the bot are the source of it, each in its own file;
the generator, which knows nothing of the bot, lists it here, and
``tests/bot/test_generated_rights.py`` holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from extcp_gitops.inventory.model import INGRESS_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extcp_gitops.inventory.model import ControlPlane, Inventory

Object = dict[str, Any]

EVERYWHERE: Final = ""
LEASES: Final = "leases"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a Role.

    Attributes:
        group: API group; empty for the core.
        resource: Plural, with its subresource.
        verbs: As in RBAC.
        names: The only objects; none for all.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()

    def as_object(self) -> Object:
        """As it stands in a Role."""
        rule: Object = {"apiGroups": [self.group], "resources": [self.resource]}
        if self.names:
            rule["resourceNames"] = list(self.names)
        rule["verbs"] = list(self.verbs)
        return rule


_EVERYWHERE: Final = (
    Rule("", "namespaces", ("list",)),
    Rule("", "nodes", ("list",)),
    Rule("", "pods", ("list",)),
    Rule("admissionregistration.k8s.io", "mutatingwebhookconfigurations", ("list",)),
    Rule("admissionregistration.k8s.io", "validatingwebhookconfigurations", ("list",)),
    Rule("apiextensions.k8s.io", "customresourcedefinitions", ("list",)),
)
_CONTROL_PLANE: Final = (
    Rule("", "configmaps", ("get",), ("istio",)),
    Rule("", "configmaps", ("get",), ("istiod-root",)),
    Rule("", "pods/portforward", ("get", "create")),
    # Remote secrets; their names follow from clusters that are not known yet, so it names none.
    Rule("", "secrets", ("get", "list", "create", "update", "patch", "delete")),
    Rule("apps", "deployments", ("get",), ("istiod",)),
    Rule("networking.istio.io", "destinationrules", ("get",)),
    Rule("networking.istio.io", "gateways", ("get",)),
    Rule("networking.istio.io", "virtualservices", ("get",)),
    Rule("policy", "poddisruptionbudgets", ("list",)),
)
_ARGOCD: Final = (
    Rule("", "secrets", ("list",)),
    Rule("argoproj.io", "applications", ("list",)),
)


def rights(inventory: Inventory) -> Mapping[str, Sequence[Rule]]:
    """The rules by namespace, those for the whole cluster under :data:`EVERYWHERE`.

    Args:
        inventory: Whose bot reaches the external cluster as the service account of its Pod.
    """
    planes = inventory.mesh.control_planes
    return {
        EVERYWHERE: _EVERYWHERE,
        inventory.mesh.argocd_namespace: _ARGOCD,
        INGRESS_NAMESPACE: _ingress(planes),
        **{plane.namespace: _CONTROL_PLANE for plane in planes},
    }


def lease(name: str) -> Sequence[Rule]:
    """What it takes to hold one Lease; a name cannot be asked of what does not exist yet."""
    group = "coordination.k8s.io"
    return (Rule(group, LEASES, ("create",)), Rule(group, LEASES, ("get", "update"), (name,)))


def _ingress(planes: Sequence[ControlPlane]) -> Sequence[Rule]:
    certificates = tuple(sorted({plane.tls.secret_name for plane in planes if plane.tls}))
    gateway = ("istio-ingressgateway",)
    return (
        *((Rule("", "secrets", ("get",), certificates),) if certificates else ()),
        Rule("", "services", ("get",), gateway),
        Rule("apps", "deployments", ("get",), gateway),
        Rule("apps", "deployments", ("get",), (*gateway, "istiod")),
        Rule("policy", "poddisruptionbudgets", ("list",)),
    )
