from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.checks.model import State
from extcp_bot.credentials import registration
from extcp_bot.joining import stages
from extcp_bot.joining.follow import follow
from extcp_bot.joining.model import Progress, Stage
from extcp_gitops.errors import ExtcpError
from tests.bot.fleets import CONFIG, EXTERNAL, PLANE, SECOND, World
from tests.bot.identities import ACCOUNTS, SECRETS
from tests.bot.joining.merged import DELIVERED, READER_TOKEN, Merged
from tests.bot.simulation import reviews

if TYPE_CHECKING:
    from collections.abc import Callable

    Object = dict[str, Any]

OWN = f"/api/v1/namespaces/{PLANE}"
ANNOTATION = "topology.istio.io/controlPlaneClusters"
APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
ELECTION = f"{OWN}/configmaps/istio-namespace-controller-election"


@pytest.fixture
def merged(healthy_mesh: World, monkeypatch: pytest.MonkeyPatch) -> Merged:
    monkeypatch.setattr(registration, "GOES", 0.2)
    return Merged(healthy_mesh)


def look(merged: Merged, cluster: str = SECOND, *, act: bool = True) -> Progress:
    return asyncio.run(follow(merged.mesh.fleet, cluster, act=act))


def application(merged: Merged, change: Callable[[Object], None]) -> None:
    for path, item in merged.mesh.external.objects.items():
        if path.startswith(APPLICATIONS) and path.endswith(SECOND):
            change(item)


def test_delivers_in_its_turn_and_then_the_cluster_is_proven(merged: Merged) -> None:
    found = look(merged)
    assert (found.stage, found.wrote, found.state) == (Stage.CREDENTIAL, True, State.UNHEALTHY)
    assert "created" in found.words
    assert merged.outside.written == [f"CREATE {SECRETS}"]
    found = look(merged)
    assert (found.stage, found.state, found.wrote) == (Stage.PROVEN, State.HEALTHY, False)
    codes = {each.code for each in found.results}
    assert {"EXTCP-J01", "EXTCP-J02", "EXTCP-H06", "EXTCP-H08", "EXTCP-H09", "EXTCP-H10"} <= codes


def test_ten_more_looks_write_nothing(merged: Merged) -> None:
    look(merged)
    merged.outside.written.clear()
    assert {look(merged).stage for _ in range(10)} == {Stage.PROVEN}
    assert (merged.outside.written, merged.inside.written) == ([], [])


def test_without_act_nothing_is_written(merged: Merged) -> None:
    found = look(merged, act=False)
    assert (found.stage, found.wrote) == (Stage.CREDENTIAL, False)
    assert "EXTCP-H05" in found.words
    assert merged.outside.written == []


def test_a_config_cluster_is_followed_too(merged: Merged) -> None:
    assert look(merged, CONFIG).stage is Stage.PROVEN


def gone(item: Object) -> None:
    item["metadata"]["labels"] = {}


def out_of_sync(item: Object) -> None:
    item["status"]["sync"]["status"] = "OutOfSync"


def failed(item: Object) -> None:
    item["status"]["operationState"].update(phase="Failed", message="no such kind")


@pytest.mark.parametrize(
    ("change", "words"),
    [(gone, "none"), (out_of_sync, "OutOfSync"), (failed, "no such kind")],
)
def test_waits_for_argo_cd(merged: Merged, change: Callable[[Object], None], words: str) -> None:
    application(merged, change)
    found = look(merged)
    assert (found.stage, found.state) == (Stage.SYNCED, State.UNHEALTHY)
    assert words in found.words
    assert merged.outside.written == []


def test_gateways_that_wait_for_istiod_are_not_waited_for(merged: Merged) -> None:
    def change(item: Object) -> None:
        item["status"]["health"]["status"] = "Progressing"
        item["status"]["operationState"]["phase"] = "Running"
        out_of_sync(item)

    application(merged, change)
    assert look(merged).stage is Stage.CREDENTIAL


def test_waits_for_the_annotation_whatever_argo_cd_says(merged: Merged) -> None:
    annotations = merged.mesh.second.objects[OWN]["metadata"]["annotations"]
    kept = annotations.pop(ANNOTATION)
    found = look(merged)
    assert (found.stage, found.state) == (Stage.NAMESPACE, State.UNHEALTHY)
    assert merged.outside.written == []
    annotations[ANNOTATION] = kept
    assert look(merged).wrote


def test_waits_for_the_token(merged: Merged) -> None:
    del merged.mesh.second.objects[READER_TOKEN]["data"]
    found = look(merged)
    assert (found.stage, found.wrote) == (Stage.CREDENTIAL, False)
    assert "waiting" in found.words


@pytest.mark.parametrize("path", [APPLICATIONS, SECRETS])
def test_unknown_does_nothing(merged: Merged, path: str) -> None:
    merged.mesh.external.denied.add(path)
    found = look(merged)
    assert found.state is State.UNKNOWN
    assert merged.outside.written == []


def test_a_cluster_that_shows_nothing_is_unknown(merged: Merged) -> None:
    merged.mesh.second.denied.add("/api/v1/namespaces")
    found = look(merged)
    assert (found.stage, found.state) == (Stage.NAMESPACE, State.UNKNOWN)
    assert merged.outside.written == []


def test_a_token_that_may_not_be_seen_is_unknown(merged: Merged) -> None:
    merged.mesh.second.denied.add(READER_TOKEN)
    found = look(merged)
    assert (found.stage, found.state) == (Stage.CREDENTIAL, State.UNKNOWN)
    assert merged.outside.written == []


def revoke(merged: Merged) -> None:
    second = merged.mesh.second
    held = second.objects[READER_TOKEN]["data"]["token"]
    second.accepted.discard(base64.b64decode(held).decode())
    account = "istio-reader-service-account"
    second.objects[f"{ACCOUNTS}/{account}"]["metadata"]["uid"] = "made-anew"
    reviews.allow_all(second, f"system:serviceaccount:{PLANE}:{account}", "made-anew")
    merged.fill()


def test_a_revoked_credential_is_delivered_again(merged: Merged) -> None:
    look(merged)
    revoke(merged)
    found = look(merged)
    assert (found.stage, found.wrote) == (Stage.CREDENTIAL, True)
    assert look(merged).stage is Stage.PROVEN


def test_what_a_person_has_to_decide_is_said(merged: Merged) -> None:
    merged.outside.put(SECRETS, {"metadata": {"name": f"istio-remote-secret-{SECOND}"}})
    found = look(merged)
    assert (found.stage, found.wrote) == (Stage.CREDENTIAL, False)
    assert "refused" in found.words


def trap(merged: Merged, age: timedelta) -> None:
    """istiod was given the Secret before the annotation was there."""
    created = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%SZ")
    merged.mesh.external.objects[DELIVERED]["metadata"]["creationTimestamp"] = created
    second = merged.mesh.second.objects
    del second[ELECTION]
    for path in [path for path in second if path.endswith("/istio-ca-root-cert")]:
        del second[path]


def test_the_join_order_trap_is_left_by_a_secret_that_comes_again(merged: Merged) -> None:
    look(merged)
    trap(merged, timedelta(minutes=5))
    merged.outside.written.clear()
    found = look(merged)
    assert (found.stage, found.wrote) == (Stage.ROOT, True)
    assert merged.outside.verbs == ["DELETE", "CREATE"]
    merged.outside.written.clear()
    found = look(merged)
    assert (found.stage, found.wrote) == (Stage.ROOT, False)
    assert merged.outside.written == []


def test_istiod_is_given_time_to_look(merged: Merged) -> None:
    look(merged)
    trap(merged, timedelta(minutes=1))
    merged.outside.written.clear()
    found = look(merged)
    assert (found.stage, found.wrote) == (Stage.ROOT, False)
    assert merged.outside.written == []


@pytest.mark.parametrize("cluster", ["nobody", EXTERNAL])
def test_what_is_no_remote_cluster(merged: Merged, cluster: str) -> None:
    with pytest.raises(ExtcpError):
        look(merged, cluster)


def test_killed_after_the_write_the_next_look_goes_on(merged: Merged) -> None:
    merged.outside.cut = 1
    found = look(merged)
    assert found.state is State.UNKNOWN
    merged.outside.cut = None
    assert look(merged).stage is Stage.PROVEN
    assert merged.outside.written == [f"CREATE {SECRETS}"]


def test_hostile_words_of_argo_cd_are_one_harmless_line(merged: Merged) -> None:
    def change(item: Object) -> None:
        message = "\x1b[2J@everyone\n# Closes #1\n<script>" + "x" * 1_000_000
        item["status"]["operationState"].update(phase="Failed", message=message)

    application(merged, change)
    found = look(merged)
    assert found.stage is Stage.SYNCED
    assert found.words.isprintable()
    assert len(found.words) <= 600


def test_stages_are_in_order_and_say_what_they_need() -> None:
    assert [each.rank for each in Stage] == list(range(len(Stage)))
    assert {code for code, _ in stages.permissions()} >= {"EXTCP-J01", "EXTCP-J02", "EXTCP-H08"}
