"""Segments tile the text, keep the cap, and end where a reader would end them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcm.segmentation import SegmentationError, Sentence, cap, open_segmenter, segment

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)


@given(TEXTS, st.sampled_from(["en", "fr", "deu_Latn", "ja", "hi"]), st.integers(1, 60))
def test_spans_tile_the_text_up_to_white_space_and_none_is_over_the_cap(text, lang, limit):
    sentences = open_segmenter(cap=limit).split(text, lang)
    end = 0
    for sentence in sentences:
        assert text[sentence.start : sentence.end] == sentence.text
        assert sentence.text == sentence.text.strip() != ""
        assert len(sentence.text) <= limit
        assert not text[end : sentence.start].strip()
        end = sentence.end
    assert not text[end:].strip()


@given(TEXTS, st.integers(1, 60))
def test_capping_twice_is_capping_once(text, limit):
    stripped = text.strip()
    once = cap([Sentence(stripped, 0, len(stripped))] if stripped else [], limit)
    assert cap(once, limit) == once


def test_a_long_sentence_is_split_at_its_best_late_break():
    text = "The fox ran over the hill, and then it slept; after that it ate a pear and went home again to its den."
    assert [s.text for s in open_segmenter(cap=60).split(text, "en")] == [
        "The fox ran over the hill, and then it slept;",
        "after that it ate a pear and went home again to its den.",
    ]


def test_a_run_without_breaks_is_cut_between_graphemes():
    assert segment("e\u0301" * 10, cap=5) == ["e\u0301" * 2] * 5


def test_a_lone_surrogate_is_an_error_that_names_its_offset():
    with pytest.raises(SegmentationError, match="Character 3 "):
        segment("abc\ud800")


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_white_text_has_no_sentences(text):
    assert segment(text) == []


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("en", ["Dr. Smith arrived at 3.15 p.m.", "He was late."]),
        ("en", ["What?!", "Come here at once."]),
        ("en", ["She paid $3.50 for it.", "It was worth it!"]),
        ("en", ['"I am here," said Tom.', "Anna laughed."]),
        ("en", ["J. K. Rowling wrote it.", "I read it."]),
        ("fr", ["M. Renard arriva.", "Il dormit."]),
        ("fr", ["Où est la clé ?", "Elle est perdue."]),
        ("es", ["El Sr. Pérez llegó.", "Luego durmió."]),
        ("es", ["¿Dónde está?", "¡Aquí!"]),
        ("de", ["Das ist z. B. gut.", "Er schlief."]),
        ("hi", ["यह एक वाक्य है।", "यह दूसरा है।"]),
        ("ja", ["これは文です。", "次の文です。"]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(lang, text):
    assert segment(" ".join(text), lang) == text


def test_a_blank_line_ends_a_sentence():
    assert segment("A title\n\nThe text goes\non here.") == ["A title", "The text goes\non here."]
