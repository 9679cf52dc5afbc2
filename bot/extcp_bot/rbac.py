"""The least that the bot needs from an API server, as Roles out of what the checks declare."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.checks.model import (
    ARGOCD_NAMESPACE,
    CONTROL_PLANE_NAMESPACE,
    GATEWAY_SECRET,
    PROBE_NAMESPACE,
    Permission,
    Side,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from extcp_bot.checks.model import Check
    from extcp_gitops.inventory.model import ControlPlane

Object = dict[str, Any]

FIND_CLUSTERS: Final = Permission(Side.ARGOCD, "secrets", namespace=ARGOCD_NAMESPACE)
"""What it takes to reach clusters by Argo CD's cluster Secrets."""

_API_GROUP: Final = "rbac.authorization.k8s.io"
_API_VERSION: Final = f"{_API_GROUP}/v1"
_VERBS: Final = ("get", "list", "watch", "create", "update", "patch", "delete")
_EVERYWHERE: Final = ""


@dataclass(frozen=True, slots=True)
class Places:
    """What the placeholders of permissions stand for.

    Attributes:
        control_planes: Those that the Roles are for.
        argocd: The namespace of Argo CD.
        probe: The namespace of dry runs; empty leaves them out, for a permission to create Pods in
            every namespace is one to do nearly everything.
    """

    control_planes: tuple[ControlPlane, ...]
    argocd: str
    probe: str = ""

    def of(self, placeholder: str) -> tuple[str, ...]:
        """The namespaces that a permission's namespace stands for."""
        known = {
            CONTROL_PLANE_NAMESPACE: tuple(plane.namespace for plane in self.control_planes),
            ARGOCD_NAMESPACE: (self.argocd,),
            PROBE_NAMESPACE: (self.probe,) if self.probe else (),
        }
        return known.get(placeholder, (placeholder,))

    def names(self, wanted: tuple[str, ...], namespace: str) -> tuple[str, ...]:
        """The names that a permission's names stand for, in one namespace or in all."""
        own = [each for each in self.control_planes if each.namespace == namespace]
        expanded = {
            name.replace(CONTROL_PLANE_NAMESPACE, plane.namespace).replace(
                GATEWAY_SECRET, plane.tls.secret_name if plane.tls else ""
            )
            for name in wanted
            for plane in own or self.control_planes
        }
        return tuple(sorted(filter(None, expanded)))


@dataclass(frozen=True, slots=True)
class Account:
    """The ServiceAccount that the bot runs as."""

    namespace: str
    name: str

    @property
    def namespace_command(self) -> str:
        """What makes its namespace.

        It is none of the printed objects: whoever deletes these would delete all that is in it.
        """
        return f"kubectl create namespace {self.namespace}"


@dataclass
class Rule:
    """One rule of a Role, and who wants it.

    Attributes:
        group: API group.
        resource: Plural, with its subresource.
        names: The only objects; none for all.
        verbs: What is done to them.
        reasons: Codes of checks.
    """

    group: str
    resource: str
    names: tuple[str, ...]
    verbs: set[str] = field(default_factory=set)
    reasons: set[str] = field(default_factory=set)

    def covers(self, other: Rule) -> bool:
        """Whether whoever has this rule needs the other one no more."""
        is_same = (self.group, self.resource) == (other.group, other.resource)
        named = not self.names or (other.names and set(other.names) <= set(self.names))
        return bool(is_same and named and other.verbs <= self.verbs)

    def as_object(self) -> Object:
        """As it stands in a Role."""
        rule: Object = {"apiGroups": [self.group], "resources": [self.resource]}
        if self.names:
            rule["resourceNames"] = list(self.names)
        rule["verbs"] = sorted(self.verbs, key=lambda verb: (_order(verb), verb))
        return rule


def rules(wanted: Iterable[tuple[str, Permission]], places: Places) -> Mapping[str, Sequence[Rule]]:
    """The rules by namespace, those for the whole cluster under the empty one.

    Args:
        wanted: Permissions of one side, each with who wants it.
        places: What the placeholders stand for.
    """
    found: dict[str, dict[tuple[str, str, tuple[str, ...]], Rule]] = {_EVERYWHERE: {}}
    for reason, permission in wanted:
        for namespace, each in _placed(permission, places):
            key = (each.group, each.resource, each.names)
            rule = found.setdefault(namespace, {}).setdefault(key, Rule(*key))
            rule.verbs.update(each.verbs)
            rule.reasons.add(reason)
    everywhere = _needed(list(found.pop(_EVERYWHERE).values()), ())
    inside = {name: _needed(list(own.values()), everywhere) for name, own in found.items()}
    return {_EVERYWHERE: everywhere, **{name: inside[name] for name in sorted(inside)}}


def permissions(checks: Iterable[Check], side: Side) -> Iterator[tuple[str, Permission]]:
    """What the checks ask of one side, each with the check's code.

    A config cluster is a remote cluster as well.
    """
    for check in checks:
        for permission in permitted(check.permissions, side):
            yield check.code, permission


def permitted(asked: Iterable[Permission], side: Side) -> Iterator[Permission]:
    """Those of some permissions that are for one side."""
    sides = {side, Side.REMOTE} if side is Side.CONFIG else {side}
    return (permission for permission in asked if permission.side in sides)


def left_out(wanted: Iterable[tuple[str, Permission]], places: Places) -> list[str]:
    """The codes of checks whose dry runs have no namespace."""
    if places.probe:
        return []
    return sorted({code for code, each in wanted if each.namespace == PROBE_NAMESPACE})


def document(
    side: Side, found: Mapping[str, Sequence[Rule]], account: Account | None = None
) -> str:
    """YAML to apply to an API server: Roles and, for a ServiceAccount, what binds them to it.

    Args:
        side: Whose API server; part of the names.
        found: From :func:`rules`.
        account: Who is to have the roles; None prints the roles alone.
    """
    name = f"extcp-bot-{side.value}"
    documents = [_account(account)] if account else []
    for namespace, own in found.items():
        if own:
            documents.append(_role(name, namespace, own))
            if account:
                documents.append(_binding(name, namespace, account))
    return "---\n".join(documents)


def _placed(permission: Permission, places: Places) -> Iterator[tuple[str, Permission]]:
    """The permission in each namespace that it is for, its names without placeholders."""
    spaces = (_EVERYWHERE,) if permission.namespace is None else places.of(permission.namespace)
    for namespace in spaces:
        names = places.names(permission.names, namespace)
        if names or not permission.names:  # no names left would mean all objects
            yield namespace, replace(permission, names=names)


def _needed(own: list[Rule], given: Sequence[Rule]) -> list[Rule]:
    """The rules that no other one covers, in order; what is covered leaves its reasons behind."""
    kept: list[Rule] = []
    # Those for all objects come first, so that they are there when those for a few are looked at.
    for rule in sorted(own, key=lambda rule: (rule.group, rule.resource, rule.names)):
        cover = next((each for each in (*given, *kept) if each.covers(rule)), None)
        if cover is None:
            kept.append(rule)
        else:
            cover.reasons.update(rule.reasons)
    return kept


def _role(name: str, namespace: str, own: Sequence[Rule]) -> str:
    from extcp_gitops.yamlio.dump import dump  # noqa: PLC0415 - yaml when needed

    kind = "Role" if namespace else "ClusterRole"
    head = {"apiVersion": _API_VERSION, "kind": kind, "metadata": _metadata(name, namespace)}
    lines = [dump(head), "rules:\n"]
    for rule in own:
        lines += [f"# {', '.join(sorted(rule.reasons))}\n", dump([rule.as_object()])]
    return "".join(lines)


def _binding(name: str, namespace: str, account: Account) -> str:
    from extcp_gitops.yamlio.dump import dump  # noqa: PLC0415 - yaml when needed

    kind = "Role" if namespace else "ClusterRole"
    subject = {"kind": "ServiceAccount", "name": account.name, "namespace": account.namespace}
    return dump(
        {
            "apiVersion": _API_VERSION,
            "kind": f"{kind}Binding",
            "metadata": _metadata(name, namespace),
            "roleRef": {"apiGroup": _API_GROUP, "kind": kind, "name": name},
            "subjects": [subject],
        }
    )


def _account(account: Account) -> str:
    from extcp_gitops.yamlio.dump import dump  # noqa: PLC0415 - yaml when needed

    metadata = _metadata(account.name, account.namespace)
    return (
        "# Its namespace is not printed, so that nobody deletes it with these objects. Where\n"
        f"# there is none yet: {account.namespace_command}\n"
    ) + dump({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})


def _metadata(name: str, namespace: str) -> Object:
    return {"name": name, **({"namespace": namespace} if namespace else {})}


def _order(verb: str) -> int:
    return _VERBS.index(verb) if verb in _VERBS else len(_VERBS)
