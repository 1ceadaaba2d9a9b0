"""From a row to a document: which columns hold what, and whether what they hold can be used."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcm.data.sources.documents import CorpusError, Document, Passage, Row
from lcm.errors import LCMError
from lcm.languages import to_iso, to_sonar

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns to read. What is named must be there; `text` or `sentences`, `id` and `lang` go by these names otherwise."""

    text: str | None = None
    """Texts, to be segmented."""
    sentences: str | None = None
    """Lists of sentences, used as they are."""
    concepts: str | None = None
    """Vectors already computed in the space, a list of E numbers a sentence: nothing is encoded. Needs `sentences`."""
    id: str | None = None
    """Names of documents; file and row if there are none."""
    lang: str | None = None
    """Languages, ISO 639-1 or SONAR's code."""
    target: str | None = None
    """Texts to be written when the source is given: makes pairs."""
    target_sentences: str | None = None
    """The same as lists of sentences."""
    target_concepts: str | None = None
    """The targets' vectors, together with `concepts`."""
    target_lang: str | None = None
    """The targets' languages; the source's otherwise."""

    def __post_init__(self) -> None:
        for one, other in (("text", "sentences"), ("target", "target_sentences")):
            if getattr(self, one) and getattr(self, other):
                raise CorpusError(f"Columns: both {one} and {other} are named. Name one of them.")
        if self.concepts and self.text:
            raise CorpusError("Columns: concepts come one a sentence. Name the column of sentences, not one of texts.")
        if self.target_concepts and not self.target_sentences:
            raise CorpusError("Columns: target_concepts needs target_sentences. Name that column too.")
        if self.target_lang and not self.pairs:
            raise CorpusError("Columns: target_lang is named, but no target. Name the column of targets too.")
        if self.pairs and bool(self.concepts) != bool(self.target_concepts):
            raise CorpusError("Columns: in pairs, concepts and target_concepts come together. Name both or neither.")

    @property
    def pairs(self) -> bool:
        """Whether documents are pairs."""
        return bool(self.target or self.target_sentences)

    @property
    def vectors(self) -> list[str]:
        """The columns of concepts."""
        return [name for name in (self.concepts, self.target_concepts) if name]

    @property
    def names(self) -> list[str]:
        """All columns that are named."""
        return [name for field in fields(self) if (name := getattr(self, field.name))]

    def settle(self, names: Collection[str], place: str) -> Columns:
        """With the usual names of `names` for those not named; CorpusError for a column that is not there."""
        for name in self.names:
            if name not in names:
                near = get_close_matches(name, names, 1, 0.4) or sorted(names)
                which = f"The nearest is '{near[0]}'" if len(near) == 1 else f"There are {', '.join(near)}"
                raise CorpusError(f"{place}: has no column '{name}'. {which}.")
        text, sentences = self.text, self.sentences
        if not text and not sentences:
            if "sentences" in names:
                sentences = "sentences"
            elif "text" in names and not self.concepts:
                text = "text"
            else:
                raise CorpusError(self._unnamed(names, place))
        usual = {name: getattr(self, name) or (name if name in names else None) for name in ("id", "lang")}
        return replace(self, text=text, sentences=sentences, **usual)

    def _unnamed(self, names: Collection[str], place: str) -> str:
        wanted = "no 'sentences', to go with the concepts" if self.concepts else "neither 'text' nor 'sentences'"
        there = f", but {', '.join(names)}" if names else ""
        return f"{place}: has {wanted}{there}. Name the column: --text-column or --sentences-column."

    def document(self, row: Row, lang: str, target_lang: str | None) -> Document:
        """The document of a row; `lang` and `target_lang` where it names none. Raises CorpusError naming file and row."""
        values, place = row.values(), row.place
        columns = self.settle(values.keys(), place)
        source = _passage(
            values, columns.text, columns.sentences, columns.concepts, _lang(values, columns.lang, lang, place), place
        )
        target = None
        if columns.pairs:
            own = _lang(values, columns.target_lang, target_lang or source.lang, place)
            target = _passage(values, columns.target, columns.target_sentences, columns.target_concepts, own, place)
        name = values[columns.id] if columns.id else None
        return Document(row.id if name is None else str(name), source, target, place)


def code(lang: str) -> str:
    """ISO 639-1 where SONAR's code has one, else SONAR's. Raises LanguageError for an unknown one."""
    sonar = to_sonar(lang)
    return to_iso(sonar) if len(to_iso(sonar)) == 2 else sonar


def _lang(values: Mapping[str, Any], column: str | None, default: str, place: str) -> str:
    lang = values[column] if column else None
    try:
        return code(default if lang is None else str(lang))
    except LCMError as error:
        raise CorpusError(f"{place}: {error}") from None


def _passage(
    values: Mapping[str, Any], text: str | None, sentences: str | None, concepts: str | None, lang: str, place: str
) -> Passage:
    content: str | tuple[str, ...]
    if sentences:
        content = _sentences(values[sentences], sentences, place)
    else:
        assert text  # settled, or named
        content = _text(values[text], text, place)
    for piece in (content,) if isinstance(content, str) else content:
        if found := _SURROGATE.search(piece):
            start = piece[max(0, found.start() - 20) : found.start()]
            raise CorpusError(f"{place}: a lone surrogate follows '{start}', which is no text. Remove it.")
    vectors = _concepts(values[concepts], concepts, len(content), place) if concepts else None
    return Passage(lang, content, vectors)


def _text(value: object, name: str, place: str) -> str:
    if not isinstance(value, str):
        raise CorpusError(f"{place}: '{name}' must be text, but is {_show(value)}.")
    if not value or value.isspace():
        raise CorpusError(f"{place}: '{name}' holds no sentence. Remove the row.")
    return value


def _sentences(value: object, name: str, place: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise CorpusError(f"{place}: '{name}' must be a list of sentences, but is {_show(value)}.")
    for index, sentence in enumerate(value):
        if not isinstance(sentence, str) or not sentence.strip():
            raise CorpusError(f"{place}: sentence {index} of '{name}' is {_show(sentence)}, but text is expected.")
    if not value:
        raise CorpusError(f"{place}: '{name}' holds no sentence. Remove the row.")
    return tuple(value)


def _concepts(value: Any, name: str, sentences: int, place: str) -> NDArray[np.float16]:
    """[sentences, E] of lists of numbers or an array."""
    try:
        with np.errstate(over="ignore"):  # told below
            vectors = np.asarray(value).astype(np.float16)
    except (TypeError, ValueError):
        vectors = np.empty(0, np.float16)
    if vectors.ndim != 2:
        raise CorpusError(f"{place}: '{name}' must be a list of vectors of one length, one a sentence.")
    if len(vectors) != sentences:
        raise CorpusError(f"{place}: '{name}' holds {len(vectors)} vectors, but there are {sentences} sentences.")
    if len(bad := np.flatnonzero(~np.isfinite(vectors).all(1))):
        raise CorpusError(f"{place}: vector {bad[0]} of '{name}' is not finite in float16. Remove it and its sentence.")
    return vectors


def _show(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:40]}…"
