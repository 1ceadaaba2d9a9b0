"""From documents to a corpus: cut into shards, have them made, list them. What was finished before is kept."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from lcm.data.encoding import Marks
from lcm.data.executors import Executor, Here
from lcm.data.ledger import Ledger
from lcm.data.making import Made, Task
from lcm.data.shards import Settings, Shard
from lcm.data.sources import Columns, CorpusError, Document, HubOptions, read_documents, recorded_encoder
from lcm.languages import to_sonar
from lcm.segmentation import open_segmenter
from lcm.sonar import ConceptSpace


@dataclass(frozen=True)
class Progress:
    """How far a preparation is."""

    documents: float
    """Done; those of shards in work count by the share of their sentences that are encoded."""
    total: int
    encoded: int
    """Sentences that this run put through the encoder."""


@dataclass(frozen=True)
class Report:
    """What a preparation did."""

    documents: int
    sentences: int
    """In all shards of this run, the ends of text included."""
    shards: int
    kept: int
    """Shards that were finished before."""
    encoded: int
    """Sentences that this run put through the encoder: those repeated within a shard go once."""
    seconds: float
    """Of the making of shards; reading everything once and opening the space came before."""


@dataclass(frozen=True)
class Survey:
    """What a first look at all documents finds."""

    documents: int
    langs: dict[str, str]
    """Language → where it is first used."""
    dims: dict[int, str]
    """E of vectors that came along → where they first have it."""


def survey(documents: Iterable[Document]) -> Survey:
    """Look at every document once, so that a bad row is told before anything is encoded."""
    number, langs, dims = 0, dict[str, str](), dict[int, str]()
    for number, document in enumerate(documents, 1):
        for passage in document.passages:
            langs.setdefault(passage.lang, document.place)
            if passage.concepts is not None:
                dims.setdefault(passage.concepts.shape[1], document.place)
    return Survey(number, langs, dims)


def prepare(
    source: str | Path,
    output: str | Path,
    space: ConceptSpace | Callable[[], ConceptSpace],
    *,
    lang: str = "en",
    target_lang: str | None = None,
    columns: Columns = Columns(),
    hub: HubOptions = HubOptions(),
    marks: Marks = Marks(),
    limit: int | None = None,
    shard_size: int = 2000,
    cap: int = 200,
    part: int = 0,
    parts: int = 1,
    executor: Executor | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Report:
    """Prepare the documents of `source` (see read_documents) into the folder `output`, in shards of `shard_size` documents.

    The same call again goes on after an interruption: a shard stays if its checksum and its source documents are the
    same, and is made again otherwise. All documents are read once before the first is encoded, so that a bad row is told
    at once; if `space` is a function, it is opened only then. `executor` says where shards are made: by default in this
    process, with `space`. Of several jobs that share a folder, each with its own `part` of `parts`, each makes every
    parts-th shard; a last call without them, which finds the shards made, completes the corpus. Raises CorpusError naming file and row; a shard is there whole or not at all.
    """
    folder = Path(output)
    for name, value in (("limit", limit), ("shard_size", shard_size), ("cap", cap), ("parts", parts)):
        if value is not None and value < 1:
            raise CorpusError(f"{name} must be at least 1, but is {value}.")
    if not 0 <= part < parts:
        raise CorpusError(f"part must be between 0 and {parts - 1}, one less than parts, but is {part}.")
    if not columns.pairs and (target_lang or marks.target_prefix or marks.target_suffix):
        raise CorpusError("A target's language or marks are given, but no target. Name the column: --target-column.")
    read = partial(
        read_documents, source, lang=lang, target_lang=target_lang, columns=columns, hub=hub, limit=limit,
        wanted=None if parts == 1 else lambda number: number // shard_size % parts == part,
    )  # fmt: skip
    found = survey(read())
    space = space() if callable(space) else space
    _check(found, space, parts)
    encoder = space.encoder_checksum
    if columns.vectors:
        encoder = recorded_encoder(source, space.name, encoder)
    segmenter, _, version = open_segmenter(cap=cap).name.rpartition("-")
    settings = Settings(space.name, space.dim, segmenter, version, cap, encoder)
    ledger = Ledger(folder, settings, shard_size, part, parts)
    tasks = _tasks(read(), folder, settings, marks, ledger, shard_size, part, parts)
    tally, start = _Tally(found.documents, on_progress), time.monotonic()
    try:
        for made in (executor or Here(space)).run(tasks, tally.report):
            if not made.kept:
                ledger.enter(made.shard)
            tally.finish(made)
    finally:
        if parts == 1:
            for torn in folder.glob(".shard-*.part.*"):
                torn.unlink()  # of a process that was killed
    shards = tally.shards
    if parts == 1:
        ledger.close(shards)
    sentences = sum(shard.sentences for shard in shards)
    return Report(found.documents, sentences, len(shards), tally.kept, tally.encoded, time.monotonic() - start)


def _check(found: Survey, space: ConceptSpace, parts: int) -> None:
    if not found.documents and parts == 1:
        raise CorpusError("There are no documents to prepare.")
    for lang, place in found.langs.items():
        if to_sonar(lang) not in space.languages:
            raise CorpusError(
                f"{place}: is in '{lang}', which space '{space.name}' does not speak. Remove it, or choose another space."
            )
    for dim, place in found.dims.items():
        if dim != space.dim:
            raise CorpusError(
                f"{place}: its vectors have E = {dim}, but space '{space.name}' has E = {space.dim}. "
                f"Choose the space that they were made in: --space"
            )


def _tasks(
    documents: Iterator[Document],
    folder: Path,
    settings: Settings,
    marks: Marks,
    ledger: Ledger,
    shard_size: int,
    part: int,
    parts: int,
) -> Iterator[Task]:
    number = part
    while own := tuple(islice(documents, shard_size)):
        path = folder / f"shard-{number:05d}.arrow"
        digest = hashlib.sha256(marks.digest + b"".join(document.digest for document in own)).hexdigest()
        yield Task(path, own, settings, marks, digest, ledger.before(path.name, digest))
        number += parts


@dataclass
class _Tally:
    """What is done so far, of shards that are made side by side."""

    total: int
    on_progress: Callable[[Progress], None]
    done: int = 0
    encoded: int = 0
    kept: int = 0
    _made: dict[str, Shard] = field(default_factory=dict)
    _in_work: dict[str, float] = field(default_factory=dict)
    """Documents' worth of each shard that is not finished."""

    @property
    def shards(self) -> tuple[Shard, ...]:
        """In the order of their numbers."""
        return tuple(self._made[name] for name in sorted(self._made, key=lambda name: (len(name), name)))

    def report(self, task: Task, sentences: int, share: float) -> None:
        self.encoded += sentences
        self._in_work[task.path.name] = share * len(task.documents)
        self._tell()

    def finish(self, made: Made) -> None:
        self._made[made.shard.file] = made.shard
        self._in_work.pop(made.shard.file, None)
        self.done += made.shard.documents
        self.kept += made.kept
        self._tell()

    def _tell(self) -> None:
        self.on_progress(Progress(self.done + sum(self._in_work.values()), self.total, self.encoded))
