"""Comparing what stands in an object with what the inventory says, in words for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from extcp_gitops.errors import Finding
from extcp_gitops.verify.objects import at, mapping, sequence

if TYPE_CHECKING:
    from extcp_gitops.verify.objects import Built, Object

MISSING: Final = "EXTCP-V010"
CLUSTER_ID: Final = "EXTCP-V011"
CONFIG_CLUSTER: Final = "EXTCP-V012"
NETWORK: Final = "EXTCP-V013"
ADDRESS: Final = "EXTCP-V014"
MESH_ID: Final = "EXTCP-V015"
TRUST: Final = "EXTCP-V016"
ROUTE: Final = "EXTCP-V017"
CREDENTIAL: Final = "EXTCP-V018"
ARGOCD: Final = "EXTCP-V019"
PLACEHOLDER: Final = "EXTCP-V020"
BOT: Final = "EXTCP-V021"

# Ports of Istio's guide: istiod's own, and where the ingress gateway listens for it.
XDS: Final = 15012
WEBHOOK: Final = 15017
STATUS: Final = 15021

_REMEDY = (
    "mend it in custom/ or in the inventory and run 'extcp-gitops generate'; where neither says "
    "it, it is a bug: please report it"
)
_LONGEST = 120


class Facts:
    """The objects of one directory, and what was found wrong among them.

    Attributes:
        built: The directory.
        findings: So far.
    """

    def __init__(self, built: Built) -> None:
        self.built = built
        self.findings: list[Finding] = []

    def require(self, kind: str, namespace: str, name: str) -> Object:
        """An object that has to be there; an empty one, and a finding, where it is not."""
        found = self.built.find(kind, namespace, name)
        if found is None:
            place = f"{namespace}/" if namespace else ""
            self.add(MISSING, f"there is no {kind} {place}{name}")
            return {}
        return found

    def expect(self, code: str, what: str, found: object, wanted: object) -> None:
        """A finding where two values differ.

        Args:
            code: Of the finding.
            what: The place, in words.
            found: What stands there.
            wanted: What the inventory makes of it.
        """
        if found != wanted:
            self.add(code, f"{what} is {_shown(found)} and should be {_shown(wanted)}")

    def expect_same(self, code: str, what: str, found: object, wanted: object) -> None:
        """As ``expect``, for values that are too long to be shown."""
        if found != wanted:
            state = "is missing" if found is None else "is another one than the inventory has"
            self.add(code, f"{what} {'should not be there' if wanted is None else state}")

    def add(self, code: str, message: str) -> None:
        """A finding about this directory."""
        self.findings.append(Finding(code, message, _REMEDY, self.built.directory))


def environment(deployment: Object) -> list[tuple[str, Any]]:
    """Names and values of the variables of all containers of a Deployment."""
    containers = sequence(deployment, "spec", "template", "spec", "containers")
    return [
        (str(at(variable, "name")), at(variable, "value"))
        for container in containers
        for variable in sequence(container, "env")
    ]


def values_of(deployment: Object, name: str) -> list[Any]:
    """The values that a Deployment gives to a variable; one, if all is well."""
    return [value for known, value in environment(deployment) if known == name]


def ports(service: Object) -> list[Any]:
    """The ports of a Service."""
    return [at(port, "port") for port in sequence(service, "spec", "ports")]


def label(item: Object, name: str, *path: str) -> object:
    """A label, by default one of the object itself."""
    return mapping(item, *(path or ("metadata", "labels"))).get(name)


def _shown(value: object) -> str:
    if value is None or value == []:
        return "missing"
    if value == "":
        return "empty"
    text = f"'{value}'" if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
