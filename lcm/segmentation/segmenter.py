"""What a segmenter is, and the way to one by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from lcm.errors import LCMError

DEFAULT_CAP = 200
"""Characters: SONAR's reconstruction falls beyond them (paper §2.2)."""


class SegmentationError(LCMError):
    """Text that cannot be segmented, or a segmenter that is not there."""


@dataclass(frozen=True)
class Sentence:
    """A sentence and where it stands: `text == source[start:end]`, without white space at either end."""

    text: str
    start: int
    end: int


class Segmenter(Protocol):
    """Splits text into sentences.

    Their spans are in order, do not overlap, and leave out nothing but white space.
    """

    name: str
    """With its version, as a prepared corpus records it."""

    def split(self, text: str, lang: str) -> list[Sentence]:
        """The sentences of `text`, in a language given by either code; none for empty or white text.

        A lone surrogate raises SegmentationError; an unknown language LanguageError.
        """
        ...


def open_segmenter(name: str = "sentencex", *, cap: int = DEFAULT_CAP, newline_ends: bool = False) -> Segmenter:
    """A segmenter by name, with no sentence longer than `cap` characters.

    `sentencex` has rules for 244 languages; `sat` is the model sat-3l-sm of wtpsplit, `sat:NAME` another of its models.
    A blank line always ends a sentence; with `newline_ends`, so does every line break.
    """
    if name == "sentencex":
        from lcm.segmentation.rules import RuleSegmenter

        return RuleSegmenter(cap, newline_ends=newline_ends)
    backend, _, model = name.partition(":")
    if backend == "sat":
        from lcm.segmentation.sat import DEFAULT_MODEL, SatSegmenter, load_sat

        return SatSegmenter(load_sat(model or DEFAULT_MODEL), cap, newline_ends=newline_ends)
    raise SegmentationError(f"Unknown segmenter '{name}'. Choose sentencex, sat or sat:MODEL.")


def segment(text: str, lang: str = "en", *, cap: int = DEFAULT_CAP) -> list[str]:
    """The sentences of `text` by the default segmenter, each at most `cap` characters."""
    return [sentence.text for sentence in open_segmenter(cap=cap).split(text, lang)]


# A blank line, or Unicode's paragraph separator.
_PARAGRAPH = re.compile(r"(?:\r\n?|\n)[^\S\r\n]*(?:\r\n?|\n)\s*|\u2029\s*")
_LINE = re.compile(r"[\r\n\u2028\u2029]\s*")


def paragraphs(text: str, *, newline_ends: bool) -> Iterator[tuple[int, int]]:
    """Spans that no sentence crosses; together they are the whole text."""
    start = 0
    for match in (_LINE if newline_ends else _PARAGRAPH).finditer(text):
        yield start, match.end()
        start = match.end()
    yield start, len(text)


def spans_to_sentences(text: str, ends: Sequence[int]) -> list[Sentence]:
    """The pieces of `text` that end at `ends` (ascending), stripped of white space; empty ones fall out."""
    sentences = []
    for start, end in zip([0, *ends], [*ends, len(text)], strict=True):
        piece = text[start:end]
        start += len(piece) - len(piece.lstrip())
        if stripped := piece.strip():
            sentences.append(Sentence(stripped, start, start + len(stripped)))
    return sentences


def refuse_surrogates(text: str) -> None:
    """A lone surrogate is no character: SegmentationError names its offset."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise SegmentationError(
            f"Character {error.start} is a lone surrogate (U+{ord(text[error.start]):04X}), which is no text. "
            "Read the file as UTF-8, or replace it."
        ) from None
