from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_gitops.errors import ExtcpError
from extcp_gitops.write import paths


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "a//b",
        "a/",
        ".",
        "./a",
        "../a",
        "a/../../b",
        "a/..",
        ".git/config",
        ".GIT/hooks/post-checkout",
        "clusters/a/.Git/config",
        ".git./config",
        ".git /config",
        "a\\..\\b",
        "a\nb",
        "a\0b",
        "a\x7fb",
        "a\x1b[0mb",
        "clusters/caf\u00e9/x",
        ".g\u200cit/config",
        "a\u202eb",
        "\ud800",
    ],
)
def test_unsafe_paths_are_refused_by_name_and_harmlessly(path: str) -> None:
    with pytest.raises(ExtcpError) as caught:
        paths.check(["README.md", path])
    (finding,) = caught.value.findings
    assert finding.code == "EXTCP-W001"
    assert finding.message.isascii()
    assert finding.message.isprintable()


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        ".gitattributes",
        ".github/workflows/mesh.yaml",
        "clusters/a--slash--b/cluster.yaml",
        "istio/1.29.1/x..y/a b",
        "%2e%2e/a",
    ],
)
def test_plain_paths_pass(path: str) -> None:
    paths.check([path])
    paths.check_collisions([path, "mesh.yaml"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("README.md", "readme.md"),
        ("clusters/A/x", "clusters/a/y"),
        ("istio/1/a/B/c", "istio/1/a/b/d"),
        ("argocd", "argocd/project.yaml"),
        ("clusters/a", "clusters/a/b/c"),
        ("clusters/A", "clusters/a/b"),
    ],
)
def test_paths_that_cannot_stand_side_by_side_are_refused(one: str, other: str) -> None:
    for both in ([one, other], [other, one]):
        with pytest.raises(ExtcpError) as caught:
            paths.check_collisions([*both, "mesh.yaml"])
        assert {finding.code for finding in caught.value.findings} == {"EXTCP-W002"}
        assert {finding.file for finding in caught.value.findings} <= {one, other}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("clusters/a/kustomization.yaml", True),
        ("clusters/custom/kustomization.yaml", True),
        ("istio/1.29.1/custom/kustomization.yaml", True),
        (".extcp-gitops/mesh.schema.json", True),
        ("README.md", True),
        ("README.md.orig", False),
        ("clusters/a/custom/kustomization.yaml", False),
        ("clusters/a/custom/deep/x.yaml", False),
        (".github/CODEOWNERS", False),
        ("mesh.yaml", False),
        ("docs/x.md", False),
        ("istio/.git/config", False),
    ],
)
def test_generated_files_have_their_places(path: str, *, expected: bool) -> None:
    assert paths.is_generated_place(path) is expected


@given(st.lists(st.sampled_from(["a", "b", "A", "c.d"]), min_size=1, max_size=4).map("/".join))
def test_parents_are_all_directories_above(path: str) -> None:
    above = list(paths.parents(path))
    assert len(above) == path.count("/")
    assert all(path.startswith(f"{directory}/") for directory in above)
    assert above == sorted(above, key=len)
