from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.candidates import model, probe
from extcp_bot.kube.failure import CannotLookError
from tests.bot.apiserver import status

if TYPE_CHECKING:
    from aiohttp import web

    from extcp_bot.candidates.probe import Answer
    from tests.bot.candidates.joining import Preflight

COLLECTION = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
PATH = f"{COLLECTION}/{probe.CONFIGURATION}"


def call(joining: Preflight, *, cancelled: bool = False) -> Answer:
    """Call; or cancel the call as soon as the configuration stands."""

    async def run() -> Answer:
        target = model.target(joining.mesh.fleet, joining.candidate)
        loop, made = asyncio.get_running_loop(), asyncio.Event()
        if cancelled:
            joining.joining.store.seen = lambda *_: loop.call_soon_threadsafe(made.set)
        task = asyncio.ensure_future(probe.call(target, None))
        try:
            if cancelled:
                await made.wait()
                task.cancel()
            return await task
        finally:
            await target.fleet.close()

    return asyncio.run(run())


def left(joining: Preflight, age: timedelta, labels: dict[str, str]) -> None:
    made = datetime.now(UTC) - age
    stamp = made.strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = {"name": probe.CONFIGURATION, "labels": labels, "creationTimestamp": stamp}
    joining.joining.store.put(COLLECTION, {"metadata": metadata, "webhooks": []})


def test_the_configuration_is_for_one_object_of_our_own(joining: Preflight) -> None:
    made: list[dict[str, Any]] = []
    joining.joining.store.seen = lambda verb, _: (
        made.append(dict(joining.server.objects[PATH])) if verb == "CREATE" else None
    )
    assert call(joining).refusal is None
    hooks = made[0]["webhooks"]
    assert len({hook["objectSelector"]["matchLabels"][probe.LABEL] for hook in hooks}) == len(hooks)
    for hook in hooks:
        assert hook["rules"][0]["resources"] == ["configmaps"]
        assert hook["namespaceSelector"]["matchLabels"] == {
            "kubernetes.io/metadata.name": "default"
        }
        assert hook["sideEffects"] == "None"


def test_the_roots_of_the_system_count_where_none_are_given(joining: Preflight) -> None:
    call(joining)
    assert {bundle for _, bundle in joining.joining.calls} == {""}


def test_it_is_deleted_where_the_look_is_broken_off(joining: Preflight) -> None:
    joining.joining.deaf = 1_000
    with pytest.raises(asyncio.CancelledError):
        call(joining, cancelled=True)
    assert PATH not in joining.server.objects


def test_it_is_deleted_where_the_answer_to_its_creation_was_lost(joining: Preflight) -> None:
    store, before = joining.joining.store, joining.server.writes
    assert before is not None

    async def answer(request: web.Request) -> web.StreamResponse:
        given = await before(request)
        if request.method == "POST":
            assert request.transport is not None
            request.transport.abort()
        return given

    joining.server.writes = answer
    with pytest.raises(CannotLookError):
        call(joining)
    assert store.verbs == ["CREATE", "DELETE"]


def test_what_a_killed_run_has_left_is_deleted(joining: Preflight) -> None:
    left(joining, timedelta(minutes=5), {probe.LABEL: "of-an-earlier-run"})
    assert call(joining).refusal is None
    assert joining.joining.store.verbs == ["DELETE", "CREATE", "DELETE"]


@pytest.mark.parametrize(
    ("minutes", "labels"),
    [(0, {probe.LABEL: "of-another-bot"}), (60, {})],
)
def test_what_is_in_use_or_somebody_elses_stays(
    joining: Preflight, minutes: int, labels: dict[str, str]
) -> None:
    left(joining, timedelta(minutes=minutes), labels)
    with pytest.raises(CannotLookError) as caught:
        call(joining)
    assert "is there already" in caught.value.why
    assert PATH in joining.server.objects
    assert joining.joining.store.verbs == []


def test_a_policy_against_the_config_map_is_no_answer(joining: Preflight) -> None:
    joining.server.posts["/api/v1/namespaces/default/configmaps"] = lambda _: (
        403,
        'admission webhook "policy.example.com" denied the request: not in default',
    )
    with pytest.raises(CannotLookError) as caught:
        call(joining)
    assert "policy.example.com" in caught.value.why
    assert PATH not in joining.server.objects


def test_a_deletion_that_is_not_allowed_is_said(joining: Preflight) -> None:
    before = joining.server.writes
    assert before is not None

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "DELETE":
            return status(403, 'User "x" cannot delete resource "validatingwebhookconfigurations"')
        return await before(request)

    joining.server.writes = answer
    with pytest.raises(CannotLookError) as caught:
        call(joining)
    assert "may not delete" in caught.value.why
