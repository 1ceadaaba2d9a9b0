"""The One-Tower LCM in its plain form: the formulas written down, nothing spared. Oracle and yardstick.

Slots lie as noisy₀ clean₀ noisy₁ clean₁ …, a dense mask tells which sees which; every slot's timestep is embedded for itself;
every diffusion step runs the whole prompt through the transformer again, for both halves of guidance.

Letters: B documents, S sentences, E concept size, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from benchmarks.plain.parts import PlainTransformer, causal, training_flops, transformer_flops
from lcm.models import LossTerms, OneTowerLCM, Sampler
from lcm.models.contract import Batch
from lcm.nn import Padded, sinusoid


class PlainOneTower(nn.Module):
    """A copy of `model` with its calls: the loss, and one new concept after a prompt."""

    def __init__(self, model: OneTowerLCM) -> None:
        super().__init__()
        self.config, self.diffusion = model.config, model.diffusion
        self.normalizer = deepcopy(model.normalizer)
        self.time, self.clean = deepcopy(model.time_embedding), nn.Parameter(model.clean.detach().clone())
        self.prenet, self.postnet = deepcopy(model.prenet), deepcopy(model.postnet)
        self.transformer = PlainTransformer(model.transformer, model.config.dropout)
        self.train(model.training)

    def forward(self, batch: Batch, rng: torch.Generator) -> LossTerms:
        """As of a ConceptModel, for padded batches."""
        z = self.normalizer(batch.concepts)
        draws = self.diffusion.draw(batch, rng)
        noisy = self.diffusion.schedule.add_noise(z, draws.noise, draws.t)
        output = self.denoise(noisy, draws.t, z, draws.dropped)
        return self.diffusion.loss(output, z, draws, Padded(batch.lengths, z.shape[1]).real)

    def denoise(self, noisy: Tensor, t: Tensor, z: Tensor, dropped: Tensor | None = None) -> Tensor:
        """noisy and clean normalized concepts [B, S, E], t [B, S], dropped bool [B, S] → the output [B, S, E]."""
        B, S, _ = z.shape
        x = torch.stack((self._embed(noisy, self._embed_time(t)), self._embed(z, self.clean)), 2).flatten(1, 2)
        slots = torch.arange(2 * S, device=z.device)
        sentence, clean = slots // 2, slots % 2 == 1
        earlier = clean & ((sentence[:, None] > sentence) | (clean[:, None] & (sentence[:, None] == sentence)))
        visible = (earlier | (slots[:, None] == slots)).repeat(B, 1, 1)
        if dropped is not None:
            visible[:, ::2] &= ~dropped[..., None] | (slots == 2 * torch.arange(S, device=z.device)[:, None])
        out: Tensor = self.postnet(self.transformer(x, sentence[None], visible))[:, ::2]
        return out

    @torch.no_grad()
    def prefill(self, prompts: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Nothing is done before it is asked for."""
        return prompts, lengths

    @torch.no_grad()
    def step(self, state: tuple[Tensor, Tensor], sampler: Sampler, rngs: Sequence[torch.Generator]) -> Tensor:
        """The raw concept [B, E] that follows."""
        prompts, lengths = state
        z, noise = (
            self.normalizer(prompts),
            sampler.initial_noise(self.config.concept_dim, rngs, self.normalizer.center),
        )
        x0 = sampler.sample(
            self.diffusion.schedule, lambda x, t, guided: self.next(x, t, z, lengths), noise,
            prediction=self.config.prediction, rngs=rngs,
        )  # fmt: skip
        return self.normalizer.denormalize(x0)

    def next(self, x_t: Tensor, t: int, z: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """One evaluation with guidance: x_t [B, E] after normalized prompts z [B, S, E] → the output [B, E] with them, and
        without."""
        B, S, _ = z.shape
        noisy = self._embed(x_t, self._embed_time(torch.full((B,), t, device=z.device)))
        x = torch.cat((self._embed(z, self.clean), noisy[:, None]), 1).repeat(2, 1, 1)
        slots = torch.arange(S, device=z.device)
        positions = torch.cat((slots.expand(B, -1), lengths[:, None]), 1).repeat(2, 1)
        visible = causal(S + 1, z.device).repeat(2 * B, 1, 1)
        visible[:B, S, :S] = slots < lengths[:, None]
        visible[B:, S, :S] = False
        conditional, unconditional = self.postnet(self.transformer(x, positions, visible)[:, S]).chunk(2)
        return conditional, unconditional

    def training_flops(self, B: int, S: int) -> int:
        """What the formulas say of forward and backward, for B documents of S sentences."""
        products, attention = self._flops(B, 2 * S)
        D = self.config.model_dim
        return training_flops(products + 2 * B * S * (256 * D + D * D + D * self.config.concept_dim), attention)

    def step_flops(self, B: int, M: int, steps: int) -> int:
        """What the formulas say of one new concept, for B documents of M sentences, with guidance."""
        D, E = self.config.model_dim, self.config.concept_dim
        once = 2 * B * (256 * D + D * D + (M + 1) * (E + D) * D) + 2 * 2 * B * D * E  # embeddings; PostNet
        products, attention = self._flops(2 * B, M + 1, embed=False)
        return steps * (once + products + attention)

    def _flops(self, B: int, S: int, embed: bool = True) -> tuple[int, int]:
        c, blocks = self.config, self.transformer.theirs.blocks
        inner = blocks[0].ffn.gate_proj.get_parameter("weight").shape[0]
        products, attention = transformer_flops(B, S, c.model_dim, inner, c.num_layers)
        return products + embed * 2 * B * S * (c.concept_dim + c.model_dim) * c.model_dim, attention

    def _embed_time(self, t: Tensor) -> Tensor:
        embedded: Tensor = self.time.fc2(silu(self.time.fc1(sinusoid(t).to(self.clean.dtype))))
        return embedded

    def _embed(self, z: Tensor, e: Tensor) -> Tensor:
        joined = torch.cat((z.to(e.dtype), e.expand(*z.shape[:-1], -1)), -1)
        out: Tensor = self.prenet(joined)
        return out
