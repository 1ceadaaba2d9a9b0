"""From noise to a concept: DDIM (2010.02502) and DPM-Solver++(2M) (2211.01095) with guidance (paper §2.4).

Letters: B rows, E concept size, T diffusion steps, ᾱ the cumulative share of signal, primes for the next timestep.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import torch
from torch import Tensor

from lcm.diffusion.schedule import (
    DiffusionError,
    NoiseSchedule,
    Prediction,
    check_prediction,
    epsilon_of,
    x0_of,
)

Method = Literal["ddim", "dpmpp"]
Trace = list[dict[str, Any]]
_CLIP = 100.0


class Denoiser(Protocol):
    """What a sampler asks of a model, once per evaluation."""

    def __call__(self, x_t: Tensor, t: int, guided: bool) -> tuple[Tensor, Tensor | None]:
        """x_t [B, E], normalized → the network's output given the context and, if `guided`, without any context."""
        ...


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """How a concept is drawn. Defaults are the paper's (§2.4)."""

    steps: int = 40
    """Evaluations of the network, 1 … T."""

    guidance_scale: float = 3.0
    """g in ε = ε_u + g(ε_c − ε_u); 1 is no guidance."""

    guidance_rescale: float = 0.7
    """Share r of the guided ε that is brought back to the standard deviation of ε_c (2305.08891)."""

    init_noise_scale: float = 0.6
    """Standard deviation of the noise that denoising starts from."""

    epsilon_scaling: float = 1.00045
    """λ: ε is divided by it on the way to the next timestep (2308.15321); DDIM alone."""

    eta: float = 0.0
    """η: fresh noise at each step, 0 none, 1 as much as DDPM; DDIM alone."""

    method: Method = "ddim"
    """`dpmpp`, a second-order solver, needs fewer steps."""

    released: bool = False
    """As the released code: the truncated stride T/steps, and ᾱ as its float32 rounds it. For comparison only."""

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise DiffusionError(f"method must be one of {', '.join(get_args(Method))}, but is '{self.method}'.")
        if self.method == "dpmpp" and (self.eta or self.released):
            raise DiffusionError("eta and released belong to method ddim. Leave them out, or choose ddim.")
        bounds = {
            "guidance_scale": (0, math.inf), "guidance_rescale": (0, 1), "init_noise_scale": (0, math.inf),
            "eta": (0, 1),
        }  # fmt: skip
        for name, (low, high) in bounds.items():
            if not low <= getattr(self, name) <= high:
                raise DiffusionError(f"{name} must be between {low} and {high}, but is {getattr(self, name)}.")
        if not self.epsilon_scaling > 0:
            raise DiffusionError(f"epsilon_scaling must be over 0, but is {self.epsilon_scaling}.")

    def timesteps(self, T: int) -> list[int]:
        """The timesteps that are evaluated, highest first. Raises DiffusionError unless 1 ≤ steps ≤ T."""
        if not 1 <= self.steps <= T:
            raise DiffusionError(f"steps must be between 1 and the model's T = {T}, but is {self.steps}.")
        if self.released:
            return [t - 1 for t in range(T, 0, -(T // self.steps))]
        return [round(T * (self.steps - i) / self.steps) - 1 for i in range(self.steps)]

    def initial_noise(self, concept_dim: int, rngs: Sequence[torch.Generator], like: Tensor) -> Tensor:
        """The starting points [B, E], one generator a row, in the type and on the device of `like`."""
        return _normal(concept_dim, rngs, like) * self.init_noise_scale

    def sample(
        self,
        schedule: NoiseSchedule,
        denoiser: Denoiser,
        noise: Tensor,
        *,
        prediction: Prediction = "x0",
        rngs: Sequence[torch.Generator] | None = None,
        trace: Trace | None = None,
    ) -> Tensor:
        """From `noise` [B, E], scaled already, to the last prediction of x₀ [B, E].

        Where ᾱ is 0, x₀ is the conditional prediction, unguided. `rngs`, one a row, are needed if η > 0. `trace` gets a
        dict per evaluation: timestep, x_t, conditional, x0, x_prev; with guidance unconditional as well, for the
        record also where ᾱ is 0, and guided_epsilon where it is not.
        """
        check_prediction(prediction, schedule)
        if self.eta and (rngs is None or len(rngs) != len(noise)):
            raise DiffusionError("eta over 0 draws noise at every step: pass one generator a row.")
        if self.released:
            schedule = schedule.as_released()
        timesteps, alphas = self.timesteps(schedule.T), schedule.alphas_cumprod.tolist()
        following = [alphas[t] for t in timesteps[1:]] + [1.0]
        x, x0, solver = noise, noise, _Multistep()
        for t, after in zip(timesteps, following, strict=True):
            now = alphas[t]
            signal, sigma = math.sqrt(now), math.sqrt(1 - now)
            guided = self.guidance_scale != 1 and 0 < now < 1
            asked = guided or (trace is not None and self.guidance_scale != 1)
            conditional, unconditional = denoiser(x, t, asked)
            if asked and unconditional is None:
                raise DiffusionError("guidance_scale must be 1: the denoiser knows no output without context.")
            epsilon = epsilon_of(prediction, conditional, x, signal, sigma)
            if guided and unconditional is not None:
                epsilon = self._guide(epsilon, epsilon_of(prediction, unconditional, x, signal, sigma))
                x0 = x0_of("epsilon", epsilon, x, signal, sigma)
            else:
                x0 = x0_of(prediction, conditional, x, signal, sigma)
            step: dict[str, Any] = {"timestep": t, "x_t": x, "conditional": conditional, "x0": x0}
            if after == 1:
                x = x0
            elif self.method == "dpmpp":
                x = solver.step(x, x0, now, after)
            else:
                x = self._ddim(x0, epsilon, now, after, rngs)
            x = x.clamp(-_CLIP, _CLIP)
            if trace is not None:
                step |= {"unconditional": unconditional} if asked else {}
                step |= {"guided_epsilon": epsilon} if guided else {}
                trace.append(step | {"x_prev": x})
        return x0

    def _guide(self, conditional: Tensor, unconditional: Tensor) -> Tensor:
        guided = unconditional + self.guidance_scale * (conditional - unconditional)
        if self.guidance_rescale == 0:
            return guided
        ratio = conditional.std(-1, keepdim=True) / guided.std(-1, keepdim=True)
        return guided * (self.guidance_rescale * ratio + (1 - self.guidance_rescale))

    def _ddim(
        self, x0: Tensor, epsilon: Tensor, now: float, after: float, rngs: Sequence[torch.Generator] | None
    ) -> Tensor:
        variance = self.eta**2 * (1 - after) / (1 - now) * (1 - now / after)
        direction = math.sqrt(max(1 - after - variance, 0.0))  # at η = 1 it may be 0: rounding must not take it below
        x = math.sqrt(after) * x0 + direction / self.epsilon_scaling * epsilon
        if variance and rngs is not None:
            x = x + math.sqrt(variance) * _normal(x.shape[-1], rngs, x)
        return x


def stack_trace(trace: Trace) -> dict[str, Tensor]:
    """The N dicts of a trace as tensors: `timesteps` [N], the rest [B, N, E], in order; N is less where some lack it."""
    names = dict.fromkeys(name for step in trace for name in step if name != "timestep")
    stacked = {name: torch.stack([step[name] for step in trace if name in step], 1) for name in names}
    return {"timesteps": torch.tensor([step["timestep"] for step in trace])} | stacked


def _normal(concept_dim: int, rngs: Sequence[torch.Generator], like: Tensor) -> Tensor:
    """N(0, 1) [B, E], a row from each generator, in the type and on the device of `like`."""
    rows = [torch.randn(concept_dim, generator=rng, device=rng.device, dtype=like.dtype) for rng in rngs]
    return torch.stack(rows).to(like.device)


class _Multistep:
    """DPM-Solver++(2M): the next x from this x₀ and the one before; the first step is of first order.

    So is one that follows ᾱ = 0, infinitely far away in log-SNR: the x₀ from there has no weight.
    """

    def __init__(self) -> None:
        self._x0: Tensor | None = None
        self._log_snr = -math.inf

    def step(self, x: Tensor, x0: Tensor, now: float, after: float) -> Tensor:
        log_snr, log_snr_next = _half_log_snr(now), _half_log_snr(after)
        slope = x0
        if self._x0 is not None:
            ratio = (log_snr_next - log_snr) / (log_snr - self._log_snr)
            slope = x0 + ratio / 2 * (x0 - self._x0)
        self._x0, self._log_snr = x0, log_snr
        shrink = math.sqrt((1 - after) / (1 - now))
        return shrink * x + (math.sqrt(after) - math.sqrt(now) * shrink) * slope


def _half_log_snr(alpha: float) -> float:
    """log(√ᾱ / √(1 − ᾱ)), ᾱ < 1."""
    return 0.5 * math.log(alpha / (1 - alpha)) if alpha else -math.inf
