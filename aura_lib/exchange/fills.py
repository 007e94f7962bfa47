"""At which price of a bar a market order fills, and how much of the volume one account may take."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, get_args

from aura_lib.core import InputError

At = Literal["close", "open", "vwap"]


@dataclass(frozen=True, slots=True)
class FillModel:
    """How a simulated venue fills in bars.

    `at` says where a market order accepted before a bar fills in it: at its "open", its "close", or its typical price
    (H + L + C) / 3, the usual stand-in for the volume-weighted average ("vwap"). `volume_share` is the part of a bar's
    volume that all orders in a symbol may take together (0.1 is a tenth, rounded down to lots); what is left of them
    goes on in later bars. None: any amount; and so where a bar does not tell its volume.

    Raises InputError for another `at`, or a share that is not above 0 and at most 1.
    """

    at: At = "close"
    volume_share: Decimal | None = None

    def __post_init__(self) -> None:
        if self.at not in get_args(At):
            raise InputError(f"at must be one of {', '.join(get_args(At))}, not {self.at!r}")
        share = self.volume_share
        if share is not None and not (isinstance(share, Decimal) and share.is_finite() and 0 < share <= 1):
            raise InputError(f"volume_share must be a Decimal above 0 and at most 1, not {share!r}")
