from __future__ import annotations

import pytest

from extcp_bot.live import admission

INJECTOR = "sidecar-injector.istio.io"
HOOK = f"namespace.{INJECTOR}"
URL = "https://istiod.example.com:15017/inject/cluster/a/net/b?timeout=10s"
CALL = f'Internal error occurred: failed calling webhook "{HOOK}": failed to call webhook: '
POST = f'{CALL}Post "{URL}": '
X509 = f"{POST}tls: failed to verify certificate: x509: "
OUT_OF_TIME = (
    "certificate has expired or is not yet valid: current time 2026-06-01T12:00:00Z is after"
)
NO_SANS = "cannot validate certificate for 10.0.0.1 because it doesn't contain any IP SANs"
CANCELED = "net/http: request canceled (Client.Timeout exceeded while awaiting headers)"


@pytest.mark.parametrize(
    ("message", "words", "check"),
    [
        (f"{X509}certificate signed by unknown authority", "does not trust", "EXTCP-H03"),
        (f"{X509}{OUT_OF_TIME}", "out of its time", "EXTCP-H02"),
        (f"{X509}certificate is valid for a.com, not b.com", "another name", "EXTCP-H02"),
        (f"{X509}{NO_SANS}", "no address", "EXTCP-H02"),
        (f"{X509}certificate is not valid for any names", "no name", "EXTCP-H02"),
        (f"{X509}malformed certificate", "refuses the certificate", "EXTCP-H02"),
        (f"{POST}dial tcp: lookup a.com on 10.96.0.10:53: no such host", "DNS", "EXTCP-H01"),
        (f"{POST}dial tcp 192.0.2.1:15017: connect: connection refused", "nobody", "EXTCP-H01"),
        (f"{POST}dial tcp 192.0.2.1:15017: connect: network is unreachable", "route", "EXTCP-H01"),
        (f"{POST}dial tcp 192.0.2.1:15017: connect: no route to host", "no route", "EXTCP-H01"),
        (f"{POST}context deadline exceeded", "no answer in time", "EXTCP-H01"),
        (f"{POST}dial tcp 192.0.2.1:15017: i/o timeout", "no connection in time", "EXTCP-H01"),
        (f"{POST}net/http: TLS handshake timeout", "no TLS in time", "EXTCP-H01"),
        (f"{POST}{CANCELED}", "no answer in time", "EXTCP-H01"),
        (f"{CALL}the server is currently unable to handle the request", "503", "EXTCP-H01"),
        (f"{CALL}the server could not find the requested resource", "404", "EXTCP-H01"),
        (f"{POST}no endpoints available for service istiod", "leads nowhere", "EXTCP-H01"),
        (f"{POST}EOF", "the call fails", "EXTCP-H01"),
    ],
)
def test_why_a_webhook_could_not_be_called(message: str, words: str, check: str) -> None:
    refusal = admission.read(message)
    assert refusal.webhook == HOOK
    assert refusal.cause is not None
    assert refusal.cause.check == check
    assert words in refusal.reason
    assert message.endswith(refusal.words)


def test_a_host_may_be_called_anything() -> None:
    message = f'{CALL}Post "https://unknown authority.example.com:15017/inject": EOF'
    refusal = admission.read(message)
    assert refusal.cause is not None
    assert refusal.cause.words == "the call fails"


def test_a_webhook_that_says_no_has_been_called() -> None:
    refusal = admission.read(f'admission webhook "{HOOK}" denied the request: no template')
    assert (refusal.webhook, refusal.cause, refusal.reason) == (HOOK, None, "no template")


def test_a_webhook_may_say_no_without_a_word() -> None:
    refusal = admission.read(f'admission webhook "{HOOK}" denied the request without explanation')
    assert (refusal.webhook, refusal.cause) == (HOOK, None)


def test_other_parts_of_admission_are_no_webhook() -> None:
    message = 'pods "a" is forbidden: exceeded quota: compute'
    refusal = admission.read(message)
    assert (refusal.webhook, refusal.cause, refusal.reason) == ("", None, message)


@pytest.mark.parametrize(
    ("name", "is_ours"),
    [
        (HOOK, True),
        (INJECTOR, True),
        ("policies.example.com", False),
        (f"not-{INJECTOR}", False),
        ("", False),
    ],
)
def test_whose_webhook_it_is(name: str, is_ours: bool) -> None:
    refusal = admission.read(f'failed calling webhook "{name}": EOF')
    assert refusal.is_of(INJECTOR) is is_ours


def test_a_megabyte_is_read_in_no_time() -> None:
    message = f'{CALL}{"x" * 1_000_000}": connection refused'
    refusal = admission.read(message)
    assert refusal.cause is not None
    assert refusal.cause.words == "nobody listens at the address"
