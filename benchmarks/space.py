"""Encode and decode against sonar-space's own pipelines: the same weights, one table.

    python benchmarks/space.py [SENTENCES] [--space sonar_mini] [--number 1000] [--repeats 3] [--device cpu]

SENTENCES is a text file with one sentence a line, or stories as .jsonl.gz (field `text`), cut by lcm.segmentation; without it
the sentences are tales. The pipelines run at their defaults (batch_size=5), decoding with beam_size=1. Both forms take turns,
so that a busy machine slows both; figures are medians, with the range. bfloat16 runs beside float32 where the machine has it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from lcm.sonar import open_space
from lcm.sonar.assets import find_cards, load_assets

T = TypeVar("T")
Items = TypeVar("Items", list[str], Tensor)


def read_sentences(path: Path | None, number: int) -> list[str]:
    """`number` distinct sentences of at most 200 characters."""
    if path is None:
        from lcm.data import tales

        found = (sentence for seed in range(10**6) for sentence in tales.generate(seed, "en").sentences)
    elif path.suffix == ".gz":
        from lcm.segmentation import segment

        with gzip.open(path, "rt", encoding="utf-8") as file:
            stories = [json.loads(line)["text"] for _, line in zip(range(number), file, strict=False)]
        found = (sentence for story in stories for sentence in segment(story, "en"))
    else:
        found = iter(path.read_text(encoding="utf-8").splitlines())
    sentences: dict[str, None] = {}
    for sentence in found:
        if sentence.strip() and len(sentence) <= 200:
            sentences[sentence] = None
        if len(sentences) == number:
            break
    return list(sentences)


def has_bfloat16(device: torch.device) -> bool:
    """Whether the machine multiplies bfloat16 in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.exists() and "_bf16" in cpuinfo.read_text()


def measure(
    plain: Callable[[Items], T], ours: Callable[[Items], T], items: Items, repeats: int, device: torch.device
) -> tuple[T, T, list[list[float]]]:
    """Results of both, and their seconds, taking turns after a warm-up on a few items."""
    seconds: list[list[float]] = [[], []]
    results: list[T] = [plain(items[:50]), ours(items[:50])]
    for _ in range(repeats):
        for i, run in enumerate((plain, ours)):
            synchronize(device)
            start = time.perf_counter()
            results[i] = run(items)
            synchronize(device)
            seconds[i].append(time.perf_counter() - start)
    return results[0], results[1], seconds


def synchronize(device: torch.device) -> None:
    """Wait for a GPU to finish."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def rows(name: str, device: torch.device, dtype: torch.dtype, sentences: list[str], repeats: int) -> list[list[str]]:
    """The table's two lines for one space in one number type."""
    from sonar.inference_pipelines.text import EmbeddingToTextModelPipeline, TextToEmbeddingModelPipeline

    space = open_space(name, device=device, dtype=dtype)
    theirs = load_assets(find_cards(name), device, dtype)
    encoder = TextToEmbeddingModelPipeline(theirs.encoder, theirs.tokenizers[0], device=device, dtype=dtype)
    decoder = EmbeddingToTextModelPipeline(theirs.decoder, theirs.tokenizers[1], device=device, dtype=dtype)
    z_plain, z, taken = measure(
        lambda some: encoder.predict(some, source_lang="eng_Latn"),
        lambda some: space.encode(some, "en"), sentences, repeats, device,
    )  # fmt: skip
    cosine = torch.cosine_similarity(z_plain.float(), z, dim=1).min()
    lines = [line("encode", dtype, taken, f"cosine ≥ {cosine:.7f}")]
    texts_plain, texts, taken = measure(
        lambda some: decoder.predict(some, target_lang="eng_Latn", beam_size=1),
        lambda some: space.decode(some, "en"), z.to(dtype), repeats, device,
    )  # fmt: skip
    same = sum(a == b for a, b in zip(texts_plain, texts, strict=True)) / len(texts)
    return [*lines, line("decode", dtype, taken, f"{same:.1%} identical")]


def line(what: str, dtype: torch.dtype, taken: list[list[float]], agreement: str) -> list[str]:
    """One line of the table."""
    plain, ours = (f"{statistics.median(s):.2f} ({min(s):.2f}–{max(s):.2f})" for s in taken)
    ratio = statistics.median(taken[0]) / statistics.median(taken[1])
    return [what, str(dtype).removeprefix("torch."), plain, ours, f"{ratio:.2f}×", agreement]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sentences", nargs="?", type=Path)
    parser.add_argument("--space", default="sonar_mini")
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    sentences = read_sentences(arguments.sentences, arguments.number)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.machine()} CPU"
    table = Table(
        title=f"{arguments.space}, {len(sentences)} sentences, seconds: median (range) of {arguments.repeats}",
        caption=f"{name}, {torch.get_num_threads()} threads; torch {torch.__version__}, fairseq2 {version('fairseq2')}, "
        f"sonar-space {version('sonar-space')}",
    )
    for column in ("", "type", "sonar-space", "lcm", "ratio", "agreement"):
        table.add_column(column)
    for dtype in (torch.float32, torch.bfloat16):
        if dtype == torch.float32 or has_bfloat16(device):
            for cells in rows(arguments.space, device, dtype, sentences, arguments.repeats):
                table.add_row(*cells)
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
