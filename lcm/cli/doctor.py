"""`lcm --version` and `lcm doctor`."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

_PINNED = {"torch": "2.9.1", "torchaudio": "2.9.1", "fairseq2": "0.8.1", "fairseq2n": "0.8.1", "sonar-space": "0.5.0"}


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return f"CUDA ({torch.cuda.get_device_name()})"
    return f"CPU ({torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads)"


def _print_versions(wanted: bool) -> None:
    if wanted:
        parts = [f"{name} {version(name)}" for name in ("lcm", "torch", "fairseq2", "sonar-space")]
        typer.echo(", ".join([*parts, f"device {_device()}"]))
        raise typer.Exit


def root(
    wanted: bool = typer.Option(
        False, "--version", callback=_print_versions, is_eager=True, help="Print versions and the device."
    ),
) -> None:
    """Large Concept Models: language modelling one sentence at a time."""


def doctor() -> None:
    """Check this machine: versions, libsndfile, device, cache folder, shipped weights. Exit code 2 if something is wrong."""
    from rich.console import Console
    from rich.table import Table

    table = Table("", "check", "found", "remedy")
    checks = [
        _python(),
        *(_package(name, pin) for name, pin in _PINNED.items()),
        _libsndfile(),
        _cache(),
        _space(),
        *_models(),
    ]
    for good, what, found, remedy in checks:
        table.add_row("[green]OK[/green]" if good else "[red]✗[/red]", what, found, "" if good else remedy)
    table.add_row("", "device", _device(), "")
    Console().print(table)
    if not all(good for good, *_ in checks):
        raise typer.Exit(2)


Check = tuple[bool, str, str, str]
"""Is it good, what was checked, what is there, the remedy."""


def _python() -> Check:
    good = (3, 10) <= sys.version_info[:2] <= (3, 12)
    return good, "Python", platform.python_version(), "Use Python 3.10, 3.11 or 3.12: fairseq2 has wheels for these."


def _package(name: str, pin: str) -> Check:
    try:
        found = version(name)
    except PackageNotFoundError:
        found = "missing"
    return found.split("+")[0] == pin, name, found, f"pip install '{name}=={pin}'"


def _libsndfile() -> Check:
    from lcm._libsndfile import preload

    try:
        found = preload() or "of the system"
        import fairseq2  # noqa: F401
    except OSError as error:
        return False, "libsndfile", str(error).splitlines()[0], "pip install soundfile, or apt install libsndfile1"
    return True, "libsndfile", found, ""


def _cache() -> Check:
    import os

    chosen = os.environ.get("FAIRSEQ2_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(chosen).expanduser()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return (
        os.access(existing, os.W_OK),
        "cache folder",
        str(folder),
        "Set FAIRSEQ2_CACHE_DIR to a folder you may write.",
    )


def _space() -> Check:
    from lcm.sonar import ConceptSpaceError, open_space

    try:
        space = open_space("sonar_mini")
    except ConceptSpaceError as error:
        return False, "shipped space", "sonar_mini cannot be opened", str(error)
    return True, "shipped space", f"sonar_mini (E = {space.dim}, {', '.join(space.languages)})", ""


def _models() -> Iterator[Check]:
    from lcm.models import ModelError, load_model_folder, shipped_models

    try:
        for info in shipped_models():
            load_model_folder(info.folder)
            yield True, "shipped model", f"{info.name} ({info.family}, {info.parameters:,} parameters)", ""
    except ModelError as error:
        yield False, "shipped model", "cannot be loaded", f"{error} Install the package again."
