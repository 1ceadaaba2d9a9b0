"""`lcm export`."""

from __future__ import annotations

from typing import Annotated

import typer


def export(
    source: Annotated[
        str,
        typer.Argument(metavar="RUN|DIR|NAME", help="A run's folder, a model's, a shipped model's name, or hf://…."),
    ],
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The folder to write: new, empty, or an older export.")],
    half: Annotated[bool, typer.Option("--half", help="Store the weights as float16.")] = False,
) -> None:
    """Write a model to a folder that can be copied, loaded and pushed: safetensors, JSON config, model card.

    Example: lcm export runs/two_tower models/two_tower --half
    """
    from lcm.models import export_model

    info = export_model(source, folder, half=half)
    print(f'{folder}: {info.parameters:,} parameters. Next: lcm generate "…" --model {folder}')
