"""What every concept model takes and gives. Letters: B documents, S sentences, E concept size."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from lcm.diffusion import Sampler
from lcm.errors import LCMError
from lcm.nn import Layout, Normalizer, Packed, Padded


class ModelError(LCMError):
    """A model that cannot be built or loaded, or a batch that it cannot take."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Fields that every family has."""

    concept_dim: int = 1024
    """E, the size of the space's concepts (SONAR: 1024)."""

    model_dim: int = 256
    """D, the width (paper: 2048)."""

    num_heads: int = 4
    """Attention heads (paper: 16)."""

    dropout: float = 0.1
    """On what each sub-block adds, in training (paper: 0.1)."""

    max_len: int = 2048
    """The longest document, in sentences."""

    rope_theta: float = 10_000.0
    """Period base of the rotary positions."""

    def __post_init__(self) -> None:
        self._check_at_least_1("concept_dim", "model_dim", "num_heads", "max_len")
        if self.model_dim % (2 * self.num_heads):
            raise ModelError(
                f"model_dim must be a multiple of 2 · num_heads = {2 * self.num_heads}, but is {self.model_dim}."
            )
        if not 0 <= self.dropout < 1:
            raise ModelError(f"dropout must be at least 0 and under 1, but is {self.dropout}.")

    def _check_at_least_1(self, *names: str) -> None:
        for name in names:
            if getattr(self, name) < 1:
                raise ModelError(f"{name} must be at least 1, but is {getattr(self, name)}.")


class Batch(Protocol):
    """Documents as `forward` takes them."""

    concepts: Tensor
    """Raw concepts [B, S, E], padded at the right, or packed end to end [1, N, E]; of any float type."""

    lengths: Tensor
    """int64 [B], on the device of the concepts."""

    first_targets: Tensor | None
    """int64 [B]: the slot of each document from which on its sentences are targets; None: from the first."""

    packed: bool


Rng = torch.Generator | Sequence[torch.Generator]
"""One generator for a whole batch, or one for each of its documents: what a document draws then depends on it alone."""


class LossTerms(NamedTuple):
    """A training loss before it is divided: the trainer divides by the targets of all ranks and micro-batches.

    A named tuple, so that FSDP2 finds the tensor in it.
    """

    total: Tensor
    """float32 scalar: the sum over all targets."""

    num_targets: int


class State(Protocol):
    """What a model remembers of a batch of documents while it writes them."""

    def select(self, rows: Tensor) -> State:
        """The documents `rows` (int64) alone: finished ones leave the batch."""
        ...


class ConceptModel(nn.Module, ABC):
    """A model of the next concept: raw concepts outside, normalized inside."""

    config: Any
    """The family's frozen config, a ModelConfig: all that builds the model."""

    normalizer: Normalizer

    samples: ClassVar[bool] = False
    """Whether `step` draws: a sampler and generators mean something to it."""

    @abstractmethod
    def forward(self, batch: Batch, rng: Rng | None = None) -> LossTerms:
        """The training loss. All noise but dropout's is drawn from `rng`."""

    @abstractmethod
    def prefill(self, prompts: Tensor, lengths: Tensor) -> Any:
        """Read raw prompts [B, S, E] of lengths [B], padded at the right → the State that `step` goes on from."""

    @abstractmethod
    def step(self, state: Any, sampler: Sampler | None = None, rngs: Sequence[torch.Generator] | None = None) -> Tensor:
        """The next raw concept of each document [B, E], float32; it becomes part of the state.

        `sampler` says how a diffusion model denoises (None: `Sampler()`); its noise comes from one generator a row.
        """

    @property
    @abstractmethod
    def stacks(self) -> Sequence[nn.ModuleList]:
        """The layers that FSDP shards and activation checkpointing wraps one by one."""


def layout_of(batch: Batch, config: ModelConfig) -> Layout:
    """Where each slot of a batch belongs. Raises ModelError for a batch that a model of this config cannot take."""
    if not batch.packed:
        check_lengths(batch.concepts, batch.lengths, config.concept_dim, config.max_len)
        return Padded(batch.lengths, batch.concepts.shape[1])
    rows, width, dim = batch.concepts.shape
    longest, total = int(batch.lengths.max()), int(batch.lengths.sum())
    if (rows, dim) != (1, config.concept_dim) or total > width or not 1 <= longest <= config.max_len:
        raise ModelError(
            f"packed concepts must be [1, N ≥ {total}, {config.concept_dim}] with documents of 1 to {config.max_len} "
            f"sentences, but are {list(batch.concepts.shape)}, the longest document {longest}."
        )
    return Packed(batch.lengths, width)


def targets_of(batch: Batch, layout: Layout) -> Tensor:
    """bool, in the shape of `layout.real`: the slots from which there is something to learn."""
    if batch.first_targets is None:
        return layout.real
    return layout.real & (layout.positions >= layout.per_slot(batch.first_targets))


def check_lengths(concepts: Tensor, lengths: Tensor, concept_dim: int, max_len: int, *, shortest: int = 1) -> None:
    """Raise ModelError unless concepts are [B, S, E] with shortest ≤ lengths ≤ S ≤ max_len."""
    if concepts.ndim != 3 or concepts.shape[2] != concept_dim:
        raise ModelError(f"concepts must have shape [B, S, {concept_dim}], but have {list(concepts.shape)}.")
    B, S, _ = concepts.shape
    if max_len < S:
        raise ModelError(
            f"concepts must be at most max_len = {max_len} sentences long, but are {S}. Cut the documents."
        )
    if lengths.shape != (B,) or int(lengths.min()) < shortest or int(lengths.max()) > S:
        raise ModelError(f"lengths must be {B} numbers between {shortest} and S = {S}, but are {lengths.tolist()}.")
