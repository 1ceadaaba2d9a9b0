"""What a small SONAR keeps of what it is given: the table of its card.

    python -m benchmarks.reconstruction [SPACE] [--stories HELD_OUT.jsonl.gz] [--tales 60] [--limit 4000]

Greedy decoding. Tales are of unseen seeds (from 5 000 000), told in all four languages; each distinct sentence counts once.
Stories are cut by lcm.segmentation, sentences over 200 characters left out. Noise is Gaussian, in standard deviations of each
dimension over the sentences. "Parses" means: to the very event that the sentence tells.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from sacrebleu.metrics import BLEU

from lcm.data import tales
from lcm.segmentation import segment
from lcm.sonar import ConceptSpace, open_space

LANGS = tales.LANGUAGES


def read_stories(path: Path, limit: int) -> list[str]:
    """Distinct sentences of at most 200 characters, in order."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        found = (sentence for line in file for sentence in segment(json.loads(line)["text"], "en"))
        kept = dict.fromkeys(sentence for sentence in found if len(sentence) <= 200)
    return list(kept)[:limit]


def aligned_tales(number: int, split: str) -> dict[str, list[str]]:
    """The same distinct sentences in every language."""
    rows: dict[tuple[str, ...], None] = {}
    for seed in range(5_000_000, 5_000_000 + number):
        told = tales.generate_aligned(seed, LANGS, split)
        rows |= dict.fromkeys(zip(*(tale.sentences for tale in told), strict=True))
    return {lang: [row[i] for row in rows] for i, lang in enumerate(LANGS)}


def noised(concepts: torch.Tensor, level: float) -> torch.Tensor:
    """Concepts [N, E] with that many standard deviations of noise."""
    draw = torch.randn(concepts.shape, generator=torch.Generator().manual_seed(0))
    return concepts + level * concepts.std(0, correction=0) * draw


def exact(outputs: Sequence[str], references: Sequence[str]) -> float:
    """Share that is unchanged, in percent."""
    return 100 * sum(a == b for a, b in zip(outputs, references, strict=True)) / len(references)


def same_event(outputs: Sequence[str], lang: str, sources: Sequence[str], source_lang: str) -> float:
    """Share of outputs that parse to the event of their source, in percent."""
    pairs = zip(outputs, sources, strict=True)
    return 100 * sum(tales.parse(o, lang) == tales.parse(s, source_lang) for o, s in pairs) / len(sources)


def of_stories(space: ConceptSpace, sentences: list[str], table: Table) -> None:
    """Rows of BLEU and exact, clean and noised."""
    concepts = space.encode(sentences, "en")
    for level, floor in ((0.0, "80"), (0.2, "76"), (0.4, "62")):
        outputs = space.decode(noised(concepts, level) if level else concepts, "en")
        bleu = BLEU(tokenize="13a").corpus_score(outputs, [sentences]).score
        name = f"stories, {len(sentences)} sentences" + (f", noise of {level} std" if level else "")
        table.add_row(f"{name}: BLEU", f"{bleu:.1f}", floor)
        if not level:
            table.add_row("the same: exact", f"{exact(outputs, sentences):.1f} %", "60 %")


def of_tales(space: ConceptSpace, number: int, table: Table) -> None:
    """Rows by language, by pair of languages, and noised."""
    for split, floor in (("train", "99 %"), ("test", "95 %")):
        told = aligned_tales(number, split)
        encoded = {lang: space.encode(told[lang], lang) for lang in LANGS}
        shares = [f"{exact(space.decode(encoded[lang], lang), told[lang]):.1f}" for lang in LANGS]
        name = "unseen seeds" if split == "train" else "compositional split"
        table.add_row(f"tales, {name}: exact, {', '.join(LANGS)}", f"{', '.join(shares)} %", floor)
        if split == "train":
            pairs = [(a, b) for a in LANGS for b in LANGS if a != b]
            crossed = sorted(same_event(space.decode(encoded[a], b), b, told[a], a) for a, b in pairs)
            told_pairs = f"{crossed[0]:.1f} % to {crossed[-1]:.1f} %"
            table.add_row("tales, encoded in one language, decoded in another: parses, 12 pairs", told_pairs, "97 %")
            rough = (space.decode(noised(encoded[lang], 0.4), lang) for lang in LANGS)
            parsed = [f"{same_event(out, lang, told[lang], lang):.1f}" for out, lang in zip(rough, LANGS, strict=True)]
            table.add_row(f"tales, noise of 0.4 std: parses, {', '.join(LANGS)}", f"{', '.join(parsed)} %", "95 %")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space", nargs="?", default="sonar_mini")
    parser.add_argument("--stories", type=Path)
    parser.add_argument("--tales", type=int, default=60)
    parser.add_argument("--limit", type=int, default=4000, help="story sentences, at most")
    options = parser.parse_args()
    start = time.monotonic()
    space = open_space(options.space)
    table = Table("figure", "reached", "floor", title=f"{space.name}, E = {space.dim}")
    of_tales(space, options.tales, table)
    if options.stories:
        of_stories(space, read_stories(options.stories, options.limit), table)
    Console(width=120).print(table)
    print(f"{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
