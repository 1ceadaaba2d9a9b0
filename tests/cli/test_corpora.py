"""Corpora by the command line and the recipe: prepared, looked into, exported, refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from typer.testing import CliRunner

from lcm.cli import app
from lcm.data import Corpus
from lcm.errors import LCMError

ROOT = Path(__file__).parents[2]


def lcm(*args: object) -> str:
    """What the command prints, in this process: a space is loaded once for all tests."""
    result = CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("sources") / "tales.jsonl"
    lcm("tales", "--documents", 6, "--lang", "en,fr", "--output", file)
    return file


@pytest.fixture(scope="module")
def corpus(source) -> Path:
    """Prepared with the shipped space."""
    folder = source.parent / "corpus"
    lcm("prepare", source, "--output", folder, "--text-column", "text", "--shard-size", 4)
    return folder


def test_inspect_tells_the_same_to_readers_and_to_programs(corpus):
    found = json.loads(lcm("inspect", corpus, "--json", "--sample", 2))
    assert (found["documents"], found["settings"]["space"], found["settings"]["dim"]) == (6, "sonar_mini", 320)
    assert len(found["settings"]["encoder"]) == 64
    assert found["sentences"] == Corpus(corpus).lengths.sum()
    assert [document["lang"] for document in found["sample"]] == ["en", "fr"]
    text = lcm("inspect", corpus, "--sample", 2)
    assert "sonar_mini, E = 320" in text and f"{found['sentences']}, the ends of text included" in text
    assert found["sample"][1]["sentences"][0] in text


def test_a_damaged_shard_is_told_and_fails_the_inspection(corpus, tmp_path):
    for path in corpus.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    shard = tmp_path / "shard-00000.arrow"
    content = bytearray(shard.read_bytes())
    content[content.rfind(Corpus(corpus).concepts(0).tobytes()[:64])] ^= 1
    shard.write_bytes(content)
    with pytest.raises(LCMError, match=r"shard-00000\.arrow: its checksum is not the one"):
        lcm("inspect", tmp_path)


def test_a_fitted_normalizer_scales_the_corpus_to_deviation_one(corpus, tmp_path):
    said = lcm("fit-normalizer", corpus, "--output", tmp_path / "n.safetensors", "--method", "standard")
    concepts = Corpus(corpus).sample_concepts(10**6).astype(np.float32)
    assert f"fitted on {len(concepts)} of {len(concepts)} concepts, fewer than the 1,000,000" in said
    with safe_open(tmp_path / "n.safetensors", "np") as file:
        scaled = (concepts - file.get_tensor("center")) / file.get_tensor("scale")
        assert file.metadata()["space"] == "sonar_mini"
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(0), 1, atol=1e-4)


def test_an_exported_corpus_is_prepared_again_without_encoding(corpus, tmp_path):
    lcm("export-data", corpus, "--output", tmp_path / "out.parquet")
    said = lcm(
        "prepare", tmp_path / "out.parquet", "--output", tmp_path / "again", "--concepts-column", "concepts",
        "--shard-size", 4,
    )  # fmt: skip
    assert "Encoded 0 distinct sentences" in said
    assert (tmp_path / "again/shard-00001.arrow").read_bytes() == (corpus / "shard-00001.arrow").read_bytes()


def run(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *map(str, args)], capture_output=True, text=True, check=False)


def test_an_unknown_column_is_one_line_and_exit_code_2(source, tmp_path):
    result = run("-m", "lcm.cli", "prepare", source, "--output", tmp_path / "corpus", "--text-column", "txet")
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line == f"lcm: {source}, row 1: has no column 'txet'. The nearest is 'text'."
    assert not (tmp_path / "corpus").exists()


@pytest.mark.slow
def test_jobs_that_submitit_starts_make_what_one_makes(source, corpus, tmp_path):
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="the extra 'slurm' is not installed")
    folder = tmp_path / "jobs"
    command = [ROOT / "recipes/prepare.py", f"source={source}", f"output={folder}", "columns.text=text", "shard_size=4"]
    result = run(*command, "parts=2", "part=range(0,2)", "hydra/launcher=submitit_local", "--multirun")
    assert result.returncode == 0, result.stderr
    result = run(*command)
    assert result.returncode == 0, result.stderr
    assert "2 shards (2 kept)" in result.stderr
    for file in ("dataset.json", "shard-00000.arrow", "shard-00001.arrow"):
        assert (folder / file).read_bytes() == (corpus / file).read_bytes()
