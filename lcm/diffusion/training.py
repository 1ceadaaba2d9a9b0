"""How much each timestep counts in training: loss weightings and how timesteps are drawn (paper §2.3.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lcm.diffusion.schedule import DiffusionError, NoiseSchedule, parse_spec


class Weighting(Protocol):
    """ω of each target."""

    def __call__(self, schedule: NoiseSchedule, t: Tensor, x0: Tensor) -> Tensor:
        """Timesteps t int64 [...] and normalized concepts x₀ [..., E] → ω [...], float32."""
        ...


@dataclass(frozen=True)
class ClampSNR:
    """ω = the signal-to-noise ratio, clamped (2303.09556)."""

    low: float
    high: float

    def __call__(self, schedule: NoiseSchedule, t: Tensor, x0: Tensor) -> Tensor:
        """See Weighting."""
        return schedule.snr(t).clamp(self.low, self.high)


@dataclass(frozen=True)
class Fragility:
    """ω = sigmoid(a · F(x₀) + b): sentences that decode badly once disturbed count less (paper §2.5.1)."""

    scorer: Callable[[Tensor], Tensor]
    """F: normalized concepts [..., E] → fragility [...] in 0 … 1."""
    a: float = -4.0
    b: float = 3.5

    def __call__(self, schedule: NoiseSchedule, t: Tensor, x0: Tensor) -> Tensor:
        """See Weighting."""
        return torch.sigmoid(self.a * self.scorer(x0) + self.b).float()


def _one(schedule: NoiseSchedule, t: Tensor, x0: Tensor) -> Tensor:
    return torch.ones(t.shape, device=t.device)


def make_weighting(spec: str = "none") -> Weighting:
    """`none` (ω = 1) or `clamp_snr(min, max)`. Raises DiffusionError for an unknown one."""
    name, numbers = parse_spec(spec, {"none": "", "clamp_snr": "min, max"})
    if name == "none":
        return _one
    low, high = numbers
    if not 0 <= low < high:
        raise DiffusionError(f"clamp_snr(min, max) needs 0 ≤ min < max, but is clamp_snr({low}, {high}).")
    return ClampSNR(low, high)


@dataclass(frozen=True, eq=False)
class TimestepSampler:
    """Draws timesteps 0 … T − 1."""

    probabilities: Tensor
    """float64 [T]."""

    def __call__(self, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
        """int64 of that shape, on the generator's device."""
        return self.of_uniform(torch.rand(shape, generator=rng, device=rng.device, dtype=torch.float64))

    def of_uniform(self, u: Tensor) -> Tensor:
        """The timesteps int64 [...] at quantiles u float64 [...], 0 ≤ u < 1."""
        edges = self.probabilities.cumsum(0).to(u.device)
        return torch.searchsorted(edges / edges[-1], u, right=True)


def make_timestep_sampler(spec: str = "uniform", T: int = 100) -> TimestepSampler:
    """`uniform`, or `beta(a, b)`: p ∝ u^(a−1) (1 − u)^(b−1) at u = (t + 1)/T. Raises DiffusionError otherwise."""
    name, numbers = parse_spec(spec, {"uniform": "", "beta": "a, b"})
    if name == "uniform":
        return TimestepSampler(torch.full((T,), 1 / T, dtype=torch.float64))
    a, b = numbers
    if not (a > 0 and b >= 1):
        raise DiffusionError(f"beta(a, b) needs a > 0 and b ≥ 1 (the last u is 1), but is beta({a}, {b}).")
    u = torch.arange(1, T + 1, dtype=torch.float64) / T
    density = u ** (a - 1) * (1 - u) ** (b - 1)
    return TimestepSampler(density / density.sum())
