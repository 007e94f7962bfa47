"""Which of many symbols and names are meant by a text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

CLOSE = 0.72  # ratio of difflib from which a word is a close spelling of another
FEW = 3  # fewer found than this: close spellings are looked for too


def ranked(symbols: pd.Series, names: pd.Series, text: str) -> list[int]:
    """Places of what is meant, best first; all of them, in their order, for an empty text."""
    wanted = _words(text)
    if not wanted:
        return list(range(len(symbols))) if not text.strip() else []
    folded = symbols.str.casefold().tolist()
    words = [_words(name) for name in names]
    rank = _ranks(folded, names.str.casefold().tolist(), words, text.strip().casefold(), wanted)
    if (rank < _NOTHING).sum() < FEW:
        rank = np.minimum(rank, _spelled(folded, words, wanted))
    length = np.array([len(symbol) for symbol in folded])
    order = np.lexsort((np.arange(len(rank)), length, rank))
    return [int(place) for place in order if rank[place] < _NOTHING]


_NOTHING = 9.0
Ranks = npt.NDArray[np.float64]


def _words(text: str) -> list[str]:
    """The words of a text: letters and digits, small."""
    return re.findall(r"\w+", str(text).casefold())


def _ranks(
    symbols: Sequence[str], names: Sequence[str], words: Sequence[Sequence[str]], text: str, wanted: Sequence[str]
) -> Ranks:
    rank = np.full(len(symbols), _NOTHING)
    for place, (symbol, name, own) in enumerate(zip(symbols, names, words, strict=True)):
        if symbol == text:
            rank[place] = 0
        elif symbol.startswith(text):
            rank[place] = 1
        elif all(any(word.startswith(w) for word in own) for w in wanted):
            rank[place] = 2 if name.startswith(text) else 2.5
        elif text in symbol or all(w in name for w in wanted):
            rank[place] = 3
    return rank


def _spelled(symbols: Sequence[str], words: Sequence[Sequence[str]], wanted: Iterable[str]) -> Ranks:
    """4 to 5 for close spellings: the closer, the less."""
    known = {word for own in words for word in own} | set(symbols)
    near = {}
    for w in wanted:
        found = difflib.get_close_matches(w, known, n=20, cutoff=CLOSE)
        near[w] = {word: difflib.SequenceMatcher(None, w, word).ratio() for word in found}
    rank = np.full(len(symbols), _NOTHING)
    for place, (symbol, own) in enumerate(zip(symbols, words, strict=True)):
        best = [max((near[w].get(word, 0.0) for word in (*own, symbol)), default=0.0) for w in near]
        if min(best) > 0:
            rank[place] = 5 - sum(best) / len(best)
    return rank
