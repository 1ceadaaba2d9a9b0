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
from torch.nn.functional import silu

from lcm.diffusion import Sampler, Trace, stack_trace
from lcm.models.contract import Batch, ConceptModel, LossTerms, ModelError, check_lengths
from lcm.models.diffusion_config import Diffusion, DiffusionConfig, Draws
from lcm.models.registry import Family, register
from lcm.models.two_tower_step import StepPlan, TwoTowerState, denoise_next
from lcm.nn import CausalTransformer, Denoiser, Normalizer, TimestepEmbedding, Timesteps, Visible


@dataclass(frozen=True, kw_only=True)
class TwoTowerConfig(DiffusionConfig):
    """What a Two-Tower LCM is built from. Defaults are the `tiny` architecture on SONAR."""

    context_layers: int = 2
    """Layers of the contextualizer (paper: 5)."""

    denoiser_layers: int = 3
    """Layers of the denoiser (paper: 13)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("context_layers", "denoiser_layers"):
            if getattr(self, name) < 1:
                raise ModelError(f"{name} must be at least 1, but is {getattr(self, name)}.")


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
        self.prenet = nn.Linear(config.concept_dim, D)
        self.transformer = CausalTransformer(
            D, config.num_heads, config.context_layers, config.dropout, config.rope_theta
        )

    def embed(self, z: Tensor) -> Tensor:
        """[..., E] → [..., D] in the weights' type: autocast shortens products, never the residual stream."""
        dtype = self.prenet.weight.dtype
        x: Tensor = self.prenet(z.to(dtype))
        return x.to(dtype)

    def forward(self, z: Tensor) -> Tensor:
        """Normalized concepts [B, S, E] → context [B, S, D]; row n tells of concepts 0 … n."""
        context: Tensor = self.transformer(self.embed(z))
        return context


class TwoTowerLCM(ConceptModel):
    """The diffusion model that encodes its context once."""

    config: TwoTowerConfig

    def __init__(self, config: TwoTowerConfig) -> None:
        super().__init__()
        self.config = config
        self.diffusion = Diffusion(config)
        self.normalizer = Normalizer(config.concept_dim)
        self.contextualizer = Contextualizer(config)
        self.time_embedding = TimestepEmbedding(config.model_dim)
        self.denoiser = Denoiser(
            config.concept_dim, config.model_dim, config.num_heads, config.denoiser_layers, config.dropout
        )
        self._plan: StepPlan | None = None

    def forward(self, batch: Batch, rng: torch.Generator | None = None) -> LossTerms:
        """Σ ω ‖target − prediction‖² in normalized space over every sentence, each at a timestep of its own.

        Timesteps, noise and dropped contexts are drawn from `rng`.
        """
        draws = self.diffusion.draw(batch.concepts, rng)
        return self._loss(batch.concepts, batch.lengths, draws, Visible(dropped=draws.dropped))

    def loss(
        self, concepts: Tensor, lengths: Tensor, *, noise: Tensor, t: Tensor, visible: Tensor | None = None
    ) -> LossTerms:
        """The training loss with given draws: noise [B, S, E], t int64 [B, S], `visible` as in `denoise`."""
        draws = Draws(noise=noise, t=t, dropped=None)
        return self._loss(concepts, lengths, draws, Visible(mask=visible))

    def _loss(self, concepts: Tensor, lengths: Tensor, draws: Draws, visible: Visible) -> LossTerms:
        check_lengths(concepts, lengths, self.config.concept_dim, self.config.max_len)
        z = self.normalizer(concepts)
        context = self.contextualizer(z if visible.mask is not None else z[:, :-1])
        noisy = self.diffusion.schedule.add_noise(z, draws.noise, draws.t)
        output = self._denoise(noisy, draws.t, context, visible)
        return self.diffusion.loss(output, z, draws, lengths)

    def contextualize(self, concepts: Tensor, lengths: Tensor) -> Tensor:
        """Raw concepts [B, S, E] → context [B, S, D]; rows at padding are of no meaning."""
        check_lengths(concepts, lengths, self.config.concept_dim, self.config.max_len)
        context: Tensor = self.contextualizer(self.normalizer(concepts))
        return context

    def denoise(self, noisy: Tensor, t: Tensor, context: Tensor, visible: Tensor | None = None) -> Tensor:
        """Noisy normalized concepts [B, S, E] at timesteps t int64 [B, S] → the network's output [B, S, E].

        `visible`, bool [B | 1, S, S + 1], is true where a slot may see a key of [zero vector, context 0 … S − 1]; by
        default slot n sees the zero vector and context 0 … n − 1.
        """
        return self._denoise(noisy, t, context, Visible(mask=visible))

    def _denoise(self, noisy: Tensor, t: Tensor, context: Tensor, visible: Visible) -> Tensor:
        distinct, rows = t.unique(return_inverse=True)
        timesteps = Timesteps(silu(self.time_embedding(distinct)), rows)
        output: Tensor = self.denoiser(noisy, timesteps, context, visible)
        return output

    @torch.no_grad()
    def prefill(self, prompts: Tensor, lengths: Tensor) -> TwoTowerState:
        """Raw prompts [B, S, E] → the state after each. A prompt may be empty: sentence 0 needs the zero vector alone."""
        check_lengths(prompts, lengths, self.config.concept_dim, self.config.max_len, shortest=0)
        if prompts.shape[1] == 0:
            prompts = prompts.new_zeros(len(prompts), 1, self.config.concept_dim)
        x = self.contextualizer.embed(self.normalizer(prompts))
        context, read = self.contextualizer.transformer.prefill(x, lengths)
        return TwoTowerState.start(self.denoiser, context, read)

    @torch.no_grad()
    def step(
        self, state: TwoTowerState, sampler: Sampler | None = None, rngs: Sequence[torch.Generator] | None = None
    ) -> Tensor:
        """The next raw concept of each document [B, E], sampled from noise that each draws from its own generator."""
        sampler = sampler or Sampler()
        if rngs is None:
            raise ModelError("A diffusion model starts from noise: pass one generator for each document.")
        noise = sampler.initial_noise(self.config.concept_dim, rngs, self.normalizer.center)
        return self._next(state, sampler, noise, rngs)

    @torch.no_grad()
    def next_concept(
        self, prompts: Tensor, lengths: Tensor, *, noise: Tensor, sampler: Sampler, trace: bool = False
    ) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """The raw concept [B, E] after raw prompts [B, S, E], denoised from `noise` [B, E], which is scaled already.

        With `trace`, also what each of the N evaluations saw and gave: `timesteps` [N], and of shape [B, N, E] `x_t`,
        `conditional`, `x0`, `x_prev`, and, of the guided evaluations alone, `unconditional` and `guided_epsilon`.
        """
        steps: Trace | None = [] if trace else None
        concept = self._next(self.prefill(prompts, lengths), sampler, noise, None, steps)
        return concept if steps is None else (concept, stack_trace(steps))

    def _next(
        self, state: TwoTowerState, sampler: Sampler, noise: Tensor, rngs: Sequence[torch.Generator] | None,
        trace: Trace | None = None,
    ) -> Tensor:  # fmt: skip
        self.diffusion.check(sampler)
        self._read(state)
        timesteps = sampler.timesteps(self.config.diffusion_steps)
        self._plan = StepPlan.of(self.denoiser, self.time_embedding, timesteps, self._plan)
        z = sampler.sample(
            self.diffusion.schedule, denoise_next(self.denoiser, self._plan, state), noise,
            prediction=self.config.prediction, rngs=rngs, trace=trace,
        )  # fmt: skip
        state.unread = self.normalizer.denormalize(z)
        return state.unread

    def _read(self, state: TwoTowerState) -> None:
        """Append the newest concept, if there is one, to the context."""
        if state.unread is None:
            return
        if state.read.longest == self.config.max_len:
            raise ModelError(f"A document has reached max_len = {self.config.max_len} sentences. Ask for fewer.")
        x = self.contextualizer.embed(self.normalizer(state.unread))
        state.append(self.denoiser, self.contextualizer.transformer.step(x, state.read))
        state.unread = None

    @property
    def stacks(self) -> Sequence[nn.ModuleList]:
        """The layers of both towers."""
        return [self.contextualizer.transformer.layers, self.denoiser.layers]


register(Family(name="two_tower", config=TwoTowerConfig, model=TwoTowerLCM, architectures=ARCHITECTURES))
