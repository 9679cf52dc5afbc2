"""Every way in which what we write differs from ``istioctl manifest generate``. There is no other.

Law 1 (design section 3): apart from these deltas, the objects of a cluster equal those that
istioctl makes from the IstioOperator of the guide. The generator applies ``to_objects`` to what
istioctl renders for it; the equality test applies the same function to what istioctl renders for
the guide's own document, and then compares whole objects. ``DELTAS`` is what it prints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

Object = dict[str, Any]


class Delta(NamedTuple):
    """One declared difference."""

    name: str
    reason: str


DELTAS: Final = (
    Delta(
        "no ConfigMap 'values'",
        "it repeats the input for a person to read, nothing reads it, and its two lines that name "
        "the cluster would be the only reason for a render per cluster",
    ),
    Delta(
        "no empty fields",
        "istioctl writes some fields as null; the API server drops them, and strict schemas "
        "refuse them",
    ),
    Delta(
        "chart version is the Istio version",
        "an istioctl built from its Go module writes 1.0.0 where a released one writes its "
        "version; the same inventory has to give the same bytes with both",
    ),
    Delta(
        "istiod waits for istio-kubeconfig",
        "the volume is optional, because the guide creates the Secret before istiod. Under Argo CD "
        "istiod would start first, take the external cluster for its config cluster, and write "
        "its own istio-ca-root-cert into every namespace there; so the Pod waits for the Secret",
    ),
    Delta(
        "a private CA comes with the Pod",
        "the guide knows public certificates only; where caBundle is set, its person's document "
        "carries our injection template, which brings the CA into each injected Pod",
    ),
    Delta(
        "Namespaces",
        "the guide creates, labels and annotates them with kubectl",
    ),
    Delta(
        "empty token Secret",
        "istioctl create-remote-secret makes it; empty in Git, the remote cluster fills it",
    ),
    Delta(
        "Gateway, VirtualService, DestinationRule, Certificate, ConfigMap of the root",
        "the guide's routing and its surroundings, which istioctl does not render",
    ),
    Delta(
        "Argo CD annotations",
        "sync waves, and CRDs and Namespaces that no pruning may delete",
    ),
)

_KUBECONFIG: Final = "istio-kubeconfig"
"""The credential with which istiod reaches its config cluster."""

_CHART_LABEL = "helm.sh/chart"
_VERSION_LABEL = "app.kubernetes.io/version"
_MODULE_BUILD_VERSION = "1.0.0"


def to_objects(rendered: Iterable[Object], istio_version: str) -> list[Object]:
    """Apply the deltas that change or remove what istioctl renders.

    Args:
        rendered: Objects as istioctl gives them; they are changed in place.
        istio_version: Release of the istioctl.

    Returns:
        The objects that we write, in istioctl's order.
    """
    objects = []
    for item in rendered:
        if item["kind"] == "ConfigMap" and item["metadata"]["name"] == "values":
            continue
        kept: Object = _without_nulls(item)
        _stamp_chart_version(kept, istio_version)
        if kept["kind"] == "Deployment":
            _require_kubeconfig(kept["spec"]["template"]["spec"])
        objects.append(kept)
    return objects


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - any YAML value
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _stamp_chart_version(item: Object, istio_version: str) -> None:
    holders = [item["metadata"]]
    if item["kind"] == "Deployment":
        holders.append(item["spec"]["template"]["metadata"])
    for metadata in holders:
        labels = metadata.get("labels", {})
        chart, _, version = labels.get(_CHART_LABEL, "").rpartition("-")
        if version == _MODULE_BUILD_VERSION:
            labels[_CHART_LABEL] = f"{chart}-{istio_version}"
        if labels.get(_VERSION_LABEL) == _MODULE_BUILD_VERSION:
            labels[_VERSION_LABEL] = istio_version


def _require_kubeconfig(pod: dict[str, Any]) -> None:
    """Only an external istiod is given one; that of istio-system runs in its own cluster."""
    variables = [item for container in pod["containers"] for item in container.get("env", ())]
    if {"name": "EXTERNAL_ISTIOD", "value": "true"} in variables:
        for volume in pod.get("volumes", ()):
            if volume["name"] == _KUBECONFIG:
                volume["secret"]["optional"] = False
