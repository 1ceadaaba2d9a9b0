"""A prepared corpus: a folder of uncompressed Arrow IPC files and a `dataset.json`.

One row is one document: `id`, `lang` (strings), `sentences` list<string>, `concepts` list<fixed_size_list<halffloat, E>>.
Each file's metadata names the concept space, E, the segmenter, its version and the cap; `dataset.json` lists the shards
with counts and checksums. Mapped into memory, any document is handed out without decoding or copying. Letters: N
sentences of a shard, E concept size.
"""

from __future__ import annotations

import hashlib
import json
import os
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lcm.data.sources import CorpusError

DATASET = "dataset.json"
_KEY = "lcm."


@dataclass(frozen=True)
class Settings:
    """How the concepts of a corpus were made."""

    space: str
    dim: int
    """E."""
    segmenter: str
    segmenter_version: str
    cap: int
    """The longest sentence that the segmenter lets through, in characters."""

    def to_metadata(self) -> dict[str, str]:
        """As the metadata of an Arrow schema."""
        return {_KEY + name: str(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Shard:
    """What `dataset.json` says of one file."""

    file: str
    documents: int
    sentences: int
    bytes: int
    sha256: str
    source: str
    """Digest of the documents that it was made from."""


@dataclass(frozen=True)
class Manifest:
    """`dataset.json`."""

    settings: Settings
    shard_size: int
    """Documents in each shard but the last."""
    complete: bool
    """False while the preparation is not finished."""
    shards: tuple[Shard, ...]

    def write(self, folder: Path) -> None:
        """Replace the folder's `dataset.json` at once."""
        part = folder / f".{DATASET}.part"
        try:
            part.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
            os.replace(part, folder / DATASET)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise CorpusError(
                f"{folder / DATASET}: cannot be written ({error.strerror}). Make room and go on."
            ) from error

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Raises CorpusError if there is none or it cannot be understood."""
        path = folder / DATASET
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            shards = tuple(Shard(**shard) for shard in content.pop("shards"))
            return cls(Settings(**content.pop("settings")), shards=shards, **content)
        except FileNotFoundError:
            raise CorpusError(f"{folder}: holds no {DATASET}, so it is no prepared corpus. See: lcm prepare") from None
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise CorpusError(
                f"{path}: cannot be understood ({error}). Prepare the corpus again: lcm prepare"
            ) from None


@dataclass(frozen=True)
class Encoded:
    """One document with its concepts."""

    id: str
    lang: str
    sentences: Sequence[str]
    concepts: NDArray[np.float16]
    """[sentences, E]"""


def write_shard(path: Path, documents: Sequence[Encoded], settings: Settings, source: str) -> Shard:
    """Write documents to a file that appears under its name only when it is whole."""
    counts = [len(document.sentences) for document in documents]
    offsets = pa.array(np.cumsum([0, *counts]), pa.int32())
    concepts = np.concatenate([document.concepts for document in documents])  # [N, E]
    sentences = pa.array([sentence for document in documents for sentence in document.sentences], pa.string())
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(concepts.reshape(-1)), settings.dim)
    columns = {
        "id": pa.array([document.id for document in documents], pa.string()),
        "lang": pa.array([document.lang for document in documents], pa.string()),
        "sentences": pa.ListArray.from_arrays(offsets, sentences),
        "concepts": pa.ListArray.from_arrays(offsets, vectors),
    }
    table = pa.table(columns).replace_schema_metadata(settings.to_metadata())
    part = path.with_name(f".{path.name}.part")
    try:
        with pa.OSFile(str(part), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        shard = Shard(path.name, len(documents), sum(counts), part.stat().st_size, checksum(part), source)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CorpusError(
            f"{path}: cannot be written ({error.strerror or error}). Make room and go on: the same command."
        ) from error
    return shard


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class _MappedShard:
    """One file, mapped; its columns as arrays that share the file's memory."""

    def __init__(self, path: Path, settings: Settings, shard: Shard) -> None:
        self.path = path
        again = f"Run the same lcm prepare again: it redoes {shard.file} alone."
        try:
            size = path.stat().st_size
        except OSError:
            raise CorpusError(f"{path}: is missing. {again}") from None
        if size != shard.bytes:
            raise CorpusError(
                f"{path}: is {size} bytes long, but {DATASET} says {shard.bytes}: cut short or changed. {again}"
            )
        try:
            table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        except (pa.ArrowInvalid, OSError) as error:
            raise CorpusError(f"{path}: is damaged ({error}). {again}") from None
        self._check_schema(table.schema, settings)
        self._again = again
        self._table = table if table.column(0).num_chunks == 1 else table.combine_chunks()
        self.lengths = self._check_counts()
        vectors = self._chunk("concepts").values  # fixed_size_list<halffloat, E>
        self.concepts: NDArray[np.float16] = vectors.values.to_numpy(zero_copy_only=True).reshape(-1, settings.dim)
        self.starts = np.asarray(self._chunk("concepts").offsets, dtype=np.int64)

    def _chunk(self, name: str) -> Any:
        return self._table.column(name).chunk(0)

    def _check_schema(self, schema: pa.Schema, settings: Settings) -> None:
        found: Mapping[bytes, bytes] = schema.metadata or {}
        for name, value in settings.to_metadata().items():
            here = found.get(name.encode(), b"nothing").decode()
            if here != value:
                raise CorpusError(
                    f"{self.path}: was made with {name.removeprefix(_KEY)} = {here}, but {DATASET} says {value}. "
                    f"The shard belongs to another corpus; prepare this one again: lcm prepare"
                )
        vector = pa.list_(pa.list_(pa.float16(), settings.dim))
        wanted = {"id": pa.string(), "lang": pa.string(), "sentences": pa.list_(pa.string()), "concepts": vector}
        for name, kind in wanted.items():
            here = schema.field(name).type if name in schema.names else "missing"
            if here != kind:
                raise CorpusError(
                    f"{self.path}: column '{name}' is {here}, but {kind} is expected. Prepare it again: lcm prepare"
                )

    def _check_counts(self) -> NDArray[np.int64]:
        sentences, concepts = (np.diff(np.asarray(self._chunk(name).offsets)) for name in ("sentences", "concepts"))
        unequal = np.flatnonzero(sentences != concepts)
        if len(unequal):
            row = unequal[0]
            raise CorpusError(
                f"{self.path}, row {row}: {sentences[row]} sentences, but {concepts[row]} concepts. {self._again}"
            )
        if len(empty := np.flatnonzero(sentences == 0)):
            raise CorpusError(f"{self.path}, row {empty[0]}: has no sentence. {self._again}")
        return sentences.astype(np.int64)

    def concepts_of(self, row: int) -> NDArray[np.float16]:
        return self.concepts[self.starts[row] : self.starts[row + 1]]

    def check_finite(self, row: int) -> None:
        # All bits of the exponent are set in infinities and NaN alone; far faster than isfinite on float16.
        if ((self.concepts_of(row).view(np.uint16) & 0x7C00) == 0x7C00).any():
            concept = int(np.flatnonzero(~np.isfinite(self.concepts_of(row)).all(1))[0])
            raise CorpusError(f"{self.path}, row {row}: concept {concept} is not finite. {self._again}")

    def document(self, row: int) -> Encoded:
        text = {name: self._chunk(name)[row].as_py() for name in ("id", "lang", "sentences")}
        return Encoded(**text, concepts=self.concepts_of(row))


class Corpus:
    """A prepared corpus, mapped. Documents are numbered through all shards.

    lengths: int64 [documents], sentences of each, the end of text included. Raises CorpusError for a corpus whose
    preparation is not finished, and for shards that are missing, damaged, of another space or of unequal counts.
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
        self._mapped = [_MappedShard(self.folder / s.file, manifest.settings, s) for s in manifest.shards]
        self._first = [0, *accumulate(len(shard.lengths) for shard in self._mapped)]
        self.lengths: NDArray[np.int64] = np.concatenate([shard.lengths for shard in self._mapped])
        self._finite = np.zeros(len(self.lengths), dtype=bool)  # found to be so

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, number: int) -> Encoded:
        """A document with its texts."""
        if not 0 <= number < len(self):
            raise IndexError(f"document {number} of {len(self)}")
        self.concepts(number)
        shard, row = self._locate(number)
        return shard.document(row)

    @property
    def fingerprint(self) -> str:
        """The same for the same documents with the same concepts."""
        return hashlib.sha256("".join(shard.sha256 for shard in self.shards).encode()).hexdigest()[:16]

    def concepts(self, number: int) -> NDArray[np.float16]:
        """A document's concepts [sentences, E], a view of the file. At its first reading it is checked to be finite."""
        shard, row = self._locate(number)
        if not self._finite[number]:
            shard.check_finite(row)
            self._finite[number] = True
        return shard.concepts_of(row)

    def require(self, space: str, dim: int) -> None:
        """Raise CorpusError unless the concepts are of that space."""
        if (self.settings.space, self.settings.dim) != (space, dim):
            raise CorpusError(
                f"{self.folder}: holds concepts of space '{self.settings.space}' (E = {self.settings.dim}), but "
                f"'{space}' (E = {dim}) is asked for. Prepare it again: lcm prepare --space {space}"
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

    def _locate(self, number: int) -> tuple[_MappedShard, int]:
        index = bisect_right(self._first, number) - 1
        return self._mapped[index], number - self._first[index]
