"""Training a concept model on prepared corpora: normalizer, training, the finished model."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lcm.data import Corpus, CorpusError, MixtureReader, read_once
from lcm.models import ConceptModel, create_model, read_info, save_model
from lcm.training.concept_unit import ConceptTrainUnit, ConceptValidUnit
from lcm.training.optimizers import MuonAdamW, OptimizerConfig, warmup_stable_decay
from lcm.training.trainer import (
    ListReader,
    TrainerConfig,
    TrainingError,
    create_gangs,
    newest_step,
    train,
    wrap_for_gangs,
)

log = logging.getLogger("lcm.training")


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Which concept model; E is the corpus's."""

    family: str = "base"
    architecture: str = "tiny"
    """A named size of the family."""
    fields: dict[str, Any] = field(default_factory=dict)
    """Fields of the family's config that replace the architecture's."""
    half: bool = False
    """Write the finished model in float16; checkpoints are float32 always."""


@dataclass(frozen=True, kw_only=True)
class CorpusConfig:
    """Documents to learn from, as `lcm prepare` wrote them."""

    path: str
    valid_path: str | None = None
    """Held-out documents. Without any, the last step's weights are kept, not the best."""
    weight: float = 1.0
    """Share of the batches, relative to the weights of the other corpora."""


@dataclass(frozen=True, kw_only=True)
class DataConfig(CorpusConfig):
    """A corpus, perhaps more of the same space, and how documents become batches."""

    more: list[CorpusConfig] = field(default_factory=list)
    """Further corpora to mix in."""
    budget: int = 2048
    """Concepts a batch, padding included (paper: 229k)."""
    max_len: int = 64
    """Longer documents are wrapped, in sentences."""
    normalizer_sample: int = 1_000_000
    """Concepts that the normalizer is fitted on, at most, shared out by weight."""

    def corpora(self) -> list[CorpusConfig]:
        """All of them."""
        return [self, *self.more]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One training run of a concept model."""

    run_dir: str
    """Checkpoints, metrics, and the model (in `model/`)."""
    trained_on: str = ""
    """The corpora in words, for the model's card (default: the names of their folders)."""
    model: ModelSpec = field(default_factory=ModelSpec)
    data: DataConfig
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)


def run_training(config: TrainConfig) -> Path:
    """Train, going on from what `run_dir` holds; the folder of the finished model, for `lcm.load`.

    With held-out documents that folder always holds the weights of the lowest validation loss so far. Raises LCMError
    for a wrong setting or corpus before anything is written.
    """
    data, seed = config.data, config.trainer.seed
    corpora = _open([c.path for c in data.corpora()])
    space, dim = corpora[0].settings.space, corpora[0].settings.dim
    held_out = _open([c.valid_path for c in data.corpora() if c.valid_path is not None], space, dim)
    torch.manual_seed(seed)
    model = create_model(config.model.family, config.model.architecture, **(config.model.fields | {"concept_dim": dim}))
    if data.max_len > model.config.max_len:
        raise TrainingError(
            f"data.max_len is {data.max_len} sentences, but the model takes {model.config.max_len}. "
            f"Lower it, or raise it with +model.fields.max_len=…"
        )
    gangs = create_gangs()
    weights = [c.weight for c in data.corpora()]
    reader = MixtureReader(
        corpora, weights, budget=data.budget, max_len=data.max_len, seed=seed,
        rank=gangs.dp.rank, world_size=gangs.dp.size,
    )  # fmt: skip
    batches = [b for corpus in held_out for b in read_once(corpus, budget=data.budget, max_len=data.max_len)]

    folder = _make(Path(config.run_dir))
    started = newest_step(folder) is not None
    if not started:  # a checkpoint holds the normalizer
        sample = _sample(corpora, weights, data.normalizer_sample, seed)
        log.info("Fitting the normalizer on %d concepts", len(sample))
        model.normalizer.load_state_dict(model.normalizer.fit(sample).state_dict())
    wrapped = wrap_for_gangs(model.to(gangs.device), gangs)
    save = partial(_save, folder / "model", model, config, space)
    best = _best_so_far(folder / "model") if started else math.inf
    optimizer = MuonAdamW(wrapped, muon_lr=config.optimizer.muon_lr, adamw_lr=config.optimizer.adamw_lr)
    train(
        model=wrapped,
        unit=ConceptTrainUnit(wrapped, seed=seed),
        reader=reader,
        optimizer=optimizer,
        scheduler=warmup_stable_decay(
            optimizer, steps=config.trainer.max_steps, warmup=config.optimizer.warmup,
            decay_from=config.optimizer.decay_from,
        ),
        config=config.trainer,
        folder=folder,
        gangs=gangs,
        valid=(ConceptValidUnit(model, seed=seed, best=best, on_best=save), ListReader(batches)) if batches else None,
    )  # fmt: skip
    if not batches and gangs.root.rank == 0:
        save(None, newest_step(folder) or 0)
    log.info('The model is in %s: lcm generate "…" --model %s', folder / "model", folder)
    return folder / "model"


def _open(paths: Sequence[str], space: str | None = None, dim: int = 0) -> list[Corpus]:
    """The corpora, all of one space (default: that of the first)."""
    corpora = [Corpus(path) for path in paths]
    for corpus in corpora:
        settings = corpora[0].settings
        corpus.require(space or settings.space, dim or settings.dim)
        if int(corpus.lengths.max()) < 2:
            raise CorpusError(f"{corpus.folder}: no document has two sentences, so nothing can be learnt. Use others.")
    return corpora


def _make(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"{folder}: cannot be made ({error.strerror}). Choose another run_dir.") from None
    return folder


def _sample(corpora: Sequence[Corpus], weights: Sequence[float], number: int, seed: int) -> torch.Tensor:
    """[≤ number, E] concepts, from each corpus by its weight."""
    parts = [
        corpus.sample_concepts(max(1, round(number * weight / sum(weights))), seed)
        for corpus, weight in zip(corpora, weights, strict=True)
    ]
    return torch.from_numpy(np.concatenate(parts))


def _save(folder: Path, model: ConceptModel, config: TrainConfig, space: str, loss: float | None, step: int) -> None:
    named = ", ".join(Path(corpus.path).name for corpus in config.data.corpora())
    facts: dict[str, object] = {"trained_on": config.trained_on or named, "steps": step}
    if loss is not None:
        facts["validation_loss"] = loss
    dtype = torch.float16 if config.model.half else torch.float32
    save_model(folder, model, family=config.model.family, space=space, facts=facts, dtype=dtype)


def _best_so_far(folder: Path) -> float:
    """The validation loss of the model that the run has written before it was interrupted."""
    return float(read_info(folder).facts.get("validation_loss", math.inf)) if folder.exists() else math.inf
