"""`lcm inspect`, `lcm fit-normalizer` and `lcm export-data`: what a prepared corpus holds, and what is made of it."""

from __future__ import annotations

import json
import sys
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from lcm.cli.files import write_atomically

if TYPE_CHECKING:
    from lcm.data import Corpus, Inspection

Folder = Annotated[str, typer.Argument(metavar="DIR", help="A corpus that lcm prepare wrote.")]
_ENOUGH = 1_000_000  # concepts that a normalizer is fitted on (paper §2.3.1)


class Method(str, Enum):
    """Of fitting a normalizer."""

    robust = "robust"
    standard = "standard"
    iqr = "iqr"


def inspect(
    folder: Folder,
    as_json: Annotated[bool, typer.Option("--json", help="One object.")] = False,
    sample: Annotated[int, typer.Option(min=0, metavar="N", help="Show the text of N documents, drawn evenly.")] = 0,
) -> None:
    """Tell what is in a corpus, and check all of it: files, checksums, counts, values.

    Example: lcm inspect corpora/stories --sample 2
    """
    from lcm.data import Corpus, CorpusError
    from lcm.data import inspect as look

    corpus, found = Corpus(folder), look(folder)
    documents = _sample(corpus, sample)
    if as_json:
        print(
            json.dumps({**found.to_json(), **({"sample": documents} if sample else {})}, indent=2, ensure_ascii=False)
        )
    else:
        _print(found, documents)
    if found.faults:
        more = f" ({len(found.faults) - 1} more of its kind.)" if len(found.faults) > 1 else ""
        raise CorpusError(f"{found.faults[0]}{more}")


def _sample(corpus: Corpus, number: int) -> list[dict[str, object]]:
    """Texts of documents that stand evenly in the corpus."""
    chosen = sorted({i * len(corpus) // number for i in range(number)}) if number else []
    rows: list[dict[str, object]] = []
    for document in map(corpus.text, chosen):
        row: dict[str, object] = {"id": document.id, "lang": document.lang, "sentences": list(document.sentences)}
        if document.target_sentences is not None:
            row |= {"target_lang": document.target_lang, "target_sentences": list(document.target_sentences)}
        rows.append(row)
    return rows


def _print(found: Inspection, documents: list[dict[str, object]]) -> None:
    from rich.console import Console
    from rich.table import Table

    settings, share = found.settings, 100 / found.sentences
    encoder = f", encoder {settings.encoder[:12]}" if settings.encoder else ", encoder not known"
    table = Table(show_header=False)
    for name, value in (
        ("documents", f"{found.documents:,}" + (f", of them {found.pairs:,} pairs" if found.pairs else "")),
        ("sentences", f"{found.sentences:,}, the ends of text included"),
        ("space", f"{settings.space}, E = {settings.dim}{encoder}"),
        ("segmenter", f"{settings.segmenter} {settings.segmenter_version}, cap {settings.cap}"),
        (
            "at the cap",
            f"{share * found.at_cap:.2f} % of sentences; 95 % of it or longer {share * found.near_cap:.2f} %",
        ),
        ("norms", f"mean {found.norm_mean:.4g}, from {found.norm_min:.4g} to {found.norm_max:.4g}"),
        ("not finite", f"{found.not_finite:,} concepts"),
        (
            "duplicates",
            f"{found.duplicates:,} documents; {share * found.repeated:.1f} % of sentences within their shard",
        ),
        ("on disk", f"{found.bytes / 1e6:,.1f} MB in {found.shards:,} shards"),
    ):
        table.add_row(name, value)
    lengths = Table("sentences", "documents", "")
    most = max(bin.documents for bin in found.lengths)
    for bin in found.lengths:
        if bin.documents:
            lengths.add_row(f"{bin.first} – {bin.last}", f"{bin.documents:,}", "█" * max(1, 30 * bin.documents // most))
    console = Console()
    console.print(table, lengths)
    for row in documents:
        console.print(f"{row['id']} ({row['lang']})", style="bold", markup=False, highlight=False)
        for name in ("sentences", "target_sentences"):
            for sentence in row.get(name, []):  # type: ignore[attr-defined]
                mark = "→ " if name.startswith("target") else "  "
                console.print(f"{mark}{sentence}", markup=False, highlight=False, soft_wrap=True)


def fit_normalizer(
    folder: Folder,
    output: Annotated[
        str, typer.Option(metavar="FILE", help="A safetensors file: center and scale, each [E], float32.")
    ],
    method: Annotated[
        Method, typer.Option(help="Median and IQR as a deviation; mean and deviation; median and IQR.")
    ] = (Method.robust),
    sample: Annotated[int, typer.Option(min=1, metavar="N", help="Concepts to fit it on.")] = _ENOUGH,
    seed: Annotated[int, typer.Option(help="Which concepts are drawn.")] = 0,
) -> None:
    """Fit the scaling of a corpus's concepts, a dimension at a time.

    Example: lcm fit-normalizer corpora/stories --output normalizer.safetensors
    """
    with write_atomically(output) as temporary:
        import torch
        from safetensors.torch import save_file

        from lcm.data import Corpus
        from lcm.nn import Normalizer

        corpus = Corpus(folder)
        concepts = torch.from_numpy(corpus.sample_concepts(sample, seed))
        normalizer = Normalizer.fit(concepts, method.value)
        facts = {"method": method.value, "concepts": str(len(concepts)), "space": corpus.settings.space,
                 "encoder": corpus.settings.encoder}  # fmt: skip
        save_file({name: value.contiguous() for name, value in normalizer.state_dict().items()}, temporary, facts)
    few = f", fewer than the {_ENOUGH:,} that make it certain" if len(concepts) < _ENOUGH else ""
    print(f"{output}: fitted on {len(concepts):,} of {int(corpus.lengths.sum()):,} concepts{few}.", file=sys.stderr)


def export_data(
    folder: Folder,
    output: Annotated[
        str, typer.Option(metavar="DIR|FILE.parquet", help="A folder, a file a shard; or one file ending in .parquet.")
    ],
) -> None:
    """Write a corpus as Parquet, text and vectors, which lcm prepare reads again bit for bit.

    Example: lcm export-data corpora/stories --output stories.parquet

    Example: lcm prepare stories.parquet --output corpora/again --concepts-column concepts
    """
    from lcm.data import Corpus, export_parquet

    files = export_parquet(Corpus(folder), output)
    size = sum(file.stat().st_size for file in files)
    print(f"{output}: {size / 1e6:,.1f} MB in {len(files)} files.", file=sys.stderr)
