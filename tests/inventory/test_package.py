"""What the forge's CI may install: this tool, of one content, by text that nothing obeys."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_gitops.errors import ExtcpError
from extcp_gitops.inventory import package
from extcp_gitops.inventory.load import load
from tests import meshes

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "0123456789abcdef" * 4
WHEEL = "https://git.example.com/files/extcp_gitops-0.1.0-py3-none-any.whl"
GIT = f"extcp-gitops @ git+https://git.example.com/platform/extcp-gitops@{COMMIT}"


@pytest.mark.parametrize(
    "text",
    [
        "extcp-gitops==0.1.0",
        "extcp-gitops==1.0rc1",
        "extcp-gitops==1.0.post2.dev3+local.4",
        GIT,
        f"extcp-gitops @ git+https://git.example.com:8443/a/b/extcp-gitops.git@{COMMIT}",
        f"{WHEEL}#sha256={DIGEST}",
        f"extcp-gitops @ {WHEEL}#sha256={DIGEST}",
        f"{WHEEL.replace('files', 'api/v4/projects/a%2Fb/packages')}#sha256={DIGEST}",
    ],
)
def test_what_may_be_installed(text: str) -> None:
    assert package.check(text) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        (f"extcp-gitops=={'1' * 300}", "has more than 300 characters"),
        ("extcp-gitops", "is no exact version"),
        ("extcp-gitops>=0.1.0", "holds a character"),
        ("extcp-gitops==0.*", "holds a character"),
        ("extcp-gitops==", "is no exact version"),
        ("other==0.1.0", "is no exact version"),
        ("extcp-gitops-evil==0.1.0", "is no exact version"),
        ("extcp-gitops[all]==0.1.0", "holds a character"),
        ("extcp-gitops==0.1.0 other==1", "is no exact version"),
        ("--index-url=https://example.com/", "is no exact version"),
        ("extcp-gitops==0.1.0\n", "holds a character"),
        ("extcp-gitops==0.1.0\x00", "holds a character"),
        ("extcp-gitops==${{ github.token }}", "holds a character"),
        ("extcp-gitops==$VERSION", "holds a character"),
        ('extcp-gitops=="0.1.0"', "holds a character"),
        ("extcp-gitops==0.1.0'", "holds a character"),
        ("extcp-gitops==0.1.0\\", "holds a character"),
        ("extcp-gitops==`id`", "holds a character"),
        ("extcp-gitops==0.1.0; id", "holds a character"),
        ("extcp-gitops==0.1.0é", "holds a character"),
        (GIT.replace("https", "ssh"), "has a URL that is not https"),
        (GIT.replace("git+https", "git+file"), "has a URL that is not https"),
        (GIT.replace("git.example", "me:canary@git.example"), "has a URL with a credential"),
        (GIT.replace("git.example", "canary@git.example"), "has a URL with a credential"),
        (GIT.removesuffix(COMMIT) + "main", "names no commit"),
        (GIT[:-1], "names no commit"),
        (GIT + "#egg=other", "names no commit"),
        (GIT.removeprefix("extcp-gitops @ "), "does not say that the repository holds"),
        (GIT.replace("extcp-gitops @", "other @"), "is no exact version"),
        (WHEEL, "names no wheel"),
        (f"{WHEEL}#sha256={DIGEST[:-1]}", "names no wheel"),
        (f"{WHEEL}#md5={DIGEST[:32]}", "names no wheel"),
        (f"{WHEEL.replace('https', 'http')}#sha256={DIGEST}", "has a URL that is not https"),
        (f"{WHEEL.replace('extcp_gitops', 'other')}#sha256={DIGEST}", "names no wheel"),
        (f"{WHEEL.replace('.whl', '.tar.gz')}#sha256={DIGEST}", "names no wheel"),
        (f"{WHEEL.replace('files', '%0a')}#sha256={DIGEST}", "names no wheel"),
        (f"{WHEEL.replace('files', '%7F')}#sha256={DIGEST}", "names no wheel"),
        (f"{WHEEL.replace('.example.com', '..example.com')}#sha256={DIGEST}", "names no wheel"),
    ],
)
def test_what_may_not(text: str, why: str) -> None:
    with pytest.raises(ExtcpError) as caught:
        package.check(text)
    (finding,) = caught.value.findings
    assert finding.code == "EXTCP-I048"
    assert finding.message.startswith(f"repository.package {why}")
    assert finding.remedy.startswith("write extcp-gitops==VERSION")
    assert "canary" not in finding.message


_ODD = "extcp-gitops==0.1@ git+https:/h#\n $'\"\\`;{}%-_\x00\x1b"


@given(st.text(st.sampled_from(_ODD), max_size=40))
def test_nothing_that_a_shell_yaml_or_a_forge_obeys_gets_through(more: str) -> None:
    for text in (more, f"extcp-gitops=={more}", f"extcp-gitops @ {more}", f"{GIT}{more}"):
        try:
            found = package.check(text)
        except ExtcpError:
            continue
        assert found == text
        assert re.fullmatch(r"(extcp-gitops|https://)[A-Za-z0-9._~+%=@:/#-]*( @ \S+)?", text)


def test_it_is_told_with_its_place() -> None:
    url = "  url: https://git.example.com/platform/mesh.git\n"
    for value, code in (("extcp-gitops", "EXTCP-I048"), ("x" * 301, "EXTCP-I004")):
        text = meshes.replaced(meshes.MESH, url, f"{url}  package: {value}\n")
        with pytest.raises(ExtcpError) as caught:
            load(meshes.mesh({"mesh.yaml": text}))
        finding = caught.value.findings[0]
        assert (finding.location, finding.code) == ("mesh.yaml:7:12", code)


def test_it_is_in_the_inventory() -> None:
    url = "  url: https://git.example.com/platform/mesh.git\n"
    text = meshes.replaced(meshes.MESH, url, f"{url}  package: {GIT}\n")
    assert load(meshes.mesh({"mesh.yaml": text})).inventory.mesh.repository.package == GIT
    assert load(meshes.mesh()).inventory.mesh.repository.package is None
