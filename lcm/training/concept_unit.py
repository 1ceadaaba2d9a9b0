"""The train and validation units of the concept models, whatever their family."""

from __future__ import annotations

import math
from collections.abc import Callable, MutableMapping

import numpy as np
import torch
from fairseq2.evaluator import EvalUnit
from fairseq2.metrics import Mean, MetricBag, Sum
from fairseq2.trainer import TrainUnit
from torch import Tensor, nn

from lcm.data import ConceptBatch
from lcm.models import TIMESTEP_BUCKETS, ConceptModel, DiffusionLCM, LossTerms

_SMALLEST = 1e-9  # a number of targets


class ConceptTrainUnit(TrainUnit[ConceptBatch]):
    """The model's own training loss, summed over targets. `model` is the wrapped one."""

    def __init__(self, model: nn.Module, *, seed: int) -> None:
        self._model, self._seed, self._step = model, seed, 0

    def prepare_metric_bag(self, metric_bag: MetricBag) -> None:
        """loss: a target's, such as ‖prediction − concept‖² in normalized space; num_concepts: read since the last report."""
        metric_bag.add("loss", Mean())
        metric_bag.add("num_concepts", Sum())

    def set_step_nr(self, step_nr: int) -> None:
        """Called before each step."""
        self._step = step_nr

    def process_batch(self, batch: ConceptBatch, metric_bag: MetricBag) -> tuple[Tensor, float]:  # type: ignore[override]
        """Sum of the loss and the number of targets."""
        terms = LossTerms(*self._model(batch, document_rngs(batch, self._seed, self._step)))
        _add(metric_bag, "loss", float(terms.total.detach()), terms.num_targets)
        metric_bag.get("num_concepts", Sum).update(int(batch.lengths.sum()))
        # The Trainer adds up over all processes what is over 0: one without any target must not stay away.
        return terms.total, max(float(terms.num_targets), _SMALLEST)


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
        """loss: as in training; of a diffusion model also loss_t0 …, at each part of the timesteps, little noise first."""
        metric_bag.add("loss", Mean())
        if isinstance(self._model, DiffusionLCM):
            for part in range(TIMESTEP_BUCKETS):
                metric_bag.add(f"loss_t{part}", Mean())

    def process_batch(self, batch: ConceptBatch, metric_bag: MetricBag) -> None:
        """Adds the batch's targets to the mean."""
        rngs = document_rngs(batch, self._seed)
        if isinstance(self._model, DiffusionLCM):
            parts = self._model.loss_by_timestep(batch, rngs)
            for part, (total, number) in enumerate(parts.T.tolist()):
                _add(metric_bag, f"loss_t{part}", total, number)
            _add(metric_bag, "loss", *parts.double().sum(1).tolist())
        else:
            terms = self._model(batch, rngs)
            _add(metric_bag, "loss", float(terms.total), terms.num_targets)

    def process_metric_values(self, values: MutableMapping[str, object]) -> None:
        """A validation ends."""
        loss = float(values["loss"])  # type: ignore[arg-type]
        if loss < self._best:
            self._best = loss
            self._on_best(loss, self._step)


def document_rngs(batch: ConceptBatch, *key: int) -> list[torch.Generator]:
    """A generator for each row, on the batch's device: of `key`, of its document and of where in it the row begins, but not of
    the documents beside it, nor of the rank that it has come to."""
    seeds = np.zeros(len(batch.lengths), np.uint64)
    for part in (*key, batch.document_ids.numpy(), batch.first_sentences.numpy()):
        seeds = _mix(seeds + np.asarray(part).astype(np.uint64))
    device = batch.concepts.device
    return [torch.Generator(device).manual_seed(seed) for seed in (seeds >> np.uint64(1)).tolist()]


def _mix(x: np.ndarray) -> np.ndarray:
    """SplitMix64, a permutation of 64 bits that spreads every one over all."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _add(metric_bag: MetricBag, name: str, total: float, number: float) -> None:
    if number:  # a batch of one-sentence rows has none
        metric_bag.get(name, Mean).update(total / number, weight=number)
