"""The common block of every model family, and the transformer made of it.

As in the released code: pre-norm RMSNorm, biased attention with rotary positions, SwiGLU with an inner size of 4D·2/3 up to a
multiple of 256.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from fairseq2.models.transformer import GLUFeedForwardNetwork
from fairseq2.nn import RMSNorm
from torch import Tensor, nn

from lcm.nn.attention import Append, LayerCache, Remember, SelfAttention, rope
from lcm.nn.layout import Attend


def swiglu(model_dim: int) -> GLUFeedForwardNetwork:
    """D → D through output_proj(SiLU(gate_proj(x)) · inner_proj(x))."""
    return GLUFeedForwardNetwork(model_dim, 4 * model_dim, bias=True, inner_dim_scale=2 / 3, inner_dim_to_multiple=256)


class PreNet(nn.Linear):
    """Concepts [..., E] → [..., D], or back (PostNet), in the weights' type whatever they come in.

    Under autocast the product is short, what comes out is not: so the residual stream and the loss keep their precision.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] → [..., out]."""
        dtype = self.weight.dtype
        return super().forward(x.to(dtype)).to(dtype)


PostNet = PreNet


class TransformerBlock(nn.Module):
    """x + attention(norm(x)), then x + ffn(norm(x)); dropout on what each adds."""

    def __init__(self, model_dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.self_attn_norm = RMSNorm(model_dim, bias=False)
        self.self_attn = SelfAttention(model_dim, num_heads)
        self.ffn_norm = RMSNorm(model_dim, bias=False)
        self.ffn = swiglu(model_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, turns: Tensor, attend: Attend) -> Tensor:
        """x [B, S, D] → [B, S, D]; `turns` and `attend` as in SelfAttention."""
        x = x + self.dropout(self.self_attn(self.self_attn_norm(x), turns, attend))
        out: Tensor = x + self.dropout(self.ffn(self.ffn_norm(x)))
        return out


@dataclass
class TransformerState:
    """What a causal transformer remembers of a ragged batch: every layer's keys and values, and the lengths."""

    layers: list[LayerCache]
    lengths: Tensor
    """int64 [B]: rows of each document that are in the cache."""

    shortest: int
    longest: int
    """min(lengths) and max(lengths), kept on the host so that a step waits for no device."""

    def next_row(self) -> Append:
        """Where one more row of each document goes."""
        width = self.longest + 1
        if self.shortest == self.longest:
            return Append(self.lengths, width, None)
        seen = torch.arange(width, device=self.lengths.device) <= self.lengths[:, None]
        return Append(self.lengths, width, seen[:, None, None])

    def advance(self) -> None:
        """The row is there, in every layer."""
        self.lengths = self.lengths + 1
        self.shortest, self.longest = self.shortest + 1, self.longest + 1

    def select(self, rows: Tensor) -> TransformerState:
        """The documents `rows` (int64) alone, in that order."""
        lengths = self.lengths[rows]
        shortest, longest = _range(lengths)
        layers = [LayerCache(c.keys[rows, :, :longest], c.values[rows, :, :longest]) for c in self.layers]
        return TransformerState(layers, lengths, shortest, longest)


class CausalTransformer(nn.Module):
    """L blocks and a final norm. Values at padded rows are of no meaning."""

    def __init__(
        self, model_dim: int, num_heads: int, num_layers: int, dropout: float, rope_theta: float = 10_000.0
    ) -> None:
        super().__init__()
        self.head_dim = model_dim // num_heads
        self.rope_theta = rope_theta
        self.layers = nn.ModuleList(TransformerBlock(model_dim, num_heads, dropout) for _ in range(num_layers))
        self.norm = RMSNorm(model_dim, bias=False)

    @property
    def blocks(self) -> list[TransformerBlock]:
        """The layers."""
        return cast(list[TransformerBlock], list(self.layers))

    def forward(self, x: Tensor, positions: Tensor, attend: Attend) -> Tensor:
        """x [B, S, D] at int64 positions [S] → [B, S, D]; `attend`, such as a layout's, tells which rows see which."""
        turns = self.turns(positions, x)
        for layer in self.layers:
            x = layer(x, turns, attend)
        y: Tensor = self.norm(x)
        return y

    @torch.no_grad()
    def prefill(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, TransformerState]:
        """x [B, S, D] of the given lengths [B], padded at the right → all rows [B, S, D], row n having seen rows 0 … n,
        and the state to go on from."""
        layers: list[LayerCache] = []
        y = self(x, torch.arange(x.shape[1], device=x.device), Remember(layers))
        return y, TransformerState(layers, lengths, *_range(lengths))

    @torch.no_grad()
    def step(self, x: Tensor, state: TransformerState) -> Tensor:
        """One new row per document, x [B, D] → [B, D], appended to the state. No earlier row is computed again."""
        at = state.next_row()
        turns = self.turns(at.positions[:, None, None], x)  # [B, 1, 1, K/2]
        x = x.unsqueeze(1)
        for layer, cache in zip(self.layers, state.layers, strict=True):
            x = layer(x, turns, partial(cache.attend, at=at))
        state.advance()
        y: Tensor = self.norm(x)[:, 0]
        return y

    def turns(self, positions: Tensor, x: Tensor) -> Tensor:
        """The turns of positions [...] in the precision of x, complex [..., K/2]."""
        return rope(positions, self.head_dim, self.rope_theta, x.dtype)


def _range(lengths: Tensor) -> tuple[int, int]:
    return (int(lengths.min()), int(lengths.max())) if len(lengths) else (0, 0)
