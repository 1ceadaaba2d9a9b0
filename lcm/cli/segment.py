"""`lcm segment`."""

from __future__ import annotations

import json

import typer

from lcm.cli.files import read_text


def segment(
    file: str = typer.Argument(help="A UTF-8 text file, or - for standard input."),
    lang: str = typer.Option("en", help="Its language: ISO 639-1 or SONAR's code."),
    cap: int = typer.Option(200, min=1, help="Longest sentence in characters."),
    as_json: bool = typer.Option(False, "--json", help="Print objects with text, start, end (characters)."),
) -> None:
    """Split a text into sentences, one a line.

    Example: [bold]echo "It rained. We slept." | lcm segment -[/bold]
    """
    from lcm.segmentation import open_segmenter

    for sentence in open_segmenter(cap=cap).split(read_text(file), lang):
        if as_json:
            row = {"text": sentence.text, "start": sentence.start, "end": sentence.end}
            typer.echo(json.dumps(row, ensure_ascii=False))
        else:
            typer.echo(" ".join(sentence.text.split()))
