"""What a newcomer does first, with the real command and the weights that ship."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import lcm
from lcm.data import tales

OPENING = " ".join(tales.generate(31, "en").sentences[:3])


def run(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "lcm.cli", *words], capture_output=True, text=True, **options)


def test_generate_prints_sentences_and_the_same_ones_for_the_same_seed():
    first, second = (run("generate", OPENING, "--sentences", "4", "--seed", "3") for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert 1 <= len(first.stdout.splitlines()) <= 4
    assert all(line.strip() for line in first.stdout.splitlines())
    assert first.stdout == second.stdout


def test_generate_gives_json_a_sentence_and_writes_in_another_language():
    done = run("generate", OPENING, "--sentences", "3", "--lang", "fr", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [set(row) for row in rows] == [{"index", "text", "stop_reason"}] * len(rows)
    assert [row["index"] for row in rows] == list(range(len(rows)))
    assert rows[-1]["stop_reason"] and all(row["stop_reason"] is None for row in rows[:-1])
    writer = lcm.load()
    again = list(writer.generate(OPENING, sentences=3, lang="fr"))
    assert [sentence.text for sentence in again] == [row["text"] for row in rows]


def test_two_seeds_tell_two_stories_of_sentences_that_the_tales_know():
    texts = [[s.text for s in lcm.load().generate(OPENING, sentences=4, min_sentences=4, seed=seed)] for seed in (1, 2)]
    assert texts[0] != texts[1]
    parsed = [tales.parse(sentence, "en") is not None for text in texts for sentence in text]
    assert sum(parsed) >= 5


@pytest.mark.parametrize("lang", ["en", "fr", "es", "de"])
def test_tales_of_unseen_seeds_come_back_from_the_concept_space(lang, tmp_path):
    """A little under what the space's card says of each language."""
    sentences = list(dict.fromkeys(s for seed in range(12) for s in tales.generate(7_000_000 + seed, lang).sentences))
    file = tmp_path / "tales.txt"
    file.write_text("\n".join(sentences) + "\n", encoding="utf-8")
    scores = json.loads(run("roundtrip", str(file), "--lang", lang, "--json").stdout)
    assert scores["n"] == len(sentences)
    assert scores["exact"] >= 0.95 and scores["bleu"] >= 95 and scores["cosine"] >= 0.97


def test_the_shipped_models_are_listed_with_their_space():
    rows = json.loads(run("models", "--json").stdout)
    families = ["base", "one_tower", "two_tower"]
    assert [(row["name"], row["family"]) for row in rows] == [(f"{family}_tiny", family) for family in families]
    assert all(row["parameters"] > 10**6 and row["trained_on"] and row["space"] == "sonar_mini" for row in rows)


def test_doctor_finds_the_weights():
    done = run("doctor", env={"COLUMNS": "200", "PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stdout
    assert "sonar_mini" in done.stdout and "base_tiny" in done.stdout


def test_a_corpus_of_another_space_and_a_damaged_model_end_in_one_line(tmp_path):
    shipped = Path(lcm.__file__).parent / "models/cards/base_tiny"
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_bytes((shipped / "config.json").read_bytes())
    (broken / "model.safetensors").write_bytes((shipped / "model.safetensors").read_bytes()[:5000])
    done = run("generate", OPENING, "--model", str(broken))
    assert done.returncode == 2 and "damaged or cut short" in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1
    (broken / "model.safetensors").write_bytes((shipped / "model.safetensors").read_bytes())
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps(config | {"space": "sonar_basic_of_mine"}))
    done = run("generate", OPENING, "--model", str(broken))
    assert done.returncode == 2 and "sonar_basic_of_mine" in done.stderr and "Traceback" not in done.stderr
