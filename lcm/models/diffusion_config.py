"""What the diffusion families share: config fields, what training draws, the loss.

Letters: B documents, S slots, E concept size, T diffusion steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
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
from lcm.models.contract import Batch, LossTerms, ModelConfig, ModelError, Rng


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


TIMESTEP_BUCKETS = 5  # of which training tells the loss


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

    def draw(self, batch: Batch, rng: Rng | None) -> Draws:
        """For all slots of a batch, on its device: there, one draw from a generator of another device seeds one.

        With one generator a document, what it draws does not depend on the documents beside it, nor on the layout.
        """
        if rng is None:
            raise ModelError("The loss of a diffusion model draws noise: pass a generator, model(batch, rng).")
        concepts = batch.concepts
        uniform = concepts.new_zeros(2, *concepts.shape[:2], dtype=torch.float64)
        noise = torch.zeros_like(concepts, dtype=torch.float32)
        if isinstance(rng, torch.Generator):
            parts, rng = [(slice(None), slice(None))], [rng]
        else:
            parts = _parts(batch)
        for (rows, slots), own in zip(parts, rng, strict=True):
            own = _on(concepts.device, own)
            uniform[:, rows, slots].copy_(
                torch.rand(uniform[:, rows, slots].shape, generator=own, device=own.device, dtype=torch.float64)
            )
            noise[rows, slots].normal_(generator=own)
        dropped = uniform[1] < self.config.context_drop
        return Draws(noise, self._timesteps.of_uniform(uniform[0]), dropped)

    def errors(self, output: Tensor, x0: Tensor, draws: Draws, targets: Tensor) -> Tensor:
        """ω ‖target − output‖² [B, S], 0 where no target is; output and normalized x₀ are [B, S, E], `targets` bool [B, S]."""
        wanted = self.schedule.target(self.config.prediction, x0, draws.noise, draws.t)
        error = (output - wanted).square().sum(-1) * self.weighting(self.schedule, draws.t, x0)
        return error.masked_fill(~targets, 0)

    def loss(self, output: Tensor, x0: Tensor, draws: Draws, targets: Tensor) -> LossTerms:
        """The sum of the errors."""
        return LossTerms(self.errors(output, x0, draws, targets).sum(), int(targets.sum()))

    def by_timestep(self, errors: Tensor, t: Tensor, targets: Tensor) -> Tensor:
        """float32 [2, TIMESTEP_BUCKETS]: of each part of the timesteps, little noise first, the sum and the number of targets."""
        bucket = (t * TIMESTEP_BUCKETS // self.config.diffusion_steps).flatten()
        values = torch.stack((errors.flatten().float(), targets.flatten().float()))
        return values.new_zeros(2, TIMESTEP_BUCKETS).index_add(1, bucket, values)

    def check(self, sampler: Sampler) -> None:
        """Raise ModelError for guidance of a model that never learnt without context."""
        if sampler.guidance_scale != 1 and self.config.context_drop == 0:
            raise ModelError(
                f"guidance_scale must be 1, but is {sampler.guidance_scale}: the model was trained with "
                f"context_drop = 0 and knows no output without context."
            )


def _parts(batch: Batch) -> list[tuple[slice, slice]]:
    """Rows and slots of each document."""
    lengths = batch.lengths.tolist()
    if not batch.packed:
        return [(slice(row, row + 1), slice(length)) for row, length in enumerate(lengths)]
    ends = list(accumulate(lengths))
    return [(slice(None), slice(end - length, end)) for end, length in zip(ends, lengths, strict=True)]


def _on(device: torch.device, rng: torch.Generator) -> torch.Generator:
    """`rng`, or on another device one that a draw from it seeds."""
    if rng.device.type == device.type:
        return rng
    seed = int(torch.randint(2**62, (), generator=rng, device=rng.device))
    return torch.Generator(device).manual_seed(seed)
