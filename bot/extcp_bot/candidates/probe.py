"""Whether an API server reaches a control plane: it is made to call it, for an object of our own.

An API server calls an address only where a webhook, an aggregated API or an authenticator says so.
So a ValidatingWebhookConfiguration stands in the cluster for some seconds. It is for one ConfigMap
alone, by a label that nothing else bears, and that ConfigMap is asked for as a dry run, so that it
is never stored. istiod's injector answers for it as for a Pod that wants no sidecar, and lets it
in (istio, pkg/kube/inject, injectRequired).

An API server takes a moment to know of a new webhook. A second one in the same configuration, for a
name that nobody has (RFC 2606), refuses whatever it is asked about: as long as it refuses nothing,
the answer of the first one would be none.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.kube import writes
from extcp_bot.kube.failure import CannotLookError, NotAllowedError, RejectedError
from extcp_bot.kube.writes import ConflictError, Writer
from extcp_bot.live import admission, fields, times, webhooks
from extcp_gitops.render import operators

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extcp_bot.kube.answers import Object
    from extcp_bot.live.admission import Refusal
    from extcp_bot.target import Target

CONFIGURATION: Final = "extcp-bot-probe"
"""One name for all, so that a Role can let the bot delete this configuration and no other."""
NAMESPACE: Final = "default"
LABEL: Final = "extcp-gitops.io/probe"
ROUTE: Final = "route.probe.extcp-gitops.io"
SENTINEL: Final = "sentinel.probe.extcp-gitops.io"

_COLLECTION: Final = f"/apis/{webhooks.GROUP}/v1/{webhooks.VALIDATING}"
_PATH: Final = f"{_COLLECTION}/{CONFIGURATION}"
_CONFIG_MAPS: Final = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
_NOBODY: Final = "https://sentinel.invalid/"
_SECONDS: Final = 5
_LIVE_WITHIN: Final = 6.0
_PAUSE: Final = 0.1
_LEFT_BEHIND: Final = timedelta(minutes=2)
"""No probe takes that long; whoever made it has been killed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of the call.

    Attributes:
        url: That was called.
        seconds: Until the answer, the way from the bot to the API server included.
        refusal: Why the API server did not take the object; None where the webhook let it in.
    """

    url: str
    seconds: float
    refusal: Refusal | None


async def call(target: Target, roots: str | None) -> Answer:
    """Have the target's API server call the control plane as it will for each new Pod.

    Args:
        target: A cluster in which no such webhook has to be yet.
        roots: PEM that the API server is to verify with; None for those of its system.

    Raises:
        CannotLookError: The cluster lets no such configuration stand, or does not use it.
    """
    path = operators.injection_path(target.cluster.name, target.cluster.network or "")
    url, mark = operators.webhook_url(target.plane, path), secrets.token_hex(8)
    configuration = _configuration(mark, url, roots)
    async with (
        writes.of(target.fleet, target.cluster.name) as api,
        _standing(api, target, configuration),
    ):
        await _until_live(api, mark)
        began = time.monotonic()
        refusal = await _asked(api, mark, ROUTE)
        seconds = time.monotonic() - began
        if not await _is_live(api, mark):
            raise _not_live()
    if refusal is not None and refusal.webhook != ROUTE:
        raise _in_the_way(refusal)
    return Answer(url, seconds, refusal)


@contextlib.asynccontextmanager
async def _standing(api: Writer, target: Target, configuration: Object) -> AsyncIterator[None]:
    """Lets a configuration stand for as long as the block lasts, whatever ends it."""
    await _make(api, target, configuration)
    try:
        yield
    finally:  # also where this task is cancelled
        await _removed(api, configuration)


async def _make(api: Writer, target: Target, configuration: Object) -> None:
    try:
        try:
            await api.create(_COLLECTION, configuration)
        except ConflictError:
            await _clear(api, target)
            await api.create(_COLLECTION, configuration)
    except (NotAllowedError, RejectedError):
        raise
    except BaseException:  # the answer is lost, and the configuration may be there
        with contextlib.suppress(CannotLookError):
            await _removed(api, configuration)
        raise


async def _removed(api: Writer, configuration: Object) -> None:
    """Take it away, also where this task is cancelled once more meanwhile."""
    removal = asyncio.ensure_future(_remove(api, configuration))
    # Nobody may be left to see how that ended.
    removal.add_done_callback(lambda task: task.cancelled() or task.exception())
    await asyncio.shield(removal)


async def _remove(api: Writer, configuration: Object) -> None:
    found = await api.read(_PATH)
    if found is not None and _mark(found) == _mark(configuration):
        await api.delete(_PATH, found)


async def _clear(api: Writer, target: Target) -> None:
    """Take away what a probe has left behind that was killed."""
    found = await api.read(_PATH)
    if found is None:
        return
    made = times.parse(fields.at(found, "metadata", "creationTimestamp"))
    now = target.fleet.now() + timedelta(seconds=api.clock_skew or 0.0)
    if not _mark(found) or made is None or now - made < _LEFT_BEHIND:
        raise CannotLookError(
            f"ValidatingWebhookConfiguration {CONFIGURATION} is there already: another look is "
            "under way",
            f"try again in {_LEFT_BEHIND.total_seconds() / 60:g} minutes; if it is not the bot's, "
            "delete it",
            CONFIGURATION,
        )
    await api.delete(_PATH, found)


async def _until_live(api: Writer, mark: str) -> None:
    end = time.monotonic() + _LIVE_WITHIN
    while not await _is_live(api, mark):
        if time.monotonic() > end:
            raise _not_live()
        await asyncio.sleep(_PAUSE)


async def _is_live(api: Writer, mark: str) -> bool:
    refusal = await _asked(api, mark, SENTINEL)
    if refusal is not None and refusal.webhook != SENTINEL:
        raise _in_the_way(refusal)
    return refusal is not None


async def _asked(api: Writer, mark: str, webhook: str) -> Refusal | None:
    """Why the API server does not take the object about which it asks one of the webhooks."""
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "generateName": f"{CONFIGURATION}-",
            "namespace": NAMESPACE,
            "labels": {LABEL: _value(mark, webhook), "sidecar.istio.io/inject": "false"},
        },
    }
    try:
        await api.create(_CONFIG_MAPS, config_map, dry_run=True)
    except RejectedError as error:
        return admission.read(error.message)
    return None


def _configuration(mark: str, url: str, roots: str | None) -> Object:
    bundle = {"caBundle": base64.b64encode(roots.encode()).decode()} if roots else {}
    hooks = (
        _webhook(mark, ROUTE, {"url": url, **bundle}, _SECONDS),
        _webhook(mark, SENTINEL, {"url": _NOBODY}, 1),
    )
    return {
        "apiVersion": f"{webhooks.GROUP}/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {
            "name": CONFIGURATION,
            "labels": {LABEL: mark, "app.kubernetes.io/managed-by": "extcp-bot"},
        },
        "webhooks": list(hooks),
    }


def _webhook(mark: str, name: str, client: dict[str, str], seconds: int) -> dict[str, Any]:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
    return {
        "name": name,
        "clientConfig": client,
        "rules": [{**rule, "operations": ["CREATE"], "scope": "Namespaced"}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
        "objectSelector": {"matchLabels": {LABEL: _value(mark, name)}},
        "failurePolicy": "Fail",
        "matchPolicy": "Exact",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": seconds,
    }


def _value(mark: str, webhook: str) -> str:
    return f"{mark}-{webhook.partition('.')[0]}"


def _mark(configuration: Object) -> str:
    return fields.string(fields.at(configuration, "metadata", "labels", LABEL))


def _not_live() -> CannotLookError:
    return CannotLookError(
        f"the API server does not call the webhooks of {CONFIGURATION}",
        "see whether it runs with the admission plugin ValidatingAdmissionWebhook",
        CONFIGURATION,
    )


def _in_the_way(refusal: Refusal) -> CannotLookError:
    who = f"webhook {refusal.webhook}" if refusal.webhook else "the API server"
    return CannotLookError(
        f"{who} refuses the dry run of a ConfigMap in {NAMESPACE}: {refusal.reason}",
        "let the bot create ConfigMaps there as a dry run",
        f"dry run of a ConfigMap in namespace {NAMESPACE}",
    )
