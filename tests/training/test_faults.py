"""Whatever breaks a run: one message that names it, and a last good checkpoint from which the same command goes on."""

import logging
import resource
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lcm.data import CorpusError
from lcm.models import load_model_folder
from lcm.training import TrainConfig, run_training
from lcm.training.checkpoints import newest_step
from lcm.training.concept_run import DataConfig, ModelSpec
from lcm.training.concept_unit import ConceptTrainUnit
from lcm.training.errors import TrainingError
from lcm.training.optimizers import OptimizerConfig
from lcm.training.trainer import TrainerConfig
from tests.training.rotations import losses, write_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpora") / "train", 60, 1)


def _config(corpus: Path, run: Path, steps: int = 30, **trainer: object) -> TrainConfig:
    return TrainConfig(
        run_dir=str(run),
        model=ModelSpec(fields={"model_dim": 32, "num_heads": 2, "num_layers": 1, "max_len": 16}),
        data=DataConfig(path=str(corpus), budget=180, max_len=9),
        optimizer=OptimizerConfig(warmup=5, decay_from=1.0),
        trainer=TrainerConfig(max_steps=steps, publish_every=1, validate_every=10, checkpoint_every=10, **trainer),  # type: ignore[arg-type]
    )


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, int], None]]:
    """`disk(step, size)`: from that step on no file takes more than `size` bytes, as a full disk would have it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    set_step_nr = ConceptTrainUnit.set_step_nr

    def fill(step: int, size: int) -> None:
        def filling(self, step_nr):  # type: ignore[no-untyped-def]
            if step_nr == step:
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
            set_step_nr(self, step_nr)

        monkeypatch.setattr(ConceptTrainUnit, "set_step_nr", filling)

    yield fill
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [100, 9_000, 30_000])  # the metrics, a checkpoint's first file, its second
def test_a_disk_that_fills_loses_the_checkpoint_in_work_alone(corpus, tmp_path, size, disk, monkeypatch):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    disk(15, size)
    with pytest.raises(
        TrainingError, match=r"run: cannot be written \(File too large\).*checkpoint of step 10 is sound"
    ):
        run_training(_config(corpus, tmp_path / "run"))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    monkeypatch.undo()
    assert newest_step(tmp_path / "run") == 10
    folder = run_training(_config(corpus, tmp_path / "run"))
    unbroken = run_training(_config(corpus, tmp_path / "unbroken"))
    ours, theirs = (load_model_folder(place).model.state_dict() for place in (folder, unbroken))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert losses(tmp_path / "run") == losses(tmp_path / "unbroken")


def _flip(file: Path) -> None:
    """One bit in the middle of what is longest in a file; some of it is padding."""
    content = file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        longest = max(archive.infolist(), key=lambda entry: entry.file_size)
        where = content.index(archive.read(longest)) + longest.file_size // 2
    file.write_bytes(content[:where] + bytes([content[where] ^ 0x10]) + content[where + 1 :])


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


@pytest.mark.parametrize("damage", [_flip, _cut, Path.unlink])
@pytest.mark.parametrize("kind", ["model", "optimizer", "trainer", "data_reader"])
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before_and_says_so(corpus, tmp_path, kind, damage, caplog):
    run_training(_config(corpus, tmp_path / "run", 20))
    (file,) = (tmp_path / "run/checkpoints/step_20" / kind).rglob("*.pt")
    damage(file)
    with caplog.at_level(logging.WARNING, "lcm.training"):
        run_training(_config(corpus, tmp_path / "run", 30))
    (said,) = [record.getMessage() for record in caplog.records if "is damaged" in record.getMessage()]
    assert "step_20 is damaged" in said and "set aside as damaged_20. Going on from step 10." in said
    run_training(_config(corpus, tmp_path / "unbroken", 30))
    assert losses(tmp_path / "run") == losses(tmp_path / "unbroken")


def test_if_no_checkpoint_is_sound_the_run_starts_anew(corpus, tmp_path, caplog):
    run_training(_config(corpus, tmp_path / "run", 10))
    (file,) = (tmp_path / "run/checkpoints/step_10/model").rglob("*.pt")
    _flip(file)
    with caplog.at_level(logging.WARNING, "lcm.training"):
        run_training(_config(corpus, tmp_path / "run", 10))
    assert "There is none before: the run starts anew." in caplog.text
    assert newest_step(tmp_path / "run") == 10


def test_a_truncated_shard_ends_the_run_before_it_starts(tmp_path):
    folder = write_corpus(tmp_path / "corpus", 60, 1)
    _cut(folder / "shard-00000.arrow")
    with pytest.raises(
        CorpusError, match=r"shard-00000\.arrow: is \d+ bytes long, but dataset\.json says \d+: cut short"
    ):
        run_training(_config(folder, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_leaves_the_last_checkpoint_loadable(corpus, tmp_path, monkeypatch):
    process = ConceptTrainUnit.process_batch

    def wild(self, batch, metric_bag):  # type: ignore[no-untyped-def]
        loss, count = process(self, batch, metric_bag)
        return (loss * float("inf"), count) if self._step == 17 else (loss, count)

    monkeypatch.setattr(ConceptTrainUnit, "process_batch", wild)
    with pytest.raises(
        TrainingError, match=r"Step 17, rank 0: the loss is inf on documents \d+.*last checkpoint is sound"
    ):
        run_training(_config(corpus, tmp_path / "run"))
    monkeypatch.undo()
    assert newest_step(tmp_path / "run") == 10
    run_training(_config(corpus, tmp_path / "run"))
    run_training(_config(corpus, tmp_path / "unbroken"))
    assert losses(tmp_path / "run") == losses(tmp_path / "unbroken")


def test_fp16_is_refused_on_a_cpu(corpus, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(TrainingError, match=r"trainer.precision=fp16 needs a GPU"):
        run_training(_config(corpus, tmp_path / "run", precision="fp16"))
    assert not (tmp_path / "run").exists()


def test_the_best_checkpoints_need_something_held_out(corpus, tmp_path):
    with pytest.raises(TrainingError, match=r"trainer.keep_best needs held-out documents: give data.valid_path"):
        run_training(_config(corpus, tmp_path / "run", keep_best=1))


def test_the_best_checkpoint_is_kept_beside_the_last(corpus, tmp_path):
    valid = write_corpus(tmp_path / "valid", 20, 2)
    wild = OptimizerConfig(warmup=50, muon_lr=30.0, adamw_lr=30.0, decay_from=1.0)  # worse with every step
    config = _config(corpus, tmp_path / "run", 40, keep_last=1, keep_best=1)
    run_training(replace(config, data=replace(config.data, valid_path=str(valid)), optimizer=wild))
    kept = {int(p.name.removeprefix("step_")) for p in (tmp_path / "run/checkpoints").glob("step_*[0-9]")}
    measured = losses(tmp_path / "run")["valid"]
    assert kept == {40, min(measured, key=measured.__getitem__)}
