"""`lcm prepare`."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

import typer

from lcm.languages import to_sonar

_COLUMNS, _PAIRS, _WHERE = "Columns", "Pairs and marks", "Where it runs"


class ExecutorName(str, Enum):
    """What --executor takes; lcm.data's own would load torch at --help."""

    local = "local"
    ray = "ray"


def _column(name: str, help: str) -> Any:
    return typer.Option(f"--{name}-column", metavar="NAME", help=help, rich_help_panel=_COLUMNS)


def _target(name: str, help: str) -> Any:
    return typer.Option(f"--target{name}-column", metavar="NAME", help=help, rich_help_panel=_PAIRS)


def _mark(name: str, help: str) -> Any:
    return typer.Option(f"--{name}", metavar="SENTENCE", help=help, rich_help_panel=_PAIRS)


def prepare(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT", help="A .jsonl, .jsonl.gz, .parquet or .txt file, a folder of them, or hf://owner/name."
        ),
    ],
    output: Annotated[str, typer.Option(metavar="DIR", help="Where the corpus goes.")],
    space: Annotated[str, typer.Option(help="Name of a concept space, or a folder that holds one.")] = "sonar_mini",
    lang: Annotated[str, typer.Option(help="Language of the documents that name none.")] = "en",
    limit: Annotated[int | None, typer.Option(min=1, help="Take the first documents only.")] = None,
    shard_size: Annotated[
        int, typer.Option(min=1, help="Documents in a file; an interruption loses one file's work.")
    ] = 2000,
    cap: Annotated[int, typer.Option(min=1, help="Longest sentence in characters.")] = 200,
    text_column: Annotated[str | None, _column("text", "Texts, to be segmented. Usually: text.")] = None,
    sentences_column: Annotated[
        str | None, _column("sentences", "Lists of sentences, used as they are. Usually: sentences.")
    ] = None,
    concepts_column: Annotated[
        str | None, _column("concepts", "Vectors already computed, one a sentence: nothing is encoded.")
    ] = None,
    id_column: Annotated[str | None, _column("id", "Names of documents. Usually: id.")] = None,
    lang_column: Annotated[str | None, _column("lang", "Languages. Usually: lang.")] = None,
    hf_split: Annotated[
        str | None, typer.Option(help="Of a Hugging Face dataset; train if not given.", rich_help_panel=_COLUMNS)
    ] = None,
    hf_config: Annotated[
        str | None, typer.Option(help="Which subset of a Hugging Face dataset.", rich_help_panel=_COLUMNS)
    ] = None,
    target_column: Annotated[str | None, _target("", "Texts to be written when the source is given.")] = None,
    target_sentences_column: Annotated[str | None, _target("-sentences", "The same as lists of sentences.")] = None,
    target_concepts_column: Annotated[str | None, _target("-concepts", "The targets' vectors.")] = None,
    target_lang_column: Annotated[str | None, _target("-lang", "The targets' languages.")] = None,
    target_lang: Annotated[
        str | None, typer.Option(help="Language of the targets; the source's if not given.", rich_help_panel=_PAIRS)
    ] = None,
    source_prefix: Annotated[
        list[str] | None, _mark("source-prefix", "Set before every source or plain document; may be repeated.")
    ] = None,
    source_suffix: Annotated[list[str] | None, _mark("source-suffix", "Set after it.")] = None,
    target_prefix: Annotated[list[str] | None, _mark("target-prefix", "Set before every target.")] = None,
    target_suffix: Annotated[list[str] | None, _mark("target-suffix", "Set after it, before the end of text.")] = None,
    device: Annotated[
        str, typer.Option(help="cpu, cuda (a GPU for each worker in turn), cuda:1, ….", rich_help_panel=_WHERE)
    ] = "cpu",
    workers: Annotated[int, typer.Option(min=1, help="Shards made at once.", rich_help_panel=_WHERE)] = 1,
    executor: Annotated[
        ExecutorName, typer.Option(help="Processes here, or tasks of a Ray cluster.", rich_help_panel=_WHERE)
    ] = ExecutorName.local,
    part: Annotated[
        int, typer.Option(min=0, help="Which of several jobs that share DIR this is.", rich_help_panel=_WHERE)
    ] = 0,
    parts: Annotated[
        int, typer.Option(min=1, help="How many there are; a last call without completes DIR.", rich_help_panel=_WHERE)
    ] = 1,
) -> None:
    """Segment and encode documents into a corpus that models are trained on.

    A row has `text` or `sentences` (a list), and may have `id` and `lang`; a text file is one document. The same command
    again goes on after an interruption.

    Example: lcm prepare stories.jsonl.gz --output corpora/stories --workers 2

    Example: lcm prepare questions.parquet --output corpora/qa --text-column question --target-column answer
    """
    to_sonar(lang)
    if target_lang:
        to_sonar(target_lang)
    from lcm.data import Columns, ExecutorKind, HubOptions, Marks, PrepareConfig, run_preparation

    columns = Columns(
        text=text_column, sentences=sentences_column, concepts=concepts_column, id=id_column, lang=lang_column,
        target=target_column, target_sentences=target_sentences_column, target_concepts=target_concepts_column,
        target_lang=target_lang_column,
    )  # fmt: skip
    marks = Marks(
        source_prefix=tuple(source_prefix or ()), source_suffix=tuple(source_suffix or ()),
        target_prefix=tuple(target_prefix or ()), target_suffix=tuple(target_suffix or ()),
    )  # fmt: skip
    run_preparation(
        PrepareConfig(
            source=source, output=output, space=space, lang=lang, target_lang=target_lang, columns=columns, marks=marks,
            hub=HubOptions(split=hf_split, config=hf_config), limit=limit, shard_size=shard_size, cap=cap, device=device,
            executor=ExecutorKind(executor.value), workers=workers, part=part, parts=parts,
        )
    )  # fmt: skip
