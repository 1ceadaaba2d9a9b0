"""Forward noising, x_t = √ᾱ_t · x₀ + √(1 − ᾱ_t) · ε (paper §2.3.2), and what a network may be asked to predict.

Letters: T diffusion steps, t a timestep 0 … T − 1, ᾱ_t the cumulative share of signal at t, E concept size.
"""

from __future__ import annotations

import math
import re
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

    released_alphas_cumprod: Tensor | None = None
    """The same as the released code rounds it, which computes in float32; held in float64."""

    @property
    def T(self) -> int:
        """Number of diffusion steps."""
        return len(self.alphas_cumprod)

    @property
    def ends_in_noise(self) -> bool:
        """Whether the last timestep holds no signal."""
        return float(self.alphas_cumprod[-1]) == 0

    def as_released(self) -> NoiseSchedule:
        """The schedule with the released rounding; itself where that is not known."""
        return self if self.released_alphas_cumprod is None else NoiseSchedule(self.released_alphas_cumprod)

    def signal(self, t: Tensor, x: Tensor) -> Tensor:
        """√ᾱ_t [..., 1], on the device and in the type of x."""
        return self._table("signal", x.device, x.dtype)[t.to(x.device)].unsqueeze(-1)

    def sigma(self, t: Tensor, x: Tensor) -> Tensor:
        """√(1 − ᾱ_t) [..., 1], likewise."""
        return self._table("sigma", x.device, x.dtype)[t.to(x.device)].unsqueeze(-1)

    def snr(self, t: Tensor) -> Tensor:
        """ᾱ_t / (1 − ᾱ_t) [...], float32."""
        return self._table("snr", t.device, torch.float32)[t]

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
        if kind == "epsilon" and self.ends_in_noise and bool((t == self.T - 1).any()):
            raise DiffusionError(
                f"prediction epsilon tells nothing of x0 at a timestep without signal (t = {self.T - 1}). "
                f"Use x0 or v, or zero_terminal_snr: false."
            )
        return x0_of(kind, output, x_t, self.signal(t, x_t), self.sigma(t, x_t))

    def to_epsilon(self, kind: Prediction, output: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """The noise that a network's output stands for."""
        return epsilon_of(kind, output, x_t, self.signal(t, x_t), self.sigma(t, x_t))

    def _table(self, name: str, device: torch.device, dtype: torch.dtype) -> Tensor:
        """Computed in float64 and brought to a device once."""
        key = name, device, dtype
        if key not in self._tables:
            signal, noise = self.alphas_cumprod, 1 - self.alphas_cumprod
            values = {"signal": signal.sqrt(), "sigma": noise.sqrt(), "snr": signal / noise}[name]
            self._tables[key] = values.to(device, dtype)
        return self._tables[key]

    @cached_property
    def _tables(self) -> dict[tuple[str, torch.device, torch.dtype], Tensor]:
        return {}


def x0_of(kind: Prediction, output: Tensor, x_t: Tensor, signal: Tensor | float, sigma: Tensor | float) -> Tensor:
    """The x₀ [..., E] that an output stands for where x_t = signal · x₀ + sigma · ε."""
    if kind == "x0":
        return output
    if kind == "v":
        return signal * x_t - sigma * output
    return (x_t - sigma * output) / signal


def epsilon_of(kind: Prediction, output: Tensor, x_t: Tensor, signal: Tensor | float, sigma: Tensor | float) -> Tensor:
    """The ε [..., E] likewise."""
    if kind == "epsilon":
        return output
    if kind == "v":
        return signal * output + sigma * x_t
    return (x_t - signal * output) / sigma


def make_schedule(spec: str = "cosine", T: int = 100, *, zero_terminal_snr: bool = True) -> NoiseSchedule:
    """A schedule by its name, perhaps with numbers in parentheses.

    `cosine(s = 0.008)` (2102.09672); `quadratic(β₀, β_T)` and `linear(β₀, β_T)`: √β or β linear; `sigmoid(scale,
    center)`: ᾱ(u) ∝ sigmoid(center − scale · logit u). All β are at most 0.999. With `zero_terminal_snr` √ᾱ is then
    shifted and scaled so that ᾱ at T − 1 is 0 and ᾱ₀ stays (2305.08891). Raises DiffusionError for an unknown one, and
    for numbers that give no falling ᾱ.
    """
    if T < 2:
        raise DiffusionError(f"The number of diffusion steps must be at least 2, but is {T}.")
    name, numbers = parse_spec(
        spec, {"cosine": "s=0.008", "quadratic": "β₀, β_T", "linear": "β₀, β_T", "sigmoid": "scale, center"}
    )
    if name in ("quadratic", "linear"):
        power = 2 if name == "quadratic" else 1
        low, high = (torch.tensor(numbers, dtype=torch.float64) ** (1 / power)).tolist()
        betas = torch.linspace(low, high, T, dtype=torch.float64) ** power
    else:
        u = torch.arange(T + 1, dtype=torch.float64) / T
        curve = _cosine(u, *numbers) if name == "cosine" else _sigmoid(u, *numbers)
        betas = 1 - curve[1:] / curve[:-1]
    betas = betas.clamp(max=_BETA_MAX)
    alphas = (1 - betas).cumprod(0)
    if not (alphas[0] < 1 and bool((alphas.diff() < 0).all())):
        raise DiffusionError(f"'{spec}' gives no share of signal that falls from under 1 in T = {T} steps.")
    released = (1 - betas.float()).cumprod(0)
    if zero_terminal_snr:
        alphas = _end_in_noise(alphas.sqrt())
        # torch's own root of a float32 may be off by its last bit; this one never is.
        released = _end_in_noise(released.double().sqrt().float())
        ratios = torch.cat((released[:1], released[1:] / released[:-1]))
        released = (1 - (1 - ratios)).cumprod(0)  # it goes by way of β
    return NoiseSchedule(alphas, released.double())


def parse_spec(spec: str, known: dict[str, str]) -> tuple[str, list[float]]:
    """`name(1, 2)` → the name and its numbers; `known` names those of each, with = where one may be left out."""
    match = re.fullmatch(r"\s*(\w+)\s*(?:\(([^()]*)\))?\s*", spec)
    try:
        name = match[1] if match else ""
        numbers = [float(number) for number in match[2].split(",")] if match and match[2] else []
        takes = [number for number in known[name].split(", ") if number]
        if not sum("=" not in number for number in takes) <= len(numbers) <= len(takes):
            raise ValueError
    except (KeyError, ValueError):
        shapes = ", ".join(n + (f"({numbers})" if numbers else "") for n, numbers in known.items())
        raise DiffusionError(f"'{spec}' is unknown. Write one of: {shapes}.") from None
    return name, numbers


def check_prediction(kind: str, schedule: NoiseSchedule) -> None:
    """Raise DiffusionError for an unknown kind, and for `epsilon` on a schedule that ends without signal."""
    if kind not in get_args(Prediction):
        raise DiffusionError(f"prediction must be one of {', '.join(get_args(Prediction))}, but is '{kind}'.")
    if kind == "epsilon" and schedule.ends_in_noise:
        raise DiffusionError(
            "prediction epsilon cannot start from pure noise: at the last timestep it tells nothing of x0. "
            "Set zero_terminal_snr: false, or predict x0 or v."
        )


def _cosine(u: Tensor, s: float = 0.008) -> Tensor:
    return ((u + s) / (1 + s) * (math.pi / 2)).cos().square()


def _sigmoid(u: Tensor, scale: float, center: float) -> Tensor:
    return torch.sigmoid(center - scale * u.logit(eps=1e-12))


def _end_in_noise(root: Tensor) -> Tensor:
    """√ᾱ → ᾱ that ends at 0 and begins as before (2305.08891, algorithm 1)."""
    return ((root - root[-1]) * (root[0] / (root[0] - root[-1]))).square()
