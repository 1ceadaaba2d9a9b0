"""The format of a prepared corpus: uncompressed Arrow IPC files and a `dataset.json`; how both are written.

One row is one document: `id`, `lang` (strings), `sentences` list<string>, `concepts` list<fixed_size_list<halffloat, E>>;
for pairs also `target_lang`, `target_sentences`, `target_concepts`, which are empty in the row of a plain document. Each file's
metadata names the concept space, the checksum of its encoder, E, the segmenter, its version and the cap; `dataset.json`
lists the shards with counts and checksums. Letters: N sentences of a shard, E concept size.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lcm.data.sources import CorpusError
from lcm.files import replacing

DATASET = "dataset.json"
METADATA_KEY = "lcm."


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
    encoder: str = ""
    """Checksum of the encoder's weights; empty where it is not known: vectors that were computed elsewhere."""

    def to_metadata(self) -> dict[str, str]:
        """As the metadata of an Arrow schema."""
        return {METADATA_KEY + name: str(value) for name, value in asdict(self).items() if value != ""}


@dataclass(frozen=True)
class Shard:
    """What `dataset.json` says of one file."""

    file: str
    documents: int
    sentences: int
    """Those of targets included."""
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
        try:
            with replacing(folder / DATASET) as part:
                part.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        except OSError as error:
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
    """One document with its concepts; if it is a pair, those are the source's, and the target's stand beside them."""

    id: str
    lang: str
    sentences: Sequence[str]
    concepts: NDArray[np.float16]
    """[sentences, E]"""
    target_sentences: Sequence[str] | None = None
    target_concepts: NDArray[np.float16] | None = None
    """[target sentences, E]"""
    target_lang: str | None = None


def write_shard(path: Path, documents: Sequence[Encoded], settings: Settings, source: str) -> Shard:
    """Write documents to a file that appears under its name only when it is whole. `source`: see Shard."""
    columns: dict[str, pa.Array] = {
        "id": pa.array([document.id for document in documents], pa.string()),
        "lang": pa.array([document.lang for document in documents], pa.string()),
    }
    columns |= _columns("", [(document.sentences, document.concepts) for document in documents], settings.dim)
    if any(document.target_concepts is not None for document in documents):
        nothing = np.empty((0, settings.dim), np.float16)
        targets = [
            ((), nothing) if d.target_sentences is None or d.target_concepts is None else (d.target_sentences, d.target_concepts)
            for d in documents
        ]  # fmt: skip
        columns["target_lang"] = pa.array([document.target_lang or "" for document in documents], pa.string())
        columns |= _columns("target_", targets, settings.dim)
    table = pa.table(columns).replace_schema_metadata(settings.to_metadata())
    counts = (len(document.sentences) + len(document.target_sentences or ()) for document in documents)
    try:
        with replacing(path) as part:
            with pa.OSFile(str(part), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            return Shard(path.name, len(documents), sum(counts), part.stat().st_size, checksum(part), source)
    except OSError as error:
        raise CorpusError(
            f"{path}: cannot be written ({error.strerror or error}). Make room and go on: the same command."
        ) from error


def _columns(
    prefix: str, rows: Sequence[tuple[Sequence[str], NDArray[np.float16]]], dim: int
) -> dict[str, pa.ListArray]:
    offsets = pa.array(np.cumsum([0, *(len(sentences) for sentences, _ in rows)]), pa.int32())
    texts = pa.array([sentence for sentences, _ in rows for sentence in sentences], pa.string())
    concepts = np.concatenate([concepts for _, concepts in rows])  # [N, E]
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(concepts.reshape(-1)), dim)
    return {
        f"{prefix}sentences": pa.ListArray.from_arrays(offsets, texts),
        f"{prefix}concepts": pa.ListArray.from_arrays(offsets, vectors),
    }


def schema(dim: int, pairs: bool) -> dict[str, Any]:
    """The Arrow type of every column of a shard."""
    texts, vectors = pa.list_(pa.string()), pa.list_(pa.list_(pa.float16(), dim))
    columns = {"id": pa.string(), "lang": pa.string(), "sentences": texts, "concepts": vectors}
    if pairs:
        columns |= {"target_lang": pa.string(), "target_sentences": texts, "target_concepts": vectors}
    return columns


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def is_whole(path: Path, shard: Shard) -> bool:
    """Whether the file is the one that the shard tells of, to the bit."""
    return path.is_file() and path.stat().st_size == shard.bytes and checksum(path) == shard.sha256
