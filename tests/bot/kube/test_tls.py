from __future__ import annotations

import ssl
import tempfile
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization

from extcp_bot.access.model import Access, Secret
from extcp_bot.kube import tls
from extcp_bot.kube.failure import CannotLookError
from tests.e2e.testbed.pki import Authority, Pair

if TYPE_CHECKING:
    from pathlib import Path

SERVER = "https://api.example.com:6443"
ROOT = Authority("servers").root


@pytest.fixture(scope="module")
def pair() -> Pair:
    return Authority("clients").serve(["client"])


def test_the_ca_of_the_access_is_trusted_and_no_other() -> None:
    made = tls.context(Access(SERVER, ca=ROOT))
    assert len(made.get_ca_certs()) == 1
    assert made.verify_mode is ssl.CERT_REQUIRED
    assert made.check_hostname
    assert made.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN


def test_clusters_with_one_ca_share_a_context() -> None:
    one = tls.context(Access(SERVER, ca=ROOT))
    assert tls.context(Access("https://other.example.com", ca=ROOT)) is one
    assert tls.context(Access(SERVER, ca=ROOT, insecure=True)) is not one


def test_nothing_is_verified_where_a_person_says_so() -> None:
    made = tls.context(Access(SERVER, ca=ROOT, insecure=True))
    assert made.verify_mode is ssl.CERT_NONE
    assert not made.check_hostname


def test_a_client_certificate_is_loaded_and_not_shared(pair: Pair) -> None:
    access = Access(SERVER, ca=ROOT, certificate=pair.certificate, key=Secret(pair.key))
    assert tls.context(access) is not tls.context(access)
    assert tls.context(access) is not tls.context(Access(SERVER, ca=ROOT))


def test_no_key_stays_on_the_disk(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tls.context(Access(SERVER, ca=ROOT, certificate=pair.certificate, key=Secret(pair.key)))
    with pytest.raises(CannotLookError):
        tls.context(Access(SERVER, ca=ROOT, certificate="none", key=Secret(pair.key)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "ca",
    ["x", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "ü", "\ud800", "\0"],
)
def test_a_ca_that_is_none_is_named_by_its_origin(ca: str) -> None:
    with pytest.raises(CannotLookError, match="the certificates of context a cannot be used"):
        tls.context(Access(SERVER, ca=ca, origin="context a"))


@pytest.mark.parametrize("certificate", ["x", "ü", "\ud800", ROOT])
def test_a_client_certificate_that_is_none_or_anothers_is_named(
    certificate: str, pair: Pair
) -> None:
    access = Access(SERVER, ca=ROOT, certificate=certificate, key=Secret(pair.key), origin="o")
    with pytest.raises(CannotLookError, match="cannot be used") as caught:
        tls.context(access)
    assert caught.value.__cause__ is None


def test_nobody_is_asked_for_the_password_of_a_key(pair: Pair) -> None:
    key = serialization.load_pem_private_key(pair.key.encode(), None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"a password"),
    ).decode()
    access = Access(SERVER, ca=ROOT, certificate=pair.certificate, key=Secret(encrypted))
    with pytest.raises(CannotLookError, match="cannot be used"):
        tls.context(access)
