"""What a segmenter is, and the way to one by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lcm.errors import LCMError


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
        """The sentences of `text`, in a language given by either code; none for empty or white text."""
        ...


def open_segmenter(name: str = "sentencex", *, cap: int = 200) -> Segmenter:
    """A segmenter by name (`sentencex`), with no sentence longer than `cap` characters."""
    from lcm.segmentation.rules import RuleSegmenter

    if name == "sentencex":
        return RuleSegmenter(cap)
    raise SegmentationError(f"Unknown segmenter '{name}'. There is: sentencex.")


def segment(text: str, lang: str = "en", *, cap: int = 200) -> list[str]:
    """The sentences of `text` by the default segmenter, each at most `cap` characters."""
    return [sentence.text for sentence in open_segmenter(cap=cap).split(text, lang)]


def spans_to_sentences(text: str, spans: Sequence[tuple[int, int]]) -> list[Sentence]:
    """Spans, stripped of white space; empty ones fall out."""
    sentences = []
    for start, end in spans:
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
