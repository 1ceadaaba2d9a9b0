"""JSON lines and text files, plain or gzipped."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

from lcm.data.sources.documents import CorpusError, Row


def text_rows(file: Path) -> Iterator[Row]:
    """A text file is one document, its name the id."""
    text = "".join(line for _, line in _lines(file))
    yield Row(str(file), file.stem, lambda: {"text": text})


def json_rows(file: Path) -> Iterator[Row]:
    """One JSON object a line."""
    number = 0
    for number, line in _lines(file):
        place = f"{file}, row {number}"
        yield Row(place, f"{file.name.split('.')[0]}-{number}", partial(_parse, line, place))
    if not number:
        raise CorpusError(f"{file}: is empty. Remove it, or put documents in it.")


def _parse(line: str, place: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise CorpusError(f"{place}: is not JSON ({error}). Give one object a line.") from None
    if not isinstance(row, dict):
        raise CorpusError(f"{place}: has neither 'text' nor 'sentences'. Give one object a line with one of them.")
    return row


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
