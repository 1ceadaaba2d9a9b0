"""Reading a corpus: every document once an epoch, exact resume, any number of ranks, and what is refused."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lcm.data import ConceptBatch, ConceptReader, Corpus, CorpusError, Prefetched, find_parts, read_once
from lcm.data.plan import make_plan
from lcm.data.shards import Encoded, Manifest, Settings, write_shard

SETTINGS = Settings("toy", 8, "sentencex", "1", 200)


def write_corpus(folder: Path, lengths: list[int], shard_size: int = 7) -> Path:
    """Concept n of document d is [d, n, 1, 1, …]."""
    folder.mkdir()
    documents = []
    for number, length in enumerate(lengths):
        concepts = np.ones((length, 8), np.float16)
        concepts[:, 0], concepts[:, 1] = number, np.arange(length)
        documents.append(Encoded(f"d{number}", "en", [f"{number}.{n}" for n in range(length)], concepts))
    shards = [
        write_shard(folder / f"shard-{i:05d}.arrow", documents[start : start + shard_size], SETTINGS, "")
        for i, start in enumerate(range(0, len(documents), shard_size))
    ]
    Manifest(SETTINGS, shard_size, True, tuple(shards)).write(folder)
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    lengths = [int(n) for n in np.random.default_rng(0).integers(1, 20, 40)]
    return Corpus(write_corpus(tmp_path / "corpus", lengths))


def same(one: list[ConceptBatch], other: list[ConceptBatch]) -> bool:
    """Bit for bit."""

    def tensors(batch: ConceptBatch) -> list[torch.Tensor]:
        return [x for x in vars(batch).values() if isinstance(x, torch.Tensor)]

    pairs = zip(one, other, strict=True)
    return all(torch.equal(x, y) for a, b in pairs for x, y in zip(tensors(a), tensors(b), strict=True))


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=60),
    max_len=st.integers(1, 30),
    extra=st.integers(0, 100),
    epoch=st.integers(0, 3),
)
def test_an_epoch_holds_every_sentence_of_every_document_once_within_the_budget(lengths, max_len, extra, epoch):
    budget = max_len + extra
    plan = make_plan(np.array(lengths), budget=budget, max_len=max_len, seed=1, epoch=epoch)
    rows = zip(plan.documents.tolist(), plan.starts.tolist(), plan.lengths.tolist(), strict=True)
    read = Counter((document, n) for document, start, length in rows for n in range(start, start + length))
    assert read == Counter((document, n) for document, length in enumerate(lengths) for n in range(length))
    for batch in range(len(plan)):
        own = plan.lengths[plan.rows(batch)]
        assert len(own) * own.max() <= budget
        assert len(own) >= min(len(plan.lengths), -(-(budget // min(max_len, max(lengths))) // 2))
        assert own.max() <= max_len
    for document, length in enumerate(lengths):  # wrapped into pieces as few and as equal as can be
        pieces = plan.lengths[plan.documents == document]
        assert len(pieces) == -(-length // max_len)
        assert pieces.max() - pieces.min() <= 1


def test_epochs_are_different_permutations_and_the_same_for_the_same_seed():
    orders = {(seed, epoch): tuple(make_plan(np.full(50, 3), budget=3, max_len=3, seed=seed, epoch=epoch).documents)
              for seed in (1, 2) for epoch in (0, 1)}  # fmt: skip
    assert len(set(orders.values())) == 4
    assert all(sorted(order) == list(range(50)) for order in orders.values())
    again = tuple(make_plan(np.full(50, 3), budget=3, max_len=3, seed=2, epoch=1).documents)
    assert again == orders[2, 1]


def test_batches_carry_the_documents_own_concepts_and_zeros(corpus):
    reader = ConceptReader(corpus, budget=40, max_len=8, seed=3)
    for _ in range(30):
        (batch,) = next(reader)
        assert batch.concepts.dtype == torch.float16
        for row, length in enumerate(batch.lengths.tolist()):
            own, padding = batch.concepts[row, :length], batch.concepts[row, length:]
            assert (own[:, 0] == batch.document_ids[row]).all()
            assert torch.equal(own[:, 1].long(), batch.first_sentences[row] + torch.arange(length))
            assert not padding.any()


def test_little_of_a_batch_is_padding(corpus):
    batches = list(read_once(corpus, budget=60, max_len=20))
    real = sum(int(batch.lengths.sum()) for batch in batches)
    assert real == corpus.lengths.sum()
    assert real / sum(batch.concepts.shape[0] * batch.concepts.shape[1] for batch in batches) > 0.85


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 9, 40])  # the last beyond an epoch
def test_a_resumed_reader_gives_the_same_batches(corpus, steps, packed):
    settings = {"budget": 80, "micro_batches": 2, "max_len": 8, "seed": 3, "packed": packed}
    unbroken = ConceptReader(corpus, **settings)
    for _ in range(steps):
        next(unbroken)
    resumed = ConceptReader(corpus, **settings)
    resumed.load_state_dict(unbroken.state_dict())
    assert all(same(next(unbroken), next(resumed)) for _ in range(40))
    resumed.reset()
    assert same(next(resumed), next(ConceptReader(corpus, **settings)))


@pytest.mark.parametrize(("micro_batches", "world_size"), [(1, 2), (2, 2), (1, 3), (2, 4), (4, 2), (3, 1)])
def test_a_step_holds_the_same_documents_on_any_number_of_processes(corpus, micro_batches, world_size):
    def sentences(batches: list[ConceptBatch]) -> list[tuple[float, ...]]:
        real = [batch.concepts[row, :length] for batch in batches for row, length in enumerate(batch.lengths.tolist())]
        return sorted(tuple(concept.tolist()) for concepts in real for concept in concepts)

    settings = {"budget": 120 * micro_batches, "micro_batches": micro_batches, "max_len": 8, "seed": 3}
    alone = ConceptReader(corpus, **settings)
    ranks = [ConceptReader(corpus, rank=rank, world_size=world_size, **settings) for rank in range(world_size)]
    for _ in range(30):
        step = next(alone)
        assert len(step) == micro_batches
        shared = [next(rank) for rank in ranks]
        assert {len(batches) for batches in shared} == {max(1, micro_batches // world_size)}
        assert sentences(step) == sentences([batch for batches in shared for batch in batches])
    assert all(rank.state_dict() == alone.state_dict() for rank in ranks)


def test_a_validation_has_as_many_batches_for_each_process_and_each_sentence_once(corpus):
    shared = [list(read_once(corpus, budget=60, max_len=20, rank=rank, world_size=7)) for rank in range(7)]
    assert len({len(batches) for batches in shared}) == 1
    targets = sum(
        int(batch.lengths.sum() if batch.first_targets is None else (batch.lengths - batch.first_targets).sum())
        for batches in shared
        for batch in batches
    )
    assert targets == corpus.lengths.sum()


def test_what_is_read_ahead_is_what_would_have_been_read_and_none_of_it_is_lost(corpus):
    settings = {"budget": 40, "max_len": 8, "seed": 3}
    plain, ahead = ConceptReader(corpus, **settings), Prefetched(ConceptReader(corpus, **settings), ahead=3)
    for _ in range(20):
        assert same(next(plain), next(ahead))
        assert ahead.state_dict() == plain.state_dict()
    other = Prefetched(ConceptReader(corpus, **settings))
    next(other)
    other.load_state_dict(ahead.state_dict())
    assert same(next(other), next(plain))
    other.reset()
    assert same(next(other), next(ConceptReader(corpus, **settings)))


def test_more_processes_than_a_batch_has_rows_are_refused(corpus):
    with pytest.raises(
        CorpusError, match=r"may have no more than 3 rows \(of 8 sentences\), too few for the 4 processes"
    ):
        ConceptReader(corpus, budget=40, max_len=8, seed=3, world_size=4)
    with pytest.raises(CorpusError, match="3 micro-batches a step cannot be shared out among 2 processes"):
        ConceptReader(corpus, budget=40, max_len=8, seed=3, micro_batches=3, world_size=2)


def test_of_pairs_the_targets_alone_are_to_be_learnt_and_none_is_cut(tmp_path):
    def half(number: int, first: int, length: int) -> np.ndarray:
        concepts = np.ones((length, 8), np.float16)
        concepts[:, 0], concepts[:, 1] = number, np.arange(first, first + length)
        return concepts

    sizes = [(1, 2), (4, 3), (2, 6)]
    pairs = [
        Encoded(str(n), "en", ["s"] * a, half(n, 0, a), target_sentences=["t"] * b, target_concepts=half(n, a, b))
        for n, (a, b) in enumerate(sizes)
    ]
    (tmp_path / "pairs").mkdir()
    shard = write_shard(tmp_path / "pairs/shard-00000.arrow", pairs, SETTINGS, "")
    Manifest(SETTINGS, 3, True, (shard,)).write(tmp_path / "pairs")
    corpus = Corpus(tmp_path / "pairs")
    for packed in (False, True):
        (batch,) = next(ConceptReader(corpus, budget=60, max_len=8, seed=0, packed=packed))
        assert batch.first_targets is not None
        rows = torch.stack((batch.document_ids, batch.first_targets, batch.lengths), 1).tolist()
        assert sorted(rows) == [[n, a, a + b] for n, (a, b) in enumerate(sizes)]
    with pytest.raises(
        CorpusError, match=r"document 2: a pair of 8 sentences cannot be wrapped at max_len = 7 \(1 are longer\)"
    ):
        ConceptReader(corpus, budget=60, max_len=7, seed=0)


def test_corpora_are_found_by_name_split_and_weight(tmp_path):
    for name in ("alone", "tales/train", "tales/valid", "stories/train"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_corpus(tmp_path / name, [3, 4])
    tales, stories = find_parts(tmp_path, ["tales=train:0.6", "stories:2"])
    assert (tales.folder, tales.weight, tales.valid) == (tmp_path / "tales/train", 0.6, tmp_path / "tales/valid")
    assert (stories.folder, stories.weight, stories.valid) == (tmp_path / "stories/train", 2, None)
    assert find_parts(tmp_path / "alone")[0].folder == tmp_path / "alone"
    assert find_parts(tmp_path / "tales") == find_parts(tmp_path, ["tales"])
    assert find_parts(tmp_path, ["tales=valid"])[0].valid is None
    for spec in ("tales=train:x", "tales=train:0", "tales=train:1:2", "=train", "tales:-1"):
        with pytest.raises(CorpusError, match="must be name=split:weight"):
            find_parts(tmp_path, [spec])
    with pytest.raises(CorpusError, match=r"tales/test: is no prepared corpus\. .*tales holds: train, valid\."):
        find_parts(tmp_path, ["tales=test"])
    with pytest.raises(CorpusError, match=r"nowhere: holds no dataset\.json"):
        find_parts(tmp_path / "nowhere")


def test_a_position_of_another_run_is_refused(corpus):
    state = ConceptReader(corpus, budget=40, max_len=8, seed=3).state_dict()
    with pytest.raises(CorpusError, match="seed = 3, but goes on with 4"):
        ConceptReader(corpus, budget=40, max_len=8, seed=4).load_state_dict(state)
    with pytest.raises(CorpusError, match="max_len must be between 1 and the budget of 4"):
        ConceptReader(corpus, budget=4, max_len=8, seed=4)


def test_the_concepts_are_a_view_of_the_file(corpus):
    view = corpus.concepts(11)
    assert not view.flags.owndata
    assert not view.flags.writeable
    assert view[0, 0] == 11


def test_sampled_concepts_are_distinct_rows_of_the_corpus(corpus):
    sample = corpus.sample_concepts(50)
    rows = {(int(d), int(n)) for d, n in sample[:, :2]}
    assert len(rows) == 50
    assert all(n < corpus.lengths[d] for d, n in rows)
    assert len(corpus.sample_concepts(10**6)) == corpus.lengths.sum()


def rewrite(corpus: Corpus, shard: int, change) -> None:
    """Write a shard again with a changed table, and list it so that only its content is wrong."""
    path = corpus.folder / corpus.shards[shard].file
    table = change(pa.ipc.open_file(path.read_bytes()).read_all())
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    shards = list(corpus.shards)
    shards[shard] = dataclasses.replace(shards[shard], bytes=path.stat().st_size)
    Manifest(corpus.settings, 7, True, tuple(shards)).write(corpus.folder)


def test_a_concept_that_is_not_finite_is_named_when_it_is_read(corpus):
    def spoil(table: pa.Table) -> pa.Table:
        rows = table.to_pylist()
        rows[2]["concepts"][0][5] = np.float16(np.nan)
        return pa.Table.from_pylist(rows, schema=table.schema)

    rewrite(corpus, 1, spoil)
    spoilt = Corpus(corpus.folder)
    spoilt.concepts(8)
    with pytest.raises(CorpusError, match=r"shard-00001\.arrow, row 2: concept 0 is not finite"):
        spoilt.concepts(9)
    with pytest.raises(CorpusError, match="is not finite"):
        list(read_once(spoilt, budget=100, max_len=50))


def test_unequal_counts_are_named(corpus):
    def spoil(table: pa.Table) -> pa.Table:
        rows = table.to_pylist()
        rows[3]["sentences"].append("one more")
        return pa.Table.from_pylist(rows, schema=table.schema)

    rewrite(corpus, 0, spoil)
    count = corpus.lengths[3]
    with pytest.raises(CorpusError, match=rf"shard-00000\.arrow, row 3: {count + 1} sentences, but {count} concepts"):
        Corpus(corpus.folder)


def test_a_shard_of_another_space_is_named(corpus):
    rewrite(corpus, 2, lambda table: table.replace_schema_metadata({**table.schema.metadata, b"lcm.space": b"other"}))
    with pytest.raises(
        CorpusError, match=r"shard-00002\.arrow: was made with space = other, but dataset\.json says toy"
    ):
        Corpus(corpus.folder)


def test_a_corpus_of_another_space_is_refused(corpus):
    corpus.require("toy", 8)
    with pytest.raises(
        CorpusError, match=r"space 'toy' \(E = 8\), but 'sonar_basic' \(E = 1024\).*lcm prepare --space"
    ):
        corpus.require("sonar_basic", 1024)


def test_a_damaged_file_of_the_right_length_is_refused(corpus):
    path = corpus.folder / corpus.shards[0].file
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(CorpusError, match=r"shard-00000\.arrow: is damaged"):
        Corpus(corpus.folder)
    with pytest.raises(CorpusError, match=r"holds no dataset\.json"):
        Corpus(corpus.folder.parent)


def test_several_record_batches_in_a_file_are_read_too(corpus):
    def split(table: pa.Table) -> pa.Table:
        return pa.concat_tables([table.slice(0, 3), table.slice(3)])

    before = [corpus.concepts(i).copy() for i in range(len(corpus))]
    rewrite(corpus, 0, split)
    again = Corpus(corpus.folder)
    assert all(np.array_equal(again.concepts(i), concepts) for i, concepts in enumerate(before))
