"""Per-dimension scaling of concepts (paper §2.3.1). Letters: N concepts, E dimensions."""

from __future__ import annotations

import warnings
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from lcm.errors import LCMError

Method = Literal["robust", "standard", "iqr"]
_BLOCK = 16  # dimensions at a time: float64 columns of a million concepts are 128 MB


class NormalizerError(LCMError):
    """Concepts that no normalizer can be fitted on."""


class Normalizer(nn.Module):
    """x → (x − center) / scale in float32; the identity until fitted. Its buffers travel with a model's checkpoint."""

    center: Tensor
    scale: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("center", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(dim))

    @classmethod
    def fit(cls, concepts: Tensor, method: Method = "robust") -> Normalizer:
        """Fit on concepts [N, E] of any float type, in float64.

        `robust`: median and 0.7413 × IQR (the standard deviation, for a normal law); `standard`: mean and population
        standard deviation; `iqr`: median and IQR. Quartiles are linearly interpolated. A dimension of scale 0 gets scale 1
        and one warning tells how many there are. Raises NormalizerError for no concepts and for values that are not finite.
        """
        if method not in get_args(Method):
            raise NormalizerError(f"Unknown normalizer method '{method}'. Choose one of {', '.join(get_args(Method))}.")
        if concepts.ndim != 2 or len(concepts) == 0:
            raise NormalizerError(
                f"A normalizer is fitted on concepts [N, E] with N > 0, but the shape is {list(concepts.shape)}."
            )
        N, E = concepts.shape
        center, scale = np.empty(E), np.empty(E)
        for start in range(0, E, _BLOCK):
            block = slice(start, start + _BLOCK)
            columns = concepts[:, block].detach().cpu().double().numpy()
            if not np.isfinite(columns).all():
                row = int(np.flatnonzero(~np.isfinite(columns).all(1))[0])
                raise NormalizerError(f"Concept {row} of {N} is not finite: no normalizer can be fitted. Remove it.")
            if method == "standard":
                center[block], scale[block] = columns.mean(0), columns.std(0)
            else:
                low, center[block], high = np.quantile(columns, (0.25, 0.5, 0.75), axis=0)
                scale[block] = (high - low) * (0.7413 if method == "robust" else 1.0)
        constant = scale == 0
        if constant.any():
            warnings.warn(
                f"{constant.sum()} of {E} dimensions have scale 0 over {N} concepts; their scale is set to 1.",
                stacklevel=2,
            )
            scale[constant] = 1
        normalizer = cls(E)
        normalizer.center.copy_(torch.from_numpy(center))
        normalizer.scale.copy_(torch.from_numpy(scale))
        return normalizer

    def forward(self, x: Tensor) -> Tensor:
        """Raw concepts [..., E] → normalized, float32."""
        return (x.float() - self.center.float()) / self.scale.float()

    normalize = forward

    def denormalize(self, x: Tensor) -> Tensor:
        """Normalized concepts [..., E] → raw, float32."""
        return x.float() * self.scale.float() + self.center.float()
