"""What the diffusion families share: config fields, what training draws, the loss.

Letters: B documents, S slots, E concept size, T diffusion steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from lcm.diffusion import (
    NoiseSchedule,
    Prediction,
    Sampler,
    TimestepSampler,
    Weighting,
    check_prediction,
    make_schedule,
    make_timestep_sampler,
    make_weighting,
)
from lcm.models.contract import LossTerms, ModelConfig, ModelError
from lcm.nn import Layout


@dataclass(frozen=True, kw_only=True)
class DiffusionConfig(ModelConfig):
    """Fields of every diffusion family."""

    diffusion_steps: int = 100
    """T (paper: 100)."""

    schedule: str = "cosine"
    """Noise schedule: cosine, quadratic(β₀, β_T), linear(β₀, β_T) or sigmoid(scale, center)."""

    zero_terminal_snr: bool = True
    """The last timestep is noise alone."""

    prediction: Prediction = "x0"
    """What the network gives: x0, epsilon or v."""

    weighting: str = "none"
    """ω of the loss: none or clamp_snr(min, max)."""

    timesteps: str = "uniform"
    """How training draws timesteps: uniform or beta(a, b)."""

    context_drop: float = 0.15
    """Share of slots that learn without context; guidance needs some (paper: 0.15)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.context_drop <= 1:
            raise ModelError(f"context_drop must be between 0 and 1, but is {self.context_drop}.")
        Diffusion(self)


class Draws(NamedTuple):
    """What chance decides for a batch."""

    noise: Tensor
    """ε [B, S, E]."""
    t: Tensor
    """int64 [B, S]."""
    dropped: Tensor | None
    """bool [B, S]: slots that learn without context."""


class Diffusion:
    """The noise process that a config asks for. Raises DiffusionError for one that cannot work."""

    def __init__(self, config: DiffusionConfig) -> None:
        self.config = config
        T = config.diffusion_steps
        with torch.device("cpu"):  # also where the model is built on the meta device
            self.schedule: NoiseSchedule = make_schedule(config.schedule, T, zero_terminal_snr=config.zero_terminal_snr)
            self.weighting: Weighting = make_weighting(config.weighting)
            self._timesteps: TimestepSampler = make_timestep_sampler(config.timesteps, T)
        check_prediction(config.prediction, self.schedule)

    def draw(self, concepts: Tensor, rng: torch.Generator | None) -> Draws:
        """For concepts [B, S, E], on their device: one draw from `rng` seeds a generator there."""
        if rng is None:
            raise ModelError("The loss of a diffusion model draws noise: pass a generator, model(batch, rng).")
        device, shape = concepts.device, concepts.shape[:2]
        if rng.device != device:
            seed = int(torch.randint(2**62, (), generator=rng, device=rng.device))
            rng = torch.Generator(device).manual_seed(seed)
        t = self._timesteps(shape, rng)
        dropped = torch.rand(shape, generator=rng, device=device) < self.config.context_drop
        noise = torch.randn(concepts.shape, generator=rng, device=device)
        return Draws(noise, t, dropped)

    def loss(self, output: Tensor, x0: Tensor, draws: Draws, layout: Layout) -> LossTerms:
        """Σ ω ‖target − output‖² over the real slots; output and normalized x₀ are [B, S, E]."""
        target = self.schedule.target(self.config.prediction, x0, draws.noise, draws.t)
        error = (output - target).square().sum(-1) * self.weighting(self.schedule, draws.t, x0)
        return LossTerms(error.masked_fill(~layout.real, 0).sum(), int(layout.real.sum()))

    def check(self, sampler: Sampler) -> None:
        """Raise ModelError for guidance of a model that never learnt without context."""
        if sampler.guidance_scale != 1 and self.config.context_drop == 0:
            raise ModelError(
                f"guidance_scale must be 1, but is {sampler.guidance_scale}: the model was trained with "
                f"context_drop = 0 and knows no output without context."
            )
