"""From documents to a corpus: segment, encode, write shards. What was finished before an interruption is kept."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from lcm.data.shards import DATASET, Encoded, Manifest, Settings, Shard, is_whole, write_shard
from lcm.data.sources import CorpusError, Document, read_documents
from lcm.languages import to_sonar
from lcm.segmentation import Segmenter, open_segmenter
from lcm.sonar import END_OF_TEXT, ConceptSpace

_CHUNK = 2048  # sentences encoded between two reports of progress


@dataclass(frozen=True)
class Progress:
    """How far a preparation is."""

    documents: float
    """Done; those of the shard in work count by the share of its sentences that are encoded."""
    total: int
    encoded: int
    """Sentences that this run put through the encoder."""


@dataclass(frozen=True)
class Report:
    """What a preparation did."""

    documents: int
    sentences: int
    """In the whole corpus, the ends of text included."""
    shards: int
    kept: int
    """Shards that were finished before."""
    encoded: int
    """Sentences that this run put through the encoder: those repeated within a shard go once."""
    seconds: float
    """Of this run."""


def prepare(
    source: str | Path,
    output: str | Path,
    space: ConceptSpace,
    *,
    lang: str = "en",
    limit: int | None = None,
    shard_size: int = 2000,
    cap: int = 200,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Report:
    """Prepare the documents of `source` into the folder `output`, in shards of `shard_size` documents.

    The same call again goes on after an interruption: a shard stays if its checksum and its source documents are the
    same, and is made again otherwise. All documents are read once before the first is encoded, so that a bad row is told
    at once. Raises CorpusError naming file and row; a shard is there whole or not at all.
    """
    source, folder, start = Path(source), Path(output), time.monotonic()
    for name, value in (("limit", limit), ("shard_size", shard_size), ("cap", cap)):
        if value is not None and value < 1:
            raise CorpusError(f"{name} must be at least 1, but is {value}.")
    segmenter = open_segmenter(cap=cap)
    name, _, version = segmenter.name.rpartition("-")
    settings = Settings(space.name, space.dim, name, version, cap, space.encoder_checksum)
    total = _check(read_documents(source, lang=lang, limit=limit), space)
    shards = _shards_before(folder, settings, shard_size)

    names: list[str] = []
    done = encoded = kept = 0

    def report(sentences: int, share: float) -> None:
        nonlocal encoded
        encoded += sentences
        on_progress(Progress(done + share * len(part), total, encoded))

    documents = read_documents(source, lang=lang, limit=limit)
    while part := list(islice(documents, shard_size)):
        names.append(f"shard-{len(names):05d}.arrow")
        path = folder / names[-1]
        digest = hashlib.sha256(b"".join(document.digest for document in part)).hexdigest()
        if (before := shards.get(path.name)) and before.source == digest and is_whole(path, before):
            kept += 1
        else:
            shards[path.name] = write_shard(path, encode_documents(part, segmenter, space, report), settings, digest)
            Manifest(settings, shard_size, False, tuple(shards[name] for name in sorted(shards))).write(folder)
        report(0, 1)
        done += len(part)
    for name in shards.keys() - set(names):
        (folder / name).unlink(missing_ok=True)  # left from a longer source
    made = tuple(shards[name] for name in names)
    Manifest(settings, shard_size, True, made).write(folder)
    return Report(done, sum(shard.sentences for shard in made), len(made), kept, encoded, time.monotonic() - start)


def encode_documents(
    documents: Sequence[Document],
    segmenter: Segmenter,
    space: ConceptSpace,
    report: Callable[[int, float], None] = lambda sentences, share: None,
) -> list[Encoded]:
    """Documents with their concepts, the end of text after the last sentence of each.

    A sentence that several documents hold in one language is encoded once. `report` is told, now and then, how many
    sentences have been encoded since, and what share of all is done.
    """

    def split(text: str, lang: str) -> list[str]:
        return [sentence.text for sentence in segmenter.split(text, lang)]

    texts = [document.sentences(split) for document in documents]
    known: defaultdict[str, dict[str, int]] = defaultdict(dict)  # language → sentence → row of its table
    for document, sentences in zip(documents, texts, strict=True):
        for sentence in sentences:
            known[document.lang].setdefault(sentence, len(known[document.lang]))
    tables = {lang: np.empty((len(rows), space.dim), np.float16) for lang, rows in known.items()}
    number, encoded = sum(map(len, known.values())), 0
    for lang, rows in known.items():
        by_length = sorted(rows, key=len)  # batches of like length, so that little is padded
        for start in range(0, len(by_length), _CHUNK):
            portion = by_length[start : start + _CHUNK]
            with np.errstate(over="ignore"):  # told below, with its place
                tables[lang][[rows[sentence] for sentence in portion]] = space.encode(portion, lang).cpu().numpy()
            encoded += len(portion)
            report(len(portion), encoded / number)
    end = space.end_of_text.cpu().numpy().astype(np.float16)[None]
    result = []
    for document, sentences in zip(documents, texts, strict=True):
        places = [known[document.lang][sentence] for sentence in sentences]
        concepts = np.concatenate([tables[document.lang][places], end])
        if not np.isfinite(concepts).all():
            bad = int(np.flatnonzero(~np.isfinite(concepts).all(1))[0])
            raise CorpusError(
                f"{document.place}: the concept of sentence {bad} is not finite in float16, so space '{space.name}' cannot "
                f"take it. Remove the sentence."
            )
        result.append(Encoded(document.id, document.lang, [*sentences, END_OF_TEXT], concepts))
    return result


def _check(documents: Iterable[Document], space: ConceptSpace) -> int:
    """How many documents there are; CorpusError for a language that the space does not speak, and for none."""
    spoken = {*space.languages}
    total = 0
    for total, document in enumerate(documents, 1):
        if to_sonar(document.lang) not in spoken:
            raise CorpusError(
                f"{document.place}: is in '{document.lang}', which space '{space.name}' does not speak. "
                f"Remove it, or choose another space."
            )
    if not total:
        raise CorpusError("There are no documents to prepare.")
    return total


def _shards_before(folder: Path, settings: Settings, shard_size: int) -> dict[str, Shard]:
    """What an interrupted or earlier run left in the folder, which is made if it is not there."""
    if (folder / DATASET).is_file():
        before = Manifest.read(folder)
        _check_encoder(folder, before.settings, settings)
        for name, here, there in (
            *((name, getattr(before.settings, name), getattr(settings, name)) for name in vars(settings)),
            ("shard_size", before.shard_size, shard_size),
        ):
            if here != there:
                raise CorpusError(
                    f"{folder}: holds a corpus with {name} = {here}, but {there} is asked for. Choose another folder, or delete it."
                )
        return {shard.file: shard for shard in before.shards}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise CorpusError(f"{folder}: is neither empty nor a prepared corpus. Choose another folder.")
        Manifest(settings, shard_size, False, ()).write(folder)
    except OSError as error:
        raise CorpusError(f"{folder}: cannot be made or written ({error.strerror}). Choose another folder.") from None
    return {}


def _check_encoder(folder: Path, before: Settings, now: Settings) -> None:
    if before.space == now.space and before.encoder != now.encoder:
        was, here = (settings.encoder[:12] or "not known" for settings in (before, now))
        raise CorpusError(
            f"{folder}: holds concepts of another encoder named '{now.space}' (its checksum is {was}, here {here}). "
            f"Choose another folder, or delete it."
        )
