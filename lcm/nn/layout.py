"""How documents lie in a batch, and which slots see which: padded at the right (CPU), or packed end to end (GPU).

Both forms compute the same (a test holds them equal). A packed batch is one row of N slots; its masks are blocks by
document of `flex_attention`, so that nothing leaks between documents and no N × N mask exists on a GPU.

Letters: B documents, S slots of the longest, N packed slots, D width, H heads, K head size.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention
from torch.nn.functional import pad, scaled_dot_product_attention

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Queries, keys and values, each [B, H, S, K] → what the queries read [B, H, S, K]."""


class Layout(ABC):
    """Where each slot of a batch belongs."""

    positions: Tensor
    """int64 [S] or [N]: each slot's place in its document, from 0."""

    real: Tensor
    """bool [B, S] or [1, N]: no padding."""

    @abstractmethod
    def per_slot(self, x: Tensor) -> Tensor:
        """A value of each document, x [B], at its slots: [B, 1] or [1, N], which broadcasts against `real`."""

    @abstractmethod
    def causal(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attention (an `Attend`) in which slot n sees slots 0 … n of its document."""

    @abstractmethod
    def interleaved(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """The attention of noisy₀ clean₀ noisy₁ clean₁ … (paper §2.3.3): noisy n sees itself and clean 0 … n − 1, clean n
        sees clean 0 … n, nothing else sees a noisy slot.

        All noisy slots lie before all clean ones, of which those are left out that no slot comes after (`before`):
        [B, H, 2S − 1, K] or [1, H, 2N, K].
        """

    @abstractmethod
    def before(self, x: Tensor) -> Tensor:
        """The rows of x [B, S, …] or [1, N, …] that have a slot after them: [B, S − 1, …], or all of [1, N, …]."""

    @abstractmethod
    def shift(self, x: Tensor) -> Tensor:
        """Rows such as `before` gives, each moved to the next slot of its document → [B, S, D] or [1, N, D]; slot 0 gets
        zeros."""


class Padded(Layout):
    """Documents of `lengths` (int64 [B]) in rows of S slots."""

    def __init__(self, lengths: Tensor, width: int) -> None:
        self.positions = torch.arange(width, device=lengths.device)
        self.real = self.positions < lengths[:, None]

    def per_slot(self, x: Tensor) -> Tensor:
        """See Layout."""
        return x[:, None]

    def causal(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See Layout. Padding comes after all that is real, so that causality hides it."""
        return scaled_dot_product_attention(q, k, v, is_causal=True)

    def interleaved(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See Layout."""
        S = len(self.positions)
        noisy = scaled_dot_product_attention(q[:, :, :S], k, v, attn_mask=self._noisy_sees)
        clean = scaled_dot_product_attention(q[:, :, S:], k[:, :, S:], v[:, :, S:], is_causal=True)
        return torch.cat((noisy, clean), 2)

    def before(self, x: Tensor) -> Tensor:
        """See Layout."""
        return x[:, :-1]

    def shift(self, x: Tensor) -> Tensor:
        """See Layout."""
        return pad(x, (0, 0, 1, 0))

    @cached_property
    def _noisy_sees(self) -> Tensor:
        """bool [S, 2S − 1], the same for all documents."""
        own, earlier = self.positions[:, None] == self.positions, self.positions[:, None] > self.positions[:-1]
        return torch.cat((own, earlier), 1)


class Packed(Layout):
    """Documents of `lengths` (int64 [B]) one after the other in a single row of N ≥ Σ lengths slots."""

    def __init__(self, lengths: Tensor, width: int) -> None:
        ends = lengths.cumsum(0)
        slots = torch.arange(width, device=lengths.device)
        self._documents = torch.searchsorted(ends, slots, right=True)  # B: padding
        self.positions = slots - pad(ends, (1, 0))[self._documents]
        self.real = (self._documents < len(lengths))[None]

    def per_slot(self, x: Tensor) -> Tensor:
        """See Layout."""
        return pad(x, (0, 1))[self._documents][None]

    def causal(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See Layout."""
        return _flex(q.device.type)(q, k, v, block_mask=self._causal_blocks)  # type: ignore[no-any-return]

    def interleaved(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See Layout."""
        return _flex(q.device.type)(q, k, v, block_mask=self._interleaved_blocks)  # type: ignore[no-any-return]

    def before(self, x: Tensor) -> Tensor:
        """See Layout."""
        return x

    def shift(self, x: Tensor) -> Tensor:
        """See Layout."""
        return x.roll(1, 1).masked_fill((self.positions == 0)[:, None], 0)

    @cached_property
    def _causal_blocks(self) -> BlockMask:
        documents = self._documents

        def sees(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
            return (documents[q] == documents[k]) & (q >= k)

        return self._blocks(sees, len(documents))

    @cached_property
    def _interleaved_blocks(self) -> BlockMask:
        documents, N = self._documents, len(self._documents)

        def sees(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
            q_slot, k_slot = q % N, k % N
            earlier = (documents[q_slot] == documents[k_slot]) & ((q_slot > k_slot) | ((q >= N) & (q_slot == k_slot)))
            return (q == k) | ((k >= N) & earlier)

        return self._blocks(sees, 2 * N)

    def _blocks(self, sees: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor], slots: int) -> BlockMask:
        device = self._documents.device
        return create_block_mask(sees, None, None, slots, slots, device=device, _compile=device.type == "cuda")


@dataclass(frozen=True)
class Interleaved:
    """A layout's interleaved attention as an `Attend`, in which some noisy slots have lost their context."""

    layout: Layout
    dropped: Tensor | None = None
    """bool [B, S] or [1, N]: noisy slots that see themselves alone."""

    def __call__(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """As a layout's `interleaved`."""
        y = self.layout.interleaved(q, k, v)
        if self.dropped is None:
            return y
        S = self.dropped.shape[1]
        noisy = torch.where(self.dropped[:, None, :, None], v[:, :, :S], y[:, :, :S])
        return torch.cat((noisy, y[:, :, S:]), 2)


@cache
def _flex(device: str) -> Any:
    """Compiled on a GPU; elsewhere as it is, which makes the whole mask: good for tests alone."""
    return torch.compile(flex_attention, dynamic=True) if device == "cuda" else flex_attention
