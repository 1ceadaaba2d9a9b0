"""Documents to concepts: segment, encode each distinct sentence once, mark and close. E: concept size."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from lcm.data.mapped import not_finite
from lcm.data.shards import Encoded
from lcm.data.sources import CorpusError, Document, Passage
from lcm.segmentation import Segmenter
from lcm.sonar import END_OF_TEXT, ConceptSpace

_CHUNK = 2048  # sentences encoded between two reports of progress
ReportSentences = Callable[[int, float], None]
"""Told how many sentences have been encoded since the last time, and what share of all is done."""


@dataclass(frozen=True, kw_only=True)
class Marks:
    """Sentences set before and after every source, and every target; a plain document is a source. Each is one concept."""

    source_prefix: tuple[str, ...] = ()
    source_suffix: tuple[str, ...] = ()
    target_prefix: tuple[str, ...] = ()
    target_suffix: tuple[str, ...] = ()
    """Before the end of text."""

    @property
    def digest(self) -> bytes:
        """Differs where a sentence differs; nothing if there is none."""
        return hashlib.sha256(json.dumps(astuple(self)).encode()).digest() if any(astuple(self)) else b""

    def around(self, is_target: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What is set before and after a passage."""
        if is_target:
            return self.target_prefix, self.target_suffix
        return self.source_prefix, self.source_suffix


@dataclass(frozen=True)
class _Marked:
    """A passage with its marks: its sentences in order, the first and last of which may be marks."""

    passage: Passage
    before: tuple[str, ...]
    own: tuple[str, ...]
    after: tuple[str, ...]
    closes: bool
    """Whether the end of text follows."""

    @property
    def to_encode(self) -> tuple[str, ...]:
        own = self.own if self.passage.concepts is None else ()
        return (*self.before, *own, *self.after)


def encode_documents(
    documents: Sequence[Document],
    segmenter: Segmenter,
    space: ConceptSpace,
    marks: Marks = Marks(),
    report: ReportSentences = lambda sentences, share: None,
) -> list[Encoded]:
    """Documents with their concepts; the end of text closes plain documents and targets that do not end with it already.

    A sentence that several documents hold in one language is encoded once. Raises CorpusError naming file and row.
    """

    def split(text: str, lang: str) -> list[str]:
        return [sentence.text for sentence in segmenter.split(text, lang)]

    def marked(document: Document, passage: Passage) -> _Marked:
        is_target = passage is document.target
        before, after = marks.around(is_target)
        own = passage.sentences(split, document.place)
        closes = (is_target or document.target is None) and (*own, *after)[-1] != END_OF_TEXT
        return _Marked(passage, before, own, after, closes)

    passages = [[marked(document, passage) for passage in document.passages] for document in documents]
    tables = _Tables(space, [passage for both in passages for passage in both], report)
    result = []
    for document, both in zip(documents, passages, strict=True):
        (sentences, concepts), *target = (tables.concepts(passage, document.place) for passage in both)
        encoded = Encoded(document.id, document.source.lang, sentences, concepts)
        if document.target is not None:
            encoded = Encoded(document.id, encoded.lang, sentences, concepts, *target[0], document.target.lang)
        result.append(encoded)
    return result


class _Tables:
    """The concepts of all distinct sentences, a table [sentences, E] in float16 for each language."""

    def __init__(self, space: ConceptSpace, passages: Sequence[_Marked], report: ReportSentences) -> None:
        self._space = space
        self._rows: defaultdict[str, dict[str, int]] = defaultdict(dict)  # language → sentence → row of its table
        for marked in passages:
            rows = self._rows[marked.passage.lang]
            for sentence in marked.to_encode:
                rows.setdefault(sentence, len(rows))
        self._concepts = {lang: np.empty((len(rows), space.dim), np.float16) for lang, rows in self._rows.items()}
        self._end = space.end_of_text.cpu().numpy().astype(np.float16)[None]
        number, encoded = sum(map(len, self._rows.values())), 0
        for lang, rows in self._rows.items():
            by_length = sorted(rows, key=len)  # batches of like length, so that little is padded
            for start in range(0, len(by_length), _CHUNK):
                portion = by_length[start : start + _CHUNK]
                with np.errstate(over="ignore"):  # told by concepts(), with its place
                    self._concepts[lang][[rows[sentence] for sentence in portion]] = (
                        space.encode(portion, lang).cpu().numpy()
                    )
                encoded += len(portion)
                report(len(portion), encoded / number)

    def concepts(self, marked: _Marked, place: str) -> tuple[list[str], NDArray[np.float16]]:
        """All sentences of a passage, and their concepts [sentences, E]."""
        lang = marked.passage.lang
        table, rows = self._concepts[lang], self._rows[lang]
        own = marked.passage.concepts
        parts = [
            table[[rows[sentence] for sentence in marked.before]],
            table[[rows[sentence] for sentence in marked.own]] if own is None else own,
            table[[rows[sentence] for sentence in marked.after]],
        ]
        sentences = [*marked.before, *marked.own, *marked.after]
        if marked.closes:
            parts.append(self._end)
            sentences.append(END_OF_TEXT)
        concepts = np.concatenate(parts)
        if len(bad := not_finite(concepts)):
            raise CorpusError(
                f"{place}: the concept of sentence {bad[0]} is not finite in float16, so space '{self._space.name}' cannot "
                f"take it. Remove the sentence."
            )
        return sentences, concepts
