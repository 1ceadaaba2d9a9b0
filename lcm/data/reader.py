"""Batches of a corpus, without end: every epoch a true permutation of its documents, the same on any number of ranks.

All ranks make the same plan of an epoch from (seed, epoch) alone and take their share of it in turn, so that the whole
position is two numbers, and a run goes on with the very batches that it would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from fairseq2.datasets import DataReader
from numpy.typing import NDArray
from typing_extensions import Self

from lcm.data.batches import ConceptBatch
from lcm.data.corpus import Corpus
from lcm.data.sources import CorpusError

_WINDOW = 100  # batches' worth of rows that are sorted by length together


@dataclass(frozen=True)
class _Plan:
    """The batches of one epoch: batch i holds the rows `ends[i-1]:ends[i]`."""

    documents: NDArray[np.int64]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ends)

    def rows(self, batch: int) -> slice:
        return slice(int(self.ends[batch - 1]) if batch else 0, int(self.ends[batch]))


def _permutation(number: int, *key: int) -> NDArray[np.int64]:
    # From raw bits: numpy keeps these the same between versions, the results of Generator.permutation not.
    bits = np.random.PCG64(np.random.SeedSequence(key)).random_raw(number)
    return np.argsort(np.asarray(bits, dtype=np.uint64), kind="stable")


def _wrap(order: NDArray[np.int64], lengths: NDArray[np.int64], max_len: int) -> tuple[NDArray[np.int64], ...]:
    """Documents in `order`, those longer than max_len cut into rows of max_len and a rest → documents, starts, lengths."""
    pieces = -(-lengths[order] // max_len)
    documents = np.repeat(order, pieces)
    starts = max_len * (np.arange(len(documents)) - np.repeat(np.cumsum(pieces) - pieces, pieces))
    return documents, starts, np.minimum(max_len, lengths[documents] - starts)


def _plan(lengths: NDArray[np.int64], *, budget: int, max_len: int, seed: int, epoch: int) -> _Plan:
    documents, starts, rows = _wrap(_permutation(len(lengths), seed, epoch, 0), lengths, max_len)
    window = max(1, int(_WINDOW * budget / rows.mean()))
    # Longest first within each window; the permutation decides among equals.
    order = np.lexsort((-rows, np.arange(len(rows)) // window))
    documents, starts, rows = documents[order], starts[order], rows[order]
    batches: list[tuple[int, int]] = []
    for begin in range(0, len(rows), window):
        end = min(begin + window, len(rows))
        while begin < end:
            size = min(budget // int(rows[begin]), end - begin)
            batches.append((begin, begin + size))
            begin += size
    shuffled = [batches[i] for i in _permutation(len(batches), seed, epoch, 1)]
    order = np.concatenate([np.arange(begin, end) for begin, end in shuffled])
    ends = np.cumsum([end - begin for begin, end in shuffled])
    return _Plan(documents[order], starts[order], rows[order], ends)


def _batch(corpus: Corpus, plan: _Plan, index: int) -> ConceptBatch:
    own = plan.rows(index)
    lengths = plan.lengths[own]
    concepts = np.empty((len(lengths), int(lengths.max()), corpus.settings.dim), np.float16)
    for row, (document, start, length) in enumerate(zip(plan.documents[own], plan.starts[own], lengths, strict=True)):
        concepts[row, :length] = corpus.concepts(int(document))[start : start + length]
        concepts[row, length:] = 0
    return ConceptBatch(
        torch.from_numpy(concepts), torch.from_numpy(lengths),
        torch.from_numpy(plan.documents[own]), torch.from_numpy(plan.starts[own]),
    )  # fmt: skip


def _check(budget: int, max_len: int) -> None:
    if not 1 <= max_len <= budget:
        raise CorpusError(f"max_len must be between 1 and the budget of {budget} concepts a batch, but is {max_len}.")


def _check_rank(rank: int, world_size: int, num_accumulate: int) -> None:
    if not 0 <= rank < world_size or num_accumulate < 1:
        raise ValueError(f"rank {rank} of {world_size} with num_accumulate {num_accumulate} is not possible.")


def _places(num_accumulate: int, world_size: int, rank: int) -> list[bool]:
    """Of each batch of a step, whether it is the rank's."""
    return [place % world_size == rank for place in range(num_accumulate * world_size)]


def read_once(corpus: Corpus, *, budget: int, max_len: int, limit: int | None = None) -> Iterator[ConceptBatch]:
    """Every document once, or the first `limit`, in batches of at most `budget` concepts: for validation."""
    _check(budget, max_len)
    plan = _plan(corpus.lengths[:limit], budget=budget, max_len=max_len, seed=0, epoch=0)
    return (_batch(corpus, plan, index) for index in range(len(plan)))


class ConceptReader(DataReader[ConceptBatch]):
    """The endless stream of a corpus's batches; each `next` gives this rank's next `num_accumulate` of them.

    A batch is at most `budget` concepts, padding included. A document longer than `max_len` sentences becomes several
    rows that follow each other in no particular order. Batch i of the stream goes to rank i modulo `world_size`; if
    num_accumulate · world_size stays the same, so does each step's set of batches, whatever the number of ranks.
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        budget: int,
        max_len: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        num_accumulate: int = 1,
    ) -> None:
        _check(budget, max_len)
        _check_rank(rank, world_size, num_accumulate)
        self._corpus = corpus
        self._settings = {"budget": budget, "max_len": max_len, "seed": seed}
        self._rank, self._world_size, self._num_accumulate = rank, world_size, num_accumulate
        self.reset()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[ConceptBatch]:
        batches = (self.take(wanted) for wanted in _places(self._num_accumulate, self._world_size, self._rank))
        return [batch for batch in batches if batch is not None]

    def take(self, wanted: bool = True) -> ConceptBatch | None:
        """The next batch of the whole stream, whatever the rank; one that is not wanted is passed over unread: None."""
        if self._index == len(self._plan):
            self._go_to(self._epoch + 1, 0)
        self._index += 1
        return _batch(self._corpus, self._plan, self._index - 1) if wanted else None

    def reset(self) -> None:
        """Back to the first batch of the first epoch."""
        self._go_to(0, 0)

    def state_dict(self) -> dict[str, object]:
        """The position, the same on every rank."""
        return {"epoch": self._epoch, "index": self._index, **self._settings, "corpus": self._corpus.fingerprint}

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """Go to a position. Raises CorpusError if it is one of another corpus, budget, length or seed."""
        for name, here in {**self._settings, "corpus": self._corpus.fingerprint}.items():
            if state_dict[name] != here:
                raise CorpusError(
                    f"{self._corpus.folder}: the run was started with {name} = {state_dict[name]}, but goes on with {here}. "
                    f"Use the same, or start another run."
                )
        self._go_to(int(str(state_dict["epoch"])), int(str(state_dict["index"])))

    @property
    def num_accumulate(self) -> int:
        """Batches of this rank in a step."""
        return self._num_accumulate

    @property
    def epoch(self) -> int:
        """Which epoch the last batch was of, from 0."""
        return self._epoch

    def _go_to(self, epoch: int, index: int) -> None:
        self._epoch, self._index = epoch, index
        self._plan = _plan(self._corpus.lengths, **self._settings, epoch=epoch)


class MixtureReader(DataReader[ConceptBatch]):
    """Several corpora as one endless stream: each batch is of one of them, drawn by weight from (seed, batch).

    Batches and ranks are as in ConceptReader. A document's number is that in its corpus plus the documents of those before.
    """

    def __init__(
        self,
        corpora: Sequence[Corpus],
        weights: Sequence[float],
        *,
        budget: int,
        max_len: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        num_accumulate: int = 1,
    ) -> None:
        _check_rank(rank, world_size, num_accumulate)
        if min(weights) <= 0:
            raise CorpusError(f"The weights of corpora must be over 0, but are {', '.join(map(str, weights))}.")
        self._readers = [ConceptReader(corpus, budget=budget, max_len=max_len, seed=seed) for corpus in corpora]
        self._first = np.cumsum([0, *map(len, corpora)])
        self._weights = [float(weight) for weight in weights]
        self._shares = np.cumsum(self._weights) / sum(self._weights)
        self._seed, self._rank, self._world_size, self._num_accumulate = seed, rank, world_size, num_accumulate
        self._index = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[ConceptBatch]:
        batches = (self._take(wanted) for wanted in _places(self._num_accumulate, self._world_size, self._rank))
        return [batch for batch in batches if batch is not None]

    def reset(self) -> None:
        """Back to the first batch."""
        self._index = 0
        for reader in self._readers:
            reader.reset()

    def state_dict(self) -> dict[str, object]:
        """The position, the same on every rank."""
        readers = [reader.state_dict() for reader in self._readers]
        return {"index": self._index, "weights": self._weights, "readers": readers}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go to a position. Raises CorpusError if it is one of other corpora, weights, budget, length or seed."""
        if state_dict.get("weights") != self._weights:
            raise CorpusError(
                f"The run was started with corpora of weights {state_dict.get('weights')}, but goes on with {self._weights}. "
                f"Use the same, or start another run."
            )
        for reader, state in zip(self._readers, state_dict["readers"], strict=True):
            reader.load_state_dict(state)
        self._index = int(state_dict["index"])

    @property
    def num_accumulate(self) -> int:
        """Batches of this rank in a step."""
        return self._num_accumulate

    def _take(self, wanted: bool) -> ConceptBatch | None:
        bits = np.random.PCG64(np.random.SeedSequence((self._seed, self._index, 2))).random_raw()
        which = int(np.searchsorted(self._shares[:-1], bits / 2**64, side="right"))
        self._index += 1
        batch = self._readers[which].take(wanted)
        if batch is not None:
            batch.document_ids += int(self._first[which])
        return batch
