"""How a Two-Tower LCM writes one concept: everything that no diffusion step changes is computed once.

- A modulation depends on the timestep alone: per layer and timestep, norm weight and scale become one factor, and what the
  shift adds becomes a part of the next product's bias.
- The context is fixed while a concept is denoised: its keys and values are kept, one row is appended per concept.
- The unconditional half of guidance sees the zero vector alone: its cross-attention is one constant per layer.
- Own-slot attention is linear: value and output matrix are multiplied beforehand; so are gate and inner of the
  feed-forward one matrix.
- The weights do not change: a CPU gets them in the order in which oneDNN reads them.

What is left are products of a few rows with matrices that are larger than any cache.

Letters: B documents, R rows (B, or 2B with guidance), E concept size, D width, F inner size, H heads, K head size, M cached rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from fairseq2.nn import RMSNorm
from torch import Tensor
from torch.nn.functional import linear, pad, rms_norm, silu

from lcm.diffusion import Denoiser as Asked
from lcm.nn import (
    Denoiser,
    DenoiserBlock,
    FixedProduct,
    LayerCache,
    TimestepEmbedding,
    TransformerState,
    join_linears,
    product_dtype,
    versions,
)

PerStep = tuple[Tensor, ...]
"""A vector for each of the sampler's timesteps."""


@dataclass(frozen=True)
class SubBlockPlan:
    """x + gate · f(product(norm(x) · factor) + bias)."""

    product: FixedProduct
    factor: PerStep
    bias: PerStep
    gate: PerStep
    eps: float

    @staticmethod
    def of(weight: Tensor, bias: Tensor, norm: RMSNorm, triples: Sequence[Tensor], dtype: torch.dtype) -> SubBlockPlan:
        """For the first matrix [out, D] and bias [out] of f; shift, scale and gate, each [steps, D]."""
        shift, scale, gate = triples
        factor = scale * norm.get_parameter("weight")
        return SubBlockPlan(
            FixedProduct(weight, dtype), factor.unbind(), linear(shift, weight, bias).unbind(), gate.unbind(), norm.eps
        )

    def __call__(self, x: Tensor, step: int) -> Tensor:
        """x [R, D] → what f makes of its product [R, out]."""
        return self.product(rms_norm(x, x.shape[-1:], self.factor[step], self.eps), self.bias[step])


@dataclass(frozen=True)
class LayerPlan:
    """One layer's weights and constants."""

    own: SubBlockPlan
    """Own-slot attention: one matrix [D, D]."""
    cross: SubBlockPlan
    """Cross-attention's queries, over √K already."""
    cross_out: tuple[FixedProduct, Tensor]
    unconditional: PerStep
    """Gate · what cross-attention gives where the zero vector is all there is [D]."""
    ffn: SubBlockPlan
    """Gate and inner of the feed-forward: one matrix [2F, D]."""
    ffn_out: tuple[FixedProduct, Tensor]
    num_heads: int

    @staticmethod
    def of(block: DenoiserBlock, embedded: Tensor, dtype: torch.dtype) -> LayerPlan:
        """For SiLU(e_t) [steps, D] of the sampler's timesteps."""
        table = block.modulation.table(embedded).unbind(1)
        own, cross, ffn = block.self_attn, block.cross_attn, block.ffn
        root = (cross.q_proj.out_features / cross.num_heads) ** -0.5
        weight, bias = join_linears(ffn.gate_proj, ffn.inner_proj)
        own_matrix = own.output_proj.weight @ own.v_proj.weight, own.output_proj(own.v_proj.bias)
        return LayerPlan(
            own=SubBlockPlan.of(*own_matrix, block.self_attn_norm, table[:3], dtype),
            cross=SubBlockPlan.of(
                cross.q_proj.weight * root, cross.q_proj.bias * root, block.cross_attn_norm, table[3:6], dtype
            ),
            cross_out=FixedProduct.of(cross.output_proj, dtype=dtype),
            unconditional=(table[5] * cross.output_proj(cross.v_proj.bias)).unbind(),
            ffn=SubBlockPlan.of(weight, bias, block.ffn_norm, table[6:], dtype),
            ffn_out=FixedProduct.of(ffn.output_proj, dtype=dtype),
            num_heads=cross.num_heads,
        )

    def __call__(self, x: Tensor, step: int, keys: Tensor, values: Tensor, unseen: Tensor) -> Tensor:
        """x [R, D] → [R, D]; the first B rows have a context: keys, values [B · H, M, K], unseen as in `_rows`."""
        x = torch.addcmul(x, self.own.gate[step], self.own(x, step))
        B = len(keys) // self.num_heads
        with_context, without = x[:B], x[B:]
        q = self.cross(with_context, step).view(len(keys), 1, -1).to(keys.dtype)
        seen = torch.baddbmm(unseen, q, keys.mT).softmax(-1)
        y = torch.bmm(seen, values).view(B, -1).to(x.dtype)
        out, bias = self.cross_out
        with_context.addcmul_(self.cross.gate[step], out(y, bias))
        without.add_(self.unconditional[step])
        gate, inner = self.ffn(x, step).chunk(2, -1)
        out, bias = self.ffn_out
        return x.addcmul_(self.ffn.gate[step], out(silu(gate).mul_(inner), bias))


@dataclass(frozen=True)
class StepPlan:
    """What the denoising of every concept has in common, for one set of weights, one sampler and one type of products."""

    timesteps: list[int]
    dtype: torch.dtype
    weights: list[tuple[int, int]]
    """`versions` of all weights."""
    first: tuple[FixedProduct, Tensor]
    layers: list[LayerPlan]
    last: tuple[FixedProduct, Tensor]

    @staticmethod
    def of(
        denoiser: Denoiser, embedding: TimestepEmbedding, timesteps: Sequence[int], known: StepPlan | None
    ) -> StepPlan:
        """The plan, which is `known` where that still holds."""
        steps, home = list(timesteps), denoiser.prenet.weight
        weights, dtype = versions(denoiser, embedding), product_dtype(home)
        if known is not None and (known.timesteps, known.dtype, known.weights) == (steps, dtype, weights):
            return known
        with torch.autocast(home.device.type, enabled=False):
            embedded = silu(embedding(torch.tensor(steps, device=home.device)))
            layers = [LayerPlan.of(block, embedded, dtype) for block in denoiser.blocks]
            first, last = (FixedProduct.of(layer, dtype=dtype) for layer in (denoiser.prenet, denoiser.postnet))
        return StepPlan(steps, dtype, weights, first, layers, last)


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
        rows = pad(context[:, : read.longest], (0, 0, 1, 0))
        projected = [block.cross_attn.project(rows) for block in denoiser.blocks]
        return TwoTowerState(read, [LayerCache(keys.contiguous(), values.contiguous()) for keys, values in projected])

    def append(self, denoiser: Denoiser, context: Tensor) -> None:
        """One more context row of each document [B, D], just read: its keys and values.

        Caches grow by what is needed alone: each step reads all their rows, and with gaps between the heads that takes up
        to twice as long.
        """
        at, documents = self.read.lengths, torch.arange(len(context), device=context.device)
        missing = self.read.longest + 1 - self.caches[0].keys.shape[2]
        for block, cache in zip(denoiser.blocks, self.caches, strict=True):
            cache.keys, cache.values = (pad(rows, (0, 0, 0, missing)) for rows in (cache.keys, cache.values))
            keys, values = block.cross_attn.project(context[:, None])
            cache.keys[documents, :, at], cache.values[documents, :, at] = keys[:, :, 0], values[:, :, 0]

    def select(self, rows: Tensor) -> TwoTowerState:
        """The documents `rows` (int64) alone."""
        read = self.read.select(rows)
        width = read.longest + 1
        caches = [LayerCache(c.keys[rows, :, :width], c.values[rows, :, :width]) for c in self.caches]
        return TwoTowerState(read, caches, None if self.unread is None else self.unread[rows])


def denoise_next(denoiser: Denoiser, plan: StepPlan, state: TwoTowerState) -> Asked:
    """What the sampler asks: x_t [B, E], t → the network's output with its context and, if guided, without."""
    caches, unseen = _rows(state)
    place = {t: step for step, t in enumerate(plan.timesteps)}
    home, norm = denoiser.prenet.weight, denoiser.norm

    def denoise(x_t: Tensor, t: int, guided: bool) -> tuple[Tensor, Tensor | None]:
        with torch.autocast(home.device.type, enabled=False):
            product, bias = plan.first
            x = product(x_t.to(home.dtype), bias)
            if guided:
                x = torch.cat((x, x))
            for layer, (keys, values) in zip(plan.layers, caches, strict=True):
                x = layer(x, place[t], keys, values, unseen)
            product, bias = plan.last
            out = product(norm(x), bias).to(x_t.dtype)
        with_context, without = out.chunk(2) if guided else (out, None)
        return with_context, without

    return denoise


def _rows(state: TwoTowerState) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
    """Keys and values [B · H, M, K] of every layer, and what is added to a score: −∞ [B · H, 1, M] past a document's end."""
    caches = [(cache.keys.flatten(0, 1), cache.values.flatten(0, 1)) for cache in state.caches]
    keys, read = state.caches[0].keys, state.read
    unseen = keys.new_zeros(1, 1, 1)
    if read.shortest < read.longest:
        past = torch.arange(keys.shape[2], device=keys.device) > read.lengths[:, None]
        unseen = keys.new_zeros(past.shape).masked_fill_(past, -torch.inf)
        unseen = unseen[:, None].expand(-1, keys.shape[1], -1).flatten(0, 1)[:, None]
    return caches, unseen
