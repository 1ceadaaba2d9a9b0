"""Averaged weights where a validation, and what is saved in it, looks for the model's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fairseq2.nn.data_parallel import DataParallelFacade
from fairseq2.typing import ContextManager
from torch import Tensor

from lcm.training.optimizers import Average


class AveragedFacade(DataParallelFacade):
    """Another facade, in whose `summon_full_parameters` the weights are the average: fairseq2's Trainer enters it around each
    validation, before sharded parameters are gathered."""

    def __init__(self, facade: DataParallelFacade, average: Average) -> None:
        self._facade, self._average = facade, average

    def summon_full_parameters(self) -> ContextManager[None]:
        """The whole average, on every process."""
        return self._summon()

    @contextmanager
    def _summon(self) -> Iterator[None]:
        with self._average.in_use(), self._facade.summon_full_parameters():
            yield

    def state_dict(self) -> dict[str, object]:
        """Of the weights themselves."""
        return self._facade.state_dict()

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """Of the weights themselves."""
        self._facade.load_state_dict(state_dict)

    def no_sync(self) -> ContextManager[None]:
        """Gradients stay local."""
        return self._facade.no_sync()

    def clip_grad_norm(self, max_norm: float | None) -> Tensor:
        """Of the gradients."""
        return self._facade.clip_grad_norm(max_norm)
