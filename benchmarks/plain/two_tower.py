"""The Two-Tower LCM in its plain form: the formulas written down, nothing spared. Oracle and yardstick.

Self-attention has queries and keys and a mask that leaves each slot its own; AdaLN is computed for every position;
every diffusion step projects the whole context to keys and values; the unconditional half of guidance carries the
full context behind a mask. Weights are those of a `TwoTowerLCM`, queries and keys of self-attention aside.

Letters: B documents, S slots, E concept size, D width, F inner size of the feed-forward, M context rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad, silu

from benchmarks.plain.parts import PlainTransformer, attend, norm, project, training_flops, transformer_flops
from lcm.models import LossTerms, Sampler, TwoTowerConfig, TwoTowerLCM
from lcm.models.contract import Batch
from lcm.nn import DenoiserBlock, Padded, SelfAttention, sinusoid


class PlainBlock(nn.Module):
    """A copy of a denoiser layer."""

    def __init__(self, block: DenoiserBlock, dropout: float) -> None:
        super().__init__()
        weight = block.self_attn.v_proj.weight
        self.self_attn = SelfAttention(len(weight), block.cross_attn.num_heads).to(weight.device, weight.dtype)
        self.self_attn.v_proj, self.self_attn.output_proj = (
            deepcopy(proj) for proj in (block.self_attn.v_proj, block.self_attn.output_proj)
        )
        self.cross_attn = deepcopy(block.cross_attn)
        self.modulation = deepcopy(block.modulation)
        self.gate_proj, self.inner_proj, self.output_proj = (
            deepcopy(proj) for proj in (block.ffn.gate_proj, block.ffn.inner_proj, block.ffn.output_proj)
        )
        norms = (block.self_attn_norm, block.cross_attn_norm, block.ffn_norm)
        self.norms = nn.ParameterList(deepcopy(theirs.get_parameter("weight")) for theirs in norms)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, embedded: Tensor, context: Tensor, visible: Tensor) -> Tensor:
        """x [B, S, D], SiLU(e_t) [B, S, D], context [B, M + 1, D] with the zero vector, visible [B | 1, S, M + 1]."""
        mods = linear(embedded, self.modulation.weight, self.modulation.bias).chunk(9, -1)
        own = torch.eye(x.shape[1], dtype=torch.bool, device=x.device)[None]
        h = norm(x, self.norms[0]) * (1 + mods[1]) + mods[0]
        x = x + mods[2] * self.dropout(attend(self.self_attn, *project(self.self_attn, h, h), own))
        h = norm(x, self.norms[1]) * (1 + mods[4]) + mods[3]
        x = x + mods[5] * self.dropout(attend(self.cross_attn, *project(self.cross_attn, h, context), visible))
        h = norm(x, self.norms[2]) * (1 + mods[7]) + mods[6]
        return x + mods[8] * self.dropout(self.output_proj(silu(self.gate_proj(h)) * self.inner_proj(h)))


class PlainDenoiser(nn.Module):
    """A copy of the denoiser of `model`."""

    def __init__(self, model: TwoTowerLCM) -> None:
        super().__init__()
        theirs = model.denoiser
        self.time = deepcopy(model.time_embedding)
        self.prenet, self.postnet = deepcopy(theirs.prenet), deepcopy(theirs.postnet)
        self.norm = deepcopy(theirs.norm.get_parameter("weight"))
        self.layers = nn.ModuleList(PlainBlock(block, model.config.dropout) for block in theirs.blocks)
        self.train(model.training)

    def forward(self, noisy: Tensor, t: Tensor, context: Tensor, visible: Tensor) -> Tensor:
        """noisy [B, S, E] at t [B, S], context [B, M, D], visible [B | 1, S, M + 1] → [B, S, E]."""
        features = sinusoid(t).to(self.norm.dtype)
        embedded = silu(self.time.fc2(silu(self.time.fc1(features))))
        context = pad(context, (0, 0, 1, 0))
        x = self.prenet(noisy)
        for layer in self.layers:
            x = layer(x, embedded, context, visible)
        out: Tensor = self.postnet(norm(x, self.norm))
        return out

    def next(self, x_t: Tensor, t: int, context: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """One evaluation with guidance: x_t [B, E] → the output [B, E] with the context, and without."""
        keys = torch.arange(context.shape[1] + 1, device=x_t.device)
        seen = torch.cat((keys <= lengths[:, None], (keys == 0).expand(len(x_t), -1)))[:, None]
        noisy = torch.cat((x_t, x_t))[:, None]
        at = torch.full((len(noisy), 1), t, device=x_t.device)
        conditional, unconditional = self(noisy, at, torch.cat((context, context)), seen)[:, 0].chunk(2)
        return conditional, unconditional


class PlainTwoTower(nn.Module):
    """A copy of `model` with its calls: the loss, and one new concept after a prompt."""

    def __init__(self, model: TwoTowerLCM) -> None:
        super().__init__()
        self.config, self.diffusion = model.config, model.diffusion
        self.normalizer = deepcopy(model.normalizer)
        self.prenet = deepcopy(model.contextualizer.prenet)
        self.contextualizer = PlainTransformer(model.contextualizer.transformer, model.config.dropout)
        self.denoiser = PlainDenoiser(model)
        self.train(model.training)

    def forward(self, batch: Batch, rng: torch.Generator) -> LossTerms:
        """As of a ConceptModel, for padded batches."""
        z, S = self.normalizer(batch.concepts), batch.concepts.shape[1]
        draws = self.diffusion.draw(batch, rng)
        noisy = self.diffusion.schedule.add_noise(z, draws.noise, draws.t)
        visible = causal_visible(S).to(z.device).repeat(len(z), 1, 1)
        if draws.dropped is not None:
            visible[draws.dropped] = torch.arange(S + 1, device=z.device) == 0
        output = self.denoiser(noisy, draws.t, self.contextualizer(self.prenet(z)), visible)
        return self.diffusion.loss(output, z, draws, Padded(batch.lengths, S).real)

    @torch.no_grad()
    def prefill(self, prompts: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Raw prompts [B, S, E] → their context [B, S, D], and the lengths."""
        return self.contextualizer(self.prenet(self.normalizer(prompts))), lengths

    @torch.no_grad()
    def step(self, state: tuple[Tensor, Tensor], sampler: Sampler, rngs: Sequence[torch.Generator]) -> Tensor:
        """The raw concept [B, E] that follows."""
        noise = sampler.initial_noise(self.config.concept_dim, rngs, self.normalizer.center)
        z = sampler.sample(
            self.diffusion.schedule, lambda x, t, guided: self.denoiser.next(x, t, *state), noise,
            prediction=self.config.prediction, rngs=rngs,
        )  # fmt: skip
        return self.normalizer.denormalize(z)

    def training_flops(self, B: int, S: int) -> int:
        """What the formulas say of forward and backward, for B documents of S sentences."""
        c, D, F, L = self._sizes()
        products, attention = transformer_flops(B, S, D, F, c.context_layers)
        layer = 9 * D * D + 8 * D * D + 3 * D * F  # AdaLN, two attentions, feed-forward
        slot = 256 * D + D * D + 3 * c.concept_dim * D + L * layer
        zero_vectors = 2 * B * L * 2 * D * D
        return training_flops(
            products + 2 * B * S * slot + zero_vectors, attention + 2 * B * S * L * 2 * D * (2 * S + 1)
        )

    def step_flops(self, B: int, M: int, steps: int) -> int:
        """What the formulas say of one new concept, for B documents with M sentences of context, with guidance."""
        c, D, F, L = self._sizes()
        layer = (
            9 * D * D + 6 * D * D + 3 * D * F + 2 * D + (M + 1) * (2 * D * D + 2 * D)
        )  # the context's keys and values
        return steps * 2 * (2 * B) * (256 * D + D * D + 2 * c.concept_dim * D + L * layer)

    def _sizes(self) -> tuple[TwoTowerConfig, int, int, int]:
        inner = self.denoiser.layers[0].gate_proj.weight.shape[0]
        return self.config, self.config.model_dim, inner, self.config.denoiser_layers


def causal_visible(S: int) -> Tensor:
    """bool [1, S, S + 1]: slot n sees the zero vector and contexts 0 … n − 1."""
    return torch.ones(S, S + 1, dtype=torch.bool).tril()[None]
