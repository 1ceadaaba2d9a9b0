"""The tales are a process with known odds: what is drawn follows them, and what was told is all that they depend on."""

import json
from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from typer.testing import CliRunner

from lcm.cli import app
from lcm.data.tales import (
    END_OF_TEXT,
    LANGUAGES,
    SPLITS,
    TaleError,
    generate,
    generate_aligned,
    grammar,
    next_distribution,
    next_events,
    parse,
    process,
    state,
    translate,
)
from lcm.data.tales.events import CHARACTERS, KINDS
from lcm.data.tales.states import State
from lcm.data.tales.world import held_out
from lcm.segmentation import segment

PREFIXES = [generate(seed, "en", "all").sentences[: seed % 8] for seed in range(20)]  # none has ended
in_every_split = pytest.mark.parametrize("split", SPLITS)


def cells(odds: dict[str, float], number: int) -> list[list[str]]:
    """Sentences in order of their odds, put together until each cell is expected 10 times in `number` draws."""
    made: list[list[str]] = [[]]
    for sentence in sorted(odds, key=lambda s: (odds[s], s)):
        if sum(odds[s] for s in made[-1]) * number >= 10:
            made.append([])
        made[-1].append(sentence)
    return made


def chi_square(observed: Counter[str], odds: dict[str, float], cells: list[list[str]]) -> float:
    """p of the observed counts in cells of sentences under their odds."""
    counts = np.array([sum(observed[sentence] for sentence in cell) for cell in cells])
    means = observed.total() * np.array([sum(odds[sentence] for sentence in cell) for cell in cells])
    return float(chi2.sf(((counts - means) ** 2 / means).sum(), len(cells) - 1))


def draws_follow_the_odds(draws: int) -> None:
    for number, prefix in enumerate(PREFIXES):
        before, rng = state(prefix, "en"), np.random.default_rng(number)
        drawn = Counter(grammar.render(*process.draw(before, "all", rng), "en") for _ in range(draws))
        odds = next_distribution(prefix, "en", "all")
        assert set(drawn) <= set(odds)
        assert chi_square(drawn, odds, cells(odds, draws)) > 0.001, prefix
        uniform = dict.fromkeys(odds, 1 / len(odds))
        assert chi_square(drawn, uniform, cells(odds, draws)) < 0.001, prefix


def test_draws_follow_the_odds_and_are_not_uniform():
    draws_follow_the_odds(400)


@pytest.mark.slow
def test_a_hundred_thousand_draws_follow_the_odds_and_are_not_uniform():
    draws_follow_the_odds(5000)


@in_every_split
def test_a_tale_is_drawn_from_the_odds_that_are_told_of_it(split):
    for seed in range(6):
        tale = generate(seed, "en", split)
        for n, sentence in enumerate(tale.sentences):
            odds = next_distribution(tale.sentences[:n], "en", split)
            assert odds[sentence] > 0 and END_OF_TEXT not in odds
            assert sum(odds.values()) == pytest.approx(1)
        assert next_distribution(tale.sentences, "en", split) == {END_OF_TEXT: 1.0}
        assert next_events(tale.sentences, "en", split) == {}


def follow(seed: int, split: str, lang: str) -> None:
    """generate → parse → state → support of one tale."""
    tale, now = generate(seed, lang, split), State()
    assert 8 <= len(tale.sentences) <= 20
    for sentence, event in zip(tale.sentences, tale.events, strict=True):
        said = parse(sentence, lang)
        assert said is not None and process.resolve(now, said) == event
        assert process.next_events(now, split)[event] > 0
        now = process.advance(now, event)
    assert now.ended and state(tale.sentences, lang) == now
    told = [held_out(event.kind, event.args) for event in tale.events]
    assert {"train": not any(told), "test": any(told), "all": True}[split]


def test_tales_read_back_to_possible_events_in_every_split_and_language():
    for seed in range(120):
        follow(seed, SPLITS[seed % 3], LANGUAGES[seed // 3 % len(LANGUAGES)])


@pytest.mark.slow
def test_ten_thousand_tales_read_back_to_possible_events():
    for seed in range(10_000):
        follow(seed, SPLITS[seed % 3], LANGUAGES[seed // 3 % len(LANGUAGES)])


@pytest.mark.slow
def test_tales_tell_every_wording_of_every_kind():
    missing = {(kind, n) for kind in KINDS for n in range(grammar.paraphrases(kind))}
    for seed in range(20_000):
        tale = generate(seed, "en", "all")
        missing -= {
            (event.kind, grammar.read(s, "en")[1]) for event, s in zip(tale.events, tale.sentences, strict=True)
        }
        if not missing:
            return
    pytest.fail(f"never told: {sorted(missing)}")


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**40), st.sampled_from(SPLITS))
@example(304, "train")  # a question, then: The queen answered the donkey, "…"
def test_every_tale_survives_the_segmenter_in_every_language(seed, split):
    for tale in generate_aligned(seed, LANGUAGES, split):
        assert segment(tale.text, tale.lang) == tale.sentences
        assert max(map(len, tale.sentences)) <= 200


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**40), st.data())
def test_a_tale_that_follows_only_unlikely_sentences_still_ends_by_the_twentieth(seed, data):
    rng, now, told = Random(seed), State(), 0
    split = data.draw(st.sampled_from(SPLITS))
    while not now.ended:
        odds = process.next_events(now, split)
        assert odds, "no next sentence, but no ending either"
        now, told = process.advance(now, rng.choice(sorted(odds, key=odds.get)[: max(1, len(odds) // 3)])), told + 1
    assert 8 <= told <= 20


def test_an_openings_odds_are_those_of_no_sentences():
    odds = next_events([], "en")
    assert {event.kind for event in odds} == {"open_lives", "open_day", "open_old"}
    assert sum(odds.values()) == pytest.approx(1)


def test_events_are_weighted_and_not_uniform():
    odds = next_events(generate(3, "en").sentences[:4], "en")
    assert max(odds.values()) > 5 * min(odds.values())


def test_the_odds_of_a_sentence_are_those_of_its_event_shared_among_its_possible_wordings():
    told = generate(5, "en", "all").sentences[:6]
    now, sentences = state(told, "en"), next_distribution(told, "en", "all")
    for event, p in next_events(told, "en", "all").items():
        wordings = process.wordings(now, event)
        for wording in wordings:
            assert sentences[grammar.render(event, wording, "en")] >= p / len(wordings) * (1 - 1e-12)
    assert sum(sentences.values()) == pytest.approx(1)


def test_the_state_is_all_that_the_odds_depend_on():
    """Another wording of the same events changes nothing."""
    for seed in range(10):
        tale, now = generate(seed, "en", "all"), State()
        rewritten = []
        for event in tale.events[:10]:
            rewritten.append(grammar.render(event, process.wordings(now, event)[0], "en"))
            now = process.advance(now, event)
        assert state(rewritten, "en") == state(tale.sentences[:10], "en")
        assert process.next_events(now, "all") == next_events(tale.sentences[:10], "en", "all")


def test_a_tale_is_the_same_in_every_language_sentence_by_sentence():
    for seed in range(30):
        english = generate(seed, "en")
        for lang in LANGUAGES:
            tale = generate(seed, lang)
            assert tale.events == english.events
            assert [translate(sentence, lang) for sentence in english.sentences] == tale.sentences
            assert [translate(sentence, "en", lang) for sentence in tale.sentences] == english.sentences


def test_a_seed_tells_the_same_tale_again_and_another_seed_another():
    assert generate(7, "en") == generate(7, "en")
    assert len({generate(seed, "en").text for seed in range(50)}) == 50


def test_a_sentence_that_is_unknown_or_impossible_is_named_by_its_place():
    told = generate(1, "en").sentences
    with pytest.raises(TaleError, match="is not a sentence of the tales") as error:
        state([*told[:3], "It was a dark and stormy night."], "en")
    assert error.value.index == 3 and "dark and stormy" in error.value.reason
    with pytest.raises(TaleError, match="cannot happen here") as error:
        state([told[0], told[0]], "en")
    assert error.value.index == 1
    with pytest.raises(TaleError, match="has ended before") as error:
        state([*told, told[1]], "en")
    assert error.value.index == len(told)


def test_a_pronoun_means_the_subject_of_the_sentence_before_and_nobody_else():
    fox = "One day, a fox was walking about in the village."
    goal = "He longed for a cup day and night."
    assert parse(goal, "en").args == ("he", "cup")
    assert state([fox, goal], "en").goal.args == ("fox", "cup")
    with pytest.raises(TaleError, match="no referent"):
        state([fox, goal.replace("He", "She")], "en")
    assert CHARACTERS["fox"] == "m"


def test_lcm_tales_writes_story_i_in_language_i_with_seed_plus_i(tmp_path):
    file = tmp_path / "tales.jsonl"
    command = ["tales", "--documents", "6", "--seed", "10", "--lang", ",".join(LANGUAGES), "--output", str(file)]
    assert CliRunner().invoke(app, command, catch_exceptions=False).exit_code == 0
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for i, row in enumerate(rows):
        assert set(row) == {"id", "lang", "seed", "split", "sentences", "text"}
        assert (row["lang"], row["seed"], row["split"]) == (LANGUAGES[i % len(LANGUAGES)], 10 + i, "train")
        assert row["sentences"] == generate(10 + i, row["lang"]).sentences
        assert row["text"] == " ".join(row["sentences"])
    assert len({row["id"] for row in rows}) == 6


def test_aligned_rows_hold_every_language(tmp_path):
    file = tmp_path / "tales.jsonl"
    command = ["tales", "--documents", "2", "--lang", ",".join(LANGUAGES), "--aligned", "--split", "test"]
    assert CliRunner().invoke(app, [*command, "--output", str(file)], catch_exceptions=False).exit_code == 0
    for i, line in enumerate(file.read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        assert row["sentences"] == {lang: generate(i, lang, "test").sentences for lang in LANGUAGES}
