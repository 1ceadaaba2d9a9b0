"""One-Tower diffusion LCM: one transformer reads the clean concepts and denoises the next (paper §2.3.3).

    raw concepts → normalize → [z; e_t] → PreNet (E + D)→D → transformer → PostNet D→E
    training: noisy₀ clean₀ noisy₁ clean₁ …, noisy n sees itself and clean 0 … n − 1, clean n sees clean 0 … n

A clean slot has a learned vector in place of e_t. Both slots of a pair stand at position n, so that all sentences of a
document are denoised in one pass. Letters: B documents, S sentences, E concept size, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear

from lcm.diffusion import Denoiser
from lcm.models.contract import LossTerms, check_lengths
from lcm.models.diffusion_config import DiffusionConfig, Draws
from lcm.models.diffusion_model import DiffusionLCM
from lcm.models.one_tower_step import OneTowerState, StepPlan, denoise_next
from lcm.models.registry import Family, register
from lcm.nn import CausalTransformer, Interleaved, Layout, Padded, PostNet, PreNet, TimestepEmbedding


@dataclass(frozen=True, kw_only=True)
class OneTowerConfig(DiffusionConfig):
    """What a One-Tower LCM is built from. Defaults are the `tiny` architecture on SONAR."""

    num_layers: int = 6
    """Transformer blocks (paper: 32)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_at_least_1("num_layers")


ARCHITECTURES = {
    "tiny": OneTowerConfig(),
    "small": OneTowerConfig(model_dim=512, num_heads=8, num_layers=12),
    "medium": OneTowerConfig(model_dim=1024, num_heads=16, num_layers=20),
    "1_6b": OneTowerConfig(model_dim=2048, num_heads=16, num_layers=32, max_len=4096),
}


class ConditionedPreNet(PreNet):
    """Linear on [z; e]: a concept [..., E] beside what tells its noise, e_t or the vector of clean slots [..., D]."""

    def __init__(self, concept_dim: int, model_dim: int) -> None:
        super().__init__(concept_dim + model_dim, model_dim)

    def concept_part(self, z: Tensor) -> Tensor:
        """z [..., E] → its share [..., D] of the product."""
        dtype = self.weight.dtype
        share: Tensor = linear(z.to(dtype), self.weight[:, : -self.out_features]).to(dtype)
        return share

    def noise_part(self, e: Tensor) -> Tensor:
        """e [..., D] → its share [..., D], the bias included."""
        share: Tensor = linear(e, self.weight[:, -self.out_features :], self.bias).to(self.weight.dtype)
        return share


class OneTowerLCM(DiffusionLCM):
    """The diffusion model that is a single transformer."""

    config: OneTowerConfig

    def __init__(self, config: OneTowerConfig) -> None:
        super().__init__(config)
        E, D = config.concept_dim, config.model_dim
        self.time_embedding = TimestepEmbedding(D)
        self.clean = nn.Parameter(torch.empty(D))
        self.prenet = ConditionedPreNet(E, D)
        self.transformer = CausalTransformer(D, config.num_heads, config.num_layers, config.dropout, config.rope_theta)
        self.postnet = PostNet(D, E)
        self._plan: StepPlan | None = None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The clean slots' vector begins as small as a timestep's."""
        nn.init.normal_(self.clean, std=0.02)

    def loss(
        self, concepts: Tensor, lengths: Tensor, *, noise: Tensor, t: Tensor, dropped: Tensor | None = None
    ) -> LossTerms:
        """The training loss with given draws: noise [B, S, E], t int64 [B, S], `dropped` bool [B, S] as in `denoise`."""
        check_lengths(concepts, lengths, self.config.concept_dim, self.config.max_len)
        layout, draws = Padded(lengths, concepts.shape[1]), Draws(noise=noise, t=t, dropped=dropped)
        z = self.normalizer(concepts)
        return self.diffusion.loss(self._train_output(z, layout, draws), z, draws, layout.real)

    def denoise(
        self, noisy: Tensor, t: Tensor, concepts: Tensor, lengths: Tensor, dropped: Tensor | None = None
    ) -> Tensor:
        """Noisy normalized concepts [B, S, E] at timesteps t int64 [B, S], raw clean ones [B, S, E] → the network's output
        [B, S, E]. Slots that are `dropped`, bool [B, S], see themselves alone."""
        check_lengths(concepts, lengths, self.config.concept_dim, self.config.max_len)
        layout = Padded(lengths, concepts.shape[1])
        return self._denoise(noisy, t, self.normalizer(concepts), layout, dropped)

    def _train_output(self, z: Tensor, layout: Layout, draws: Draws) -> Tensor:
        noisy = self.diffusion.schedule.add_noise(z, draws.noise, draws.t)
        return self._denoise(noisy, draws.t, z, layout, draws.dropped)

    def _denoise(self, noisy: Tensor, t: Tensor, z: Tensor, layout: Layout, dropped: Tensor | None) -> Tensor:
        distinct, rows = t.unique(return_inverse=True)
        noise_parts = embedding(rows, self.prenet.noise_part(self.time_embedding(distinct)))
        clean = self._embed_clean(layout.before(z))
        x = torch.cat((self.prenet.concept_part(noisy) + noise_parts, clean), 1)
        positions = torch.cat((layout.positions, layout.positions[: clean.shape[1]]))
        y = self.transformer(x, positions, Interleaved(layout, dropped))
        output: Tensor = self.postnet(y[:, : noisy.shape[1]])
        return output

    @torch.no_grad()
    def prefill(self, prompts: Tensor, lengths: Tensor) -> OneTowerState:
        """Raw prompts [B, S, E] → the state after each. A prompt may be empty: a noisy slot needs no context."""
        check_lengths(prompts, lengths, self.config.concept_dim, self.config.max_len, shortest=0)
        if prompts.shape[1] == 0:
            prompts = prompts.new_zeros(len(prompts), 1, self.config.concept_dim)
        _, read = self.transformer.prefill(self._embed_clean(self.normalizer(prompts)), lengths)
        return OneTowerState(read)

    def _read(self, state: OneTowerState, z: Tensor) -> None:
        self.transformer.step(self._embed_clean(z), state.read)

    def _denoiser(self, state: OneTowerState, timesteps: Sequence[int]) -> Denoiser:
        self._plan = StepPlan.of(self, timesteps, self._plan)
        return denoise_next(self, self._plan, state.read)

    def _embed_clean(self, z: Tensor) -> Tensor:
        """Clean normalized concepts [..., E] → [..., D]."""
        return self.prenet.concept_part(z) + self.prenet.noise_part(self.clean)

    @property
    def stacks(self) -> Sequence[nn.ModuleList]:
        """The transformer's layers."""
        return [self.transformer.layers]


register(Family(name="one_tower", config=OneTowerConfig, model=OneTowerLCM, architectures=ARCHITECTURES))
