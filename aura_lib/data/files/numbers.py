"""Numbers as people write them. The whole file decides whether a comma is a decimal comma."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aura_lib.core import InputError

NOTHING = pa.array(
    ["", "-", "--", ".", "na", "n/a", "nan", "null", "none", "#n/a", "#n/a n/a", "nat", "n.a.", "#value!", "#ref!"]
)
DECORATION = "[\\s'’\u00a0\u202f\u2009$€£¥₹]|(?i:usd|eur|gbp|chf|jpy)"
SUFFIXES = {"k": 1e3, "m": 1e6, "b": 1e9}
UNDECIDED = r"^[-+]?[1-9]\d{0,2}%s\d{3}$"  # 1,234 or 1.234: one thing or the other

Numbers = npt.NDArray[np.float64]


def parse(
    columns: Mapping[str, pa.ChunkedArray],
    *,
    decimal: str = "",
    thousands: str = "",
    delimiter: str = "",
    name: str = "",
) -> tuple[dict[str, Numbers], str]:
    """Columns as float64, NaN where nothing is written; and the decimal mark that was found.

    What is no number, percents, and numbers that could be read in two ways raise InputError.
    """
    texts = {role: column for role, column in columns.items() if pa.types.is_string(column.type)}
    plain = {role: _typed(role, column, name) for role, column in columns.items() if role not in texts}
    fast = _plainly(texts) if decimal != "," and not thousands else None
    if fast is not None and not (delimiter == ";" and not decimal and _only_undecided(texts)):
        return {**plain, **fast}, "."
    clean = {role: _clean(role, column, name) for role, column in texts.items()}
    mark = decimal or _opposite(thousands) or _decide(clean, delimiter, name)
    return {**plain, **{role: _numbers(role, column, mark, name) for role, column in clean.items()}}, mark


def _typed(role: str, column: pa.ChunkedArray, name: str) -> Numbers:
    kind = column.type
    if not (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    ):
        raise InputError(f"{name}: the column for {role} holds {kind}, not numbers")
    values: Numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return values


def _plainly(texts: Mapping[str, pa.ChunkedArray]) -> dict[str, Numbers] | None:
    """The usual case at full speed: plain numbers, and no text that stands for nothing."""
    if any(pc.any(pc.match_substring(column, ",")).as_py() for column in texts.values()):
        return None
    try:
        return {
            role: pc.if_else(pc.equal(column, ""), None, column).cast(pa.float64()).to_numpy(zero_copy_only=False)
            for role, column in texts.items()
        }
    except pa.ArrowInvalid:
        return None


def _clean(role: str, column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Trimmed, without currency signs and blanks, accounting's (12.3) as -12.3, null where nothing is written."""
    text = pc.utf8_trim_whitespace(column)
    text = pc.if_else(pc.is_in(pc.utf8_lower(text), value_set=NOTHING), None, text)
    percent = pc.match_substring(text, "%")
    if pc.any(percent).as_py():
        bad = pc.filter(text, percent)[0].as_py()
        raise InputError(
            f"{name}: {role} holds percents ({bad!r}), where a number is expected: map another column to it"
        )
    text = pc.replace_substring_regex(text, DECORATION, "")
    return pc.replace_substring_regex(text, r"^\((.*)\)$", r"-\1")


def _opposite(mark: str) -> str:
    return {",": ".", ".": ","}.get(mark, "")


def _share(texts: Mapping[str, pa.ChunkedArray], pattern: str) -> str:
    """The first value that has this pattern, "" when there is none."""
    for column in texts.values():
        hits = pc.filter(column, pc.match_substring_regex(column, pattern))
        if len(hits):
            return str(hits[0].as_py())
    return ""


def _sure(texts: Mapping[str, pa.ChunkedArray], mark: str) -> str:
    """A value in which `mark` can only be the decimal mark."""
    d, t = (rf"\{mark}", rf"\{_opposite(mark)}")
    return _share(texts, rf"{t}\d*{d}|{t}\d{{3}}{t}|^[^{t}{d}]*{d}(\d{{0,2}}|\d{{4,}})\D*$|\d{{4,}}{d}|^[-+]?0?{d}\d")


def _only_undecided(texts: Mapping[str, pa.ChunkedArray]) -> bool:
    return bool(_share(texts, UNDECIDED % r"\.")) and not _sure(texts, ".")


def _decide(texts: Mapping[str, pa.ChunkedArray], delimiter: str, name: str) -> str:
    point, comma = _sure(texts, "."), _sure(texts, ",")
    if point and comma:
        raise InputError(
            f"{name} has numbers with a decimal point ({point}) and with a decimal comma ({comma}): mend it, or give "
            "decimal="
        )
    if point or comma:
        return "." if point else ","
    doubtful = _share(texts, UNDECIDED % ",") or (delimiter == ";" and _share(texts, UNDECIDED % r"\."))
    if doubtful:
        raise InputError(
            f"{name}: {doubtful} can be read in two ways, and no other number of the file decides: "
            f'give decimal="," or decimal="." (or thousands=)'
        )
    return "."


def _numbers(role: str, column: pa.ChunkedArray, mark: str, name: str) -> Numbers:
    d, t = rf"\{mark}", rf"\{_opposite(mark)}"
    text = pc.utf8_lower(column) if role == "volume" else column
    suffix = "[kmb]?" if role == "volume" else ""
    whole = rf"(\d+|\d{{1,3}}({t}\d{{2,3}})*{t}\d{{3}})"
    shape = rf"^[-+]?({whole}({d}\d*)?|{d}\d+)([eE][-+]?\d+)?{suffix}$"
    wrong = pc.invert(pc.match_substring_regex(text, shape))
    count = pc.sum(wrong).as_py() or 0
    if count:
        row = pc.index(wrong, True).as_py()
        raise InputError(
            f"{name}: {role} in row {row + 1} is {column[row].as_py()!r}, which is no number with the decimal mark "
            f"{mark!r} ({count} such)"
        )
    text = pc.replace_substring(text, _opposite(mark), "")
    text = pc.replace_substring(text, mark, ".")
    if role != "volume":
        return _cast(text)
    values = _cast(pc.replace_substring_regex(text, "[kmb]$", ""))
    for letter, factor in SUFFIXES.items():
        marked = pc.fill_null(pc.ends_with(text, letter), False).to_numpy(zero_copy_only=False)
        values = np.where(marked, values * factor, values)
    return values


def _cast(text: pa.ChunkedArray) -> Numbers:
    values: Numbers = text.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values
