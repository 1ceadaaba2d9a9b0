"""The offline default: sentencex's rules, with a thin layer that mends what they get wrong."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import version

from sentencex import get_sentence_boundaries

from lcm.languages import to_iso
from lcm.segmentation.cap import DEFAULT_CAP, cap
from lcm.segmentation.segmenter import Sentence, refuse_surrogates, spans_to_sentences

# "What?! Come here." holds two sentences.
_MISSED = re.compile(r"(?:\?!|!\?)[\"'”’»)]*\s+(?=[\"'“‘«(]?[^\W\d_a-z])")
# Titles after which a sentence goes on, where sentencex does not know them.
_TITLES = {
    "fr": re.compile(r"(?:^|\s)(?:M|MM|Mme|Mlle|Dr|St|Ste)\.\s*$"),
    "es": re.compile(r"(?:^|\s)(?:Sr|Sra|Srta|Dr|Dra|D)\.\s*$"),
}
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")


class RuleSegmenter:
    """sentencex (244 languages), mended and capped.

    A blank line ends a sentence; with `newline_ends`, so does every line break.
    """

    def __init__(self, limit: int = DEFAULT_CAP, *, newline_ends: bool = False) -> None:
        self.name = f"sentencex-{_version()}"
        self._limit = limit
        self._break = re.compile(r"\n\s*") if newline_ends else _BLANK_LINE

    def split(self, text: str, lang: str) -> list[Sentence]:
        """The sentences of `text`; SegmentationError names the offset of a lone surrogate."""
        refuse_surrogates(text)
        spans: list[tuple[int, int]] = []
        start = 0
        for end in [*(match.end() for match in self._break.finditer(text)), len(text)]:
            spans += [(start + a, start + b) for a, b in _mended(text[start:end], to_iso(lang))]
            start = end
        return cap(spans_to_sentences(text, spans), self._limit)


def _mended(text: str, lang: str) -> list[tuple[int, int]]:
    """sentencex's boundaries in one paragraph, joined after titles and split after `?!`."""
    ends: list[int] = []
    title = _TITLES.get(lang)
    for boundary in get_sentence_boundaries(lang, text):
        ends.append(boundary["end_index"])
    ends = [end for end in ends if end < len(text) and not (title and title.search(text[:end]))]
    ends = sorted({*ends, *(match.end() for match in _MISSED.finditer(text)), len(text)})
    return list(zip([0, *ends[:-1]], ends, strict=True))


@cache
def _version() -> str:
    return version("sentencex")
