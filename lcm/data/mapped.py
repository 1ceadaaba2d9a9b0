"""One shard, mapped into memory: any document is handed out without decoding or copying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lcm.data.shards import DATASET, METADATA_KEY, Encoded, Settings, Shard, schema
from lcm.data.sources import CorpusError


@dataclass(frozen=True)
class _Side:
    """The sentences and concepts of all documents of a shard, of either the sources or the targets."""

    texts: Any
    """Arrow's list<string>."""
    lengths: NDArray[np.int64]
    """Sentences of each document."""
    starts: NDArray[np.int64]
    """Where each document begins in `concepts`, and the end of the last."""
    concepts: NDArray[np.float16]
    """[all sentences, E], in the file's own memory."""

    def concepts_of(self, row: int) -> NDArray[np.float16]:
        return self.concepts[self.starts[row] : self.starts[row + 1]]


class MappedShard:
    """One file and its columns as arrays that share the file's memory.

    lengths: int64 [documents], sentences of each, the target's included. source_lengths: those of the source in a pair, 0
    for a plain document. Raises CorpusError for a file that is missing, damaged, of another corpus or of unequal counts.
    """

    def __init__(self, path: Path, settings: Settings, shard: Shard) -> None:
        self.path = path
        self._again = f"Run the same lcm prepare again: it redoes {shard.file} alone."
        self._check_size(shard.bytes)
        try:
            table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        except (pa.ArrowInvalid, OSError) as error:
            raise CorpusError(f"{path}: is damaged ({error}). {self._again}") from None
        pairs = "target_sentences" in table.column_names or "target_concepts" in table.column_names
        self._check_schema(table.schema, settings, pairs)
        self._table = table if table.column(0).num_chunks == 1 else table.combine_chunks()
        self._source = self._side("", settings.dim)
        self._concepts, self._starts = self._source.concepts, self._source.starts  # what training reads, at hand
        self._target = self._side("target_", settings.dim) if pairs else None
        if len(empty := np.flatnonzero(self._source.lengths == 0)):
            raise CorpusError(f"{path}, row {empty[0]}: has no sentence. {self._again}")
        self.lengths, self.source_lengths = self._source.lengths, np.zeros_like(self._source.lengths)
        if self._target is not None:
            self.lengths = self._source.lengths + self._target.lengths
            self.source_lengths = np.where(self._target.lengths > 0, self._source.lengths, 0)

    def concepts_of(self, row: int) -> NDArray[np.float16]:
        """A document's concepts [sentences, E], a view of the file; a pair's source followed by its target, a copy."""
        if self._target is None or not self._target.lengths[row]:
            return self._concepts[self._starts[row] : self._starts[row + 1]]
        return np.concatenate([self._source.concepts_of(row), self._target.concepts_of(row)])

    def sides(self) -> list[tuple[Any, NDArray[np.float16]]]:
        """The texts (Arrow's list<string>) and concepts [sentences, E] of all sources and, with pairs, of all targets."""
        return [(side.texts, side.concepts) for side in (self._source, self._target) if side is not None]

    def check_finite(self, row: int) -> None:
        """Raise CorpusError if a concept of the document is not finite."""
        concepts = self.concepts_of(row)
        if len(bad := not_finite(concepts)):
            raise CorpusError(f"{self.path}, row {row}: concept {bad[0]} is not finite. {self._again}")

    def document(self, row: int) -> Encoded:
        """With its texts."""
        id, lang = (self._table.column(name).chunk(0)[row].as_py() for name in ("id", "lang"))
        source = (self._source.texts[row].as_py(), self._source.concepts_of(row))
        if self._target is None or not self._target.lengths[row]:
            return Encoded(id, lang, *source)
        target = (self._target.texts[row].as_py(), self._target.concepts_of(row))
        return Encoded(id, lang, *source, *target, self._table.column("target_lang").chunk(0)[row].as_py())

    def to_table(self) -> pa.Table:
        """The whole file as it stands."""
        return self._table

    def _check_size(self, wanted: int) -> None:
        try:
            size = self.path.stat().st_size
        except OSError:
            raise CorpusError(f"{self.path}: is missing. {self._again}") from None
        if size != wanted:
            raise CorpusError(
                f"{self.path}: is {size} bytes long, but {DATASET} says {wanted}: cut short or changed. {self._again}"
            )

    def _check_schema(self, found: pa.Schema, settings: Settings, pairs: bool) -> None:
        metadata: Mapping[bytes, bytes] = found.metadata or {}
        wanted_metadata = settings.to_metadata()
        for name in vars(settings):
            here = metadata.get(f"{METADATA_KEY}{name}".encode(), b"nothing").decode()
            wanted = wanted_metadata.get(METADATA_KEY + name, "nothing")
            if here != wanted:
                raise CorpusError(
                    f"{self.path}: was made with {name} = {here}, but {DATASET} says {wanted}. "
                    f"The shard belongs to another corpus; prepare this one again: lcm prepare"
                )
        for name, kind in schema(settings.dim, pairs).items():
            column = found.field(name).type if name in found.names else "missing"
            if column != kind:
                raise CorpusError(
                    f"{self.path}: column '{name}' is {column}, but {kind} is expected. Prepare it again: lcm prepare"
                )

    def _side(self, prefix: str, dim: int) -> _Side:
        texts, concepts = (self._table.column(prefix + name).chunk(0) for name in ("sentences", "concepts"))
        lengths, counts = (np.diff(np.asarray(column.offsets)) for column in (texts, concepts))
        if len(unequal := np.flatnonzero(lengths != counts)):
            row, of = unequal[0], f" of the {prefix.removesuffix('_')}" if prefix else ""
            raise CorpusError(
                f"{self.path}, row {row}: {lengths[row]} sentences{of}, but {counts[row]} concepts. {self._again}"
            )
        starts = np.asarray(concepts.offsets, dtype=np.int64)
        values = concepts.values.values.to_numpy(zero_copy_only=True).reshape(-1, dim)
        return _Side(texts, lengths.astype(np.int64), starts, values)


def not_finite(concepts: NDArray[np.float16]) -> NDArray[np.int64]:
    """Which of the concepts [N, E] hold a value that is infinite or no number."""
    # All bits of the exponent are set in these alone; far faster than isfinite on float16.
    infinite = (concepts.view(np.uint16) & 0x7C00) == 0x7C00
    return np.flatnonzero(infinite.any(1)) if infinite.any() else np.empty(0, np.int64)
