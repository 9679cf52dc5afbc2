"""What each check asks of API servers is what it declares, as ``extcp-bot rbac`` prints it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit

import pytest

from extcp_bot import rbac
from extcp_bot.checks import all_checks
from extcp_bot.checks.model import Permission, Side
from extcp_bot.rbac import Places, Rule
from extcp_bot.target import Settings
from tests.bot.fleets import CONFIG, EXTERNAL, SECOND, World

# A cluster is whatever it is in the mesh; Argo CD lives in the external one here.
SIDES = {
    EXTERNAL: (Side.EXTERNAL, Side.ARGOCD),
    CONFIG: (Side.CONFIG, Side.REMOTE),
    SECOND: (Side.REMOTE,),
}
PROBE = "sample"
NOBODY = ("127.0.0.1", 1)

# Kubernetes lets everybody who is logged in do these (system:basic-user,
# system:public-info-viewer); istiod's credential, which some checks try, does nothing else.
FREE = ("/version", "/readyz")
OWN_REVIEWS = ("selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews")

# What is asked for in cases that are not simulated here.
SELDOM = {
    ("EXTCP-H01", "deployments"): "where something answers, and not as istiod does",
    ("EXTCP-H02", "configmaps"): "by IP address, where istiod's own root is the one to trust",
    ("EXTCP-H03", "configmaps"): "by IP address, where istiod's own root is the one to trust",
    ("EXTCP-H09", "secrets"): "where the annotation is right, and nobody leads all the same",
    ("EXTCP-H10", "events"): "where no Pod may be created for a dry run",
    ("EXTCP-H15", "configmaps"): "where a cluster has the namespace of another control plane",
    ("EXTCP-H16", "pods"): "where several replicas are ready",
    ("EXTCP-H16", "nodes"): "where several replicas are ready",
}


@dataclass(frozen=True)
class Asked:
    """One request in the words of RBAC."""

    verbs: frozenset[str]
    group: str
    resource: str
    namespace: str
    name: str

    @property
    def rule(self) -> Rule:
        """The least rule that allows it."""
        names = (self.name,) if self.name and "create" not in self.verbs else ()
        return Rule(self.group, self.resource, names, set(self.verbs))

    def is_for(self, rule: Rule, namespace: str) -> bool:
        """Whether a rule for a namespace, or for all, is there for the like of it."""
        of_kind = (self.group, self.resource) == (rule.group, rule.resource)
        return (
            of_kind
            and namespace in ("", self.namespace)
            and bool(not rule.names or not self.name or self.name in rule.names)
        )


def asked(request: str) -> Asked | None:
    """A request as an API server takes it apart; None for what nobody is refused."""
    method, _, address = request.partition(" ")
    parts = urlsplit(address)
    words = parts.path.strip("/").split("/")
    if parts.path in FREE or words[-1] in OWN_REVIEWS:
        return None
    group, rest = ("", words[2:]) if words[0] == "api" else (words[1], words[3:])
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    resource, name, *below = [*rest, ""][: max(len(rest), 2)]
    if below:
        resource = f"{resource}/{below[0]}"
    if method == "POST":
        return Asked(frozenset({"create"}), group, resource, namespace, "")
    if below == ["portforward"]:  # a WebSocket: GET, and what it does is create
        return Asked(frozenset({"get", "create"}), group, resource, namespace, name)
    if name:
        return Asked(frozenset({"get"}), group, resource, namespace, name)
    field = parse_qs(parts.query).get("fieldSelector", [""])[0]
    named = field.removeprefix("metadata.name=") if field.startswith("metadata.name=") else ""
    return Asked(frozenset({"list"}), group, resource, namespace, named)


def granted(mesh: World, wanted: list[Permission]) -> dict[str, list[Rule]]:
    """What permissions allow, by namespace; everywhere under the empty one."""
    inventory = mesh.fleet.inventory
    places = Places(inventory.mesh.control_planes, inventory.mesh.argocd_namespace, PROBE)
    found = rbac.rules([("test", each) for each in wanted], places)
    return {namespace: list(rules) for namespace, rules in found.items()}


def requests(mesh: World, code: str) -> dict[str, set[Asked]]:
    """What a check asks of each cluster: of a healthy mesh, then with less and less of it."""
    mesh.fleet = replace(mesh.fleet, settings=Settings(probe_namespace=PROBE, minimum_replicas=2))
    for server in mesh.servers.values():
        server.requests.clear()
    mesh.check_all(code)
    mesh.fleet = replace(mesh.fleet, connect_to=dict.fromkeys(mesh.fleet.connect_to, NOBODY))
    mesh.check_all(code)
    for emptied in (mesh.external, mesh.config, mesh.second):
        kept = dict(emptied.objects)
        emptied.objects.clear()
        mesh.check_all(code)
        emptied.objects.update(kept)
    return {
        cluster: {each for each in map(asked, server.requests) if each is not None}
        for cluster, server in mesh.servers.items()
    }


@pytest.mark.parametrize("code", all_checks())
def test_a_check_asks_for_what_it_declares_and_for_nothing_else(
    healthy_mesh: World, code: str
) -> None:
    seen = requests(healthy_mesh, code)
    declared = all_checks()[code].permissions
    for cluster, sides in SIDES.items():
        found = granted(healthy_mesh, [each for each in declared if each.side in sides])
        for each in seen[cluster]:
            rules = [*found[""], *found.get(each.namespace, [])]
            assert any(rule.covers(each.rule) for rule in rules), f"{cluster} not declared: {each}"
    for permission in declared:
        where = [name for name, sides in SIDES.items() if permission.side in sides]
        for namespace, rules in granted(healthy_mesh, [permission]).items():
            for rule in rules:
                like = [e for name in where for e in seen[name] if e.is_for(rule, namespace)]
                used = {verb for each in like for verb in each.verbs}
                is_seldom = (code, rule.resource) in SELDOM
                assert is_seldom or rule.verbs <= used, f"never asked for: {permission}"


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        ("GET /api/v1/namespaces?limit=1", ("list", "", "namespaces", "", "")),
        ("GET /api/v1/namespaces/a", ("get", "", "namespaces", "", "a")),
        ("GET /api/v1/namespaces/a/secrets", ("list", "", "secrets", "a", "")),
        ("GET /apis/apps/v1/namespaces/a/deployments/b", ("get", "apps", "deployments", "a", "b")),
        (
            "GET /api/v1/configmaps?fieldSelector=metadata.name%3Droot",
            ("list", "", "configmaps", "", "root"),
        ),
        ("POST /api/v1/namespaces/a/pods?dryRun=All", ("create", "", "pods", "a", "")),
        (
            "GET /api/v1/namespaces/a/pods/b/portforward?ports=1",
            ("create,get", "", "pods/portforward", "a", "b"),
        ),
    ],
)
def test_requests_are_read_as_an_api_server_reads_them(
    request_line: str, expected: tuple[str, str, str, str, str]
) -> None:
    each = asked(request_line)
    assert each is not None
    verbs = ",".join(sorted(each.verbs))
    assert (verbs, each.group, each.resource, each.namespace, each.name) == expected


@pytest.mark.parametrize(
    "request_line",
    ["GET /version", "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"],
)
def test_what_nobody_is_refused_needs_no_permission(request_line: str) -> None:
    assert asked(request_line) is None
