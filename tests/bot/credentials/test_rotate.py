from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.credentials.deliver import deliver
from extcp_bot.credentials.model import Outcome, Rotation, Turn
from extcp_bot.credentials.rotate import Wish, rotate
from extcp_bot.credentials.watching import Patience
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import deployments, istiod, registry
from tests.bot import istiods
from tests.bot.credentials.ready import (
    DELIVERED,
    KUBECONFIG,
    READER_TOKEN,
    SECOND_TOKEN,
    THIRD_TOKEN,
    Ready,
    ready,
)
from tests.bot.fleets import CONFIG, PLANE, SECOND
from tests.bot.identities import ACCOUNTS, RULES, SECRETS, WHO, account, user, who
from tests.bot.storing import INVALID

if TYPE_CHECKING:
    from collections.abc import Iterator

    Object = dict[str, Any]

QUICK = Patience(token=0.5, settle=0.0, synced=0.3, interval=0.05)
OWN = f"{ACCOUNTS}/{account(SECOND)}"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{PLANE}/deployments"


@pytest.fixture
def mesh() -> Iterator[Ready]:
    with ready() as made:
        asyncio.run(deliver(made.target()))
        made.outside.written.clear()
        yield made


def run(
    mesh: Ready,
    cluster: str = SECOND,
    *,
    dry_run: bool = False,
    forced: str = "",
    restarts: bool = False,
) -> Rotation:
    wish = Wish(frozenset({forced}), restarts, QUICK)
    return asyncio.run(rotate(mesh.target(cluster), dry_run=dry_run, wish=wish))


def in_use(mesh: Ready) -> str:
    """The path of the Secret whose token istiod has; it has to be a valid one."""
    text, objects = mesh.kubeconfig(), mesh.second.objects
    (path,) = (
        path
        for path in objects
        if path.startswith(READER_TOKEN) and objects[path].get("data") and mesh.token(path) in text
    )
    assert mesh.token(path) in mesh.second.accepted
    return path


def test_makes_proves_swaps_watches_and_only_then_removes(mesh: Ready) -> None:
    old = mesh.token()
    order: list[str] = []
    for where, store in (("outside", mesh.outside), ("inside", mesh.inside)):
        store.seen = lambda verb, path, where=where: order.append(f"{where} {verb} {path}")  # type: ignore[misc]
    found = run(mesh)
    assert found.turn is Turn.ROTATED
    assert order == [
        f"inside CREATE {SECRETS}",
        f"inside PATCH {OWN}",
        f"outside PUT {DELIVERED}",
        f"inside PATCH {READER_TOKEN}",
    ]
    assert in_use(mesh) == SECOND_TOKEN
    assert old not in mesh.second.accepted
    assert INVALID in mesh.second.objects[READER_TOKEN]["metadata"]["labels"]
    assert [step.split()[0] for step in found.steps] == [
        "made",
        "proved",
        "gave",
        "watched",
        "took",
    ]


def test_no_name_is_used_twice_for_it_would_be_the_same_token(mesh: Ready) -> None:
    used = [mesh.token()]
    for number in (2, 3, 4):
        assert run(mesh).turn is Turn.ROTATED
        assert in_use(mesh) == f"{READER_TOKEN}-{number}"
        assert not mesh.second.accepted.intersection(used)
        used.append(mesh.token(in_use(mesh)))
    assert len(set(used)) == 4
    secrets = {path for path in mesh.second.objects if path.startswith(READER_TOKEN)}
    assert secrets == {READER_TOKEN, f"{READER_TOKEN}-4"}


class TestRevoked:
    """The token in use is out of use on the cluster: nothing is left of it but its number."""

    @pytest.fixture
    def revoked(self, mesh: Ready) -> Ready:
        """Somebody has deleted the Secret of a token that a rotation had made."""
        run(mesh)
        mesh.inside.forget(SECOND_TOKEN)
        return mesh

    def test_the_way_out_leads_to_a_token_that_was_never_used(self, revoked: Ready) -> None:
        assert asyncio.run(deliver(revoked.target())).outcome is Outcome.REFUSED
        found = run(revoked)
        assert found.turn is Turn.ROTATED, found
        assert in_use(revoked) == THIRD_TOKEN
        assert tokens(revoked) == {revoked.token(THIRD_TOKEN)}
        assert not any("took" in step for step in found.steps)
        assert asyncio.run(deliver(revoked.target())).outcome is Outcome.UNCHANGED

    def test_a_dry_run_promises_it_and_writes_nothing(self, revoked: Ready) -> None:
        said = run(revoked, dry_run=True)
        assert said.turn is Turn.ROTATED
        assert SECOND_TOKEN not in revoked.second.objects
        assert THIRD_TOKEN not in revoked.second.objects
        assert len(said.steps) == 4

    @pytest.mark.parametrize(("inside", "outside"), [(1, None), (2, None), (None, 1)])
    def test_killed_after_any_write_it_ends_with_one_that_was_never_used(
        self, revoked: Ready, inside: int | None, outside: int | None
    ) -> None:
        stores = (revoked.inside, revoked.outside)
        for store, cut in zip(stores, (inside, outside), strict=True):
            store.written.clear()
            store.cut = cut
        with pytest.raises(CannotLookError):
            run(revoked)
        for store in stores:
            store.cut = None
        assert run(revoked).turn is Turn.ROTATED
        assert tokens(revoked) == {revoked.token(in_use(revoked))}
        assert SECOND_TOKEN not in revoked.second.objects

    def test_what_waits_for_istiod_has_nothing_left_to_do(self, revoked: Ready) -> None:
        lacking(revoked)
        found = run(revoked)
        assert found.turn is Turn.WAITING
        assert "both tokens" not in found.remedy
        assert in_use(revoked) == THIRD_TOKEN

    def test_a_first_token_that_is_valid_by_hand_goes_too(self, revoked: Ready) -> None:
        unmark(revoked)
        assert run(revoked).turn is Turn.ROTATED
        assert in_use(revoked) == THIRD_TOKEN
        assert tokens(revoked) == {revoked.token(THIRD_TOKEN)}

    def test_no_number_is_used_again_once_the_first_token_is_back(self, revoked: Ready) -> None:
        unmark(revoked)
        assert asyncio.run(deliver(revoked.target())).outcome is Outcome.UPDATED
        assert in_use(revoked) == READER_TOKEN
        assert run(revoked).turn is Turn.ROTATED
        assert in_use(revoked) == THIRD_TOKEN
        assert tokens(revoked) == {revoked.token(THIRD_TOKEN)}

    def test_one_that_is_marked_is_left_behind(self, mesh: Ready) -> None:
        run(mesh)
        metadata = mesh.second.objects[SECOND_TOKEN]["metadata"]
        metadata["labels"][INVALID] = "2026-06-01"
        mesh.second.accepted.discard(mesh.token(SECOND_TOKEN))
        assert run(mesh).turn is Turn.ROTATED
        assert in_use(mesh) == THIRD_TOKEN

    def test_the_first_may_be_marked_by_hand(self, mesh: Ready) -> None:
        mesh.second.objects[READER_TOKEN]["metadata"]["labels"] = {INVALID: "2026-06-01"}
        mesh.second.accepted.discard(mesh.token())
        assert run(mesh).turn is Turn.ROTATED
        assert in_use(mesh) == SECOND_TOKEN

    def test_of_another_service_account_it_is_left_behind(self, mesh: Ready) -> None:
        """The ServiceAccount was made anew, and the first Secret with it."""
        run(mesh)
        mesh.inside.forget(SECOND_TOKEN)
        mesh.second.objects[OWN]["metadata"]["annotations"] = {}
        mesh.renew()
        mesh.second.objects[READER_TOKEN]["metadata"]["labels"] = {}
        assert run(mesh).turn is Turn.ROTATED
        assert in_use(mesh) == THIRD_TOKEN
        assert tokens(mesh) == {mesh.token(THIRD_TOKEN)}

    def test_the_first_is_waited_for_for_it_would_be_valid_again(self, revoked: Ready) -> None:
        del revoked.second.objects[READER_TOKEN]
        found = run(revoked)
        assert found.turn is Turn.WAITING
        assert "Argo CD makes it" in found.remedy
        assert THIRD_TOKEN not in revoked.second.objects


def tokens(mesh: Ready) -> set[str]:
    """Those in Secrets that the second cluster accepts."""
    held = {mesh.token(path) for path in mesh.second.objects if path.startswith(READER_TOKEN)}
    return held & mesh.second.accepted


def unmark(mesh: Ready) -> None:
    """Take the label of a retired token off by hand, which makes it valid again."""
    del mesh.second.objects[READER_TOKEN]["metadata"]["labels"][INVALID]
    mesh.inside.fill(READER_TOKEN)


def test_deliveries_leave_what_was_rotated(mesh: Ready) -> None:
    run(mesh)
    assert asyncio.run(deliver(mesh.target())).outcome is Outcome.UNCHANGED


def test_a_dry_run_says_all_steps_and_writes_nothing(mesh: Ready) -> None:
    found = run(mesh, dry_run=True)
    assert found.turn is Turn.ROTATED
    assert len(found.steps) == 5
    assert (mesh.inside.written, mesh.outside.written) == ([], [])
    assert in_use(mesh) == READER_TOKEN


@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize(("inside", "outside"), [(1, None), (2, None), (None, 1), (3, None)])
def test_killed_after_any_write_the_next_run_goes_on(
    mesh: Ready, before: int, inside: int | None, outside: int | None
) -> None:
    for _ in range(before):
        run(mesh)
    stores = (mesh.inside, mesh.outside)
    for store, cut in zip(stores, (inside, outside), strict=True):
        store.written.clear()
        store.cut = cut
    with pytest.raises(CannotLookError):
        run(mesh)
    in_use(mesh)
    for store in stores:
        store.cut = None
    if inside != 3:  # else all was done, and the next run would begin another rotation
        assert run(mesh).turn is Turn.ROTATED
    assert in_use(mesh) == f"{READER_TOKEN}-{before + 2}"
    assert len([token for token in mesh.second.accepted if token.count(".") == 2]) == 1


def test_a_token_that_nobody_fills_is_waited_for(mesh: Ready) -> None:
    mesh.inside.fills = False
    found = run(mesh)
    assert found.turn is Turn.WAITING
    assert in_use(mesh) == READER_TOKEN
    mesh.inside.fills = True
    mesh.inside.fill(SECOND_TOKEN)
    assert run(mesh).turn is Turn.ROTATED
    assert in_use(mesh) == SECOND_TOKEN


def test_a_token_that_is_not_accepted_is_not_given_to_istiod(mesh: Ready) -> None:
    mesh.inside.seen = lambda verb, _: (
        mesh.second.accepted.discard(mesh.token(SECOND_TOKEN)) if verb == "CREATE" else None
    )
    found = run(mesh)
    assert found.turn is Turn.REFUSED
    assert mesh.outside.written == []
    assert in_use(mesh) == READER_TOKEN


def test_a_token_that_may_less_is_not_given_to_istiod(mesh: Ready) -> None:
    answers = [["list"], ["list", "watch"]]

    def rules(body: Object) -> Object:
        verbs = answers.pop(0)
        rule = {"apiGroups": [""], "resources": ["pods"], "verbs": verbs}
        return {**body, "status": {"resourceRules": [rule], "incomplete": False}}

    mesh.second.posts[RULES] = rules
    found = run(mesh)
    assert found.turn is Turn.REFUSED
    assert "watch" in found.words
    assert mesh.outside.written == []


def test_a_token_of_somebody_else_is_not_given_to_istiod(mesh: Ready) -> None:
    mesh.second.posts[WHO] = who(user(CONFIG))
    assert run(mesh).turn is Turn.REFUSED
    assert mesh.outside.written == []


def lacking(mesh: Ready, name: str = "istiod-b") -> None:
    pages = {
        registry.CLUSTERS: [{"id": CONFIG, "secretName": "", "syncStatus": "synced"}],
        registry.ENDPOINTS: {},
        istiod.METRICS: "",
    }
    istiods.put(mesh.external, name, pages)


def test_the_old_token_stays_while_a_replica_lacks_the_cluster(mesh: Ready) -> None:
    lacking(mesh)
    found = run(mesh)
    assert found.turn is Turn.WAITING
    assert "EXTCP-H08" in found.words
    assert READER_TOKEN in mesh.second.objects
    istiods.put(mesh.external, "istiod-b", mesh.pages)
    assert run(mesh).turn is Turn.ROTATED


def test_the_old_token_stays_while_a_replica_has_not_seen_the_change(mesh: Ready) -> None:
    mesh.frozen = True
    found = run(mesh)
    assert found.turn is Turn.WAITING
    assert "has not seen the change" in found.words
    assert READER_TOKEN in mesh.second.objects


def test_the_old_token_stays_where_a_replica_cannot_be_asked(mesh: Ready) -> None:
    path = f"{istiods.PODS}/istiod-b/portforward"
    del mesh.external.handlers[path]
    mesh.external.denied.add(path)
    assert run(mesh).turn is Turn.WAITING
    assert READER_TOKEN in mesh.second.objects


@pytest.mark.parametrize("version", ["1.29.1", "1.29.4", "1.30.3"])
def test_is_refused_on_releases_that_take_it_badly(version: str) -> None:
    with ready(version=version) as mesh:
        asyncio.run(deliver(mesh.target()))
        found = run(mesh)
        assert found.turn is Turn.REFUSED
        assert "istio#" in found.words
        assert ("--force-release" if version == "1.30.3" else "--restart-istiod") in found.remedy
        assert mesh.inside.written == []
        assert run(mesh, forced=version).turn is Turn.ROTATED


def test_nothing_delivered_is_nothing_to_rotate(mesh: Ready) -> None:
    mesh.outside.forget(DELIVERED)
    found = run(mesh)
    assert found.turn is Turn.WAITING
    assert "deliver" in found.remedy


def test_a_token_of_neither_secret_is_left(mesh: Ready) -> None:
    text = mesh.kubeconfig().replace(mesh.token(), "another-token-altogether")
    item = mesh.external.objects[DELIVERED]
    item["data"][SECOND] = base64.b64encode(text.encode()).decode()
    found = run(mesh)
    assert found.turn is Turn.REFUSED
    assert (mesh.inside.written, mesh.outside.written) == ([], [])


def deployment(mesh: Ready) -> None:
    item = {
        "metadata": {"name": deployments.ISTIOD, "generation": 2},
        "spec": {"replicas": 2, "template": {"metadata": {}}},
        "status": {
            "observedGeneration": 2,
            "replicas": 2,
            "updatedReplicas": 2,
            "readyReplicas": 2,
        },
    }
    mesh.outside.put(DEPLOYMENTS, item)


def test_istiod_is_restarted_for_its_config_cluster() -> None:
    with ready(version="1.29.1") as mesh:
        asyncio.run(deliver(mesh.target(CONFIG)))
        deployment(mesh)
        mesh.outside.written.clear()
        found = run(mesh, CONFIG)
        assert found.turn is Turn.ROTATED, found
        assert mesh.outside.written == [f"PUT {KUBECONFIG}", f"PATCH {DEPLOYMENTS}/istiod"]
        template = mesh.external.objects[f"{DEPLOYMENTS}/istiod"]["spec"]["template"]
        assert "kubectl.kubernetes.io/restartedAt" in template["metadata"]["annotations"]


def test_the_old_token_stays_until_istiod_is_rolled_out(mesh: Ready) -> None:
    asyncio.run(deliver(mesh.target(CONFIG)))
    deployment(mesh)
    mesh.external.objects[f"{DEPLOYMENTS}/istiod"]["status"]["updatedReplicas"] = 1
    found = run(mesh, CONFIG)
    assert found.turn is Turn.WAITING
    secret = f"{SECRETS}/istiod-istio-remote-secret-token"
    assert secret in mesh.config.objects
    assert mesh.stores[CONFIG].verbs == ["CREATE", "PATCH"]
    assert INVALID not in mesh.config.objects[secret]["metadata"].get("labels", {})


def test_a_token_that_the_cluster_goes_on_to_accept_is_told(mesh: Ready) -> None:
    mesh.inside.heeds = False
    found = run(mesh)
    assert found.turn is Turn.REFUSED
    assert "goes on to accept" in found.words
    assert in_use(mesh) == SECOND_TOKEN


def test_no_word_shows_a_token(mesh: Ready) -> None:
    tokens = [mesh.token()]
    said = [run(mesh)]
    tokens.append(mesh.token(SECOND_TOKEN))
    said.append(run(mesh))
    tokens.append(mesh.token(f"{READER_TOKEN}-3"))
    assert all(token not in repr(each) for token in tokens for each in said)


def test_istiod_is_restarted_where_it_takes_the_new_one_up_only_then() -> None:
    with ready(version="1.29.1") as mesh:
        asyncio.run(deliver(mesh.target()))
        deployment(mesh)
        mesh.outside.written.clear()
        found = run(mesh, restarts=True, dry_run=True)
        assert "rolled istiod out anew" in found.steps
        assert mesh.outside.written == []
        assert run(mesh, restarts=True).turn is Turn.ROTATED
        assert mesh.outside.written == [f"PUT {DELIVERED}", f"PATCH {DEPLOYMENTS}/istiod"]
        assert in_use(mesh) == SECOND_TOKEN


@pytest.mark.parametrize(("version", "turn"), [("1.28.3", Turn.ROTATED), ("1.30.3", Turn.REFUSED)])
def test_istiod_is_restarted_nowhere_else(version: str, turn: Turn) -> None:
    with ready(version=version) as mesh:
        asyncio.run(deliver(mesh.target()))
        mesh.outside.written.clear()
        assert run(mesh, restarts=True).turn is turn
        assert "PATCH" not in mesh.outside.verbs
