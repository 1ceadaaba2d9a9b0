"""`lcm models`."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def models(as_json: Annotated[bool, typer.Option("--json", help="A list of objects.")] = False) -> None:
    """List the concept models that ship with lcm.

    Example: lcm models --json
    """
    from lcm.models import shipped_models

    rows = [
        {"name": info.name, "family": info.family, "space": info.space, "parameters": info.parameters,
         "trained_on": info.facts.get("trained_on", "")}
        for info in shipped_models()
    ]  # fmt: skip
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "family", "space", "parameters", "trained on")
    for row in rows:
        table.add_row(*(f"{value:,}" if isinstance(value, int) else str(value) for value in row.values()))
    Console().print(table)
