from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_gitops.inventory import names


@pytest.mark.parametrize(
    "name",
    ["remote-cluster-1", "1e3", "0o17", "null", "y", "0", "team/blue", "a/b/c", "x" * 63],
)
def test_names_that_work(name: str) -> None:
    assert names.cluster_name_problem(name) is None
    slug = name.replace("/", names.SLASH)
    assert names.cluster_name_of_directory(slug) == name


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            ".",
            "..",
            "../x",
            "/etc",
            "a/../../b",
            "%2e%2e/",
            ".git",
            ".GIT",
            "a//b",
            "/a",
            "a/",
        ),
        *("con", "nul", "com1", "a.", "a ", " a", "a\n", "x" * 64, "x" * 300, "Remote", "-a", "a-"),
        *(
            "t\u0435am",
            "ﬁ",
            "a_b",
            "a--slash--b",
            "a:b",
            "a\\b",
            "a\x00",
            "{{7*7}}",
            "x\nkind: Evil",
        ),
        "/".join(["aaaaaaaaaa"] * 5),
    ],
)
def test_names_that_are_refused(name: str) -> None:
    assert names.cluster_name_problem(name)


@given(st.text())
def test_a_name_is_one_directory_and_comes_back(name: str) -> None:
    if names.cluster_name_problem(name) is None:
        slug = name.replace("/", names.SLASH)
        assert re.fullmatch(r"[a-z0-9-]{1,63}", slug)
        assert names.cluster_name_of_directory(slug) == name


@pytest.mark.parametrize(
    "name",
    ["kube-system", "default", "istio-system", "argocd", "A", "", "crds", "1e3", "null", "y", "0"],
)
def test_namespaces_of_others(name: str) -> None:
    assert names.namespace_problem(name, {"argocd"})


def test_the_next_free_name() -> None:
    assert names.next_cluster_name([]) == "remote-cluster-1"
    taken = ["remote-cluster-1", "remote-cluster-3", "other"]
    assert names.next_cluster_name(taken) == "remote-cluster-2"
