"""The inventory as immutable data, valid by construction once it comes out of ``load``.

Names follow Istio's guide "Install Istio with an External Control Plane" and Argo CD. Each fact
is here once; everything that follows from a fact is a property.
"""

from __future__ import annotations

import enum
import ipaddress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

INGRESS_NAMESPACE = "istio-system"
"""Where the guide puts the ingress gateway of the external cluster and the istiod that runs it."""

DEFAULT_CONTROL_PLANE = "external-istiod"
DEFAULT_EXTERNAL_CLUSTER = "external-cluster"
DEFAULT_ARGOCD_NAMESPACE = "argocd"
DEFAULT_NETWORK = "network1"
DEFAULT_BOT_NAMESPACE = "extcp-bot"


class Role(enum.StrEnum):
    """What a cluster is for; which remote cluster is the config cluster, the mesh says."""

    EXTERNAL = "external"
    REMOTE = "remote"


class Forge(enum.StrEnum):
    """Where the repository lives; decides the form of its continuous integration."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Issuer:
    """A cert-manager issuer, by reference."""

    name: str
    kind: str = "ClusterIssuer"
    group: str = "cert-manager.io"


@dataclass(frozen=True, slots=True)
class GatewayTLS:
    """The certificate that the ingress gateway presents for the control plane's address.

    Attributes:
        secret_name: TLS Secret in ``istio-system`` of the external cluster.
        issuer: Where set, a Certificate is generated and cert-manager fills the Secret.
    """

    secret_name: str
    issuer: Issuer | None = None


class CAType(enum.StrEnum):
    """Where istiod's certificate authority comes from."""

    SELF_SIGNED = "self-signed"
    PLUGGED_IN = "plugged-in"


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """The root of trust of the mesh, and how the ingress gateway verifies istiod against it.

    Attributes:
        type: Self-signed keeps the key in the config cluster; plugged-in (Secret ``cacerts``)
            keeps it in the external cluster.
        issuer: For a plugged-in CA: a Certificate is generated and cert-manager fills ``cacerts``.
        root_certificate: PEM, public. Without it the hop from the gateway to istiod fails closed.
        insecure_skip_verify: Asked for by name only; the gateway then verifies nothing.
    """

    type: CAType = CAType.SELF_SIGNED
    issuer: Issuer | None = None
    root_certificate: str | None = None
    insecure_skip_verify: bool = False


@dataclass(frozen=True)
class ControlPlane:
    """One external istiod, in a namespace of its own in the external cluster.

    Attributes:
        name: Also the namespace, on the external cluster and on each of its remote clusters.
        address: Host name, or IP address for experiments, of the ingress gateway.
        config_cluster: Name of the remote cluster whose API server holds the configuration.
        tls: None in the IP variant, where the gateway passes TLS through.
        ca_bundle: PEM of a private CA behind the gateway's certificate; None for a public one.
        ca: istiod's own certificate authority.
    """

    name: str
    address: str
    config_cluster: str
    tls: GatewayTLS | None = None
    ca_bundle: str | None = None
    ca: CertificateAuthority = field(default_factory=CertificateAuthority)

    @property
    def namespace(self) -> str:
        """The namespace that is the control plane's name."""
        return self.name

    @cached_property
    def is_ip_address(self) -> bool:
        """Whether this is the guide's variant for experiments, without a DNS name."""
        try:
            ipaddress.ip_address(self.address)
        except ValueError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Destination:
    """How Argo CD knows the cluster: by the name or by the server of its cluster Secret."""

    name: str | None = None
    server: str | None = None


@dataclass(frozen=True, slots=True)
class Gateways:
    """The gateways wanted on a remote cluster."""

    ingress: bool = False
    egress: bool = False
    east_west: bool = False


@dataclass(frozen=True)
class Cluster:
    """One cluster; ``clusters/<directory>/cluster.yaml``.

    Attributes:
        name: Also the cluster ID that istiod uses; may hold ``/``.
        role: External or remote.
        destination: How Argo CD reaches it.
        control_plane: Name; None for the external cluster.
        network: Istio network; None for the external cluster.
        gateways: Wanted on this cluster.
        labels: Set on the cluster's Argo CD objects.
        custom: A person keeps a Kustomize directory in ``clusters/<directory>/custom``.
        credential: ``clusters/<directory>/credential`` is a Kustomize directory: documents that
            make the remote secret in the external cluster.
    """

    name: str
    role: Role
    destination: Destination
    control_plane: str | None = None
    network: str | None = None
    gateways: Gateways = field(default_factory=Gateways)
    labels: Mapping[str, str] = field(default_factory=dict)
    custom: bool = False
    credential: bool = False

    @property
    def slug(self) -> str:
        """The name without ``/``, as Istio itself writes it in the path of the webhook."""
        return self.name.replace("/", "--slash--")

    @property
    def directory(self) -> str:
        """Relative to the repository."""
        return f"clusters/{self.slug}"


@dataclass(frozen=True, slots=True)
class Repository:
    """Where Argo CD reads what is generated.

    Attributes:
        url: As Git takes it.
        branch: That Argo CD follows.
        forge: On which it is.
        package: Requirement by which the forge's CI installs this tool; None for the version that
            generates, from the package index.
    """

    url: str
    branch: str = "main"
    forge: Forge = Forge.NONE
    package: str | None = None


@dataclass(frozen=True, slots=True)
class InClusterBot:
    """``extcp-bot serve`` as a Deployment in the external cluster.

    Attributes:
        image: With the digest of its content.
        token_secret: Secret beside it whose key ``token`` is what the forge is shown.
        namespace: Its own.
        kubeconfig_secret: Secret beside it whose key ``config`` is a kubeconfig with a context for
            each cluster. Without one, clusters are reached by the cluster Secrets of an Argo CD
            that runs in the external cluster, too.
        forge_api_url: Of the forge's API, where that is not where the repository is.
    """

    image: str
    token_secret: str
    namespace: str = DEFAULT_BOT_NAMESPACE
    kubeconfig_secret: str | None = None
    forge_api_url: str | None = None


@dataclass(frozen=True, slots=True)
class Bot:
    """Where the bot runs that proposes changes of this mesh.

    Attributes:
        schedule: Of the forge's CI, in the five fields of cron; None where it does not run there.
        in_cluster: In the external cluster; None where it does not run there.
    """

    schedule: str | None = None
    in_cluster: InClusterBot | None = None


@dataclass(frozen=True, slots=True)
class Mesh:
    """``mesh.yaml``."""

    mesh_id: str
    istio_version: str
    repository: Repository
    external_cluster: str
    control_planes: tuple[ControlPlane, ...]
    argocd_namespace: str = DEFAULT_ARGOCD_NAMESPACE
    bot: Bot = field(default_factory=Bot)


@dataclass(frozen=True)
class Inventory:
    """All that a person wrote; clusters in the order of their names."""

    mesh: Mesh
    clusters: tuple[Cluster, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Cluster]:
        """Clusters by name."""
        return {cluster.name: cluster for cluster in self.clusters}

    @cached_property
    def external(self) -> Cluster:
        """The external cluster."""
        return self.by_name[self.mesh.external_cluster]

    @cached_property
    def remotes(self) -> tuple[Cluster, ...]:
        """All remote clusters, config clusters among them."""
        return tuple(cluster for cluster in self.clusters if cluster.role is Role.REMOTE)

    @cached_property
    def control_planes(self) -> Mapping[str, ControlPlane]:
        """Control planes by name."""
        return {plane.name: plane for plane in self.mesh.control_planes}

    def control_plane_of(self, cluster: Cluster) -> ControlPlane:
        """The control plane that a remote cluster belongs to."""
        if cluster.control_plane is None:
            raise ValueError(f"{cluster.name} is not a remote cluster")
        return self.control_planes[cluster.control_plane]

    def config_cluster_of(self, plane: ControlPlane) -> Cluster:
        """The remote cluster that holds the control plane's configuration."""
        return self.by_name[plane.config_cluster]

    def is_config_cluster(self, cluster: Cluster) -> bool:
        """Whether some control plane reads its configuration there."""
        return any(plane.config_cluster == cluster.name for plane in self.mesh.control_planes)
