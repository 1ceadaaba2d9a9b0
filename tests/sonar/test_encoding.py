"""Encoding against sonar-space's own pipeline."""

import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sonar.inference_pipelines.text import TextToEmbeddingModelPipeline
from tiny_sentences import SENTENCES

from lcm.sonar import ConceptSpaceError
from lcm.sonar.assets import find_cards, load_assets
from lcm.sonar.encoding import _batches


@pytest.fixture(scope="module")
def pipeline(space_folder):
    """sonar-space's pipeline on its own copy of the weights, in the layout that they come in."""
    assets = load_assets(find_cards(space_folder), torch.device("cpu"), torch.float32)
    return TextToEmbeddingModelPipeline(assets.encoder, assets.tokenizers[0])


@pytest.mark.parametrize("lang", ["en", "fra_Latn"])
@pytest.mark.parametrize("batch_tokens", [1, 60, 1024])
def test_concepts_are_those_of_sonar_space(space, pipeline, lang, batch_tokens):
    sentences = [*SENTENCES[:20], "Owl", "The bear sleeps. " * 2]
    expected = pipeline.predict(sentences, source_lang={"en": "eng_Latn"}.get(lang, lang))
    found = space.encode(sentences, lang, batch_tokens=batch_tokens)
    assert found.dtype == torch.float32
    # Sums in another order; the same sentence alone and in a batch differs by as much in sonar-space.
    torch.testing.assert_close(found, expected, rtol=0, atol=5e-6)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(SENTENCES), max_size=12))
def test_rows_follow_the_sentences_and_repeats_are_equal(space, sentences):
    concepts = space.encode(sentences, "en")
    assert concepts.shape == (len(sentences), space.dim)
    for sentence, concept in zip(sentences, concepts, strict=True):
        torch.testing.assert_close(concept, space.encode([sentence], "en")[0], rtol=0, atol=5e-6)
        assert torch.equal(concept, concepts[sentences.index(sentence)])


def test_a_repeated_sentence_is_encoded_once(space, monkeypatch):
    rows = []
    hook = space.encoder.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    space.encode([SENTENCES[0]] * 50 + [SENTENCES[1]], "en")
    hook.remove()
    assert sum(rows) == 2


@given(st.lists(st.integers(1, 60), min_size=1), st.integers(1, 200))
def test_batches_hold_each_row_once_within_the_budget(lengths, budget):
    batches = list(_batches(lengths, budget))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= budget


def test_concepts_can_be_trained_on(space):
    weight = torch.ones(space.dim, requires_grad=True)
    (space.encode(SENTENCES[:2], "en") * weight).sum().backward()
    assert weight.grad is not None


def test_a_sentence_that_is_too_long_is_cut_as_sonar_space_cuts_it_and_counted_once(space, pipeline):
    long = " ".join(SENTENCES[:8])
    with pytest.warns(UserWarning, match="2 of 3 sentences have more than 64 tokens") as caught:
        found = space.encode([long, SENTENCES[0], long + " Owl."], "en")
    assert len(caught) == 1
    with warnings.catch_warnings(record=True):
        expected = pipeline.predict([long, SENTENCES[0], long + " Owl."], source_lang="eng_Latn")
    torch.testing.assert_close(found, expected, rtol=0, atol=5e-6)


@pytest.mark.parametrize(
    ("sentences", "lang", "message"),
    [
        (["A fox.", ""], "en", "Sentence 1 is empty"),
        (["A fox.", " \t"], "en", "Sentence 1 is empty"),
        (["A \udcff fox."], "en", r"Sentence 0 has a lone surrogate \(U\+DCFF\) at offset 2"),
        (["A fox."], "de", "Space 'tiny' does not speak 'de'. It speaks eng_Latn, fra_Latn."),
        ("A fox.", "en", "got one string"),
    ],
)
def test_what_has_no_concept_is_said(space, sentences, lang, message):
    with pytest.raises(ConceptSpaceError, match=message):
        space.encode(sentences, lang)


def test_no_sentences_give_no_concepts(space):
    assert space.encode([], "en").shape == (0, space.dim)
