"""Decoding against fairseq2's generator, which sonar-space's pipeline runs; sampling against the distribution."""

import pytest
import scipy.stats
import torch
from sonar.inference_pipelines.text import EmbeddingToTextModelPipeline
from tiny_sentences import SENTENCES

from lcm.sonar import ConceptSpaceError, TopP, decoding


@pytest.fixture(scope="module")
def pipeline(space):
    return EmbeddingToTextModelPipeline(space.decoder, space.tokenizers[1])


@pytest.fixture(scope="module")
def concepts(space):
    """Clean ones, and ones so noisy that beams disagree and sentences have all lengths."""
    z = space.encode(SENTENCES[:24], "en")
    noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(1))
    return torch.cat([z, z + 1.2 * z.std(0) * noise])


@pytest.mark.parametrize("max_tokens", [None, 12])
@pytest.mark.parametrize("beam_size", [1, 2, 5])
def test_texts_are_those_of_fairseq2s_search(space, pipeline, concepts, beam_size, max_tokens):
    limit = {} if max_tokens is None else {"max_seq_len": max_tokens}
    expected = pipeline.predict(concepts, target_lang="fra_Latn", beam_size=beam_size, **limit)
    assert space.decode(concepts, "fr", beam_size=beam_size, max_tokens=max_tokens) == expected


def test_beams_and_greedy_differ_on_these_concepts(space, concepts):
    """Or the comparison above would show little."""
    assert space.decode(concepts, "en") != space.decode(concepts, "en", beam_size=5)


def test_the_space_reads_back_what_it_was_trained_on(space):
    same = [a == b for a, b in zip(space.roundtrip(SENTENCES, "en"), SENTENCES, strict=True)]
    assert sum(same) > 0.7 * len(same)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_small_batches_and_a_growing_cache_change_nothing(space, concepts, monkeypatch, beam_size):
    expected = space.decode(concepts, "en", beam_size=beam_size)
    monkeypatch.setattr(decoding, "_rows_that_fit", lambda model: 7)
    monkeypatch.setattr(decoding, "_FIRST_CAPACITY", 2)
    assert space.decode(concepts, "en", beam_size=beam_size) == expected


def test_cross_attention_is_computed_once_a_batch_and_rows_leave_when_they_are_done(space, concepts):
    rows = []
    cross = space.decoder.decoder.layers[0].encoder_decoder_attn
    ffn = space.decoder.decoder.layers[0].ffn
    hooks = [
        cross.v_proj.register_forward_pre_hook(lambda _, inputs: rows.append(("cross", len(inputs[0])))),
        ffn.register_forward_pre_hook(lambda _, inputs: rows.append(("ffn", len(inputs[0])))),
    ]
    space.decode(concepts, "en")
    for hook in hooks:
        hook.remove()
    assert [kind for kind, _ in rows].count("cross") == 1
    steps = [n for kind, n in rows if kind == "ffn"]
    assert steps[0] == len(concepts)
    assert steps[-1] < len(concepts) / 4
    assert steps == sorted(steps, reverse=True)


def test_nucleus_sampling_draws_from_the_renormalised_nucleus():
    logits = torch.tensor([0.1, 2.0, 1.0, -1.0, 0.5]).log_softmax(0)
    p = torch.softmax(logits / 0.7, 0)
    order = p.argsort(descending=True)
    before = p[order].cumsum(0) - p[order]
    kept = order[before < 0.8]
    assert 1 < len(kept) < 5
    draws = 20_000
    u = torch.rand(draws, generator=torch.Generator().manual_seed(0))
    tokens = TopP(p=0.8, temperature=0.7)(logits.expand(draws, -1), u)
    counts = torch.bincount(tokens, minlength=5)
    assert counts.sum() == counts[kept].sum()
    expected = p[kept] / p[kept].sum() * draws
    assert scipy.stats.chisquare(counts[kept], expected.double() * draws / expected.double().sum()).pvalue > 1e-3


def test_sampling_stays_inside_the_nucleus_at_both_ends():
    logits = torch.tensor([[2.0, 1.0, 0.0]]).expand(2, -1)
    assert TopP(p=1.0)(logits, torch.tensor([0.0, 1 - 2**-24])).tolist() == [0, 2]
    assert TopP(p=1e-6)(logits, torch.tensor([0.0, 1 - 2**-24])).tolist() == [0, 0]


def test_a_seed_fixes_each_concepts_draws_whatever_the_batch(space, concepts, monkeypatch):
    sampler = TopP(p=0.95, temperature=1.3, seed=5)
    drawn = space.decode(concepts, "en", sampler=sampler)
    assert drawn != space.decode(concepts, "en", sampler=TopP(p=0.95, temperature=1.3, seed=6))
    monkeypatch.setattr(decoding, "_rows_that_fit", lambda model: 5)
    assert space.decode(concepts, "en", sampler=sampler) == drawn


def test_a_nucleus_of_one_token_is_greedy(space, concepts):
    assert space.decode(concepts, "en", sampler=TopP(p=1e-9)) == space.decode(concepts, "en")


def test_no_concepts_give_no_sentences(space):
    assert space.decode(torch.zeros(0, space.dim), "en") == []


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda z: z[:, :-1], {}, r"shape \[N, 32\], but these have \[4, 31\]"),
        (lambda z: z[0], {}, r"but these have \[32\]"),
        (lambda z: z.index_put((torch.tensor([2]), torch.tensor([0])), torch.tensor(float("nan"))), {}, "Concept 2 is not"),
        (lambda z: z.index_put((torch.tensor([1]), torch.tensor([0])), torch.tensor(1e38)), {}, "Concept 1: the decoder's"),
        (lambda z: z, {"lang": "ja"}, "does not speak 'ja'"),
        (lambda z: z, {"beam_size": 0}, "beam_size must be at least 1"),
        (lambda z: z, {"beam_size": 2, "sampler": TopP()}, "1 with a sampler"),
        (lambda z: z, {"max_tokens": 65}, "between 4 and 64, but is 65"),
    ],
)  # fmt: skip
def test_what_cannot_be_decoded_is_said(space, concepts, change, options, message):
    with pytest.raises(ConceptSpaceError, match=message):
        space.decode(change(concepts[:4].clone()), **{"lang": "en", **options})


@pytest.mark.parametrize("options", [{"p": 0}, {"p": 1.5}, {"temperature": 0}])
def test_a_sampler_that_cannot_draw_is_refused(options):
    with pytest.raises(ConceptSpaceError, match="must be"):
        TopP(**options)
