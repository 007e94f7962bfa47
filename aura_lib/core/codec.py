"""One way to turn nouns into JSON and back, and one canonical form to hash."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from aura_lib.core.errors import InputError
from aura_lib.core.times import iso

T = TypeVar("T")


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def prepare(*kinds: type) -> None:
    """Make ready what `encode` and `decode` need for these nouns: a tenth of a second, once a process."""
    for kind in kinds:
        _adapter(kind)


def encode(noun: Any) -> Any:
    """A noun as plain JSON values: Decimal as text, times as UTC ISO text."""
    kind: Any = type(noun)
    return _adapter(kind).dump_python(noun, mode="json", fallback=dict, warnings=False)


def decode(kind: type[T], data: Any) -> T:
    """The noun of type `kind` that `encode` wrote.

    Raises InputError naming every field that does not fit.
    """
    from pydantic import ValidationError

    try:
        wanted: Any = kind
        return _adapter(wanted).validate_python(data)  # type: ignore[no-any-return]
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or kind.__name__}: {e['msg']}" for e in error.errors())
        raise InputError(f"this is not a {kind.__name__}: {problems}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return iso(value)
    raise InputError(f"{value!r} ({type(value).__name__}) has no canonical form: use JSON values, Decimal or datetime")


_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain
).encode


def canonical(value: Any) -> str:
    """The one text of a value: sorted keys, no spaces, Decimal as text, UTC times, no NaN."""
    try:
        return _CANONICAL(value)
    except ValueError as error:
        raise InputError(f"no canonical form: {error}") from None


def digest(value: Any) -> str:
    """SHA-256 (hex) of a value's canonical text, or of bytes as they are."""
    data = value if isinstance(value, bytes) else canonical(value).encode()
    return hashlib.sha256(data).hexdigest()
