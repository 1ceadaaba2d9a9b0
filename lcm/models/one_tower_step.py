"""How a One-Tower LCM writes one concept: clean slots are read once, a diffusion step computes the one noisy slot.

- Keys and values of clean slots are kept; those of the noisy slot lie in the next row until the clean one takes it.
- What a timestep adds to the PreNet is one row of a table.
- The unconditional half of guidance sees itself alone: its attention gives its own value, without queries or keys.
- Query, key and value are one matrix, gate and inner of the feed-forward another; a CPU gets them packed.

Letters: B documents, R rows (B, or 2B with guidance), E concept size, D width, H heads, K head size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import silu

from lcm.diffusion import Denoiser
from lcm.nn import (
    Append,
    FixedProduct,
    LayerCache,
    TransformerBlock,
    TransformerState,
    product_dtype,
    rotate,
    versions,
)

if TYPE_CHECKING:
    from lcm.models.one_tower import OneTowerLCM


@dataclass
class OneTowerState:
    """Documents being written: the clean slots' keys and values."""

    read: TransformerState
    unread: Tensor | None = None
    """[B, E] raw: the newest concept, which the next step reads first (the last one is never read)."""

    def select(self, rows: Tensor) -> OneTowerState:
        """The documents `rows` (int64) alone."""
        return OneTowerState(self.read.select(rows), None if self.unread is None else self.unread[rows])


@dataclass(frozen=True)
class LayerPlan:
    """One layer's products."""

    block: TransformerBlock
    qkv: tuple[FixedProduct, Tensor]
    """One matrix [3D, D]."""
    attended: tuple[FixedProduct, Tensor]
    gate_inner: tuple[FixedProduct, Tensor]
    """One matrix [2F, D]."""
    out: tuple[FixedProduct, Tensor]

    @staticmethod
    def of(block: TransformerBlock, dtype: torch.dtype) -> LayerPlan:
        """The products computed as `dtype`."""
        attention, ffn = block.self_attn, block.ffn
        return LayerPlan(
            block=block,
            qkv=FixedProduct.of(attention.q_proj, attention.k_proj, attention.v_proj, dtype=dtype),
            attended=FixedProduct.of(attention.output_proj, dtype=dtype),
            gate_inner=FixedProduct.of(ffn.gate_proj, ffn.inner_proj, dtype=dtype),
            out=FixedProduct.of(ffn.output_proj, dtype=dtype),
        )

    def __call__(self, x: Tensor, cache: LayerCache, at: Append, turns: Tensor) -> Tensor:
        """x [R, D] → [R, D]; the first B rows have a context."""
        B, D = len(at.positions), x.shape[-1]
        product, bias = self.qkv
        qkv = product(self.block.self_attn_norm(x), bias)  # [R, 3D]
        heads = qkv[:B].unflatten(-1, (3, self.block.self_attn.num_heads, 1, -1))
        q, k, v = heads.unbind(1)  # each [B, H, 1, K]
        y = cache.attend(rotate(q, turns), rotate(k, turns), v, at=at).flatten(1)
        if len(x) > B:
            y = torch.cat((y, qkv[B:, 2 * D :]))
        product, bias = self.attended
        x = x + product(y, bias)
        product, bias = self.gate_inner
        gate, inner = product(self.block.ffn_norm(x), bias).chunk(2, -1)
        product, bias = self.out
        return x + product(silu(gate).mul_(inner), bias)


@dataclass(frozen=True)
class StepPlan:
    """What the denoising of every concept has in common, for one set of weights, one sampler and one type of products."""

    timesteps: list[int]
    dtype: torch.dtype
    weights: list[tuple[int, int]]
    """`versions` of all weights."""
    layers: list[LayerPlan]
    table: Tensor
    """What each of the timesteps adds to the PreNet [steps, D]."""

    @staticmethod
    def of(model: OneTowerLCM, timesteps: Sequence[int], known: StepPlan | None) -> StepPlan:
        """The plan, which is `known` where that still holds."""
        steps, weights, dtype = list(timesteps), versions(model), product_dtype(model.clean)
        if known is not None and (known.timesteps, known.dtype, known.weights) == (steps, dtype, weights):
            return known
        with torch.autocast(model.clean.device.type, enabled=False):
            t = torch.tensor(steps, device=model.clean.device)
            table = model.prenet.noise_part(model.time_embedding(t))
        layers = [LayerPlan.of(block, dtype) for block in model.transformer.blocks]
        return StepPlan(steps, dtype, weights, layers, table)


def denoise_next(model: OneTowerLCM, plan: StepPlan, read: TransformerState) -> Denoiser:
    """What the sampler asks: x_t [B, E], t → the network's output with its context and, if guided, without."""
    at = read.next_row()
    turns = model.transformer.turns(at.positions[:, None, None], plan.table)  # [B, 1, 1, K/2]
    place = {t: step for step, t in enumerate(plan.timesteps)}

    def denoise(x_t: Tensor, t: int, guided: bool) -> tuple[Tensor, Tensor | None]:
        with torch.autocast(x_t.device.type, enabled=False):
            x = model.prenet.concept_part(x_t) + plan.table[place[t]]
            if guided:
                x = torch.cat((x, x))
            for layer, cache in zip(plan.layers, read.layers, strict=True):
                x = layer(x, cache, at, turns)
            out = model.postnet(model.transformer.norm(x)).to(x_t.dtype)
        with_context, without = out.chunk(2) if guided else (out, None)
        return with_context, without

    return denoise
