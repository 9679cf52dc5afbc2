"""Label selectors, as an API server evaluates those of a webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_bot.live import fields

if TYPE_CHECKING:
    from collections.abc import Mapping


def selects(selector: object, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector (``matchLabels`` and ``matchExpressions``) takes these labels.

    Args:
        selector: As it stands in an object; one that says nothing takes everything.
        labels: Of a namespace or of a Pod.
    """
    wanted = fields.mapping(fields.at(selector, "matchLabels"))
    expressions = fields.items(fields.at(selector, "matchExpressions"))
    return all(labels.get(name) == value for name, value in wanted.items()) and all(
        _holds(expression, labels) for expression in expressions
    )


def _holds(expression: Mapping[str, object], labels: Mapping[str, str]) -> bool:
    label = labels.get(fields.string(expression.get("key")))
    values = fields.strings(expression.get("values"))
    match expression.get("operator"):
        case "In":
            return label in values
        case "NotIn":  # takes what has no such label, too
            return label not in values
        case "Exists":
            return label is not None
        case "DoesNotExist":
            return label is None
    return False  # no API server has stored such a selector
