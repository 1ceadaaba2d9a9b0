"""Where shards are made: in this process, or in processes beside it. The work itself is `make_shard`'s, everywhere."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache, partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Protocol

import torch

from lcm.data.making import Made, OpenSpace, Task, make_shard
from lcm.data.sources import CorpusError
from lcm.errors import LCMError
from lcm.sonar import ConceptSpace

ReportTask = Callable[[Task, int, float], None]
"""Told of a task how many sentences have been encoded since the last time, and what share of its own is done."""


class Executor(Protocol):
    """Has shards made."""

    def run(self, tasks: Iterable[Task], report: ReportTask) -> Iterator[Made]:
        """Every task's shard, in any order; tasks are taken as they can be worked on. Raises the first task's LCMError."""
        ...


class Here:
    """In this process, one after the other."""

    def __init__(self, space: ConceptSpace) -> None:
        self._space = space

    def run(self, tasks: Iterable[Task], report: ReportTask) -> Iterator[Made]:
        """See Executor."""
        for task in tasks:
            yield make_shard(task, lambda: self._space, partial(report, task))


class Processes:
    """In `workers` processes of this machine, each with its own space: one per GPU in turn, or the CPU's threads shared out."""

    def __init__(self, workers: int, open_space: OpenSpace, device: str = "cpu") -> None:
        if workers < 1:
            raise CorpusError(f"workers must be at least 1, but is {workers}.")
        gpus = torch.cuda.device_count() if device == "cuda" else 0
        self._devices = [f"cuda:{worker % gpus}" if gpus else device for worker in range(workers)]
        self._open_space = open_space

    def run(self, tasks: Iterable[Task], report: ReportTask) -> Iterator[Made]:
        """See Executor. A worker that dies ends the run with a CorpusError; what it had finished is kept."""
        threads = max(1, torch.get_num_threads() // len(self._devices))
        context = multiprocessing.get_context("spawn")  # CUDA and threads do not survive a fork
        workers: dict[Connection, BaseProcess] = {}
        remaining, busy = iter(tasks), dict[Connection, Task]()
        try:
            for device in self._devices:
                if (task := next(remaining, None)) is None:
                    break
                own, theirs = context.Pipe()
                process: BaseProcess = context.Process(
                    target=_work, args=(theirs, self._open_space, device, threads), daemon=True
                )
                process.start()
                theirs.close()  # so that its end is seen when the worker dies
                workers[own] = process
                busy[own] = _give(own, task)
            while busy:
                for connection in wait(list(busy)):
                    assert isinstance(connection, Connection)
                    message = _receive(connection, workers[connection], busy[connection])
                    if isinstance(message, Made):
                        yield message
                        del busy[connection]
                        if (task := next(remaining, None)) is not None:
                            busy[connection] = _give(connection, task)
                    else:
                        report(busy[connection], *message)
        finally:
            for worker in workers.values():
                worker.terminate()
            for worker in workers.values():
                worker.join()


def _give(connection: Connection, task: Task) -> Task:
    with suppress(OSError):  # if it has died: told when its answer is awaited
        connection.send(task)
    return task


def _receive(connection: Connection, process: BaseProcess, task: Task) -> Made | tuple[int, float]:
    try:
        message = connection.recv()
    except (EOFError, OSError):
        process.join()
        how = f"was killed by signal {-process.exitcode}" if (process.exitcode or 0) < 0 else "failed"  # type: ignore[operator]
        raise CorpusError(
            f"{task.path}: the worker that was making it {how}. The finished shards are kept: the same command goes on, "
            f"with fewer --workers if memory ran out."
        ) from None
    if isinstance(message, LCMError):
        raise message
    return message


def _work(connection: Connection, open_space: OpenSpace, device: str, threads: int) -> None:
    """A worker's life: tasks come in by the pipe; progress, shards and errors go out by it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted too, and ends its workers
    torch.set_num_threads(threads)
    space = cache(partial(open_space, device))
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        try:
            connection.send(make_shard(task, space, lambda sentences, share: connection.send((sentences, share))))
        except LCMError as error:
            connection.send(error)
