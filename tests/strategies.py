"""Hypothesis strategies for what the laws are stated over: inventories, and hostile text.

Each is made once, because Hypothesis looks into every new strategy again at every draw.
"""

from __future__ import annotations

import functools
import ipaddress
from typing import TYPE_CHECKING, TypeVar

from hypothesis import strategies as st

from extcp_gitops.inventory import names
from extcp_gitops.inventory.model import (
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
    from hypothesis.strategies import DrawFn, SearchStrategy

_T = TypeVar("_T")

HOSTILE = (
    *("", "1e3", "12e03", "0o17", "08", "0x1f", "1_000", "1:30", "=", ".inf", "-0", "~"),
    *("y", "no", "on", "null", "true", "2026-01-01", "<<", "-", "?", ":", "[", "{", "|", ">"),
    *("x\nkind: Evil", "x\n---\nkind: Evil", "a: b", "a #b", "# comment", "&a", "*a", "!tag"),
    *("---", "...", "%YAML 1.1", '"', "'", "\\", '"}}', "}}", "{{7*7}}", "{% raw %}", "${{ x }}"),
    *("\t", "\r\n", " x ", "\x7f", "\x85", "\u2028", "\ufeff", "\ufffe", "\u202ex", "\U0001f600"),
    *("`id`", "```", "``\n```sh\nid", "~~~", "$(id)", "$HOME", "a;id", "--help", "a|b", "'; id; '"),
    *("<b>", "<!-- ", "&#96;", "[x](y)", "![x](y)", "\n\n# x", "\n- x", "@all", "\x1b[31m"),
)
"""Texts that some reader, somewhere, takes for more than a text."""

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
"""In the form of a certificate; nothing under test here looks inside."""

_NASTY = ("1e3", "12e03", "0o17", "08", "y", "n", "no", "on", "null", "true", "0x1f", "crds")
_LONG = ("a" * 63, f"{'b' * 30}-{'c' * 32}", f"0{'d' * 61}9")
_NASTY_VALUES = ("1e3", "0o17", "null", "No", "1_000", "12.34", "Network_1")
_REPOSITORIES = (
    "https://git.example.com/platform/mesh.git",
    "ssh://git@git.example.com:2222/platform/mesh.git",
    "git@git.example.com:platform/mesh.git",
)


@functools.cache
def texts() -> SearchStrategy[str]:
    """Any text, hostile ones often."""
    characters = st.characters(exclude_categories=["Cs"])
    return st.one_of(st.sampled_from(HOSTILE), st.text(characters, max_size=40))


@functools.cache
def labels() -> SearchStrategy[str]:
    """RFC 1123 labels, often such as a parser might take for something else."""
    short = st.text("abz019-", min_size=1, max_size=8).map(lambda text: text.strip("-"))
    return st.one_of(st.sampled_from(_NASTY), st.sampled_from(_LONG), short.filter(bool))


@functools.cache
def cluster_names(parts: int = 1) -> SearchStrategy[str]:
    """Names that a cluster may have, of at most so many parts joined by ``/``."""
    joined = st.lists(labels(), min_size=1, max_size=parts).map("/".join)
    return joined.filter(lambda name: names.cluster_name_problem(name) is None)


@functools.cache
def namespaces() -> SearchStrategy[str]:
    """Names that a control plane, or Argo CD's namespace, may have."""
    # Istio's charts write a namespace unquoted, so what looks like a number is none.
    like_text = labels().map(lambda label: f"ns-{label}"[:63].rstrip("-"))
    return like_text.filter(lambda name: names.namespace_problem(name) is None)


@st.composite
def inventories(draw: DrawFn, max_planes: int = 3, max_remotes: int = 6) -> Inventory:
    """Valid inventories, with one control plane or more, each with one remote cluster or more."""
    count = draw(st.integers(1, max_planes))
    argocd, *plane_names = draw(_unique(namespaces(), count + 1))
    external = draw(cluster_names())
    config_names = draw(_unique(cluster_names(parts=3), count, taken=(external,)))
    more = draw(st.integers(0, max_remotes - count))
    taken = (external, *config_names)
    remote_names = [*config_names, *draw(_unique(cluster_names(), more, taken=taken))]

    pairs = list(zip(plane_names, config_names, strict=True))
    planes = tuple(draw(_control_plane(name, config, count)) for name, config in pairs)
    destinations = draw(_unique(_destinations(), 1 + len(remote_names)))
    owners = [*planes, *(draw(st.sampled_from(planes)) for _ in range(more))]
    east_west = {plane.name: draw(st.booleans()) for plane in planes}
    clusters = [
        draw(_remote(name, owner, destination, is_joined=east_west[owner.name]))
        for name, owner, destination in zip(remote_names, owners, destinations[1:], strict=True)
    ]
    clusters.append(Cluster(external, Role.EXTERNAL, destinations[0], labels=draw(_label_sets())))
    repository = draw(_repositories())
    mesh = Mesh(
        mesh_id=draw(labels()),
        istio_version=draw(st.sampled_from(["1.29.1", "1.28.3"])),
        repository=repository,
        external_cluster=external,
        control_planes=planes,
        argocd_namespace=argocd,
        bot=Bot() if repository.forge is Forge.NONE else draw(_bots()),
    )
    return Inventory(mesh, tuple(sorted(clusters, key=lambda cluster: cluster.name)))


def _unique(
    items: SearchStrategy[_T], count: int, taken: tuple[_T, ...] = ()
) -> SearchStrategy[list[_T]]:
    free = items.filter(lambda item: item not in taken)
    return st.lists(free, min_size=count, max_size=count, unique=True)


@functools.cache
def _repositories() -> SearchStrategy[Repository]:
    branches = st.sampled_from(["main", "1e3", "release/1.x"])
    return st.builds(
        Repository, st.sampled_from(_REPOSITORIES), branches, st.sampled_from(list(Forge))
    )


@functools.cache
def _bots() -> SearchStrategy[Bot]:
    secrets = st.one_of(st.none(), labels())
    images = st.just(f"registry.example.com/bot:1e3@sha256:{'0' * 64}")
    pods = st.builds(InClusterBot, images, labels(), st.just("bot-1e3"), secrets)
    schedules = st.sampled_from([None, "*/30 * * * *", "0 1 * * MON-FRI"])
    return st.builds(Bot, schedules, st.one_of(st.none(), pods))


@functools.cache
def _destinations() -> SearchStrategy[Destination]:
    # No YAML reaches us with a NUL in it.
    by_name = texts().map(lambda name: Destination(name=name.replace("\0", "") or "none"))
    hosts = st.one_of(
        labels().map(lambda label: f"{label}.example.com"),
        st.ip_addresses(v=4).map(str),
        st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
    )
    by_server = hosts.map(lambda host: Destination(server=f"https://{host}:6443"))
    return st.one_of(cluster_names().map(lambda name: Destination(name=name)), by_name, by_server)


@functools.cache
def _label_sets() -> SearchStrategy[dict[str, str]]:
    keys = st.sampled_from(["team", "example.com/stage", "1e3"])
    return st.dictionaries(keys, st.one_of(st.just(""), _label_values()), max_size=3)


@functools.cache
def _label_values() -> SearchStrategy[str]:
    return st.one_of(st.sampled_from(_NASTY_VALUES), labels())


@functools.cache
def _issuers() -> SearchStrategy[Issuer | None]:
    return st.one_of(st.none(), st.builds(Issuer, labels()))


@st.composite
def _control_plane(draw: DrawFn, name: str, config: str, planes: int) -> ControlPlane:
    if planes == 1 and draw(st.booleans()):
        addresses = st.integers(1, 254).map(lambda n: str(ipaddress.IPv4Address(0xC6336400 + n)))
        return ControlPlane(name, draw(addresses), config)
    issuers = _issuers()
    type_ = draw(st.sampled_from(list(CAType)))
    authority = CertificateAuthority(
        type=type_,
        issuer=draw(issuers) if type_ is CAType.PLUGGED_IN else None,
        root_certificate=draw(st.sampled_from([None, PEM])),
        insecure_skip_verify=draw(st.booleans()),
    )
    return ControlPlane(
        name,
        f"{name}.example.com",
        config,
        tls=GatewayTLS(draw(labels()), draw(issuers)),
        ca_bundle=draw(st.sampled_from([None, PEM])),
        ca=authority,
    )


@st.composite
def _remote(
    draw: DrawFn, name: str, plane: ControlPlane, destination: Destination, *, is_joined: bool
) -> Cluster:
    gateways = Gateways(
        ingress=draw(st.booleans()),
        egress=draw(st.booleans()),
        # The Gateway that exposes services needs the config cluster's gateway before any other.
        east_west=is_joined and (name == plane.config_cluster or draw(st.booleans())),
    )
    return Cluster(
        name,
        Role.REMOTE,
        destination,
        control_plane=plane.name,
        network=draw(_label_values()),
        gateways=gateways,
        labels=draw(_label_sets()),
        custom=draw(st.booleans()),
    )
