"""A concept space without a network: a sentence's concept is drawn from a generator seeded with its text."""

from __future__ import annotations

import hashlib
import os
import signal
from pathlib import Path

import torch
from torch import Tensor


class ToySpace:
    """E = 8; remembers what it was asked to encode."""

    name = "toy"
    dim = 8
    languages = ("eng_Latn", "fra_Latn")
    encoder_checksum = "7091"

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def encode(self, sentences: list[str], lang: str) -> Tensor:
        """[N, E], float32."""
        self.asked += [(sentence, lang) for sentence in sentences]
        return torch.stack([self.concept(sentence) for sentence in sentences])

    @property
    def end_of_text(self) -> Tensor:
        """[E]"""
        return self.concept("End of text.")

    @staticmethod
    def concept(sentence: str) -> Tensor:
        """[E] of one sentence."""
        if sentence == "Infinity.":
            return torch.full((8,), 1e30)
        seed = int.from_bytes(hashlib.sha256(sentence.encode()).digest()[:7], "big")
        return torch.randn(8, generator=torch.Generator().manual_seed(seed))


def open_toy(device: str) -> ToySpace:
    """What worker processes open."""
    return ToySpace()


class MortalSpace(ToySpace):
    """Its process is killed at "Death." if the file that FATAL names is there, once: the file goes first."""

    def encode(self, sentences: list[str], lang: str) -> Tensor:
        """See ToySpace."""
        fatal = Path(os.environ["FATAL"])
        if "Death." in sentences and fatal.exists():
            fatal.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(sentences, lang)


def open_mortal(device: str) -> MortalSpace:
    """What worker processes open."""
    return MortalSpace()
