"""The documents of a cluster's remote secret: they make that one Secret, under the cluster's ID.

As in ``external``, names and forms are written out here and not taken from elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_gitops.verify.agreement import facts
from extcp_gitops.verify.agreement.facts import Facts
from extcp_gitops.verify.objects import at, mapping, sequence

if TYPE_CHECKING:
    from extcp_gitops.errors import Finding
    from extcp_gitops.inventory.model import Cluster, Inventory
    from extcp_gitops.verify.objects import Built, Document

_LABEL = "istio/multiCluster"


def check(inventory: Inventory, cluster: Cluster, built: Built) -> list[Finding]:
    """Everything about the documents that is not what the inventory says.

    Args:
        inventory: The mesh.
        cluster: A remote cluster with such documents.
        built: Their directory.
    """
    found = Facts(built)
    plane = inventory.control_plane_of(cluster)
    is_config = plane.config_cluster == cluster.name
    name = "istio-kubeconfig" if is_config else f"istio-remote-secret-{cluster.name}"
    key = "config" if is_config else cluster.name
    if len(built.documents) != 1:
        found.add(facts.CREDENTIAL, f"there are {len(built.documents)} objects, and should be one")
    for document in built.documents:
        place = (document.namespace or plane.namespace, document.name)
        found.expect(facts.CREDENTIAL, f"the name of {document}", place, (plane.namespace, name))
        found.expect(facts.CREDENTIAL, f"the key in {document}", _keys(document), [key])
        found.expect(
            facts.CREDENTIAL,
            f"label {_LABEL} of the Secret of {document}",
            mapping(_template(document), "metadata", "labels").get(_LABEL),
            None if is_config else "true",
        )
        target = at(document.data, "spec", "target", "name")
        if target not in (None, name):
            found.expect(facts.CREDENTIAL, f"the Secret of {document}", target, name)
    return found.findings


def _keys(document: Document) -> list[str]:
    """The keys of the Secret that it makes; for istiod they are cluster IDs."""
    if document.kind == "SealedSecret":
        return sorted(map(str, mapping(document.data, "spec", "encryptedData")))
    return [str(at(item, "secretKey")) for item in sequence(document.data, "spec", "data")]


def _template(document: Document) -> object:
    spec = mapping(document.data, "spec")
    return spec.get("template") or mapping(spec, "target").get("template")
