"""Products of a few rows with matrices that stay: what generation is made of.

Letters: R rows.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear


class FixedProduct:
    """x [R, in] → x · Wᵀ + bias [R, out] for a W that stays.

    BLAS rearranges W at every call, which for a few rows takes as long as the product itself. On a CPU oneDNN does it once, for
    the price of a copy of W: in the order for 16 rows, which is the best for fewer too and costs more rows nothing.
    """

    def __init__(self, weight: Tensor, dtype: torch.dtype) -> None:
        self.dtype = dtype
        """Of the product; what goes in and comes out keeps its own."""
        self._weight = weight.to(dtype)
        self._packed = _packs(self._weight)
        if self._packed:
            self._weight = torch.ops.mkldnn._reorder_linear_weight(self._weight.contiguous(), 16)

    @staticmethod
    def of(*layers: nn.Module, dtype: torch.dtype) -> tuple[FixedProduct, Tensor]:
        """The product and the bias of linear layers on the same input, their outputs side by side."""
        weight, bias = join_linears(*layers)
        return FixedProduct(weight, dtype), bias

    def __call__(self, x: Tensor, bias: Tensor) -> Tensor:
        """The product, in the type of x."""
        y: Tensor
        if self._packed:
            y = torch.ops.mkldnn._linear_pointwise(x.to(self.dtype), self._weight, bias, "none", [], "")
        else:
            y = linear(x.to(self.dtype), self._weight, bias.to(self.dtype))
        return y.to(x.dtype)

    def __deepcopy__(self, memo: object) -> FixedProduct:
        """Itself: nothing changes it, and torch cannot copy a packed matrix."""
        return self


def _packs(weight: Tensor) -> bool:
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if weight.dtype == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return weight.dtype == torch.float32


def join_linears(*layers: nn.Module) -> tuple[Tensor, Tensor]:
    """Matrix and bias of linear layers on the same input, their outputs side by side."""
    weight, bias = (torch.cat([layer.get_parameter(name) for layer in layers]) for name in ("weight", "bias"))
    return weight, bias


def product_dtype(weight: Tensor) -> torch.dtype:
    """The type in which products with `weight` are computed here: autocast's, where it is on."""
    device = weight.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype


def versions(*modules: nn.Module) -> list[tuple[int, int]]:
    """Address and version of every parameter: what was made of other weights is of no use."""
    return [(p.data_ptr(), p._version) for module in modules for p in module.parameters()]
