"""Forward noising, x_t = √ᾱ_t · x₀ + √(1 − ᾱ_t) · ε (paper §2.3.2), and what a network may be asked to predict.

Letters: T diffusion steps, t a timestep 0 … T − 1, ᾱ_t the cumulative share of signal at t, E concept size.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import torch
from torch import Tensor

from lcm.errors import LCMError

Prediction = Literal["x0", "epsilon", "v"]
"""x₀, ε, or the velocity √ᾱ · ε − √(1 − ᾱ) · x₀."""

_BETA_MAX = 0.999


class DiffusionError(LCMError):
    """A setting of the diffusion that cannot work."""


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """ᾱ for every timestep. Its methods broadcast over t of any shape [...] and concepts [..., E]."""

    alphas_cumprod: Tensor
    """float64 [T], on the CPU."""

    @property
    def T(self) -> int:
        """Number of diffusion steps."""
        return len(self.alphas_cumprod)

    def signal(self, t: Tensor, x: Tensor) -> Tensor:
        """√ᾱ_t [..., 1], on the device and in the type of x."""
        return self._gather("signal", self.alphas_cumprod.sqrt(), t, x)

    def sigma(self, t: Tensor, x: Tensor) -> Tensor:
        """√(1 − ᾱ_t) [..., 1], likewise."""
        return self._gather("sigma", (1 - self.alphas_cumprod).sqrt(), t, x)

    def snr(self, t: Tensor) -> Tensor:
        """ᾱ_t / (1 − ᾱ_t) [...], float32."""
        return (self.alphas_cumprod / (1 - self.alphas_cumprod)).float().to(t.device)[t]

    def add_noise(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t."""
        return self.signal(t, x0) * x0 + self.sigma(t, x0) * noise

    def target(self, kind: Prediction, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """What a network of this kind should give for x_t."""
        if kind == "x0":
            return x0
        return noise if kind == "epsilon" else self.signal(t, x0) * noise - self.sigma(t, x0) * x0

    def to_x0(self, kind: Prediction, output: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """The x₀ that a network's output stands for. Raises DiffusionError for `epsilon` where ᾱ_t = 0."""
        if kind == "x0":
            return output
        if kind == "v":
            return self.signal(t, x_t) * x_t - self.sigma(t, x_t) * output
        if bool((self.alphas_cumprod[t.cpu()] == 0).any()):
            raise DiffusionError(
                f"prediction epsilon tells nothing of x0 at a timestep without signal (t = {self.T - 1}). "
                f"Use x0 or v, or zero_terminal_snr: false."
            )
        return (x_t - self.sigma(t, x_t) * output) / self.signal(t, x_t)

    def to_epsilon(self, kind: Prediction, output: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """The noise that a network's output stands for (of x₀: with the noise share of a t where it is 0, infinite)."""
        if kind == "epsilon":
            return output
        if kind == "v":
            return self.signal(t, x_t) * output + self.sigma(t, x_t) * x_t
        return (x_t - self.signal(t, x_t) * output) / self.sigma(t, x_t)

    def _gather(self, name: str, values: Tensor, t: Tensor, x: Tensor) -> Tensor:
        key = (name, x.device, x.dtype)
        if key not in self._tables:  # copied to a device once
            self._tables[key] = values.to(x.device, x.dtype)
        return self._tables[key][t.to(x.device)].unsqueeze(-1)

    @cached_property
    def _tables(self) -> dict[tuple[str, torch.device, torch.dtype], Tensor]:
        return {}


def make_schedule(spec: str = "cosine", T: int = 100, *, zero_terminal_snr: bool = True) -> NoiseSchedule:
    """A schedule by its name, perhaps with numbers in parentheses.

    `cosine(s = 0.008)` (2102.09672); `quadratic(β₀, β_T)` and `linear(β₀, β_T)`: √β or β linear; `sigmoid(scale,
    center)`: ᾱ(u) ∝ sigmoid(center − scale · logit u). All β are at most 0.999. With `zero_terminal_snr` √ᾱ is then
    shifted and scaled so that ᾱ at T − 1 is 0 and ᾱ₀ stays (2305.08891). Raises DiffusionError for an unknown one.
    """
    if T < 2:
        raise DiffusionError(f"The number of diffusion steps must be at least 2, but is {T}.")
    name, numbers = parse_spec(spec, {"cosine": (0, 1), "quadratic": (2, 2), "linear": (2, 2), "sigmoid": (2, 2)})
    if name in ("quadratic", "linear"):
        power = 2 if name == "quadratic" else 1
        low, high = (number ** (1 / power) for number in numbers)
        betas = torch.linspace(low, high, T, dtype=torch.float64) ** power
    else:
        betas = _betas(_cosine(*numbers) if name == "cosine" else _sigmoid(*numbers), T)
    root = (1 - betas.clamp(max=_BETA_MAX)).cumprod(0).sqrt()
    if zero_terminal_snr:
        root = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
    return NoiseSchedule(root.square())


def parse_spec(spec: str, known: dict[str, tuple[int, int]]) -> tuple[str, list[float]]:
    """`name(1, 2)` → the name and its numbers; `known` tells how few and how many each name takes."""
    match = re.fullmatch(r"\s*(\w+)\s*(?:\(([^()]*)\))?\s*", spec)
    try:
        name = match[1] if match else ""
        numbers = [float(number) for number in match[2].split(",")] if match and match[2] else []
        low, high = known[name]
        if not low <= len(numbers) <= high:
            raise ValueError
    except (KeyError, ValueError):
        shapes = ", ".join(n + (f" ({high} numbers)" if high else "") for n, (_, high) in known.items())
        raise DiffusionError(f"'{spec}' is unknown. Write name(number, …) with one of: {shapes}.") from None
    return name, numbers


def check_prediction(kind: str, schedule: NoiseSchedule) -> None:
    """Raise DiffusionError for an unknown kind, and for `epsilon` on a schedule that ends without signal."""
    if kind not in get_args(Prediction):
        raise DiffusionError(f"prediction must be one of {', '.join(get_args(Prediction))}, but is '{kind}'.")
    if kind == "epsilon" and float(schedule.alphas_cumprod[-1]) == 0:
        raise DiffusionError(
            "prediction epsilon cannot start from pure noise: at the last timestep it tells nothing of x0. "
            "Set zero_terminal_snr: false, or predict x0 or v."
        )


def _betas(alpha: Callable[[float], float], T: int) -> Tensor:
    """β_t = 1 − ᾱ((t + 1)/T) / ᾱ(t/T)."""
    return torch.tensor([1 - alpha((t + 1) / T) / alpha(t / T) for t in range(T)], dtype=torch.float64)


def _cosine(s: float = 0.008) -> Callable[[float], float]:
    return lambda u: math.cos((u + s) / (1 + s) * math.pi / 2) ** 2


def _sigmoid(scale: float, center: float) -> Callable[[float], float]:
    def alpha(u: float) -> float:
        u = min(max(u, 1e-12), 1 - 1e-12)
        return 1 / (1 + math.exp(scale * math.log(u / (1 - u)) - center))

    return alpha
