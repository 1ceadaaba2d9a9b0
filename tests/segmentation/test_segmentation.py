"""Segments tile the text, keep the cap, and end where a reader would end them."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcm.languages import LanguageError
from lcm.segmentation import (
    SatSegmenter,
    SegmentationError,
    Sentence,
    SplitModel,
    cap,
    open_segmenter,
    segment,
)

# Any characters, and beside them runs of those that segmenters stumble over.
TRICKY = "ab. A!?\n\r\"'«»“”。…()-–—,;:\u0301\u0085\u00a0\u2028\u2029\u200b\u200d\x00\x1c\ufeff😀👩1éßİ한ა।؟"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300) | st.text(st.sampled_from(TRICKY), max_size=300)
LANGUAGES = st.sampled_from(["en", "fr", "deu_Latn", "es", "ru", "ja", "hi", "ace_Latn"])


def fake_model(seed: int = 0, threshold: float = 0.9) -> SplitModel:
    """Random split probabilities, the same for the same text."""

    def probabilities(text: str) -> np.ndarray:
        rng = np.random.default_rng([seed, *text.encode()])
        return rng.choice([0.0, 0.1, 0.5, 0.95], size=len(text), p=[0.6, 0.2, 0.1, 0.1])

    return SplitModel("fake-1", probabilities, threshold)


def segmenter_of(name: str, limit: int, newline_ends: bool):
    if name == "sat":
        return SatSegmenter(fake_model(), limit, newline_ends=newline_ends)
    return open_segmenter(name, cap=limit, newline_ends=newline_ends)


@pytest.mark.parametrize("name", ["sentencex", "sat"])
@given(text=TEXTS, lang=LANGUAGES, limit=st.integers(1, 60), newline_ends=st.booleans())
def test_spans_tile_the_text_up_to_white_space_and_none_is_over_the_cap(name, text, lang, limit, newline_ends):
    end = 0
    for sentence in segmenter_of(name, limit, newline_ends).split(text, lang):
        assert text[sentence.start : sentence.end] == sentence.text
        assert sentence.text == sentence.text.strip() != ""
        assert len(sentence.text) <= limit
        assert not text[end : sentence.start].strip()
        end = sentence.end
    assert not text[end:].strip()


@pytest.mark.parametrize("name", ["sentencex", "sat"])
@given(text=TEXTS, limit=st.integers(1, 60))
def test_capping_twice_is_capping_once(name, text, limit):
    stripped = text.strip()
    whole = [Sentence(stripped, 0, len(stripped))] if stripped else []
    once = cap(whole, limit) if name == "sentencex" else SatSegmenter(fake_model(threshold=2), limit).split(text, "en")
    assert cap(once, limit) == once


@given(st.lists(st.sampled_from(["e\u0301", "👩\u200d👧", "한", "x"]), min_size=1, max_size=60), st.integers(3, 30))
def test_a_run_without_breaks_is_cut_between_graphemes(graphemes, limit):
    for piece in segment("".join(graphemes), "en", cap=limit)[1:]:
        assert piece[0] not in "\u0301\u200d"


@pytest.mark.parametrize(
    ("limit", "text", "pieces"),
    [
        (60, "The fox ran over the hill, and then it slept; after that it ate a pear and went home again to its den.",
         ["The fox ran over the hill, and then it slept;", "after that it ate a pear and went home again to its den."]),
        (30, "Yes, the old hedgehog went slowly home",  # the comma would leave a stump
         ["Yes, the old hedgehog went", "slowly home"]),
        (20, "a well-known hedgehog walked", ["a well-known", "hedgehog walked"]),
        (10, "https://example.org/a-b-c", ["https:", "//example.", "org/a-b-c"]),
        (40, '"Come with me to the mill. We will eat there, and then we will sleep," said Tom.',
         ['"Come with me to the mill.', "We will eat there,", "and then we will sleep,\" said Tom."]),
        (12, "狐狸跑过了山，然后它睡着了，后来回家", ["狐狸跑过了山，", "然后它睡着了，后来回家"]),
        (8, "One — two three", ["One —", "two", "three"]),
        (4, "abcdefghij", ["abcd", "efgh", "ij"]),
        (2, "e" + "\u0301" * 5, ["e\u0301", "\u0301\u0301", "\u0301\u0301"]),  # one grapheme over the cap
    ],
)  # fmt: skip
def test_a_long_sentence_is_split_at_its_best_late_break(limit, text, pieces):
    sentence = Sentence(text, 3, 3 + len(text))
    capped = cap([sentence], limit)
    assert [piece.text for piece in capped] == pieces
    assert all(text[piece.start - 3 : piece.end - 3] == piece.text for piece in capped)


def test_sat_splits_above_its_threshold_and_caps_at_the_highest_probability_left():
    text = "aaaa bbbb cccc dddd\neeee"
    peaks = {4: 0.3, 9: 0.9, 14: 0.2}  # after this character, the space that follows a word
    model = SplitModel("fake", lambda t: np.array([peaks.get(i, 0.0) for i in range(len(t))]), 0.5)
    assert [s.text for s in SatSegmenter(model, 100).split(text, "en")] == ["aaaa bbbb", "cccc dddd\neeee"]
    assert [s.text for s in SatSegmenter(model, 8).split(text, "en")] == ["aaaa", "bbbb", "cccc", "dddd", "eeee"]


def test_sat_without_wtpsplit_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "wtpsplit", None)
    with pytest.raises(SegmentationError, match=r"pip install 'lcm\[sat\]'"):
        open_segmenter("sat")


def test_a_split_model_that_miscounts_is_refused():
    with pytest.raises(SegmentationError, match="3 characters"):
        SatSegmenter(SplitModel("fake", lambda text: np.zeros(2), 0.5)).split("abc", "en")


@pytest.mark.parametrize("segmenter", [open_segmenter(), SatSegmenter(fake_model())], ids=["sentencex", "sat"])
def test_a_lone_surrogate_is_an_error_that_names_its_offset(segmenter):
    with pytest.raises(SegmentationError, match="Character 3 "):
        segmenter.split("abc\ud800", "en")


@pytest.mark.parametrize("text", ["", " \n\t ", "\u2003\u2029\u0085"])
@pytest.mark.parametrize("segmenter", [open_segmenter(), SatSegmenter(fake_model())], ids=["sentencex", "sat"])
def test_white_text_has_no_sentences(segmenter, text):
    assert segmenter.split(text, "en") == []


@pytest.mark.parametrize("segmenter", [open_segmenter(), SatSegmenter(fake_model())], ids=["sentencex", "sat"])
def test_an_unknown_language_is_an_error(segmenter):
    with pytest.raises(LanguageError, match="'xx'"):
        segmenter.split("Hello.", "xx")


def test_unknown_names_and_caps_below_one_are_errors():
    with pytest.raises(SegmentationError, match="Choose sentencex, sat"):
        open_segmenter("spacy")
    with pytest.raises(SegmentationError, match="at least 1"):
        segment("Hello.", cap=0)


def test_white_space_of_several_bytes_before_an_initial_does_not_break_sentencex():
    assert segment("Plan A\u0085. He left.") == ["Plan A\u0085.", "He left."]


def test_blank_lines_end_a_sentence_and_line_breaks_do_if_asked():
    text = "A title\r\n \r\nThe text goes\non here.\u2029The end"
    assert segment(text) == ["A title", "The text goes\non here.", "The end"]
    by_line = open_segmenter(newline_ends=True).split(text, "en")
    assert [sentence.text for sentence in by_line] == ["A title", "The text goes", "on here.", "The end"]
