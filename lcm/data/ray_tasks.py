"""Shards made as Ray tasks, on one machine or a cluster that sees the same folder. Needs the extra `ray`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from lcm.data.executors import ReportTask
from lcm.data.making import Made, OpenSpace, Task, make_shard
from lcm.data.sources import CorpusError
from lcm.errors import LCMError
from lcm.sonar import ConceptSpace

_RETRIES = 3  # of a task whose worker or machine dies; a shard that was made twice is the same file


class RayTasks:
    """`workers` shards at once, each a task with one CPU, and one GPU if the device is one.

    Joins the cluster that RAY_ADDRESS names, or starts one on this machine. `open_space` must be hashable: a worker process
    opens a space once.
    """

    def __init__(self, workers: int, open_space: OpenSpace, device: str = "cpu") -> None:
        if workers < 1:
            raise CorpusError(f"workers must be at least 1, but is {workers}.")
        try:
            import ray
        except ImportError:
            raise CorpusError(
                "The executor 'ray' needs the package ray, which is not installed. Install it: pip install 'lcm[ray]'"
            ) from None
        self._ray: Any = ray
        self._workers, self._open_space, self._device = workers, open_space, device

    def run(self, tasks: Iterable[Task], report: ReportTask) -> Iterator[Made]:
        """See Executor. Progress is told a shard at a time."""
        started = not self._ray.is_initialized()
        if started:
            self._start()
        try:
            yield from self._run(iter(tasks), report)
        finally:
            if started:
                self._ray.shutdown()

    def _start(self) -> None:
        try:
            self._ray.init(logging_level="warning", log_to_driver=False)
        except Exception as error:  # of the network, of the versions on both sides, of Ray itself
            raise CorpusError(f"Ray cannot be started or joined ({' '.join(str(error).split())}).") from None

    def _run(self, tasks: Iterator[Task], report: ReportTask) -> Iterator[Made]:
        ray = self._ray
        gpus = int(self._device.startswith("cuda"))
        make = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=_RETRIES, retry_exceptions=False)(_make)
        running: dict[Any, Task] = {}
        while True:
            while len(running) < self._workers and (task := next(tasks, None)) is not None:
                running[make.remote(task, self._open_space, self._device)] = task
            if not running:
                return
            (ready,), _ = ray.wait(list(running), num_returns=1)
            task = running.pop(ready)
            made, encoded = self._result(ready, task)
            report(task, encoded, 1)
            yield made

    def _result(self, ready: Any, task: Task) -> tuple[Made, int]:
        try:
            return self._ray.get(ready)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, LCMError):
                raise error.cause from None
            raise
        except self._ray.exceptions.RayError as error:
            raise CorpusError(
                f"{task.path}: its worker died {_RETRIES + 1} times ({' '.join(str(error).split())[:200]}). The finished shards "
                f"are kept: the same command goes on."
            ) from None


def _make(task: Task, open_space: OpenSpace, device: str) -> tuple[Made, int]:
    """The shard, and how many sentences were encoded for it."""
    counts = [0]
    made = make_shard(task, lambda: _space(open_space, device), lambda sentences, share: counts.append(sentences))
    return made, sum(counts)


@cache
def _space(open_space: OpenSpace, device: str) -> ConceptSpace:
    return open_space(device)
