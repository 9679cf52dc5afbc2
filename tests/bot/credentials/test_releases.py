from __future__ import annotations

import re

import pytest

from extcp_bot.credentials.releases import FAULTS, faults


@pytest.mark.parametrize(
    ("release", "issues"),
    [
        ("1.28.3", []),
        ("1.29.0", ["istio#59875"]),
        ("1.29.2", ["istio#59875"]),
        ("1.29.3", ["istio#60520"]),
        ("1.29.4", ["istio#60520"]),
        ("1.29.5", []),
        ("1.30.0", ["istio#60612", "istio#61043", "istio#60920"]),
        ("1.30.3", ["istio#61043", "istio#60920"]),
        ("1.30.4", []),
        ("1.31.0", []),
    ],
)
def test_known_faults(release: str, issues: list[str]) -> None:
    assert [each.issue for each in faults([release])] == issues


def test_several_releases_have_the_faults_of_each() -> None:
    assert len(faults(["1.29.0", "1.30.3"])) == 3


@pytest.mark.parametrize("text", ["", "latest", "1", "main-abcdef"])
def test_what_is_no_release_has_no_known_fault(text: str) -> None:
    assert faults([text]) == ()


def test_a_fault_says_where_it_was_reported_and_repaired() -> None:
    for each in FAULTS:
        assert re.fullmatch(r"istio#\d+", each.issue)
        assert each.repaired in str(each)
        assert each.issue in str(each)
