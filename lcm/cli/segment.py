"""`lcm segment`."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from lcm.cli.files import read_text


def segment(
    file: str = typer.Argument(help="A UTF-8 text file, or - for standard input."),
    lang: str = typer.Option("en", help="Its language: ISO 639-1 or SONAR's code."),
    backend: str = typer.Option("sentencex", help="sentencex (rules), sat (needs lcm\\[sat]), or sat:MODEL."),
    cap: int = typer.Option(200, min=1, help="Longest sentence in characters."),
    newline_ends: bool = typer.Option(False, "--newline-ends", help="Every line break ends a sentence."),
    as_json: bool = typer.Option(False, "--json", help="Print objects with text, start, end (characters)."),
) -> None:
    """Split a text into sentences, one a line; a blank line always ends one.

    Example: [bold]echo "It rained. We slept." | lcm segment -[/bold]
    """
    from lcm.segmentation import open_segmenter

    segmenter = open_segmenter(backend, cap=cap, newline_ends=newline_ends)
    for sentence in segmenter.split(read_text(file), lang):
        # A line break inside a sentence would look like the end of one.
        line = json.dumps(asdict(sentence), ensure_ascii=False) if as_json else " ".join(sentence.text.split())
        typer.echo(line)
