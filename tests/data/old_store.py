"""Writes a home as Aura did before there were versions: what it kept must stay readable."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aura_lib.core import Bars, encode

FIELDS = ("open", "high", "low", "close", "volume")


def keep(home: Path, bars: Bars) -> str:
    """Put bars in the old layout; their old snapshot id."""
    entries = []
    for symbol in bars.symbols:
        fields = {name: bars.fields[name][symbol].to_numpy() for name in FIELDS if name in bars.fields}
        sha = hashlib.sha256(_text({"fields": list(fields), "rows": len(bars)}))
        sha.update(bars.times.asi8.tobytes())
        for values in fields.values():
            sha.update(np.where(np.isnan(values), np.nan, values).tobytes())
        stamps = pa.array(bars.times.asi8).cast(pa.timestamp("us", tz="UTC"))
        table = pa.table({"time": stamps, **{name: pa.array(values) for name, values in fields.items()}})
        path = home / "data" / "objects" / f"{sha.hexdigest()}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, compression="zstd")
        entries.append({"instrument": encode(bars.instruments[symbol]), "object": sha.hexdigest()})
    words = {name: getattr(bars, name) for name in ("source", "frequency", "calendar", "adjustment")}
    manifest = _text({"schema": 1, **words, "symbols": entries})
    snapshot = hashlib.sha256(manifest).hexdigest()[:24]
    for path, content in (
        (home / "data" / "snapshots" / f"{snapshot}.json", manifest),
        (home / "data" / "latest" / f"{bars.source}-{bars.frequency}", snapshot.encode()),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return snapshot


def _text(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
