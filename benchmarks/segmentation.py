"""How fast and how well the offline segmenter splits: python -m benchmarks.segmentation [FILE]

FILE is any UTF-8 text (without it, the tricky cases of the tests, repeated); one core.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from sentencex import get_sentence_boundaries

from lcm.segmentation import segment
from tests.segmentation.test_tricky_cases import CASES


def plain(text: str, lang: str = "en") -> list[str]:
    """sentencex alone."""
    return [b["text"].strip() for b in get_sentence_boundaries(lang, text) if b["text"].strip()]


def right(split: Callable[[str, str], list[str]]) -> int:
    """How many tricky cases come out as a reader would split them."""
    joined = ((("" if lang in ("zh", "ja") else " ").join(sentences), lang, sentences) for lang, sentences in CASES)
    return sum(split(text, lang) == sentences for text, lang, sentences in joined)


def main() -> None:
    if len(sys.argv) > 1:
        text = Path(sys.argv[1]).read_text(encoding="utf-8")
    else:
        text = "\n\n".join(" ".join(sentences) for lang, sentences in CASES if lang == "en") * 2000
    size = len(text.encode()) / 1e6
    print(f"Python {platform.python_version()}, sentencex {version('sentencex')}, {size:.1f} MB\n")
    print(f"{'':24} {'MB/s, median (of 5)':>22} {'cases right':>14}")
    for name, split in (("sentencex alone", plain), ("mended and capped", segment)):
        rates = []
        for _ in range(5):
            start = time.perf_counter()
            split(text)
            rates.append(size / (time.perf_counter() - start))
        spread = f"{statistics.median(rates):.1f} ({min(rates):.1f}–{max(rates):.1f})"
        print(f"{name:24} {spread:>22} {right(split):>8} of {len(CASES)}")


if __name__ == "__main__":
    main()
