"""The next batches are read while a step computes."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from fairseq2.datasets import DataReader
from typing_extensions import Self

from lcm.data.batches import ConceptBatch

_Read = tuple[list[ConceptBatch], dict[str, object]]


class Prefetched(DataReader[ConceptBatch]):
    """Another reader, `ahead` steps in front of who asks, in a thread of its own.

    Its position is that of what was handed out, not of what lies ready, so that nothing is passed over by a run that goes on.
    An error of the reader is raised when its step is asked for.
    """

    def __init__(self, reader: DataReader[ConceptBatch], *, ahead: int = 2, pin: bool = False) -> None:
        self._reader, self._ahead, self._pin = reader, ahead, pin
        self._thread = ThreadPoolExecutor(1, "lcm-reader")
        self._ready: deque[Future[_Read]] = deque()
        self._position = reader.state_dict()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[ConceptBatch]:
        while len(self._ready) <= self._ahead:
            self._ready.append(self._thread.submit(self._read))
        batches, self._position = self._ready.popleft().result()
        return batches

    def reset(self) -> None:
        """Back to the first step."""
        self._forget()
        self._reader.reset()
        self._position = self._reader.state_dict()

    def state_dict(self) -> dict[str, object]:
        """The position after the last step that was handed out."""
        return self._position

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go to a position."""
        self._forget()
        self._reader.load_state_dict(state_dict)
        self._position = self._reader.state_dict()

    @property
    def num_accumulate(self) -> int:
        """Batches of this process in a step."""
        return self._reader.num_accumulate

    def _read(self) -> _Read:
        batches = next(self._reader)
        return [batch.pin_memory() if self._pin else batch for batch in batches], self._reader.state_dict()

    def _forget(self) -> None:
        for read in self._ready:
            if not read.cancel():
                read.exception()  # wait: the reader must stand still
        self._ready.clear()
