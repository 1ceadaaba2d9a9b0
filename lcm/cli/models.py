"""`lcm models`."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def models(
    as_json: Annotated[bool, typer.Option("--json", help="A list of objects.")] = False,
    architectures: Annotated[
        bool, typer.Option("--architectures", help="What can be trained instead: every named size of every family.")
    ] = False,
    concept_dim: Annotated[int, typer.Option(min=1, help="With --architectures: E, the size of concepts.")] = 1024,
) -> None:
    """List the concept models that ship with lcm.

    Example: lcm models --json

    Example: lcm models --architectures --concept-dim 320
    """
    rows = _architectures(concept_dim) if architectures else _shipped()
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*(name.replace("_", " ") for name in rows[0]))
    for row in rows:
        table.add_row(*(f"{value:,}" if isinstance(value, int) else str(value) for value in row.values()))
    Console().print(table)


def _shipped() -> list[dict[str, object]]:
    from lcm.models import shipped_models

    return [
        {"name": info.name, "family": info.family, "space": info.space, "parameters": info.parameters,
         "trained_on": info.facts.get("trained_on", "")}
        for info in shipped_models()
    ]  # fmt: skip


def _architectures(concept_dim: int) -> list[dict[str, object]]:
    import torch

    from lcm.models import create_model, families

    rows: list[dict[str, object]] = []
    for family in families():
        for name in family.architectures:
            with torch.device("meta"):
                model = create_model(family.name, name, concept_dim=concept_dim)
            parameters = sum(p.numel() for p in model.parameters())
            rows.append({"family": family.name, "architecture": name, "parameters": parameters})
    return rows
