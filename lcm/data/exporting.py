"""A prepared corpus as Parquet, for other programs and for `lcm prepare` itself."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lcm.data.corpus import Corpus
from lcm.data.sources import CorpusError
from lcm.files import replacing

_ROWS = 256  # documents in a row group


def export_parquet(corpus: Corpus, output: str | Path) -> list[Path]:
    """Write the columns of the corpus, bit for bit, to one file if `output` ends in .parquet, else to a folder, a file a shard.

    The metadata of the shards (space, encoder, E, segmenter, cap) goes along. A file is there whole or not at all; those that
    are there already are replaced. Raises CorpusError if they cannot be written, and for a concept that is not finite.
    """
    target = Path(output)
    for number in range(len(corpus)):
        corpus.concepts(number)  # checked to be finite
    try:
        if target.suffix == ".parquet":
            schemas = {shard.to_table().schema for shard in corpus.mapped}
            if len(schemas) > 1:
                raise CorpusError(
                    f"{corpus.folder}: has shards of pairs and others. Export it to a folder, a file a shard."
                )
            with replacing(target) as part, pq.ParquetWriter(part, schemas.pop()) as writer:
                for shard in corpus.mapped:
                    writer.write_table(shard.to_table(), row_group_size=_ROWS)
            return [target]
        target.mkdir(parents=True, exist_ok=True)
        files = [target / shard.path.with_suffix(".parquet").name for shard in corpus.mapped]
        for file, shard in zip(files, corpus.mapped, strict=True):
            with replacing(file) as part:
                pq.write_table(shard.to_table(), part, row_group_size=_ROWS)
        return files
    except (OSError, pa.ArrowException) as error:
        raise CorpusError(
            f"{target}: cannot be written ({' '.join(str(error).split())}). Make room, or choose another."
        ) from None
