"""Which documents each batch of an epoch holds: a true permutation of all, decided by (seed, epoch) alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_WINDOW = 100  # batches' worth of rows that are sorted by length together


@dataclass(frozen=True)
class Plan:
    """The batches of one epoch: batch i holds the rows `ends[i-1]:ends[i]`."""

    documents: NDArray[np.int64]
    starts: NDArray[np.int64]
    """The first sentence of each row in its document."""
    lengths: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ends)

    def rows(self, batch: int) -> slice:
        """Where the rows of a batch stand."""
        return slice(int(self.ends[batch - 1]) if batch else 0, int(self.ends[batch]))


def make_plan(lengths: NDArray[np.int64], *, budget: int, max_len: int, seed: int, epoch: int) -> Plan:
    """Batches of at most `budget` slots, padding included, from documents of `lengths` sentences.

    A document longer than `max_len` becomes several rows of nearly one length. Rows are sorted by length within windows, so
    that little is padded; the batches are shuffled again. Every batch has at least min(rows, ⌈budget / (2 · longest)⌉) rows.
    """
    documents, starts, rows = _wrap(permutation(len(lengths), seed, epoch, 0), lengths, max_len)
    window = max(1, int(_WINDOW * budget / rows.mean()))
    # Longest first within each window; the permutation decides among equals.
    order = np.lexsort((-rows, np.arange(len(rows)) // window))
    documents, starts, rows = documents[order], starts[order], rows[order]
    batches = [
        batch for first in range(0, len(rows), window) for batch in _fill(rows[first : first + window], first, budget)
    ]
    shuffled = [batches[i] for i in permutation(len(batches), seed, epoch, 1)]
    order = np.concatenate([np.arange(begin, end) for begin, end in shuffled])
    ends = np.cumsum([end - begin for begin, end in shuffled])
    return Plan(documents[order], starts[order], rows[order], ends)


def permutation(number: int, *key: int) -> NDArray[np.int64]:
    """0 … number − 1 in an order that `key` decides."""
    # From raw bits: numpy keeps these the same between versions, the results of Generator.permutation not.
    bits = np.random.PCG64(np.random.SeedSequence(key)).random_raw(number)
    return np.argsort(np.asarray(bits, dtype=np.uint64), kind="stable")


def _wrap(order: NDArray[np.int64], lengths: NDArray[np.int64], max_len: int) -> tuple[NDArray[np.int64], ...]:
    """Documents in `order`, those longer than max_len cut into rows as equal as can be → documents, starts, lengths."""
    pieces = -(-lengths[order] // max_len)
    documents, number = np.repeat(order, pieces), np.repeat(pieces, pieces)
    index = np.arange(len(documents)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    starts, ends = (lengths[documents] * i // number for i in (index, index + 1))
    return documents, starts, ends - starts


def _fill(rows: NDArray[np.int64], first: int, budget: int) -> list[tuple[int, int]]:
    """Consecutive batches of rows that are sorted longest first, the last two of like size."""
    batches, begin = [], 0
    while begin < len(rows):
        end = min(begin + budget // int(rows[begin]), len(rows))
        batches.append((begin, end))
        begin = end
    if len(batches) > 1:
        begin, end = batches[-2][0], len(rows)
        middle = min((begin + end + 1) // 2, batches[-2][1])
        batches[-2:] = [(begin, middle), (middle, end)]
    return [(first + begin, first + end) for begin, end in batches]
