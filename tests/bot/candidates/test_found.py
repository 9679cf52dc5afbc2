from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml

from extcp_bot.access.model import Access
from extcp_bot.candidates import found, wishes
from extcp_bot.candidates.model import NotRegisteredError
from extcp_bot.kube.failure import CannotLookError
from extcp_gitops.errors import ExtcpError
from extcp_gitops.inventory.author import NewCluster
from extcp_gitops.inventory.model import Gateways
from extcp_gitops.render.argocd import IN_CLUSTER
from tests import meshes
from tests.bot.candidates.clusters import MESH, NAME, NAMESPACE, SERVER, mesh, register
from tests.bot.fleets import PLANE, SECOND, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extcp_bot.candidates.model import Candidate

SECOND_PLANE = meshes.MESH + (
    "  - name: payments\n    address: payments.example.com\n"
    f"    configCluster: {SECOND}\n    tls: {{secretName: payments-tls}}\n"
)
OF_PAYMENTS = meshes.replaced(meshes.REMOTE.format(name=SECOND), "external-istiod", "payments")


@pytest.fixture(autouse=True)
def _no_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))


@pytest.fixture
def known(tmp_path: Path) -> Iterator[World]:
    with mesh(tmp_path / "repository") as its:
        yield its


def find(its: World) -> tuple[Candidate, ...]:
    async def run() -> tuple[Candidate, ...]:
        fleet = replace(its.fleet)  # that remembers nothing
        try:
            return await found.find(fleet)
        finally:
            await fleet.close()

    return asyncio.run(run())


def named(its: World, name: str = NAME, **options: str | Gateways | None) -> Candidate:
    async def run() -> Candidate:
        fleet = replace(its.fleet)
        try:
            return await found.named(fleet, name, **options)  # type: ignore[arg-type]
        finally:
            await fleet.close()

    return asyncio.run(run())


def write_kubeconfig(path: Path, *contexts: str) -> None:
    document = {
        "contexts": [{"name": n, "context": {"cluster": n, "user": "me"}} for n in contexts],
        "clusters": [
            {"name": n, "cluster": {"server": f"https://{n}.of-context.test"}} for n in contexts
        ],
        "users": [{"name": "me", "user": {"token": "token-of-a-person"}}],
    }
    path.write_text(yaml.safe_dump(document))


def test_a_labelled_cluster_is_a_candidate(known: World) -> None:
    register(
        known,
        labels={**MESH, wishes.NETWORK: "network1", wishes.GATEWAYS: "ingress.egress"},
    )
    (candidate,) = find(known)
    gateways = Gateways(ingress=True, egress=True)
    assert candidate.cluster == NewCluster(NAME, "network1", None, gateways)
    assert (candidate.control_plane, candidate.problem, candidate.by_hand) == (PLANE, "", False)
    assert candidate.origin == f"Secret {NAMESPACE}/cluster-{NAME}"
    assert isinstance(candidate.access, Access)
    assert candidate.access.server == SERVER
    assert candidate.access == candidate.argocd


def test_candidates_are_in_the_order_of_their_names(known: World) -> None:
    register(known, "b", "https://b.clusters.test")
    register(known, "a", "https://a.clusters.test")
    assert [each.name for each in find(known)] == ["a", "b"]


def test_other_clusters_of_argo_cd_are_none(known: World) -> None:
    register(known, "unlabelled", labels={})
    register(known, "of-another-mesh", labels={wishes.MESH: "mesh2"})
    register(known, SECOND)
    register(known, "external-cluster")
    assert find(known) == ()


def test_a_name_that_no_cluster_can_have_is_given_another_one(known: World) -> None:
    arn = "arn:aws:eks:eu-west-1:123456789012:cluster/payments"
    register(known, arn, secret="cluster-eks", annotations={wishes.NAME: NAME})  # noqa: S106
    (candidate,) = find(known)
    assert candidate.cluster == NewCluster(NAME, "network1", SERVER)
    assert not candidate.problem


PROBLEMS = {
    "a name that no cluster can have": ({"name": "Payments_EU"}, "is made of lower-case letters"),
    "a name for which istiod takes no secret": ({"name": "eu--slash--pay"}, "remote secret"),
    "an unknown control plane": (
        {"labels": {**MESH, wishes.CONTROL_PLANE: "other"}},
        "there is no control plane 'other'",
    ),
    "a network that is no label": (
        {"annotations": {wishes.NETWORK: "a network"}},
        "as Kubernetes asks of a label's value",
    ),
    "an unknown gateway": ({"labels": {**MESH, wishes.GATEWAYS: "north"}}, "names 'north'"),
    "a gateway that the config cluster lacks": (
        {"labels": {**MESH, wishes.GATEWAYS: "east-west"}},
        "has no east-west gateway",
    ),
    "the name of a member": (
        {"annotations": {wishes.NAME: SECOND}},
        f"there is a cluster '{SECOND}' already",
    ),
}


@pytest.mark.parametrize("what", PROBLEMS)
def test_what_cannot_be_meant_so_is_a_problem(known: World, what: str) -> None:
    options, words = PROBLEMS[what]
    register(known, **options, secret="cluster-x")  # type: ignore[arg-type]  # noqa: S106
    (candidate,) = find(known)
    assert words in candidate.problem


def test_the_control_plane_has_to_be_named_where_there_are_several(tmp_path: Path) -> None:
    changes: dict[str, str | None] = {
        "mesh.yaml": SECOND_PLANE,
        f"clusters/{SECOND}/cluster.yaml": OF_PAYMENTS,
    }
    with mesh(tmp_path / "repository", changes) as its:
        register(its)
        register(its, "b", "https://b", labels={**MESH, wishes.CONTROL_PLANE: "payments"})
        first, second = sorted(find(its), key=lambda each: each.name == NAME)
        assert (first.control_plane, first.problem) == ("payments", "")
        assert "this mesh has several control planes" in second.problem


def test_two_secrets_of_one_name_are_a_problem(known: World) -> None:
    register(known)
    register(known, server="https://another.test", secret="again")  # noqa: S106
    (candidate,) = find(known)
    assert f"several clusters of the name {NAME}" in candidate.problem
    assert "Secret argocd/again" in candidate.problem


def test_two_names_for_one_server_are_a_problem(known: World) -> None:
    register(known)
    register(known, "alias")
    problems = [each.problem for each in find(known)]
    assert problems == [
        f"its server {SERVER} is that of Secret argocd/cluster-{NAME}",
        f"its server {SERVER} is that of Secret argocd/cluster-alias",
    ]


def test_a_member_by_another_name_is_a_problem(known: World) -> None:
    register(known, SECOND, labels={})
    register(known, "alias")
    (candidate,) = find(known)
    assert candidate.problem == f"its server {SERVER} is that of {SECOND}, which is in the mesh"


def test_the_cluster_that_argo_cd_runs_in_is_a_problem_where_it_is_in_the_mesh(
    known: World,
) -> None:
    register(known, "management", IN_CLUSTER)
    (candidate,) = find(known)
    assert candidate.problem == (
        "it is the cluster that Argo CD runs in, and in the mesh as external-cluster"
    )


def test_a_credential_that_the_bot_does_not_use_is_no_problem_of_the_candidate(
    known: World,
) -> None:
    register(known, config={"awsAuthConfig": {"clusterName": "payments"}})
    (candidate,) = find(known)
    assert not candidate.problem
    assert isinstance(candidate.access, CannotLookError)


def test_a_context_of_its_name_helps_where_the_credential_is_not_one_for_the_bot(
    known: World, tmp_path: Path
) -> None:
    write_kubeconfig(tmp_path / "kubeconfig", NAME)
    register(known, config={"awsAuthConfig": {"clusterName": "payments"}})
    (candidate,) = find(known)
    assert isinstance(candidate.access, Access)
    assert candidate.access.origin == f"context {NAME}"
    assert isinstance(candidate.argocd, CannotLookError)


def test_argo_cd_that_cannot_be_asked_is_no_empty_list(known: World) -> None:
    known.external.denied.add(f"/api/v1/namespaces/{NAMESPACE}/secrets")
    with pytest.raises(CannotLookError):
        find(known)


def test_no_credential_is_shown(known: World) -> None:
    register(known, annotations={"kubectl.kubernetes.io/last-applied-configuration": "token-x"})
    (candidate,) = find(known)
    assert "token-" not in repr(candidate)


def test_a_person_proposes_a_cluster_with_the_options_of_cluster_add(known: World) -> None:
    register(known, labels={})
    candidate = named(known, network="eu", gateways=Gateways(ingress=True))
    assert candidate.cluster == NewCluster(NAME, "eu", None, Gateways(ingress=True))
    assert (candidate.control_plane, candidate.by_hand) == (PLANE, True)
    assert isinstance(candidate.access, Access)
    assert candidate.access.server == SERVER


def test_labels_say_what_a_person_leaves_open(known: World) -> None:
    register(known, labels={wishes.NETWORK: "us", wishes.GATEWAYS: "egress"})
    assert named(known).cluster == NewCluster(NAME, "us", None, Gateways(egress=True))
    assert named(known, network="eu").cluster.network == "eu"


def test_a_cluster_can_be_named_by_the_server_that_argo_cd_knows(known: World) -> None:
    register(known, "arn:aws:eks:cluster/payments", secret="cluster-eks")  # noqa: S106
    candidate = named(known, server=SERVER)
    assert candidate.cluster == NewCluster(NAME, "network1", SERVER)
    assert isinstance(candidate.argocd, Access)


def test_the_context_that_a_person_names_leads_there(known: World, tmp_path: Path) -> None:
    write_kubeconfig(tmp_path / "kubeconfig", NAME, "admin")
    register(known)
    for context, expected in ((None, NAME), ("admin", "admin")):
        candidate = named(known, context=context)
        assert isinstance(candidate.access, Access)
        assert candidate.access.origin == f"context {expected}"
        assert isinstance(candidate.argocd, Access)


def test_a_context_that_is_not_there_is_said(known: World) -> None:
    candidate = named(known, context="nowhere")
    assert isinstance(candidate.access, CannotLookError)
    assert "no context 'nowhere'" in candidate.access.why


def test_a_cluster_that_argo_cd_does_not_know_is_told_from_one_that_it_may(known: World) -> None:
    assert isinstance(named(known).argocd, NotRegisteredError)
    known.external.denied.add(f"/api/v1/namespaces/{NAMESPACE}/secrets")
    assert not isinstance(named(known).argocd, NotRegisteredError)
    assert isinstance(named(known).argocd, CannotLookError)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"name": SECOND}, "EXTCP-I013"),
        ({"name": "No_Name"}, "EXTCP-I012"),
        ({"control_plane": "other"}, "EXTCP-I017"),
        ({"network": "a network"}, "EXTCP-I004"),
        ({"server": "http://plain.test"}, "EXTCP-I004"),
        ({"gateways": Gateways(east_west=True)}, "EXTCP-I027"),
    ],
)
def test_what_the_generator_refuses_is_refused(
    known: World, options: dict[str, str], code: str
) -> None:
    with pytest.raises(ExtcpError) as caught:
        named(known, **options)
    assert [each.code for each in caught.value.findings] == [code]


def test_a_candidate_with_a_problem_shows_nothing_that_a_terminal_obeys(known: World) -> None:
    bad = "x\x1b[31m\n@everyone"
    keys = (wishes.NAME, wishes.NETWORK, wishes.CONTROL_PLANE, wishes.GATEWAYS)
    register(known, annotations=dict.fromkeys(keys, bad))
    (candidate,) = find(known)
    shown = f"{candidate.name}{candidate.cluster}{candidate.control_plane}{candidate.problem}"
    assert candidate.problem
    assert "\x1b" not in shown
    assert "\n" not in shown
