"""SaT, Segment any Text (arXiv 2406.16678): a model's probability that a sentence ends after each character."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcm.languages import to_iso
from lcm.segmentation.cap import DEFAULT_CAP, cap, grapheme_ends
from lcm.segmentation.segmenter import SegmentationError, Sentence, paragraphs, refuse_surrogates, spans_to_sentences

DEFAULT_MODEL = "sat-3l-sm"


@dataclass(frozen=True)
class SplitModel:
    """A named function text → probability [len(text)] that a sentence ends after each character."""

    name: str
    probabilities: Callable[[str], NDArray[Any]]
    threshold: float
    """A sentence ends where the probability is greater."""


def load_sat(name: str) -> SplitModel:
    """One of wtpsplit's models by name. SegmentationError if wtpsplit or the model is not to be had."""
    try:
        from wtpsplit import SaT
    except ImportError:
        raise SegmentationError(
            "The segmenter 'sat' needs wtpsplit, which is not installed. Install it (pip install 'lcm[sat]'), "
            "or use the segmenter sentencex."
        ) from None
    try:
        model = SaT(name)
    except (OSError, ValueError) as error:  # no network, or no such model
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SegmentationError(
            f"The SaT model '{name}' cannot be loaded ({reason}). Check its name and the network, "
            "or use the segmenter sentencex."
        ) from error
    # wtpsplit's own defaults: the supervised mixtures are sharper.
    return SplitModel(f"{name}-{version('wtpsplit')}", model.predict_proba, 0.25 if "sm" in name else 0.025)


class SatSegmenter:
    """A split-probability model, capped at the highest probabilities that remain.

    A blank line ends a sentence; with `newline_ends`, so does every line break. SaT needs no language.
    """

    def __init__(self, model: SplitModel, limit: int = DEFAULT_CAP, *, newline_ends: bool = False) -> None:
        self.name = model.name
        self._model = model
        self._limit = limit
        self._newline_ends = newline_ends

    def split(self, text: str, lang: str) -> list[Sentence]:
        """See `Segmenter.split`."""
        refuse_surrogates(text)
        to_iso(lang)  # an unknown language is the same error under every segmenter
        if not text.strip():
            return []
        probabilities = np.asarray(self._model.probabilities(text), dtype=np.float64)  # [len(text)]
        if probabilities.shape != (len(text),):
            raise SegmentationError(
                f"{self.name} gave {probabilities.shape} probabilities for {len(text)} characters; one each is expected."
            )
        ends = {int(index) + 1 for index in np.flatnonzero(probabilities > self._model.threshold)}
        ends |= {end for _, end in paragraphs(text, newline_ends=self._newline_ends)}

        def most_probable(sentence: Sentence, limit: int) -> int:
            points = np.array(grapheme_ends(sentence.text)[:-1], dtype=np.int64)
            if not len(points):
                return limit
            remaining = probabilities[sentence.start + points - 1]
            best = points[remaining == remaining.max()]
            return int(best[np.abs(best - len(sentence.text) / 2).argmin()])  # of equals the middle one

        return cap(spans_to_sentences(text, sorted(ends)), self._limit, most_probable)
