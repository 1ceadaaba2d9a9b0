"""What the diffusion families share beyond their configs: how the next concept is drawn from noise.

Letters: B documents, S sentences, E concept size, N evaluations of the network.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lcm.diffusion import Denoiser, Sampler, Trace, stack_trace
from lcm.models.contract import Batch, ConceptModel, LossTerms, ModelError, Rng, layout_of, targets_of
from lcm.models.diffusion_config import Diffusion, DiffusionConfig, Draws
from lcm.nn import Layout, Normalizer


class DiffusionLCM(ConceptModel):
    """A model that denoises the next concept; a family says how its network sees a batch and a state."""

    config: DiffusionConfig
    samples = True

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__()
        self.config = config
        self.diffusion = Diffusion(config)
        self.normalizer = Normalizer(config.concept_dim)

    def forward(self, batch: Batch, rng: Rng | None = None) -> LossTerms:
        """Σ ω ‖target − output‖² in normalized space over every sentence, each at a timestep of its own.

        Timesteps, noise and dropped contexts are drawn from `rng`.
        """
        z, draws, targets, output = self._train(batch, rng)
        return self.diffusion.loss(output, z, draws, targets)

    @torch.no_grad()
    def loss_by_timestep(self, batch: Batch, rng: Rng | None = None) -> Tensor:
        """float32 [2, TIMESTEP_BUCKETS]: what `forward` adds up, of each part of the timesteps, little noise first: the sum and the
        number of targets."""
        z, draws, targets, output = self._train(batch, rng)
        return self.diffusion.by_timestep(self.diffusion.errors(output, z, draws, targets), draws.t, targets)

    def _train(self, batch: Batch, rng: Rng | None) -> tuple[Tensor, Draws, Tensor, Tensor]:
        """Clean normalized concepts, what chance decided, what is a target, and the network's output."""
        layout = layout_of(batch, self.config)
        draws = self.diffusion.draw(batch, rng)
        z = self.normalizer(batch.concepts)
        return z, draws, targets_of(batch, layout), self._train_output(z, layout, draws)

    @torch.no_grad()
    def step(self, state: Any, sampler: Sampler | None = None, rngs: Sequence[torch.Generator] | None = None) -> Tensor:
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
        `conditional`, `x0`, `x_prev`; with guidance `unconditional` too, and `guided_epsilon`, which lacks the first
        evaluation if ᾱ is 0 there: it is not guided.
        """
        steps: Trace | None = [] if trace else None
        concept = self._next(self.prefill(prompts, lengths), sampler, noise, None, steps)
        return concept if steps is None else (concept, stack_trace(steps))

    def _next(
        self, state: Any, sampler: Sampler, noise: Tensor, rngs: Sequence[torch.Generator] | None,
        trace: Trace | None = None,
    ) -> Tensor:  # fmt: skip
        self.diffusion.check(sampler)
        timesteps = sampler.timesteps(self.config.diffusion_steps)
        if state.unread is not None:
            if state.read.longest == self.config.max_len:
                raise ModelError(f"A document has reached max_len = {self.config.max_len} sentences. Ask for fewer.")
            self._read(state, self.normalizer(state.unread))
            state.unread = None
        z = sampler.sample(
            self.diffusion.schedule, self._denoiser(state, timesteps), noise,
            prediction=self.config.prediction, rngs=rngs, trace=trace,
        )  # fmt: skip
        state.unread = self.normalizer.denormalize(z)
        concept: Tensor = state.unread
        return concept

    @abstractmethod
    def _train_output(self, z: Tensor, layout: Layout, draws: Draws) -> Tensor:
        """Clean normalized concepts z [B, S, E] → the network's output for the noised ones [B, S, E]."""

    @abstractmethod
    def _read(self, state: Any, z: Tensor) -> None:
        """Make normalized concepts z [B, E] part of the context of each document."""

    @abstractmethod
    def _denoiser(self, state: Any, timesteps: Sequence[int]) -> Denoiser:
        """What a sampler of these timesteps asks: the network's output for the next slot of each document."""
