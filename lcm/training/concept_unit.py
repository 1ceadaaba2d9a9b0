"""The train and validation units of the concept models, whatever their family."""

from __future__ import annotations

import math
from collections.abc import Callable, MutableMapping

import torch
from fairseq2.evaluator import EvalUnit
from fairseq2.metrics import Mean, MetricBag
from fairseq2.trainer import TrainUnit
from torch import Tensor, nn

from lcm.data import ConceptBatch
from lcm.models import ConceptModel


class ConceptTrainUnit(TrainUnit[ConceptBatch]):
    """The model's own training loss; what it draws is keyed to (seed, step, rank), so that a resumed run draws the same."""

    def __init__(self, model: nn.Module, *, seed: int, rank: int) -> None:
        self._model, self._seed, self._rank = model, seed, rank
        self._rng = torch.Generator()

    def prepare_metric_bag(self, metric_bag: MetricBag) -> None:
        """loss: a target's, such as ‖prediction − concept‖² in normalized space."""
        metric_bag.add("loss", Mean())

    def set_step_nr(self, step_nr: int) -> None:
        """Called before each step."""
        self._rng.manual_seed((self._seed * 1_000_003 + step_nr) * 4099 + self._rank)

    def process_batch(self, batch: ConceptBatch, metric_bag: MetricBag) -> tuple[Tensor, int]:
        """Sum of the loss and the number of targets."""
        total, num_targets = self._model(batch, self._rng)
        _add(metric_bag, total, num_targets)
        return total, num_targets


class ConceptValidUnit(EvalUnit[ConceptBatch]):
    """The same loss without dropout, all draws keyed to `seed`; tells `on_best` of every loss that is the lowest so far."""

    def __init__(
        self, model: ConceptModel, *, seed: int, best: float = math.inf, on_best: Callable[[float], None]
    ) -> None:
        self._model, self._seed, self._best, self._on_best = model, seed, best, on_best
        self._rng = torch.Generator()

    def prepare_metric_bag(self, metric_bag: MetricBag) -> None:
        """loss: as in training. A validation begins."""
        metric_bag.add("loss", Mean())
        self._rng.manual_seed(self._seed)

    def process_batch(self, batch: ConceptBatch, metric_bag: MetricBag) -> None:
        """Adds the batch's targets to the mean."""
        _add(metric_bag, *self._model(batch, self._rng))

    def process_metric_values(self, values: MutableMapping[str, object]) -> None:
        """A validation ends."""
        loss = float(values["loss"])  # type: ignore[arg-type]
        if loss < self._best:
            self._best = loss
            self._on_best(loss)


def _add(metric_bag: MetricBag, total: Tensor, num_targets: int) -> None:
    if num_targets:  # a batch of one-sentence documents has none
        metric_bag.get("loss", Mean).update(total.detach() / num_targets, weight=num_targets)
