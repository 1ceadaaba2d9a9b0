"""A preparation as a command or a recipe asks for it: its configuration, and what is composed of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum

from lcm.data.encoding import Marks
from lcm.data.executors import Executor, Processes
from lcm.data.preparation import Progress, Report, prepare
from lcm.data.ray_tasks import RayTasks
from lcm.data.sources import Columns, HubOptions
from lcm.sonar import ConceptSpace, open_space

_LINE_EVERY = 30.0  # seconds between two lines of progress where there is no terminal


class ExecutorKind(str, Enum):
    """Where shards are made."""

    local = "local"
    ray = "ray"


@dataclass(frozen=True, kw_only=True)
class PrepareConfig:
    """What `lcm prepare` and recipes/prepare.py are told."""

    source: str
    """A file, a folder of files, or hf://owner/name."""
    output: str
    """The corpus's folder."""
    space: str = "sonar_mini"
    """Name of a concept space, or a folder that holds one."""
    lang: str = "en"
    """Of documents that name none."""
    target_lang: str | None = None
    """Of targets that name none; the source's if it is not given."""
    columns: Columns = field(default_factory=Columns)
    marks: Marks = field(default_factory=Marks)
    hub: HubOptions = field(default_factory=HubOptions)
    limit: int | None = None
    """The first documents only."""
    shard_size: int = 2000
    """Documents in a file: what an interruption may cost, and the unit of work."""
    cap: int = 200
    """The longest sentence in characters (the paper's 200)."""
    device: str = "cpu"
    """`cuda` gives each local worker a GPU in turn."""
    executor: ExecutorKind = ExecutorKind.local
    workers: int = 1
    """Shards that are made at once."""
    part: int = 0
    """Of several jobs that share the folder, which this is."""
    parts: int = 1
    """How many jobs there are; a last call with 1 completes the corpus."""


@dataclass(frozen=True)
class _NamedSpace:
    """Opens a space by its name, in whatever process it is sent to."""

    name: str

    def __call__(self, device: str) -> ConceptSpace:
        return open_space(self.name, device=device)


def run_preparation(config: PrepareConfig) -> Report:
    """Prepare a corpus and show how far it is on stderr. Raises LCMError as `prepare` does."""
    named = _NamedSpace(config.space)
    executor: Executor | None = None  # in this process, with the space that is opened here
    if config.executor is ExecutorKind.ray:
        executor = RayTasks(config.workers, named, config.device)
    elif config.workers != 1:
        executor = Processes(config.workers, named, config.device)
    with shown_progress() as on_progress:
        report = prepare(
            config.source, config.output,
            lambda: named(config.device if executor is None else "cpu"),  # the others ask it for its facts alone
            lang=config.lang, target_lang=config.target_lang, columns=config.columns, hub=config.hub, marks=config.marks,
            limit=config.limit, shard_size=config.shard_size, cap=config.cap, part=config.part, parts=config.parts,
            executor=executor, on_progress=on_progress,
        )  # fmt: skip
    print(_summary(config, report), file=sys.stderr)
    return report


def _summary(config: PrepareConfig, report: Report) -> str:
    part = f", part {config.part} of {config.parts}" if config.parts > 1 else ""
    rate = f", {report.encoded / report.seconds:,.0f} a second" if report.encoded else ""
    return (
        f"{config.output}{part}: {report.documents:,} documents, {report.sentences:,} sentences in {report.shards} shards "
        f"({report.kept} kept). Encoded {report.encoded:,} distinct sentences in {report.seconds:.1f} s{rate}."
    )


@contextmanager
def shown_progress() -> Iterator[Callable[[Progress], None]]:
    """A bar with the time that is left on a terminal; elsewhere a line now and then."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("Preparing"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[encoded]:,} sentences"),
               TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(elapsed_when_finished=False))  # fmt: skip
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None, encoded=0)
        yield lambda now: bar.update(task, completed=now.documents, total=now.total, encoded=now.encoded)


class _Lines:
    """Progress for logs."""

    def __init__(self) -> None:
        self._start = self._last = time.monotonic()

    def __call__(self, now: Progress) -> None:
        time_now = time.monotonic()
        if time_now - self._last < _LINE_EVERY or not now.documents:
            return
        self._last, elapsed = time_now, time_now - self._start
        left = elapsed * (now.total - now.documents) / now.documents
        print(
            f"Preparing: {now.documents / now.total:.1%}, {now.encoded:,} sentences, {now.encoded / elapsed:,.0f} a second, "
            f"{left / 60:.0f} min left",
            file=sys.stderr, flush=True,
        )  # fmt: skip
