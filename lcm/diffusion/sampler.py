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

from lcm.diffusion.schedule import DiffusionError, NoiseSchedule, Prediction

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
    """Step over the timesteps as the released code does, which truncates the stride T/steps. For comparison only."""

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
        if self.epsilon_scaling <= 0:
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
        rows = [torch.randn(concept_dim, generator=rng, device=rng.device, dtype=like.dtype) for rng in rngs]
        return torch.stack(rows).to(like.device) * self.init_noise_scale

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

        `rngs`, one a row, are needed if η > 0. `trace` gets a dict per evaluation: timestep, x_t, conditional,
        unconditional and guided_epsilon (where there are), x0, x_prev.
        """
        if self.eta and rngs is None:
            raise DiffusionError("eta over 0 draws noise at every step: pass one generator a row.")
        timesteps = self.timesteps(schedule.T)
        following = [t - schedule.T // self.steps for t in timesteps] if self.released else [*timesteps[1:], -1]
        alphas = schedule.alphas_cumprod.tolist()
        x, x0, solver = noise, noise, _Multistep()
        for t, t_next in zip(timesteps, following, strict=True):
            now, after = alphas[t], alphas[t_next] if t_next >= 0 else 1.0
            guided = self.guidance_scale != 1 and now > 0
            conditional, unconditional = denoiser(x, t, guided)
            step: dict[str, Any] = {"timestep": t, "x_t": x, "conditional": conditional}
            at = torch.full((len(x),), t, device=x.device)
            epsilon = schedule.to_epsilon(prediction, conditional, x, at)
            if not guided or unconditional is None:
                x0 = schedule.to_x0(prediction, conditional, x, at)
            else:
                epsilon = self._guide(epsilon, schedule.to_epsilon(prediction, unconditional, x, at))
                x0 = schedule.to_x0("epsilon", epsilon, x, at)
                step |= {"unconditional": unconditional, "guided_epsilon": epsilon}
            x = solver.step(x, x0, now, after) if self.method == "dpmpp" else self._ddim(x0, epsilon, now, after, rngs)
            x = x.clamp(-_CLIP, _CLIP)
            if trace is not None:
                trace.append(step | {"x0": x0, "x_prev": x})
        return x0

    def _guide(self, conditional: Tensor, unconditional: Tensor) -> Tensor:
        guided = unconditional + self.guidance_scale * (conditional - unconditional)
        ratio = conditional.std(-1, keepdim=True) / guided.std(-1, keepdim=True)
        return guided * (self.guidance_rescale * ratio + 1 - self.guidance_rescale)

    def _ddim(
        self, x0: Tensor, epsilon: Tensor, now: float, after: float, rngs: Sequence[torch.Generator] | None
    ) -> Tensor:
        variance = self.eta**2 * (1 - after) / (1 - now) * (1 - now / after)
        direction = math.sqrt(max(1 - after - variance, 0.0))  # rounding can make it negative at η = 1
        x = math.sqrt(after) * x0 + direction / self.epsilon_scaling * epsilon
        if variance and rngs is not None:
            fresh = [torch.randn(x.shape[-1], generator=rng, device=rng.device, dtype=x.dtype) for rng in rngs]
            x = x + math.sqrt(variance) * torch.stack(fresh).to(x.device)
        return x


def stack_trace(trace: Trace) -> dict[str, Tensor]:
    """The N dicts of a trace as tensors: `timesteps` [N], the rest [B, N, E], in order; N is less where some lack it."""
    names = dict.fromkeys(name for step in trace for name in step if name != "timestep")
    stacked = {name: torch.stack([step[name] for step in trace if name in step], 1) for name in names}
    return {"timesteps": torch.tensor([step["timestep"] for step in trace])} | stacked


class _Multistep:
    """DPM-Solver++(2M): the next x from this x₀ and the one before; the first and the last step are of first order."""

    def __init__(self) -> None:
        self._x0: Tensor | None = None
        self._log_snr = -math.inf

    def step(self, x: Tensor, x0: Tensor, now: float, after: float) -> Tensor:
        log_snr, log_snr_next = _half_log_snr(now), _half_log_snr(after)
        slope = x0
        if self._x0 is not None and math.isfinite(self._log_snr) and after < 1:
            ratio = (log_snr_next - log_snr) / (log_snr - self._log_snr)
            slope = x0 + ratio / 2 * (x0 - self._x0)
        self._x0, self._log_snr = x0, log_snr
        shrink = math.sqrt((1 - after) / (1 - now))
        return shrink * x + (math.sqrt(after) - math.sqrt(now) * shrink) * slope


def _half_log_snr(alpha: float) -> float:
    """log(√ᾱ / √(1 − ᾱ))."""
    if alpha in (0.0, 1.0):
        return -math.inf if alpha == 0 else math.inf
    return 0.5 * math.log(alpha / (1 - alpha))
