"""The Two-Tower denoiser in its plain form: the formulas written down, nothing spared. Oracle and yardstick.

Self-attention has queries and keys and a mask that leaves each slot its own; AdaLN is computed for every position;
every diffusion step projects the whole context to keys and values; the unconditional half of guidance carries the
full context behind a mask. Weights are those of a `TwoTowerLCM`, queries and keys of self-attention aside.

Letters: B documents, S slots, E concept size, D width, H heads, M context rows.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention, silu

from lcm.models import TwoTowerConfig, TwoTowerLCM
from lcm.nn import SelfAttention, sinusoid


class PlainBlock(nn.Module):
    """A denoiser layer beside the parameters of ours."""

    def __init__(self, config: TwoTowerConfig) -> None:
        super().__init__()
        D = config.model_dim
        self.self_attn = SelfAttention(D, config.num_heads)
        self.cross_attn = SelfAttention(D, config.num_heads)  # four projections; used without rotary positions
        self.modulation = nn.Linear(D, 9 * D)
        self.gate_proj, self.inner_proj, self.output_proj = (nn.Linear(D, D) for _ in range(3))  # replaced by `copy`
        self.norms = nn.ParameterList(torch.ones(D) for _ in range(3))

    def forward(self, x: Tensor, embedded: Tensor, context: Tensor, visible: Tensor) -> Tensor:
        """x [B, S, D], SiLU(e_t) [B, S, D], context [B, M + 1, D] with the zero vector, visible [B | 1, S, M + 1]."""
        mods = self.modulation(embedded).chunk(9, -1)
        own = torch.eye(x.shape[1], dtype=torch.bool, device=x.device).expand(x.shape[0], -1, -1)
        h = _norm(x, self.norms[0]) * (1 + mods[1]) + mods[0]
        x = x + mods[2] * _attend(self.self_attn, h, h, own)
        h = _norm(x, self.norms[1]) * (1 + mods[4]) + mods[3]
        x = x + mods[5] * _attend(self.cross_attn, h, context, visible)
        h = _norm(x, self.norms[2]) * (1 + mods[7]) + mods[6]
        out: Tensor = x + mods[8] * self.output_proj(silu(self.gate_proj(h)) * self.inner_proj(h))
        return out


class PlainDenoiser(nn.Module):
    """The denoiser of `model`, plain; shares no memory with it."""

    def __init__(self, model: TwoTowerLCM) -> None:
        super().__init__()
        config, theirs = model.config, model.denoiser
        self.time = nn.Sequential(
            nn.Linear(256, config.model_dim), nn.SiLU(), nn.Linear(config.model_dim, config.model_dim)
        )
        self.prenet = nn.Linear(config.concept_dim, config.model_dim)
        self.postnet = nn.Linear(config.model_dim, config.concept_dim)
        self.norm = nn.Parameter(torch.ones(config.model_dim))
        self.layers = nn.ModuleList(PlainBlock(config) for _ in theirs.layers)
        self.to(theirs.prenet.weight.dtype)
        self._copy(model)

    def forward(self, noisy: Tensor, t: Tensor, context: Tensor, visible: Tensor) -> Tensor:
        """noisy [B, S, E] at t [B, S], context [B, M, D], visible [B | 1, S, M + 1] → [B, S, E]."""
        embedded = silu(self.time(sinusoid(t).to(noisy.dtype)))
        context = pad(context, (0, 0, 1, 0))
        x = self.prenet(noisy)
        for layer in self.layers:
            x = layer(x, embedded, context, visible)
        out: Tensor = self.postnet(_norm(x, self.norm))
        return out

    def next(self, x_t: Tensor, t: int, context: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """One evaluation with guidance: x_t [B, E] → the output [B, E] with the context, and without."""
        keys = torch.arange(context.shape[1] + 1, device=x_t.device)
        seen = torch.cat((keys <= lengths[:, None], (keys == 0).expand(len(x_t), -1)))[:, None]
        noisy = torch.cat((x_t, x_t))[:, None]
        at = torch.full((len(noisy), 1), t, device=x_t.device)
        conditional, unconditional = self(noisy, at, torch.cat((context, context)), seen)[:, 0].chunk(2)
        return conditional, unconditional

    @torch.no_grad()
    def _copy(self, model: TwoTowerLCM) -> None:
        theirs = model.denoiser
        pairs: list[tuple[nn.Module, nn.Module]] = [
            (self.time[0], model.time_embedding.fc1), (self.time[2], model.time_embedding.fc2),
            (self.prenet, theirs.prenet), (self.postnet, theirs.postnet),
        ]  # fmt: skip
        self.norm.copy_(theirs.norm.get_parameter("weight"))
        for here, block in zip(self.layers, theirs.blocks, strict=True):
            assert isinstance(here, PlainBlock)
            F, D = block.ffn.gate_proj.get_parameter("weight").shape
            here.gate_proj, here.inner_proj = (
                nn.Linear(D, F, dtype=self.norm.dtype),
                nn.Linear(D, F, dtype=self.norm.dtype),
            )
            here.output_proj = nn.Linear(F, D, dtype=self.norm.dtype)
            pairs += [
                (getattr(here, name), getattr(block.ffn, name)) for name in ("gate_proj", "inner_proj", "output_proj")
            ]
            pairs += [
                (getattr(here.self_attn, name), getattr(block.self_attn, name)) for name in ("v_proj", "output_proj")
            ]
            pairs += [
                (getattr(here.cross_attn, name), getattr(block.cross_attn, name))
                for name in ("q_proj", "k_proj", "v_proj", "output_proj")
            ]
            pairs += [(here.modulation, block.modulation)]
            for norm, name in zip(here.norms, ("self_attn_norm", "cross_attn_norm", "ffn_norm"), strict=True):
                norm.copy_(getattr(block, name).get_parameter("weight"))
        for here_, there in pairs:
            here_.get_parameter("weight").copy_(there.get_parameter("weight"))
            here_.get_parameter("bias").copy_(there.get_parameter("bias"))


def causal_visible(S: int) -> Tensor:
    """bool [1, S, S + 1]: slot n sees the zero vector and contexts 0 … n − 1."""
    return torch.ones(S, S + 1, dtype=torch.bool).tril()[None]


def _norm(x: Tensor, weight: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * weight


def _attend(layer: SelfAttention, x: Tensor, context: Tensor, visible: Tensor) -> Tensor:
    q, k, v = (
        proj(rows).unflatten(-1, (layer.num_heads, -1)).transpose(1, 2)
        for proj, rows in ((layer.q_proj, x), (layer.k_proj, context), (layer.v_proj, context))
    )
    y = scaled_dot_product_attention(q, k, v, attn_mask=visible.unsqueeze(1))
    out: Tensor = layer.output_proj(y.transpose(1, 2).flatten(2))
    return out
