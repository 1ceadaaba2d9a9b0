"""Conditioning on the diffusion timestep: its embedding, and adaptive layer norm (DiT, 2212.09748).

Letters: D width, T diffusion steps, U distinct timesteps.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, silu

FEATURES, MAX_PERIOD = 256, 10_000


def sinusoid(t: Tensor) -> Tensor:
    """Timesteps [...] → float64 [..., 256]: cos(t · f_k), then sin, with f_k = 10 000^(−k/128)."""
    k = torch.arange(FEATURES // 2, device=t.device, dtype=torch.float64)
    angles = t.double().unsqueeze(-1) * torch.exp(-math.log(MAX_PERIOD) / (FEATURES // 2) * k)
    return torch.cat((angles.cos(), angles.sin()), -1)


class TimestepEmbedding(nn.Module):
    """Timestep → sinusoid → Linear → SiLU → Linear."""

    def __init__(self, model_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(FEATURES, model_dim)
        self.fc2 = nn.Linear(model_dim, model_dim)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Normal of standard deviation 0.02; biases zero."""
        for fc in (self.fc1, self.fc2):
            nn.init.normal_(fc.weight, std=0.02)
            nn.init.zeros_(fc.bias)

    def forward(self, t: Tensor) -> Tensor:
        """int64 [...] → [..., D]."""
        out: Tensor = self.fc2(silu(self.fc1(sinusoid(t).to(self.fc1.weight.dtype))))
        return out


class Timesteps(NamedTuple):
    """The distinct timesteps of a batch, so that what depends on t alone is computed once for each of them."""

    embedded: Tensor
    """SiLU(e_t) of each distinct timestep [U, D]."""

    rows: Tensor
    """int64 [...]: which of them each slot has."""


class Triple(NamedTuple):
    """How a sub-block is modulated: x + gate · f(scale · norm(x) + shift). Each [..., D]."""

    shift: Tensor
    scale: Tensor
    """One is added already."""
    gate: Tensor


class AdaLN(nn.Linear):
    """SiLU(e_t) → one (shift, scale, gate) for each sub-block of a layer. Starts at zero: the layer adds nothing."""

    def __init__(self, model_dim: int, num_blocks: int) -> None:
        super().__init__(model_dim, 3 * num_blocks * model_dim)

    def reset_parameters(self) -> None:
        """Zero."""
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def table(self, embedded: Tensor) -> Tensor:
        """SiLU(e_t) [U, D] → [U, 3 · blocks, D], in the weights' type."""
        rows = super().forward(embedded).to(self.weight.dtype).unflatten(-1, (-1, self.in_features))
        one = torch.zeros(rows.shape[-2], 1, dtype=rows.dtype, device=rows.device)
        one[1::3] = 1
        return rows + one

    def forward(self, timesteps: Timesteps) -> list[Triple]:  # type: ignore[override]
        """The triples of every slot, each [..., D]; the matrix product is done once per distinct timestep."""
        table = self.table(timesteps.embedded)
        columns = [embedding(timesteps.rows, column) for column in table.unbind(-2)]
        return [Triple(*columns[i : i + 3]) for i in range(0, len(columns), 3)]
