"""`lcm tales`."""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from lcm.cli.files import write_atomically
from lcm.errors import LCMError
from lcm.languages import LanguageError, to_iso

if TYPE_CHECKING:
    from lcm.data.tales import Split, Tale


class _Split(str, Enum):
    train = "train"
    test = "test"
    all = "all"


class SplitError(LCMError):
    """A name that is none of the splits'."""


def tales(
    documents: Annotated[int, typer.Option(min=1, help="How many stories, in all languages together.")],
    output: Annotated[str, typer.Option(metavar="FILE.jsonl", help="Where they go, one a line.")],
    seed: Annotated[int, typer.Option(min=0, help="Story i has the seed SEED + i.")] = 0,
    lang: Annotated[
        str, typer.Option(help="Languages with commas between: story i is in language i modulo their number.")
    ] = "en,fr,es,de",
    split: Annotated[str, typer.Option(help="train (no held-out pairs), test (at least one) or all.")] = "train",
    aligned: Annotated[
        bool, typer.Option("--aligned", help="Each story in every language: `sentences` and `text` are objects.")
    ] = False,
) -> None:
    """Write stories of the tales, a controlled language with known odds for every next sentence.

    A line has `id, lang, seed, split, sentences, text`.

    Example: lcm tales --documents 1000 --lang en,de --output tales.jsonl
    """
    langs, chosen = _languages(lang), _split(split)
    from rich.console import Console
    from rich.progress import Progress

    from lcm.data.tales import generate, generate_aligned

    with (
        write_atomically(output) as path,
        path.open("w", encoding="utf-8") as file,
        Progress(console=Console(stderr=True)) as bar,
    ):
        for i in bar.track(range(documents), description="Telling tales"):
            if aligned:
                row = _aligned_row(generate_aligned(seed + i, langs, chosen))
            else:
                row = _row(generate(seed + i, langs[i % len(langs)], chosen))
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _split(name: str) -> Split:
    from lcm.data.tales import SPLITS

    for split in SPLITS:
        if split == name:
            return split
    raise SplitError(f"--split {name}: there is no such split. Use one of {', '.join(SPLITS)}.")


def _languages(codes: str) -> list[str]:
    from lcm.data.tales import LANGUAGES

    langs = [to_iso(code.strip()) for code in codes.split(",")]
    if unknown := [lang for lang in langs if lang not in LANGUAGES]:
        raise LanguageError(
            f"--lang {codes}: the tales do not speak '{unknown[0]}'. Use some of {','.join(LANGUAGES)}."
        )
    if len(set(langs)) < len(langs):
        raise LanguageError(f"--lang {codes}: a language is named twice. Name each once.")
    return langs


def _row(tale: Tale) -> dict[str, object]:
    return {
        "id": f"tale-{tale.split}-{tale.seed}-{tale.lang}",
        "lang": tale.lang,
        "seed": tale.seed,
        "split": tale.split,
        "sentences": tale.sentences,
        "text": tale.text,
    }


def _aligned_row(tales: list[Tale]) -> dict[str, object]:
    return {
        "id": f"tale-{tales[0].split}-{tales[0].seed}",
        "lang": [tale.lang for tale in tales],
        "seed": tales[0].seed,
        "split": tales[0].split,
        "sentences": {tale.lang: tale.sentences for tale in tales},
        "text": {tale.lang: tale.text for tale in tales},
    }
