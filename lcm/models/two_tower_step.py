"""How a Two-Tower LCM writes one concept: everything that no diffusion step changes is computed once.

- A modulation depends on the timestep alone: one table per layer for the sampler's timesteps.
- The context is fixed while a concept is denoised: its keys and values are kept, one row is appended per concept.
- The unconditional half of guidance sees the zero vector alone: its cross-attention is one constant per layer.
- Own-slot attention is linear: value and output matrix are multiplied beforehand; so gate and inner of the
  feed-forward are one matrix.

Letters: B documents, R rows (B, or 2B with guidance), E concept size, D width, H heads, K head size, M cached rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import linear, pad, scaled_dot_product_attention, silu

from lcm.diffusion import Denoiser as Asked
from lcm.nn import Append, Denoiser, DenoiserBlock, LayerCache, TimestepEmbedding, TransformerState


@dataclass(frozen=True)
class LayerPlan:
    """One layer's weights and constants."""

    block: DenoiserBlock
    own: tuple[Tensor, Tensor]
    """Own-slot attention: matrix [D, D] and bias [D]."""
    gate_inner: tuple[Tensor, Tensor]
    """Feed-forward: matrix [2F, D] and bias [2F]."""
    unconditional: Tensor
    """What cross-attention gives where the zero vector is all there is [D]."""
    table: Tensor
    """Shift, scale and gate of the three sub-blocks for each of the sampler's timesteps [steps, 9, D]."""


@dataclass(frozen=True)
class StepPlan:
    """What the denoising of every concept has in common, for one set of weights and one sampler."""

    timesteps: list[int]
    weights: list[tuple[int, int]]
    """Address and version of every parameter: a plan of other weights is of no use."""
    layers: list[LayerPlan]

    @staticmethod
    def of(
        denoiser: Denoiser, embedding: TimestepEmbedding, timesteps: Sequence[int], known: StepPlan | None
    ) -> StepPlan:
        """The plan, which is `known` where that still holds."""
        weights = [(p.data_ptr(), p._version) for module in (denoiser, embedding) for p in module.parameters()]
        steps = list(timesteps)
        if known is not None and (known.timesteps, known.weights) == (steps, weights):
            return known
        t = torch.tensor(steps, device=denoiser.prenet.weight.device)
        embedded = silu(embedding(t))
        return StepPlan(steps, weights, [_plan(block, embedded) for block in denoiser.blocks])


def _plan(block: DenoiserBlock, embedded: Tensor) -> LayerPlan:
    v, out = block.self_attn.v_proj, block.self_attn.output_proj
    own = (out.weight @ v.weight, linear(v.bias, out.weight, out.bias))
    halves = (block.ffn.gate_proj, block.ffn.inner_proj)
    weight, bias = (torch.cat([half.get_parameter(name) for half in halves]) for name in ("weight", "bias"))
    gate_inner = (weight, bias)
    cross = block.cross_attn
    unconditional = cross.output_proj(cross.v_proj.bias)
    return LayerPlan(block, own, gate_inner, unconditional, block.modulation.table(embedded))


@dataclass
class TwoTowerState:
    """Documents being written: what the contextualizer remembers, and every denoiser layer's keys and values."""

    read: TransformerState
    caches: list[LayerCache]
    """[B, H, M, K]; row 0 is the zero vector, row n + 1 context n."""
    unread: Tensor | None = None
    """[B, E] raw: the newest concept, which the next step reads first (the last one is never read)."""

    @staticmethod
    def start(denoiser: Denoiser, context: Tensor, read: TransformerState) -> TwoTowerState:
        """From the contextualizer's rows [B, S, D] and its state."""
        rows = pad(context, (0, 0, 1, 0))
        return TwoTowerState(read, [LayerCache(*block.cross_attn.project(rows)) for block in denoiser.blocks])

    def append(self, denoiser: Denoiser, context: Tensor) -> None:
        """One more context row of each document [B, D], just read: its keys and values."""
        positions = self.read.lengths  # the zero vector comes first
        width = self.read.longest + 1
        at = Append(positions, width, positions.new_empty(0, dtype=torch.bool))
        for block, cache in zip(denoiser.blocks, self.caches, strict=True):
            keys, values = block.cross_attn.project(context[:, None])
            cache.append(keys, values, at)

    def keys(self) -> tuple[list[LayerCache], Tensor | None]:
        """The real rows of every layer, and which of them each document sees, bool [B, 1, 1, M]; None: all of them."""
        lengths, width = self.read.lengths, self.read.longest + 1
        layers = [LayerCache(cache.keys[:, :, :width], cache.values[:, :, :width]) for cache in self.caches]
        if bool((lengths == width - 1).all()):
            return layers, None
        return layers, (torch.arange(width, device=lengths.device) <= lengths[:, None])[:, None, None]

    def select(self, rows: Tensor) -> TwoTowerState:
        """The documents `rows` (int64) alone."""
        read = self.read.select(rows)
        width = read.longest + 1
        caches = [LayerCache(c.keys[rows, :, :width], c.values[rows, :, :width]) for c in self.caches]
        return TwoTowerState(read, caches, None if self.unread is None else self.unread[rows])


def denoise_next(denoiser: Denoiser, plan: StepPlan, state: TwoTowerState) -> Asked:
    """What the sampler asks: x_t [B, E], t → the network's output with its context and, if guided, without."""
    caches, seen = state.keys()
    place = {t: step for step, t in enumerate(plan.timesteps)}
    dtype = denoiser.prenet.weight.dtype

    def denoise(x_t: Tensor, t: int, guided: bool) -> tuple[Tensor, Tensor | None]:
        x = denoiser.prenet(x_t.to(dtype))
        if guided:
            x = torch.cat((x, x))
        for layer, cache in zip(plan.layers, caches, strict=True):
            x = _layer(layer, x, place[t], cache, seen)
        out = denoiser.postnet(denoiser.norm(x)).to(x_t.dtype)
        with_context, without = out.chunk(2) if guided else (out, None)
        return with_context, without

    return denoise


def _layer(plan: LayerPlan, x: Tensor, step: int, cache: LayerCache, seen: Tensor | None) -> Tensor:
    """x [R, D] → [R, D]; the first B rows have a context."""
    block, B = plan.block, len(cache.keys)
    shift1, scale1, gate1, shift2, scale2, gate2, shift3, scale3, gate3 = plan.table[step]
    y = linear(torch.addcmul(shift1, scale1, block.self_attn_norm(x)), *plan.own)
    x = torch.addcmul(x, gate1, y)
    h = torch.addcmul(shift2, scale2, block.cross_attn_norm(x[:B]))
    cross = block.cross_attn
    q = cross.q_proj(h).unflatten(-1, (cross.num_heads, 1, -1))  # [B, H, 1, K]
    y = scaled_dot_product_attention(q, cache.keys, cache.values, attn_mask=seen)
    y = cross.output_proj(y.flatten(1))
    if len(x) > B:
        y = torch.cat((y, plan.unconditional.expand(len(x) - B, -1)))
    x = torch.addcmul(x, gate2, y)
    gate, inner = linear(torch.addcmul(shift3, scale3, block.ffn_norm(x)), *plan.gate_inner).chunk(2, -1)
    return torch.addcmul(x, gate3, block.ffn.output_proj(silu(gate) * inner))
