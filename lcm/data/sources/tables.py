"""Rows of Arrow tables: Parquet files, and what other readers hand over as Arrow. E: concept size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lcm.data.sources.columns import Columns
from lcm.data.sources.documents import CorpusError, Row

_BATCH = 256  # rows decoded at a time: 30 MB where each is a document with its vectors


def parquet_rows(file: Path, columns: Columns) -> Iterator[Row]:
    """The rows of a Parquet file, of which only the columns that are needed are read."""
    table, number = open_parquet(file), 0
    settled = columns.settle(table.schema_arrow.names, str(file))
    try:
        batches = table.iter_batches(batch_size=_BATCH, columns=settled.names, use_threads=False)
        for row in table_rows(batches, settled, str(file), file.stem):
            number += 1
            yield row
    except (pa.ArrowException, OSError) as error:
        raise CorpusError(
            f"{file}, after row {number}: cannot be read ({_first_line(error)}). Copy it again."
        ) from None
    if not number:
        raise CorpusError(f"{file}: holds no rows. Remove it, or put documents in it.")


def open_parquet(file: Path) -> pq.ParquetFile:
    """Raises CorpusError if it is none, or a damaged one."""
    try:
        return pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise CorpusError(f"{file}: cannot be read as Parquet ({_first_line(error)}). Copy it again.") from None


def table_rows(tables: Iterable[pa.Table | pa.RecordBatch], columns: Columns, name: str, stem: str) -> Iterator[Row]:
    """The rows of tables that follow each other; `name` and `stem` begin their places and ids."""
    number = 0
    for table in tables:
        _check_vectors(table.schema, columns, name)
        for index in range(table.num_rows):
            number += 1
            place = f"{name}, row {number}"
            yield Row(place, f"{stem}-{number}", partial(_values, table, index, columns, place))


def _values(table: pa.Table | pa.RecordBatch, index: int, columns: Columns, place: str) -> Mapping[str, Any]:
    return {
        name: _vectors(table.column(name)[index], name, place)
        if name in columns.vectors
        else table.column(name)[index].as_py()
        for name in columns.names
    }


def _vectors(row: Any, name: str, place: str) -> NDArray[Any]:
    """[sentences, E] of Arrow's list of lists, without a Python object a number."""
    if row.values is None or row.values.null_count:
        raise CorpusError(f"{place}: '{name}' is missing a vector.")
    sizes = pc.unique(pc.list_value_length(row.values))
    numbers = row.values.flatten()
    if len(sizes) != 1 or numbers.null_count:
        raise CorpusError(f"{place}: '{name}' must be a list of vectors of one length, one a sentence.")
    array: NDArray[Any] = numbers.to_numpy(zero_copy_only=False)
    return array.reshape(-1, sizes[0].as_py()) if len(array) else np.empty((len(row.values), 0))


def _check_vectors(schema: pa.Schema, columns: Columns, name: str) -> None:
    for column in columns.vectors:
        kind = schema.field(column).type
        inner = _item(_item(kind))
        if inner is None or not pa.types.is_floating(inner):
            raise CorpusError(
                f"{name}: column '{column}' is {kind}, but lists of vectors (list<list<float>>) are expected."
            )


def _item(kind: pa.DataType | None) -> pa.DataType | None:
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return kind.value_type if kind is not None and any(is_a(kind) for is_a in lists) else None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
