"""Alpaca through alpaca-py: stocks, options and crypto; bars, quotes and a live stream. It needs keys, free ones do.

Named `alpaca`, or with options: `alpaca:feed=sip` (`Options` has them all). What alpaca-py lacks is added here: time
limits, waits that a vendor asks for, errors in sentences, a stream whose loss is told.
"""

from __future__ import annotations

from aura_lib.data.sources.alpaca.door import KEYS, OPTIONAL_KEYS, PACKAGE
from aura_lib.data.sources.alpaca.options import Options
from aura_lib.data.sources.alpaca.source import Source
from aura_lib.data.sources.alpaca.stream import Stream

__all__ = ["KEYS", "OPTIONAL_KEYS", "PACKAGE", "Options", "Source", "Stream"]
