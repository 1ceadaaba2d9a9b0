"""Self-attention with rotary positions and a key–value cache for ragged batches.

Ours, on torch's SDPA: fairseq2's attention refuses ragged prompts in its cache and builds a dense mask for padded
batches. Which slots see which is told by an `Attend`: a layout's, or one that fills or reads a cache.

B documents, S sentences, D width, H heads, K head size, M rows in the cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from lcm.nn.layout import Attend


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

    seen: Tensor | None
    """bool [B, 1, 1, width]: true up to the document's new row; None where all documents are of one length."""


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
        self.keys[rows, :, at.positions] = keys[:, :, 0].to(self.keys.dtype)
        self.values[rows, :, at.positions] = values[:, :, 0].to(self.values.dtype)
        return self.keys[:, :, : at.width], self.values[:, :, : at.width]

    def attend(self, q: Tensor, k: Tensor, v: Tensor, *, at: Append) -> Tensor:
        """An `Attend`: one new row per document ([B, H, 1, K]) is written and sees all of its document."""
        k, v = self.append(k, v, at)
        return scaled_dot_product_attention(q.to(k.dtype), k, v, attn_mask=at.seen).to(q.dtype)


@dataclass
class Remember:
    """Causal attention over prompts padded at the right that keeps every layer's keys and values."""

    layers: list[LayerCache]

    def __call__(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """An `Attend`."""
        self.layers.append(LayerCache(k, v))
        return scaled_dot_product_attention(q, k, v, is_causal=True)


class SelfAttention(nn.Module):
    """Multi-head attention with biases and rotary positions; head h is the h-th contiguous slice of D/H."""

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

    def forward(self, x: Tensor, turns: Tensor, attend: Attend) -> Tensor:
        """x [B, S, D] at positions that turn by `turns` (see `rope`) → [B, S, D]."""
        q, k, v = (
            proj(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )  # each [B, H, S, K]
        y = attend(rotate(q, turns), rotate(k, turns), v)
        out: Tensor = self.output_proj(y.transpose(1, 2).flatten(2))
        return out
