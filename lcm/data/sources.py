"""Documents as they come: JSON lines (also .gz), text files, or a folder of either. Every error names file and row."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from lcm.errors import LCMError
from lcm.languages import to_iso, to_sonar

_SURROGATE = re.compile("[\ud800-\udfff]")
ENDINGS = (".jsonl", ".jsonl.gz", ".txt")


class CorpusError(LCMError):
    """Documents that cannot be read, or a corpus that cannot be written or used."""


@dataclass(frozen=True)
class Document:
    """One document before it is encoded: a text to be segmented, or sentences that are used as they are."""

    id: str
    lang: str
    """ISO 639-1 where SONAR's code has one, else SONAR's."""
    content: str | tuple[str, ...]
    place: str
    """File and row, for messages."""

    def sentences(self, split: Callable[[str, str], list[str]]) -> tuple[str, ...]:
        """Its sentences, by `split(text, lang)` if it is a text. Raises CorpusError if there are none."""
        if not isinstance(self.content, str):
            return self.content
        try:
            sentences = tuple(split(self.content, self.lang))
        except LCMError as error:
            raise CorpusError(f"{self.place}: {error}") from error
        if not sentences:
            raise CorpusError(f"{self.place}: the text holds no sentence. Remove it.")
        return sentences

    @property
    def digest(self) -> bytes:
        """Differs where id, language or content differ."""
        return hashlib.sha256(json.dumps([self.id, self.lang, self.content]).encode()).digest()


def read_documents(source: Path, *, lang: str = "en", limit: int | None = None) -> Iterator[Document]:
    """The documents of a file or folder, at most `limit`, each checked as it comes.

    A JSON line has `text` or `sentences` (a list), and may have `id` and `lang`; a text file is one document, its name the
    id. `lang` is the language of those that name none. Raises CorpusError naming file and row.
    """
    lang = _code(lang)  # a wrong one is the caller's error, not a row's
    documents = (document for file in _files(source) for document in _read(file, lang))
    yield from islice(documents, limit)


def _files(source: Path) -> list[Path]:
    if source.is_file():
        if not source.name.endswith(ENDINGS):
            raise CorpusError(
                f"{source}: is not of a kind that is known here ({', '.join(ENDINGS)}). Rename or convert it."
            )
        return [source]
    if not source.is_dir():
        raise CorpusError(f"{source}: no such file or folder. Give a file ({', '.join(ENDINGS)}) or a folder of them.")
    files = sorted(path for path in source.rglob("*") if path.is_file() and path.name.endswith(ENDINGS))
    if not files:
        raise CorpusError(f"{source}: holds no file ending in {', '.join(ENDINGS)}.")
    return files


def _read(file: Path, lang: str) -> Iterator[Document]:
    if not file.stat().st_size:
        raise CorpusError(f"{file}: is empty. Remove it, or put documents in it.")
    if file.name.endswith(".txt"):
        text = "".join(line for _, line in _lines(file))
        yield Document(file.stem, lang, text, str(file))
        return
    number = 0
    for number, line in _lines(file):
        yield _parse(line, f"{file}, row {number}", f"{file.name.split('.')[0]}-{number}", lang)
    if not number:
        raise CorpusError(f"{file}: is empty. Remove it, or put documents in it.")


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines of UTF-8 text; binary and damaged files are refused."""
    number = 0
    opened: IO[bytes] = gzip.open(file) if file.name.endswith(".gz") else file.open("rb")  # type: ignore[assignment]
    with opened as lines:
        try:
            for number, line in enumerate(lines, 1):
                if b"\0" in line:
                    raise CorpusError(f"{file}, row {number}: holds a NUL byte: a binary file. Give UTF-8 text.")
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise CorpusError(
                f"{file}, row {number}: is not UTF-8 (byte 0x{error.object[error.start]:02x}). "
                f"Convert it, for example: iconv -f latin1 -t utf-8."
            ) from None
        except (OSError, EOFError, zlib.error) as error:
            raise CorpusError(f"{file}, after row {number}: cannot be read ({error}). Copy it again.") from None


def _parse(line: str, place: str, default_id: str, default_lang: str) -> Document:
    try:
        row: Any = json.loads(line)
    except ValueError as error:
        raise CorpusError(f"{place}: is not JSON ({error}). Give one object a line.") from None
    if not isinstance(row, dict) or ("text" not in row and "sentences" not in row):
        raise CorpusError(f"{place}: has neither 'text' nor 'sentences'. Give one object a line with one of them.")
    content = row["sentences"] if "sentences" in row else row["text"]
    if isinstance(content, list) and "sentences" in row:
        for index, sentence in enumerate(content):
            if not isinstance(sentence, str) or not sentence.strip():
                raise CorpusError(f"{place}: sentence {index} is {json.dumps(sentence)}, but text is expected.")
        content = tuple(content)
    elif not isinstance(content, str) or "sentences" in row:
        wanted = "a list of sentences" if "sentences" in row else "text"
        raise CorpusError(f"{place}: '{'sentences' if 'sentences' in row else 'text'}' must be {wanted}.")
    if not content or (isinstance(content, str) and content.isspace()):
        raise CorpusError(f"{place}: holds no sentence. Remove the row.")
    try:
        lang = _code(str(row.get("lang", default_lang)))
    except LCMError as error:
        raise CorpusError(f"{place}: {error}") from None
    pieces = (content,) if isinstance(content, str) else content
    for piece in pieces:
        if found := _SURROGATE.search(piece):
            start = piece[max(0, found.start() - 20) : found.start()]
            raise CorpusError(f"{place}: a lone surrogate follows '{start}', which is no text. Remove it.")
    return Document(str(row.get("id", default_id)), lang, content, place)


def _code(lang: str) -> str:
    sonar = to_sonar(lang)
    return to_iso(sonar) if len(to_iso(sonar)) == 2 else sonar
