"""Fills the bases: istioctl's objects for an operator, made fit for Git and for Argo CD.

istioctl takes 0.6 s of CPU a call and the CRDs take longer still to parse, so what comes out is
kept in the user's cache, keyed by all that it is made from. Nothing else is remembered.
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from extcp_gitops import cache, parallel
from extcp_gitops.plan import Content
from extcp_gitops.render import deltas
from extcp_gitops.render.kustomization import base_kustomization
from extcp_gitops.yamlio import dump
from extcp_gitops.yamlio.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from extcp_gitops.istioctl import Istioctl
    from extcp_gitops.plan import Base
    from extcp_gitops.render.deltas import Object

MANIFESTS: Final = "manifests.yaml"

SYNC_OPTIONS: Final = "argocd.argoproj.io/sync-options"
SYNC_WAVE: Final = "argocd.argoproj.io/sync-wave"
KEEP: Final = "Prune=false,Delete=false"
"""Law 5: no pruning and no cascade may take a CRD or a Namespace."""

AFTER_WEBHOOKS: Final = "10"
"""A gateway's Pod has the image 'auto' until the webhook injects it, so the webhook comes first."""

_WORKERS = 2


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object, as an AppProject names it."""

    group: str
    kind: str
    namespaced: bool


@dataclass(frozen=True, slots=True)
class Rendered:
    """What is known about a base without parsing it again.

    Attributes:
        manifests: Text of ``manifests.yaml``.
        kinds: Kinds of the objects in it.
        defines: Kinds that its CRDs define.
        webhooks: Names of the entries of its MutatingWebhookConfiguration, in order.
    """

    manifests: str
    kinds: tuple[Kind, ...]
    defines: tuple[Kind, ...]
    webhooks: tuple[str, ...]


def render(
    bases: Iterable[Base], istio_version: str, istioctl: Callable[[], Istioctl]
) -> dict[str, Rendered]:
    """Render bases, from the cache where they were rendered before.

    Args:
        bases: What to render.
        istio_version: Release of Istio.
        istioctl: Finds istioctl of that release; called only when something is not in the cache.

    Returns:
        What was rendered, by the base's path.

    Raises:
        ExtcpError: istioctl is missing, is of another version, refuses, or takes too long.
    """
    result: dict[str, Rendered] = {}
    missing: dict[str, list[Base]] = {}
    for base in bases:
        cached = _decode(cache.get(_cache_file(base, istio_version)))
        if cached is not None:
            result[base.path] = cached
        else:
            missing.setdefault(json.dumps(base.operator), []).append(base)
    if missing:
        program = istioctl()
        outputs = parallel.each(
            lambda text: program.manifest_generate(text.encode()), missing, _WORKERS
        )
        for group, output in zip(missing.values(), outputs, strict=True):
            for base, rendered in _split(group, output, istio_version):
                cache.put(_cache_file(base, istio_version), _encode(rendered))
                result[base.path] = rendered
    return result


def files(base: Base, rendered: Rendered) -> Mapping[str, str]:
    """The files of a base's directory: path relative to the repository, and text."""
    return {
        f"{base.path}/kustomization.yaml": base_kustomization(base),
        f"{base.path}/{MANIFESTS}": rendered.manifests,
    }


def _split(group: list[Base], output: bytes, istio_version: str) -> Iterable[tuple[Base, Rendered]]:
    from extcp_gitops.yamlio.load import load_objects  # noqa: PLC0415 - yaml is loaded when needed

    objects = deltas.to_objects(load_objects(output), istio_version)
    for base in group:
        wanted = base.content is Content.CRDS
        part = [item for item in objects if _is_crd(item) == wanted]
        if base.token_of is not None:
            part.append(token_secret(*base.token_of))
        for item in part:
            _annotate(base, item)
        yield base, _summarise(part)


def token_secret(service_account: str, namespace: str) -> Object:
    """The Secret that ``istioctl create-remote-secret`` looks for; the cluster fills in the token.

    Args:
        service_account: Whose token istiod will use.
        namespace: The control plane's namespace.
    """
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": token_secret_name(service_account),
            "namespace": namespace,
            "annotations": {"kubernetes.io/service-account.name": service_account},
        },
        "type": "kubernetes.io/service-account-token",
    }


def token_secret_name(service_account: str) -> str:
    """As ``istioctl create-remote-secret`` names it."""
    return f"{service_account}-istio-remote-secret-token"


def _is_crd(item: Object) -> bool:
    return bool(item["kind"] == "CustomResourceDefinition")


def _annotate(base: Base, item: Object) -> None:
    if _is_crd(item):
        _set_annotation(item, SYNC_OPTIONS, KEEP)
    if base.gateway and item["kind"] in {"Deployment", "HorizontalPodAutoscaler"}:
        _set_annotation(item, SYNC_WAVE, AFTER_WEBHOOKS)


def _set_annotation(item: Object, name: str, value: str) -> None:
    item["metadata"].setdefault("annotations", {})[name] = value


def kind_of(item: Object) -> Kind:
    """Kind of an object that a cluster's directory holds; namespaced when it names a namespace."""
    group, _, _ = item["apiVersion"].rpartition("/")
    return Kind(group, item["kind"], "namespace" in item["metadata"])


def _summarise(objects: list[Object]) -> Rendered:
    text = dump.dump_all(objects)
    verify(text, objects)
    webhooks = [
        webhook["name"]
        for item in objects
        if item["kind"] == "MutatingWebhookConfiguration"
        for webhook in item["webhooks"]
    ]
    defines = [
        Kind(spec["group"], spec["names"]["kind"], spec["scope"] == "Namespaced")
        for spec in (item["spec"] for item in objects if _is_crd(item))
    ]
    kinds = {kind_of(item): None for item in objects}
    return Rendered(text, tuple(kinds), tuple(defines), tuple(webhooks))


def _cache_file(base: Base, istio_version: str) -> Path:
    inputs = json.dumps(
        [istio_version, base.operator, base.content, base.token_of, base.gateway, _own_code()],
        sort_keys=True,
    )
    name = hashlib.sha256(inputs.encode()).hexdigest()
    return cache.directory("renders", istio_version) / f"{name}.json"


@functools.cache
def _own_code() -> str:
    """A change of this code must not find what the old code made."""
    digest = hashlib.sha256()
    for module in (__file__, deltas.__file__, dump.__file__):
        digest.update(Path(module).read_bytes())
    return digest.hexdigest()


def _encode(rendered: Rendered) -> bytes:
    return json.dumps(asdict(rendered)).encode()


def _decode(raw: bytes | None) -> Rendered | None:
    """What ``_encode`` wrote; None for what is missing or not whole."""
    try:
        data: dict[str, Any] = json.loads(raw or b"")
    except ValueError:
        return None
    return Rendered(
        data["manifests"],
        tuple(Kind(**kind) for kind in data["kinds"]),
        tuple(Kind(**kind) for kind in data["defines"]),
        tuple(data["webhooks"]),
    )
