"""EXTCP-P08: no webhook of the candidate refuses everything, for want of somebody to ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.candidates import generated
from extcp_bot.candidates.checks.registry import check
from extcp_bot.checks.model import (
    Observation,
    Permission,
    Problem,
    Scope,
    Severity,
    Side,
    healthy,
)
from extcp_bot.live import fields, namespaces, selectors, services, webhooks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

    from extcp_bot.live.webhooks import Webhook
    from extcp_bot.target import Target

_ALL: Final = "*"
_FAIL: Final = "Fail"
_NAME: Final = "kubernetes.io/metadata.name"

NOBODY = Problem(
    "nobody-to-ask",
    "A webhook of the candidate has to be asked about objects that the cluster will be given, and "
    "nothing is behind it, so that they would be refused.",
    "see why it is down; or delete its configuration, where what it belonged to is gone",
    "kubectl --context {context} --namespace {of_service} get endpointslices "
    "--selector kubernetes.io/service-name={service}",
)


@dataclass(frozen=True, slots=True)
class Made:
    """One object that the cluster will be given, or a Pod that will come from one.

    Attributes:
        group: API group.
        resource: Plural.
        labels: Of the object.
        space: Labels of its namespace, or of the Namespace that it is; None for what has none.
    """

    group: str
    resource: str
    labels: Mapping[str, str]
    space: Mapping[str, str] | None


@check(
    "EXTCP-P08",
    "webhooks",
    title="Is there somebody behind each webhook that would be asked in the candidate?",
    scope=Scope.CANDIDATE,
    severity=Severity.ERROR,
    permissions=(
        Permission(Side.CANDIDATE, webhooks.MUTATING, group=webhooks.GROUP),
        Permission(Side.CANDIDATE, webhooks.VALIDATING, group=webhooks.GROUP),
        Permission(Side.CANDIDATE, "namespaces"),
        Permission(Side.CANDIDATE, services.RESOURCE, group=services.GROUP),
    ),
    problems=(NOBODY,),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """A policy engine that is down, or was removed by halves, keeps Pods from being created.

    Looked at are the webhooks of everybody that have `failurePolicy: Fail` and name a Service, and
    whose rules and selectors take an object of the cluster's directory, or a Pod of its gateways;
    and whether anything behind that Service is ready. What belongs to no namespace is tried as a
    dry run besides (EXTCP-P05), which in a namespace that is not there yet cannot be.
    """
    made = list(_made(target, await _labels(target)))
    asked = [hook for hook in await webhooks.of_all(target) if _is_asked(hook, made)]
    is_fine = True
    for hook in asked:
        space, name = _service(hook)
        if not await _is_there(target, space, name):
            is_fine = False
            yield NOBODY.at(
                target,
                hook.place,
                found=f"nothing ready behind Service {space}/{name}",
                wanted="somebody to ask",
                of_service=space,
                service=name,
            )
    if is_fine:
        yield healthy("webhooks that would be asked", f"{len(asked)}, with somebody behind each")


async def _labels(target: Target) -> Mapping[str, str]:
    """Those that the control plane's namespace will have."""
    there = await namespaces.of_control_plane(target)
    return {**(there.labels if there else {}), _NAME: target.plane.namespace}


def _made(target: Target, space: Mapping[str, str]) -> Iterator[Made]:
    objects = generated.objects(target)
    for item in objects:
        if item["kind"] == "Namespace":
            space = {**space, **_texts(item, "metadata", "labels")}
    for item in objects:
        is_inside = not generated.is_cluster_scoped(item) or item["kind"] == "Namespace"
        group, resource = generated.group_of(item), generated.plural(item["kind"])
        labels = _texts(item, "metadata", "labels")
        yield Made(group, resource, labels, space if is_inside else None)
        if item["kind"] == "Deployment":
            pod = _texts(item, "spec", "template", "metadata", "labels")
            yield Made("", "pods", pod, space)


def _texts(item: dict[str, Any], *names: str) -> dict[str, str]:
    return {str(key): str(text) for key, text in fields.mapping(fields.at(item, *names)).items()}


def _is_asked(hook: Webhook, made: Iterable[Made]) -> bool:
    """Whether the API server has to ask it about one of the objects, by a Service."""
    if hook.failure_policy != _FAIL or hook.service is None:
        return False
    return any(
        (each.space is None or selectors.selects(hook.namespaces, each.space))
        and selectors.selects(hook.objects, each.labels)
        and any(_takes(rule, each) for rule in hook.rules)
        for each in made
    )


def _takes(rule: Mapping[str, Any], made: Made) -> bool:
    is_inside = made.space is not None and made.resource != "namespaces"
    scope = rule.get("scope") or _ALL
    return (
        bool({"CREATE", _ALL} & set(fields.strings(rule.get("operations"))))
        and bool({made.group, _ALL} & set(fields.strings(rule.get("apiGroups"))))
        and bool({made.resource, _ALL, "*/*"} & set(fields.strings(rule.get("resources"))))
        and scope in (_ALL, "Namespaced" if is_inside else "Cluster")
    )


def _service(hook: Webhook) -> tuple[str, str]:
    service = fields.mapping(hook.service)
    return fields.string(service.get("namespace")), fields.string(service.get("name"))


async def _is_there(target: Target, space: str, name: str) -> bool:
    """Whether a Service has an endpoint that takes requests."""
    path = f"/apis/{services.GROUP}/v1/namespaces/{space}/{services.RESOURCE}"
    found = await target.api.list(path, labels=f"{services.SERVICE}={name}")
    return any(
        fields.at(endpoint, "conditions", "ready") is not False
        for each in found
        for endpoint in fields.items(each.get("endpoints"))
    )
