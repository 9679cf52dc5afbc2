from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.bot.commands.acting import Acting


def test_a_cluster_that_nobody_reaches_is_not_proposed(acting: Acting) -> None:
    assert acting("propose", "payments-eu", "--pause", "0") == 1
    assert "payments-eu (addition): unhealthy: EXTCP-P01" in acting.out
    assert acting.desk.pulls() == []


def test_contexts_of_clusters_that_are_no_members_yet_are_theirs(acting: Acting) -> None:
    more = ("--context", "payments-eu=admin@payments", "--ingress")
    assert acting("propose", "payments-eu", *more, "--pause", "0") == 1
    assert "no context 'admin@payments'" in acting.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["remote-cluster-1"], "EXTCP-I013"),
        (["No/Name/"], "EXTCP-I012"),
        (["--remove", "remote-cluster-1"], "EXTCP-I030"),
        (["--remove", "remote-cluster-9"], "EXTCP-I015"),
        (["--pin-root", "istiod-b"], "EXTCP-I017"),
    ],
)
def test_what_the_inventory_does_not_take_is_an_error(
    acting: Acting, arguments: list[str], words: str
) -> None:
    assert acting("propose", *arguments) == 1
    assert words in acting.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Name a cluster"),
        (["a", "b", "--server", "https://192.0.2.1"], "--server is for one cluster"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(
    acting: Acting, arguments: list[str], words: str
) -> None:
    assert acting("propose", *arguments) == 2
    assert words in acting.err
