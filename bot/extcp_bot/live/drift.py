"""Whether what is live holds all that the repository says, whatever else an API server adds.

What is false, empty or zero counts as not there: API servers and Argo CD leave such fields out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.live import fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Object = dict[str, Any]

_QUANTITIES: Final = frozenset({"cpu", "memory", "ephemeral-storage", "divisor"})
_QUANTITY: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([a-zA-Z]{0,2})")
_FACTORS: Final = {
    "": Fraction(1),
    "m": Fraction(1, 1000),
    **{unit: Fraction(1000) ** power for power, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": Fraction(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}
_LONGEST: Final = 80
_SELECTOR: Final = "namespaceSelector"

# The expressions of ``ignoreDifferences`` that the generator writes, and the fields they are about.
_IGNORED: Final = {
    ".webhooks[]?.clientConfig.caBundle": ("clientConfig", "caBundle"),
    ".webhooks[]?.failurePolicy": ("failurePolicy",),
}

# By which clouds keep webhooks out of their own namespaces: the Admissions Enforcer of AKS
# (Azure/AKS#1771), and GKE Autopilot (Dynatrace/dynatrace-operator#2194), by their names.
_OF_AKS: Final = (
    {"key": "control-plane", "operator": "DoesNotExist"},
    {"key": "control-plane", "operator": "NotIn", "values": ["true"]},
    {"key": "kubernetes.azure.com/managedby", "operator": "NotIn", "values": ["aks"]},
)
_BY_NAME: Final = ("kubernetes.io/metadata.name", "NotIn")
_OF_EVERY_CLOUD: Final = "kube-system"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not as the repository says.

    Attributes:
        path: Such as ``spec.template.spec.containers[discovery].image``.
        found: The live value, for people.
        wanted: That of the repository.
    """

    path: str
    found: str
    wanted: str


def differences(wanted: object, found: object, path: str = "") -> Iterator[Difference]:
    """Where a live value does not hold what the repository says.

    Args:
        wanted: From the repository.
        found: From a cluster; may be anything.
        path: Where both stand.
    """
    if isinstance(wanted, dict):
        live = found if isinstance(found, dict) else {}
        for name, value in wanted.items():
            below = f"{path}.{name}" if path else str(name)
            if name in _QUANTITIES and _is_same_quantity(value, live.get(name)):
                continue
            yield from differences(value, live.get(name), below)
    elif isinstance(wanted, list) and _is_named(wanted):
        yield from _named(wanted, found, path)
    elif isinstance(wanted, list) and wanted:
        yield from _ordered(wanted, found, path)
    elif wanted != found and (wanted or found):
        yield Difference(path, _shown(found), _shown(wanted))


def without_ignored(item: Object, ignored: object) -> Object:
    """The object without the fields that its Application leaves to the cluster.

    Args:
        item: Of the repository.
        ignored: ``spec.ignoreDifferences`` of its Application, as the generator writes it.
    """
    paths = [path for entry in _entries(ignored, item) for path in _paths(entry)]
    if not paths:
        return item
    hooks = [_without(hook, paths) for hook in item.get("webhooks") or []]
    return {**item, "webhooks": hooks}


def without_clouds(live: Object, item: Object) -> Object:
    """The live object without what a cloud adds to the selectors of its webhooks.

    Args:
        live: May hold anything.
        item: The same object of the repository; what stands there is no addition.
    """
    hooks = live.get("webhooks")
    if not isinstance(hooks, list):
        return live
    own = [each for hook in item.get("webhooks") or [] for each in _expressions(hook)]
    return {**live, "webhooks": [_without_clouds(hook, own) for hook in hooks]}


def _without_clouds(hook: object, own: list[Object]) -> object:
    found = _expressions(hook)
    kept = [each for each in found if each in own or not _is_of_a_cloud(each)]
    if not isinstance(hook, dict) or len(kept) == len(found):
        return hook
    return {**hook, _SELECTOR: {**hook[_SELECTOR], "matchExpressions": kept}}


def _expressions(hook: object) -> list[Any]:
    expressions = fields.at(hook, _SELECTOR, "matchExpressions")
    return expressions if isinstance(expressions, list) else []


def _is_of_a_cloud(expression: object) -> bool:
    """Whether AKS or GKE Autopilot wrote it; who leaves other namespaces out does so for others."""
    if expression in _OF_AKS:
        return True
    said = fields.mapping(expression)
    is_by_name = (said.get("key"), said.get("operator")) == _BY_NAME
    return is_by_name and _OF_EVERY_CLOUD in fields.strings(said.get("values"))


def _is_named(items: list[Any]) -> bool:
    if not all(isinstance(item, dict) and "name" in item for item in items):
        return False
    return 0 < len(items) == len({str(item["name"]) for item in items})


def _named(wanted: list[Object], found: object, path: str) -> Iterator[Difference]:
    """Lists that Kubernetes keys by name: each one wanted is there, others may be too."""
    live = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    by_name = {str(item.get("name")): item for item in reversed(live)}
    for item in wanted:
        name = str(item["name"])
        if name in by_name:
            yield from differences(item, by_name[name], f"{path}[{name}]")
        else:
            yield Difference(f"{path}[{name}]", "none", "one")


def _ordered(wanted: list[Any], found: object, path: str) -> Iterator[Difference]:
    """All other lists are what they are as a whole."""
    live = found if isinstance(found, list) else []
    if len(live) != len(wanted):
        yield Difference(path, f"{len(live)} entries", f"{len(wanted)} entries")
        return
    for index, (one, other) in enumerate(zip(wanted, live, strict=True)):
        yield from differences(one, other, f"{path}[{index}]")


def _is_same_quantity(wanted: object, found: object) -> bool:
    """Whether two quantities are one: API servers write 2048Mi as 2Gi, and 2000m as 2."""
    one, other = _quantity(wanted), _quantity(found)
    return one is not None and one == other


def _quantity(value: object) -> Fraction | None:
    match = _QUANTITY.fullmatch(str(value)) if isinstance(value, str | int | float) else None
    if match is None or match[2] not in _FACTORS:
        return None
    return Fraction(match[1]) * _FACTORS[match[2]]


def _entries(ignored: object, item: Object) -> Iterator[Mapping[str, Any]]:
    group = str(item.get("apiVersion")).rpartition("/")[0]
    key = (group, item.get("kind"), item["metadata"].get("name"))
    for entry in ignored if isinstance(ignored, list) else ():
        if (entry.get("group"), entry.get("kind"), entry.get("name")) == key:
            yield entry


def _paths(entry: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for expression in entry.get("jqPathExpressions") or []:
        if expression in _IGNORED:
            yield _IGNORED[expression]


def _without(hook: Object, paths: list[tuple[str, ...]]) -> Object:
    kept = dict(hook)
    for first, *rest in paths:
        if rest and isinstance(kept.get(first), dict):
            kept[first] = {name: value for name, value in kept[first].items() if name not in rest}
        elif not rest:
            kept.pop(first, None)
    return kept


def _shown(value: object) -> str:
    """A value for people: short, and of a structure no more than what it is."""
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return f"{len(value)} entries"
    if not value and value != 0:
        return "none"
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
