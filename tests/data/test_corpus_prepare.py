"""Preparing a corpus: what stands in it, what a restart keeps, and what is refused."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from toy import ToySpace

from lcm.data import Corpus, CorpusError, prepare, read_documents
from lcm.segmentation import segment

TEXTS = [
    "A fox sat on a stone. It was raining! Nobody came.",
    "The owl asked why. The fox had no answer. It was raining!",
    "One sentence is a document too.",
    "Ana found the key. She opened the door. Behind it stood the sea.",
    "It rained. It rained. It rained.",
]


def write_rows(path: Path, rows: list[dict[str, object]]) -> Path:
    """JSON lines."""
    opened = gzip.open(path, "wt") if path.name.endswith(".gz") else path.open("w")
    with opened as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    rows: list[dict[str, object]] = [{"id": f"story-{i}", "text": text} for i, text in enumerate(TEXTS)]
    rows.append({"sentences": ["Il pleut. Encore.", "Rien."], "lang": "fra_Latn", "seed": 3})
    return write_rows(tmp_path / "texts.jsonl.gz", rows)


def test_a_corpus_holds_each_documents_sentences_and_their_concepts(source, tmp_path):
    space = ToySpace()
    report = prepare(source, tmp_path / "corpus", space, shard_size=4)
    corpus = Corpus(tmp_path / "corpus")
    assert (report.documents, report.shards, len(corpus)) == (6, 2, 6)
    assert report.sentences == corpus.lengths.sum()
    for number, text in enumerate(TEXTS):
        document = corpus[number]
        assert (document.id, document.lang) == (f"story-{number}", "en")
        assert document.sentences == [*segment(text), "End of text."]
        expected = torch.stack([space.concept(sentence) for sentence in document.sentences]).half()
        assert np.array_equal(document.concepts, expected.numpy())
    french = corpus[5]
    assert (french.id, french.lang) == ("texts-6", "fr")
    assert french.sentences == ["Il pleut. Encore.", "Rien.", "End of text."]  # used as they are


def test_the_files_are_plain_arrow_with_their_making_in_the_metadata(source, tmp_path):
    prepare(source, tmp_path / "corpus", ToySpace(), cap=150)
    table = pa.ipc.open_file(pa.memory_map(str(tmp_path / "corpus/shard-00000.arrow"))).read_all()
    assert table.schema.names == ["id", "lang", "sentences", "concepts"]
    assert table.schema.field("concepts").type == pa.list_(pa.list_(pa.float16(), 8))
    metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert metadata["lcm.segmenter_version"]
    del metadata["lcm.segmenter_version"]
    assert metadata == {
        "lcm.space": "toy", "lcm.dim": "8", "lcm.segmenter": "sentencex", "lcm.cap": "150", "lcm.encoder": "7091",
    }  # fmt: skip
    listed = json.loads((tmp_path / "corpus/dataset.json").read_text())
    assert listed["complete"]
    assert [shard["documents"] for shard in listed["shards"]] == [6]


def test_a_sentence_repeated_in_a_shard_is_encoded_once(source, tmp_path):
    space = ToySpace()
    report = prepare(source, tmp_path / "corpus", space)
    assert len(space.asked) == len(set(space.asked)) == report.encoded
    assert report.encoded < report.sentences


def test_a_folder_of_texts_is_a_document_a_file(tmp_path):
    for name, text in zip("ba", TEXTS[:2], strict=True):
        (tmp_path / f"{name}.txt").write_text(text)
    assert [document.id for document in read_documents(tmp_path)] == ["a", "b"]
    assert len(list(read_documents(tmp_path / "a.txt"))) == 1
    assert len(list(read_documents(tmp_path, limit=1))) == 1


def test_finished_shards_are_kept_and_a_torn_one_is_redone(source, tmp_path):
    folder = tmp_path / "corpus"
    prepare(source, folder, ToySpace(), shard_size=2)
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    torn = folder / "shard-00001.arrow"
    torn.write_bytes(torn.read_bytes()[:-100])
    with pytest.raises(CorpusError, match=r"shard-00001\.arrow: is .* bytes long.*lcm prepare again"):
        Corpus(folder)
    changed = bytearray(whole["shard-00002.arrow"])
    changed[len(changed) // 2] ^= 1  # the length is right, the checksum is not
    (folder / "shard-00002.arrow").write_bytes(changed)
    report = prepare(source, folder, ToySpace(), shard_size=2)
    assert (report.shards, report.kept) == (3, 1)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole


def test_an_interrupted_preparation_goes_on_where_it_stopped(source, tmp_path):
    class Interrupted(ToySpace):
        """Falls over at the second shard."""

        def encode(self, sentences, lang):
            if any("Ana" in sentence for sentence in sentences):
                raise KeyboardInterrupt
            return super().encode(sentences, lang)

    folder = tmp_path / "corpus"
    with pytest.raises(KeyboardInterrupt):
        prepare(source, folder, Interrupted(), shard_size=2)
    with pytest.raises(CorpusError, match=r"interrupted\. Run the same lcm prepare again"):
        Corpus(folder)
    assert prepare(source, folder, ToySpace(), shard_size=2).kept == 1
    prepare(source, tmp_path / "unbroken", ToySpace(), shard_size=2)
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "unbroken" / path.name).read_bytes()


def test_a_changed_document_is_prepared_again_and_the_others_kept(tmp_path):
    source = write_rows(tmp_path / "texts.jsonl", [{"text": text} for text in TEXTS])
    folder = tmp_path / "corpus"
    prepare(source, folder, ToySpace(), shard_size=1)
    write_rows(source, [{"text": text} for text in [TEXTS[0], "Another story.", *TEXTS[2:4]]])
    report = prepare(source, folder, ToySpace(), shard_size=1)
    assert (report.shards, report.kept) == (4, 3)
    assert Corpus(folder)[1].sentences[0] == "Another story."
    assert len(list(folder.glob("*.arrow"))) == 4


def test_other_settings_in_the_same_folder_are_refused(source, tmp_path):
    prepare(source, tmp_path / "corpus", ToySpace())
    with pytest.raises(CorpusError, match="cap = 200, but 100 is asked for"):
        prepare(source, tmp_path / "corpus", ToySpace(), cap=100)
    with pytest.raises(CorpusError, match="shard_size = 2000, but 5 is asked for"):
        prepare(source, tmp_path / "corpus", ToySpace(), shard_size=5)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/letter.txt").write_text("dear")
    with pytest.raises(CorpusError, match="neither empty nor a prepared corpus"):
        prepare(source, tmp_path / "other", ToySpace())


def test_a_corpus_of_another_encoder_of_the_same_name_is_refused(source, tmp_path):
    class Retrained(ToySpace):
        encoder_checksum = "abcdef"

    folder = tmp_path / "corpus"
    prepare(source, folder, ToySpace())
    with pytest.raises(CorpusError, match=r"another encoder named 'toy' \(its checksum is 7091, here abcdef\).*Choose"):
        prepare(source, folder, Retrained())
    corpus = Corpus(folder)
    corpus.require("toy", 8, "7091")
    with pytest.raises(CorpusError, match=r"another encoder named 'toy' \(checksum 7091, not abcdef\).*lcm prepare"):
        corpus.require("toy", 8, "abcdef")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"bad\.jsonl: is empty"),
        (b'{"text": "Good."}\n{"text": \n', r"bad\.jsonl, row 2: is not JSON"),
        (b'{"text": "Good."}\n["no"]\n', "row 2: has neither 'text' nor 'sentences'"),
        (b'{"text": "Good."}\n{"txt": "no"}\n', "row 2: has neither 'text' nor 'sentences'"),
        (b'{"text": 7}\n', "row 1: 'text' must be text"),
        (b'{"sentences": "no"}\n', "row 1: 'sentences' must be a list of sentences"),
        (b'{"sentences": []}\n', "row 1: '(text|sentences)' holds no sentence"),
        (b'{"sentences": ["a", " "]}\n', "row 1: sentence 1 of 'sentences' is"),
        (b'{"text": "  "}\n', "row 1: '(text|sentences)' holds no sentence"),
        (b'{"text": "a", "lang": "klingon"}\n', "row 1: Unknown language 'klingon'"),
        (b'{"text": "a", "lang": "de"}\n', "row 1: is in 'de', which space 'toy' does not speak"),
        (b'{"text": "a \\ud800 b"}\n', "row 1: a lone surrogate"),
        (b'{"text": "a\xff"}\n', r"row 1: is not UTF-8 \(byte 0xff\)"),
        (b"\x7fELF\0\0", "row 1: holds a NUL byte: a binary file"),
        (b'{"text": "Good."}\n{"text": "Infinity."}\n', "row 2: the concept of sentence 0 is not finite"),
    ],
)
def test_a_bad_row_is_named_and_nothing_half_written_is_left(tmp_path, content, said):
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(content)
    folder = tmp_path / "corpus"
    with pytest.raises(CorpusError, match=said) as error:
        prepare(bad, folder, ToySpace())
    assert "\n" not in str(error.value)
    left = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    assert left in ([], ["dataset.json"])  # the second where the row could only be known to be bad when encoded


def test_missing_and_unknown_sources_are_named(tmp_path):
    with pytest.raises(CorpusError, match=r"nowhere\.jsonl: no such file"):
        prepare(tmp_path / "nowhere.jsonl", tmp_path / "corpus", ToySpace())
    (tmp_path / "table.csv").write_text("a,b")
    with pytest.raises(CorpusError, match=r"table\.csv: is not of a kind"):
        prepare(tmp_path / "table.csv", tmp_path / "corpus", ToySpace())
    with pytest.raises(CorpusError, match="holds no file ending in"):
        prepare(tmp_path, tmp_path / "corpus", ToySpace())
    packed = write_rows(tmp_path / "cut.jsonl.gz", [{"text": text} for text in TEXTS])
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(CorpusError, match=r"cut\.jsonl\.gz, after row \d+: cannot be read"):
        prepare(packed, tmp_path / "corpus", ToySpace())
    assert not (tmp_path / "corpus").exists()


def test_progress_reaches_the_end(source, tmp_path):
    seen = []
    prepare(source, tmp_path / "corpus", ToySpace(), shard_size=2, on_progress=seen.append)
    assert (seen[-1].documents, seen[-1].total) == (6, 6)
    for one, next_one in pairwise(seen):
        assert one.documents <= next_one.documents
        assert one.encoded <= next_one.encoded
