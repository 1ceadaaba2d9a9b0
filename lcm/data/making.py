"""The work of one shard, the same wherever it runs: keep it if it is whole, else make it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lcm.data.encoding import Marks, ReportSentences, encode_documents
from lcm.data.shards import Settings, Shard, is_whole, write_shard
from lcm.data.sources import Document
from lcm.segmentation import open_segmenter
from lcm.sonar import ConceptSpace

OpenSpace = Callable[[str], ConceptSpace]
"""A device → the space on it; it is sent to the processes that need one."""


@dataclass(frozen=True)
class Task:
    """One shard to be made."""

    path: Path
    documents: tuple[Document, ...]
    settings: Settings
    marks: Marks
    source: str
    """Digest of the documents and marks."""
    before: tuple[Shard, ...]
    """What earlier runs made of the same documents."""


@dataclass(frozen=True)
class Made:
    """A shard that is there."""

    shard: Shard
    kept: bool
    """It was there before."""


def make_shard(task: Task, space: Callable[[], ConceptSpace], report: ReportSentences) -> Made:
    """Make the shard, or keep the one that is there if it is whole; `space` is asked for only if something is encoded."""
    for shard in task.before:
        if is_whole(task.path, shard):
            return Made(shard, True)
    segmenter = open_segmenter(cap=task.settings.cap)
    encoded = encode_documents(task.documents, segmenter, space(), task.marks, report)
    return Made(write_shard(task.path, encoded, task.settings, task.source), False)
