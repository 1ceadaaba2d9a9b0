"""How a One-Tower LCM writes one concept: clean slots are read once, a diffusion step computes the one noisy slot.

- Keys and values of clean slots are kept; those of the noisy slot lie in the next row until the clean one takes it.
- What a timestep adds to the PreNet is one row of a table.
- The unconditional half of guidance sees itself alone: its attention gives its own value, without queries or keys.
- Query, key and value are one matrix, gate and inner of the feed-forward another.

Letters: B documents, R rows (B, or 2B with guidance), E concept size, D width, H heads, K head size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import linear, silu

from lcm.diffusion import Denoiser
from lcm.nn import Append, LayerCache, TransformerBlock, TransformerState, rotate

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
    """One layer's weights, joined."""

    block: TransformerBlock
    qkv: tuple[Tensor, Tensor]
    """Matrix [3D, D] and bias [3D]."""
    gate_inner: tuple[Tensor, Tensor]
    """Matrix [2F, D] and bias [2F]."""


@dataclass(frozen=True)
class StepPlan:
    """What the denoising of every concept has in common, for one set of weights and one sampler."""

    timesteps: list[int]
    weights: list[tuple[int, int]]
    """Address and version of every parameter: a plan of other weights is of no use."""
    layers: list[LayerPlan]
    table: Tensor
    """What each of the timesteps adds to the PreNet [steps, D]."""

    @staticmethod
    def of(model: OneTowerLCM, timesteps: Sequence[int], known: StepPlan | None) -> StepPlan:
        """The plan, which is `known` where that still holds."""
        weights = [(p.data_ptr(), p._version) for p in model.parameters()]
        steps = list(timesteps)
        if known is not None and (known.timesteps, known.weights) == (steps, weights):
            return known
        t = torch.tensor(steps, device=model.clean.device)
        table = model.prenet.noise_part(model.time_embedding(t))
        return StepPlan(steps, weights, [_plan(block) for block in model.transformer.blocks], table)


def _plan(block: TransformerBlock) -> LayerPlan:
    attention, ffn = block.self_attn, block.ffn
    return LayerPlan(
        block, _join(attention.q_proj, attention.k_proj, attention.v_proj), _join(ffn.gate_proj, ffn.inner_proj)
    )


def _join(*layers: torch.nn.Module) -> tuple[Tensor, Tensor]:
    weight, bias = (torch.cat([layer.get_parameter(name) for layer in layers]) for name in ("weight", "bias"))
    return weight, bias


def denoise_next(model: OneTowerLCM, plan: StepPlan, read: TransformerState) -> Denoiser:
    """What the sampler asks: x_t [B, E], t → the network's output with its context and, if guided, without."""
    at = read.next_row()
    turns = model.transformer.turns(at.positions[:, None, None], plan.table)  # [B, 1, 1, K/2]
    place = {t: step for step, t in enumerate(plan.timesteps)}

    def denoise(x_t: Tensor, t: int, guided: bool) -> tuple[Tensor, Tensor | None]:
        x = model.prenet.concept_part(x_t) + plan.table[place[t]]
        if guided:
            x = torch.cat((x, x))
        for layer, cache in zip(plan.layers, read.layers, strict=True):
            x = _layer(layer, x, cache, at, turns)
        out = model.postnet(model.transformer.norm(x)).to(x_t.dtype)
        with_context, without = out.chunk(2) if guided else (out, None)
        return with_context, without

    return denoise


def _layer(plan: LayerPlan, x: Tensor, cache: LayerCache, at: Append, turns: Tensor) -> Tensor:
    """x [R, D] → [R, D]; the first B rows have a context."""
    block, B, D = plan.block, len(at.positions), x.shape[-1]
    qkv = linear(block.self_attn_norm(x), *plan.qkv)  # [R, 3D]
    q, k, v = qkv[:B].unflatten(-1, (3, block.self_attn.num_heads, 1, -1)).unbind(1)  # each [B, H, 1, K]
    y = cache.attend(rotate(q, turns), rotate(k, turns), v, at=at).flatten(1)
    if len(x) > B:
        y = torch.cat((y, qkv[B:, 2 * D :]))
    x = x + block.self_attn.output_proj(y)
    gate, inner = linear(block.ffn_norm(x), *plan.gate_inner).chunk(2, -1)
    return x + block.ffn.output_proj(silu(gate) * inner)
