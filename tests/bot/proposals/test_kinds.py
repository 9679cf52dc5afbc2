from __future__ import annotations

from dataclasses import replace

import pytest

from extcp_bot.proposals import kinds
from extcp_bot.proposals.model import Kind, branch_of, of_branch
from extcp_bot.proposals.policy import Documents
from extcp_gitops.inventory.author import NewCluster
from extcp_gitops.inventory.load import load
from extcp_gitops.inventory.model import Gateways
from tests import meshes
from tests.bot.proposals import cases

NEW = NewCluster("eu/one", "eu", "https://192.0.2.1", Gateways(egress=True))


def test_an_addition_can_be_made_anew_from_its_marker() -> None:
    proposal = kinds.add_cluster(NEW, "external-istiod", by_hand=True)
    its = replace(cases.marker(), name=proposal.name, inputs=proposal.inputs)
    assert kinds.new_cluster(its) == (NEW, "external-istiod")
    member = kinds.member_of(its)
    assert (member.name, member.network, member.server) == (NEW.name, NEW.network, NEW.server)
    assert kinds.control_plane_of(its) == "external-istiod"


@pytest.mark.parametrize("inputs", [{}, {"network": "a"}, {"network": "a", "controlPlane": True}])
def test_a_marker_that_does_not_say_makes_none(inputs: dict[str, str | bool | None]) -> None:
    with pytest.raises(TypeError):
        kinds.new_cluster(replace(cases.marker(), inputs=inputs))


def test_only_the_inputs_decide_whether_a_no_stands() -> None:
    one = kinds.add_cluster(NEW, "external-istiod")
    assert one.inputs_hash == kinds.add_cluster(NEW, "external-istiod", by_hand=True).inputs_hash
    other = kinds.add_cluster(replace(NEW, network="us"), "external-istiod")
    assert one.inputs_hash != other.inputs_hash
    how = Documents("sealed-secret", certificate_file="a.pem")
    sealed = [kinds.credential("a", "b", how, {"x": text}) for text in (b"1", b"2")]
    assert sealed[0].inputs_hash == sealed[1].inputs_hash


def test_the_edits_are_those_of_the_commands() -> None:
    files = meshes.mesh()
    added = kinds.add_cluster(NewCluster("remote-cluster-3"), "external-istiod").edit(files)
    assert list(added) == ["clusters/remote-cluster-3/cluster.yaml"]
    for proposal in (
        kinds.remove_cluster("remote-cluster-2", "external-istiod"),
        kinds.revert("remote-cluster-2", "external-istiod", "c" * 40),
    ):
        assert proposal.edit(files) == {"clusters/remote-cluster-2/cluster.yaml": None}
    pinned = kinds.pin_root("external-istiod", meshes.certificate()).edit(files)["mesh.yaml"]
    assert pinned is not None
    plane = load({**files, "mesh.yaml": pinned}).inventory.control_planes["external-istiod"]
    assert plane.ca.root_certificate == meshes.certificate()


@pytest.mark.parametrize("kind", Kind)
def test_a_branch_says_what_it_is_of(kind: Kind) -> None:
    branch = branch_of(kind, "eu/one")
    assert branch == f"extcp/{kind}/eu--slash--one"
    assert of_branch(branch) == (kind, "eu/one")


@pytest.mark.parametrize("branch", ["main", "extcp/x", "extcp/other/a", "renovate/add-cluster/a"])
def test_other_branches_are_of_nothing(branch: str) -> None:
    with pytest.raises(ValueError, match=r"branch|unpack|valid"):
        of_branch(branch)
