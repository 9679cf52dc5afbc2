from __future__ import annotations

import asyncio
import base64
import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_bot.credentials import registration
from extcp_bot.credentials.deliver import Wish, deliver
from extcp_bot.credentials.model import Delivery, Outcome
from extcp_bot.kube.failure import CannotLookError
from tests.bot.credentials.ready import (
    ANNOTATION,
    DELIVERED,
    KUBECONFIG,
    LABEL,
    NAMESPACES,
    READER_TOKEN,
    SECOND_TOKEN,
    Ready,
    ready,
)
from tests.bot.fleets import CONFIG, PLANE, SECOND
from tests.bot.identities import SECRETS
from tests.bot.storing import ACCOUNT, INVALID, TOKEN_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN = f"{NAMESPACES}/{PLANE}"


@pytest.fixture
def mesh(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ready]:
    monkeypatch.setattr(registration, "GOES", 1.0)
    monkeypatch.setattr(registration, "BLIND", 0.05)
    with ready(version="1.28.3") as made:
        yield made


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ready]:
    """The release whose istiod reads no remote secret any more once one has changed."""
    monkeypatch.setattr(registration, "GOES", 1.0)
    with ready(version="1.29.1") as made:
        yield made


def run(mesh: Ready, cluster: str = SECOND, *, dry_run: bool = False, **wish: object) -> Delivery:
    return asyncio.run(
        deliver(mesh.target(cluster), dry_run=dry_run, wish=Wish(**wish))  # type: ignore[arg-type]
    )


def renewed(mesh: Ready) -> str:
    """Let the token be another one from now on, the old one be revoked."""
    return mesh.renew()


def test_delivers_to_the_external_cluster(mesh: Ready) -> None:
    found = run(mesh)
    assert (found.outcome, found.wrote, found.is_there) == (Outcome.CREATED, True, True)
    assert found.secret == f"{PLANE}/istio-remote-secret-{SECOND}"
    assert mesh.token() in mesh.kubeconfig()
    metadata = mesh.external.objects[DELIVERED]["metadata"]
    assert metadata["labels"] == {LABEL: "true"}
    assert metadata["annotations"] == {"networking.istio.io/cluster": SECOND}
    assert mesh.outside.written == [f"CREATE {SECRETS}"]
    assert mesh.inside.written == []


def test_delivers_that_of_the_config_cluster(mesh: Ready) -> None:
    assert run(mesh, CONFIG).outcome is Outcome.CREATED
    assert mesh.external.objects[KUBECONFIG]["metadata"]["labels"] == {}


def test_the_same_inputs_cause_no_write(mesh: Ready) -> None:
    run(mesh)
    mesh.outside.written.clear()
    for _ in range(3):
        assert run(mesh).outcome is Outcome.UNCHANGED
    assert mesh.outside.written == []


def test_a_dry_run_writes_nothing(mesh: Ready) -> None:
    found = run(mesh, dry_run=True)
    assert (found.outcome, found.wrote, found.is_there) == (Outcome.CREATED, False, False)
    assert mesh.outside.written == []
    run(mesh)
    renewed(mesh)
    mesh.outside.written.clear()
    assert run(mesh, dry_run=True).outcome is Outcome.UPDATED
    assert mesh.outside.written == []


@pytest.mark.parametrize(
    ("annotations", "words"),
    [({}, "does not name"), ({ANNOTATION: "another"}, "does not name")],
)
def test_waits_for_the_annotation(mesh: Ready, annotations: dict[str, str], words: str) -> None:
    mesh.second.objects[OWN]["metadata"]["annotations"] = annotations
    found = run(mesh)
    assert found.outcome is Outcome.WAITING
    assert words in found.words
    assert mesh.outside.written == []


@pytest.mark.parametrize("value", ["*", f"other,{CONFIG}", f"other, {CONFIG}"])
def test_every_way_to_name_the_config_cluster_counts(mesh: Ready, value: str) -> None:
    mesh.second.objects[OWN]["metadata"]["annotations"] = {ANNOTATION: value}
    assert run(mesh).outcome is Outcome.CREATED


def test_waits_for_the_namespace(mesh: Ready) -> None:
    mesh.second.objects[OWN]["metadata"]["deletionTimestamp"] = "2026-06-01T12:00:00Z"
    assert run(mesh).outcome is Outcome.WAITING
    del mesh.second.objects[OWN]
    assert run(mesh).outcome is Outcome.WAITING
    assert mesh.outside.written == []


def test_waits_for_the_token(mesh: Ready) -> None:
    del mesh.second.objects[READER_TOKEN]["data"]
    assert run(mesh).outcome is Outcome.WAITING


def test_waits_for_the_namespace_of_the_external_cluster(mesh: Ready) -> None:
    del mesh.external.objects[OWN]
    found = run(mesh)
    assert found.outcome is Outcome.WAITING
    assert "external cluster" in found.words


@pytest.mark.parametrize("where", [SECRETS, DELIVERED])
def test_unknown_writes_nothing(mesh: Ready, where: str) -> None:
    mesh.external.denied.add(where)
    with pytest.raises(CannotLookError):
        run(mesh)
    assert mesh.outside.written == []


def test_a_cluster_that_shows_nothing_is_unknown(mesh: Ready) -> None:
    mesh.second.denied.add(NAMESPACES)
    with pytest.raises(CannotLookError):
        run(mesh)
    assert mesh.outside.written == []


def foreign(mesh: Ready, **metadata: object) -> None:
    name = f"istio-remote-secret-{SECOND}"
    item = {"metadata": {"name": name, **metadata}, "data": {SECOND: "eA=="}}
    mesh.outside.put(SECRETS, item)


def test_leaves_alone_what_is_no_remote_secret(mesh: Ready) -> None:
    foreign(mesh)
    found = run(mesh)
    assert found.outcome is Outcome.REFUSED
    assert "--overwrite" in found.remedy
    assert mesh.outside.written == []
    assert run(mesh, overwrite=True).outcome is Outcome.UPDATED
    assert mesh.token() in mesh.kubeconfig()


def test_leaves_alone_what_is_for_another_cluster(mesh: Ready) -> None:
    foreign(mesh, labels={LABEL: "true"}, annotations={"networking.istio.io/cluster": "another"})
    found = run(mesh)
    assert found.outcome is Outcome.REFUSED
    assert "another" in found.words


def test_leaves_alone_what_holds_other_clusters_too(mesh: Ready) -> None:
    run(mesh)
    mesh.external.objects[DELIVERED]["data"]["third"] = "eA=="
    found = run(mesh)
    assert found.outcome is Outcome.REFUSED
    assert "third" in found.words


@pytest.mark.parametrize("overwrite", [False, True])
def test_leaves_alone_what_a_controller_makes(mesh: Ready, overwrite: bool) -> None:
    owner = {"kind": "ExternalSecret", "name": "x", "apiVersion": "external-secrets.io/v1"}
    foreign(mesh, labels={LABEL: "true"}, ownerReferences=[owner])
    found = run(mesh, overwrite=overwrite)
    assert found.outcome is Outcome.REFUSED
    assert "ExternalSecret x" in found.words
    assert mesh.outside.written == []


def test_makes_no_second_secret_for_a_cluster(mesh: Ready) -> None:
    item = {"metadata": {"name": "other", "labels": {LABEL: "true"}}, "data": {SECOND: "eA=="}}
    mesh.outside.put(SECRETS, item)
    found = run(mesh)
    assert found.outcome is Outcome.REFUSED
    assert "other" in found.words
    assert mesh.outside.written == []


def test_mends_a_label_without_touching_the_kubeconfig(mesh: Ready) -> None:
    run(mesh)
    before = mesh.external.objects[DELIVERED]["data"]
    mesh.external.objects[DELIVERED]["metadata"]["labels"] = {"a": "b"}
    mesh.outside.written.clear()
    assert run(mesh).outcome is Outcome.UPDATED
    after = mesh.external.objects[DELIVERED]
    assert after["metadata"]["labels"] == {"a": "b", LABEL: "true"}
    assert after["data"] == before
    assert mesh.outside.verbs == ["PATCH"]


def test_takes_the_label_off_the_config_secret(mesh: Ready) -> None:
    run(mesh, CONFIG)
    mesh.external.objects[KUBECONFIG]["metadata"]["labels"] = {LABEL: "true", "a": "b"}
    assert run(mesh, CONFIG).outcome is Outcome.UPDATED
    assert mesh.external.objects[KUBECONFIG]["metadata"]["labels"] == {"a": "b"}


def test_delivers_again_what_was_revoked(mesh: Ready) -> None:
    run(mesh)
    old = mesh.kubeconfig()
    token = renewed(mesh)
    found = run(mesh)
    assert found.outcome is Outcome.UPDATED
    assert token in mesh.kubeconfig()
    assert mesh.kubeconfig() != old
    assert mesh.outside.verbs == ["CREATE", "PUT"]
    metadata = mesh.external.objects[DELIVERED]["metadata"]
    assert metadata["labels"] == {LABEL: "true"}


def test_istiod_has_to_be_restarted_for_that_of_the_config_cluster(mesh: Ready) -> None:
    run(mesh, CONFIG)
    found = run(mesh, CONFIG, server="https://10.0.0.9")
    assert found.outcome is Outcome.UPDATED
    assert "restart" in found.remedy


def test_the_address_that_a_person_gave_is_kept(mesh: Ready) -> None:
    address = f"https://other.clusters.test:{mesh.second.port}"
    run(mesh, server=address)
    renewed(mesh)
    run(mesh)
    assert f"server: {address}\n" in mesh.kubeconfig()
    assert run(mesh, server="https://10.0.0.9").outcome is Outcome.UPDATED
    assert "server: https://10.0.0.9\n" in mesh.kubeconfig()


def test_another_way_to_write_the_same_is_left(mesh: Ready) -> None:
    run(mesh)
    text = mesh.kubeconfig()
    other = base64.b64encode(f"# by hand\n{text}".encode()).decode()
    mesh.external.objects[DELIVERED]["data"][SECOND] = other
    assert run(mesh).outcome is Outcome.UNCHANGED


def test_the_token_in_use_stays_in_use(mesh: Ready) -> None:
    """After a rotation, that of the second Secret."""
    run(mesh)
    name = SECOND_TOKEN.rpartition("/")[2]
    metadata = {"name": name, "annotations": {ACCOUNT: "istio-reader-service-account"}}
    mesh.inside.put(SECRETS, {"metadata": metadata, "type": TOKEN_TYPE})
    mesh.second.objects[READER_TOKEN]["metadata"]["labels"] = {INVALID: "2026-06-01"}
    text = mesh.kubeconfig().replace(mesh.token(), mesh.token(SECOND_TOKEN))
    item = mesh.external.objects[DELIVERED]
    item["data"][SECOND] = base64.b64encode(text.encode()).decode()
    assert run(mesh).outcome is Outcome.UNCHANGED
    mesh.second.accepted.discard(mesh.token(SECOND_TOKEN))
    found = run(mesh)
    assert found.outcome is Outcome.REFUSED
    assert f"extcp-bot credential rotate --cluster={SECOND}; or" in found.remedy
    assert "label" not in found.remedy  # without it, the token that was retired would be valid


def test_where_nothing_tells_of_a_token_only_another_service_account_helps(mesh: Ready) -> None:
    mesh.second.objects[READER_TOKEN]["metadata"]["labels"] = {INVALID: "2026-06-01"}
    found = run(mesh)
    assert found.outcome is Outcome.REFUSED
    assert found.remedy.startswith(f"delete ServiceAccount {PLANE}/istio-reader-service-account")


def test_somebody_who_is_faster_is_not_overwritten(mesh: Ready) -> None:
    run(mesh)
    renewed(mesh)
    stale = copy.deepcopy(mesh.external.objects[DELIVERED])

    def twist(request: object, said: object) -> object:
        path = getattr(request, "path", "")
        return stale if path == DELIVERED and getattr(request, "method", "") == "GET" else said

    mesh.external.objects[DELIVERED]["metadata"]["resourceVersion"] = "99999"
    mesh.external.twist = twist
    with pytest.raises(CannotLookError):
        run(mesh)
    assert mesh.outside.verbs == ["CREATE"]


class TestReleases:
    def test_what_works_is_left_where_another_credential_does_harm(self, faulty: Ready) -> None:
        run(faulty)
        found = run(faulty, server=f"https://other.clusters.test:{faulty.second.port}")
        assert found.outcome is Outcome.REFUSED
        assert "istio#59875" in found.words
        assert "--force-release" in found.remedy
        assert faulty.outside.verbs == ["CREATE"]

    def test_what_is_dead_is_taken_away_and_made_anew(self, faulty: Ready) -> None:
        run(faulty)
        token = renewed(faulty)
        found = run(faulty)
        assert found.outcome is Outcome.REPLACED
        assert token in faulty.kubeconfig()
        assert faulty.outside.verbs == ["CREATE", "DELETE", "CREATE"]
        assert run(faulty).outcome is Outcome.UNCHANGED

    def test_a_person_may_trust_a_release(self, faulty: Ready) -> None:
        run(faulty)
        renewed(faulty)
        assert run(faulty, forced=frozenset({"1.29.1"})).outcome is Outcome.UPDATED

    def test_the_release_that_runs_counts_too(self) -> None:
        with ready(version="1.28.3", image="docker.io/istio/pilot:1.29.1-distroless") as mesh:
            run(mesh)
            renewed(mesh)
            assert run(mesh).outcome is Outcome.REPLACED

    def test_where_taking_it_away_does_harm_it_is_updated_and_said(self) -> None:
        with ready(version="1.30.0") as mesh:
            run(mesh)
            renewed(mesh)
            found = run(mesh)
            assert found.outcome is Outcome.UPDATED
            assert "restart istiod" in found.remedy


class TestRenewing:
    """The join-order trap is left by a Secret that goes and comes again."""

    def test_takes_it_away_and_makes_it_anew(self, mesh: Ready) -> None:
        run(mesh)
        uid = mesh.external.objects[DELIVERED]["metadata"]["uid"]
        found = run(mesh, renew=True)
        assert (found.outcome, found.remedy) == (Outcome.REPLACED, "")
        assert mesh.outside.verbs == ["CREATE", "DELETE", "CREATE"]
        assert mesh.external.objects[DELIVERED]["metadata"]["uid"] != uid

    def test_waits_until_istiod_lets_go(self, mesh: Ready) -> None:
        run(mesh)
        mesh.stuck.add(SECOND)
        found = run(mesh, renew=True)
        assert found.outcome is Outcome.REPLACED
        assert "restart istiod" in found.remedy
        assert DELIVERED in mesh.external.objects

    def test_goes_on_where_istiod_cannot_be_asked(self, mesh: Ready) -> None:
        run(mesh)
        mesh.external.denied.add(f"/api/v1/namespaces/{PLANE}/pods/istiod-a/portforward")
        mesh.external.handlers.clear()
        assert run(mesh, renew=True).outcome is Outcome.REPLACED
        assert DELIVERED in mesh.external.objects

    def test_killed_after_it_was_taken_away_the_next_one_makes_it(self, mesh: Ready) -> None:
        run(mesh)
        mesh.outside.cut = 2
        with pytest.raises(CannotLookError):
            run(mesh, renew=True)
        assert DELIVERED not in mesh.external.objects
        mesh.outside.cut = None
        assert run(mesh).outcome is Outcome.CREATED

    def test_is_refused_where_it_does_harm_to_others(self) -> None:
        with ready(version="1.30.3") as mesh:
            run(mesh)
            found = run(mesh, renew=True)
            assert found.outcome is Outcome.REFUSED
            assert "istio#60920" in found.words
            assert mesh.outside.verbs == ["CREATE"]

    async def _interrupted(self, mesh: Ready) -> None:
        gone, loop = asyncio.Event(), asyncio.get_running_loop()
        mesh.outside.seen = lambda verb, _: (
            loop.call_soon_threadsafe(gone.set) if verb == "DELETE" else None
        )
        task = asyncio.ensure_future(deliver(mesh.target(), wish=Wish(renew=True)))
        await gone.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    def test_interrupted_in_between_it_is_there_again(self, mesh: Ready) -> None:
        run(mesh)
        mesh.stuck.add(SECOND)
        asyncio.run(self._interrupted(mesh))
        assert DELIVERED in mesh.external.objects
        assert mesh.outside.verbs == ["CREATE", "DELETE", "CREATE"]


def test_no_word_shows_a_token(mesh: Ready) -> None:
    said = [run(mesh), run(mesh)]
    old = mesh.token()
    renewed(mesh)
    said += [run(mesh), run(mesh, renew=True)]
    mesh.fleet = replace(mesh.fleet)
    for token in (old, mesh.token()):
        assert all(token not in repr(each) for each in said)


def test_what_the_repository_makes_is_not_delivered_beside_it(mesh: Ready) -> None:
    inventory = mesh.fleet.inventory
    clusters = tuple(
        replace(each, credential=True) if each.name == SECOND else each
        for each in inventory.clusters
    )
    mesh.fleet.inventory = replace(inventory, clusters=clusters)
    found = run(mesh)
    assert found.outcome is Outcome.REFUSED
    assert "credential" in found.words
    assert mesh.outside.written == []
