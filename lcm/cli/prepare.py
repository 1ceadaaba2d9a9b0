"""`lcm prepare`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lcm.languages import to_sonar

if TYPE_CHECKING:
    from lcm.data import Report


def prepare(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="A .jsonl, .jsonl.gz or .txt file, or a folder of them.")
    ],
    output: Annotated[str, typer.Option(metavar="DIR", help="Where the corpus goes.")],
    space: Annotated[str, typer.Option(help="Name of a concept space, or a folder that holds one.")] = "sonar_mini",
    lang: Annotated[str, typer.Option(help="Language of the documents that name none.")] = "en",
    limit: Annotated[int | None, typer.Option(min=1, help="Take the first documents only.")] = None,
    shard_size: Annotated[
        int, typer.Option(min=1, help="Documents in a file; an interruption loses one file's work.")
    ] = 2000,
    cap: Annotated[int, typer.Option(min=1, help="Longest sentence in characters.")] = 200,
    device: Annotated[str, typer.Option(help="Where to compute: cpu, cuda, cuda:1, ….")] = "cpu",
) -> None:
    """Segment and encode documents into a corpus that models are trained on.

    A JSON line has `text` or `sentences` (a list), and may have `id` and `lang`; a text file is one document. The same
    command again goes on after an interruption.

    Example: lcm prepare stories.jsonl.gz --output corpora/stories
    """
    to_sonar(lang)
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from lcm.data import prepare as prepare_corpus
    from lcm.data import read_documents
    from lcm.sonar import open_space

    for _ in read_documents(Path(source), lang=lang, limit=limit):
        pass  # a bad row is told before the encoder is loaded
    columns = (TextColumn("Preparing"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[encoded]:,} sentences"),
               TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(elapsed_when_finished=False))  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None, encoded=0)
        report = prepare_corpus(
            source,
            output,
            open_space(space, device=device),
            lang=lang,
            limit=limit,
            shard_size=shard_size,
            cap=cap,
            on_progress=lambda now: bar.update(task, completed=now.documents, total=now.total, encoded=now.encoded),
        )
    print(_summary(output, report), file=sys.stderr)


def _summary(output: str, report: Report) -> str:
    made = report.shards - report.kept
    rate = f", {report.encoded / report.seconds:,.0f} a second" if made else ""
    return (
        f"{output}: {report.documents:,} documents, {report.sentences:,} sentences in {report.shards} shards "
        f"({report.kept} kept). Encoded {report.encoded:,} distinct sentences in {report.seconds:.1f} s{rate}."
    )
