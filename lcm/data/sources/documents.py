"""One document before it is encoded, and the row that it is made of. E: concept size."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcm.errors import LCMError


class CorpusError(LCMError):
    """Documents that cannot be read, or a corpus that cannot be written or used."""


@dataclass(frozen=True)
class Row:
    """One row of a source. Its values are parsed when they are asked for, so that rows can be passed over cheaply."""

    place: str
    """File and row (from 1), for messages."""
    id: str
    """What the document is called if it names itself not."""
    values: Callable[[], Mapping[str, Any]]
    """Column → value; raises CorpusError for a row that cannot be read."""


@dataclass(frozen=True)
class Passage:
    """A text to be segmented, or sentences that are used as they are."""

    lang: str
    """ISO 639-1 where SONAR's code has one, else SONAR's."""
    content: str | tuple[str, ...]
    concepts: NDArray[np.float16] | None = None
    """[sentences, E], where these came along: nothing is encoded then."""

    def sentences(self, split: Callable[[str, str], list[str]], place: str) -> tuple[str, ...]:
        """Its sentences, by `split(text, lang)` if it is a text. Raises CorpusError if there are none."""
        if not isinstance(self.content, str):
            return self.content
        try:
            sentences = tuple(split(self.content, self.lang))
        except LCMError as error:
            raise CorpusError(f"{place}: {error}") from error
        if not sentences:
            raise CorpusError(f"{place}: the text holds no sentence. Remove it.")
        return sentences

    @property
    def key(self) -> list[object]:
        """Differs where anything differs."""
        vectors = None if self.concepts is None else hashlib.sha256(self.concepts.tobytes()).hexdigest()
        return [self.lang, self.content, vectors]


@dataclass(frozen=True)
class Document:
    """A plain document, or a pair of which the target is to be written when the source is given."""

    id: str
    source: Passage
    """The document itself, if it is a plain one."""
    target: Passage | None
    place: str
    """File and row, for messages."""

    @property
    def passages(self) -> tuple[Passage, ...]:
        """The source and, in a pair, the target."""
        return (self.source,) if self.target is None else (self.source, self.target)

    @property
    def digest(self) -> bytes:
        """Differs where id, language, content, concepts or target differ."""
        content = [self.id, *(passage.key for passage in self.passages)]
        return hashlib.sha256(json.dumps(content).encode()).digest()
