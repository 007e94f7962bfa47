"""The compiled form of plan, limits and exchange for a long cash account: the same rules, in floats, or no answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

NEAR, OF_ITSELF = 1e-8, 1e-13  # lots this near to a whole number are counted in Decimal only
CENT = 1e-6  # and so are amounts of money this near to each other
ROOM = 1 - 1e-9  # under a limit
NO_ANSWER = (-1, 0, 0, 0)


@njit(cache=True, nogil=True)
def _fee(value, commission, minimum):  # type: ignore[no-untyped-def]
    """The commission on a value, rounded as the exchange does."""
    return np.rint(max(minimum, value * commission) * 1e4) / 1e4


@njit(cache=True, nogil=True)
def _cost(lots, one, commission, minimum):  # type: ignore[no-untyped-def]
    """What so many lots cost to buy."""
    return lots * one + _fee(lots * one, commission, minimum)


@njit(cache=True, nogil=True)
def _payable(wanted, one, commission, minimum, cash):  # type: ignore[no-untyped-def]
    """The most lots that cash pays for; −1 where that is a matter of less than a millionth."""
    lots = min(wanted, np.floor(cash / one) + 1)
    while lots > 0 and _cost(lots, one, commission, minimum) > cash + CENT:
        lots -= 1
    return -1.0 if lots > 0 and _cost(lots, one, commission, minimum) > cash - CENT else lots


@njit(cache=True, nogil=True)
def fill_all(kind, rows, wishes, close, places, multiplier, lot, banned, settings, out):  # type: ignore[no-untyped-def]
    """Play a table; fills go to the columns of `out` (row, symbol, units, price, fee, reference).

    Returns the numbers of fills, orders, orders left open and orders that expired; a negative one: no answer.
    """
    capital, buffer, least, max_weight, commission, minimum, slippage = settings[:7]
    max_orders, max_order, max_position, max_gross = settings[7:]
    bars, symbols = len(close), len(places)
    units, unit, change = np.zeros(symbols), np.ones(symbols), np.zeros(symbols)
    cash, fills, orders, still_open, expired = capital, 0, 0, 0, 0
    for n in range(len(rows)):
        row = rows[n]
        equity, sum_of_weights = cash, 0.0
        for s in range(symbols):
            unit[s] = close[row, places[s]] * multiplier[s]
            if units[s] > 0:
                if not unit[s] > 0:
                    return NO_ANSWER
                equity += units[s] * unit[s]
        legs, spent, planned, value_after, biggest, biggest_after = 0, 0.0, 0.0, 0.0, 0.0, 0.0
        for s in range(symbols):
            wish, change[s] = wishes[n, s], 0.0
            if kind == 3 and wish > 0 and units[s] > 0:
                wish = np.nan
            if kind == 2:
                change[s] = wish
            elif wish == wish and (wish != 0 or units[s] > 0):
                digits = wish * 1e8
                if not unit[s] > 0 or wish < 0 or wish > max_weight or abs(digits - np.floor(digits) - 0.5) < 1e-4:
                    return NO_ANSWER
                sum_of_weights += wish
                lots = np.rint(digits) / 1e8 * equity * (1 - buffer) / unit[s] / lot[s]
                if wish > 0 and abs(lots - np.rint(lots)) < NEAR + OF_ITSELF * lots:
                    return NO_ANSWER
                wanted = np.floor(lots) * lot[s]
                moved = np.rint((wanted - units[s]) / lot[s]) * lot[s]
                value = abs(moved) * unit[s]
                if moved != 0 and abs(value - least) < CENT:
                    return NO_ANSWER
                if moved != 0 and (value > least or wanted == 0) and not (moved > 0 and banned[s]):
                    change[s] = moved
            after = units[s] + change[s]
            if change[s] != 0:
                if not unit[s] > 0 or after < 0 or (change[s] > 0 and banned[s]):
                    return NO_ANSWER
                legs += 1
                sign = 1.0 if change[s] > 0 else -1.0
                at = np.rint(unit[s] / multiplier[s] * (1 + sign * slippage) * 1e6) / 1e6 * multiplier[s]
                traded = abs(change[s]) * at
                spent += sign * traded + _fee(traded, commission, minimum)
                planned += change[s] * unit[s]
                if change[s] > 0:
                    biggest = max(biggest, change[s] * unit[s])
                    biggest_after = max(biggest_after, after * unit[s])
            if after > 0:
                value_after += after * unit[s]
        if legs == 0:
            continue
        room = equity * ROOM
        if (
            sum_of_weights > 1 + CENT / 2 or legs > max_orders or spent > cash - CENT or planned > cash - CENT
            or biggest > max_order * room or biggest_after > max_position * room
            or (biggest > 0 and value_after > max_gross * room)
        ):  # fmt: skip
            return NO_ANSWER
        orders += legs
        if row + 1 == bars:
            still_open += legs
            continue
        for side in (-1.0, 1.0):  # sells first
            for s in range(symbols):
                if change[s] * side <= 0:
                    continue
                reference = close[row + 1, places[s]]
                if reference != reference:  # without a price in its session an order expires
                    expired += 1
                    continue
                price = np.rint(reference * (1 + side * slippage) * 1e6) / 1e6
                one, wanted = price * multiplier[s] * lot[s], np.rint(abs(change[s]) / lot[s])
                done = wanted
                if side > 0 and _cost(wanted, one, commission, minimum) > cash - CENT:
                    done = _payable(wanted, one, commission, minimum, cash)
                    if done < 0:
                        return NO_ANSWER
                    expired += 1
                if done == 0:
                    continue
                fee = _fee(done * one, commission, minimum)
                if side < 0 and cash + done * one - fee < CENT:
                    return NO_ANSWER
                cash -= side * done * one + fee
                units[s] += side * done * lot[s]
                out[0, fills], out[1, fills], out[2, fills] = row + 1, s, side * done * lot[s]
                out[3, fills], out[4, fills], out[5, fills] = price, fee, reference
                fills += 1
    return fills, orders, still_open, expired
