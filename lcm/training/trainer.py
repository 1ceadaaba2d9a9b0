"""fairseq2's Trainer, put together: gangs, checkpoints, metrics, validation, and an end that is saved.

What fairseq2 leaves to its caller stands here: the run stops through the unit (a step limit of the Trainer's own would
ignore a stop that was asked for), a checkpoint that cannot be read is passed over for the one before, SIGTERM saves and
ends, and a loss that is not finite ends the run with its step named.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from fairseq2.checkpoint import NOOP_HG_EXPORTER, CheckpointError, StandardCheckpointManager
from fairseq2.datasets import DataReader
from fairseq2.device import CPU
from fairseq2.early_stopper import NOOP_EARLY_STOPPER
from fairseq2.evaluator import EvalUnit
from fairseq2.file_system import FileSystem
from fairseq2.gang import Gangs, ProcessGroupGang, create_fake_gangs, create_parallel_gangs
from fairseq2.io import TensorFileDumper, TensorFileLoader
from fairseq2.metrics import MetricBag
from fairseq2.metrics.recorders import (
    CompositeMetricRecorder,
    JsonlMetricRecorder,
    LogMetricRecorder,
    MetricDescriptor,
    MetricDescriptorRegistry,
    TensorBoardRecorder,
)
from fairseq2.nn.data_parallel import get_data_parallel_facade
from fairseq2.nn.ddp import to_ddp
from fairseq2.optim.fp16_loss_scaler import NOOP_FP16_LOSS_SCALER
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

from lcm.errors import LCMError

log = logging.getLogger("lcm.training")


class TrainingError(LCMError):
    """A run that cannot start or go on."""


@dataclass(frozen=True, kw_only=True)
class TrainerConfig:
    """How long to train and what to keep."""

    max_steps: int = 1000
    """Optimiser steps in all; the same command again goes on from the last checkpoint."""
    bf16: bool = False
    """Matrix products in bfloat16 by autocast; weights stay float32."""
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
    seed: int = 2
    """Of dropout and every draw of the training."""

    def __post_init__(self) -> None:
        for name in ("max_steps", "publish_every", "validate_every", "checkpoint_every", "keep_last"):
            if getattr(self, name) < 1:
                raise TrainingError(f"trainer.{name} must be at least 1, but is {getattr(self, name)}.")
        for name in ("validate_every", "checkpoint_every"):
            if getattr(self, name) % self.publish_every:
                raise TrainingError(
                    f"trainer.{name} must be a multiple of trainer.publish_every = {self.publish_every}, "
                    f"but is {getattr(self, name)}."
                )


def create_gangs() -> Gangs:
    """One process alone, or the processes that torchrun started (NCCL on CUDA, gloo on CPU)."""
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if torch.cuda.is_available() else CPU
    if "WORLD_SIZE" not in os.environ:
        return create_fake_gangs(device)
    return create_parallel_gangs(ProcessGroupGang.create_default_process_group(device))


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


class StoppingUnit(TrainUnit[Any]):
    """Another unit, watched: ends the run at `max_steps` or on SIGTERM, stops it on a loss that is not finite, and logs
    the pace and the time that is left."""

    def __init__(self, unit: TrainUnit[Any], max_steps: int, rank: int) -> None:
        self._unit, self._max_steps, self._rank = unit, max_steps, rank
        self._step = 0
        self._first: tuple[int, float] | None = None
        self.trainer: Trainer | None = None
        self.terminated = False

    def prepare_metric_bag(self, metric_bag: MetricBag) -> None:
        """The watched unit's metrics."""
        self._unit.prepare_metric_bag(metric_bag)

    def set_step_nr(self, step_nr: int) -> None:
        """Called before each step; the stop that is asked for here takes effect after it, with a checkpoint."""
        self._step = step_nr
        self._first = self._first or (step_nr, time.monotonic())
        self._unit.set_step_nr(step_nr)
        if self.trainer is not None and (step_nr >= self._max_steps or self.terminated):
            self.trainer.request_stop()

    def process_batch(self, batch: Any, metric_bag: MetricBag) -> tuple[torch.Tensor, int | None]:
        """The watched unit's loss."""
        loss, count = self._unit.process_batch(batch, metric_bag)
        if not math.isfinite(float(loss.detach())):
            documents = getattr(batch, "document_ids", None)
            named = "" if documents is None else f" on documents {', '.join(map(str, documents.tolist()))}"
            raise TrainingError(
                f"Step {self._step}, rank {self._rank}: the loss is {float(loss.detach())}{named}. The last checkpoint is "
                f"sound: lower the learning rate and start the same command again."
            )
        return loss, count

    def process_metric_values(self, values: Any) -> None:
        """Adds the time left."""
        self._unit.process_metric_values(values)
        assert self._first is not None
        done = self._step - self._first[0] + 1
        left = (self._max_steps - self._step) * (time.monotonic() - self._first[1]) / done
        log.info("step %d of %d, about %.0f min left", self._step, self._max_steps, left / 60)


def train(
    *,
    model: nn.Module,
    unit: TrainUnit[Any],
    reader: DataReader[Any],
    optimizer: Optimizer,
    scheduler: LRScheduler,
    config: TrainerConfig,
    folder: Path,
    gangs: Gangs,
    metrics: tuple[str, ...] = ("loss",),
    valid: tuple[EvalUnit[Any], DataReader[Any]] | None = None,
) -> None:
    """Train `model` (already wrapped for data parallelism) to `config.max_steps`, going on from what `folder` holds."""
    resolver = get_dependency_resolver()
    files = resolver.resolve(FileSystem)
    manager = StandardCheckpointManager(
        folder, gangs, files, resolver.resolve(TensorFileLoader), resolver.resolve(TensorFileDumper), resolver.resolve(ThreadPool)
    )  # fmt: skip
    if gangs.root.rank == 0:
        _drop_damaged(folder / "checkpoints")
    gangs.root.barrier()
    last = newest_step(folder)
    if last is not None and last >= config.max_steps:
        log.info("The run has its %d steps already; trainer.max_steps makes it longer.", last)
        with _plain_checkpoint_errors(folder):
            manager.load_model_state(last, get_data_parallel_facade(model))
        return
    descriptors = [MetricDescriptor(name, name, i, formatter=_short) for i, name in enumerate(metrics)]
    known = MetricDescriptorRegistry(descriptors)
    recorder = CompositeMetricRecorder(
        [JsonlMetricRecorder(folder, files, known), TensorBoardRecorder(folder, known), LogMetricRecorder(known)]
        if gangs.root.rank == 0
        else []
    )
    common: dict[str, Any] = dict(
        gangs=gangs, amp=config.bf16, amp_dtype=torch.bfloat16, metric_recorder=recorder, profiler=NOOP_PROFILER,
        device_stat_tracker=NOOP_DEVICE_STAT_TRACKER, wall_watch=Stopwatch(), progress_reporter=NOOP_PROGRESS_REPORTER,
        seed=config.seed, checkpoint_manager=manager, hg_exporter=NOOP_HG_EXPORTER,
    )  # fmt: skip
    validator: Validator = NOOP_VALIDATOR
    if valid is not None:
        validator = StandardValidator(
            units=[valid[0]], data_readers=[valid[1]], score_metric_descriptor=descriptors[0],
            **(common | {"checkpoint_manager": _Unhurried(manager)}),
        )  # fmt: skip
    watched = StoppingUnit(unit, config.max_steps, gangs.root.rank)
    torch.manual_seed(config.seed)
    trainer = Trainer(
        model=model, unit=watched, data_reader=reader, optimizer=optimizer, lr_scheduler=scheduler,  # type: ignore[arg-type]
        fp16_loss_scaler=NOOP_FP16_LOSS_SCALER, validator=validator, early_stopper=NOOP_EARLY_STOPPER,
        garbage_collector=NOOP_GARBAGE_COLLECTOR, max_grad_norm=config.max_grad_norm, no_sync_grad_accumulation=True,
        checkpoint_every_n_steps=config.checkpoint_every, keep_last_n_checkpoints=config.keep_last,
        publish_metrics_every_n_steps=config.publish_every,
        validate_every_n_steps=config.validate_every if valid is not None else None, **common,
    )  # fmt: skip
    watched.trainer = trainer
    with _on_sigterm(watched), _plain_checkpoint_errors(folder):
        try:
            trainer.run()
        except TaskStopException:
            pass
        finally:
            trainer.close()


class _Unhurried:
    """A checkpoint manager as the validator sees it: a checkpoint that is being written gets its name only when the
    validation of its step is over. A run that is killed in between then does both again, and no validation is missing."""

    def __init__(self, manager: StandardCheckpointManager) -> None:
        self._manager = manager

    def maybe_complete_save_operation(self, *, blocking: bool = False) -> bool | None:
        """Not now."""
        return None

    def load_scores(self) -> list[tuple[float, int]]:
        """Of the validations before."""
        return self._manager.load_scores()


@contextmanager
def _plain_checkpoint_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except CheckpointError as error:
        cause = " ".join(str(error.__cause__ or error).split())[:200]
        raise TrainingError(
            f"{folder / 'checkpoints'}: the run cannot go on from step {error.step_nr} ({error.kind}: {cause}). "
            f"Give the settings that it was started with, or another run_dir."
        ) from error


@contextmanager
def _on_sigterm(unit: StoppingUnit) -> Iterator[None]:
    """SIGTERM, as a scheduler sends it, ends the run after the step under way, with a checkpoint."""

    def end(signum: int, frame: FrameType | None) -> None:
        unit.terminated = True

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def newest_step(folder: Path) -> int | None:
    """The step of the newest finished checkpoint of a run, or None."""
    steps = [int(p.name.removeprefix("step_")) for p in (folder / "checkpoints").glob("step_*") if p.name[5:].isdigit()]
    return max(steps, default=None)


def _drop_damaged(checkpoints: Path) -> None:
    """Set newest checkpoints aside until one can be read (fairseq2 would end the run with its reader's error)."""
    while (step := newest_step(checkpoints.parent)) is not None:
        place = checkpoints / f"step_{step}"
        try:
            for file in place.rglob("*.pt"):
                torch.load(file, map_location="cpu", weights_only=False, mmap=True)
            return
        except Exception as error:  # any reader's error means the same here
            aside = place.with_name(f"damaged_{step}")
            shutil.rmtree(aside, ignore_errors=True)
            place.rename(aside)
            log.warning(
                "%s is damaged (%s): set aside as %s; going on from the checkpoint before.", place, error, aside.name
            )


def wrap_for_gangs(model: nn.Module, gangs: Gangs) -> nn.Module:
    """The model as it is for one process, under DDP for several."""
    return to_ddp(model, gangs) if gangs.dp.size > 1 else model


def _short(value: object) -> str:
    return f"{float(value):.4g}"  # type: ignore[arg-type]
