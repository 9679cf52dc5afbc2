"""Kubernetes quantities such as ``500m`` and ``2Gi`` as numbers."""

from __future__ import annotations

import math
from decimal import Decimal

_SUFFIXES = {
    "m": Decimal("0.001"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
}


def number(quantity: str) -> Decimal:
    """The value of a quantity in its base unit: cores or bytes."""
    for length in (2, 1):
        if (factor := _SUFFIXES.get(quantity[-length:])) is not None:
            return Decimal(quantity[:-length]) * factor
    return Decimal(quantity)


def in_units(quantity: str, divisor: str) -> str:
    """How many of ``divisor`` a quantity is, rounded up, as the downward API says it."""
    unit = number(divisor) if divisor not in {"", "0"} else Decimal(1)
    return str(math.ceil(number(quantity) / unit))
