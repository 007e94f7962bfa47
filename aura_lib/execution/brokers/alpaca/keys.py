"""The keys of an account at Alpaca, by the names of environment variables. Paper and live have names of their own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from aura_lib.core import InputError, Mode

PACKAGE = "alpaca"
NAMES = {
    Mode.PAPER: ("ALPACA_API_KEY", "ALPACA_SECRET_KEY"),
    Mode.LIVE: ("ALPACA_LIVE_API_KEY", "ALPACA_LIVE_SECRET_KEY"),
}
URL, STREAM_URL = "ALPACA_TRADING_URL", "ALPACA_STREAM_URL"  # another host in place of Alpaca's paper one: a rehearsal
_STARTS = {Mode.PAPER: "PK", Mode.LIVE: "AK"}  # what keys of each class start with at Alpaca itself


@dataclass(frozen=True)
class Keys:
    """Who trades, and where. Keys never show: not in a log, an error or a repr."""

    account_class: Mode
    key: str = field(repr=False)
    secret: str = field(repr=False)
    url: str | None = None
    stream_url: str | None = None

    def __post_init__(self) -> None:
        other = _STARTS[Mode.LIVE if self.account_class is Mode.PAPER else Mode.PAPER]
        if self.url is None and self.key.startswith(other):
            raise InputError(
                f"the key in {NAMES[self.account_class][0]} is one of an account of the other class: "
                f"{self.account_class.value} keys do not start with {other}"
            )
        if self.account_class is Mode.LIVE and (self.url or self.stream_url):
            raise InputError("live keys go to Alpaca itself and nowhere else")

    @staticmethod
    def from_environment(account_class: Mode, environ: Mapping[str, str] | None = None) -> Keys:
        """The keys of a class of account; InputError that names what is missing."""
        env = os.environ if environ is None else environ
        if absent := missing(account_class, env):
            raise InputError(
                f"a {account_class.value} account at alpaca needs {' and '.join(absent)} in the environment: its keys, "
                "from alpaca.markets"
            )
        key, secret = (env[name].strip() for name in NAMES[account_class])
        if account_class is Mode.LIVE:
            return Keys(account_class, key, secret)
        url, stream = (env.get(name, "").strip().rstrip("/") or None for name in (URL, STREAM_URL))
        return Keys(account_class, key, secret, url, stream)

    def clean(self, text: str) -> str:
        """The text without the keys, should it repeat them."""
        return text.replace(self.secret, "…").replace(self.key, "…")


def missing(account_class: Mode, environ: Mapping[str, str] | None = None) -> list[str]:
    """Names of the variables that an account of this class needs and that are not set."""
    env = os.environ if environ is None else environ
    return [name for name in NAMES[account_class] if not env.get(name, "").strip()]
