from __future__ import annotations

import pytest

from extcp_bot.access.argocd import Entry
from extcp_bot.candidates import wishes
from extcp_bot.candidates.wishes import Wishes
from extcp_gitops.inventory.model import Gateways


def entry(labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None) -> Entry:
    return Entry("Secret argocd/one", "one", "https://one", "{}", labels or {}, annotations or {})


def test_what_is_not_said_is_none() -> None:
    assert wishes.of(entry()) == Wishes()


def test_labels_and_annotations_count_the_same() -> None:
    found = wishes.of(
        entry(
            {wishes.NETWORK: "eu", wishes.CONTROL_PLANE: "payments"},
            {wishes.GATEWAYS: "ingress, east-west", wishes.NAME: "payments-eu"},
        )
    )
    gateways = Gateways(ingress=True, east_west=True)
    assert found == Wishes("payments-eu", "eu", "payments", gateways)


@pytest.mark.parametrize("said", ["east-west.egress", "egress,east-west", " egress  east-west "])
def test_gateways_are_separated_as_a_label_or_an_annotation_can_hold_it(said: str) -> None:
    found = wishes.of(entry(annotations={wishes.GATEWAYS: said}))
    assert found.gateways == Gateways(egress=True, east_west=True)
    assert not found.problems


def test_no_gateways_are_wanted_where_the_value_is_empty() -> None:
    assert wishes.of(entry({wishes.GATEWAYS: ""})).gateways == Gateways()


def test_an_unknown_gateway_is_a_problem_and_no_guess() -> None:
    found = wishes.of(entry({wishes.GATEWAYS: "eastwest.ingress"}))
    assert found.problems == (
        "extcp-gitops.io/gateways names 'eastwest'; known are 'ingress', 'egress', 'east-west'",
    )


def test_a_label_and_an_annotation_that_disagree_are_a_problem() -> None:
    found = wishes.of(entry({wishes.NETWORK: "eu"}, {wishes.NETWORK: "us"}))
    assert found.problems == (
        "the label extcp-gitops.io/network says 'eu', the annotation another thing",
    )


def test_hostile_values_are_harmless_in_problems() -> None:
    found = wishes.of(entry(annotations={wishes.GATEWAYS: "a\x1b[31m\n@everyone"}))
    assert "\x1b" not in found.problems[0]
    assert "\n" not in found.problems[0]
