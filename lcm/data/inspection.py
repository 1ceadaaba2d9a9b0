"""What is in a prepared corpus, and whether all of it is as it should be. E: concept size."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lcm.data.corpus import Corpus
from lcm.data.mapped import MappedShard, not_finite
from lcm.data.shards import DATASET, Settings, Shard, checksum

_BLOCK = 1 << 16  # concepts whose norms are computed at a time: 256 MB in float32 at E = 1024
_NEAR_CAP = 0.95


@dataclass(frozen=True)
class Bin:
    """Documents of `first` to `last` sentences."""

    first: int
    last: int
    documents: int


@dataclass(frozen=True)
class Inspection:
    """The facts of a corpus."""

    folder: str
    settings: Settings
    documents: int
    pairs: int
    sentences: int
    """Ends of text included."""
    lengths: tuple[Bin, ...]
    """A histogram of the sentences of documents, in powers of two."""
    at_cap: int
    """Sentences of the cap's length or longer; the segmenter cut most of them."""
    near_cap: int
    """Sentences of 95 % of it or more, those included."""
    norm_mean: float
    norm_min: float
    norm_max: float
    not_finite: int
    """Concepts with a value that is infinite or no number; norms leave them out."""
    duplicates: int
    """Documents whose text and target stood in the corpus before."""
    repeated: int
    """Sentences that stood in the same shard before: nobody had to encode them again."""
    shards: int
    bytes: int
    """On disk."""
    faults: tuple[str, ...]
    """What is wrong: file, row and remedy, one line each."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass
class _Count:
    sentences: int = 0
    at_cap: int = 0
    near_cap: int = 0
    norm_sum: float = 0.0
    norm_min: float = np.inf
    norm_max: float = 0.0
    not_finite: int = 0
    duplicates: int = 0
    repeated: int = 0
    faults: list[str] = field(default_factory=list)
    seen: set[bytes] = field(default_factory=set)
    """Digests of documents, 16 bytes each."""


def inspect(folder: str | Path) -> Inspection:
    """Read the whole corpus and check every file against its checksum and every concept for being finite.

    What Corpus refuses (unequal counts, a wrong E, another space, a missing or cut file) raises CorpusError; damage that only
    reading shows is told in `faults`.
    """
    corpus, count = Corpus(folder), _Count()
    for mapped, shard in zip(corpus.mapped, corpus.shards, strict=True):
        _count(mapped, shard, corpus.settings.cap, count)
    finite = count.sentences - count.not_finite
    return Inspection(
        folder=str(folder), settings=corpus.settings, documents=len(corpus), pairs=corpus.pairs,
        sentences=count.sentences, lengths=_histogram(corpus.lengths), at_cap=count.at_cap, near_cap=count.near_cap,
        norm_mean=count.norm_sum / max(1, finite), norm_min=count.norm_min if finite else 0.0, norm_max=count.norm_max,
        not_finite=count.not_finite, duplicates=count.duplicates, repeated=count.repeated, shards=len(corpus.shards),
        bytes=sum(path.stat().st_size for path in Path(folder).iterdir() if path.is_file()), faults=tuple(count.faults),
    )  # fmt: skip


def _count(mapped: MappedShard, shard: Shard, cap: int, count: _Count) -> None:
    again = f"Run the same lcm prepare again: it redoes {shard.file} alone."
    if checksum(mapped.path) != shard.sha256:
        count.faults.append(f"{mapped.path}: its checksum is not the one in {DATASET}: changed or damaged. {again}")
    texts, bad_before = [], count.not_finite
    for columns, concepts in mapped.sides():
        texts.append(sentences := columns.flatten())
        lengths = pc.utf8_length(sentences)
        count.sentences += len(concepts)
        count.at_cap += pc.sum(pc.greater_equal(lengths, cap)).as_py() or 0
        count.near_cap += pc.sum(pc.greater_equal(lengths, _NEAR_CAP * cap)).as_py() or 0
        for start in range(0, len(concepts), _BLOCK):
            block = concepts[start : start + _BLOCK]
            bad = not_finite(block)
            norms = np.linalg.norm(np.delete(block, bad, 0).astype(np.float32), axis=1)
            count.not_finite += len(bad)
            if len(norms):
                count.norm_sum += float(norms.sum(dtype=np.float64))
                count.norm_min, count.norm_max = (
                    min(count.norm_min, float(norms.min())),
                    max(count.norm_max, float(norms.max())),
                )
    count.repeated += sum(map(len, texts)) - len(pc.unique(pa.concat_arrays(texts)))
    _count_duplicates(mapped, count)
    if count.not_finite > bad_before:
        for row in range(len(mapped.lengths)):
            if len(bad := not_finite(mapped.concepts_of(row))):
                count.faults.append(f"{mapped.path}, row {row}: concept {bad[0]} is not finite. {again}")


def _count_duplicates(mapped: MappedShard, count: _Count) -> None:
    for row in range(len(mapped.lengths)):
        text = repr([texts[row].as_py() for texts, _ in mapped.sides()])
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        count.duplicates += digest in count.seen
        count.seen.add(digest)


def _histogram(lengths: np.ndarray[Any, np.dtype[np.int64]]) -> tuple[Bin, ...]:
    powers = np.floor(np.log2(lengths)).astype(int)
    return tuple(Bin(2**power, 2 ** (power + 1) - 1, int(number)) for power, number in enumerate(np.bincount(powers)))
