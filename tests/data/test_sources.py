"""What documents come from: columns by name, Parquet, Hugging Face datasets, vectors that are already computed, pairs."""

from __future__ import annotations

import json
import socket
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from toy import ToySpace

from lcm.data import Columns, Corpus, CorpusError, HubOptions, Marks, prepare, read_documents

PAIRS = [
    {"q": "Who sat on a stone? It rained.", "a": "A fox.", "l": "en"},
    {"q": "Why? Nobody knows.", "a": "Rien ne va plus. Il pleut.", "l": "fr"},
]


def parquet(path: Path, **columns: object) -> Path:
    """A file of a few rows."""
    pq.write_table(pa.table(columns), path)
    return path


def vectors(*sentences: str) -> list[list[float]]:
    """What the toy space makes of them, as a list of lists."""
    return torch.stack([ToySpace.concept(sentence) for sentence in sentences]).tolist()


def test_columns_go_by_any_name_in_json_and_in_parquet(tmp_path):
    rows = {"key": ["x", "y"], "body": ["It rained. We slept.", "Il pleut."], "code": ["en", "fra_Latn"]}
    lines = [dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, lines)))
    columns = Columns(id="key", text="body", lang="code")
    for file in (tmp_path / "rows.jsonl", parquet(tmp_path / "rows.parquet", **rows)):
        documents = [(d.id, d.source.lang, d.source.content) for d in read_documents(file, columns=columns)]
        assert documents == [("x", "en", "It rained. We slept."), ("y", "fr", "Il pleut.")]


def test_a_folder_of_parquet_files_is_read_in_the_order_of_names(tmp_path):
    (tmp_path / "deep").mkdir()
    parquet(tmp_path / "b.parquet", text=["Three."])
    parquet(tmp_path / "a.parquet", text=["One.", "Two."], id=pa.array([7, None]))
    parquet(tmp_path / "deep" / "c.parquet", sentences=[["Four.", "Five."]])
    documents = list(read_documents(tmp_path))
    assert [document.id for document in documents] == ["7", "a-2", "b-1", "c-1"]
    assert documents[3].source.content == ("Four.", "Five.")
    assert [d.id for d in read_documents(tmp_path, limit=3, wanted=lambda number: number != 1)] == ["7", "b-1"]


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float16(), 8), pa.large_list(pa.float64())])
def test_vectors_of_the_released_codes_columns_are_taken_as_they_are(tmp_path, kind):
    texts = [["It rained.", "We slept."], ["Nobody came."]]
    embeddings = pa.array([vectors(*sentences) for sentences in texts], pa.list_(pa.list_(pa.float64())))
    file = parquet(
        tmp_path / "r.parquet", text_sentences=texts, text_sentences_sonar_emb=embeddings.cast(pa.list_(kind))
    )
    space = ToySpace()
    columns = Columns(sentences="text_sentences", concepts="text_sentences_sonar_emb")
    assert prepare(file, tmp_path / "corpus", space, columns=columns).encoded == 0
    assert space.asked == []
    corpus = Corpus(tmp_path / "corpus")
    assert corpus[0].sentences == [*texts[0], "End of text."]
    expected = np.array(vectors(*corpus[0].sentences)).astype(np.float16)
    assert np.array_equal(corpus.concepts(0), expected)
    assert corpus.settings.encoder == ""  # nothing tells which encoder made them
    corpus.require("toy", 8, ToySpace.encoder_checksum)


@pytest.mark.parametrize(
    ("columns", "concepts", "said"),
    [
        (Columns(text="sentnces"), [[[0.0] * 8]], r"bad\.parquet: has no column 'sentnces'\. The nearest is 'sentences'"),
        (Columns(sentences="sentences", concepts="v"), [[[0.0] * 8]], r"has no column 'v'\."),
        (None, [[[0.0] * 7] * 2], r"row 1: its vectors have E = 7, but space 'toy' has E = 8.*--space"),
        (None, [[[0.0] * 8]], r"bad\.parquet, row 1: 'concepts' holds 1 vectors, but there are 2 sentences"),
        (None, [[[0.0] * 8, [0.0] * 7]], "row 1: 'concepts' must be a list of vectors of one length"),
        (None, [[[0.0] * 8, None]], "row 1: 'concepts' is missing a vector"),
        (None, [[[0.0] * 8, [np.nan] * 8]], "row 1: vector 1 of 'concepts' is not finite in float16"),
        (None, [[[0.0] * 8, [1e6] * 8]], "row 1: vector 1 of 'concepts' is not finite in float16"),
        (None, ["text"], r"column 'concepts' is string, but lists of vectors \(list<list<float>>\) are expected"),
    ],
)  # fmt: skip
def test_vectors_and_columns_that_do_not_fit_are_named(tmp_path, columns, concepts, said):
    file = parquet(tmp_path / "bad.parquet", sentences=[["It rained.", "We slept."]], concepts=concepts)
    columns = columns or Columns(sentences="sentences", concepts="concepts")
    with pytest.raises(CorpusError, match=said) as error:
        prepare(file, tmp_path / "corpus", ToySpace(), columns=columns)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "corpus").exists()


def test_columns_that_contradict_each_other_are_refused():
    for said, names in {
        "both text and sentences": {"text": "a", "sentences": "b"},
        "one a sentence": {"text": "a", "concepts": "b"},
        "target_concepts needs target_sentences": {"sentences": "a", "concepts": "b", "target_concepts": "c"},
        "come together": {"sentences": "a", "concepts": "b", "target": "c"},
        "but no target": {"target_lang": "a"},
    }.items():
        with pytest.raises(CorpusError, match=said):
            Columns(**names)


def test_a_damaged_parquet_file_and_a_missing_value_are_named(tmp_path):
    file = parquet(tmp_path / "cut.parquet", text=[f"It rained {n} times." for n in range(500)])
    whole = file.read_bytes()
    file.write_bytes(whole[:-50])
    with pytest.raises(CorpusError, match=r"cut\.parquet: cannot be read as Parquet"):
        list(read_documents(file))
    file.write_bytes(whole[:4] + bytes(100) + whole[104:])
    with pytest.raises(CorpusError, match=r"cut\.parquet, after row 0: cannot be read"):
        list(read_documents(file))
    with pytest.raises(CorpusError, match=r"n\.parquet, row 2: 'text' must be text, but is null"):
        list(read_documents(parquet(tmp_path / "n.parquet", text=["It rained.", None])))
    with pytest.raises(CorpusError, match=r"e\.parquet: holds no rows"):
        list(read_documents(parquet(tmp_path / "e.parquet", text=pa.array([], pa.string()))))
    with pytest.raises(CorpusError, match="no Hugging Face dataset, so that it has no split"):
        list(read_documents(tmp_path / "n.parquet", hub=HubOptions(split="test")))


def test_a_pair_holds_its_source_and_then_its_target_which_alone_is_closed(tmp_path):
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, PAIRS)))
    marks = Marks(source_prefix=("Question.",), source_suffix=("Answer.", "Be brief."), target_prefix=("Well.",))
    columns = Columns(text="q", target="a", target_lang="l")
    report = prepare(tmp_path / "pairs.jsonl", tmp_path / "corpus", ToySpace(), columns=columns, marks=marks)
    corpus = Corpus(tmp_path / "corpus")
    pair = corpus[1]
    assert pair.sentences == ["Question.", "Why?", "Nobody knows.", "Answer.", "Be brief."]
    assert pair.target_sentences == ["Well.", "Rien ne va plus.", "Il pleut.", "End of text."]
    assert (pair.lang, pair.target_lang) == ("en", "fr")
    assert (corpus.lengths.tolist(), corpus.source_lengths.tolist()) == ([8, 9], [5, 5])
    assert report.sentences == 17
    expected = np.array(vectors(*pair.sentences, *pair.target_sentences)).astype(np.float16)
    assert np.array_equal(corpus.concepts(1), expected)
    assert np.array_equal(np.concatenate([pair.concepts, pair.target_concepts]), expected)
    rows = {row.tobytes() for row in corpus.sample_concepts(12)}
    assert rows <= {row.tobytes() for number in range(2) for row in corpus.concepts(number)}
    assert len(corpus.sample_concepts(100)) == 17


def test_pairs_of_vectors_need_no_encoder(tmp_path):
    file = parquet(
        tmp_path / "p.parquet", s=[["Why?"]], sv=[vectors("Why?")], t=[["No.", "End of text."]], tv=[vectors("No.", "Be.")],
    )  # fmt: skip
    columns = Columns(sentences="s", concepts="sv", target_sentences="t", target_concepts="tv")
    assert prepare(file, tmp_path / "corpus", ToySpace(), columns=columns).encoded == 0
    pair = Corpus(tmp_path / "corpus")[0]
    assert pair.target_sentences == ["No.", "End of text."]  # closed already
    assert np.array_equal(pair.target_concepts, np.array(vectors("No.", "Be.")).astype(np.float16))


def test_marks_stand_around_plain_documents_too_and_other_marks_make_other_shards(tmp_path):
    (tmp_path / "a.txt").write_text("It rained.")
    folder = tmp_path / "corpus"
    prepare(tmp_path / "a.txt", folder, ToySpace(), marks=Marks(source_prefix=("Tale.",)))
    assert Corpus(folder)[0].sentences == ["Tale.", "It rained.", "End of text."]
    assert prepare(tmp_path / "a.txt", folder, ToySpace(), marks=Marks(source_prefix=("Tale.",))).kept == 1
    assert prepare(tmp_path / "a.txt", folder, ToySpace()).kept == 0
    with pytest.raises(CorpusError, match="but no target"):
        prepare(tmp_path / "a.txt", folder, ToySpace(), marks=Marks(target_suffix=("Bye.",)))


def test_a_hugging_face_dataset_is_read_from_disk_and_by_name(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="the extra 'hf' is not installed")
    rows = datasets.Dataset.from_dict({"body": ["It rained.", "We slept.", "Nobody came."], "n": [1, 2, 3]})
    rows.select([2, 0]).save_to_disk(tmp_path / "one")  # rows in an order of their own
    columns = Columns(text="body", id="n")
    documents = list(read_documents(tmp_path / "one", columns=columns))
    assert [(d.id, d.source.content) for d in documents] == [("3", "Nobody came."), ("1", "It rained.")]
    assert documents[1].place == f"{tmp_path / 'one'}, row 2"
    datasets.DatasetDict({"train": rows, "test": rows.select([1])}).save_to_disk(tmp_path / "two")
    test = list(read_documents(tmp_path / "two", columns=columns, hub=HubOptions(split="test")))
    assert [d.id for d in test] == ["2"]
    assert len(list(read_documents(tmp_path / "two", columns=columns))) == 3
    with pytest.raises(CorpusError, match=r"has no split 'valid'\. Choose with --hf-split: train, test"):
        list(read_documents(tmp_path / "two", columns=columns, hub=HubOptions(split="valid")))
    with pytest.raises(CorpusError, match=r"one: has no column 'bodi'\. The nearest is 'body'"):
        list(read_documents(tmp_path / "one", columns=Columns(text="bodi")))
    (tmp_path / "hub").mkdir()
    rows.to_parquet(tmp_path / "hub" / "train.parquet")
    assert len(list(read_documents(f"hf://{tmp_path / 'hub'}", columns=columns))) == 3  # what load_dataset takes
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with monkeypatch.context() as nowhere, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        nowhere.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{bound.getsockname()[1]}")
        started = time.monotonic()
        with pytest.raises(
            CorpusError, match=r"^hf://nowhere/at-all: http://.* cannot be reached\. .*HF_HUB_OFFLINE=1"
        ):
            list(read_documents("hf://nowhere/at-all", columns=columns))
        assert time.monotonic() - started < 10
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CorpusError, match=r"^hf://nowhere/at-all: cannot be loaded \(.*\)\.$"):
        list(read_documents("hf://nowhere/at-all", columns=columns))


def test_a_missing_extra_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(CorpusError, match=r"hf://a/b: needs the package datasets.*pip install 'lcm\[hf\]'"):
        list(read_documents("hf://a/b"))
