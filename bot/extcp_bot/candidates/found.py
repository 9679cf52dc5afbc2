"""Which clusters could join: labelled ones among those that Argo CD knows, or one named by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from extcp_bot import threads
from extcp_bot.access import argocd
from extcp_bot.access.argocd import IN_CLUSTER_NAME
from extcp_bot.access.kubeconfig import Contexts
from extcp_bot.candidates import wishes
from extcp_bot.candidates.model import Candidate, NotRegisteredError
from extcp_bot.candidates.possible import Rules
from extcp_bot.candidates.wishes import Wishes
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.result import clean
from extcp_gitops.errors import ExtcpError
from extcp_gitops.inventory import author, names
from extcp_gitops.inventory.author import NewCluster
from extcp_gitops.inventory.model import DEFAULT_NETWORK, Destination, Gateways
from extcp_gitops.render.argocd import IN_CLUSTER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from extcp_bot.access.argocd import Entry, Registry
    from extcp_bot.access.model import Access
    from extcp_bot.target import Fleet
    from extcp_gitops.errors import Finding
    from extcp_gitops.inventory.model import Cluster

    Way = Access | CannotLookError

_REGISTER: Final = "register it: argocd cluster add"
_BY_HAND: Final = "the command line"


async def find(fleet: Fleet) -> tuple[Candidate, ...]:
    """The clusters that are labelled for the mesh and are not in the inventory, by name.

    A cluster Secret of Argo CD makes a candidate by the label ``extcp-gitops.io/mesh`` with the
    mesh ID (issue 6, point 1). One that cannot be meant so is among them, with its problem.

    Args:
        fleet: The mesh; the inventory is that of its repository.

    Raises:
        CannotLookError: Argo CD cannot be asked.
        ExtcpError: The inventory is not in order.
    """
    registry = await _registry(fleet)
    return await threads.run(_found, fleet, registry)


async def named(
    fleet: Fleet,
    name: str,
    *,
    network: str | None = None,
    control_plane: str | None = None,
    gateways: Gateways | None = None,
    server: str | None = None,
    context: str | None = None,
) -> Candidate:
    """The cluster that a person proposes.

    What they leave open, the labels of its cluster Secret say, and then what
    ``extcp-gitops cluster add`` takes.

    Args:
        fleet: The mesh.
        name: Of the cluster.
        network: Of Istio.
        control_plane: That it is to belong to; needed where there are several.
        gateways: Wanted.
        server: URL by which Argo CD knows the cluster, instead of its name.
        context: kubeconfig context that leads to it; where not given one of its name, and then
            Argo CD's cluster Secret.

    Raises:
        ExtcpError: The inventory does not take it, with the generator's own code.
    """
    registry: Registry | CannotLookError
    try:
        registry = await _registry(fleet)
    except CannotLookError as error:
        registry = error
    said = Wishes(name, network, control_plane, gateways)
    # In a thread, because a plugin may take its time.
    return await threads.run(_named, fleet, registry, said, server, context)


async def _registry(fleet: Fleet) -> Registry:
    api, namespace = fleet.argocd_api, fleet.inventory.mesh.argocd_namespace
    return await argocd.read(api, namespace, api.access, fleet.plugins)


def _found(fleet: Fleet, registry: Registry) -> tuple[Candidate, ...]:
    finder, mesh_id = _Finder(fleet, registry), fleet.inventory.mesh.mesh_id
    found: dict[str, Candidate] = {}
    for entry in registry.entries:
        if entry.labels.get(wishes.MESH) == mesh_id and finder.member(entry) is None:
            candidate = finder.candidate(entry)
            known = found.get(candidate.name)
            found[candidate.name] = _both(known, candidate) if known else candidate
    return tuple(found[name] for name in sorted(found))


class _Finder:
    """Makes candidates of the cluster Secrets of one Argo CD."""

    def __init__(self, fleet: Fleet, registry: Registry) -> None:
        self._inventory = fleet.inventory
        self._access = fleet.access
        self._registry = registry
        self._kubeconfig = _contexts(fleet)
        self._rules = Rules(fleet.root)

    def member(self, entry: Entry) -> Cluster | None:
        """The cluster of the inventory that Argo CD reaches by a Secret."""
        for cluster in self._inventory.clusters:
            destination = cluster.destination
            server = (destination.server or "").rstrip("/")
            if destination.name == entry.name or (server and server == entry.server):
                return cluster
        return None

    def candidate(self, entry: Entry) -> Candidate:
        """The cluster of a Secret, with all that keeps it from being a candidate."""
        said = wishes.of(entry)
        problems = [*said.problems, *self._collisions(entry)]
        name = said.name or names.cluster_name_of_directory(entry.name)
        is_by_name = name.replace("/", names.SLASH) == entry.name
        plane = said.control_plane or ""
        try:
            plane = author.known_control_plane(self._inventory, said.control_plane)
        except ExtcpError as error:
            problems += _words(error.findings)
        new = NewCluster(
            name,
            said.network or DEFAULT_NETWORK,
            None if is_by_name else entry.server,
            said.gateways or Gateways(),
        )
        way = _of_entry(self._registry, entry)
        access = way
        if isinstance(way, CannotLookError):
            access = _of_context(self._kubeconfig, name) or way
        found = Candidate(new, plane, access, by_hand=False, origin=entry.origin, argocd=way)
        if plane in self._inventory.control_planes:
            problems += _words(self._rules.findings(found))
        return _harmless(found, problems) if problems else found

    def _collisions(self, entry: Entry) -> Iterator[str]:
        """What else claims to be the same cluster."""
        others = [each for each in self._registry.entries if each is not entry]
        if same := [each.origin for each in others if each.name == entry.name]:
            yield f"Argo CD has several clusters of the name {entry.name}: also {', '.join(same)}"
        for other in others:
            if other.server == entry.server and other.name != entry.name:
                member = self.member(other)
                who = f"{member.name}, which is in the mesh" if member else other.origin
                yield f"its server {entry.server} is that of {who}"
        if entry.server == IN_CLUSTER:
            home = self._registry.of(entry)
            for name, access in self._access.items():
                if access == home:
                    yield f"it is the cluster that Argo CD runs in, and in the mesh as {name}"


def _named(
    fleet: Fleet,
    registry: Registry | CannotLookError,
    said: Wishes,
    server: str | None,
    context: str | None,
) -> Candidate:
    name = said.name or ""
    for labels in map(wishes.of, _known(registry, name, server)):
        said = replace(
            said,
            network=labels.network if said.network is None else said.network,
            control_plane=said.control_plane or labels.control_plane,
            gateways=labels.gateways if said.gateways is None else said.gateways,
        )
    new = NewCluster(name, said.network or DEFAULT_NETWORK, server, said.gateways or Gateways())
    plane = author.known_control_plane(fleet.inventory, said.control_plane)
    way = _registered(registry, new)
    kubeconfig = _contexts(fleet)
    access = _of_context(kubeconfig, context or name, is_asked=context is not None) or way
    candidate = Candidate(new, plane, access, by_hand=True, origin=_BY_HAND, argocd=way)
    if findings := Rules(fleet.root).findings(candidate):
        raise ExtcpError(*findings)
    return candidate


def _known(registry: Registry | CannotLookError, name: str, server: str | None) -> list[Entry]:
    """The Secret of a cluster that a person names, where there is one and no other."""
    if isinstance(registry, CannotLookError):
        return []
    by_name, url = name.replace("/", names.SLASH), (server or "").rstrip("/")
    found = [
        each for each in registry.entries if (each.server == url if url else each.name == by_name)
    ]
    return found if len(found) == 1 else []


def _registered(registry: Registry | CannotLookError, new: NewCluster) -> Way:
    """How Argo CD reaches a cluster that a person names."""
    if isinstance(registry, CannotLookError):
        return registry
    found = _known(registry, new.name, new.server)
    if found:
        return _of_entry(registry, found[0])
    key = new.server or new.name.replace("/", names.SLASH)
    is_home = key in {IN_CLUSTER, IN_CLUSTER_NAME}
    ambiguous = any(key in {each.name, each.server} for each in registry.entries)
    try:
        return registry.access(Destination(server=new.server, name=None if new.server else key))
    except CannotLookError as error:
        if is_home or ambiguous:
            return error
        return NotRegisteredError(error.why, _REGISTER, error.looked_at)


def _of_entry(registry: Registry, entry: Entry) -> Way:
    try:
        return registry.of(entry)
    except CannotLookError as error:
        return error


def _contexts(fleet: Fleet) -> Contexts | CannotLookError:
    try:
        return Contexts.read(fleet.plugins)
    except CannotLookError as error:
        return error


def _of_context(
    kubeconfig: Contexts | CannotLookError, context: str, *, is_asked: bool = False
) -> Way | None:
    """The way by a context; None where there is none of that name, and nobody asked for it."""
    if isinstance(kubeconfig, CannotLookError):
        return kubeconfig if is_asked else None
    if not is_asked and context not in kubeconfig:
        return None
    try:
        return kubeconfig.access(context)
    except CannotLookError as error:
        return error


def _both(one: Candidate, other: Candidate) -> Candidate:
    """Two Secrets for one cluster, which nobody can choose between."""
    words = f"{one.origin} and {other.origin} are both for the cluster {one.name}"
    return replace(one, problem=clean("; ".join(filter(None, (words, one.problem)))))


def _harmless(candidate: Candidate, problems: Iterable[str]) -> Candidate:
    """One that is shown and goes no further, whatever its annotations hold."""
    new = candidate.cluster
    server = None if new.server is None else clean(new.server)
    shown = replace(new, name=clean(new.name), network=clean(new.network), server=server)
    problem = clean("; ".join(problems))
    plane = clean(candidate.control_plane)
    return replace(candidate, cluster=shown, control_plane=plane, problem=problem)


def _words(findings: Iterable[Finding]) -> list[str]:
    return [f"{each.message} ({each.remedy})" for each in findings]
