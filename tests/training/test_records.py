"""What a run leaves behind: its record, its line on the terminal, its summary, its page on Weights & Biases."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from fairseq2.metrics.recorders import MetricDescriptorRegistry
from omegaconf import OmegaConf
from PIL import Image

import lcm
from lcm.training import TrainConfig, TrainingError, run_training, to_config
from lcm.training.live import LiveLine, duration
from lcm.training.records import code_version, describe_run, write_whole
from lcm.training.summary import plot, smoothed, write_summary
from lcm.training.tracking import wandb_recorder
from tests.training.rotations import losses, write_corpus


@dataclass(frozen=True)
class Small:
    steps: int = 3
    fields: dict[str, Any] = field(default_factory=lambda: {"dropout": 0.5})


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> TrainConfig:
    folder = tmp_path_factory.mktemp("run")
    train, valid = write_corpus(folder / "train", 60, 1), write_corpus(folder / "valid", 10, 2)
    settings = {
        "run_dir": str(folder / "run"),
        "model": {"fields": {"model_dim": 32, "num_heads": 2, "num_layers": 1, "max_len": 16}},
        "data": {"path": str(train), "valid_path": str(valid), "budget": 90, "max_len": 9},
        "trainer": {"max_steps": 40, "publish_every": 1, "validate_every": 10, "checkpoint_every": 10},
    }
    return to_config(TrainConfig, settings)


@pytest.fixture(scope="module")
def run(config) -> Path:
    """A run of 40 steps that did steps 31 to 34 twice: the first time, its losses were 999."""
    run_training(config)
    folder = Path(config.run_dir)
    for name in ("train", "valid"):
        file = folder / "metrics" / f"{name}.jsonl"
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        at = next(i for i, row in enumerate(rows) if row["Step"] > 30)
        twice = [{**row, "loss": 999.0} for row in rows[at : at + 4] if row["Step"] < 40]
        file.write_text("".join(json.dumps(row) + "\n" for row in [*rows[:at], *twice, *rows[at:]]))
    return folder


def test_a_record_holds_configuration_code_versions_and_machine(tmp_path, config, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("SLURM_JWT", "secret")
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    describe_run(tmp_path, config)
    [start] = json.loads((tmp_path / "run.json").read_text())["starts"]
    assert start["config"]["trainer"]["max_steps"] == 40 and start["config"]["data"]["budget"] == 90
    assert (
        start["versions"]["torch"] == torch.__version__.split("+")[0] or start["versions"]["torch"] == torch.__version__
    )
    assert set(start["versions"]) == {"python", "lcm", "torch", "fairseq2", "sonar-space", "numpy"}
    assert all(start["versions"].values()) and start["versions"]["lcm"] == lcm.__version__
    assert start["environment"]["OMP_NUM_THREADS"] == "1" and start["environment"]["SLURM_JOB_ID"] == "17"
    assert start["machine"]["devices"] and start["machine"]["cpus"] >= 1 and start["world_size"] == 1
    assert start["command"][0] == sys.executable and start["time"].endswith("+00:00")
    assert "secret" not in (tmp_path / "run.json").read_text()


def test_the_saved_configuration_is_the_run_s_own_when_it_is_read_again(tmp_path, config):
    describe_run(tmp_path, config)
    assert to_config(TrainConfig, OmegaConf.load(tmp_path / "config.yaml")) == config


def test_every_start_is_kept_with_its_own_configuration(tmp_path):
    for steps in (3, 5):
        describe_run(tmp_path, Small(steps=steps))
    starts = json.loads((tmp_path / "run.json").read_text())["starts"]
    assert [start["config"]["steps"] for start in starts] == [3, 5]
    assert OmegaConf.load(tmp_path / "config.yaml").steps == 5


def test_a_record_that_cannot_be_read_is_set_aside_and_the_run_starts(tmp_path, caplog):
    (tmp_path / "run.json").write_text('{"sta')
    describe_run(tmp_path, Small())
    assert len(json.loads((tmp_path / "run.json").read_text())["starts"]) == 1
    assert (tmp_path / "damaged-run.json").read_text() == '{"sta' and "set aside" in caplog.text


def test_a_file_is_written_whole_or_stays_as_it_was(tmp_path, monkeypatch):
    write_whole(tmp_path / "file", "old")

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(TrainingError, match=r"file: cannot be written \(No space left on device\)\. Make room"):
        write_whole(tmp_path / "file", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "old")]


def test_the_revision_is_that_of_the_package_s_own_clone_alone(tmp_path):
    def git(*words: str) -> str:
        name = ["-c", "user.name=n", "-c", "user.email=e"]
        return subprocess.run(["git", "-C", tmp_path, *name, *words], check=True, capture_output=True, text=True).stdout

    package, installed = tmp_path / "pkg", tmp_path / "env" / "pkg"
    for folder in (package, installed):
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
    unknown = {"revision": None, "dirty": None}
    assert code_version(package) == unknown
    git("init")
    git("add", "pkg")
    git("commit", "-m", "all")
    head = git("rev-parse", "HEAD").strip()
    assert code_version(package) == {"revision": head, "dirty": False}
    (package / "new.py").write_text("")
    assert code_version(package)["dirty"] is False  # not part of the revision
    (package / "__init__.py").write_text("changed")
    assert code_version(package) == {"revision": head, "dirty": True}
    assert code_version(installed) == unknown


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _publish(line: LiveLine, clock: Clock) -> None:
    values = {"loss": torch.tensor(61.234), "num_concepts": torch.tensor(3000.0), "lapse_time": 2.0, "grad_norm": 1.5, "lr": [0.02, 0.002, 0.02]}  # fmt: skip
    for step in (100, 200):
        clock.now += 60
        line.record_metric_values("train", values, step)
    line.record_metric_values("valid", {"loss": 59.99}, 200)
    clock.now += 60
    line.record_metric_values("train", {"loss": 60.0}, 300)
    line.close()


def test_in_a_log_there_is_a_line_a_publication():
    log, clock = io.StringIO(), Clock()
    _publish(LiveLine(1000, file=log, clock=clock), clock)
    assert log.getvalue().splitlines() == [
        "step 100/1,000 · … left · loss 61.23 · 1,500 concepts/s · gradient 1.5 · lr 0.02/0.002",
        "step 200/1,000 · 8 min left · loss 61.23 · 1,500 concepts/s · gradient 1.5 · lr 0.02/0.002",
        "step 200 · validation 59.99",
        "step 300/1,000 · 7 min left · loss 60",
    ]


def test_on_a_terminal_one_line_is_written_again_and_logs_go_above_it(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen, clock = Terminal(), Clock()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "stderr", screen)
    handler, logger = logging.StreamHandler(screen), logging.getLogger("of.a.run")
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    line = LiveLine(1000, clock=clock)
    line.record_metric_values("train", {"loss": 70.0}, 100)
    logger.warning("saved")
    _publish(line, clock)
    assert handler.stream is screen and sys.stderr is screen
    told = screen.getvalue()
    assert told.index("step 100/1,000 · … left · loss 70") < told.index("saved") < told.index("step 200/1,000")
    assert "step 300/1,000 · 10 min left · loss 60 · validation 59.99" in told
    assert "\x1b[2K" in told and told.count("\n") <= 2  # after the log line and at the end


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59, "59 s"), (90, "2 min"), (3570, "1 h 00 min"), (11100, "3 h 05 min")]
)
def test_a_duration_is_told_in_its_own_unit(seconds, said):
    assert duration(seconds) == said


def test_a_summary_counts_a_step_done_twice_once_and_names_the_best_validation(run):
    text = write_summary(run).read_text()
    valid = losses(run)["valid"]
    best = min(valid, key=valid.__getitem__)
    assert f"| best validation loss | {valid[best]:.4g} (step {best}) |" in text
    assert f"| {best} | **{valid[best]:.4g}** |" in text and "999" not in text
    assert "| steps | 40 |" in text and "concepts a second" in text and "| time | " in text
    image = Image.open(run / "loss.png")
    image.load()
    assert image.format == "PNG" and min(image.size) > 300


def test_a_run_that_was_interrupted_before_its_first_validation_has_a_summary_too(run, tmp_path):
    (tmp_path / "metrics").mkdir()
    lines = (run / "metrics/train.jsonl").read_text().splitlines()[:5]
    (tmp_path / "metrics/train.jsonl").write_text("\n".join(lines) + "\n" + lines[0][:20])
    text = write_summary(tmp_path).read_text()
    assert "| steps | 5 |" in text and "Validation" not in text and (tmp_path / "loss.png").is_file()
    with pytest.raises(TrainingError, match="nowhere: holds no metrics of training yet"):
        write_summary(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_the_plot_shows_what_was_measured():
    flat, high = (dict.fromkeys(range(100), value) for value in (1.0, 2.0))
    assert plot(flat, {}) != plot(flat, {50: 1.5}) != plot(flat, {50: 1.5, 60: 1.2})
    assert plot(flat, {}) == plot(dict(flat), {}) != plot(high | {0: 1.0}, {})


def test_smoothing_keeps_a_constant_and_follows_a_step():
    assert smoothed([3.0] * 200) == pytest.approx([3.0] * 200)
    rising = smoothed([0.0] * 500 + [1.0] * 500)
    assert rising[499] == pytest.approx(0) and 0 < rising[505] < 1 and rising[-1] == pytest.approx(1)


def test_a_run_goes_on_under_its_identity_on_weights_and_biases(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    for steps in (3, 5):
        recorder = wandb_recorder(tmp_path, Small(steps=steps), MetricDescriptorRegistry([]))
        recorder.record_metric_values("train", {"loss": 1.0}, steps)
        recorder.close()
    identity = (tmp_path / "wandb_id.txt").read_text().strip()
    records = list(tmp_path.glob("wandb/offline-run-*/*.wandb"))
    assert len(records) >= 1 and all(record.name == f"run-{identity}.wandb" for record in records)
    assert any(b"train/loss" in record.read_bytes() for record in records)


def test_without_weights_and_biases_the_command_that_installs_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(TrainingError, match=r"not installed: pip install 'lcm\[track\]'"):
        wandb_recorder(tmp_path, Small(), MetricDescriptorRegistry([]))
    assert list(tmp_path.iterdir()) == []
