"""The keys of an account at Alpaca, by the names of environment variables. Paper and live have names of their own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from aura_lib.core import InputError, Mode

PACKAGE = "alpaca"
NAMES = {
    Mode.PAPER: ("ALPACA_API_KEY", "ALPACA_SECRET_KEY"),
    Mode.LIVE: ("ALPACA_LIVE_API_KEY", "ALPACA_LIVE_SECRET_KEY"),
}
URLS = {  # another host in place of Alpaca's own: a rehearsal
    Mode.PAPER: ("ALPACA_TRADING_URL", "ALPACA_STREAM_URL"),
    Mode.LIVE: ("ALPACA_LIVE_TRADING_URL", "ALPACA_LIVE_STREAM_URL"),  # on this machine only
}
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
            self._rehearse()

    def _rehearse(self) -> None:
        """A live account is rehearsed on this machine and with keys that are none: real ones go to Alpaca alone."""
        if self.key.startswith(_STARTS[Mode.LIVE]):
            raise InputError("live keys go to Alpaca itself and nowhere else")
        here = [address is not None and _is_here(address) for address in (self.url, self.stream_url)]
        if not all(here):
            first, second = URLS[Mode.LIVE]
            raise InputError(
                f"a live account is rehearsed on this machine only: both {first} and {second} must be addresses of "
                "loopback, such as http://127.0.0.1:9000 and ws://127.0.0.1:9000/stream"
            )

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
        url, stream = (env.get(name, "").strip().rstrip("/") or None for name in URLS[account_class])
        return Keys(account_class, key, secret, url, stream)

    def clean(self, text: str) -> str:
        """The text without the keys, should it repeat them."""
        return text.replace(self.secret, "…").replace(self.key, "…")


def _is_here(address: str) -> bool:
    """Whether an address is of this machine. A name other than localhost would have to be looked up."""
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def missing(account_class: Mode, environ: Mapping[str, str] | None = None) -> list[str]:
    """Names of the variables that an account of this class needs and that are not set."""
    env = os.environ if environ is None else environ
    return [name for name in NAMES[account_class] if not env.get(name, "").strip()]
