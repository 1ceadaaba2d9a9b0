"""A checkpoint read by another number of processes than wrote it, or shared out among them in another way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from fairseq2.gang import Gangs
from fairseq2.io import TensorFileLoader, TensorFileLoadOptions
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lcm.training.errors import TrainingError


class FittingLoader(TensorFileLoader):
    """Reads each process's own part of a checkpoint of fairseq2's StandardCheckpointManager, whoever wrote it.

    Shards of FSDP2 (rows of each parameter and of what the optimiser holds for it) are joined and cut anew; a whole is one
    shard. A process that was not there takes the place in the corpora, the schedule and the random state of the first.
    """

    def __init__(self, loader: TensorFileLoader, model: nn.Module, gangs: Gangs) -> None:
        """`model` is wrapped for `gangs` already."""
        module: nn.Module = model.module if isinstance(model, DistributedDataParallel) else model
        self._loader, self._gang = loader, gangs.sdp
        self._shapes = {name: tensor.shape for name, tensor in module.state_dict().items()}
        self._buffers = {name for name, _ in module.named_buffers()}  # every process saves them whole

    def load(self, file: Path, options: TensorFileLoadOptions | None = None) -> dict[str, object]:
        """As fairseq2's own. Raises TrainingError where the shards do not make up this model."""
        kind, _, _ = file.stem.partition("_")
        if kind != "sdp":
            return self._loader.load(file if file.exists() else file.with_name(f"{kind}_00.pt"), options)
        files = sorted(file.parent.glob("sdp_*.pt"))
        if len(files) in (0, self._gang.size):
            return self._loader.load(file, options)
        shards = [self._loader.load(shard, options) for shard in files]
        of_model = set(shards[0]) == set(self._shapes)
        kept = self._buffers if of_model else set()
        whole = {name: shards[0][name] if name in kept else _join([s[name] for s in shards]) for name in shards[0]}
        for name in self._shapes if of_model else ():
            if (shape := getattr(whole[name], "shape", None)) != self._shapes[name]:
                raise TrainingError(
                    f"{file.parent}: the {len(files)} shards hold {name} as {_size(shape)}, but it is {_size(self._shapes[name])}. "
                    f"A shard is missing, or the model is another: take an earlier checkpoint, or another run_dir."
                )
        return {name: part if name in kept else self._cut(part) for name, part in whole.items()}

    def _cut(self, whole: Any) -> Any:
        """This process's rows of every tensor."""
        if isinstance(whole, dict):
            return {key: self._cut(value) for key, value in whole.items()}
        if isinstance(whole, list):
            return [self._cut(value) for value in whole]
        if not isinstance(whole, Tensor) or whole.ndim == 0:
            return whole
        # FSDP2 shares rows out as torch.chunk does; the last processes may have none.
        parts = whole.chunk(self._gang.size)
        return parts[self._gang.rank].clone() if self._gang.rank < len(parts) else whole[:0]


def _join(parts: Sequence[Any]) -> Any:
    """The shards' tensors end to end; what is no tensor, or a single number, is the same in all."""
    first = parts[0]
    if isinstance(first, dict):
        return {key: _join([part[key] for part in parts]) for key in first}
    if isinstance(first, list):
        return [_join(values) for values in zip(*parts, strict=True)]
    return torch.cat(list(parts)) if isinstance(first, Tensor) and first.ndim else first


def _size(shape: Sequence[int] | None) -> str:
    return "nothing" if shape is None else str(list(shape))
