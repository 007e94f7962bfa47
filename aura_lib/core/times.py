"""Moments: everything inside Aura is timezone-aware UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

from aura_lib.core.errors import InputError


def utc(moment: Any, name: str = "time") -> datetime:
    """A timezone-aware moment (datetime, Timestamp or ISO string) as a UTC `datetime`.

    A moment without a zone is refused: it could mean exchange time or UTC, and the two differ by hours.
    """
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise InputError(f"{name}={moment!r} is not an ISO 8601 time such as '2021-11-30T21:00:00+00:00'") from None
    if not isinstance(moment, datetime) or moment != moment:
        raise InputError(f"{name} must be a datetime with a time zone, not {moment!r}")
    if moment.tzinfo is None:
        raise InputError(f"{name}={moment.isoformat()} has no time zone: add one, for instance '+00:00'")
    to_plain = getattr(moment, "to_pydatetime", None)
    plain: datetime = to_plain(warn=False) if to_plain else moment
    return plain.astimezone(UTC)


def day_or_moment(when: Any, name: str) -> date | datetime:
    """A date ("2021-11-30" or a `date`) as a date, anything else as a UTC moment."""
    if isinstance(when, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", when.strip()):
        try:
            return date.fromisoformat(when.strip())
        except ValueError as error:
            raise InputError(f"{name}={when!r}: {error}") from None
    return when if isinstance(when, date) and not isinstance(when, datetime) else utc(when, name)


def iso(moment: datetime) -> str:
    """The one text form of a moment: ISO 8601, UTC, microseconds, `Z`. Text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
