"""The denoiser of the Two-Tower LCM (paper §2.3.4): layers without positions that see their own slot and the context.

Slot n cross-attends to a zero vector and to context rows 0 … n − 1. A zero vector has the biases as key and value.
Letters: B documents, S slots, D width, H heads, K head size, M context rows, R rows of any kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from fairseq2.nn import RMSNorm
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention

from lcm.nn.adaln import AdaLN, Timesteps, Triple
from lcm.nn.layout import Attend, Layout
from lcm.nn.transformer import PostNet, PreNet, swiglu


@dataclass(frozen=True)
class Context:
    """What the slots of a batch cross-attend to."""

    rows: Tensor
    """[B, M, D], the zero vector among them."""

    attend: Attend
    """Which rows each slot sees."""

    dropped: Tensor | None = None
    """bool [B, S]: slots that see the zero vector alone."""

    @staticmethod
    def before(context: Tensor, layout: Layout, dropped: Tensor | None = None) -> Context:
        """Slot n sees the zero vector and the context of slots 0 … n − 1; `context` holds the rows of `layout.before`.

        With the zero vector in slot 0's place and every row one slot later, that is plain causality: no mask of ours.
        """
        return Context(layout.shift(context), layout.causal, dropped)

    @staticmethod
    def masked(context: Tensor, visible: Tensor) -> Context:
        """Any pattern at all, at the price of a mask: `visible`, bool [S, M + 1], [B | 1, S, M + 1] or [B | 1, 1, S, M + 1], is
        true where a slot sees a key, the zero vector being key 0 and row m of context [B, M, D] key m + 1."""
        mask = visible if visible.ndim == 4 else visible.unsqueeze(-3)
        return Context(pad(context, (0, 0, 1, 0)), partial(scaled_dot_product_attention, attn_mask=mask))


class OwnSlotAttention(nn.Module):
    """Self-attention that sees its own slot alone: the softmax is 1, so neither queries nor keys are needed."""

    def __init__(self, model_dim: int) -> None:
        super().__init__()
        self.v_proj = nn.Linear(model_dim, model_dim)
        self.output_proj = nn.Linear(model_dim, model_dim)
        for proj in (self.v_proj, self.output_proj):
            nn.init.xavier_uniform_(proj.weight)
            nn.init.zeros_(proj.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[..., D] → [..., D]."""
        out: Tensor = self.output_proj(self.v_proj(x))
        return out


class ContextAttention(nn.Module):
    """Cross-attention to the zero vector and to earlier context rows; head h is the h-th contiguous slice of D/H."""

    def __init__(self, model_dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q_proj = nn.Linear(model_dim, model_dim)
        self.k_proj = nn.Linear(model_dim, model_dim)
        self.v_proj = nn.Linear(model_dim, model_dim)
        self.output_proj = nn.Linear(model_dim, model_dim)
        for proj in (self.q_proj, self.k_proj, self.v_proj):
            nn.init.xavier_uniform_(proj.weight, gain=2**-0.5)
        nn.init.xavier_uniform_(self.output_proj.weight)
        for proj in (self.q_proj, self.k_proj, self.v_proj, self.output_proj):
            nn.init.zeros_(proj.bias)

    def heads(self, x: Tensor) -> Tensor:
        """[B, S, D] → [B, H, S, K]."""
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    def project(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Context rows [B, M, D], the zero vector among them → their keys and values [B, H, M, K]."""
        return self.heads(self.k_proj(context)), self.heads(self.v_proj(context))

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Slots x [B, S, D] → [B, S, D]."""
        k, v = self.project(context.rows)
        y = context.attend(self.heads(self.q_proj(x)), k, v)
        if context.dropped is not None:
            zero = self.v_proj.bias.to(y.dtype).view(1, self.num_heads, 1, -1)  # the zero vector's value
            y = torch.where(context.dropped[:, None, :, None], zero, y)
        out: Tensor = self.output_proj(y.transpose(1, 2).flatten(2))
        return out


class DenoiserBlock(nn.Module):
    """Own slot, context, feed-forward: each x + gate · f(scale · norm(x) + shift), with dropout on what f gives."""

    def __init__(self, model_dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.self_attn_norm = RMSNorm(model_dim, bias=False)
        self.self_attn = OwnSlotAttention(model_dim)
        self.cross_attn_norm = RMSNorm(model_dim, bias=False)
        self.cross_attn = ContextAttention(model_dim, num_heads)
        self.ffn_norm = RMSNorm(model_dim, bias=False)
        self.ffn = swiglu(model_dim)
        self.modulation = AdaLN(model_dim, 3)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, timesteps: Timesteps, context: Context) -> Tensor:
        """x [B, S, D] → [B, S, D]."""
        own, cross, ffn = self.modulation(timesteps)
        x = self._add(x, own, self.self_attn(modulate(self.self_attn_norm(x), own)))
        x = self._add(x, cross, self.cross_attn(modulate(self.cross_attn_norm(x), cross), context))
        return self._add(x, ffn, self.ffn(modulate(self.ffn_norm(x), ffn)))

    def _add(self, x: Tensor, triple: Triple, y: Tensor) -> Tensor:
        return torch.addcmul(x, triple.gate, self.dropout(y).to(x.dtype))


def modulate(x: Tensor, triple: Triple) -> Tensor:
    """scale · x + shift."""
    return torch.addcmul(triple.shift, triple.scale, x)


class Denoiser(nn.Module):
    """Linear E→D, L blocks, norm, Linear D→E."""

    def __init__(self, concept_dim: int, model_dim: int, num_heads: int, num_layers: int, dropout: float) -> None:
        super().__init__()
        self.prenet = PreNet(concept_dim, model_dim)
        self.layers = nn.ModuleList(DenoiserBlock(model_dim, num_heads, dropout) for _ in range(num_layers))
        self.norm = RMSNorm(model_dim, bias=False)
        self.postnet = PostNet(model_dim, concept_dim)

    @property
    def blocks(self) -> list[DenoiserBlock]:
        """The layers."""
        return cast(list[DenoiserBlock], list(self.layers))

    def forward(self, noisy: Tensor, timesteps: Timesteps, context: Context) -> Tensor:
        """Noisy normalized concepts [B, S, E] → the network's output [B, S, E], in the weights' type."""
        x = self.prenet(noisy)
        for layer in self.layers:
            x = layer(x, timesteps, context)
        out: Tensor = self.postnet(self.norm(x))
        return out
