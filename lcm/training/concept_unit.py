"""The train and validation units of the concept models, whatever their family."""

from __future__ import annotations

import math
from collections.abc import Callable, MutableMapping

import numpy as np
import torch
from fairseq2.evaluator import EvalUnit
from fairseq2.metrics import Mean, MetricBag
from fairseq2.trainer import TrainUnit
from torch import Tensor, nn

from lcm.data import ConceptBatch
from lcm.models import ConceptModel


class ConceptTrainUnit(TrainUnit[ConceptBatch]):
    """The model's own training loss, summed over targets."""

    def __init__(self, model: nn.Module, *, seed: int) -> None:
        self._model, self._seed, self._step = model, seed, 0

    def prepare_metric_bag(self, metric_bag: MetricBag) -> None:
        """loss: a target's, such as ‖prediction − concept‖² in normalized space."""
        metric_bag.add("loss", Mean())

    def set_step_nr(self, step_nr: int) -> None:
        """Called before each step."""
        self._step = step_nr

    def process_batch(self, batch: ConceptBatch, metric_bag: MetricBag) -> tuple[Tensor, int]:
        """Sum of the loss and the number of targets."""
        total, num_targets = self._model(batch, batch_rng(batch, self._seed, self._step))
        _add(metric_bag, total, num_targets)
        return total, num_targets


class ConceptValidUnit(EvalUnit[ConceptBatch]):
    """The same loss without dropout, with the same draws at every validation.

    `on_best(loss, step)` is called on rank 0 whenever a validation's loss is under `best` and all before.
    """

    def __init__(
        self, model: ConceptModel, *, seed: int, best: float = math.inf, on_best: Callable[[float, int], None]
    ) -> None:
        self._model, self._seed, self._best, self._on_best = model, seed, best, on_best
        self._step = 0

    def set_train_step_nr(self, step_nr: int) -> None:
        """A validation begins, after that step."""
        self._step = step_nr

    def prepare_metric_bag(self, metric_bag: MetricBag) -> None:
        """loss: as in training."""
        metric_bag.add("loss", Mean())

    def process_batch(self, batch: ConceptBatch, metric_bag: MetricBag) -> None:
        """Adds the batch's targets to the mean."""
        _add(metric_bag, *self._model(batch, batch_rng(batch, self._seed)))

    def process_metric_values(self, values: MutableMapping[str, object]) -> None:
        """A validation ends."""
        loss = float(values["loss"])  # type: ignore[arg-type]
        if loss < self._best:
            self._best = loss
            self._on_best(loss, self._step)


def batch_rng(batch: ConceptBatch, *key: int) -> torch.Generator:
    """A CPU generator of `key` and of the documents that a batch holds: not of the rank that it has come to."""
    rows = torch.stack([batch.document_ids, batch.first_sentences]).flatten().tolist()
    seed = np.random.SeedSequence([*key, *rows]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(seed) >> 1)


def _add(metric_bag: MetricBag, total: Tensor, num_targets: int) -> None:
    if num_targets:  # a batch of one-sentence rows has none
        metric_bag.get("loss", Mean).update(total.detach() / num_targets, weight=num_targets)
