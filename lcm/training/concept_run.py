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
from fairseq2.gang import Gangs

from lcm.data import ConceptReader, Corpus, CorpusError, Part, Prefetched, Settings, find_parts, read_once
from lcm.models import ConceptModel, create_model, find_model, load_model_folder, read_info, save_model
from lcm.training.checkpoints import newest_step
from lcm.training.concept_unit import ConceptTrainUnit, ConceptValidUnit
from lcm.training.errors import TrainingError
from lcm.training.gangs import create_gangs, wrap_for_gangs
from lcm.training.optimizers import OptimizerConfig, make_optimizer, make_schedule
from lcm.training.trainer import Job, ListReader, TrainerConfig, train

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
class DataConfig:
    """Documents to learn from, as `lcm prepare` wrote them, and how they become batches."""

    path: str
    """A prepared corpus, or a folder with one for each split (`train`, `valid`), or with those that `mixture` names."""
    mixture: list[str] = field(default_factory=list)
    """Several corpora of one space, folders below `path`: `name=split:weight`, such as ["tales=train:0.6","stories=train:0.4"]
    (Hydra wants the quotes). A batch is of one of them, drawn by weight."""
    valid_path: str | None = None
    """Held-out documents, beside the split `valid` of each corpus. Without any, the last step's weights are kept, not the best."""
    budget: int = 2048
    """Concepts a step, of all processes together, padding included (paper: 229k)."""
    micro_batches: int = 1
    """Batches that a step consists of, one after the other in a process, or shared out among processes."""
    max_len: int = 64
    """Longer documents are wrapped, in sentences; pairs are refused."""
    normalizer_sample: int = 1_000_000
    """Concepts that the normalizer is fitted on, at most, shared out by weight."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One training run of a concept model."""

    run_dir: str
    """Checkpoints, metrics, and the model (in `model/`)."""
    trained_on: str = ""
    """The corpora in words, for the model's card (default: the names of their folders)."""
    init_from: str | None = None
    """A model's name or folder, or a run's: its weights, normalizer and config are where this run starts, as in fine-tuning."""
    model: ModelSpec = field(default_factory=ModelSpec)
    data: DataConfig
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    trainer: TrainerConfig = field(default_factory=lambda: TrainerConfig(max_grad_norm=25.0))


def run_training(config: TrainConfig) -> Path:
    """Train, going on from what `run_dir` holds; the folder of the finished model, for `lcm.load`.

    With held-out documents that folder always holds the weights of the lowest validation loss so far. Raises LCMError
    for a wrong setting or corpus before anything is written.
    """
    data, seed = config.data, config.trainer.seed
    parts = find_parts(data.path, data.mixture)
    corpora = _open([part.folder for part in parts])
    held_out = _open_held_out(parts, data.valid_path, corpora[0])
    model = _make_model(config, corpora[0])
    if data.max_len > model.config.max_len:
        raise TrainingError(
            f"data.max_len is {data.max_len} sentences, but the model takes {model.config.max_len}. "
            f"Lower it, or raise it with +model.fields.max_len=…"
        )
    if config.trainer.keep_best and not held_out:
        raise TrainingError("trainer.keep_best needs held-out documents: give data.valid_path, or set it to 0.")
    gangs = create_gangs(config.trainer.parallel, config.trainer.precision)
    weights = [part.weight for part in parts]
    reader = _make_reader(corpora, weights, config, gangs)
    batches = _valid_batches(held_out, data, gangs)

    first = gangs.root.rank == 0  # there are no gangs after the training
    if first:
        log.info("%s", _describe(corpora))
    folder = _make(Path(config.run_dir))
    started = newest_step(folder) is not None
    if not started and config.init_from is None:  # a checkpoint or a model to start from holds the normalizer
        sample = _sample(corpora, weights, data.normalizer_sample, seed)
        log.info("Fitting the normalizer on %d concepts", len(sample))
        model.normalizer.load_state_dict(model.normalizer.fit(sample).state_dict())
    wrapped = wrap_for_gangs(model.to(gangs.device), gangs, recompute=config.trainer.recompute)
    save = partial(_save, folder / "model", model, config, corpora[0].settings)
    best = _best_so_far(folder / "model") if started else math.inf
    optimizer = make_optimizer(wrapped, config.optimizer, float32=config.trainer.precision == "float32")
    job = Job(
        model=wrapped,
        unit=ConceptTrainUnit(wrapped, seed=seed),
        reader=reader,
        optimizer=optimizer,
        schedule=make_schedule(optimizer, config.optimizer, config.trainer.max_steps),
        gangs=gangs,
        valid=(ConceptValidUnit(model, seed=seed, best=best, on_best=save), ListReader(batches)) if batches else None,
        on_finished=partial(save, None),
    )
    train(job, config, folder)
    if first:
        log.info('The model is in %s: lcm generate "…" --model %s', folder / "model", folder)
    return folder / "model"


def _open(folders: Sequence[Path]) -> list[Corpus]:
    """The corpora, all of the space of the first."""
    corpora = [Corpus(folder) for folder in folders]
    for corpus in corpora:
        _require(corpus, corpora[0])
        if int(corpus.lengths.max()) < 2:
            raise CorpusError(f"{corpus.folder}: no document has two sentences, so nothing can be learnt. Use others.")
    return corpora


def _describe(corpora: Sequence[Corpus]) -> str:
    """What there is to learn from; that there are pairs, or none, decides where the loss is."""
    documents, concepts = sum(map(len, corpora)), sum(int(corpus.lengths.sum()) for corpus in corpora)
    pairs = sum(corpus.pairs for corpus in corpora)
    loss = (
        f"{pairs:,} of them pairs, with the loss on their targets only"
        if pairs
        else "no pairs, with the loss on whole documents"
    )
    return f"Learning from {documents:,} documents of {concepts:,} concepts, {loss}"


def _open_held_out(parts: Sequence[Part], valid_path: str | None, corpus: Corpus) -> list[Corpus]:
    folders = [part.valid for part in parts if part.valid is not None]
    if valid_path is not None:
        folders.append(find_parts(valid_path)[0].folder)
    held_out = _open(folders)
    for other in held_out:
        _require(other, corpus)
    return held_out


def _require(corpus: Corpus, like: Corpus) -> None:
    settings = like.settings
    corpus.require(settings.space, settings.dim, settings.encoder)


def _make_model(config: TrainConfig, corpus: Corpus) -> ConceptModel:
    """A new model, or that of `init_from` with its weights."""
    spec, settings = config.model, corpus.settings
    torch.manual_seed(config.trainer.seed)
    if config.init_from is None:
        return create_model(spec.family, spec.architecture, **(spec.fields | {"concept_dim": settings.dim}))
    loaded = load_model_folder(find_model(config.init_from))
    info = loaded.info
    if info.family != spec.family:
        raise TrainingError(
            f"init_from={config.init_from}: is of family {info.family}, but model.family is {spec.family}. "
            f"Set model.family={info.family}, or start from another."
        )
    corpus.require(info.space, loaded.model.config.concept_dim, info.facts.get("encoder"))
    model = create_model(info.family, spec.architecture, **(dict(info.config) | spec.fields))
    try:
        model.load_state_dict(loaded.model.state_dict())
    except RuntimeError as error:
        cause = " ".join(str(error).split())[:200]
        raise TrainingError(
            f"init_from={config.init_from}: does not fit model.fields ({cause}). Leave them out."
        ) from None
    return model


def _make_reader(corpora: Sequence[Corpus], weights: Sequence[float], config: TrainConfig, gangs: Gangs) -> Prefetched:
    data, cuda = config.data, gangs.device.type == "cuda"
    reader = ConceptReader(
        corpora, weights, budget=data.budget, max_len=data.max_len, micro_batches=data.micro_batches,
        seed=config.trainer.seed, rank=gangs.dp.rank, world_size=gangs.dp.size, packed=cuda,
    )  # fmt: skip
    return Prefetched(reader, pin=cuda)


def _valid_batches(held_out: Sequence[Corpus], data: DataConfig, gangs: Gangs) -> list[Any]:
    """Those of this process."""
    budget, packed = data.budget // data.micro_batches, gangs.device.type == "cuda"
    return [
        batch
        for corpus in held_out
        for batch in read_once(
            corpus, budget=budget, max_len=data.max_len, rank=gangs.dp.rank, world_size=gangs.dp.size, packed=packed
        )
    ]


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


def _save(
    folder: Path, model: ConceptModel, config: TrainConfig, made: Settings, loss: float | None, step: int
) -> None:
    """On rank 0; the others have the same weights."""
    if torch.distributed.is_initialized() and torch.distributed.get_rank():
        return
    named = config.data.mixture or [Path(config.data.path).name]
    facts: dict[str, object] = {"trained_on": config.trained_on or ", ".join(named), "steps": step}
    if made.encoder:
        facts["encoder"] = made.encoder
    if config.init_from is not None:
        facts["started_from"] = config.init_from
    if loss is not None:
        facts["validation_loss"] = loss
    dtype = torch.float16 if config.model.half else torch.float32
    save_model(
        folder, _bare(model, config.model), family=config.model.family, space=made.space, facts=facts, dtype=dtype
    )


def _bare(model: ConceptModel, spec: ModelSpec) -> ConceptModel:
    """The same weights, gathered already, in a model that nothing wraps: `state_dict` of one under FSDP2 gives shards."""
    tensors = {
        name.replace("_checkpoint_wrapped_module.", ""): tensor.detach()
        for name, tensor in (*model.named_parameters(), *model.named_buffers())
    }
    with torch.device("meta"):
        bare = create_model(spec.family, spec.architecture, **vars(model.config))
    bare.load_state_dict({name: tensors[name] for name in bare.state_dict()}, assign=True)
    return bare


def _best_so_far(folder: Path) -> float:
    """The validation loss of the model that the run has written before it was interrupted."""
    return float(read_info(folder).facts.get("validation_loss", math.inf)) if folder.exists() else math.inf
