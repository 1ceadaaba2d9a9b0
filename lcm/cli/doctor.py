"""`lcm --version` and `lcm doctor`."""

from __future__ import annotations

import typer


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"lcm {version('lcm')}")
        raise typer.Exit


def root(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print versions and exit.")) -> None:
    """Large Concept Models: language modelling one sentence at a time."""


def doctor() -> None:
    """Check this machine."""
