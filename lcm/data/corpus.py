"""A prepared corpus: the shards of a folder, mapped into memory, as one row of documents. E: concept size."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lcm.data.mapped import MappedShard
from lcm.data.shards import Encoded, Manifest
from lcm.data.sources import CorpusError


class Corpus:
    """A prepared corpus, mapped. Documents are numbered through all shards.

    lengths: int64 [documents], sentences of each, the end of text included; of a pair, source and target together.
    source_lengths: int64 [documents], sentences of the source in a pair, 0 for a plain document. Raises CorpusError for a
    corpus whose preparation is not finished, and for shards that are missing, damaged, of another space or of unequal
    counts.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        manifest = Manifest.read(self.folder)
        if not manifest.complete:
            raise CorpusError(
                f"{self.folder}: its preparation was interrupted. Run the same lcm prepare again to finish it."
            )
        if not manifest.shards:
            raise CorpusError(f"{self.folder}: holds no documents. Prepare it from a source that has some: lcm prepare")
        self.settings = manifest.settings
        self.shards = manifest.shards
        self.mapped = [MappedShard(self.folder / s.file, manifest.settings, s) for s in manifest.shards]
        self._first = [0, *accumulate(len(shard.lengths) for shard in self.mapped)]
        self.lengths: NDArray[np.int64] = np.concatenate([shard.lengths for shard in self.mapped])
        self.source_lengths: NDArray[np.int64] = np.concatenate([shard.source_lengths for shard in self.mapped])
        self._finite = np.zeros(len(self.lengths), dtype=bool)  # found to be so

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def pairs(self) -> int:
        """How many of the documents are pairs."""
        return int((self.source_lengths > 0).sum())

    def __getitem__(self, number: int) -> Encoded:
        """A document with its texts."""
        document = self.text(number)
        self.concepts(number)  # checked to be finite
        return document

    def text(self, number: int) -> Encoded:
        """The same document, whatever its concepts are."""
        if not 0 <= number < len(self):
            raise IndexError(f"document {number} of {len(self)}")
        shard, row = self._locate(number)
        return shard.document(row)

    @property
    def fingerprint(self) -> str:
        """The same for the same documents with the same concepts."""
        return hashlib.sha256("".join(shard.sha256 for shard in self.shards).encode()).hexdigest()[:16]

    def concepts(self, number: int) -> NDArray[np.float16]:
        """A document's concepts [sentences, E], a view of the file; a pair's source followed by its target, a copy.

        At its first reading it is checked to be finite.
        """
        shard, row = self._locate(number)
        if not self._finite[number]:
            shard.check_finite(row)
            self._finite[number] = True
        return shard.concepts_of(row)

    def require(self, space: str, dim: int, encoder: str | None = None) -> None:
        """Raise CorpusError unless the concepts are of that space; with `encoder`, of the very weights of that checksum.

        A corpus of vectors that were computed elsewhere does not know its encoder; its name and E must do.
        """
        if (self.settings.space, self.settings.dim) != (space, dim):
            raise CorpusError(
                f"{self.folder}: holds concepts of space '{self.settings.space}' (E = {self.settings.dim}), but "
                f"'{space}' (E = {dim}) is asked for. Prepare it again: lcm prepare --space {space}"
            )
        if encoder and self.settings.encoder and encoder != self.settings.encoder:
            raise CorpusError(
                f"{self.folder}: holds concepts of another encoder named '{space}' (checksum "
                f"{self.settings.encoder[:12]}, not {encoder[:12]}). Prepare it again in another folder: lcm prepare"
            )

    def sample_concepts(self, number: int, seed: int = 0) -> NDArray[np.float16]:
        """`number` concepts [number, E] drawn from all documents without repetition; all of them if there are fewer."""
        total = int(self.lengths.sum())
        if number >= total:
            return np.concatenate([self.concepts(document) for document in range(len(self))])
        ends = np.cumsum(self.lengths)
        chosen = np.sort(np.random.default_rng(seed).choice(total, number, replace=False))
        documents = np.searchsorted(ends, chosen, side="right")
        rows = chosen - (ends - self.lengths)[documents]
        return np.stack([self.concepts(int(d))[r] for d, r in zip(documents, rows, strict=True)])

    def _locate(self, number: int) -> tuple[MappedShard, int]:
        index = bisect_right(self._first, number) - 1
        return self.mapped[index], number - self._first[index]
