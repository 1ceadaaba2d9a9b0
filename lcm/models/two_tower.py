"""Two-Tower diffusion LCM: one transformer reads the clean concepts, another denoises the next (paper §2.3.4).

    raw concepts → normalize → contextualizer (Linear E→D, causal transformer) → context
    noisy concept, timestep, context → denoiser → the clean concept (or its noise, or velocity)

Letters: B documents, S sentences, E concept size, D width, L denoiser layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, silu

from lcm.diffusion import Denoiser as Asked
from lcm.models.contract import LossTerms, check_lengths
from lcm.models.diffusion_config import DiffusionConfig, Draws
from lcm.models.diffusion_model import DiffusionLCM
from lcm.models.registry import Family, register
from lcm.models.two_tower_step import StepPlan, TwoTowerState, denoise_next
from lcm.nn import CausalTransformer, Context, Denoiser, Layout, Padded, PreNet, TimestepEmbedding, Timesteps


@dataclass(frozen=True, kw_only=True)
class TwoTowerConfig(DiffusionConfig):
    """What a Two-Tower LCM is built from. Defaults are the `tiny` architecture on SONAR."""

    context_layers: int = 2
    """Layers of the contextualizer (paper: 5)."""

    denoiser_layers: int = 3
    """Layers of the denoiser (paper: 13)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_at_least_1("context_layers", "denoiser_layers")


ARCHITECTURES = {
    "tiny": TwoTowerConfig(),
    "small": TwoTowerConfig(model_dim=512, num_heads=8, context_layers=3, denoiser_layers=9),
    "medium": TwoTowerConfig(model_dim=1024, num_heads=16, context_layers=5, denoiser_layers=13),
    "1_6b": TwoTowerConfig(model_dim=2048, num_heads=16, context_layers=5, denoiser_layers=13, max_len=4096),
    "7b": TwoTowerConfig(model_dim=4096, num_heads=32, context_layers=5, denoiser_layers=14, max_len=4096),
}


class Contextualizer(nn.Module):
    """Linear E→D and a causal transformer."""

    def __init__(self, config: TwoTowerConfig) -> None:
        super().__init__()
        D = config.model_dim
        self.prenet = PreNet(config.concept_dim, D)
        self.transformer = CausalTransformer(
            D, config.num_heads, config.context_layers, config.dropout, config.rope_theta
        )

    def forward(self, z: Tensor, layout: Layout) -> Tensor:
        """Normalized concepts [B, S, E] → context [B, S, D]; row n tells of concepts 0 … n."""
        context: Tensor = self.transformer(self.prenet(z), layout.positions[: z.shape[1]], layout.causal)
        return context


class TwoTowerLCM(DiffusionLCM):
    """The diffusion model that encodes its context once."""

    config: TwoTowerConfig

    def __init__(self, config: TwoTowerConfig) -> None:
        super().__init__(config)
        self.contextualizer = Contextualizer(config)
        self.time_embedding = TimestepEmbedding(config.model_dim)
        self.denoiser = Denoiser(
            config.concept_dim, config.model_dim, config.num_heads, config.denoiser_layers, config.dropout
        )
        self._plan: StepPlan | None = None

    def loss(
        self, concepts: Tensor, lengths: Tensor, *, noise: Tensor, t: Tensor, visible: Tensor | None = None
    ) -> LossTerms:
        """The training loss with given draws: noise [B, S, E], t int64 [B, S], `visible` as in `denoise` with S = M.

        Of what is visible, padding is hidden.
        """
        context = self.contextualize(concepts, lengths)
        z, layout = self.normalizer(concepts), Padded(lengths, concepts.shape[1])
        if visible is not None:
            real = pad(layout.real, (1, 0), value=True)[:, None]  # [B, 1, S + 1]: the zero vector is always there
            visible = visible & (real if visible.ndim < 4 else real[:, None])
        output = self.denoise(self.diffusion.schedule.add_noise(z, noise, t), t, context, visible)
        return self.diffusion.loss(output, z, Draws(noise=noise, t=t, dropped=None), layout.real)

    def contextualize(self, concepts: Tensor, lengths: Tensor) -> Tensor:
        """Raw concepts [B, S, E] → context [B, S, D]; rows at padding are of no meaning."""
        check_lengths(concepts, lengths, self.config.concept_dim, self.config.max_len)
        context: Tensor = self.contextualizer(self.normalizer(concepts), Padded(lengths, concepts.shape[1]))
        return context

    def denoise(self, noisy: Tensor, t: Tensor, context: Tensor, visible: Tensor | None = None) -> Tensor:
        """Noisy normalized concepts [B, S, E] at timesteps t int64 [B, S] → the network's output [B, S, E].

        `visible`, bool [S, M + 1], [B | 1, S, M + 1] or [B | 1, 1, S, M + 1], is true where a slot may see a key of [zero
        vector, context 0 … M − 1]; by default slot n sees the zero vector and context 0 … n − 1.
        """
        if visible is None:
            S = noisy.shape[1]
            visible = torch.ones(S, context.shape[1] + 1, dtype=torch.bool, device=noisy.device).tril()
        return self._denoise(noisy, t, Context.masked(context, visible))

    def _train_output(self, z: Tensor, layout: Layout, draws: Draws) -> Tensor:
        context = Context.before(self.contextualizer(layout.before(z), layout), layout, draws.dropped)
        return self._denoise(self.diffusion.schedule.add_noise(z, draws.noise, draws.t), draws.t, context)

    def _denoise(self, noisy: Tensor, t: Tensor, context: Context) -> Tensor:
        distinct, rows = t.unique(return_inverse=True)
        timesteps = Timesteps(silu(self.time_embedding(distinct)), rows)
        output: Tensor = self.denoiser(noisy, timesteps, context)
        return output

    @torch.no_grad()
    def prefill(self, prompts: Tensor, lengths: Tensor) -> TwoTowerState:
        """Raw prompts [B, S, E] → the state after each. A prompt may be empty: sentence 0 needs the zero vector alone."""
        check_lengths(prompts, lengths, self.config.concept_dim, self.config.max_len, shortest=0)
        if prompts.shape[1] == 0:
            prompts = prompts.new_zeros(len(prompts), 1, self.config.concept_dim)
        x = self.contextualizer.prenet(self.normalizer(prompts))
        context, read = self.contextualizer.transformer.prefill(x, lengths)
        return TwoTowerState.start(self.denoiser, context, read)

    def _read(self, state: TwoTowerState, z: Tensor) -> None:
        context = self.contextualizer.transformer.step(self.contextualizer.prenet(z), state.read)
        state.append(self.denoiser, context)

    def _denoiser(self, state: TwoTowerState, timesteps: Sequence[int]) -> Asked:
        self._plan = StepPlan.of(self.denoiser, self.time_embedding, timesteps, self._plan)
        return denoise_next(self.denoiser, self._plan, state)

    @property
    def stacks(self) -> Sequence[nn.ModuleList]:
        """The layers of both towers."""
        return [self.contextualizer.transformer.layers, self.denoiser.layers]


register(Family(name="two_tower", config=TwoTowerConfig, model=TwoTowerLCM, architectures=ARCHITECTURES))
