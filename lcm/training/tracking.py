"""A run on Weights & Biases."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any, cast

from fairseq2.metrics.recorders import MetricDescriptorRegistry, MetricRecorder, WandbRecorder
from omegaconf import OmegaConf

from lcm.training.errors import TrainingError
from lcm.training.records import write_whole

_ID = "wandb_id.txt"


def wandb_recorder(
    folder: Path,
    config: object,
    descriptors: MetricDescriptorRegistry,
    *,
    project: str = "lcm",
    name: str | None = None,
) -> MetricRecorder:
    """fairseq2's recorder for Weights & Biases, for rank 0; close it at the end.

    A run that is resumed in `folder` goes on under the identity kept there. `config` is the run's dataclass, `name` what
    the run is called (default: its folder's). WANDB_MODE and WANDB_API_KEY mean what they do everywhere. Raises TrainingError
    if the package is missing or nobody is logged in.
    """
    try:
        import wandb
    except ImportError:
        raise TrainingError("Weights & Biases is not installed: pip install 'lcm[track]'") from None
    values = cast(dict[str, Any], OmegaConf.to_container(OmegaConf.structured(config), resolve=True, enum_to_str=True))
    try:
        run = wandb.init(
            project=project, name=name or folder.resolve().name, id=_identity(folder), resume="allow", dir=folder,
            config=values, settings=wandb.Settings(silent=True),
        )  # fmt: skip
    except (wandb.errors.Error, OSError) as error:
        reason = " ".join(str(error).split())
        raise TrainingError(
            f"Weights & Biases cannot be used ({reason}). Run wandb login, or set WANDB_MODE=offline."
        ) from None
    return WandbRecorder(run, descriptors)


def _identity(folder: Path) -> str:
    file = folder / _ID
    if not file.is_file():
        write_whole(file, secrets.token_hex(4) + "\n")
    return file.read_text(encoding="utf-8").strip()
