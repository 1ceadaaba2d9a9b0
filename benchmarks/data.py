"""How fast a corpus is read into batches: concepts a CPU second, padding included.

    python -m benchmarks.data [--documents 4000] [--repeats 7]

A corpus of random concepts, E = 1024, documents of 30 sentences on average, is written to a temporary folder and read once to
warm the page cache; then whole epochs are read, in one thread, and CPU time is counted. Each document is checked to be finite
when it is first read: the first epoch of a reader is told beside the others.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from lcm.data import ConceptReader, Corpus
from lcm.data.shards import Encoded, Manifest, Settings, write_shard

E = 1024


def write(folder: Path, documents: int, dim: int = E, shard_size: int = 500) -> Corpus:
    """Random concepts, E = dim, in documents of 10 to 50 sentences."""
    rng = np.random.default_rng(0)
    settings, shards = Settings("random", dim, "none", "1", 200), []
    for start in range(0, documents, shard_size):
        rows = []
        for number in range(start, min(start + shard_size, documents)):
            length = int(rng.integers(10, 51))
            concepts = rng.standard_normal((length, dim), np.float32).astype(np.float16)
            rows.append(Encoded(str(number), "en", ["."] * length, concepts))
        shards.append(write_shard(folder / f"shard-{len(shards):05d}.arrow", rows, settings, ""))
    Manifest(settings, shard_size, True, tuple(shards)).write(folder)
    return Corpus(folder)


def read_epoch(reader: ConceptReader, slots: int) -> float:
    """Slots read a CPU second, over at least `slots` of them."""
    start, read = time.process_time(), 0
    while read < slots:
        for batch in next(reader):
            read += batch.concepts.shape[0] * batch.concepts.shape[1]
    return read / (time.process_time() - start)


def main() -> None:
    """Prints the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--documents", type=int, default=4000)
    arguments.add_argument("--repeats", type=int, default=7)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus = write(Path(folder), given.documents)
        slots = int(corpus.lengths.sum())
        print(f"{len(corpus):,} documents, {slots:,} concepts of E = {E}, {slots * E * 2 / 1e6:,.0f} MB")
        print("| batches | first epoch | later epochs, median | least |\n|---|---|---|---|")
        for name, packed in (("padded", False), ("packed", True)):
            settings = {"budget": 8192, "max_len": 128, "seed": 0, "packed": packed}
            read_epoch(ConceptReader(corpus, **settings), slots)  # warms the page cache
            reader = ConceptReader(Corpus(folder), **settings)
            first, *later = (read_epoch(reader, slots) for _ in range(given.repeats + 1))
            print(f"| {name} | {first:,.0f} | {statistics.median(later):,.0f} | {min(later):,.0f} |")


if __name__ == "__main__":
    main()
