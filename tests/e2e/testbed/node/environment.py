"""What a container sees of its Pod: the downward API, and its environment variables."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from .quantities import in_units

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.e2e.testbed.api import Api, Object

NODE_CAPACITY = {"cpu": "2", "memory": "8Gi", "ephemeral-storage": "16Gi"}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_SUBSCRIPT = re.compile(r"(?P<path>.+)\['(?P<key>[^']+)'\]")
_REFERENCE = re.compile(r"\$\$|\$\((?P<name>[-._A-Za-z0-9]+)\)")


class Missing(Exception):  # noqa: N818 - a state of the Pod, not an error of this program
    """Something that the Pod refers to is not there yet."""


def field(pod: Object, path: str) -> str:
    """The value of a ``fieldRef``."""
    if match := _SUBSCRIPT.fullmatch(path):
        return str((_at(pod, match["path"]) or {}).get(match["key"], ""))
    value = _at(pod, path)
    if isinstance(value, dict):
        return "\n".join(f'{key}="{_escape(value[key])}"' for key in sorted(value))
    return "" if value is None else str(value)


def _at(pod: Object, path: str) -> Any:  # noqa: ANN401 - any field of any type
    if path == "status.podIPs":
        return pod["status"]["podIP"]
    value: Any = pod
    for name in path.split("."):
        value = (value or {}).get(name)
    return value


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def resource(pod: Object, reference: Mapping[str, Any], container: Object | None) -> str:
    """The value of a ``resourceFieldRef``; a limit that is not set is the node's."""
    name = reference.get("containerName")
    if name:
        container = next(c for c in all_containers(pod) if c["name"] == name)
    kind, _, which = reference["resource"].partition(".")
    resources = (container or {}).get("resources", {})
    quantity = resources.get(kind, {}).get(which)
    if quantity is None:
        quantity = resources.get("limits", {}).get(which, NODE_CAPACITY.get(which, "0"))
    return in_units(str(quantity), str(reference.get("divisor", "")))


def all_containers(pod: Object) -> list[Object]:
    """Init containers and containers."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def expand(text: str, variables: Mapping[str, str]) -> str:
    """``$(NAME)`` replaced where NAME is known, ``$$`` made one dollar."""

    def replace(match: re.Match[str]) -> str:
        name = match["name"]
        return "$" if name is None else variables.get(name, match[0])

    return _REFERENCE.sub(replace, text)


class Environment:
    """Works out the environment of the containers of one Pod."""

    def __init__(self, api: Api, pod: Object) -> None:
        self._api = api
        self._pod = pod
        self._namespace: str = pod["metadata"]["namespace"]

    def of(self, container: Object, base: Mapping[str, str]) -> dict[str, str]:
        """All variables of a container, over those of its image and node.

        Raises:
            Missing: A ConfigMap, Secret or key is not there.
        """
        variables = {"PATH": PATH, "HOSTNAME": self._pod["metadata"]["name"], **base}
        for source in container.get("envFrom", []):
            prefix = source.get("prefix", "")
            found = self._source(source)
            variables |= {prefix + key: value for key, value in found.items()}
        for variable in container.get("env", []):
            value = self._value(variable, container, variables)
            if value is not None:
                variables[variable["name"]] = value
        return variables

    def _value(self, variable: Object, container: Object, known: Mapping[str, str]) -> str | None:
        origin = variable.get("valueFrom")
        if origin is None:
            return expand(variable.get("value", ""), known)
        if reference := origin.get("fieldRef"):
            return field(self._pod, reference["fieldPath"])
        if reference := origin.get("resourceFieldRef"):
            return resource(self._pod, reference, container)
        reference = origin.get("configMapKeyRef") or origin["secretKeyRef"]
        kind = "configMapRef" if "configMapKeyRef" in origin else "secretRef"
        value = self._source({kind: reference}).get(reference["key"])
        if value is None and not reference.get("optional"):
            raise Missing(f"no key {reference['key']} in {kind} {reference['name']}")
        return value

    def _source(self, source: Object) -> dict[str, str]:
        kind = "configMapRef" if "configMapRef" in source else "secretRef"
        reference = source[kind]
        plural = "v1/configmaps" if kind == "configMapRef" else "v1/secrets"
        item = self._api.find(plural, self._namespace, reference["name"])
        if item is None:
            if reference.get("optional"):
                return {}
            raise Missing(f"{plural} {reference['name']} is not there")
        data: dict[str, str] = item.get("data") or {}
        if kind == "secretRef":
            return {key: base64.b64decode(value).decode() for key, value in data.items()}
        return data
