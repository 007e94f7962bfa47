"""The fused kernel of a rule, written as Python source: step → trade → equity → metrics, combinations in lanes.

Sixty-four combinations walk through the bars side by side: for every bar one loop over the lanes that gathers their
features, one that asks the step, one that trades and measures. All numbers of a block stand in one small array, row by
row (`W[row * 64 + lane]`), which stays in the first cache and which the compiler turns into vector instructions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from aura_lib.backtest.sweep.metrics import METRICS, needed
from aura_lib.backtest.sweep.rule import PRICES

if TYPE_CHECKING:
    from aura_lib.backtest.sweep.rule import Rule

LANES = 64
FILLS = ("next close", "next open", "same close")
ONES = ("growth", "worst", "peak", "trough", "under")  # they begin at one, all other sums at zero
ARGUMENTS = (
    "prices, ratio, after, live, table, columns, parameters, bounds, first, members, sizes, year, costs, limit, "
    "out, bad"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a kernel is specialised for: nothing here is a number of the data."""

    metrics: tuple[str, ...]
    fill: str
    several: bool  # more than one symbol
    gaps: bool  # some bar has no close
    windows: bool  # more than the one window of all bars


@lru_cache(maxsize=64)
def module(rule: Rule, shape: Shape) -> str:
    """The source of the module that runs a rule over many combinations for their metrics."""
    return "\n".join([*_head(rule), *_Kernel(rule, shape).lines()]) + "\n"


def _head(rule: Rule) -> list[str]:
    return [
        f'"""Compiled from rule {rule.name!r} by aura_lib.backtest.sweep: a cache, safe to delete."""',
        "import math",
        "import numpy as np",
        "from numba import njit",
        rule.around,
        "@njit(error_model='numpy')",
        rule.text,
    ]


class _Kernel:
    """Writes one kernel: which numbers it keeps, and the loops over them."""

    def __init__(self, rule: Rule, shape: Shape) -> None:
        self.rule, self.shape = rule, shape
        self.sums = needed(shape.metrics)
        if shape.windows and "worst" in self.sums:
            self.sums = (*self.sums, "peak", "trough")
        own = [*(f"p_{name}" for name in rule.parameters), *self.sums]
        own += ["under"] if "worst" in self.sums else []
        own += [] if rule.invested else ["bad"]
        own += ["equity", "fresh", "moved", "exposed"] if shape.several else [] if rule.invested else ["equity"]
        each = ["want", "last", *(f"s_{name}" for name in rule.state)]
        each += ["value", "cash"] if not rule.invested else ["value"] if shape.several else []
        self.rows = {name: row for row, name in enumerate(own)}
        self.each = {name: row for row, name in enumerate(each)}

    def at(self, name: str) -> str:
        """The lane's number of that name."""
        if name in self.rows:
            return f"W[{self.rows[name] * LANES} + j]"
        offset = (len(self.rows) + self.each[name]) * LANES
        return f"W[base + {offset} + j]" if self.shape.several else f"W[{offset} + j]"

    def lines(self) -> list[str]:
        rows, each = len(self.rows), len(self.each)
        count, features = len(self.sums), len(self.rule.features)
        return [
            "@njit(cache=True, error_model='numpy', nogil=True)",
            f"def evaluate(number, {ARGUMENTS}):",
            "    count, T, S = parameters.shape[1], ratio.shape[0], ratio.shape[1]",
            "    flat = table.reshape(-1)",
            "    buy, sell = costs[0], costs[1]",
            "    room = 1.0 / buy",
            f"    W = np.zeros(({rows} + S * {each}) * {LANES})",
            f"    C = np.zeros({max(features, 1) * LANES}, np.uint32)",
            f"    F = np.empty({features * LANES})",
            f"    kept = np.empty((bounds.shape[0], {count * LANES}))",
            "    origin = number * 64",
            *self._begin(),
            "    for g in range(bounds.shape[0]):",
            *self._reset(),
            "        for t in range(bounds[g, 0], bounds[g, 1]):",
            *self._bar(),
            f"        for j in range({count * LANES}):",
            f"            kept[g, j] = W[{(self.rows[self.sums[0]]) * LANES} + j]",
            *self._windows(),
            *self._flag(),
        ]

    def _begin(self) -> list[str]:
        made = [f"    for j in range({LANES}):", "        k = min(origin + j, count - 1)"]
        made += [f"        {self.at(f'p_{p}')} = parameters[{i}, k]" for i, p in enumerate(self.rule.parameters)]
        made += [
            f"        C[{i * LANES} + j] = columns[{i}, k] * np.uint32(S * T)" for i in range(len(self.rule.features))
        ]
        made += [f"        {self.at('equity')} = 1.0"] if "equity" in self.rows else []
        made += ["    for s in range(S):"]
        made += [f"        base = s * {len(self.each) * LANES}"] if self.shape.several else []
        made += [f"        for j in range({LANES}):"]
        start = "cash" if not self.rule.invested else "value" if self.shape.several else ""
        made += [f"            {self.at(start)} = 1.0 / S"] if start else ["            pass"]
        return made + [f"            {self.at(f's_{k}')} = {_number(v)}" for k, v in self.rule.state.items()]

    def _reset(self) -> list[str]:
        names = [*self.sums, *(["under"] if "under" in self.rows else [])]
        made = [f"            {self.at(name)} = {1.0 if name in ONES else 0.0}" for name in names]
        return [f"        for j in range({LANES}):", *made]

    def _bar(self) -> list[str]:
        inner = [*self._load(), *self._step(), *self._trade()]
        if self.shape.fill != "same close":
            inner = [*self._load(), *self._trade(), *self._step()]
        if not self.shape.several:
            return _indent(["s = 0", *inner], 12)
        return _indent(
            [
                *self._lanes([f"{self.at(name)} = 0.0" for name in ("fresh", "moved", "exposed")]),
                "for s in range(S):",
                *_indent([f"base = s * {len(self.each) * LANES}", *inner], 4),
                *self._lanes(
                    [
                        f"now, was = {self.at('fresh')}, {self.at('equity')}",
                        f"{self.at('equity')} = now",
                        "change = now / was if was > 0.0 else 1.0",
                        f"moved = {self.at('moved')} / was if was > 0.0 else 0.0",
                        f"exposed = {self.at('exposed')} / now if now > 0.0 else 0.0",
                        *self._measure(),
                    ]
                ),
            ],
            12,
        )

    def _load(self) -> list[str]:
        made = ["a = ratio[t, s]"]
        made += ["b = after[t, s]"] if self.shape.fill == "next open" else []
        made += ["alive = live[t, s]"] if self.shape.gaps else []
        made += [f"x_{p} = prices[{PRICES.index(p)}, t, s]" for p in self.rule.prices]
        return made

    def _step(self) -> list[str]:
        rule = self.rule
        ask = ", ".join(self._argument(name) for name in rule.arguments)
        targets = ", ".join(["wish", *(self.at(f"s_{name}") for name in rule.state)])
        body = [f"{targets} = step({ask})"]
        if rule.invested:
            body += [f"{self.at('want')} = 1.0 if wish else 0.0"]
        else:
            body += [
                "wish = float(wish)",
                f"{self.at('bad')} += 0.0 if abs(wish) <= limit else 1.0",
                f"{self.at('want')} = wish",
            ]
        made = ["now = flat[s * T + t :]"] if rule.features else []
        for i in range(len(rule.features)):
            made += self._lanes([f"F[{i * LANES} + j] = now[C[{i * LANES} + j]]"])
        made += self._lanes(body)
        return ["if alive:", *_indent(made, 4)] if self.shape.gaps else made

    def _argument(self, name: str) -> str:
        if name in PRICES:
            return f"x_{name}"
        if name == "position":
            return self.at("want")
        if name in self.rule.state:
            return self.at(f"s_{name}")
        features = [f.name for f in self.rule.features]
        return f"F[{features.index(name) * LANES} + j]" if name in features else self.at(f"p_{name}")

    def _trade(self) -> list[str]:
        return self._lanes(self._all_or_nothing() if self.rule.invested else self._weights())

    def _wish(self) -> list[str]:
        late = f" if alive else {self.at('last')}" if self.shape.gaps else ""
        return [f"was = {self.at('last')}", f"want = {self.at('want')}{late}", f"{self.at('last')} = want"]

    def _all_or_nothing(self) -> list[str]:
        """Long with all there is, or flat: equity is multiplied by what the bar and the trade did."""
        after = ["change = change * (b if want > 0.0 else 1.0)"] if self.shape.fill == "next open" else []
        made = [
            *self._wish(),
            "change = a if was > 0.0 else 1.0",
            "cost = room if want > was else 1.0",
            "cost = sell if want < was else cost",
        ]
        if not self.shape.several:
            moved = ["moved = change * (room if want > was else 1.0 if want < was else 0.0)"]
            tail = ["change = change * cost", *after, "exposed = want", *self._measure()]
            return [*made, *(moved if "turnover" in self.sums else []), *tail]
        return [
            *made,
            f"worth = {self.at('value')}",
            f"{self.at('moved')} += worth * change * (room if want > was else 1.0 if want < was else 0.0)",
            *self._count(),
            "change = change * cost",
            *after,
            "worth = worth * change",
            f"{self.at('value')} = worth",
            f"{self.at('fresh')} += worth",
            f"{self.at('exposed')} += worth * want",
        ]

    def _weights(self) -> list[str]:
        """Any weight: cash and the value held, traded only when the wish changes, closed when nothing is left."""
        made = [
            *self._wish(),
            f"value = {self.at('value')} * a",
            f"cash = {self.at('cash')}",
            "worth = value + cash",
            "most = cash * room",
            "most = most if most > 0.0 else 0.0",
            "d = want * worth - value",
            "d = d if d < most else most",
            "d = d if want != was else 0.0",
            "d = d if worth > 0.0 else 0.0",
            "cash = cash - (d * buy if d > 0.0 else d * sell)",
            "value = value + d",
            *(["value = value * b"] if self.shape.fill == "next open" else []),
            "left = value + cash",
            "gone = (left <= 0.0) | (worth <= 0.0)",
            "value = 0.0 if gone else value",
            "cash = 0.0 if gone else cash",
            "left = 0.0 if gone else left",
            f"{self.at('value')} = value",
            f"{self.at('cash')} = cash",
        ]
        if self.shape.several:
            return [
                *made,
                *self._count(),
                f"{self.at('moved')} += abs(d)",
                f"{self.at('fresh')} += left",
                f"{self.at('exposed')} += abs(value)",
            ]
        return [
            *made,
            f"before = {self.at('equity')}",
            f"{self.at('equity')} = left",
            "change = left / before if before > 0.0 else 1.0",
            *(["moved = abs(d) / before if before > 0.0 else 0.0"] if "turnover" in self.sums else []),
            *(["exposed = abs(value) / left if left > 0.0 else 0.0"] if "exposure" in self.sums else []),
            *self._measure(),
        ]

    def _count(self) -> list[str]:
        if "orders" not in self.sums:
            return []
        traded = "want != was" if self.rule.invested else "d != 0.0"
        return [f"{self.at('orders')} += 1.0 if {traded} else 0.0"]

    def _measure(self) -> list[str]:
        """Add one bar's growth `change` to the sums."""
        at, made = self.at, ["r = change - 1.0"]
        formulas = {
            "growth": [f"grown = {at('growth')} * change", f"{at('growth')} = grown"] if "growth" in self.sums else [],
            "total": ["{total} += r"],
            "squares": ["{squares} += r * r"],
            "losses": ["loss = r if r < 0.0 else 0.0", "{losses} += loss * loss"],
            "worst": [
                "depth = {under} * change",
                "depth = depth if depth < 1.0 else 1.0",
                "{under} = depth",
                "low = {worst}",
                "{worst} = depth if depth < low else low",
            ],
            "turnover": ["{turnover} += moved"],
            "orders": [] if self.shape.several else self._count(),
            "exposure": ["{exposure} += exposed"],
            "peak": ["top = {peak}", "{peak} = grown if grown > top else top"],
            "trough": ["low = {trough}", "{trough} = grown if grown < low else low"],
        }
        names = {name: at(name) for name in self.rows}
        for name in self.sums:
            made += [line.format(**names) for line in formulas[name]]
        return made

    def _windows(self) -> list[str]:
        """Join the segments of each window and write its metrics."""
        place = {name: f"Z[{i * LANES} + j]" for i, name in enumerate(self.sums)}
        part = {name: f"kept[g, {i * LANES} + j]" for i, name in enumerate(self.sums)}
        join = []
        if "peak" in place:
            join += [
                f"grown, top = {place['growth']}, {place['peak']}",
                f"low = grown * {part['trough']}",
                "high = grown * " + part["peak"],
                f"deep = min({place['worst']}, {part['worst']})",
                f"{place['worst']} = min(deep, low / top)",
                f"{place['peak']} = max(top, high)",
                f"{place['trough']} = min({place['trough']}, low)",
            ]
        elif "worst" in place:
            join += [f"{place['worst']} = {part['worst']}"]
        for name in self.sums:
            if name == "growth":
                join += [f"{place[name]} *= {part[name]}"]
            elif name not in ("worst", "peak", "trough"):
                join += [f"{place[name]} += {part[name]}"]
        return [
            f"    Z = np.empty({len(self.sums) * LANES})",
            "    for w in range(sizes.shape[0]):",
            "        n = sizes[w]",
            f"        for j in range({LANES}):",
            *(f"            {place[name]} = {1.0 if name in ONES else 0.0}" for name in self.sums),
            "        for m in range(first[w], first[w + 1]):",
            "            g = members[m]",
            f"            for j in range({LANES}):",
            *_indent(join, 16),
            f"        for j in range(min({LANES}, count - origin)):",
            *_indent([f"{name} = {place[name]}" for name in self.sums], 12),
            "            mean = total / n",
            "            variance = (squares - total * mean) / (n - 1.0)",
            "            variance = variance if variance > 1e-14 * squares / n else 0.0",
            *(
                f"            out[origin + j, w, {i}] = {METRICS[name].formula}"
                for i, name in enumerate(self.shape.metrics)
            ),
        ]

    def _flag(self) -> list[str]:
        if "bad" not in self.rows:
            return []
        return [f"    for j in range(min({LANES}, count - origin)):", f"        bad[origin + j] = {self.at('bad')}"]

    @staticmethod
    def _lanes(body: list[str]) -> list[str]:
        return [f"for j in range({LANES}):", *_indent(body, 4)]


@lru_cache(maxsize=64)
def path_module(rule: Rule) -> str:
    """The source of the module that follows single combinations: `wants`, bar by bar, and sampled returns."""
    take = {**{p: f"prices[{PRICES.index(p)}, t, s]" for p in rule.prices}, "position": "want"}
    take |= {f.name: f"table[columns[{i}], s, t]" for i, f in enumerate(rule.features)}
    take |= {p: f"parameters[{i}]" for i, p in enumerate(rule.parameters)}
    take |= {k: f"s_{k}" for k in rule.state}
    targets = ", ".join(["wish", *(f"s_{k}" for k in rule.state)])
    return (
        "\n".join(
            [
                *_head(rule),
                "from aura_lib.backtest.sweep.book import trade",
                "@njit(cache=True, error_model='numpy', nogil=True)",
                "def wants(prices, live, table, columns, parameters, wanted):",
                "    for s in range(live.shape[1]):",
                "        want = 0.0",
                *(f"        s_{k} = {_number(v)}" for k, v in rule.state.items()),
                "        for t in range(live.shape[0]):",
                "            if live[t, s]:",
                f"                {targets} = step({', '.join(take[name] for name in rule.arguments)})",
                f"                want = {'1.0 if wish else 0.0' if rule.invested else 'float(wish)'}",
                "            wanted[t, s] = want",
                "@njit(cache=True, error_model='numpy', nogil=True)",
                "def returns(k, prices, ratio, after, live, delay, table, columns, parameters, costs, out):",
                "    T, S = live.shape",
                "    wanted, held, traded = np.empty((T, S)), np.empty((T, S)), np.empty((T, S))",
                "    equity = np.empty(T)",
                "    wants(prices, live, table, columns[:, k].copy(), parameters[k], wanted)",
                "    trade(wanted, ratio, after, live, delay, costs, held, traded, equity)",
                "    was = 1.0",
                "    for t in range(T):",
                "        out[k, t] = equity[t] / was - 1.0 if was > 0.0 else 0.0",
                "        was = equity[t]",
            ]
        )
        + "\n"
    )


def _indent(lines: list[str], by: int) -> list[str]:
    return [" " * by + line for line in lines]


def _number(value: float) -> str:
    return repr(value) if value - value == 0 else f"float('{value}')"
