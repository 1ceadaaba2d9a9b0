"""The length cap: SONAR's reconstruction falls beyond some 200 characters (paper §2.2), so longer sentences are split."""

from __future__ import annotations

import re
from collections.abc import Iterator

import regex

from lcm.segmentation.segmenter import SegmentationError, Sentence

DEFAULT_CAP = 200
"""Characters."""

# From the best place to split after to the worst that still spares words; a dash counts only where it is no hyphen.
_BREAKS = tuple(
    re.compile(pattern) for pattern in (r";(?=\s)", r":(?=\s)", r",(?=\s)", r"[—–](?=\S|\s)|-(?=\s)", r"\s")
)


def cap(sentences: list[Sentence], limit: int = DEFAULT_CAP) -> list[Sentence]:
    """Split every sentence over `limit` characters; capping again changes nothing.

    Each piece ends after the last `;` that fits, else the last `:`, `,`, dash or white space; where a run has none, at
    the last grapheme boundary that fits (a single grapheme over the limit is cut inside).
    """
    if limit < 1:
        raise SegmentationError(f"The cap must be at least 1 character, but is {limit}.")
    return [piece for sentence in sentences for piece in _split(sentence, limit)]


def _split(sentence: Sentence, limit: int) -> Iterator[Sentence]:
    start = 0
    while True:
        rest = sentence.text[start:]
        start += len(rest) - len(rest.lstrip())
        rest = rest.lstrip()
        if len(rest) <= limit:
            break
        piece = rest[: _split_point(rest, limit)].rstrip()
        yield Sentence(piece, sentence.start + start, sentence.start + start + len(piece))
        start += len(piece)
    if rest:
        yield Sentence(rest, sentence.start + start, sentence.start + start + len(rest))


def _split_point(text: str, limit: int) -> int:
    """Length of the first piece, 1 … limit."""
    # A very early break would leave a stump: a weaker one in the second half of the window is better.
    for earliest in (limit // 2, 1):
        for pattern in _BREAKS:
            ends = [match.end() for match in pattern.finditer(text, 0, limit + 1) if earliest <= match.end() <= limit]
            if ends:
                return ends[-1]
    if text[limit].isspace():
        return limit
    end = 0
    for grapheme in regex.finditer(r"\X", text[: limit + 64]):
        if grapheme.end() > limit:
            break
        end = grapheme.end()
    return end or limit
