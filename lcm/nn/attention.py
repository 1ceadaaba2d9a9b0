"""Causal self-attention with rotary positions and a key–value cache for ragged batches.

Ours, on torch's SDPA: fairseq2's attention refuses ragged prompts in its cache and builds a dense mask for padded
batches. Documents are padded at the right, so a causal mask alone keeps every real row from seeing padding.

B documents, S sentences, D width, H heads, K head size, M rows in the cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


def rope(positions: Tensor, head_dim: int, theta: float, dtype: torch.dtype) -> Tensor:
    """The turns of rotary positions (2104.09864): positions [...] → complex [..., head_dim/2].

    Computed where it is needed, not kept in a table: nothing to restore after loading, any position, any precision.
    """
    frequencies = theta ** (-torch.arange(0, head_dim, 2, device=positions.device, dtype=torch.float64) / head_dim)
    angles = positions.double().unsqueeze(-1) * frequencies
    turns = torch.polar(torch.ones_like(angles), angles)
    return turns if dtype == torch.float64 else turns.to(torch.complex64)


def rotate(x: Tensor, turns: Tensor) -> Tensor:
    """Turn adjacent channel pairs: x [B, H, S, K], turns complex [(B, 1,) S, K/2] → [B, H, S, K], the dtype of x."""
    pairs = torch.view_as_complex(x.to(turns.real.dtype).unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turns).flatten(-2).type_as(x)


@dataclass
class Append:
    """Where one new row per document goes, and what it sees."""

    positions: Tensor
    """int64 [B]: each document's own next position."""

    width: int
    """Rows of the longest document, the new one included."""

    seen: Tensor
    """bool [B, 1, 1, width]: true up to the document's new row."""


@dataclass
class LayerCache:
    """Keys and values [B, H, M, K] of one layer. Row m of document b is real if m < its length; the rest is masked."""

    keys: Tensor
    values: Tensor

    def append(self, keys: Tensor, values: Tensor, at: Append) -> tuple[Tensor, Tensor]:
        """Write one row per document ([B, H, 1, K]) at its own position → all rows up to the longest."""
        missing = at.width - self.keys.shape[2]
        if missing > 0:  # doubling, so that appending stays O(1) a row
            room = (0, 0, 0, max(missing, self.keys.shape[2]))
            self.keys = nn.functional.pad(self.keys, room)
            self.values = nn.functional.pad(self.values, room)
        rows = torch.arange(len(at.positions), device=at.positions.device)
        self.keys[rows, :, at.positions] = keys[:, :, 0]
        self.values[rows, :, at.positions] = values[:, :, 0]
        return self.keys[:, :, : at.width], self.values[:, :, : at.width]


class SelfAttention(nn.Module):
    """Causal multi-head attention with biases and rotary positions; head h is the h-th contiguous slice of D/H."""

    def __init__(self, model_dim: int, num_heads: int) -> None:
        super().__init__()
        if model_dim % (2 * num_heads):
            raise ValueError(f"model_dim must be a multiple of 2 · num_heads = {2 * num_heads}, but is {model_dim}.")
        self.num_heads = num_heads
        self.q_proj = nn.Linear(model_dim, model_dim)
        self.k_proj = nn.Linear(model_dim, model_dim)
        self.v_proj = nn.Linear(model_dim, model_dim)
        self.output_proj = nn.Linear(model_dim, model_dim)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier, the three inputs as if they were one matrix [3D, D] (as in fairseq2); biases zero."""
        for proj in (self.q_proj, self.k_proj, self.v_proj):
            nn.init.xavier_uniform_(proj.weight, gain=2**-0.5)
        nn.init.xavier_uniform_(self.output_proj.weight)
        for proj in (self.q_proj, self.k_proj, self.v_proj, self.output_proj):
            nn.init.zeros_(proj.bias)

    def forward(
        self,
        x: Tensor,
        turns: Tensor,
        cache: list[LayerCache] | None = None,
        at: tuple[LayerCache, Append] | None = None,
    ) -> Tensor:
        """x [B, S, D] → [B, S, D].

        With `cache`, a layer's cache of these rows is added to it. With `at`, x is one new row per document [B, 1, D]
        that is written into the cache and sees all of its document.
        """
        q, k, v = (
            proj(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )  # each [B, H, S, K]
        q, k = rotate(q, turns), rotate(k, turns)
        if at is not None:
            layer, append = at
            k, v = layer.append(k, v, append)
            y = scaled_dot_product_attention(q, k, v, attn_mask=append.seen)
        else:
            if cache is not None:
                cache.append(LayerCache(k, v))
            y = scaled_dot_product_attention(q, k, v, is_causal=True)
        out: Tensor = self.output_proj(y.transpose(1, 2).flatten(2))
        return out
