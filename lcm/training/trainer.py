"""fairseq2's Trainer, put together: gangs, checkpoints, metrics, validation, and an end that is saved."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from fairseq2.checkpoint import NOOP_HG_EXPORTER, StandardCheckpointManager
from fairseq2.datasets import DataReader
from fairseq2.early_stopper import NOOP_EARLY_STOPPER
from fairseq2.evaluator import EvalUnit
from fairseq2.file_system import FileSystem
from fairseq2.gang import Gangs
from fairseq2.io import TensorFileDumper, TensorFileLoader
from fairseq2.metrics.recorders import (
    CompositeMetricRecorder,
    JsonlMetricRecorder,
    MetricDescriptor,
    MetricDescriptorRegistry,
    MetricRecorder,
    TensorBoardRecorder,
)
from fairseq2.nn.data_parallel import DataParallelFacade, get_data_parallel_facade, set_data_parallel_facade
from fairseq2.optim.fp16_loss_scaler import NOOP_FP16_LOSS_SCALER, StandardFloat16LossScaler
from fairseq2.profilers import NOOP_PROFILER
from fairseq2.runtime.dependency import get_dependency_resolver
from fairseq2.task import TaskStopException
from fairseq2.trainer import Trainer, TrainUnit
from fairseq2.utils.device_stat import NOOP_DEVICE_STAT_TRACKER
from fairseq2.utils.gc import NOOP_GARBAGE_COLLECTOR
from fairseq2.utils.progress import NOOP_PROGRESS_REPORTER
from fairseq2.utils.stopwatch import Stopwatch
from fairseq2.utils.threading import ThreadPool
from fairseq2.validator import NOOP_VALIDATOR, StandardValidator, Validator
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lcm.training.averaging import AveragedFacade
from lcm.training.checkpoints import Unhurried, make_ready, told_plainly
from lcm.training.errors import TrainingError
from lcm.training.live import LiveLine
from lcm.training.optimizers import Averaged
from lcm.training.records import describe_run
from lcm.training.resharding import FittingLoader
from lcm.training.stopping import StoppingUnit
from lcm.training.summary import write_summary
from lcm.training.tracking import wandb_recorder

log = logging.getLogger("lcm.training")

_DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, kw_only=True)
class TrainerConfig:
    """How long to train, on what, and what to keep."""

    max_steps: int = 1000
    """Optimiser steps in all; the same command again goes on from the last checkpoint."""
    precision: str = "float32"
    """Of matrix products, by autocast: float32, bf16, or fp16 (with a scaled loss, on a GPU); weights stay float32."""
    parallel: str = "ddp"
    """Several processes: `ddp`, each holds the whole model, or `fsdp`, each holds a part of every layer."""
    recompute: int = 0
    """Every so manieth layer computes its activations again in the backward pass instead of keeping them; 0: none."""
    max_grad_norm: float = 1.0
    """Gradients are clipped to this 2-norm (the paper: 25 for 1.6B, 10 for 7B)."""
    publish_every: int = 25
    """Steps between lines of metrics."""
    validate_every: int = 500
    """Steps between validations; a multiple of `publish_every`."""
    checkpoint_every: int = 500
    """Steps between checkpoints; a multiple of `publish_every`."""
    keep_last: int = 2
    """Checkpoints to keep, the newest ones."""
    keep_best: int = 0
    """Checkpoints to keep beside these, those of the lowest validation loss."""
    wandb: str = ""
    """A Weights & Biases project to report to; empty: none."""
    seed: int = 2
    """Of dropout and every draw of the training."""

    def __post_init__(self) -> None:
        for name in ("max_steps", "publish_every", "validate_every", "checkpoint_every", "keep_last"):
            if getattr(self, name) < 1:
                raise TrainingError(f"trainer.{name} must be at least 1, but is {getattr(self, name)}.")
        for name in ("validate_every", "checkpoint_every"):
            self._check_multiple(name, "publish_every")
        if self.keep_best:
            self._check_multiple("checkpoint_every", "validate_every")
        for name, known in (("precision", tuple(_DTYPES)), ("parallel", ("ddp", "fsdp"))):
            if getattr(self, name) not in known:
                raise TrainingError(f"trainer.{name} must be {' or '.join(known)}, but is {getattr(self, name)}.")

    def _check_multiple(self, name: str, of: str) -> None:
        if getattr(self, name) % getattr(self, of):
            raise TrainingError(
                f"trainer.{name} must be a multiple of trainer.{of} = {getattr(self, of)}, but is {getattr(self, name)}."
            )


class ListReader(DataReader[Any]):
    """The same batches once for every validation."""

    num_accumulate = 1

    def __init__(self, batches: Sequence[Any]) -> None:
        self._batches, self._position = batches, 0

    def __iter__(self) -> ListReader:
        return self

    def __next__(self) -> list[Any]:
        if self._position == len(self._batches):
            raise StopIteration
        self._position += 1
        return [self._batches[self._position - 1]]

    def reset(self) -> None:
        """Back to the first batch."""
        self._position = 0

    def state_dict(self) -> dict[str, object]:
        """The position."""
        return {"position": self._position}

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """Go to a position."""
        self._position = int(state_dict["position"])  # type: ignore[call-overload]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is trained, and on what."""

    model: nn.Module
    """Wrapped for the gangs already."""
    unit: TrainUnit[Any]
    reader: DataReader[Any]
    optimizer: Optimizer
    schedule: LRScheduler
    gangs: Gangs
    metrics: tuple[str, ...] = ("loss",)
    """What the units report, the score of a validation first."""
    valid: tuple[EvalUnit[Any], DataReader[Any]] | None = None
    on_finished: Callable[[int], None] = lambda step: None
    """Called on every process after the last step, the weights whole and averaged; not if a validation has seen them."""


class RunConfig(Protocol):
    """A run's whole configuration, a dataclass."""

    @property
    def trainer(self) -> TrainerConfig:
        """This part of it."""


def train(job: Job, run: RunConfig, folder: Path) -> None:
    """Train to `trainer.max_steps`, going on from what `folder` holds.

    The folder gets checkpoints, metrics, the record of the run (run.json, config.yaml) and its summary (summary.md, loss.png).
    Raises TrainingError, of one line, for all that a user can mend.
    """
    config, first = run.trainer, job.gangs.root.rank == 0
    with told_plainly(folder):
        last = make_ready(folder, job.gangs)
        resolver = get_dependency_resolver()
        files = resolver.resolve(FileSystem)
        manager = StandardCheckpointManager(
            folder, job.gangs, files, FittingLoader(resolver.resolve(TensorFileLoader), job.model, job.gangs),
            resolver.resolve(TensorFileDumper), resolver.resolve(ThreadPool),
        )  # fmt: skip
        facade = get_data_parallel_facade(job.model)
        if isinstance(job.optimizer, Averaged):
            facade = AveragedFacade(facade, job.optimizer.average)
            set_data_parallel_facade(job.model, facade)
        if last is not None and last >= config.max_steps:
            log.info("The run has its %d steps already; trainer.max_steps makes it longer.", last)
            _finish_again(job, manager, facade, last)
            return
        recorder: MetricRecorder = CompositeMetricRecorder([])
        if first:
            describe_run(folder, run)
            recorder = _recorder(job, run, folder, files)
        watched = StoppingUnit(job.unit, config.max_steps, job.gangs.root)
        trainer = _make_trainer(job, config, watched, manager, recorder)

        def finish(args: Any) -> None:
            if watched.stopping and job.valid is None:
                with facade.summon_full_parameters():
                    job.on_finished(args.step_nr)

        trainer.register_checkpoint_save_hook(finish)
        watched.trainer = trainer
        with watched.on_sigterm():
            try:
                trainer.run()
            except TaskStopException:
                pass
            finally:
                trainer.close()
                recorder.close()
        if first:
            write_summary(folder)


def _finish_again(job: Job, manager: StandardCheckpointManager, facade: DataParallelFacade, step: int) -> None:
    """A run that was killed after its last checkpoint may lack what comes after."""
    if job.valid is None:
        manager.load_model_state(step, facade)
        manager.load_optimizer_state(step, job.optimizer)
        with facade.summon_full_parameters():
            job.on_finished(step)


def _make_trainer(
    job: Job, config: TrainerConfig, unit: StoppingUnit, manager: StandardCheckpointManager, recorder: MetricRecorder
) -> Trainer:
    gangs, dtype, watch = job.gangs, _DTYPES[config.precision], Stopwatch()
    watch.start()
    common: dict[str, Any] = dict(
        gangs=gangs, amp=dtype != torch.float32, amp_dtype=dtype, metric_recorder=recorder, profiler=NOOP_PROFILER,
        device_stat_tracker=NOOP_DEVICE_STAT_TRACKER, wall_watch=watch, progress_reporter=NOOP_PROGRESS_REPORTER,
        seed=config.seed, hg_exporter=NOOP_HG_EXPORTER,
    )  # fmt: skip
    validator: Validator = NOOP_VALIDATOR
    if job.valid is not None:
        validator = StandardValidator(
            units=[job.valid[0]], data_readers=[job.valid[1]], checkpoint_manager=Unhurried(manager),  # type: ignore[arg-type]
            score_metric_descriptor=_descriptors(job)[0], **common,
        )  # fmt: skip
    torch.manual_seed(config.seed)
    return Trainer(
        model=job.model, unit=unit, data_reader=job.reader, optimizer=job.optimizer,
        lr_scheduler=job.schedule,  # type: ignore[arg-type]
        fp16_loss_scaler=StandardFloat16LossScaler(gangs) if dtype == torch.float16 else NOOP_FP16_LOSS_SCALER,
        validator=validator, early_stopper=NOOP_EARLY_STOPPER, garbage_collector=NOOP_GARBAGE_COLLECTOR,
        checkpoint_manager=manager, max_grad_norm=config.max_grad_norm,
        no_sync_grad_accumulation=gangs.sdp.size == 1,  # fairseq2 0.8's fsdp2_no_sync calls what torch 2.9 names otherwise
        checkpoint_every_n_steps=config.checkpoint_every, keep_last_n_checkpoints=config.keep_last,
        keep_best_n_checkpoints=config.keep_best or None, publish_metrics_every_n_steps=config.publish_every,
        validate_every_n_steps=config.validate_every if job.valid is not None else None, **common,
    )  # fmt: skip


def _descriptors(job: Job) -> list[MetricDescriptor]:
    return [MetricDescriptor(name, name, i, formatter=_short) for i, name in enumerate(job.metrics)]


def _recorder(job: Job, run: RunConfig, folder: Path, files: FileSystem) -> MetricRecorder:
    known = MetricDescriptorRegistry(_descriptors(job))
    recorders: list[MetricRecorder] = [
        JsonlMetricRecorder(folder, files, known), TensorBoardRecorder(folder, known), LiveLine(run.trainer.max_steps)
    ]  # fmt: skip
    if run.trainer.wandb:
        recorders.append(wandb_recorder(folder, run, known, project=run.trainer.wandb))
    return CompositeMetricRecorder(recorders)


def _short(value: object) -> str:
    return f"{float(value):.4g}"  # type: ignore[arg-type]
