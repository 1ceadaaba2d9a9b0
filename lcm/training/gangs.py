"""The processes of a run, and a model as they share it."""

from __future__ import annotations

import os

import torch
from fairseq2.device import CPU
from fairseq2.gang import (
    GangError,
    Gangs,
    ProcessGroupGang,
    create_fake_gangs,
    create_fsdp_gangs,
    create_parallel_gangs,
)
from fairseq2.nn.ddp import to_ddp
from fairseq2.nn.fsdp import to_fsdp2
from torch import nn
from torch.distributed import DistNetworkError

from lcm.models import ConceptModel, checkpoint_layers, shard_layers
from lcm.training.errors import TrainingError


def create_gangs(parallel: str = "ddp", precision: str = "float32") -> Gangs:
    """One process alone, or those that torchrun or SLURM started (NCCL on CUDA, gloo on CPU).

    Raises TrainingError where they cannot find each other, such as for a port in use, or cannot compute in `precision`.
    """
    _follow_slurm()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if torch.cuda.is_available() else CPU
    if precision == "fp16" and device == CPU:
        raise TrainingError("trainer.precision=fp16 needs a GPU. Use bf16, or float32.")
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        return create_fake_gangs(device)
    try:
        gangs = create_parallel_gangs(ProcessGroupGang.create_default_process_group(device))
        return create_fsdp_gangs(gangs) if parallel == "fsdp" else gangs
    except (GangError, DistNetworkError) as error:
        place = f"{os.environ.get('MASTER_ADDR', '?')}:{os.environ.get('MASTER_PORT', '?')}"
        cause = " ".join(str(error.__cause__ or error).split())[:200]
        raise TrainingError(
            f"The processes cannot meet at {place} ({cause}). If the port is in use, give another: torchrun --master-port, or "
            f"MASTER_PORT."
        ) from error


def _follow_slurm() -> None:
    """The tasks of a SLURM job are the processes of the run."""
    tasks = int(os.environ.get("SLURM_NTASKS", 1))
    if "WORLD_SIZE" in os.environ or tasks == 1 or "SLURM_PROCID" not in os.environ:
        return
    try:
        from submitit.helpers import TorchDistributedEnvironment
    except ImportError:
        raise TrainingError(
            "A SLURM job of several tasks needs submitit: pip install 'lcm[slurm]', or start with torchrun."
        ) from None
    TorchDistributedEnvironment().export(set_cuda_visible_devices=False)


def wrap_for_gangs(model: nn.Module, gangs: Gangs, *, recompute: int = 0) -> nn.Module:
    """The model as it is for one process, under DDP for several, in shards under FSDP2 where the gangs shard.

    Every `recompute`-th layer computes its activations again in the backward pass instead of keeping them; 0: none does.
    Raises TrainingError for a model without layers where these are needed.
    """
    sharded = gangs.sdp.size > 1
    if (recompute or sharded) and not isinstance(model, ConceptModel):
        raise TrainingError("trainer.recompute and trainer.parallel=fsdp are for concept models. Leave them out.")
    if recompute:
        assert isinstance(model, ConceptModel)
        checkpoint_layers(model, recompute)
    if sharded:
        return to_fsdp2(model, gangs, lambda m, wrap: shard_layers(m, "layer", wrap))  # type: ignore[arg-type]
    return to_ddp(model, gangs) if gangs.dp.size > 1 else model
