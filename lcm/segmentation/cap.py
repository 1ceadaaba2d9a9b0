"""The length cap: a sentence over the limit is split at the best points that are left in it."""

from __future__ import annotations

from collections.abc import Callable

import regex

from lcm.segmentation.segmenter import DEFAULT_CAP, SegmentationError, Sentence

SplitPoint = Callable[[Sentence, int], int]
"""(sentence over the limit, limit) → length of its first part, at least 1 and less than the whole."""

# `(?r)` searches from the end, so that the first match is the last place.
_SENTENCE_END = regex.compile(r"(?r)(?:[!?…]|(?<=\p{L}{4})\.)[\"'”’»)\]]*(?=\s)|[。！？।]")
_CLAUSE_END = regex.compile(r"(?r)[;:,–-][\"'”’»)\]]*(?=\s)|[—；：，、]")
_WHITE = regex.compile(r"(?r)(?=\s)")
_BARE = regex.compile(r"(?r)[;:,–-](?!\p{M})")
_GRAPHEME = regex.compile(r"\X")


def last_break(sentence: Sentence, limit: int) -> int:
    """The rules' split point, at most `limit`.

    Beyond the first third of what fits, the last end of a quoted sentence, else the last of `; : , — -`; else the last
    white space; and in a run without any, the last such mark or else the last grapheme boundary.
    """
    window = sentence.text[: limit + 1]  # one more, to see what follows a mark
    for pattern, earliest in ((_SENTENCE_END, limit // 3), (_CLAUSE_END, limit // 3), (_WHITE, 1), (_BARE, 1)):
        for match in pattern.finditer(window):
            if match.end() < max(earliest, 1):
                break
            if match.end() <= limit:
                return match.end()
    return max((end for end in grapheme_ends(sentence.text[: limit + 64]) if end <= limit), default=limit)


def grapheme_ends(text: str) -> list[int]:
    """Where its graphemes end; one longer than the cap has to be cut inside all the same."""
    return [match.end() for match in _GRAPHEME.finditer(text)]


def cap(sentences: list[Sentence], limit: int = DEFAULT_CAP, split_point: SplitPoint = last_break) -> list[Sentence]:
    """Split every sentence over `limit` characters until none is; capping again changes nothing."""
    if limit < 1:
        raise SegmentationError(f"The cap must be at least 1 character, but is {limit}.")
    capped = []
    waiting = sentences[::-1]
    while waiting:
        sentence = waiting.pop()
        if len(sentence.text) <= limit:
            capped.append(sentence)
            continue
        point = split_point(sentence, limit)
        first, rest = sentence.text[:point].rstrip(), sentence.text[point:].lstrip()
        # Both hold something: a sentence neither begins nor ends with white space.
        waiting.append(Sentence(rest, sentence.end - len(rest), sentence.end))
        waiting.append(Sentence(first, sentence.start, sentence.start + len(first)))
    return capped
