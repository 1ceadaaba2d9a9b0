"""Training a concept model: it learns, goes on as if never stopped, and what it saves is the model that was best."""

import os
import re
import runpy
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from lcm.data import ConceptBatch, ConceptReader, Corpus, CorpusError, read_once
from lcm.models import ModelError, load_model_folder, read_metrics
from lcm.nn import Normalizer
from lcm.training import TrainConfig, run_training, to_config
from lcm.training.checkpoints import newest_step
from lcm.training.concept_run import DataConfig, ModelSpec
from lcm.training.concept_unit import ConceptTrainUnit, ConceptValidUnit, document_rngs
from lcm.training.errors import TrainingError
from lcm.training.optimizers import OptimizerConfig
from lcm.training.trainer import TrainerConfig
from tests.training.rotations import E, losses, write_corpus

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def corpora(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("corpora")
    return write_corpus(folder / "train", 200, 1), write_corpus(folder / "valid", 20, 2)


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


def test_a_base_lcm_learns_what_can_be_foreseen_and_its_folder_holds_the_best_of_it(corpora, tmp_path):
    folder = run_training(_config(corpora, tmp_path / "run", 60))
    valid = losses(tmp_path / "run")["valid"]
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


@pytest.mark.parametrize("family", ["one_tower", "two_tower"])
def test_a_diffusion_model_learns_by_the_same_recipe_and_writes(family, corpora, tmp_path):
    sizes = {"model_dim": 32, "num_heads": 2, "max_len": 16, "dropout": 0.0}
    folder = run_training(_config(corpora, tmp_path / "run", 60, model=ModelSpec(family=family, fields=sizes)))
    valid = losses(tmp_path / "run")["valid"]
    assert min(valid.values()) < 0.8 * valid[10] < 0.8 * 1.5 * E
    model = load_model_folder(folder).model
    document = torch.tensor(Corpus(corpora[1]).concepts(0), dtype=torch.float32)
    state = model.prefill(document[None, :5], torch.tensor([5]))
    new = model.step(state, None, [torch.Generator().manual_seed(0)])
    assert torch.nn.functional.cosine_similarity(new, document[5:6]) > 0.5


def test_a_loss_that_is_not_finite_ends_the_run_with_step_rank_and_documents(corpora, tmp_path):
    wild = OptimizerConfig(warmup=1, muon_lr=1e30, adamw_lr=1e30)
    with pytest.raises(
        TrainingError, match=r"Step \d+, rank 0: the loss is (nan|inf) on documents \d+, \d+.*lower the"
    ):
        run_training(_config(corpora, tmp_path / "run", 30, optimizer=wild))


def test_the_normalizer_is_fitted_on_the_corpus_and_saved_with_the_model(corpora, tmp_path):
    folder = run_training(_config(corpora, tmp_path / "run", 10))
    corpus = Corpus(corpora[0])
    fitted = Normalizer.fit(torch.from_numpy(np.concatenate([corpus.concepts(i) for i in range(len(corpus))])))
    saved = load_model_folder(folder).model.normalizer
    torch.testing.assert_close(saved.center, fitted.center)
    torch.testing.assert_close(saved.scale, fitted.scale)


def test_the_weights_kept_are_those_of_the_lowest_validation_loss_not_the_last(corpora, tmp_path):
    wild = OptimizerConfig(warmup=50, muon_lr=30.0, adamw_lr=30.0, decay_from=1.0)  # worse with every step
    folder = run_training(_config(corpora, tmp_path / "run", 30, optimizer=wild))
    valid = losses(tmp_path / "run")["valid"]
    facts = load_model_folder(folder).info.facts
    assert facts["validation_loss"] == pytest.approx(valid[facts["steps"]], rel=1e-6)
    assert valid[facts["steps"]] == min(valid.values()) < valid[30]


def test_without_held_out_documents_the_last_weights_are_kept_in_half_precision_if_asked(corpora, tmp_path):
    data = DataConfig(path=str(corpora[0]), budget=180, max_len=9)
    half = ModelSpec(fields={"model_dim": 32, "num_heads": 2, "num_layers": 2, "max_len": 16}, half=True)
    folder = run_training(_config(corpora, tmp_path / "run", 10, data=data, model=half, trained_on=""))
    loaded = load_model_folder(folder)
    assert loaded.info.facts == {"trained_on": "train", "steps": 10}
    [checkpoint] = (tmp_path / "run/checkpoints/step_10/model").rglob("*.pt")
    last = torch.load(checkpoint, weights_only=True)
    assert torch.equal(loaded.model.postnet.weight, last["postnet.weight"].half().float())


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"model": ModelSpec(family="bass")}, ModelError, "Unknown model family 'bass'. There are: base"),
        ({"model": ModelSpec(fields={"model_dims": 3})}, ModelError, "no field 'model_dims'. Perhaps model_dim"),
        ({"data": DataConfig(path="nowhere")}, CorpusError, "nowhere: holds no dataset.json"),
        ({"data": {"max_len": 17}}, TrainingError, "data.max_len is 17 sentences, but the model takes 16"),
        ({"data": {"budget": 8}}, CorpusError, "max_len must be between 1 and the budget of 8 concepts a batch"),
        (
            {"data": {"mixture": ["a=train:0"]}},
            CorpusError,
            "Mixture 'a=train:0': must be name=split:weight with a weight over 0",
        ),
    ],
)
def test_what_cannot_be_trained_is_named_before_anything_is_written(corpora, tmp_path, changes, error, said):
    if isinstance(changes.get("data"), dict):
        good = {"path": str(corpora[0]), "budget": 180, "max_len": 9}
        changes = {"data": DataConfig(**(good | changes["data"]))}
    with pytest.raises(error, match=said):
        run_training(_config(corpora, tmp_path / "run", 10, **changes))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("place", ["valid_path", "mixture"])
def test_documents_of_another_space_are_refused(corpora, tmp_path, place):
    other = str(write_corpus(tmp_path / "other", 3, 3, space="elsewhere"))
    more = {"path": str(corpora[0]), "valid_path": other}
    if place == "mixture":
        more = {"path": str(tmp_path), "mixture": [str(corpora[0]), "other"]}
    data = DataConfig(budget=180, max_len=9, **more)
    with pytest.raises(CorpusError, match="holds concepts of space 'elsewhere'"):
        run_training(_config(corpora, tmp_path / "run", 10, data=data))


def test_a_corpus_in_which_nothing_follows_anything_is_refused(corpora, tmp_path):
    lonely = write_corpus(tmp_path / "lonely", 3, 3, length=1)
    with pytest.raises(CorpusError, match="no document has two sentences"):
        run_training(_config(corpora, tmp_path / "run", 10, data=DataConfig(path=str(lonely))))


def test_a_checkpoint_interval_that_falls_between_reports_is_refused():
    with pytest.raises(TrainingError, match=r"trainer.checkpoint_every must be a multiple"):
        TrainerConfig(publish_every=10, checkpoint_every=15, validate_every=20)
    with pytest.raises(TrainingError, match=r"trainer.max_steps must be at least 1, but is 0"):
        TrainerConfig(max_steps=0)


class Killed(Exception):
    """What no code catches."""


def _die(monkeypatch: pytest.MonkeyPatch, unit: type, method: str, step: int) -> None:
    """The next run ends where `unit`'s method is called for this step."""
    with_step = getattr(unit, method)

    def dying(self, step_nr):
        if step_nr == step:
            monkeypatch.undo()
            raise Killed
        with_step(self, step_nr)

    monkeypatch.setattr(unit, method, dying)


def _same_runs(one: Path, other: Path) -> bool:
    models = [load_model_folder(run / "model") for run in (one, other)]
    ours, theirs = (loaded.model.state_dict() for loaded in models)
    same = all(torch.equal(ours[name], theirs[name]) for name in ours)
    return same and models[0].info.facts == models[1].info.facts and losses(one) == losses(other)


def test_an_interrupted_run_of_a_mixture_goes_on_with_the_losses_and_weights_of_an_unbroken_one(
    corpora, tmp_path, monkeypatch
):
    write_corpus(tmp_path / "more", 50, 4, length=5)
    mixture = [str(corpora[0]), "more:2.5"]
    data = DataConfig(
        path=str(tmp_path), mixture=mixture, valid_path=str(corpora[1]), budget=180, micro_batches=2, max_len=8
    )
    whole, broken = (_config(corpora, tmp_path / name, 40, data=data) for name in ("whole", "broken"))
    run_training(whole)
    for unit, method, step in (
        (ConceptTrainUnit, "set_step_nr", 17),
        (ConceptValidUnit, "set_train_step_nr", 20),  # its checkpoint is written, but not yet to be seen
        (ConceptValidUnit, "set_train_step_nr", 40),  # the last step
    ):
        _die(monkeypatch, unit, method, step)
        with pytest.raises(Killed):
            run_training(broken)
    run_training(broken)
    assert _same_runs(tmp_path / "whole", tmp_path / "broken")
    assert len(losses(tmp_path / "whole")["train"]) == 40


def test_the_time_of_a_run_is_that_of_all_its_starts(corpora, tmp_path):
    started = time.monotonic()
    run_training(_config(corpora, tmp_path / "run", 10))
    between = time.monotonic() - started
    run_training(_config(corpora, tmp_path / "run", 20))
    times = [row["total_time"] for _, row in sorted(read_metrics(tmp_path / "run").items())]
    assert len(times) == 20 and times == sorted(times)
    assert 0 < times[0] < times[9] < between
    assert times[9] < times[10] < times[19] < time.monotonic() - started


def test_the_command_of_a_finished_run_given_again_changes_nothing(corpora, tmp_path):
    data = DataConfig(path=str(corpora[0]), budget=180, max_len=9)
    run = _config(corpora, tmp_path / "run", 10, data=data)
    before = load_model_folder(run_training(run)).model.state_dict()
    again = load_model_folder(run_training(run))
    assert all(torch.equal(before[name], tensor) for name, tensor in again.model.state_dict().items())
    assert again.info.facts["steps"] == 10 and newest_step(tmp_path / "run") == 10


def test_a_run_goes_on_only_with_its_own_model_and_corpora(corpora, tmp_path):
    run_training(_config(corpora, tmp_path / "run", 10))
    wider = ModelSpec(fields={"model_dim": 64, "num_heads": 2, "num_layers": 2, "max_len": 16})
    with pytest.raises(TrainingError, match=r"cannot go on from step 10 \(model: .* size mismatch"):
        run_training(_config(corpora, tmp_path / "run", 20, model=wider))
    other = DataConfig(path=str(corpora[1]), valid_path=str(corpora[1]), budget=180, max_len=9)
    with pytest.raises(CorpusError, match="the run was started with corpus ="):
        run_training(_config(corpora, tmp_path / "run", 20, data=other))


def test_a_mixture_gives_each_corpus_its_share_of_the_batches_and_its_own_numbers(corpora):
    opened = [Corpus(path) for path in corpora]
    reader = ConceptReader(opened, [1, 3], budget=180, micro_batches=2, max_len=9, seed=1)
    batches = [batch for _ in range(1000) for batch in next(reader)]
    numbers = [batch.document_ids.tolist() for batch in batches]
    second = [min(ids) >= len(opened[0]) for ids in numbers]
    assert second == [max(ids) >= len(opened[0]) for ids in numbers]  # no batch holds both
    assert sum(second) / 2000 == pytest.approx(0.75, abs=0.04)  # four standard deviations
    for batch, of_second in zip(batches[:20], second, strict=False):
        number = int(batch.document_ids[0]) - of_second * len(opened[0])
        assert np.array_equal(batch.concepts[0, : int(batch.lengths[0])], opened[of_second].concepts(number))


def test_what_a_document_draws_depends_on_it_the_seed_and_the_step_alone(corpora):
    def drawn(batch: ConceptBatch, *key: int) -> dict[int, list[float]]:
        rngs = document_rngs(batch, *key)
        return dict(
            zip(batch.document_ids.tolist(), (torch.rand(3, generator=rng).tolist() for rng in rngs), strict=True)
        )

    batch = next(read_once(Corpus(corpora[0]), budget=180, max_len=9))
    halves = [batch.share(index, 2) for index in range(2)]
    assert drawn(batch, 2, 7) == drawn(halves[0], 2, 7) | drawn(halves[1], 2, 7)
    other_rows = replace(batch, first_sentences=batch.first_sentences + 1)
    draws = [drawn(batch, 2, 7), drawn(batch, 3, 7), drawn(batch, 2, 8), drawn(batch, 2), drawn(other_rows, 2, 7)]
    values = [tuple(value) for each in draws for value in each.values()]
    assert len(set(values)) == len(values)


def _command(corpora: tuple[Path, Path], run: Path) -> list[str]:
    return [
        sys.executable, str(ROOT / "recipes/train.py"), f"data.path={corpora[0]}", f"data.valid_path={corpora[1]}",
        f"run_dir={run}", "data.budget=180", "data.max_len=9", "trainer.max_steps=60", "trainer.publish_every=1",
        "trainer.validate_every=20", "trainer.checkpoint_every=10",
        "+model.fields={model_dim: 32, num_heads: 2, num_layers: 2, max_len: 16, dropout: 0.1}",
    ]  # fmt: skip


@pytest.mark.slow
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
    assert _same_runs(whole, broken)
    assert len(losses(whole)["train"]) == 60


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trainer": {"max_step": 3}}, "there is no 'trainer.max_step'. Perhaps trainer.max_steps"),
        ({"modl": {}}, "there is no 'modl'. Perhaps model?"),
        ({"data": {"pth": "b"}}, "there is no 'data.pth'. Perhaps data.path"),
        ({"trainer": {"max_steps": "abc"}}, "'trainer.max_steps': Value 'abc' of type 'str' could not be converted"),
        ({"data": {}}, "'data.path': Structured config of type `DataConfig` has missing mandatory value: path."),
    ],
)
def test_a_wrong_configuration_is_told_with_the_nearest_names(changes, said):
    good = {"run_dir": "runs/base", "data": {"path": "corpora/stories"}}
    with pytest.raises(TrainingError, match=re.escape(said)):
        to_config(TrainConfig, OmegaConf.create(good | changes))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("trainer.max_step=3", "there is no 'trainer.max_step'. Perhaps trainer.max_steps"),
        ("+trainer.max_step=3", "there is no 'trainer.max_step'. Perhaps trainer.max_steps"),
        ("model.fields.dropout=0.2", "write +model.fields.dropout=…"),
        ("model", "missing EQUAL"),
        ("data.path=nowhere", "nowhere: holds no dataset.json"),
        ("model.family=bass", "Unknown model family 'bass'"),
        ("+model.fields.dropot=0.2", "no field 'dropot'. Perhaps dropout"),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_exit_code_2(corpora, tmp_path, override, said, capsys, monkeypatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "")  # set back afterwards
    monkeypatch.setattr(sys, "argv", [*_command(corpora, tmp_path / "run")[1:-1], override])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        runpy.run_path(sys.argv[0], run_name="__main__")
    assert left.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("train: ") and said in lines[0]
    assert list(tmp_path.iterdir()) == []
