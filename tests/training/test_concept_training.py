"""Training a concept model: it learns, goes on as if never stopped, and what it saves is the model that was best."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from lcm.data import Corpus, CorpusError, read_once
from lcm.data.corpus import Encoded, Manifest, Settings, write_shard
from lcm.models import ModelError, load_model_folder
from lcm.nn import Normalizer
from lcm.training import TrainConfig, run_training
from lcm.training.concept_run import DataConfig, ModelSpec
from lcm.training.optimizers import OptimizerConfig
from lcm.training.trainer import TrainerConfig, TrainingError

ROOT = Path(__file__).parents[2]
E = 16


def _corpus(folder: Path, documents: int, seed: int, space: str = "toy", length: int = 9) -> Path:
    """Each concept is the one before, turned by one fixed rotation: a model can learn to foresee it."""
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((E, E)))[0]
    rng, rows = np.random.default_rng(seed), []
    for number in range(documents):
        concepts = [rng.standard_normal(E)]
        for _ in range(length - 1):
            concepts.append(turn @ concepts[-1])
        rows.append(Encoded(f"d{number}", "en", [str(n) for n in range(length)], np.array(concepts, np.float16)))
    folder.mkdir()
    settings = Settings(space, E, "sentencex", "1", 200)
    Manifest(settings, documents, True, (write_shard(folder / "shard-00000.arrow", rows, settings, ""),)).write(folder)
    return folder


@pytest.fixture(scope="module")
def corpora(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("corpora")
    return _corpus(folder / "train", 200, 1), _corpus(folder / "valid", 20, 2)


def _config(corpora: tuple[Path, Path], run: Path, steps: int, **changes: object) -> TrainConfig:
    sizes = {"model_dim": 32, "num_heads": 2, "num_layers": 2, "max_len": 16}
    values: dict[str, object] = {
        "run_dir": str(run),
        "trained_on": "rotations",
        "model": ModelSpec(fields=sizes),
        "data": DataConfig(path=str(corpora[0]), valid_path=str(corpora[1]), budget=180, max_len=9),
        "optimizer": OptimizerConfig(warmup=5),
        "trainer": TrainerConfig(max_steps=steps, publish_every=1, validate_every=10, checkpoint_every=10),
    }
    return TrainConfig(**(values | changes))  # type: ignore[arg-type]


def _metrics(run: Path) -> dict[str, dict[int, float]]:
    """ "train" and "valid" → step → loss; a step that was done twice shows its last value."""
    found: dict[str, dict[int, float]] = {"train": {}, "valid": {}}
    for file in run.rglob("*.jsonl"):
        for line in file.read_text().splitlines():
            row = json.loads(line)
            if row.get("Step") is not None and "loss" in row:
                found["train" if "grad_norm" in row else "valid"][row["Step"]] = row["loss"]
    return found


def test_a_base_lcm_learns_what_can_be_foreseen_and_its_folder_holds_the_best_of_it(corpora, tmp_path):
    folder = run_training(_config(corpora, tmp_path / "run", 60))
    valid = _metrics(tmp_path / "run")["valid"]
    assert min(valid.values()) < 0.5 * valid[10] < 0.5 * 1.5 * E  # the mean alone would score E
    loaded = load_model_folder(folder)
    assert loaded.info.space == "toy" and loaded.info.facts["trained_on"] == "rotations"
    total, targets = 0.0, 0
    for batch in read_once(Corpus(corpora[1]), budget=180, max_len=9):
        with torch.no_grad():
            terms = loaded.model(batch)
        total, targets = total + float(terms.total), targets + terms.num_targets
    assert total / targets == pytest.approx(min(valid.values()), rel=1e-4)
    assert loaded.info.facts["validation_loss"] == pytest.approx(total / targets, rel=1e-6)


def test_the_normalizer_is_fitted_on_the_corpus_and_saved_with_the_model(corpora, tmp_path):
    folder = run_training(_config(corpora, tmp_path / "run", 10))
    corpus = Corpus(corpora[0])
    fitted = Normalizer.fit(torch.from_numpy(np.concatenate([corpus.concepts(i) for i in range(len(corpus))])))
    saved = load_model_folder(folder).model.normalizer
    torch.testing.assert_close(saved.center, fitted.center)
    torch.testing.assert_close(saved.scale, fitted.scale)


def test_the_weights_kept_are_those_of_the_lowest_validation_loss_not_the_last(corpora, tmp_path):
    wild = OptimizerConfig(warmup=1, muon_lr=3.0, adamw_lr=3.0, decay_from=1.0)
    folder = run_training(_config(corpora, tmp_path / "run", 30, optimizer=wild))
    valid = _metrics(tmp_path / "run")["valid"]
    assert load_model_folder(folder).info.facts["validation_loss"] == pytest.approx(min(valid.values()), rel=1e-6)


def test_without_held_out_documents_the_last_weights_are_kept(corpora, tmp_path):
    data = DataConfig(path=str(corpora[0]), budget=180, max_len=9)
    folder = run_training(_config(corpora, tmp_path / "run", 10, data=data))
    assert "validation_loss" not in load_model_folder(folder).info.facts


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"model": ModelSpec(family="bass")}, ModelError, "Unknown model family 'bass'. There are: base"),
        ({"model": ModelSpec(fields={"model_dims": 3})}, ModelError, "no field 'model_dims'. Perhaps model_dim"),
        ({"data": DataConfig(path="nowhere")}, CorpusError, "nowhere"),
    ],
)
def test_what_cannot_be_trained_is_named_before_anything_is_written(corpora, tmp_path, changes, error, said):
    with pytest.raises(error, match=said):
        run_training(_config(corpora, tmp_path / "run", 10, **changes))
    assert not (tmp_path / "run").exists()


def test_held_out_documents_of_another_space_are_refused(corpora, tmp_path):
    other = _corpus(tmp_path / "other", 3, 3, space="elsewhere")
    data = DataConfig(path=str(corpora[0]), valid_path=str(other), budget=180, max_len=9)
    with pytest.raises(CorpusError, match="holds concepts of space 'elsewhere'"):
        run_training(_config(corpora, tmp_path / "run", 10, data=data))


def test_a_checkpoint_interval_that_falls_between_reports_is_refused():
    with pytest.raises(TrainingError, match=r"trainer.checkpoint_every must be a multiple"):
        TrainerConfig(publish_every=10, checkpoint_every=15, validate_every=20)


def _command(corpora: tuple[Path, Path], run: Path) -> list[str]:
    return [
        sys.executable, str(ROOT / "recipes/train.py"), f"data.path={corpora[0]}", f"data.valid_path={corpora[1]}",
        f"run_dir={run}", "data.budget=180", "data.max_len=9", "trainer.max_steps=60", "trainer.publish_every=1",
        "trainer.validate_every=20", "trainer.checkpoint_every=10",
        "+model.fields={model_dim: 32, num_heads: 2, num_layers: 2, max_len: 16, dropout: 0.1}",
    ]  # fmt: skip


def test_a_killed_run_goes_on_with_the_losses_and_weights_of_an_unbroken_one(corpora, tmp_path):
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run(_command(corpora, whole), check=True, env=env, capture_output=True)
    process = subprocess.Popen(_command(corpora, broken), env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (broken / "checkpoints/step_20").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    subprocess.run(_command(corpora, broken), check=True, env=env, capture_output=True)
    assert _metrics(whole) == _metrics(broken)
    assert len(_metrics(whole)["train"]) == 60
    ours, theirs = (load_model_folder(run / "model").model.state_dict() for run in (whole, broken))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_an_unknown_key_of_the_recipe_ends_in_a_message_and_not_in_a_traceback(corpora, tmp_path):
    command = [*_command(corpora, tmp_path / "run"), "+trainer.max_step=3"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "max_step" in done.stderr and "Traceback" not in done.stderr
