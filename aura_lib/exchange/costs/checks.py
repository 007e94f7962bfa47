"""What a figure of a cost model may be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from aura_lib.core import InputError


def not_negative(model: Any, *names: str) -> None:
    """Raise InputError, by its name, for a figure that is no finite Decimal of zero or more."""
    for name in names:
        finite(model, name)
        if (value := getattr(model, name)) < 0:
            raise InputError(f"{name} must be a Decimal of zero or more, not {value!r}")


def finite(model: Any, *names: str) -> None:
    """Raise InputError, by its name, for a figure that is no finite Decimal."""
    for name in names:
        value = getattr(model, name)
        if not isinstance(value, Decimal) or not value.is_finite():
            raise InputError(f"{name} must be a finite Decimal, of zero or more where it is a cost, not {value!r}")
