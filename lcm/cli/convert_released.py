"""`lcm convert-released`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def convert_released(
    checkpoint: Annotated[
        str, typer.Argument(metavar="CHECKPOINT", help="A model.pt, its step_N folder, or a run (the newest step).")
    ],
    out: Annotated[str, typer.Option(metavar="DIR", help="The folder to write the model to.")],
    config: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The model card (default: model_card.yaml beside the checkpoint)."),
    ] = None,
    space: Annotated[
        str | None, typer.Option(help="The model's concept space (default: sonar_basic if E = 1024, else unknown).")
    ] = None,
    half: Annotated[bool, typer.Option("--half", help="Store the weights as float16, not float32.")] = False,
) -> None:
    """Convert a released Base-LCM or Two-Tower diffusion LCM into a model that `lcm generate` and `lcm.load` open.

    Example: lcm convert-released runs/two_tower/checkpoints/step_250000 --out models/two_tower
    """
    import torch

    from lcm.models import convert_released as convert

    dtype = torch.float16 if half else torch.float32
    made = convert(checkpoint, out, config=config, space=space, dtype=dtype)
    info = made.info
    sizes = f"E = {info.config['concept_dim']}, D = {info.config['model_dim']}, {info.config['num_heads']} heads"
    print(f"{out}: family {info.family}, {info.parameters:,} parameters, {sizes}, space '{info.space}'.")
    for note in made.notes:
        print(note, file=sys.stderr)
