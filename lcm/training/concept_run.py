"""Training a concept model on a prepared corpus: normalizer, training, the finished model."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from lcm.data import ConceptReader, Corpus, CorpusError, read_once
from lcm.models import ConceptModel, create_model, read_info, save_model
from lcm.nn import Normalizer
from lcm.training.concept_unit import ConceptTrainUnit, ConceptValidUnit
from lcm.training.optimizers import MuonAdamW, OptimizerConfig, warmup_stable_decay
from lcm.training.trainer import ListReader, TrainerConfig, create_gangs, newest_step, train, wrap_for_gangs

log = logging.getLogger("lcm.training")


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Which concept model; E is the corpus's."""

    family: str = "base"
    architecture: str = "tiny"
    """A named size of the family."""
    fields: dict[str, Any] = field(default_factory=dict)
    """Fields of the family's config that replace the architecture's."""


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What to learn from, as `lcm prepare` wrote it."""

    path: str
    valid_path: str | None = None
    """Held-out documents. Without them the last step's weights are kept, not the best."""
    budget: int = 2048
    """Concepts a batch, padding included (paper: 229k)."""
    max_len: int = 64
    """Longer documents are wrapped, in sentences."""
    normalizer_sample: int = 1_000_000
    """Concepts that the normalizer is fitted on, at most."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One training run of a concept model."""

    run_dir: str
    """Checkpoints, metrics, and the model (in `model/`)."""
    trained_on: str = ""
    """The corpus in words, for the model's card."""
    model: ModelSpec = field(default_factory=ModelSpec)
    data: DataConfig
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)


def run_training(config: TrainConfig) -> Path:
    """Train, going on from what `run_dir` holds; the folder of the finished model, for `lcm.load`."""
    corpus = Corpus(config.data.path)
    space, dim = corpus.settings.space, corpus.settings.dim
    held_out = _open_held_out(config.data, space, dim)
    torch.manual_seed(config.trainer.seed)
    model = create_model(config.model.family, config.model.architecture, **(config.model.fields | {"concept_dim": dim}))
    gangs = create_gangs()
    folder = Path(config.run_dir)
    folder.mkdir(parents=True, exist_ok=True)
    if newest_step(folder) is None:  # a checkpoint holds the normalizer
        sample = torch.from_numpy(corpus.sample_concepts(config.data.normalizer_sample, config.trainer.seed))
        log.info("Fitting the normalizer on %d concepts", len(sample))
        model.normalizer.load_state_dict(Normalizer.fit(sample).state_dict())
    wrapped = wrap_for_gangs(model.to(gangs.device), gangs)

    save = partial(_save, folder / "model", model, config, space) if gangs.root.rank == 0 else lambda loss: None
    valid = None
    if held_out is not None:
        batches = list(read_once(held_out, budget=config.data.budget, max_len=config.data.max_len))
        best = _best_so_far(folder / "model") if newest_step(folder) is not None else math.inf
        valid = ConceptValidUnit(model, seed=config.trainer.seed, best=best, on_best=save), ListReader(batches)
    optimizer = MuonAdamW(wrapped, muon_lr=config.optimizer.muon_lr, adamw_lr=config.optimizer.adamw_lr)
    train(
        model=wrapped,
        unit=ConceptTrainUnit(wrapped, seed=config.trainer.seed, rank=gangs.dp.rank),
        reader=ConceptReader(
            corpus, budget=config.data.budget, max_len=config.data.max_len, seed=config.trainer.seed,
            rank=gangs.dp.rank, world_size=gangs.dp.size,
        ),
        optimizer=optimizer,
        scheduler=warmup_stable_decay(
            optimizer, steps=config.trainer.max_steps, warmup=config.optimizer.warmup,
            decay_from=config.optimizer.decay_from,
        ),
        config=config.trainer,
        folder=folder,
        gangs=gangs,
        valid=valid,
    )  # fmt: skip
    if valid is None:
        save(None)
    log.info('The model is in %s: lcm generate "…" --model %s', folder / "model", folder)
    return folder / "model"


def _open_held_out(config: DataConfig, space: str, dim: int) -> Corpus | None:
    if config.valid_path is None:
        return None
    held_out = Corpus(config.valid_path)
    held_out.require(space, dim)
    if int(held_out.lengths.max()) < 2:
        raise CorpusError(
            f"{config.valid_path}: no document has two sentences, so nothing can be predicted. Use others."
        )
    return held_out


def _save(folder: Path, model: ConceptModel, config: TrainConfig, space: str, loss: float | None) -> None:
    facts: dict[str, object] = {"trained_on": config.trained_on, "steps": config.trainer.max_steps}
    if loss is not None:
        facts["validation_loss"] = loss
    save_model(folder, model, family=config.model.family, space=space, facts=facts)


def _best_so_far(folder: Path) -> float:
    """The validation loss of the model that a run has written before it was interrupted."""
    if not folder.exists():
        return math.inf
    return float(read_info(folder).facts["validation_loss"])
