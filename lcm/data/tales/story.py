"""Strings at the outside of the process: tales as sentences of a language, and the exact odds of the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lcm.data.tales import grammar, process
from lcm.data.tales.events import Event
from lcm.data.tales.grammar import LANGUAGES
from lcm.data.tales.states import State
from lcm.data.tales.world import SPLITS, Split
from lcm.errors import LCMError
from lcm.languages import LanguageError, to_iso

END_OF_TEXT = "End of text."


class TaleError(LCMError):
    """A sentence that is none of the tales', or that cannot stand where it does.

    Attributes:
        index: which sentence of those given, from 0.
        reason: what is wrong with it.
    """

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"Sentence {index} of the tale: {reason}")
        self.index = index
        self.reason = reason


@dataclass(frozen=True)
class Tale:
    """A generated tale; the sentence "End of text." is not part of it."""

    sentences: list[str]
    events: tuple[Event, ...]
    lang: str
    seed: int
    split: Split

    @property
    def text(self) -> str:
        """The sentences joined by spaces."""
        return " ".join(self.sentences)


def generate(seed: int, lang: str = "en", split: Split = "train") -> Tale:
    """The tale of a seed: sentence after sentence drawn from `next_distribution`, until it has ended.

    A seed tells the same tale in every language, in the same paraphrases. Raises LanguageError for a language that the
    tales do not speak, ValueError for an unknown split or a negative seed.
    """
    return generate_aligned(seed, (lang,), split)[0]


def generate_aligned(seed: int, langs: Sequence[str], split: Split = "train") -> list[Tale]:
    """The tale of a seed in each of the languages; like `generate`, drawn once."""
    langs = [_language(lang) for lang in langs]
    _check_split(split)
    rng, state, told = np.random.default_rng(seed), State(), []
    while not state.ended:
        event, paraphrase = process.draw(state, split, rng)
        told.append((event, paraphrase))
        state = process.advance(state, event)
    events = tuple(event for event, _ in told)
    return [Tale([grammar.render(*e, lang) for e in told], events, lang, seed, split) for lang in langs]


def parse(sentence: str, lang: str) -> Event | None:
    """The event that a sentence tells, None if it is none of the tales'; a pronoun is left as "he" or "she"."""
    read = grammar.read(sentence, _language(lang))
    return read[0] if read else None


def state(sentences: Sequence[str], lang: str) -> State:
    """What has been told after these sentences: all that the next one depends on, in any split.

    Raises TaleError at the first sentence that is unknown or impossible there.
    """
    return _follow_all(sentences, lang, "all")


def next_events(sentences: Sequence[str], lang: str, split: Split = "train") -> dict[Event, float]:
    """{event: probability} of the next sentence, exactly as `generate` draws it; empty once the tale has ended.

    Raises TaleError as `state` does, and for a sentence that has probability 0 in the split.
    """
    return process.next_events(_follow_all(sentences, lang, split), split)


def next_distribution(sentences: Sequence[str], lang: str, split: Split = "train") -> dict[str, float]:
    """{sentence: probability} of the next sentence; {"End of text.": 1.0} once the tale has ended.

    P(sentence) = P(event | state) / number of its paraphrases possible in this state. Raises TaleError as `next_events`.
    """
    lang = _language(lang)
    before = _follow_all(sentences, lang, split)
    if before.ended:
        return {END_OF_TEXT: 1.0}
    distribution: dict[str, float] = {}
    for event, p in process.next_events(before, split).items():
        paraphrases = process.wordings(before, event)
        for paraphrase in paraphrases:
            sentence = grammar.render(event, paraphrase, lang)
            distribution[sentence] = distribution.get(sentence, 0.0) + p / len(paraphrases)
    return distribution


def translate(sentence: str, to: str, lang: str | None = None) -> str:
    """The sentence in another language: same event, same paraphrase.

    Args:
        sentence: a sentence of the tales, or "End of text.", which is English in every language.
        to: the language to translate to.
        lang: the language of the sentence; found by itself if not given, as no string stands in two.
    """
    to, sources = _language(to), LANGUAGES if lang is None else (_language(lang),)
    if sentence == END_OF_TEXT:
        return sentence
    for source in sources:
        if read := grammar.read(sentence, source):
            return grammar.render(*read, to)
    raise TaleError(0, f"'{sentence}' is not a sentence of the tales in {' or '.join(sources)}.")


def _language(code: str) -> str:
    lang = to_iso(code)
    if lang not in LANGUAGES:
        raise LanguageError(f"The tales speak {', '.join(LANGUAGES)}, not '{code}'.")
    return lang


def _check_split(split: str) -> None:
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, but is '{split}'.")


def _follow_all(sentences: Sequence[str], lang: str, split: Split) -> State:
    if isinstance(sentences, str):
        raise TypeError("sentences must be a list of sentences, but is one string.")
    lang, told, after = _language(lang), tuple(sentences), State()
    _check_split(split)
    for end in range(1, len(told) + 1):  # each prefix finds the one before in the cache
        after = _follow(told[:end], lang, split)
    return after


@lru_cache(maxsize=8192)
def _follow(sentences: tuple[str, ...], lang: str, split: Split) -> State:
    """The state after the sentences; all but the last are known to be possible."""
    if not sentences:
        return State()
    index, sentence = len(sentences) - 1, sentences[-1]
    before = _follow(sentences[:-1], lang, split)
    if before.ended:
        raise TaleError(index, f"the tale has ended before '{sentence}'.")
    read = grammar.read(sentence, lang)
    if read is None:
        raise TaleError(index, f"'{sentence}' is not a sentence of the tales in '{lang}'.")
    event = process.resolve(before, read[0])
    if event is None:
        raise TaleError(index, f"in '{sentence}' the pronoun has no referent: the sentence before has another subject.")
    if event not in process.next_events(before, split):
        raise TaleError(index, f"'{sentence}' ({event.kind}) cannot happen here in split '{split}'.")
    return process.advance(before, event)
