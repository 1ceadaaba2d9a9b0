"""The offline default: sentencex's rules, with a thin layer that mends what they get wrong."""

from __future__ import annotations

import sys
from bisect import bisect
from importlib.metadata import version

import regex
from sentencex import get_sentence_boundaries

from lcm.languages import to_iso
from lcm.segmentation.cap import DEFAULT_CAP, cap
from lcm.segmentation.segmenter import Sentence, paragraphs, refuse_surrogates, spans_to_sentences

# sentencex 1.0 panics where white space of several UTF-8 bytes (U+0085) stands before an initial.
_PLAIN_SPACE = {code: " " for code in range(0x80, sys.maxunicode + 1) if chr(code).isspace()}

# Boundaries it misses: "You did what?! I left.", "(He slept.) Then he woke."
_MISSED = regex.compile(
    r"(?:(?:\?+!|!+\?)[?!]*[\"'”’»)\]]*|[.!?…][)\]])\s+(?=[\"'“‘„«(\[¿¡—–-]*\p{Lu})", flags=regex.VERSION1
)
# Boundaries it should not see, by what stands before …
_ABBREVIATION = {
    "de": r"\b(?:am|im|vom|zum|zur|der|die|das|den|dem|des|(?:jed|sein|ihr|mein|dein|ein)\w{0,2}) \d{1,2}\.",
    "es": r"\b(?:Sr|Sra|Sres|Srta|Dr|Dra|D|Da|Dña|Ud|Uds)\.",
    "fr": r"\b(?:M|MM|Mme|Mmes|Mlle|Mlles|Mgr|Me|Dr|Pr|St|Ste|av|apr)\.",
}
_BEFORE = {lang: regex.compile(rf"(?i:{p})$" if lang == "de" else rf"{p}$") for lang, p in _ABBREVIATION.items()}
# … by what follows: "—¿Dónde? —preguntó", "J.-C.", 「はい。」と言った
_AFTER = regex.compile(r"[—–-]\s?\p{Ll}|-\p{L}|(?:と|って)")
# … and by both: "av. J.-C. et", "«Hm.» dit-il", and "Stop!" Tom cried.
_INITIAL, _LOWER = regex.compile(r"\b\p{Lu}\.$"), regex.compile(r"\p{Ll}")
_SHOUTED = regex.compile(r"[!?…][\"”’']$")
_SPEAKER = regex.compile(
    r"(?!(?:He|She|It|They|We|You|I)\b)(?:The (?:\p{Ll}+ )?\p{Ll}+|\p{Lu}\p{L}+) "
    r"(?:said|asked|cried|shouted|replied|answered|whispered|called|exclaimed|yelled)\b"
    r"(?![^\"“”.!?]*[,:] [\"“]\p{Lu})"  # but not: "Where?" Tom answered, "Here."
)
_REACH = 64
"""How many characters either side of a boundary the patterns may look at."""


class RuleSegmenter:
    """sentencex (244 languages), mended and capped.

    A blank line ends a sentence; with `newline_ends`, so does every line break.
    """

    def __init__(self, limit: int = DEFAULT_CAP, *, newline_ends: bool = False) -> None:
        self.name = f"sentencex-{version('sentencex')}"
        self._limit = limit
        self._newline_ends = newline_ends

    def split(self, text: str, lang: str) -> list[Sentence]:
        """See `Segmenter.split`."""
        refuse_surrogates(text)
        lang = to_iso(lang)
        plain = text if text.isascii() else text.translate(_PLAIN_SPACE)
        ends: list[int] = []
        for start, end in paragraphs(text, newline_ends=self._newline_ends):
            ends += [start + inner for inner in _sentence_ends(plain[start:end], lang)]
            ends.append(end)
        return cap(spans_to_sentences(text, ends), self._limit)


def _sentence_ends(text: str, lang: str) -> list[int]:
    """Where the sentences of one paragraph end, but for the last."""
    seen = [boundary["end_index"] for boundary in get_sentence_boundaries(lang, text)]
    ends = [end for end in seen if 0 < end < len(text) and not _goes_on(text, end, lang)]
    for end in sorted({match.end() for match in _MISSED.finditer(text)} - set(seen)):
        place = bisect(ends, end)
        if not _inside_quotes(text[ends[place - 1] if place else 0 : end]):
            ends.insert(place, end)
    return ends


def _goes_on(text: str, end: int, lang: str) -> bool:
    before = text[max(0, end - _REACH) : end].rstrip()
    after = text[end : end + _REACH]
    if lang in _BEFORE and _BEFORE[lang].search(before):
        return True
    if _AFTER.match(after):
        return after[0] not in "とっ" or before.endswith(("」", "』"))
    if _LOWER.match(after):
        return bool(_INITIAL.search(before))
    return lang == "en" and bool(_SHOUTED.search(before) and _SPEAKER.match(after))


def _inside_quotes(text: str) -> bool:
    pairs = (("“", "”"), ("«", "»"), ("„", "“"), ("「", "」"))
    return text.count('"') % 2 == 1 or any(text.rfind(opening) > text.rfind(closing) for opening, closing in pairs)
