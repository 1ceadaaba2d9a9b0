"""The one door to all kinds of sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from lcm.data.sources.columns import Columns, code
from lcm.data.sources.documents import CorpusError, Document, Row
from lcm.data.sources.hub import SCHEME, HubOptions, hub_rows, is_saved
from lcm.data.sources.lines import json_rows, text_rows
from lcm.data.sources.tables import open_parquet, parquet_rows

ENDINGS = (".jsonl", ".jsonl.gz", ".txt", ".parquet")


def read_documents(
    source: str | Path,
    *,
    lang: str = "en",
    target_lang: str | None = None,
    columns: Columns = Columns(),
    hub: HubOptions = HubOptions(),
    limit: int | None = None,
    wanted: Callable[[int], bool] | None = None,
) -> Iterator[Document]:
    """The documents of a file, a folder of files or a Hugging Face dataset, each checked as it comes.

    A row has the columns that `columns` tells of; a text file is one document, its name the id. `lang` is the language of
    those that name none. Only the first `limit` are read, and of these the numbers that are `wanted`. Raises CorpusError
    naming file and row.
    """
    lang = code(lang)  # a wrong one is the caller's error, not a row's
    target_lang = code(target_lang) if target_lang else None
    for number, row in enumerate(islice(_rows(source, columns, hub), limit)):
        if wanted is None or wanted(number):
            yield columns.document(row, lang, target_lang)


def recorded_encoder(source: str | Path, space: str, encoder: str) -> str:
    """The checksum of the encoder that vectors in Parquet files say they are of; empty if not all of them say so.

    Raises CorpusError for vectors of another space than `space`, or of another encoder than the one of that checksum.
    """
    if str(source).startswith(SCHEME) or is_saved(Path(source)):
        return ""
    found = set()
    for file in _files(Path(source)):
        metadata = (open_parquet(file).schema_arrow.metadata or {}) if file.suffix == ".parquet" else {}
        for key, here in ((b"lcm.space", space), (b"lcm.encoder", encoder)):
            if (there := metadata.get(key, here.encode()).decode()) != here:
                raise CorpusError(
                    f"{file}: holds vectors of {key.decode()[4:]} '{there[:12]}', but '{here[:12]}' is asked for. "
                    f"Choose the space that they were made in: --space"
                )
        found.add(metadata.get(b"lcm.encoder", b"").decode())
    return found.pop() if len(found) == 1 else ""


def _rows(source: str | Path, columns: Columns, hub: HubOptions) -> Iterator[Row]:
    if str(source).startswith(SCHEME) or is_saved(Path(source)):
        yield from hub_rows(str(source), columns, hub)
        return
    if hub != HubOptions():
        raise CorpusError(f"{source}: is no Hugging Face dataset, so that it has no split or config. Leave these out.")
    for file in _files(Path(source)):
        if not file.stat().st_size:
            raise CorpusError(f"{file}: is empty. Remove it, or put documents in it.")
        if file.suffix == ".parquet":
            yield from parquet_rows(file, columns)
        else:
            yield from text_rows(file) if file.suffix == ".txt" else json_rows(file)


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
