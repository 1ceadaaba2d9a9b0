"""Every experiment composes into a run that can be built; the paper's numbers are in the largest."""

import json
import logging
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir

from lcm.cli import main
from lcm.data import Corpus, read_once
from lcm.models import ModelError, create_model, find_model, load_model_folder
from lcm.training import TrainConfig, recipe, run_training, to_config
from lcm.training.concept_run import DataConfig, ModelSpec
from lcm.training.concept_unit import document_rngs
from lcm.training.config import configs_folder
from lcm.training.errors import TrainingError
from lcm.training.trainer import TrainerConfig
from tests.training.rotations import write_corpus, write_pairs

EXPERIMENTS = sorted(file.stem for file in configs_folder().glob("experiment/*.yaml"))
recipe("train", TrainConfig)(run_training)  # makes the fields known to Hydra


def composed(*overrides: str) -> TrainConfig:
    with initialize_config_dir(str(configs_folder()), version_base="1.3"):
        return to_config(
            TrainConfig, compose("train", overrides=["data.path=corpora/tales", "run_dir=runs/x", *overrides])
        )


def test_there_is_one_for_each_stage_family_and_size():
    families, sizes = ("base", "one_tower", "two_tower"), ("tiny", "small", "1_6b")
    wanted = {f"{stage}_{family}_{size}" for stage in ("pretrain", "finetune") for family in families for size in sizes}
    assert set(EXPERIMENTS) == wanted


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_composes_and_its_model_can_be_built(name):
    stage, family, size = name.split("_", 1)[0], name.split("_", 1)[1].rsplit("_", 1)[0], name.rsplit("_", 1)[1]
    if size == "6b":
        family, size = family.removesuffix("_1"), "1_6b"
    config = composed(f"experiment={name}")
    assert (config.model.family, config.model.architecture) == (family, size)
    assert (config.init_from is not None) == (stage == "finetune")
    with torch.device("meta"):
        model = create_model(config.model.family, config.model.architecture, **config.model.fields)
    assert config.data.max_len <= model.config.max_len
    assert config.data.budget // config.data.micro_batches >= config.data.max_len


@pytest.mark.parametrize("family", ["base", "one_tower", "two_tower"])
def test_the_largest_are_the_papers(family):
    config = composed(f"experiment=pretrain_{family}_1_6b")
    optimizer, trainer = config.optimizer, config.trainer
    assert config.data.budget == 229_376
    assert (trainer.max_steps, trainer.max_grad_norm, trainer.precision) == (250_000, 25.0, "bf16")
    assert (optimizer.kind, optimizer.adamw_lr, optimizer.betas, optimizer.eps) == ("adamw", 4e-4, [0.9, 0.95], 1e-5)
    assert (optimizer.weight_decay, optimizer.warmup, optimizer.schedule) == (0.1, 10_000, "cosine")


def test_an_experiment_gives_way_to_the_command_line():
    config = composed("experiment=pretrain_two_tower_tiny", "trainer.max_steps=2000", "model.architecture=small")
    assert (config.trainer.max_steps, config.model.architecture) == (2000, "small")


def test_the_fine_tuning_of_a_large_model_must_be_told_where_to_start():
    config = composed("experiment=finetune_two_tower_small")
    assert config.init_from is not None
    with pytest.raises(ModelError, match="No model 'MODEL'"):
        find_model(config.init_from)


def test_the_slurm_launcher_composes():
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="needs pip install 'lcm[slurm]'")
    with initialize_config_dir(str(configs_folder()), version_base="1.3"):
        config = compose(
            "train", return_hydra_config=True,
            overrides=["launcher=slurm", "experiment=pretrain_base_1_6b", "data.path=c", "run_dir=r", "hydra.launcher.nodes=4"],
        )  # fmt: skip
    assert config.hydra.mode.name == "MULTIRUN"
    assert config.hydra.launcher._target_.endswith("SlurmLauncher")
    assert (config.hydra.launcher.nodes, config.hydra.launcher.tasks_per_node, config.hydra.sweep.dir) == (4, 8, "r")


def _config(folder: Path, **values: object) -> TrainConfig:
    sizes = {"model_dim": 32, "num_heads": 2, "num_layers": 1, "max_len": 16}
    base: dict[str, object] = {
        "run_dir": str(folder / "run"),
        "model": ModelSpec(fields=sizes),
        "data": DataConfig(path=str(folder / "corpus"), budget=180, max_len=9),
        "trainer": TrainerConfig(max_steps=20, publish_every=10, validate_every=10, checkpoint_every=10),
    }
    return TrainConfig(**(base | values))  # type: ignore[arg-type]


def test_a_run_starts_from_a_models_weights_normalizer_and_config(tmp_path):
    write_corpus(tmp_path / "corpus", 60, 1)
    before = load_model_folder(run_training(_config(tmp_path)))
    still = TrainerConfig(max_steps=10, publish_every=10, validate_every=10, checkpoint_every=10, max_grad_norm=1e-20)
    write_corpus(tmp_path / "other", 40, 5)
    spec = ModelSpec(fields={"dropout": 0.0})
    data = DataConfig(path=str(tmp_path / "other"), budget=180, max_len=9)
    changes = {"model": spec, "data": data, "run_dir": str(tmp_path / "fine"), "trainer": still}
    after = load_model_folder(run_training(_config(tmp_path, init_from=str(tmp_path / "run"), **changes)))
    assert after.info.config == {**before.info.config, "dropout": 0.0}
    assert after.info.facts["started_from"] == str(tmp_path / "run")
    assert torch.equal(after.model.normalizer.scale, before.model.normalizer.scale)
    for name, weight in before.model.state_dict().items():  # Muon's steps do not depend on how long a gradient is
        assert torch.allclose(after.model.state_dict()[name], weight, atol=0.5), name


@pytest.mark.parametrize(
    ("write", "targets", "said"),
    [
        (write_pairs, 5, "200 of them pairs, with the loss on their targets only"),
        (write_corpus, 8, "no pairs, with the loss on whole documents"),
    ],
)
def test_a_run_says_whether_its_loss_is_on_targets_only_and_it_is(tmp_path, caplog, write, targets, said):
    write(tmp_path / "corpus", 200, 1)
    write(tmp_path / "valid", 20, 2)
    data = DataConfig(path=str(tmp_path / "corpus"), valid_path=str(tmp_path / "valid"), budget=180, max_len=9)
    with caplog.at_level(logging.INFO, "lcm.training"):
        loaded = load_model_folder(run_training(_config(tmp_path, data=data)))
    assert f"Learning from 200 documents of 1,800 concepts, {said}" in caplog.text
    (batch,) = read_once(Corpus(tmp_path / "valid"), budget=180, max_len=9)
    with torch.no_grad():
        terms = loaded.model(batch, document_rngs(batch, 2))
    assert terms.num_targets == 20 * targets
    assert loaded.info.facts["validation_loss"] == pytest.approx(float(terms.total) / terms.num_targets, rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": ModelSpec(family="two_tower")}, "is of family base, but model.family is two_tower"),
        ({"model": ModelSpec(fields={"model_dim": 64})}, "does not fit model.fields"),
    ],
)
def test_a_model_that_a_run_cannot_start_from_is_refused(tmp_path, changes, said):
    write_corpus(tmp_path / "corpus", 60, 1)
    run_training(_config(tmp_path))
    with pytest.raises(TrainingError, match=said):
        run_training(_config(tmp_path, init_from=str(tmp_path / "run"), run_dir=str(tmp_path / "fine"), **changes))
    assert not (tmp_path / "fine").exists()


def test_a_shipped_model_is_where_the_tiny_experiments_start():
    config = composed("experiment=finetune_base_tiny")
    assert config.init_from is not None
    assert load_model_folder(find_model(config.init_from)).info.family == "base"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "experiment=pretrain_two_tower_tin",
            "there is no experiment 'pretrain_two_tower_tin'. Perhaps pretrain_two_tower_tiny",
        ),
        ("model=two_towers", "there is no model 'two_towers'. Perhaps two_tower"),
        ("launcher=slurm", "there is no SLURM here"),
    ],
)
def test_what_lcm_train_cannot_compose_or_submit_is_one_line_and_exit_code_2(
    tmp_path, override, said, capsys, monkeypatch
):
    if override == "launcher=slurm":
        pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="needs pip install 'lcm[slurm]'")
    monkeypatch.setenv("HYDRA_FULL_ERROR", "")  # set back afterwards
    monkeypatch.setattr("shutil.which", lambda *args, **kwargs: None)
    monkeypatch.setattr("sys.argv", ["lcm", "train", f"data.path={tmp_path}", f"run_dir={tmp_path / 'run'}", override])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (tmp_path / "run/checkpoints").exists()


def test_lcm_train_trains_and_goes_on_where_it_ended(tmp_path, monkeypatch):
    write_corpus(tmp_path / "corpus", 60, 1)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "")
    for steps in (10, 20):
        monkeypatch.setattr("sys.argv", [
            "lcm", "train", "experiment=pretrain_base_tiny", f"data.path={tmp_path / 'corpus'}", f"run_dir={tmp_path / 'run'}",
            f"trainer.max_steps={steps}", "trainer.publish_every=5", "trainer.checkpoint_every=10", "trainer.validate_every=10",
            "+model.fields={model_dim: 32, num_heads: 2, num_layers: 1}",
        ])  # fmt: skip
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        assert load_model_folder(tmp_path / "run/model").info.facts["steps"] == steps
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert len(record["starts"]) == 2
    assert (tmp_path / "run/loss.png").read_bytes().startswith(b"\x89PNG")
