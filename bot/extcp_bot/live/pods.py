"""Pods without what people write into them: arguments, variables, annotations, last words.

Whoever may list Pods is shown every password that somebody gave to a container. No check wants it,
so it is let go as it comes, and is neither in memory nor in a support bundle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from extcp_bot.live import fields

if TYPE_CHECKING:
    from extcp_bot.kube.answers import Object

_METADATA: Final = ("name", "namespace", "labels", "creationTimestamp", "deletionTimestamp")
_CONDITION: Final = ("type", "status", "reason", "lastTransitionTime")


def kept(pod: Object) -> Object:
    """Which Pod it is, where it runs, and how it is; nothing of its containers.

    One function for all lists of the same Pods, which are read once for those that keep the same.
    """
    metadata, status = fields.mapping(pod.get("metadata")), fields.mapping(pod.get("status"))
    return {
        "metadata": chosen(metadata, *_METADATA),
        "spec": chosen(fields.mapping(pod.get("spec")), "nodeName"),
        "status": {
            **chosen(status, "phase"),
            "conditions": [
                chosen(each, *_CONDITION) for each in fields.items(status.get("conditions"))
            ],
        },
    }


def chosen(item: Object, *names: str) -> dict[str, Any]:
    """Of an object what has one of the names."""
    return {name: item[name] for name in names if name in item}
