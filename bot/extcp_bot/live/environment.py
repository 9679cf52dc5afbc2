"""Environment variables of containers, in Pods and in what Pods are made from."""

from __future__ import annotations

from typing import Final

from extcp_bot.live import fields

ELSEWHERE: Final = "a reference"
"""In place of a value that stands somewhere else than in the Pod."""


def values(spec: object, container: str, variable: str) -> list[str] | None:
    """What a container is told by a variable, which may be there twice.

    Args:
        spec: Of a Pod, or of the template of one.
        container: Its name; where the cluster has native sidecars, they are init containers.
        variable: Its name.

    Returns:
        None where there is no such container.
    """
    pod = fields.mapping(spec)
    both = [*fields.items(pod.get("containers")), *fields.items(pod.get("initContainers"))]
    found = next((each for each in both if each.get("name") == container), None)
    if found is None:
        return None
    return [
        ELSEWHERE if "valueFrom" in entry else fields.string(entry.get("value"))
        for entry in fields.items(found.get("env"))
        if entry.get("name") == variable
    ]
