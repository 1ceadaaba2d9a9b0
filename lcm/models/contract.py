"""What every concept model takes and gives. Letters: B documents, S sentences, E concept size."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from lcm.diffusion import Sampler
from lcm.errors import LCMError
from lcm.nn import Normalizer


class ModelError(LCMError):
    """A model that cannot be built or loaded, or a batch that it cannot take."""


class Batch(Protocol):
    """Documents padded at the right, as `forward` takes them."""

    concepts: Tensor
    """Raw concepts [B, S, E], of any float type."""

    lengths: Tensor
    """int64 [B], on the device of the concepts."""


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
    """The family's frozen config; it has `concept_dim` (E), `max_len` and all that builds the model."""

    normalizer: Normalizer

    @abstractmethod
    def forward(self, batch: Batch, rng: torch.Generator | None = None) -> LossTerms:
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
