from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from extcp_bot.live import certificates
from tests.bot.certs import Issuer
from tests.e2e.testbed.pki import Authority

CA = Issuer("Example CA")


def one(*hosts: str) -> certificates.Certificate:
    (found,) = certificates.of_pem(CA.serve(*hosts).certificate)
    return found


def test_a_certificate_says_whose_it_is_and_for_how_long() -> None:
    found = one("a.example.com")
    assert (found.subject, found.issuer) == ("CN=server", "CN=Example CA")
    assert found.life == timedelta(days=10)
    assert found.hosts == ("a.example.com",)


@pytest.mark.parametrize(
    ("name", "host", "is_for"),
    [
        ("a.example.com", "a.example.com", True),
        ("A.Example.com", "a.example.COM.", True),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "example.com", False),
        ("a*.example.com", "ab.example.com", False),
        ("*", "localhost", False),
        ("b.example.com", "a.example.com", False),
    ],
)
def test_names_are_compared_as_go_does(name: str, host: str, is_for: bool) -> None:
    assert one(name).is_for(host) is is_for


def test_a_common_name_counts_for_nothing() -> None:
    assert not one().is_for("server")


def test_an_ip_address_is_an_address_and_no_name() -> None:
    pair = Authority("Example").serve(["127.0.0.1", "::1"])
    (found,) = certificates.of_pem(pair.certificate)
    assert found.is_for("127.0.0.1")
    assert found.is_for("0:0:0:0:0:0:0:1")
    assert not found.is_for("127.0.0.2")
    assert not one("127.0.0.1x").is_for("127.0.0.1")


def test_a_bundle_holds_several_in_their_order() -> None:
    texts = [Issuer(name).pem for name in ("A", "B")]
    found = certificates.of_pem("# two roots, ümlauts\n" + "".join(texts))
    assert [each.subject for each in found] == ["CN=A", "CN=B"]
    assert certificates.named(found).startswith("CN=A (")
    assert certificates.of_pem(" \n") == ()
    assert certificates.named(()) == "none"


def test_the_same_bytes_are_the_same_certificate() -> None:
    text = CA.serve("a.example.com").certificate
    (found,) = certificates.of_pem(text)
    der = x509.load_pem_x509_certificate(text.encode()).public_bytes(Encoding.DER)
    assert found == certificates.of_der(der)
    assert {found} == {certificates.of_der(der)}
    assert found != one("a.example.com")


@pytest.mark.parametrize(
    "text", ["x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_garbage_is_no_bundle(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        certificates.of_pem(text)
    with pytest.raises(ValueError, match=r"."):
        certificates.of_der(text.encode())
