"""An analyst's own file (CSV, Parquet, Excel) as checked bars; nothing is dropped in silence."""

from __future__ import annotations

from aura_lib.data.files.dialect import Dialect
from aura_lib.data.files.reading import FileSource, Reading, is_file, read

__all__ = ["Dialect", "FileSource", "Reading", "is_file", "read"]
