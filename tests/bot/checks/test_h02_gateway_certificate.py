from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from extcp_bot.checks.model import Severity, State
from tests.bot import planes
from tests.bot.certs import Issuer
from tests.bot.fleets import ADDRESS
from tests.bot.tlsserver import TlsServer
from tests.e2e.testbed.pki import Pair

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extcp_bot.result import Result
    from tests.bot.fleets import World

CODE = "EXTCP-H02"
ROOT = Issuer("Private Root")


@pytest.fixture
def mesh() -> Iterator[World]:
    """Its gateway's certificate has been signed by an intermediate of a private CA."""
    with planes.mesh(ca=ROOT.pem) as made:
        yield made


def wrong(mesh: World) -> list[Result]:
    return [each for each in mesh.check(CODE) if each.state is not State.HEALTHY]


def presenting(mesh: World, pair: Pair, *chain: str) -> list[Result]:
    """What is wrong where the gateway and its Secret have this certificate and this chain."""
    whole = Pair(pair.certificate + "".join(chain), pair.key)
    planes.put_secret(mesh, whole)
    with planes.presenting(mesh, whole):
        return wrong(mesh)


def named(found: list[Result]) -> list[str]:
    return [each.problem or each.state.value for each in found]


def test_a_valid_certificate_in_its_secret_is_healthy(mesh: World) -> None:
    pair = ROOT.serve(ADDRESS)
    planes.put_secret(mesh, pair)
    with planes.presenting(mesh, pair):
        found = mesh.check(CODE)
    assert {each.state for each in found} == {State.HEALTHY}
    assert found[0].looked_at == f"{ADDRESS}, ports 15012, 15017"
    assert found[0].found.startswith(f"for {ADDRESS}, until 20")


def test_the_key_is_never_shown(mesh: World) -> None:
    pair = ROOT.serve(ADDRESS)
    planes.put_secret(mesh, pair)
    with planes.presenting(mesh, pair):
        shown = str([each.as_json() for each in mesh.check(CODE)])
    assert not any(line in shown for line in pair.key.splitlines())


def test_a_whole_chain_is_healthy_and_half_of_one_is_not(mesh: World) -> None:
    middle = Issuer("Intermediate", ROOT)
    pair = middle.serve(ADDRESS)
    assert presenting(mesh, pair, middle.pem) == []
    (found,) = presenting(mesh, pair)
    assert (found.problem, found.severity) == ("untrusted", Severity.CRITICAL)
    assert "CN=Intermediate" in found.found
    assert found.command == (
        f"openssl s_client -connect {ADDRESS}:15017 -servername {ADDRESS} -showcerts"
    )


def test_a_foreign_ca_is_not_trusted(mesh: World) -> None:
    (found,) = presenting(mesh, Issuer("Foreign Root").serve(ADDRESS))
    assert found.problem == "untrusted"
    assert found.wanted == "one of caBundle of mesh.yaml"


def test_an_expired_certificate_is_named_once(mesh: World) -> None:
    (found,) = presenting(mesh, ROOT.serve(ADDRESS, age=90, days=60))
    assert (found.problem, found.severity) == ("expired", Severity.CRITICAL)


def test_an_expired_intermediate_is_named(mesh: World) -> None:
    middle = Issuer("Intermediate", ROOT, age=90, days=60)
    (found,) = presenting(mesh, middle.serve(ADDRESS), middle.pem)
    assert found.problem == "expired"
    assert found.looked_at.endswith("chain")


@pytest.mark.parametrize("of_the_leaf", [True, False])
def test_a_certificate_of_the_future_is_named(mesh: World, of_the_leaf: bool) -> None:
    middle = Issuer("Intermediate", ROOT, age=1 if of_the_leaf else -2)
    pair = middle.serve(ADDRESS, age=-2 if of_the_leaf else 1)
    assert named(presenting(mesh, pair, middle.pem)) == ["not-yet-valid"]


@pytest.mark.parametrize(
    ("age", "days", "expected"),
    [
        (60, 90, []),  # a public one, renewed a month before its end
        (77, 90, ["expires-soon"]),
        (1, 2, []),  # a short-lived one, in the middle of its life
        (1.5, 2, ["expires-soon"]),
    ],
)
def test_a_certificate_is_renewed_in_time(
    mesh: World, age: float, days: float, expected: list[str]
) -> None:
    found = presenting(mesh, ROOT.serve(ADDRESS, age=age, days=days))
    assert named(found) == expected
    assert {each.severity for each in found} <= {Severity.WARNING}


def test_the_time_is_the_fleets(mesh: World) -> None:
    mesh.fleet.now = lambda: datetime.now(UTC) + timedelta(days=8)
    assert named(presenting(mesh, ROOT.serve(ADDRESS))) == ["expires-soon"]


def test_a_certificate_for_another_name_is_named(mesh: World) -> None:
    (found,) = presenting(mesh, ROOT.serve("istiod.example.org"))
    assert (found.problem, found.found) == ("wrong-name", "for istiod.example.org")
    assert found.wanted == f"for {ADDRESS}"


def test_a_certificate_with_a_common_name_alone_is_for_nobody(mesh: World) -> None:
    (found,) = presenting(mesh, ROOT.serve())
    assert (found.problem, found.found) == ("wrong-name", "for no name but CN=server")


def test_two_ports_with_two_certificates_are_told_apart(mesh: World) -> None:
    good, bad = ROOT.serve(ADDRESS), ROOT.serve("istiod.example.org")
    planes.put_secret(mesh, good)
    with TlsServer(good) as first, TlsServer(bad) as second:
        planes.answers(mesh, first, 15012)
        planes.answers(mesh, second, 15017)
        found = wrong(mesh)
    assert [(each.problem, each.looked_at) for each in found] == [
        ("wrong-name", f"{ADDRESS}, ports 15017"),
        ("other-certificate", f"{ADDRESS} beside Secret istio-system/istiod-tls"),
    ]


def test_public_roots_are_those_of_the_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "roots.pem"
    bundle.write_text(ROOT.pem)
    pair = ROOT.serve(ADDRESS)
    with planes.mesh(private=False) as mesh:
        assert named(presenting(mesh, pair)) == ["untrusted"]
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        assert presenting(mesh, pair) == []


def test_a_machine_without_public_roots_cannot_tell(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    with planes.mesh(private=False) as mesh:
        (found,) = presenting(mesh, ROOT.serve(ADDRESS))
    assert found.state is State.UNKNOWN
    assert "ca-certificates" in found.remedy


def test_with_an_ip_address_istiods_own_certificate_is_verified_with_its_root() -> None:
    with planes.mesh(by_ip=True) as mesh:
        assert wrong(mesh) == []
        root = {"root-cert.pem": planes.authority("Foreign").root}
        mesh.config.objects[planes.PUBLISHED]["data"] = root
        assert named(wrong(mesh)) == ["untrusted"]


def test_without_istiods_root_an_ip_address_is_unknown() -> None:
    with planes.mesh(by_ip=True) as mesh:
        planes.remove(mesh.config, planes.PUBLISHED)
        (found,) = wrong(mesh)
        assert (found.state, found.remedy) == (State.UNKNOWN, "see EXTCP-H09")
        mesh.config.denied.add(planes.PUBLISHED)
        mesh.config.handlers.clear()
        (found,) = wrong(mesh)
    assert planes.PUBLISHED in found.found


@pytest.mark.parametrize("data", [None, {}, {"tls.crt": "!"}, {"tls.crt": planes.encode("x")}])
def test_a_secret_without_a_certificate_is_as_none(
    mesh: World, data: dict[str, str] | None
) -> None:
    with planes.presenting(mesh, ROOT.serve(ADDRESS)):
        if data is None:
            planes.remove(mesh.external, planes.SECRET)
        else:
            mesh.external.objects[planes.SECRET]["data"] = data
        (found,) = wrong(mesh)
    assert found.problem == "secret-missing"
    assert found.command == (
        "kubectl --context external-cluster --namespace istio-system create secret tls istiod-tls "
        "--cert fullchain.pem --key privkey.pem"
    )


def test_a_secret_with_the_keys_of_a_generic_one_is_one(mesh: World) -> None:
    pair = ROOT.serve(ADDRESS)
    data = {"cert": planes.encode(pair.certificate), "key": planes.encode(pair.key)}
    mesh.external.objects[planes.SECRET]["data"] = data
    with planes.presenting(mesh, pair):
        assert wrong(mesh) == []


def test_another_certificate_than_the_secrets_is_a_warning(mesh: World) -> None:
    planes.put_secret(mesh, ROOT.serve(ADDRESS))
    with planes.presenting(mesh, ROOT.serve(ADDRESS)):
        (found,) = wrong(mesh)
    assert (found.problem, found.severity) == ("other-certificate", Severity.WARNING)


def test_without_permission_only_the_secret_is_unknown(mesh: World) -> None:
    mesh.external.denied.add(planes.SECRET)
    with planes.presenting(mesh, ROOT.serve(ADDRESS)):
        found = mesh.check(CODE)
    assert [each.state for each in found] == [State.HEALTHY, State.UNKNOWN]
    assert planes.SECRET in found[1].found


def test_what_nobody_presents_is_unknown_and_the_other_port_is_not(mesh: World) -> None:
    pair = ROOT.serve(ADDRESS)
    planes.put_secret(mesh, pair)
    with planes.presenting(mesh, pair):
        planes.nobody_answers(mesh, 15017)
        found = mesh.check(CODE)
    assert [each.state for each in found] == [State.UNKNOWN, State.HEALTHY, State.HEALTHY]
    assert f"{ADDRESS}:15017" in found[0].found
    assert found[1].looked_at == f"{ADDRESS}, ports 15012"


@pytest.mark.parametrize(("seconds", "words"), [(3600, "ahead"), (-3600, "behind")])
def test_a_clock_that_is_off_is_a_warning(mesh: World, seconds: int, words: str) -> None:
    pair = ROOT.serve(ADDRESS)
    planes.put_secret(mesh, pair)
    secret = mesh.external.objects[planes.SECRET]

    async def late(_: web.Request) -> web.StreamResponse:
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
        return web.json_response(secret, headers={"Date": date})

    mesh.external.handlers[planes.SECRET] = late
    with planes.presenting(mesh, pair):
        (found,) = wrong(mesh)
    assert (found.problem, found.severity) == ("clock-skew", Severity.WARNING)
    assert found.found.endswith(f"s {words}")
