from __future__ import annotations

import pytest

from extcp_bot.live import versions
from extcp_bot.live.versions import Version


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("docker.io/istio/pilot:1.29.1", (1, 29, 1)),
        ("istio/pilot:1.29.1-distroless", (1, 29, 1)),
        ("registry.example.com:5000/istio/pilot:1.29-alpha.0", (1, 29, 0)),
        ("pilot:1.29.1@sha256:0123", (1, 29, 1)),
        ("pilot:latest", None),
        ("pilot@sha256:0123", None),
        ("registry.example.com:5000/istio/pilot", None),
        ("pilot:" + "1" * 9999, None),
        ("", None),
    ],
)
def test_the_version_in_a_tag(image: str, expected: tuple[int, int, int] | None) -> None:
    found = versions.of_image(image)
    assert (found and (found.major, found.minor, found.patch)) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("1.27.9", "1.29.0", 2), ("1.29.0", "1.29.5", 0), ("1.30.0", "1.29.0", -1)],
)
def test_how_far_two_versions_are_apart(one: str, other: str, expected: int) -> None:
    first, second = Version.parse(one), Version.parse(other)
    assert first is not None
    assert second is not None
    assert first.minors_before(second) == expected


def test_major_releases_are_far_apart() -> None:
    first, second = Version.parse("1.29.0"), Version.parse("2.0.0")
    assert first is not None
    assert second is not None
    assert first.minors_before(second) > 100 > -100 > second.minors_before(first)


def test_versions_are_equal_whatever_follows_their_numbers() -> None:
    assert Version.parse("v1.36.3+k3s1") == Version.parse("1.36.3")
