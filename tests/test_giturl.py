from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_gitops.errors import ExtcpError
from extcp_gitops.giturl import (
    check_branch_name,
    check_ref_name,
    check_revision,
    is_loopback,
    parse_url,
)

TOKEN = "ghp_CANARY0123456789"  # noqa: S105 - planted, to be looked for in messages

GOOD_URLS = [
    "https://git.example.com/platform/mesh.git",
    "https://git.example.com:8443/platform/mesh",
    "https://192.0.2.7/mesh.git",
    "https://[2001:db8::7]:8443/mesh.git",
    "https://git.example.com/my%20mesh.git",
    "http://localhost:3000/platform/mesh.git",
    "http://127.0.0.1/mesh.git",
    "http://[::1]:3000/mesh.git",
    "ssh://git@git.example.com/platform/mesh.git",
    "ssh://git.example.com:2222/~me/mesh.git",
    "git@git.example.com:platform/mesh.git",
    "deploy_1@git.example.com:/srv/mesh.git",
    "file:///srv/git/mesh.git",
    "/srv/git/mesh.git",
    "/srv/gît/mesh.git",
]

BAD_URLS = [
    "",
    "mesh.git",
    "../mesh.git",
    "git.example.com:mesh.git",
    "https:/git.example.com/mesh.git",
    "https://",
    "https://git.example.com",
    "https://git.example.com/",
    "https:///mesh.git",
    "https://git..example.com/mesh.git",
    "https://git.example.com:0/mesh.git",
    "https://git.example.com:65536/mesh.git",
    "https://git.example.com:x/mesh.git",
    "https://git.example.com/mesh.git?ref=x",
    "https://git.example.com/mesh.git#x",
    "https://gіt.example.com/mesh.git",  # noqa: RUF001 - a Cyrillic letter, that is the point
    "https://[::zz]/mesh.git",
    "https://git.example.com/mesh\n.git",
    "https://git.example.com/my mesh.git",
    "https://git.example.com/mesh%0a.git",
    "https://git.example.com/mesh%7F.git",
    "https://git.example.com/$GITHUB_TOKEN/mesh.git",
    "https://git.example.com/\u202emesh.git",
    "https://git.example.com\\@evil.example.com/mesh.git",
    "HTTPS://git.example.com/mesh.git",
    "git://git.example.com/mesh.git",
    "ftp://git.example.com/mesh.git",
    "file://mesh.git",
    "file://host/srv/mesh.git",
    "file:///",
    "ext::sh -c true",
    "ext::sh%20-c%20true",
    "::x",
    "fd::17",
    "--upload-pack=touch /tmp/x",
    "-oProxyCommand=x",
    "ssh://-oProxyCommand=x/mesh.git",
    "ssh://git@-oProxyCommand=x/mesh.git",
    "-oProxyCommand=x@git.example.com:mesh.git",
    "git@-oProxyCommand=x:mesh.git",
    "git@git.example.com:-x",
    "git@git.example.com:",
    "C:\\mesh.git",
    "https://git.example.com/" + "x" * 2100,
]


@pytest.mark.parametrize("url", GOOD_URLS)
def test_a_wanted_form_passes_unchanged(url: str) -> None:
    assert parse_url(url) == url


@pytest.mark.parametrize("url", BAD_URLS)
def test_every_other_form_is_refused(url: str) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-G001"):
        parse_url(url)


@pytest.mark.parametrize(
    "url",
    [
        f"https://operator:{TOKEN}@git.example.com/mesh.git",
        f"https://{TOKEN}@git.example.com/mesh.git",
        f"https://{TOKEN}:x-oauth-basic@git.example.com/mesh.git",
        f"http://{TOKEN}@localhost/mesh.git",
        f"ssh://git:{TOKEN}@git.example.com/mesh.git",
        f"file://{TOKEN}@/srv/mesh.git",
        "https://@git.example.com/mesh.git",
    ],
)
def test_a_credential_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-G002") as caught:
        parse_url(url)
    (finding,) = caught.value.findings
    assert "credential helper" in finding.remedy
    assert TOKEN not in f"{finding.message}{finding.remedy}"


def test_plain_http_is_refused() -> None:
    with pytest.raises(ExtcpError, match="EXTCP-G003") as caught:
        parse_url("http://git.example.com/mesh.git")
    assert "https" in caught.value.findings[0].remedy


@given(st.text())
def test_any_text_is_taken_or_refused_but_never_crashes(text: str) -> None:
    for check in (parse_url, check_ref_name, check_revision):
        try:
            assert check(text) == text
        except ExtcpError as error:
            assert error.findings[0].code.startswith("EXTCP-G00")  # noqa: PT017 - either is right


@given(st.from_regex(r"(https|ssh|file|ext)?:?:?/?/?[a-z@:$ -]{0,12}/[a-z]{1,3}", fullmatch=True))
def test_what_passes_can_be_no_option_and_no_program(text: str) -> None:
    try:
        url = parse_url(text)
    except ExtcpError:
        return
    assert not url.startswith("-")
    assert "::" not in url.partition("/")[0]
    assert "$" not in url
    assert "://-" not in url
    assert "@-" not in url


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "[::1]", "::1"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["example.com", "localhost.example.com", "192.0.2.1", "[::2]", ""])
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "name", ["main", "feature/add-1", "v1.29.1", "origin/main", "refs/heads/main", "1e3", "ä"]
)
def test_names_of_refs(name: str) -> None:
    assert check_ref_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "@",
        "-x",
        "--upload-pack=x",
        "a b",
        "a\nb",
        "a\x7fb",
        "a..b",
        "a~b",
        "a^b",
        "a:b",
        "a?b",
        "a*b",
        "a[b",
        "a\\b",
        "a@{1}",
        "a//b",
        "/a",
        "a/",
        "a.",
        ".a",
        "a/.b",
        "a.lock",
        "a.lock/b",
        "x" * 251,
        "a\u202eb",
    ],
)
def test_names_that_no_ref_can_have(name: str) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-G004"):
        check_ref_name(name)


@given(st.text(alphabet="ab./-~^:?*[\\@{} \t\x7flock", max_size=12))
def test_a_name_that_passes_is_one_that_git_takes(name: str) -> None:
    try:
        check_branch_name(name)
    except ExtcpError:
        return
    subprocess.run(["git", "check-ref-format", "--branch", name], check=True, capture_output=True)


def test_no_branch_is_named_head() -> None:
    with pytest.raises(ExtcpError, match="EXTCP-G004"):
        check_branch_name("HEAD")


@pytest.mark.parametrize("text", ["HEAD", "HEAD~1", "main^", "main^2~3", "v1.0", "0123abc"])
def test_revisions(text: str) -> None:
    assert check_revision(text) == text


@pytest.mark.parametrize(
    "text", ["~1", "^main", "main^{tree}", "main:path", "a..b", "@{u}", "HEAD~x", "--all"]
)
def test_what_is_no_revision(text: str) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-G004"):
        check_revision(text)
