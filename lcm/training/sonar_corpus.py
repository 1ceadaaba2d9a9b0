"""Sentences for training a small SONAR: reading, vocabulary, and batches of (sentence, itself or its translation).

A *group* is one meaning in one or more languages: a story's sentence is a group of one, a sentence of aligned text has as
many members as languages. A batch draws groups, and for each a source and a target language among its members, so that
auto-encoding and translation are the same thing.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sentencepiece
import torch
from fairseq2.datasets import DataReader
from fairseq2.models.nllb import NllbTokenizerConfig, load_nllb_tokenizer
from numpy.typing import NDArray

from lcm.errors import LCMError
from lcm.languages import to_sonar
from lcm.segmentation import segment
from lcm.training.sonar_model import TranslationBatch

Group = dict[str, str]
"""SONAR language code → the sentence in that language."""


class CorpusError(LCMError):
    """Text that cannot be read or used."""


def read_groups(path: Path, default_lang: str, most_repeats: int = 1) -> list[Group]:
    """The sentences of a JSONL(.gz) file, a text file, or a folder of them, each as often as it occurs, but at most
    `most_repeats` times.

    A JSONL row holds `sentences` (a list, or an object of aligned lists by language) or `text`, and may name its `lang`.
    Text is segmented and capped.
    """
    if not path.exists():
        raise CorpusError(f"{path}: there is no such file or folder.")
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    groups: list[Group] = []
    repeats: Counter[tuple[str, ...]] = Counter()
    for file in files:
        for row in _rows(file):
            for group in _groups_of(row, default_lang, file):
                repeats[key := tuple(group.values())] += 1
                if repeats[key] <= most_repeats:
                    groups.append(group)
    if not groups:
        raise CorpusError(f"{path}: no sentences found. Give JSONL with `text` or `sentences`, or .txt files.")
    return groups


def _rows(file: Path) -> Iterator[dict[str, object]]:
    name = file.name.removesuffix(".gz")
    if not name.endswith((".jsonl", ".txt")):
        return
    try:
        with (
            gzip.open(file, "rt", encoding="utf-8")
            if file.name.endswith(".gz")
            else file.open(encoding="utf-8") as lines
        ):
            if name.endswith(".txt"):
                yield {"text": lines.read()}
                return
            for number, line in enumerate(lines, 1):
                try:
                    yield json.loads(line)
                except json.JSONDecodeError as error:
                    raise CorpusError(f"{file}, line {number}: not a JSON object ({error.msg}).") from None
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise CorpusError(f"{file}: not readable as UTF-8 text ({error}).") from None


def _groups_of(row: dict[str, object], default_lang: str, file: Path) -> Iterator[Group]:
    lang = str(row.get("lang", default_lang))
    sentences = row.get("sentences")
    if isinstance(sentences, dict):
        langs = [to_sonar(code) for code in sentences]
        for aligned in zip(*sentences.values(), strict=True):
            yield dict(zip(langs, aligned, strict=True))
    elif isinstance(sentences, list):
        yield from ({to_sonar(lang): sentence} for sentence in sentences)
    elif isinstance(text := row.get("text"), str):
        yield from ({to_sonar(lang): sentence} for sentence in segment(text, lang))
    else:
        raise CorpusError(f"{file}: a row has neither `sentences` nor `text`.")


@dataclass(frozen=True)
class TokenizedGroups:
    """Groups as token ids without language and end marks, flat."""

    tokens: NDArray[np.uint16]
    """All ids, one sentence after the other."""
    offsets: NDArray[np.int64]
    """[n + 1] sentence i is tokens[offsets[i]:offsets[i + 1]]"""
    lang: NDArray[np.uint8]
    """[n] index into the space's languages"""
    first: NDArray[np.int64]
    """[G + 1] group g holds the sentences first[g] … first[g + 1] − 1"""

    @property
    def num_groups(self) -> int:
        """G"""
        return len(self.first) - 1


def tokenize(groups: Sequence[Group], vocabulary: Path, langs: Sequence[str]) -> TokenizedGroups:
    """Token ids of every sentence, numbered as fairseq2's NLLB tokenizer numbers them (pieces shifted by one for padding)."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary))
    flat = [(langs.index(lang), sentence) for group in groups for lang, sentence in group.items()]
    ids = processor.encode([sentence for _, sentence in flat], num_threads=1)
    return TokenizedGroups(
        tokens=np.fromiter((i + 1 for sentence in ids for i in sentence), np.uint16),
        offsets=np.cumsum([0, *map(len, ids)], dtype=np.int64),
        lang=np.array([lang for lang, _ in flat], np.uint8),
        first=np.cumsum([0, *map(len, groups)], dtype=np.int64),
    )


@dataclass(frozen=True, kw_only=True)
class BatchConfig:
    """How sentences become batches."""

    tokens: int = 6144
    """Padded target tokens a batch."""
    chunk: int = 20_000
    """Groups drawn at a time and bucketed by length."""
    first_limit: int = 14
    """Longest sentence in pieces at the start of the length curriculum."""
    last_limit: int = 100
    """Longest sentence in pieces at its end; longer ones are left out."""
    curriculum_steps: int = 1500
    """Steps over which the limit rises from `first_limit` to 64; then it is `last_limit`."""


class TranslationReader(DataReader[TranslationBatch]):
    """Endless batches; what they hold depends on (seed, chunk, step) alone, so the position is the whole state.

    Each chunk takes `weights[i]` of its groups from corpus i, in the order of a permutation per epoch of that corpus.
    """

    num_accumulate = 1

    def __init__(
        self, corpora: Sequence[TokenizedGroups], weights: Sequence[float], vocabulary: Path, langs: Sequence[str],
        config: BatchConfig, *, seed: int, rank: int = 0, world_size: int = 1,
    ) -> None:  # fmt: skip
        tokenizer = load_nllb_tokenizer(vocabulary, NllbTokenizerConfig(langs=list(langs), default_lang=langs[0]))
        marks = [tokenizer.create_encoder(lang=lang, mode="source")("").tolist() for lang in langs]
        self._lang_ids = [mark[0] for mark in marks]
        self._end = marks[0][-1]
        self._corpora, self._weights, self._config = corpora, weights, config
        self._seed, self._rank, self._world_size = seed, rank, world_size
        self.reset()

    def reset(self) -> None:
        """Back to the first batch."""
        self._chunk_nr, self._batch_nr, self._steps_before = 0, 0, 0
        self._batches = self._draw_chunk()

    def __iter__(self) -> TranslationReader:
        return self

    def __next__(self) -> list[TranslationBatch]:
        if self._batch_nr == len(self._batches):
            self._steps_before += self._batch_nr
            self._chunk_nr, self._batch_nr = self._chunk_nr + 1, 0
            self._batches = self._draw_chunk()
        batch = self._collate(*self._batches[self._batch_nr])
        self._batch_nr += 1
        return [batch]

    @property
    def batches_in_chunk(self) -> int:
        """Batches of the chunk that is being read."""
        return len(self._batches)

    def state_dict(self) -> dict[str, object]:
        """The position."""
        return {"chunk_nr": self._chunk_nr, "batch_nr": self._batch_nr, "steps_before": self._steps_before}

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """Go to a position."""
        self._chunk_nr, self._batch_nr, self._steps_before = (
            int(state_dict[name])  # type: ignore[call-overload]
            for name in ("chunk_nr", "batch_nr", "steps_before")
        )
        self._batches = self._draw_chunk()

    def _limit(self) -> int:
        if self._steps_before >= self._config.curriculum_steps:
            return self._config.last_limit
        done = self._steps_before / self._config.curriculum_steps
        return round(self._config.first_limit + done * (64 - self._config.first_limit))

    def _draw_chunk(self) -> list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
        """Batches of this chunk, each (corpus, source sentence, target sentence) [N]; this rank's share of them."""
        rng = np.random.default_rng((self._seed, self._chunk_nr))
        rows = []
        for number, (corpus, weight) in enumerate(zip(self._corpora, self._weights, strict=True)):
            groups = self._groups(number, corpus.num_groups, round(weight * self._config.chunk))
            members, size = corpus.first[groups], np.diff(corpus.first)[groups]
            source, target = (members + rng.integers(0, size) for _ in range(2))
            rows.append(np.stack([np.full_like(source, number), source, target]))
        corpus_of, source, target = np.concatenate(rows, 1)
        length = np.zeros_like(source)
        for number, corpus in enumerate(self._corpora):
            here = corpus_of == number
            sizes = np.diff(corpus.offsets)
            length[here] = np.maximum(sizes[source[here]], sizes[target[here]])
        kept = np.flatnonzero(length <= self._limit())
        order = kept[np.argsort(length[kept] + rng.random(len(kept)), kind="stable")]
        batches, start = [], 0
        while start < len(order):
            end = start + 1
            while end < len(order) and (end + 1 - start) * (length[order[end]] + 2) <= self._config.tokens:
                end += 1
            rows_here = order[start:end]
            batches.append((corpus_of[rows_here], source[rows_here], target[rows_here]))
            start = end
        if len(batches) < self._world_size:
            raise CorpusError(
                f"The corpus gives {len(batches)} batches for {self._world_size} processes: use fewer, or more text."
            )
        shuffled = [batches[i] for i in rng.permutation(len(batches))]
        whole = len(shuffled) - len(shuffled) % self._world_size
        return shuffled[self._rank : whole : self._world_size]

    def _groups(self, number: int, total: int, count: int) -> NDArray[np.int64]:
        """Groups count·chunk_nr … of the endless sequence of permutations of a corpus."""
        position, parts = self._chunk_nr * count, []
        while count > 0:
            epoch, inside = divmod(position, total)
            order = np.random.default_rng((self._seed, number, epoch)).permutation(total)
            parts.append(order[inside : inside + count])
            position, count = position + len(parts[-1]), count - len(parts[-1])
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def _collate(
        self, corpus_of: NDArray[np.int64], source: NDArray[np.int64], target: NDArray[np.int64]
    ) -> TranslationBatch:
        def ids(corpus: TokenizedGroups, i: int) -> list[int]:
            return [
                self._lang_ids[corpus.lang[i]],
                *corpus.tokens[corpus.offsets[i] : corpus.offsets[i + 1]].tolist(),
                self._end,
            ]

        corpora = [self._corpora[c] for c in corpus_of]
        sources = [ids(c, i) for c, i in zip(corpora, source, strict=True)]
        targets = [[self._end, *ids(c, i)] for c, i in zip(corpora, target, strict=True)]
        return TranslationBatch(*_pad(sources), *_pad(targets))


def _pad(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """[N, longest] padded with 0, and lengths [N]"""
    lengths = torch.tensor([len(row) for row in rows])
    padded = np.zeros((len(rows), int(lengths.max())), np.int64)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = row
    return torch.from_numpy(padded), lengths
