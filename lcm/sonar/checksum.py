"""A name for what a network computes: the checksum of its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


def weights_checksum(model: nn.Module) -> str:
    """SHA-256 of the values as they are loaded, in float32, with their names and shapes, in the order of names.

    The same on every device, and whether or not the layers are packed for the CPU. Another precision is another network.
    """
    digest = hashlib.sha256()
    for name, weight in sorted(_weights(model), key=lambda item: item[0]):
        digest.update(f"{name} {list(weight.shape)}\n".encode())
        # A tensor at a time: the largest of SONAR's is 1 GB.
        digest.update(weight.detach().to("cpu", torch.float32).contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _weights(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.state_dict().items()
    for prefix, module in model.named_modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, Tensor) and weight.is_mkldnn:  # packed: no longer part of the state
            yield f"{prefix}.weight", weight.to_dense()
            if (bias := getattr(module, "bias", None)) is not None:
                yield f"{prefix}.bias", bias
