from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from extcp_bot.checks.model import Severity, State
from extcp_bot.live import certificates, istiod, signer
from extcp_gitops.inventory.model import CAType
from tests import meshes
from tests.bot.fleets import CONFIG, PLANE, SECOND
from tests.bot.forwarding import serving
from tests.bot.simulation import istiods, roots

if TYPE_CHECKING:
    from datetime import datetime

    from extcp_bot.result import Result
    from tests.bot.fleets import World

CODE = "EXTCP-H14"
OURS = f"/api/v1/namespaces/{PLANE}"
ROOT = f"{OURS}/configmaps/istio-ca-root-cert"
MESH = f"{OURS}/configmaps/istio"
LISTED = "/api/v1/configmaps"
OTHER = meshes.certificate("Another Root")


def unhealthy(mesh: World, cluster: str = CONFIG) -> Result:
    (found,) = [each for each in mesh.check(CODE, cluster) if each.state is not State.HEALTHY]
    return found


def publish(mesh: World, cluster: str, bundle: str) -> None:
    mesh.servers[cluster].objects[ROOT]["data"]["root-cert.pem"] = bundle


def change_ca(mesh: World, **changes: Any) -> None:  # noqa: ANN401 - fields of the CA
    inventory = mesh.fleet.inventory
    planes = tuple(
        replace(each, ca=replace(each.ca, **changes)) for each in inventory.mesh.control_planes
    )
    mesh.fleet.inventory = replace(inventory, mesh=replace(inventory.mesh, control_planes=planes))


def end_of_the_root() -> datetime:
    (root,) = certificates.of_pem(roots.mesh().root)
    return root.end


def expose(mesh: World, metrics: object) -> None:
    """Let each replica of istiod say this of itself."""
    for path in mesh.external.handlers:
        if path.startswith(f"{OURS}/pods/istiod") and path.endswith("/portforward"):
            mesh.external.handlers[path] = serving({istiod.METRICS: metrics})


def plug_in(mesh: World) -> None:
    secret = {"metadata": {"name": "cacerts"}, "data": {"ca-key.pem": "a2V5"}}
    mesh.external.put(f"{OURS}/secrets", secret)


def say(mesh: World, cluster: str, **changes: Any) -> None:  # noqa: ANN401 - of MeshConfig
    data = mesh.servers[cluster].objects[MESH]["data"]
    data["mesh"] = yaml.safe_dump({**yaml.safe_load(data["mesh"]), **changes})


def test_one_root_that_is_the_pinned_one_is_healthy(healthy_mesh: World) -> None:
    found = healthy_mesh.check(CODE)
    assert {(each.cluster, each.state) for each in found} == {
        (CONFIG, State.HEALTHY),
        (SECOND, State.HEALTHY),
    }
    assert any("as pinned" in each.found for each in found)
    assert any("self-signed" in each.found for each in found)


def test_another_root_is_critical_and_can_be_taken_away(healthy_mesh: World) -> None:
    publish(healthy_mesh, SECOND, OTHER)
    found = unhealthy(healthy_mesh, SECOND)
    assert (found.problem, found.severity) == ("another-root", Severity.CRITICAL)
    assert "Another Root" in found.found
    assert "Example Mesh Root" in found.wanted
    assert found.command == (
        f"kubectl --context {SECOND} --namespace {PLANE} delete configmap istio-ca-root-cert"
    )


def test_a_bundle_is_compared_certificate_by_certificate(healthy_mesh: World) -> None:
    own = roots.mesh().root
    publish(healthy_mesh, CONFIG, f"{own}\n{OTHER}")
    publish(healthy_mesh, SECOND, f"{OTHER}{own}")
    assert {each.state for each in healthy_mesh.check(CODE, SECOND)} == {State.HEALTHY}
    publish(healthy_mesh, SECOND, own)
    assert unhealthy(healthy_mesh, SECOND).problem == "another-root"


def test_nonsense_in_the_place_of_a_root_is_another_root(healthy_mesh: World) -> None:
    publish(healthy_mesh, SECOND, "-----BEGIN CERTIFICATE-----\nnonsense")
    assert unhealthy(healthy_mesh, SECOND).problem == "another-root"


@pytest.mark.parametrize("missing", [CONFIG, SECOND])
def test_without_a_root_there_is_nothing_to_compare(healthy_mesh: World, missing: str) -> None:
    del healthy_mesh.servers[missing].objects[ROOT]
    found = unhealthy(healthy_mesh, SECOND)
    assert (found.state, found.problem) == (State.UNKNOWN, "")
    assert "EXTCP-H09" in found.remedy


def test_another_root_than_the_pinned_one_is_named(healthy_mesh: World) -> None:
    change_ca(healthy_mesh, root_certificate=OTHER)
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("not-the-pinned-root", Severity.ERROR)
    assert found.command == (f"extcp-gitops control-plane pin-root {PLANE} --context {CONFIG}")


def test_a_root_that_is_not_alone_is_a_warning(healthy_mesh: World) -> None:
    change_ca(healthy_mesh, root_certificate=roots.mesh().root + OTHER)
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("partly-pinned", Severity.WARNING)


def test_a_root_that_is_not_pinned_yet_is_another_checks_matter(healthy_mesh: World) -> None:
    change_ca(healthy_mesh, root_certificate=None)
    found = healthy_mesh.check(CODE, CONFIG)
    assert {each.state for each in found} == {State.HEALTHY}
    assert any("not pinned" in each.found for each in found)


def test_a_root_that_ends_soon_is_a_warning(healthy_mesh: World) -> None:
    healthy_mesh.fleet.now = lambda: end_of_the_root() - timedelta(days=29)
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("expiring", Severity.WARNING)
    assert "in 29 days" in found.found


def test_a_root_that_has_ended_is_critical(healthy_mesh: World) -> None:
    healthy_mesh.fleet.now = end_of_the_root
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("expired", Severity.CRITICAL)


def test_an_old_root_may_end_beside_its_successor(healthy_mesh: World) -> None:
    (other,) = certificates.of_pem(OTHER)
    assert other.end < end_of_the_root()
    both = roots.mesh().root + OTHER
    change_ca(healthy_mesh, root_certificate=both)
    publish(healthy_mesh, CONFIG, both)
    healthy_mesh.fleet.now = lambda: other.end
    assert {each.state for each in healthy_mesh.check(CODE, CONFIG)} == {State.HEALTHY}


def test_an_old_root_that_still_signs_is_named_beside_its_successor(healthy_mesh: World) -> None:
    (other,) = certificates.of_pem(OTHER)
    both = roots.mesh().root + OTHER
    change_ca(healthy_mesh, root_certificate=both)
    publish(healthy_mesh, CONFIG, both)
    expose(healthy_mesh, istiods.metrics(OTHER))
    healthy_mesh.fleet.now = lambda: other.end - timedelta(days=6)
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("signer-expiring", Severity.WARNING)
    assert found.found == f"{other.end:%Y-%m-%d}, in 6 days"
    assert found.looked_at.endswith(", end of the certificate that it signs with")
    healthy_mesh.fleet.now = lambda: other.end
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("signer-expired", Severity.CRITICAL)


@pytest.mark.parametrize(
    ("days", "problem"),
    [(8, ""), (6, "signer-expiring"), (0, "signer-expired")],
)
def test_a_plugged_in_ca_ends_before_its_root(healthy_mesh: World, days: int, problem: str) -> None:
    (chain,) = certificates.of_pem(OTHER)
    plug_in(healthy_mesh)
    change_ca(healthy_mesh, type=CAType.PLUGGED_IN)
    expose(healthy_mesh, istiods.metrics(roots.mesh().root, OTHER))
    healthy_mesh.fleet.now = lambda: chain.end - timedelta(days=days)
    found = healthy_mesh.check(CODE, CONFIG)
    assert {each.problem for each in found} == {"", problem}


@pytest.mark.parametrize("days", [29, 0])
@pytest.mark.parametrize("value", ["", "-1", "0", "NaN", "+Inf", "1e300", "soon"])
def test_each_root_has_to_last_where_istiod_does_not_say_what_it_signs_with(
    healthy_mesh: World, value: str, days: int
) -> None:
    (other,) = certificates.of_pem(OTHER)
    both = roots.mesh().root + OTHER
    change_ca(healthy_mesh, root_certificate=both)
    publish(healthy_mesh, CONFIG, both)
    expose(healthy_mesh, f"{signer.CHAIN_END} {value}\n{signer.ROOT_END} {value}\n")
    assert {each.state for each in healthy_mesh.check(CODE, CONFIG)} == {State.HEALTHY}
    healthy_mesh.fleet.now = lambda: other.end - timedelta(days=days)
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("one-root-expiring", Severity.WARNING)
    assert "Another Root" in found.looked_at


def test_what_an_istiod_out_of_reach_signs_with_is_unknown(healthy_mesh: World) -> None:
    expose(healthy_mesh, 404)
    found = unhealthy(healthy_mesh)
    assert (found.state, found.looked_at.endswith("/metrics")) == (State.UNKNOWN, True)


def test_a_plugged_in_ca_that_is_not_there_is_named(healthy_mesh: World) -> None:
    change_ca(healthy_mesh, type=CAType.PLUGGED_IN)
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("cacerts-missing", Severity.ERROR)
    plug_in(healthy_mesh)
    found_then = healthy_mesh.check(CODE, CONFIG)
    assert {each.state for each in found_then} == {State.HEALTHY}
    assert any("plugged-in" in each.found for each in found_then)


def test_a_plugged_in_ca_that_nobody_knows_of_is_a_warning(healthy_mesh: World) -> None:
    plug_in(healthy_mesh)
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("cacerts-unexpected", Severity.WARNING)


def test_a_ca_that_istiod_may_sign_with_is_not_taken_away(healthy_mesh: World) -> None:
    plug_in(healthy_mesh)
    found = unhealthy(healthy_mesh)
    assert "Example Mesh Root" in found.found
    declared, _, deletion = found.remedy.partition("Only where it is another one")
    assert "plugged-in in mesh.yaml, and pin that root" in declared
    assert "delete" not in declared
    assert "delete the Secret" in deletion
    assert found.command == (
        f"kubectl --context external-cluster --namespace {PLANE} get secret cacerts "
        "--output 'go-template={{base64decode "
        """(or (index .data "root-cert.pem") (index .data "ca.crt"))}}'"""
    )


@pytest.mark.parametrize(("told", "found"), [({"meshId": "mesh2"}, "mesh2"), ({}, "none")])
def test_another_mesh_id_is_named(healthy_mesh: World, told: dict[str, str], found: str) -> None:
    say(healthy_mesh, "external-cluster", defaultConfig=told)
    seen = unhealthy(healthy_mesh)
    assert (seen.problem, seen.found, seen.wanted) == ("mesh-id", found, "mesh1")
    assert seen.command.endswith("--kustomize clusters/external-cluster")


def test_the_config_cluster_may_say_what_istiod_is_not_told(healthy_mesh: World) -> None:
    say(healthy_mesh, "external-cluster", defaultConfig={})
    say(healthy_mesh, CONFIG, defaultConfig={"meshId": "mesh1"})
    assert {each.state for each in healthy_mesh.check(CODE, CONFIG)} == {State.HEALTHY}


def test_another_trust_domain_in_the_config_cluster_is_a_warning(healthy_mesh: World) -> None:
    say(healthy_mesh, CONFIG, trustDomain="example.com")
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("trust-domain", Severity.WARNING)
    assert (found.found, found.wanted) == ("example.com", "cluster.local")


def test_no_permission_is_unknown_and_says_which(healthy_mesh: World) -> None:
    healthy_mesh.second.denied.add(LISTED)
    found = unhealthy(healthy_mesh, SECOND)
    assert found.state is State.UNKNOWN
    assert LISTED in found.found
    healthy_mesh.external.denied.add(f"{OURS}/secrets")
    assert "secrets" in unhealthy(healthy_mesh).found


def test_the_key_of_the_ca_stays_where_it_is(healthy_mesh: World) -> None:
    healthy_mesh.check(CODE)
    (asked,) = [each for each in healthy_mesh.external.requests if "secrets" in each]
    assert "fieldSelector=metadata.name%3Dcacerts" in asked
