"""The small SONAR's vocabulary: made from text, or exchanged for another under trained embeddings."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import sentencepiece
import torch
from torch import Tensor

from lcm.training.sonar_corpus import Group


def train_vocabulary(sentences: Iterable[str], size: int, prefix: Path) -> Path:
    """A unigram sentencepiece vocabulary with byte fallback, as fairseq2's NLLB tokenizer reads it; the .model file."""
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_prefix=str(prefix), vocab_size=size, model_type="unigram",
        character_coverage=0.9999, byte_fallback=True, unk_id=0, bos_id=1, eos_id=2, pad_id=-1, num_threads=2,
        hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    return prefix.with_name(prefix.name + ".model")


def sample_for_vocabulary(corpora: Sequence[Sequence[Group]], per_corpus: int, seed: int) -> Iterator[str]:
    """At most `per_corpus` groups of each corpus, every language of them."""
    rng = random.Random(seed)
    for groups in corpora:
        for group in rng.sample(groups, min(per_corpus, len(groups))):
            yield from group.values()


def carry_embedding(old: Tensor, old_vocabulary: Path, new_vocabulary: Path) -> Tensor:
    """Rows [V, E] of one vocabulary → those of another [V', E], numbered as fairseq2's NLLB tokenizer numbers them.

    A piece that both hold keeps its row; another starts as the mean of the rows that its text had before. The padding
    row at the beginning and the languages and marks at the end stay, so both must be of the same languages.
    """
    before = sentencepiece.SentencePieceProcessor(model_file=str(old_vocabulary))
    after = sentencepiece.SentencePieceProcessor(model_file=str(new_vocabulary))
    known = {before.id_to_piece(i): i for i in range(len(before))}
    rows = [old[0]]
    for i in range(len(after)):
        piece = after.id_to_piece(i)
        spelled = [known[piece]] if piece in known else _spell(before, piece)
        rows.append(old[[1 + j for j in spelled]].mean(0))
    return torch.cat([torch.stack(rows), old[1 + len(before) :]])


def _spell(processor: sentencepiece.SentencePieceProcessor, piece: str) -> list[int]:
    """A piece in the pieces of another vocabulary; the mark of a word's beginning is part of its text."""
    pieces: list[int] = processor.encode(piece.replace("\u2581", " "))
    return pieces or [processor.unk_id()]
