"""When a run ends: at its last step, on SIGTERM, or at a loss that is not finite."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from fairseq2.gang import Gang, all_sum
from fairseq2.metrics import MetricBag
from fairseq2.trainer import Trainer, TrainUnit

from lcm.training.errors import TrainingError


class StoppingUnit(TrainUnit[Any]):
    """Another unit, watched. The run stops through it: a step limit of the Trainer's own would ignore a stop that was asked
    for. All processes stop after the same step, whichever of them SIGTERM reached first."""

    def __init__(self, unit: TrainUnit[Any], max_steps: int, gang: Gang) -> None:
        self._unit, self._max_steps, self._gang = unit, max_steps, gang
        self._step = 0
        self._terminated = False
        self.trainer: Trainer | None = None
        self.stopping = False

    def prepare_metric_bag(self, metric_bag: MetricBag) -> None:
        """The watched unit's metrics."""
        self._unit.prepare_metric_bag(metric_bag)

    def set_step_nr(self, step_nr: int) -> None:
        """Called before each step; the stop that is asked for here takes effect after it, with a checkpoint."""
        self._step = step_nr
        self._unit.set_step_nr(step_nr)
        terminated = self._terminated
        if self._gang.size > 1:
            terminated = bool(all_sum(self._gang, int(terminated)))
        self.stopping = step_nr >= self._max_steps or terminated
        if self.stopping:
            assert self.trainer is not None
            self.trainer.request_stop()

    def process_batch(self, batch: Any, metric_bag: MetricBag) -> tuple[torch.Tensor, int | None]:
        """The watched unit's loss."""
        loss, count = self._unit.process_batch(batch, metric_bag)
        if not math.isfinite(float(loss.detach())):
            documents = getattr(batch, "document_ids", None)
            named = "" if documents is None else f" on documents {', '.join(map(str, documents.tolist()[:20]))}"
            raise TrainingError(
                f"Step {self._step}, rank {self._gang.rank}: the loss is {float(loss.detach())}{named}. The last checkpoint is "
                f"sound: lower the learning rate and start the same command again."
            )
        return loss, count

    def process_metric_values(self, values: Any) -> None:
        """The watched unit's."""
        self._unit.process_metric_values(values)

    @contextmanager
    def on_sigterm(self) -> Iterator[None]:
        """Inside, SIGTERM, as a scheduler sends it, ends the run after the step under way, with a checkpoint."""

        def end(signum: int, frame: FrameType | None) -> None:
            self._terminated = True

        before = signal.signal(signal.SIGTERM, end)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
