"""Batches of corpora, without end: every epoch a true permutation of the documents, the same on any number of processes.

All processes make the same plan of an epoch from (seed, epoch) alone and take their share of each step, so that the whole
position is a few numbers, and a run goes on with the very batches that it would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from fairseq2.datasets import DataReader
from typing_extensions import Self

from lcm.data.batches import ConceptBatch
from lcm.data.corpus import Corpus
from lcm.data.plan import Plan, make_plan
from lcm.data.sources import CorpusError


class ConceptReader(DataReader[ConceptBatch]):
    """The endless stream of steps; each `next` gives this process's micro-batches of the next step.

    A step is `budget` concepts, padding included, of all processes together: `micro_batches` batches, each of one corpus,
    drawn by weight from (seed, batch). With fewer processes, each takes several of them in turn; with more, several share one
    by rows. What a step holds does not depend on the number of processes. A document longer than `max_len` sentences becomes
    several rows; a document's number is that in its corpus plus the documents of the corpora before.
    """

    def __init__(
        self,
        corpora: Corpus | Sequence[Corpus],
        weights: Sequence[float] | None = None,
        *,
        budget: int,
        max_len: int,
        seed: int,
        micro_batches: int = 1,
        rank: int = 0,
        world_size: int = 1,
        packed: bool = False,
    ) -> None:
        corpora = [corpora] if isinstance(corpora, Corpus) else list(corpora)
        self._weights = [1.0] * len(corpora) if weights is None else [float(weight) for weight in weights]
        if min(self._weights) <= 0:
            raise CorpusError(f"The weights of corpora must be over 0, but are {', '.join(map(str, self._weights))}.")
        if micro_batches < 1 or (micro_batches % world_size and world_size % micro_batches):
            raise CorpusError(
                f"{micro_batches} micro-batches a step cannot be shared out among {world_size} processes: "
                f"one number must be a multiple of the other."
            )
        self._num_accumulate = max(1, micro_batches // world_size)
        self._shares = max(1, world_size // micro_batches)
        self._budget, self._packed = budget // micro_batches, packed
        self._streams = [_Stream(c, budget=self._budget, max_len=max_len, seed=seed) for c in corpora]
        for stream in self._streams:
            stream.check_rows(self._shares)
        self._first = np.cumsum([0, *map(len, corpora)])
        self._edges = np.cumsum(self._weights) / sum(self._weights)
        self._seed, self._micro_batches, self._rank, self._world_size = seed, micro_batches, rank, world_size
        self._index = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[ConceptBatch]:
        batches = (self._take(place) for place in range(self._micro_batches))
        return [batch for batch in batches if batch is not None]

    def reset(self) -> None:
        """Back to the first step."""
        self._index = 0
        for stream in self._streams:
            stream.go_to(0, 0)

    def state_dict(self) -> dict[str, object]:
        """The position, the same on every process."""
        streams = [stream.state_dict() for stream in self._streams]
        return {
            "index": self._index,
            "weights": self._weights,
            "micro_batches": self._micro_batches,
            "streams": streams,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go to a position. Raises CorpusError if it is one of other corpora, weights, budget, length or seed."""
        here = self.state_dict()
        for name in ("weights", "micro_batches"):
            if state_dict[name] != here[name]:
                raise CorpusError(
                    f"The run was started with corpora and {name} = {state_dict[name]}, but goes on with {here[name]}. "
                    f"Use the same, or start another run."
                )
        for stream, state in zip(self._streams, state_dict["streams"], strict=True):
            stream.load_state_dict(state)
        self._index = int(state_dict["index"])

    @property
    def num_accumulate(self) -> int:
        """Batches of this process in a step."""
        return self._num_accumulate

    def _take(self, place: int) -> ConceptBatch | None:
        """The next batch of the whole stream, the step's `place`-th; None, unread, where other processes take it."""
        which = 0
        if len(self._streams) > 1:
            bits = np.random.PCG64(np.random.SeedSequence((self._seed, self._index, 2))).random_raw()
            which = int(np.searchsorted(self._edges[:-1], bits / 2**64, side="right"))
        self._index += 1
        wanted = self._rank // self._shares == place % (self._world_size // self._shares)
        batch = self._streams[which].take(wanted, self._rank % self._shares, self._shares, self._packed)
        if batch is not None:
            batch.document_ids += int(self._first[which])
        return batch


class _Stream:
    """One corpus, epoch after epoch."""

    def __init__(self, corpus: Corpus, *, budget: int, max_len: int, seed: int) -> None:
        _check_lengths(corpus, budget, max_len)
        self._corpus = corpus
        self._settings = {"budget": budget, "max_len": max_len, "seed": seed}
        self.go_to(0, 0)

    def check_rows(self, shares: int) -> None:
        """Raise CorpusError if a batch might have fewer rows than processes that share it."""
        longest = min(int(self._corpus.lengths.max()), self._settings["max_len"])
        fewest = min(len(self._corpus), -(-(self._settings["budget"] // longest) // 2))
        if fewest < shares:
            raise CorpusError(
                f"{self._corpus.folder}: a batch of {self._settings['budget']} concepts may have no more than {fewest} rows (of "
                f"{longest} sentences), too few for the {shares} processes that share it. Raise the budget, or use fewer."
            )

    def take(self, wanted: bool, share: int, shares: int, packed: bool) -> ConceptBatch | None:
        """The next batch, or a share of it; one that is not wanted is passed over unread: None."""
        if self._index == len(self._plan):
            self.go_to(self._epoch + 1, 0)
        self._index += 1
        if not wanted:
            return None
        width = -(-self._settings["budget"] // shares) if packed else None
        return _read(self._corpus, self._plan, self._index - 1, share, shares, width)

    def go_to(self, epoch: int, index: int) -> None:
        """To a batch of an epoch, both from 0."""
        self._epoch, self._index = epoch, index
        self._plan = make_plan(self._corpus.lengths, **self._settings, epoch=epoch)

    def state_dict(self) -> dict[str, object]:
        return {"epoch": self._epoch, "index": self._index, **self._settings, "corpus": self._corpus.fingerprint}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for name, here in {**self._settings, "corpus": self._corpus.fingerprint}.items():
            if state_dict[name] != here:
                raise CorpusError(
                    f"{self._corpus.folder}: the run was started with {name} = {state_dict[name]}, but goes on with {here}. "
                    f"Use the same, or start another run."
                )
        self.go_to(int(state_dict["epoch"]), int(state_dict["index"]))


def read_once(
    corpus: Corpus, *, budget: int, max_len: int, rank: int = 0, world_size: int = 1, packed: bool = False
) -> Iterator[ConceptBatch]:
    """Every document once, in batches of at most `budget` concepts, of which each process gets its rows: for validation.

    All processes get the same number of batches, as sharded models need.
    """
    _check_lengths(corpus, budget, max_len)
    plan = make_plan(corpus.lengths, budget=budget, max_len=max_len, seed=0, epoch=0)
    for index in range(len(plan)):
        batch = _read(corpus, plan, index).share(rank, world_size)
        yield batch.pack(budget) if packed else batch


def _read(
    corpus: Corpus, plan: Plan, index: int, share: int = 0, shares: int = 1, width: int | None = None
) -> ConceptBatch:
    """A batch of the plan, or every `shares`-th row of it, packed into `width` slots if that is given."""
    own = plan.rows(index)
    documents, starts, lengths = (rows[own][share::shares] for rows in (plan.documents, plan.starts, plan.lengths))
    # Row i begins in slot firsts[i] of a single array; what follows it up to the next row is padding.
    packed, longest = width is not None, int(lengths.max())
    slots = len(lengths) * longest if width is None else max(width, int(lengths.sum()))
    firsts = np.cumsum(lengths) - lengths if packed else longest * np.arange(len(lengths))
    concepts = np.empty((slots, corpus.settings.dim), np.float16)
    rows = zip(documents.tolist(), starts.tolist(), lengths.tolist(), firsts.tolist(), strict=True)
    for document, start, length, first in rows:
        concepts[first : first + length] = corpus.concepts(document)[start : start + length]
    for end, following in zip((firsts + lengths).tolist(), [*firsts[1:].tolist(), slots], strict=True):
        concepts[end:following] = 0
    sources = corpus.source_lengths[documents]
    return ConceptBatch(
        torch.from_numpy(concepts.reshape(1 if packed else len(lengths), -1, corpus.settings.dim)),
        torch.from_numpy(lengths.copy()), torch.from_numpy(documents.copy()), torch.from_numpy(starts.copy()),
        torch.from_numpy(sources) if sources.any() else None, packed,
    )  # fmt: skip


def _check_lengths(corpus: Corpus, budget: int, max_len: int) -> None:
    if not 1 <= max_len <= budget:
        raise CorpusError(f"max_len must be between 1 and the budget of {budget} concepts a batch, but is {max_len}.")
    too_long = np.flatnonzero((corpus.source_lengths > 0) & (corpus.lengths > max_len))
    if len(too_long):
        raise CorpusError(
            f"{corpus.folder}, document {too_long[0]}: a pair of {corpus.lengths[too_long[0]]} sentences cannot be wrapped at "
            f"max_len = {max_len} ({len(too_long)} are longer). Raise max_len, or prepare shorter pairs."
        )
