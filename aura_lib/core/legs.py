"""Packages: two to four option contracts that trade together at one net price, and the most that options can lose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from math import gcd

from aura_lib.core.drafts import direct
from aura_lib.core.errors import InputError
from aura_lib.core.instrument import AssetClass, Instrument, Right

ZERO, ONE = Decimal(0), Decimal(1)
FEWEST, MOST = 2, 4
PENNY = Decimal("0.01")


@direct
class Side(StrEnum):
    """Buy or sell."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, −1 for a sell."""
        return 1 if self is Side.BUY else -1


@dataclass(frozen=True, slots=True)
class Leg:
    """One contract of a package: which, which way, and how many of it there are in one package."""

    instrument: Instrument
    side: Side
    ratio: int = 1

    @property
    def signed(self) -> int:
        """Contracts in one package with their sign: negative where they are sold."""
        return self.ratio * self.side.sign


def package(legs: Sequence[Leg]) -> Instrument:
    """What a package is called and what it is: an instrument that only an order has, never a holding.

    The same legs in another order are the same package. Its multiplier and currency are those of the contracts, its
    expiry is the first of theirs, its prices are net of all legs: positive for a debit. Raises InputError for fewer
    than two or more than four legs, what is no option, one contract twice, several underlyings, and ratios that are no
    whole numbers in lowest terms.

    Example:
        >>> from aura_lib.core.instrument import option_of
        >>> low, high = (option_of(f"SPY260320C00{strike}000") for strike in (500, 510))
        >>> package([Leg(low, Side.BUY), Leg(high, Side.SELL)]).symbol
        'SPY +1 2026-03-20 C500 -1 2026-03-20 C510'
    """
    if not FEWEST <= len(legs) <= MOST:
        raise InputError(f"a package has {FEWEST} to {MOST} legs, not {len(legs)}; one contract is an order of its own")
    for leg in legs:
        if leg.instrument.asset_class is not AssetClass.OPTION:
            raise InputError(f"a leg of a package is an option, and {leg.instrument.symbol} is none")
        if isinstance(leg.ratio, bool) or not isinstance(leg.ratio, int) or leg.ratio < 1:
            raise InputError(f"{leg.instrument.symbol}: the ratio of a leg is a positive whole number, not {leg.ratio}")
    _check_together([leg.instrument for leg in legs])
    if (common := gcd(*(leg.ratio for leg in legs))) > 1:
        ratios = ":".join(str(leg.ratio) for leg in legs)
        lowest = ":".join(str(leg.ratio // common) for leg in legs)
        raise InputError(f"the ratios {ratios} are not in lowest terms: give {lowest}, and {common} times the quantity")
    first = legs[0].instrument
    words = [f"{leg.signed:+d} {leg.instrument.expiry} {_strike(leg.instrument)}" for leg in sorted(legs, key=_place)]
    return Instrument(
        " ".join([str(first.underlying), *words]), AssetClass.PACKAGE, first.currency, first.venue, tick=PENNY,
        multiplier=first.multiplier, underlying=first.underlying,
        expiry=min(leg.instrument.expiry for leg in legs if leg.instrument.expiry),
    )  # fmt: skip


def _check_together(contracts: Sequence[Instrument]) -> None:
    for name in ("underlying", "currency", "multiplier"):
        if len(found := {str(getattr(contract, name)) for contract in contracts}) > 1:
            raise InputError(f"the legs of a package have one {name}, not {', '.join(sorted(found))}")
    terms = [(c.expiry, c.strike, c.right) for c in contracts]
    if len({c.symbol for c in contracts}) < len(contracts) or len(set(terms)) < len(terms):
        raise InputError(f"a package has each contract once: {', '.join(c.symbol for c in contracts)}")


def _place(leg: Leg) -> tuple[date | None, Decimal | None, str]:
    contract = leg.instrument
    return contract.expiry, contract.strike, str(contract.right)


def _strike(contract: Instrument) -> str:
    assert contract.strike is not None and contract.right is not None
    strike = f"{contract.strike:f}"
    return contract.right.value[0].upper() + (strike.rstrip("0").rstrip(".") if "." in strike else strike)


# ---- what options can lose -------------------------------------------------------------------------------------------
def worst_case(contracts: Mapping[Instrument, Decimal]) -> Decimal | None:
    """The most that options can cost at expiry, in money, premiums apart; None when there is no most.

    `contracts` are signed holdings; those of different underlyings lose apart. A written option is covered by bought
    ones of its underlying that live at least as long as the last written one there: what expires before may cover
    nothing. Where written options expire on different days, calls and puts may each meet their own worst price. The
    payoff is a straight line between strikes, so that its least is at a strike, at nothing, or beyond them all.
    """
    total = ZERO
    for book in _apart(contracts):
        loss = _most_lost(book)
        if loss is None:
            return None
        total += loss
    return total


def _apart(contracts: Mapping[Instrument, Decimal]) -> Iterable[Mapping[Instrument, Decimal]]:
    """The holdings that share their worst moment: by underlying, and by right where the written ones end apart."""
    families: dict[tuple[str, str], dict[Instrument, Decimal]] = {}
    for contract, quantity in contracts.items():
        if quantity:
            families.setdefault((str(contract.underlying), contract.currency), {})[contract] = quantity
    for family in families.values():
        ends = {contract.expiry for contract, quantity in family.items() if quantity < 0}
        if len(ends) < 2:
            yield family
            continue
        for right in Right:
            yield {contract: quantity for contract, quantity in family.items() if contract.right is right}


def _most_lost(family: Mapping[Instrument, Decimal]) -> Decimal | None:
    ends = [contract.expiry for contract, quantity in family.items() if quantity < 0 and contract.expiry]
    if not ends:
        return ZERO
    there = {c: q for c, q in family.items() if q < 0 or (c.expiry is not None and c.expiry >= max(ends))}
    if sum(q * c.multiplier for c, q in there.items() if c.right is Right.CALL) < 0:
        return None  # every cent that the underlying rises costs more
    strikes = {ZERO, *(c.strike for c in there if c.strike is not None)}
    return max(ZERO, -min(payoff(there, spot) for spot in strikes))


def payoff(contracts: Mapping[Instrument, Decimal], spot: Decimal) -> Decimal:
    """What options are worth in money when all are exercised at a price of their underlying; negative: they cost."""
    total = ZERO
    for contract, quantity in contracts.items():
        assert contract.strike is not None
        inside = spot - contract.strike if contract.right is Right.CALL else contract.strike - spot
        if inside > 0:
            total += quantity * inside * contract.multiplier
    return total
