"""`lcm models`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lcm.models import ModelInfo


def models(
    folders: Annotated[
        list[str] | None,
        typer.Argument(metavar="DIR", help="Folders whose models to list instead, such as runs.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of objects.")] = False,
    architectures: Annotated[
        bool, typer.Option("--architectures", help="What can be trained instead: every named size of every family.")
    ] = False,
    concept_dim: Annotated[int, typer.Option(min=1, help="With --architectures: E, the size of concepts.")] = 1024,
) -> None:
    """List the concept models that ship with lcm, or those in folders; a name is what --model takes.

    Example: lcm models --json

    Example: lcm models runs

    Example: lcm models --architectures --concept-dim 320
    """
    if folders and architectures:
        raise typer.BadParameter("--architectures lists no folders. Leave one of them out.")
    problems: list[str] = []
    if architectures:
        rows = _architectures(concept_dim)
    elif folders:
        rows = _found(folders, problems)
    else:
        rows = _shipped()
    if rows or not problems:
        _show(rows, as_json)
    for problem in problems:
        print(f"lcm: {problem}", file=sys.stderr)
    if problems:
        raise typer.Exit(2)


def _show(rows: list[dict[str, object]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*(name.replace("_", " ") for name in rows[0]))
    for row in rows:
        table.add_row(*map(_cell, row.values()))
    Console().print(table)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _shipped() -> list[dict[str, object]]:
    from lcm.models import shipped_models

    return [_row(info.name, info) for info in shipped_models()]


def _found(folders: list[str], problems: list[str]) -> list[dict[str, object]]:
    """A row for each model; what cannot be read goes to `problems`."""
    from lcm.models import ModelError, find_model, models_below, read_info

    rows = []
    for folder in folders:
        places = list(models_below(folder))
        if not places:
            there = "holds no model, nor do the folders in it" if Path(folder).is_dir() else "no such folder"
            problems.append(f"{folder}: {there}.")
        for place in places:
            try:
                rows.append(_row(str(place), read_info(find_model(place))))
            except ModelError as error:
                problems.append(str(error))
    return rows


def _row(name: str, info: ModelInfo) -> dict[str, object]:
    return {
        "name": name, "family": info.family, "space": info.space, "parameters": info.parameters,
        "trained_on": info.facts.get("trained_on", ""), "validation_loss": info.facts.get("validation_loss"),
    }  # fmt: skip


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
