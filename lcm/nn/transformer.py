"""The common block of every model family, and the causal transformer made of it (CONFORMANCE of the released code:
pre-norm RMSNorm, biased attention with rotary positions, SwiGLU with an inner size of 4D·2/3 up to a multiple of 256).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from fairseq2.models.transformer import GLUFeedForwardNetwork
from fairseq2.nn import RMSNorm
from torch import Tensor, nn

from lcm.nn.attention import Append, LayerCache, SelfAttention, rope


def swiglu(model_dim: int) -> GLUFeedForwardNetwork:
    """D → D through output_proj(SiLU(gate_proj(x)) · inner_proj(x))."""
    return GLUFeedForwardNetwork(model_dim, 4 * model_dim, bias=True, inner_dim_scale=2 / 3, inner_dim_to_multiple=256)


class TransformerBlock(nn.Module):
    """x + attention(norm(x)), then x + ffn(norm(x)); dropout on what each adds."""

    def __init__(self, model_dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.self_attn_norm = RMSNorm(model_dim, bias=False)
        self.self_attn = SelfAttention(model_dim, num_heads)
        self.ffn_norm = RMSNorm(model_dim, bias=False)
        self.ffn = swiglu(model_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        turns: Tensor,
        cache: list[LayerCache] | None = None,
        at: tuple[LayerCache, Append] | None = None,
    ) -> Tensor:
        """x [B, S, D] → [B, S, D]; `cache` and `at` as in SelfAttention."""
        x = x + self.dropout(self.self_attn(self.self_attn_norm(x), turns, cache, at))
        out: Tensor = x + self.dropout(self.ffn(self.ffn_norm(x)))
        return out


@dataclass
class TransformerState:
    """What a causal transformer remembers of a ragged batch: every layer's keys and values, and the lengths."""

    layers: list[LayerCache]
    lengths: Tensor
    """int64 [B]: rows of each document that are in the cache."""

    longest: int
    """max(lengths), kept on the host so that a step waits for no device."""

    def select(self, rows: Tensor) -> TransformerState:
        """The documents `rows` (int64) alone, in that order."""
        lengths = self.lengths[rows]
        longest = int(lengths.max()) if len(lengths) else 0
        layers = [LayerCache(c.keys[rows, :, :longest], c.values[rows, :, :longest]) for c in self.layers]
        return TransformerState(layers, lengths, longest)


class CausalTransformer(nn.Module):
    """L blocks and a final norm over documents padded at the right. Values at padded rows are of no meaning."""

    def __init__(
        self, model_dim: int, num_heads: int, num_layers: int, dropout: float, rope_theta: float = 10_000.0
    ) -> None:
        super().__init__()
        self.head_dim = model_dim // num_heads
        self.rope_theta = rope_theta
        self.layers = nn.ModuleList(TransformerBlock(model_dim, num_heads, dropout) for _ in range(num_layers))
        self.norm = RMSNorm(model_dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, S, D] → [B, S, D]; row n sees rows 0 … n of its own document."""
        return self._run(x, None)

    @torch.no_grad()
    def prefill(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, TransformerState]:
        """x [B, S, D] of the given lengths [B] → all rows [B, S, D], and the state to go on from."""
        layers: list[LayerCache] = []
        y = self._run(x, layers)
        return y, TransformerState(layers, lengths, int(lengths.max()))

    @torch.no_grad()
    def step(self, x: Tensor, state: TransformerState) -> Tensor:
        """One new row per document, x [B, D] → [B, D], appended to the state. No earlier row is computed again."""
        positions, width = state.lengths, state.longest + 1
        seen = torch.arange(width, device=x.device) <= positions[:, None]
        append = Append(positions, width, seen[:, None, None])
        turns = self._turns(positions[:, None, None], x)  # [B, 1, 1, K/2]
        x = x.unsqueeze(1)
        for layer, cache in zip(self.layers, state.layers, strict=True):
            x = layer(x, turns, at=(cache, append))
        state.lengths, state.longest = positions + 1, width
        y: Tensor = self.norm(x)[:, 0]
        return y

    def _run(self, x: Tensor, cache: list[LayerCache] | None) -> Tensor:
        turns = self._turns(torch.arange(x.shape[1], device=x.device), x)
        for layer in self.layers:
            x = layer(x, turns, cache)
        y: Tensor = self.norm(x)
        return y

    def _turns(self, positions: Tensor, x: Tensor) -> Tensor:
        return rope(positions, self.head_dim, self.rope_theta, x.dtype)
