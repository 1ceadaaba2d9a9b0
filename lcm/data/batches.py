"""A batch of documents as concepts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from fairseq2.device import SupportsDeviceTransfer
from torch import Tensor


@dataclass
class ConceptBatch(SupportsDeviceTransfer):
    """B documents of up to S concepts. `to` moves it in place, as fairseq2 asks."""

    concepts: Tensor
    """Raw concepts [B, S, E], padded at the right with zeros, or packed end to end [1, N, E]; float16 as on disk, until the
    model normalizes them."""

    lengths: Tensor
    """int64 [B]"""

    document_ids: Tensor
    """int64 [B]: each document's number in the corpus, the same in every epoch."""

    first_sentences: Tensor
    """int64 [B]: where in its document each row begins (not 0 where a long document was wrapped)."""

    packed: bool = False

    def pack(self) -> ConceptBatch:
        """The same documents without padding: what a GPU wants, whose attention knows documents as blocks."""
        real = torch.arange(self.concepts.shape[1], device=self.lengths.device) < self.lengths[:, None]
        return replace(self, concepts=self.concepts[real][None], packed=True)

    def to(self, device: torch.device, *, non_blocking: bool = False) -> None:
        """Move every tensor to a device."""
        self.concepts = self.concepts.to(device, non_blocking=non_blocking)
        self.lengths = self.lengths.to(device, non_blocking=non_blocking)
        self.document_ids = self.document_ids.to(device, non_blocking=non_blocking)
        self.first_sentences = self.first_sentences.to(device, non_blocking=non_blocking)
