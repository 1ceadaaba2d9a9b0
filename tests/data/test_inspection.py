"""Looking into a corpus, and taking it out again: figures counted by hand, every fault named, Parquet there and back."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toy import ToySpace

from lcm.data import Columns, Corpus, CorpusError, export_parquet, inspect, prepare
from lcm.data.shards import Manifest

ROWS = [
    {"sentences": ["It rained.", "We slept."]},
    {"sentences": ["It rained.", "x" * 20]},
    {"sentences": ["It rained.", "We slept."], "lang": "fr"},
    {"sentences": ["y" * 19, "It rained.", "z" * 18, "We slept."]},
]
PAIRS = [{"sentences": ["Why?"], "to": "It rained. We slept."}, {"sentences": ["Who?", "Where?"], "to": "Nobody."}]


@pytest.fixture
def corpus(tmp_path) -> Corpus:
    """Four documents in two shards, cap 20."""
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    prepare(tmp_path / "rows.jsonl", tmp_path / "corpus", ToySpace(), shard_size=2, cap=20)
    return Corpus(tmp_path / "corpus")


@pytest.fixture
def pairs(tmp_path) -> Corpus:
    """Two pairs in two shards."""
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, PAIRS)))
    prepare(tmp_path / "pairs.jsonl", tmp_path / "pairs", ToySpace(), shard_size=1, columns=Columns(target="to"))
    return Corpus(tmp_path / "pairs")


def test_an_inspection_counts_what_one_counts_by_hand(corpus):
    found = inspect(corpus.folder)
    assert (found.documents, found.pairs, found.sentences, found.shards) == (4, 0, 3 + 3 + 3 + 5, 2)
    assert [(bin.first, bin.last, bin.documents) for bin in found.lengths] == [(1, 1, 0), (2, 3, 3), (4, 7, 1)]
    assert (found.at_cap, found.near_cap) == (1, 2)  # 20 characters; 19 are 95 % of it, 18 are not
    assert found.duplicates == 1
    assert found.repeated == 2 + 3  # of each shard's: "It rained." and "End of text."; in the second "We slept." too
    norms = np.linalg.norm(np.concatenate([corpus.concepts(i) for i in range(4)]).astype(np.float32), axis=1)
    assert (found.norm_min, found.norm_max) == (norms.min(), norms.max())
    assert found.norm_mean == pytest.approx(norms.mean(), rel=1e-6)
    assert found.bytes == sum(path.stat().st_size for path in corpus.folder.iterdir())
    assert (found.not_finite, found.faults) == (0, ())


def test_targets_are_inspected_too(pairs):
    found = inspect(pairs.folder)
    assert (found.documents, found.pairs, found.sentences, found.duplicates) == (2, 2, 4 + 4, 0)


def test_one_changed_bit_is_a_fault_that_names_the_shard(corpus):
    path = corpus.folder / "shard-00001.arrow"
    content = bytearray(path.read_bytes())
    place = content.rfind(corpus.concepts(3).tobytes()[:16])
    content[place] ^= 1  # the lowest bit of a number
    path.write_bytes(content)
    (fault,) = inspect(corpus.folder).faults
    assert "shard-00001.arrow: its checksum is not the one" in fault
    assert "lcm prepare again" in fault


def test_every_concept_that_is_not_finite_is_counted_and_named(corpus):
    path = corpus.folder / "shard-00000.arrow"
    table = pa.ipc.open_file(path.read_bytes()).read_all()
    rows = table.to_pylist()
    rows[1]["concepts"][0][5] = np.float16(np.inf)
    rows[1]["concepts"][2][0] = np.float16(np.nan)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema=table.schema))
    shards = [dataclasses.replace(corpus.shards[0], bytes=path.stat().st_size), *corpus.shards[1:]]
    Manifest(corpus.settings, 2, True, tuple(shards)).write(corpus.folder)
    found = inspect(corpus.folder)
    assert found.not_finite == 2
    assert np.isfinite([found.norm_mean, found.norm_min, found.norm_max]).all()
    assert "shard-00000.arrow, row 1: concept 0 is not finite" in found.faults[1]
    with pytest.raises(CorpusError, match="is not finite"):
        export_parquet(Corpus(corpus.folder), corpus.folder.parent / "out.parquet")
    assert not (corpus.folder.parent / "out.parquet").exists()


@pytest.mark.parametrize("output", ["out.parquet", "out"])
@pytest.mark.parametrize("kind", ["corpus", "pairs"])
def test_a_corpus_comes_back_from_parquet_bit_for_bit(kind, output, tmp_path, request):
    corpus = request.getfixturevalue(kind)
    files = export_parquet(corpus, tmp_path / output)
    assert len(files) == (2 if output == "out" else 1)
    columns = Columns(sentences="sentences", concepts="concepts")
    if kind == "pairs":
        columns = Columns(
            sentences="sentences", concepts="concepts", target_sentences="target_sentences",
            target_concepts="target_concepts", target_lang="target_lang",
        )  # fmt: skip
    space = ToySpace()
    size = 2 if kind == "corpus" else 1
    prepare(tmp_path / output, tmp_path / "again", space, columns=columns, shard_size=size, cap=corpus.settings.cap)
    assert space.asked == []
    for shard in corpus.shards:  # the encoder's checksum, in the metadata, too
        assert (tmp_path / "again" / shard.file).read_bytes() == (corpus.folder / shard.file).read_bytes()


def test_vectors_of_another_encoder_are_refused_where_the_file_tells_it(corpus, tmp_path):
    class Retrained(ToySpace):
        encoder_checksum = "abcdef"

    export_parquet(corpus, tmp_path / "out.parquet")
    assert pq.read_schema(tmp_path / "out.parquet").metadata[b"lcm.encoder"] == b"7091"
    columns = Columns(concepts="concepts")
    with pytest.raises(CorpusError, match=r"out\.parquet: holds vectors of encoder '7091', but 'abcdef' is asked for"):
        prepare(tmp_path / "out.parquet", tmp_path / "again", Retrained(), columns=columns)
