"""What must hold between the parts of an inventory, each rule with its reason.

Errors are things that can never work. Warnings work, or will once somebody acts, and say so.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extcp_gitops.errors import ExtcpError, Finding, Severity
from extcp_gitops.giturl import check_branch_name, parse_url
from extcp_gitops.inventory import names, package, roots, schema
from extcp_gitops.inventory.model import INGRESS_NAMESPACE, Bot, CAType, Forge, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from extcp_gitops.inventory.model import Cluster, ControlPlane, Inventory
    from extcp_gitops.yamlio.load import Document

OLDEST_ISTIO = (1, 28)
"""The first minor release that this generator is tested with; see tests/test_equality.py."""


def check(inventory: Inventory, documents: Mapping[str, Document]) -> Iterator[Finding]:
    """All findings about an inventory whose files have the right shape.

    Args:
        inventory: To be checked.
        documents: For the place of each finding, by path.

    Yields:
        Findings of both severities, in no order.
    """
    rules = _Rules(inventory, documents)
    yield from rules.mesh()
    yield from rules.bot()
    for index, plane in enumerate(inventory.mesh.control_planes):
        yield from rules.control_plane(index, plane)
        yield from rules.trust(index, plane)
    for cluster in inventory.clusters:
        yield from rules.cluster(cluster)
    yield from rules.destinations()
    yield from rules.networks()


@dataclass(frozen=True)
class _Place:
    """Makes findings at a path of one document."""

    document: Document
    prefix: tuple[str | int, ...] = ()

    def error(self, code: str, path: str, message: str, remedy: str) -> Finding:
        return self._finding(code, path, message, remedy, Severity.ERROR)

    def warning(self, code: str, path: str, message: str, remedy: str) -> Finding:
        return self._finding(code, path, message, remedy, Severity.WARNING)

    def _finding(
        self, code: str, path: str, message: str, remedy: str, severity: Severity
    ) -> Finding:
        parts = tuple(path.split(".")) if path else ()
        line, column = self.document.mark(*self.prefix, *parts)
        return Finding(code, message, remedy, self.document.file, line, column, severity)


class _Rules:
    def __init__(self, inventory: Inventory, documents: Mapping[str, Document]) -> None:
        self._inventory = inventory
        self._documents = documents
        self._mesh = _Place(documents[schema.MESH_FILE])

    def _plane(self, index: int) -> _Place:
        return _Place(self._documents[schema.MESH_FILE], ("controlPlanes", index))

    def _cluster(self, cluster: Cluster) -> _Place:
        return _Place(self._documents[f"{cluster.directory}/{schema.CLUSTER_FILE}"])

    def mesh(self) -> Iterator[Finding]:
        mesh = self._inventory.mesh
        checks: dict[str, Callable[[], object]] = {
            "repository.url": lambda: parse_url(mesh.repository.url),
            "repository.branch": lambda: check_branch_name(mesh.repository.branch),
            "repository.package": lambda: package.check(mesh.repository.package),
        }
        for path, call in checks.items():
            try:
                call()
            except ExtcpError as error:
                for finding in error.findings:
                    yield self._mesh.error(finding.code, path, finding.message, finding.remedy)
        release = re.match(r"(\d+)\.(\d+)\.", mesh.istio_version)
        if release and (int(release[1]), int(release[2])) < OLDEST_ISTIO:
            oldest = ".".join(map(str, OLDEST_ISTIO))
            yield self._mesh.error(
                "EXTCP-I020",
                "istioVersion",
                f"Istio {mesh.istio_version} is older than {oldest}",
                f"choose a release of {oldest} or later",
            )
        external = self._inventory.by_name.get(mesh.external_cluster)
        if external is None:
            yield self._mesh.error(
                "EXTCP-I014",
                "externalCluster",
                f"there is no cluster '{mesh.external_cluster}'",
                f"add clusters/{mesh.external_cluster.replace('/', names.SLASH)}/cluster.yaml "
                "with role: external, or name one that is there",
            )

    def bot(self) -> Iterator[Finding]:
        mesh, bot = self._inventory.mesh, self._inventory.mesh.bot
        if bot == Bot():
            if "bot" in self._mesh.document.data:
                message = "nothing says where the bot runs"
                remedy = "give it a schedule, or inCluster, or remove bot"
                yield self._mesh.error("EXTCP-I045", "bot", message, remedy)
            return
        if mesh.repository.forge is Forge.NONE:
            yield self._mesh.error(
                "EXTCP-I046",
                "bot",
                "the bot proposes by pull requests, and nothing says which forge takes them",
                "set repository.forge to github, gitlab or gitea",
            )
        taken = {INGRESS_NAMESPACE, "default", mesh.argocd_namespace}
        taken.update(plane.namespace for plane in mesh.control_planes)
        pod = bot.in_cluster
        if pod and (pod.namespace in taken or pod.namespace.startswith("kube-")):
            yield self._mesh.error(
                "EXTCP-I047",
                "bot.inCluster.namespace",
                f"'{pod.namespace}' is taken: something else lives in that namespace",
                "give the bot a namespace of its own",
            )

    def control_plane(self, index: int, plane: ControlPlane) -> Iterator[Finding]:
        place = self._plane(index)
        mesh = self._inventory.mesh
        problem = names.namespace_problem(plane.name, {mesh.argocd_namespace})
        if problem:
            yield place.error("EXTCP-I023", "name", problem, "choose another namespace")
        yield from self._config_cluster(place, plane)
        yield from self._address(place, plane)
        for other in mesh.control_planes[:index]:
            if other.name == plane.name:
                message = f"two control planes are named '{plane.name}'"
                yield place.error("EXTCP-I018", "name", message, "give each its own namespace")
            if other.address == plane.address:
                yield place.error(
                    "EXTCP-I018",
                    "address",
                    f"'{other.name}' has the address {plane.address}, too",
                    "the gateway tells control planes apart by host name: give each its own",
                )

    def _config_cluster(self, place: _Place, plane: ControlPlane) -> Iterator[Finding]:
        config = self._inventory.by_name.get(plane.config_cluster)
        if config is None or config.role is not Role.REMOTE:
            remedy = "name a remote cluster"
            if config is None:  # 'cluster add' needs a valid inventory, so it is no way out
                slug = plane.config_cluster.replace("/", names.SLASH)
                remedy += (
                    f", or write clusters/{slug}/cluster.yaml with role: remote and controlPlane: "
                    f"{plane.name}, then run 'extcp-gitops generate'; 'extcp-gitops control-plane "
                    "add' adds both at once"
                )
            yield place.error(
                "EXTCP-I015",
                "configCluster",
                f"'{plane.config_cluster}' is not a remote cluster of this mesh",
                remedy,
            )
        elif config.control_plane != plane.name:
            yield place.error(
                "EXTCP-I016",
                "configCluster",
                f"'{config.name}' belongs to the control plane '{config.control_plane}'",
                f"set controlPlane: {plane.name} in {config.directory}/cluster.yaml, or name "
                "another cluster",
            )

    def _address(self, place: _Place, plane: ControlPlane) -> Iterator[Finding]:
        if not plane.is_ip_address:
            if re.fullmatch(r"[0-9.]+", plane.address):
                message = f"{plane.address} is neither a host name nor an IPv4 address"
                yield place.error("EXTCP-I004", "address", message, "mend the address")
            if plane.tls is None:
                yield place.error(
                    "EXTCP-I024",
                    "",
                    "tls is missing: the gateway ends TLS for a host name",
                    "add tls: {secretName: NAME}, a TLS Secret in istio-system",
                )
            return
        if len(self._inventory.mesh.control_planes) > 1:
            yield place.error(
                "EXTCP-I019",
                "address",
                "an IP address leaves no room for another control plane",
                "give each control plane a host name; the gateway tells them apart by it",
            )
        for key, value in (("tls", plane.tls), ("caBundle", plane.ca_bundle)):
            if value is not None:
                message = f"{key} has no effect with an IP address: TLS is passed through to istiod"
                yield place.error("EXTCP-I024", key, message, "remove it, or use a host name")
        yield place.warning(
            "EXTCP-I040",
            "address",
            "an IP address is for experiments, not for production",
            "use a host name. Until then: Argo CD 3 leaves EndpointSlices out by default, and "
            "without them no remote cluster finds istiod; README.md says how to let them in",
        )

    def trust(self, index: int, plane: ControlPlane) -> Iterator[Finding]:
        place = self._plane(index)
        ca = plane.ca
        for path, text in (
            ("caBundle", plane.ca_bundle),
            ("certificateAuthority.rootCertificate", ca.root_certificate),
        ):
            if text is not None:
                yield from _pem(place, path, text)
        if ca.issuer is not None and ca.type is CAType.SELF_SIGNED:
            yield place.error(
                "EXTCP-I024",
                "certificateAuthority.certManagerIssuer",
                "istiod signs for itself when the certificate authority is self-signed",
                "set type: plugged-in, or remove the issuer",
            )
        if plane.is_ip_address:
            return
        if ca.insecure_skip_verify:
            yield place.warning(
                "EXTCP-I042",
                "certificateAuthority.insecureSkipVerify",
                "the ingress gateway does not verify istiod",
                f"remove insecureSkipVerify and pin the root: {roots.how_to_pin(plane)}",
            )
        elif ca.root_certificate is None:
            yield place.warning(
                "EXTCP-I041",
                "",
                f"the root certificate of '{plane.name}' is not pinned yet, so the ingress "
                "gateway answers 503 instead of trusting an unknown istiod",
                roots.how_to_pin(plane),
            )

    def cluster(self, cluster: Cluster) -> Iterator[Finding]:
        place = self._cluster(cluster)
        destination = cluster.destination
        if (destination.name is None) == (destination.server is None):
            message = "argocd needs a name or a server, one of the two"
            remedy = "keep the one by which Argo CD knows this cluster"
            yield place.error("EXTCP-I025", "argocd", message, remedy)
        if cluster.role is Role.EXTERNAL:
            yield from self._external(place, cluster)
        else:
            yield from self._remote(place, cluster)

    def _external(self, place: _Place, cluster: Cluster) -> Iterator[Finding]:
        if cluster.name != self._inventory.mesh.external_cluster:
            yield place.error(
                "EXTCP-I014",
                "role",
                f"the external cluster of this mesh is '{self._inventory.mesh.external_cluster}'",
                "set role: remote, or change externalCluster in mesh.yaml",
            )
        for key in ("controlPlane", "network", "gateways"):
            if key in place.document.data:
                message = f"{key} is for remote clusters"
                yield place.error("EXTCP-I026", key, message, "remove it")

    def _remote(self, place: _Place, cluster: Cluster) -> Iterator[Finding]:
        inventory = self._inventory
        if cluster.name == inventory.mesh.external_cluster:
            message = "mesh.yaml says that this is the external cluster"
            remedy = "set role: external, or change externalCluster in mesh.yaml"
            yield place.error("EXTCP-I014", "role", message, remedy)
        for key, value in (("controlPlane", cluster.control_plane), ("network", cluster.network)):
            if value is None:
                message = f"{key} is missing: each remote cluster has one"
                yield place.error("EXTCP-I002", "", message, f"add {key}: to this file")
        plane = inventory.control_planes.get(cluster.control_plane or "")
        if plane is None:
            if cluster.control_plane is not None:
                known = ", ".join(inventory.control_planes)
                message = f"there is no control plane '{cluster.control_plane}'"
                yield place.error("EXTCP-I017", "controlPlane", message, f"known here: {known}")
            return
        if "/" in cluster.name and plane.config_cluster != cluster.name:
            yield place.warning(
                "EXTCP-I043",
                "",
                f"'{cluster.name}' holds '/', which the key of a Secret cannot: istiod reads the "
                "cluster ID from that key, so this cluster cannot be given a remote secret",
                "choose a name without '/' for every cluster but the config cluster",
            )
        config = inventory.by_name.get(plane.config_cluster)
        if cluster.gateways.east_west and config is not None and not config.gateways.east_west:
            yield place.error(
                "EXTCP-I027",
                "gateways.eastWest",
                f"the config cluster '{config.name}' has no east-west gateway; the Gateway that "
                "exposes services to other networks is configured there",
                f"set gateways.eastWest: true in {config.directory}/cluster.yaml, too",
            )

    def destinations(self) -> Iterator[Finding]:
        clusters = self._inventory.clusters
        uses = Counter(cluster.destination for cluster in clusters)
        for cluster in clusters:
            if uses[cluster.destination] > 1:
                shown = cluster.destination.name or cluster.destination.server
                message = f"another cluster has the Argo CD destination '{shown}', too"
                remedy = "two sets of objects would fight over one cluster: give each its own"
                yield self._cluster(cluster).error("EXTCP-I028", "argocd", message, remedy)

    def networks(self) -> Iterator[Finding]:
        """A network that others cannot reach is a choice, but rarely one made on purpose."""
        for plane in self._inventory.mesh.control_planes:
            members = [c for c in self._inventory.remotes if c.control_plane == plane.name]
            reachable = {c.network for c in members if c.gateways.east_west}
            if len({c.network for c in members}) == 1:
                continue
            for cluster in members:
                if cluster.network not in reachable:
                    yield self._cluster(cluster).warning(
                        "EXTCP-I044",
                        "network",
                        f"no cluster on '{cluster.network}' has an east-west gateway, so other "
                        "networks of this mesh cannot reach it",
                        "set gateways.eastWest: true on a cluster of that network",
                    )


def _pem(place: _Place, path: str, text: str) -> Iterator[Finding]:
    """A bundle of certificates and nothing else; a key here would be a secret in Git."""
    from extcp_gitops.inventory import pem  # noqa: PLC0415 - cryptography is loaded when needed

    problem = pem.problem(text)
    if problem is not None:
        code, message, remedy = problem
        yield place.error(code, path, message, remedy)
