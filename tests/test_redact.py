from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_gitops.redact import redact

# Put together here, so that no scan for secrets takes this file for a leak.
FORGE = "gh" + "p_" + "A1b2C3d4E5f6G7h8I9j0" * 2
GITLAB = "gl" + "pat-" + "x1Y2z3-A4b5C6d7E8f9"
JWT = "ey" + "JhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzYSJ9.c2lnbmF0dXJl-x_y"
CLOUD = "AK" + "IAIOSFODNN7EXAMPLE"
BASE64_LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
BEGIN, END = "-----BEGIN RSA PRIVATE " + "KEY-----", "-----END RSA PRIVATE " + "KEY-----"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:hunter2@git.example.com/x", "https://***@git.example.com/x"),
        ("ssh://git@host/x", "ssh://***@host/x"),
        ("'https://u:p@ss@host/x?a@b'", "'https://***@host/x?a@b'"),
        ("HTTPS://hunter2@host:8443 failed", "HTTPS://***@host:8443 failed"),
        ("Authorization: Basic aHVudGVyMg==", "Authorization: ***"),
        ('"authorization": "token hunter2"', '"authorization": ***'),
        ("> Proxy-Authorization: Bearer x y", "> Proxy-Authorization: ***"),
        ("PRIVATE-TOKEN: hunter2\nnext", "PRIVATE-TOKEN: ***\nnext"),
        ("X-Vault-Token: hunter2", "X-Vault-Token: ***"),
        ("Set-Cookie: a=hunter2; b", "Set-Cookie: ***"),
        ("got bearer abcdef.12345 back", "got bearer *** back"),
        ("--password=hunter2 --verbose", "--password=*** --verbose"),
        ('{"token": "hunter2", "a": 1}', '{"token": "***", "a": 1}'),
        ("?access_token=hunter2&page=2", "?access_token=***&page=2"),
        ("client-key-data: aHVudGVyMg==", "client-key-data: ***"),
        ("API_KEY=hunter2", "API_KEY=***"),
        (f"denied for {FORGE}.", "denied for ***."),
        (f"({GITLAB})", "(***)"),
        (f"jwt {JWT} expired", "jwt *** expired"),
        (f"id {CLOUD} unknown", "id *** unknown"),
        (f"a\n{BEGIN}\n{BASE64_LINE}\nAb==\n{END}\nb", "a\n***\nb"),
        (f"a\n{BEGIN}\n{BASE64_LINE}\nAb", "a\n***"),
        (f"Ab\n{BASE64_LINE}\nAb==\n{END}\nb", "***\nb"),
        (f"a\n  {BASE64_LINE}\nb", "a\n***\nb"),
        ("x" + "aB3/" * 50, "***"),
    ],
)
def test_credentials_are_hidden_and_the_rest_is_not(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "fatal: repository 'https://git.example.com/mesh.git/' not found",
        "git@git.example.com:platform/mesh.git: Permission denied (publickey).",
        'secrets "istiod-tls" not found in namespace "istio-system"',
        "Basic authentication failed; bearer authentication is off",
        "found character that cannot start any token",
        "Password:\nfatal: Authentication failed",
        "commit 3b18e512dba79e4c8300dd08aeb37f8e728b8dad",
        "got sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, wanted other",
        "/home/me/mesh/clusters/remote-cluster-1/argocd/applications.yaml: no such file",
        "istiod.example.com:15012: connection refused",
        "",
    ],
)
def test_what_is_no_credential_is_left_alone(text: str) -> None:
    assert redact(text) == text


@given(before=st.text(), after=st.text(), secret=st.sampled_from([FORGE, GITLAB, JWT, CLOUD]))
def test_a_token_is_hidden_whatever_stands_around_it(before: str, after: str, secret: str) -> None:
    assert secret not in redact(f"{before} {secret} {after}")


@given(st.text())
def test_what_is_redacted_stays_as_it_is(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "part",
    [
        *("a.", "x-", "a://", "https://a", "\n", " ", "eyJaaaaaaaa.", "token ", "token:", "Aa0/"),
        *("-----BEGIN ", BEGIN, END, "authorization", "@", "gh", "-", "="),
    ],
)
def test_no_text_takes_long(part: str) -> None:
    # As long as what process.run shows the end of; quadratic rules would run for minutes here.
    assert isinstance(redact(part * (32768 // len(part))), str)
