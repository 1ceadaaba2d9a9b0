"""A batch of documents as concepts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from fairseq2.device import SupportsDeviceTransfer
from torch import Tensor


@dataclass
class ConceptBatch(SupportsDeviceTransfer):
    """B documents of up to S concepts."""

    concepts: Tensor
    """Raw concepts [B, S, E], padded at the right with zeros, or packed end to end [1, N, E]; float16 as on disk, until the
    model normalizes them."""

    lengths: Tensor
    """int64 [B]"""

    document_ids: Tensor
    """int64 [B]: each document's number in the corpus, the same in every epoch."""

    first_sentences: Tensor
    """int64 [B]: where in its document each row begins (not 0 where a long document was wrapped)."""

    first_targets: Tensor | None = None
    """int64 [B]: the slot of each row from which on there is something to learn: after the source of a pair, or `lengths` where
    the whole row is there for nothing but its presence. None: everything is a target."""

    packed: bool = False

    def pack(self, width: int | None = None) -> ConceptBatch:
        """The same documents without padding between them: what a GPU wants, whose attention knows documents as blocks.

        `width` is N (default: the sum of the lengths); one N for all batches compiles once.
        """
        real = torch.arange(self.concepts.shape[1], device=self.lengths.device) < self.lengths[:, None]
        row = self.concepts[real]
        if width is not None:
            row = torch.cat((row, row.new_zeros(width - len(row), row.shape[1])))
        return replace(self, concepts=row[None], packed=True)

    def share(self, index: int, number: int) -> ConceptBatch:
        """Every `number`-th row from `index` on: what one of `number` processes takes. A padded batch alone can be shared.

        Where there are fewer rows than processes, the rest get the first row without a target in it.
        """
        rows = torch.arange(len(self.lengths))[index::number]
        first_targets = self.first_targets
        if not len(rows):
            rows, first_targets = torch.tensor([0]), self.lengths
        lengths = self.lengths[rows]
        return ConceptBatch(
            self.concepts[rows, : int(lengths.max())], lengths, self.document_ids[rows], self.first_sentences[rows],
            None if first_targets is None else first_targets[rows],
        )  # fmt: skip

    def pin_memory(self) -> ConceptBatch:
        """In page-locked memory, from which a GPU copies while it computes."""
        targets = None if self.first_targets is None else self.first_targets.pin_memory()
        return replace(
            self, concepts=self.concepts.pin_memory(), lengths=self.lengths.pin_memory(), first_targets=targets
        )

    def to(self, device: torch.device, *, non_blocking: bool = False) -> None:
        """Move what a model reads to a device; whose rows they are stays on the CPU."""
        self.concepts = self.concepts.to(device, non_blocking=non_blocking)
        self.lengths = self.lengths.to(device, non_blocking=non_blocking)
        if self.first_targets is not None:
            self.first_targets = self.first_targets.to(device, non_blocking=non_blocking)
