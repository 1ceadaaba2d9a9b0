"""What the plain forms share: norm, masked attention, a transformer, and what these cost.

Letters: B documents, S slots, D width, F inner size of the feed-forward, H heads, K head size, M keys.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention, silu

from lcm.nn import CausalTransformer, TransformerBlock, rope, rotate


def norm(x: Tensor, weight: Tensor) -> Tensor:
    """RMSNorm [..., D]."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * weight


def project(layer: Any, x: Tensor, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries of x [B, S, D], keys and values of context [B, M, D], each [B, H, S | M, K]."""
    q, k, v = (
        proj(rows).unflatten(-1, (layer.num_heads, -1)).transpose(1, 2)
        for proj, rows in ((layer.q_proj, x), (layer.k_proj, context), (layer.v_proj, context))
    )
    return q, k, v


def attend(layer: Any, q: Tensor, k: Tensor, v: Tensor, visible: Tensor) -> Tensor:
    """What queries see of keys and values under visible, bool [B | 1, S, M] → [B, S, D]."""
    y = scaled_dot_product_attention(q, k, v, attn_mask=visible.unsqueeze(1))
    out: Tensor = layer.output_proj(y.transpose(1, 2).flatten(2))
    return out


def causal(S: int, device: torch.device) -> Tensor:
    """bool [1, S, S]: slot n sees slots 0 … n."""
    return torch.ones(S, S, dtype=torch.bool, device=device).tril()[None]


class PlainTransformer(nn.Module):
    """A copy of a transformer; every pass computes every row."""

    def __init__(self, theirs: CausalTransformer, dropout: float) -> None:
        super().__init__()
        self.theirs = deepcopy(theirs)  # for its parameters
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, positions: Tensor | None = None, visible: Tensor | None = None) -> Tensor:
        """x [B, S, D] at int64 positions [B, S], visible bool [B | 1, S, S] → [B, S, D]; by default causal from position 0
        on: padding comes after all that is real, so that causality hides it."""
        if positions is None or visible is None:
            positions, visible = torch.arange(x.shape[1], device=x.device)[None], causal(x.shape[1], x.device)
        turns = rope(positions[:, None], self.theirs.head_dim, self.theirs.rope_theta, x.dtype)  # [B | 1, 1, S, K/2]
        for block in self.theirs.layers:
            x = self._block(block, x, turns, visible)
        return norm(x, self.theirs.norm.weight)

    def _block(self, block: TransformerBlock, x: Tensor, turns: Tensor, visible: Tensor) -> Tensor:
        h = norm(x, block.self_attn_norm.weight)
        q, k, v = project(block.self_attn, h, h)
        x = x + self.dropout(attend(block.self_attn, rotate(q, turns), rotate(k, turns), v, visible))
        h, ffn = norm(x, block.ffn_norm.weight), block.ffn
        return x + self.dropout(ffn.output_proj(silu(ffn.gate_proj(h)) * ffn.inner_proj(h)))


def transformer_flops(B: int, S: int, D: int, F: int, layers: int) -> tuple[int, int]:
    """Of one pass: the matrices (4D² of attention, 3DF of the feed-forward per row), and the attention between the rows."""
    return 2 * B * S * layers * (4 * D * D + 3 * D * F), 2 * B * S * layers * 2 * S * D


def training_flops(products: int, attention: int) -> int:
    """Of forward and backward, given the forward's: a product has two gradients; attention computes its scores again."""
    return 3 * products + attention * 7 // 2
