"""`lcm train`."""

from __future__ import annotations

import sys

import typer


def train(context: typer.Context) -> None:
    """Train a concept model from an experiment and overrides, KEY=VALUE each; the same command again goes on.

    Experiments: pretrain_FAMILY_SIZE and finetune_FAMILY_SIZE, for base, one_tower, two_tower and tiny, small, 1_6b.
    `--cfg job` prints what is composed; `launcher=slurm` submits it; `torchrun … -m lcm.cli train …` uses several processes.

    Example: lcm train experiment=pretrain_two_tower_tiny data.path=corpora/tales run_dir=runs/mine trainer.max_steps=2000

    Example: lcm train experiment=finetune_base_tiny init_from=base_tiny data.path=corpora/pairs run_dir=runs/fine
    """
    from lcm.training import TrainConfig, recipe, run_training

    sys.argv = ["lcm train", *context.args]
    recipe("train", TrainConfig)(run_training)()
