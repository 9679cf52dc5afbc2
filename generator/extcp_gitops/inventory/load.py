"""From files to an inventory: parse, check the shape, build, check the rules.

``load`` is pure; ``read`` and ``find_root`` are the end that looks at the disk. Every problem in
every file is reported at once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from extcp_gitops.errors import ExtcpError, Finding, Severity
from extcp_gitops.inventory import names, rules, schema, shape
from extcp_gitops.inventory.model import (
    DEFAULT_ARGOCD_NAMESPACE,
    DEFAULT_BOT_NAMESPACE,
    Bot,
    CAType,
    CertificateAuthority,
    Cluster,
    ControlPlane,
    Destination,
    Forge,
    Gateways,
    GatewayTLS,
    InClusterBot,
    Inventory,
    Issuer,
    Mesh,
    Repository,
    Role,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extcp_gitops.yamlio.load import Document

MAX_FILE_BYTES = 1 << 20
_CLUSTERS = "clusters"
_CUSTOM = "custom/kustomization.yaml"
_CREDENTIAL = "credential/kustomization.yaml"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid inventory, what a person should know about it, and where each value stands.

    Attributes:
        inventory: Valid.
        warnings: Findings of severity warning.
        documents: Parsed files by path.
    """

    inventory: Inventory
    warnings: tuple[Finding, ...]
    documents: Mapping[str, Document]


def find_root(start: Path) -> Path:
    """The directory with ``mesh.yaml`` at ``start`` or above it, as Git finds its own.

    Raises:
        ExtcpError: EXTCP-I010 when there is none.
    """
    absolute = Path(os.path.abspath(start))  # noqa: PTH100 - resolve() would follow symlinks
    for directory in (absolute, *absolute.parents):
        if (directory / schema.MESH_FILE).is_file():
            return directory
    raise no_mesh(f"in {start} or above it")


def no_mesh(where: str) -> ExtcpError:
    """The error for a directory that is no repository of ours."""
    return ExtcpError.of(
        "EXTCP-I010",
        f"no {schema.MESH_FILE} {where}",
        "go to a repository that 'extcp-gitops init' made, or name it with -C DIR",
    )


def read(root: Path) -> dict[str, bytes]:
    """Read a person's files: mesh, clusters, and whether they have ``custom`` or ``credential``.

    What a removed cluster has left in its directory is read, too, for the cluster that may get
    its name.

    Args:
        root: The repository; may be a link itself.

    Returns:
        Contents by path.

    Raises:
        ExtcpError: For a file that is a symlink, or behind one, not a regular file, or cannot be
            read.
    """
    paths = [schema.MESH_FILE]
    for directory in directories(root):
        own = (schema.CLUSTER_FILE, _CUSTOM, _CREDENTIAL)
        paths += [f"{_CLUSTERS}/{directory}/{name}" for name in own]
    return {path: _content(root, path) for path in paths if os.path.lexists(root / path)}


def directories(root: Path) -> list[str]:
    """Names of all that is below ``clusters/``, whether it is a cluster or not.

    Raises:
        ExtcpError: EXTCP-I011 where ``clusters`` is a link.
    """
    _require_no_link(root, _CLUSTERS)
    clusters = root / _CLUSTERS
    return sorted(os.listdir(clusters)) if clusters.is_dir() else []  # noqa: PTH208 - names only


def _content(root: Path, path: str) -> bytes:
    for directory in PurePosixPath(path).parents[-2::-1]:
        _require_no_link(root, str(directory))
    file = root / path
    if file.is_symlink() or not file.is_file():
        raise ExtcpError.of(
            "EXTCP-I011", "is not a regular file", "replace it with a file of this repository", path
        )
    try:
        with file.open("rb") as stream:
            return stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ExtcpError.of(
            "EXTCP-I011", f"cannot be read: {error.strerror}", "mend its permissions", path
        ) from error


def _require_no_link(root: Path, directory: str) -> None:
    """What is behind a link may lie anywhere, and Argo CD would not find it."""
    if (root / directory).is_symlink():
        raise ExtcpError.of(
            "EXTCP-I011",
            "is a symbolic link",
            "replace it with a directory of this repository",
            directory,
        )


def load(files: Mapping[str, bytes]) -> Loaded:
    """Turn a person's files into an inventory.

    Args:
        files: As ``read`` returns them.

    Returns:
        The inventory with its warnings.

    Raises:
        ExtcpError: With every problem of every file.
    """
    if schema.MESH_FILE not in files:
        raise no_mesh("here")
    findings: list[Finding] = []
    documents: dict[str, Document] = {}
    for path, raw in files.items():
        if path.endswith(f"/{_CUSTOM}"):
            if f"{path.removesuffix(_CUSTOM)}{schema.CLUSTER_FILE}" in files:
                findings.extend(_custom(path, raw))
        elif not _is_of_credential(path):  # what it builds to, ``validate`` looks at
            _parse(path, raw, documents, findings)
    if findings:
        raise ExtcpError(*findings)
    inventory = Inventory(_mesh(documents[schema.MESH_FILE].data), _clusters(documents, files))
    findings = list(rules.check(inventory, documents))
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise ExtcpError(*findings)
    ordered = sorted(findings, key=lambda finding: finding.sort_key)
    return Loaded(inventory, tuple(ordered), documents)


def load_directory(root: Path) -> Loaded:
    """``load`` on what ``read`` finds in a repository; raises as they do."""
    return load(read(root))


def _parse(path: str, raw: bytes, documents: dict[str, Document], findings: list[Finding]) -> None:
    from extcp_gitops.yamlio.load import parse  # noqa: PLC0415 - yaml is loaded when needed

    try:
        document = parse(raw, path)
    except ExtcpError as error:
        findings.extend(error.findings)
        return
    wanted = schema.MESH if path == schema.MESH_FILE else schema.CLUSTER
    findings.extend(shape.check(document, wanted))
    if path != schema.MESH_FILE:
        problem = names.cluster_name_problem(_cluster_name(path))
        if problem:
            remedy = "rename the directory; it is the cluster's name with '/' as '--slash--'"
            findings.append(Finding("EXTCP-I012", problem, remedy, path))
    documents[path] = document


def _is_of_credential(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return parts[:1] == (_CLUSTERS,) and parts[2:-1] == ("credential",)


def _custom(path: str, raw: bytes) -> Iterator[Finding]:
    """A person's directory is a component, so that it can patch what is generated, too."""
    from extcp_gitops.yamlio.load import load_objects  # noqa: PLC0415 - yaml when needed

    try:
        kinds = [item.get("kind") for item in load_objects(raw)]
    except ExtcpError:
        kinds = []
    if kinds != ["Component"]:
        yield Finding(
            "EXTCP-I029",
            "what you add to a cluster is a Kustomize component",
            "begin with apiVersion: kustomize.config.k8s.io/v1alpha1 and kind: Component; it may "
            "hold resources and patches",
            path,
        )


def _cluster_name(path: str) -> str:
    return names.cluster_name_of_directory(PurePosixPath(path).parent.name)


def _mesh(data: dict[str, Any]) -> Mesh:
    repository = data["repository"]
    return Mesh(
        mesh_id=data["meshID"],
        istio_version=data["istioVersion"],
        repository=Repository(
            url=repository["url"],
            branch=repository.get("branch", "main"),
            forge=Forge(repository.get("forge", Forge.NONE)),
            package=repository.get("package"),
        ),
        external_cluster=data["externalCluster"],
        control_planes=tuple(_control_plane(item) for item in data["controlPlanes"]),
        argocd_namespace=data.get("argocd", {}).get("namespace", DEFAULT_ARGOCD_NAMESPACE),
        bot=_bot(data.get("bot", {})),
    )


def _bot(data: dict[str, Any]) -> Bot:
    pod = data.get("inCluster")
    if pod is None:
        return Bot(data.get("schedule"))
    return Bot(
        data.get("schedule"),
        InClusterBot(
            image=pod["image"],
            token_secret=pod["tokenSecret"],
            namespace=pod.get("namespace", DEFAULT_BOT_NAMESPACE),
            kubeconfig_secret=pod.get("kubeconfigSecret"),
            forge_api_url=pod.get("forgeApiUrl"),
        ),
    )


def _control_plane(data: dict[str, Any]) -> ControlPlane:
    tls = data.get("tls")
    return ControlPlane(
        name=data["name"],
        address=data["address"],
        config_cluster=data["configCluster"],
        tls=GatewayTLS(tls["secretName"], _issuer(tls)) if tls else None,
        ca_bundle=_pem(data.get("caBundle")),
        ca=_certificate_authority(data.get("certificateAuthority", {})),
    )


def _certificate_authority(data: dict[str, Any]) -> CertificateAuthority:
    return CertificateAuthority(
        type=CAType(data.get("type", CAType.SELF_SIGNED)),
        issuer=_issuer(data),
        root_certificate=_pem(data.get("rootCertificate")),
        insecure_skip_verify=data.get("insecureSkipVerify", False),
    )


def _pem(text: str | None) -> str | None:
    """Certificates without the notes between them; ``rules`` speaks of what is not one."""
    if text is None:
        return None
    from extcp_gitops.inventory import pem  # noqa: PLC0415 - cryptography is loaded when needed

    return text if pem.problem(text) else pem.normalise(text)


def _issuer(data: dict[str, Any]) -> Issuer | None:
    issuer = data.get("certManagerIssuer")
    return Issuer(**issuer) if issuer else None


def _clusters(documents: Mapping[str, Document], files: Mapping[str, bytes]) -> tuple[Cluster, ...]:
    clusters = []
    for path, document in documents.items():
        if path != schema.MESH_FILE:
            custom, credential = (
                f"{PurePosixPath(path).parent}/{more}" in files for more in (_CUSTOM, _CREDENTIAL)
            )
            cluster = _cluster(_cluster_name(path), document.data)
            clusters.append(replace(cluster, custom=custom, credential=credential))
    return tuple(sorted(clusters, key=lambda cluster: cluster.name))


def _cluster(name: str, data: dict[str, Any]) -> Cluster:
    gateways = data.get("gateways", {})
    return Cluster(
        name=name,
        role=Role(data["role"]),
        destination=Destination(**data["argocd"]),
        control_plane=data.get("controlPlane"),
        network=data.get("network"),
        gateways=Gateways(
            ingress=gateways.get("ingress", False),
            egress=gateways.get("egress", False),
            east_west=gateways.get("eastWest", False),
        ),
        labels=data.get("labels", {}),
    )
