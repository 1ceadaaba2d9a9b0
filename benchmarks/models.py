"""The concept models in training and generation, each beside its plain form: one table.

    python -m benchmarks.models [--families two_tower] [--sizes tiny small] [--dtype bfloat16] [--device cuda]
    python -m benchmarks.models --must-reach

A row of training is a step (forward, backward, AdamW) on documents of one length; a row of generation is one new sentence a
document after a prompt that has been read, diffusion models in 40 steps with guidance 3. Ours also reads the prompt's last sentence
in that time (as between two new sentences); the plain form finds its context done. Both forms take turns, so that a busy machine
slows both; figures are medians with the range. The plain forms (`benchmarks/plain`) are the formulas computed as the released code
does, and are held to two checks: `/ formula` is their counted operations over what the formulas say, `alone` the time of their
matrix products, each measured by itself, over the time of the whole. Operations are counted by torch's FlopCounterMode, which is told
about attention on a CPU and packed products. Memory is the peak beyond weights and optimiser: of the tensors made by operators
on a CPU, of the allocator on a GPU. `peak` is the share of the fastest square matrix product of the machine.
"""

from __future__ import annotations

import argparse
import datetime
import platform
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.measure import number, peak_flops
from benchmarks.must_reach import must_reach
from benchmarks.tasks import SAMPLER, Measured, Setting, build, documents, generation, measure, training
from lcm.models import families, get_family


def row(what: str, sentences: int, measured: dict[str, Measured], formula: int, peak: float) -> list[str]:
    """A line of the table."""
    plain, ours = measured.get("plain"), measured["lcm"]

    def pair(show: Callable[[Measured], str]) -> str:
        return f"{'–' if plain is None else show(plain)} {show(ours)}"

    return [
        what,
        "–" if plain is None else plain.timing.per_second(sentences),
        ours.timing.per_second(sentences),
        "–" if plain is None else f"{plain.timing.median / ours.timing.median:.2f}×",
        pair(lambda form: number(form.flops / 1e9)),
        "–" if plain is None else f"{plain.flops / formula:.3f}",
        pair(lambda form: f"{form.flops / form.timing.median / peak:.0%}"),
        pair(lambda form: number(form.memory / 1e6)),
        pair(lambda form: f"{form.alone / form.timing.median:.0%}"),
    ]


def rows(family: str, size: str, arguments: argparse.Namespace, setting: Setting) -> Iterator[list[str]]:
    """All lines of one model."""
    model, plain = build(family, size, setting.device, concept_dim=arguments.E)
    forms = {"plain": plain, "lcm": model} if plain is not None else {"lcm": model}
    for B in arguments.batches:
        for S in arguments.prompts:
            prompts = documents(B, S, model, setting.device)
            measured = measure({name: generation(form, prompts, setting) for name, form in forms.items()}, setting)
            formula = 0 if plain is None else plain.step_flops(B, S, SAMPLER.steps)
            yield row(f"{family} {size}: prompt {S}, batch {B}", B, measured, formula, setting.peak)
    B, S = arguments.training
    batch = documents(B, S, model, setting.device)
    measured = measure({name: training(form, batch) for name, form in forms.items()}, setting)
    formula = 0 if plain is None else plain.training_flops(B, S)
    yield row(f"{family} {size}: training, {B} × {S}", B * S, measured, formula, setting.peak)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [family.name for family in families()]
    parser.add_argument("--families", nargs="+", default=known, choices=known)
    parser.add_argument("--sizes", nargs="+", default=["tiny"], help="default: tiny")
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8, 64], help="of generation")
    parser.add_argument("--prompts", nargs="+", type=int, default=[16, 64, 256], help="sentences")
    parser.add_argument("--training", nargs=2, type=int, default=[16, 32], metavar=("DOCUMENTS", "SENTENCES"))
    parser.add_argument("--E", type=int, default=320)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="bfloat16: autocast")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--must-reach", action="store_true", help="the figures that the Two-Tower is held to, alone")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device, dtype = torch.device(arguments.device), getattr(torch, arguments.dtype)
    setting = Setting(device, dtype, arguments.repeats, peak_flops(device, dtype))
    table = must_reach(arguments.E, setting) if arguments.must_reach else everything(arguments, setting)
    table.caption = (
        f"{machine(device)}, {arguments.threads} thread{'s' * (arguments.threads > 1)}, {arguments.dtype}, E {arguments.E}; best matrix product "
        f"{setting.peak / 1e9:.0f} GFLOP/s; Python {platform.python_version()}, torch {torch.__version__}, "
        f"fairseq2 {version('fairseq2')}, lcm {version('lcm')}; {datetime.date.today()}"
    )
    Console(width=160).print(table)


def everything(arguments: argparse.Namespace, setting: Setting) -> Table:
    """A line for every model and task."""
    table = Table(title=f"Sentences a second: median (range) of {setting.repeats}; pairs are plain, lcm")
    for column in ("", "plain", "lcm", "gain", "GFLOP", "/ formula", "peak", "MB", "alone"):
        table.add_column(column, justify="left" if not column else "right")
    for family in arguments.families:
        for size in arguments.sizes:
            if size in get_family(family).architectures:
                for cells in rows(family, size, arguments, setting):
                    table.add_row(*cells)
                table.add_section()
    return table


def machine(device: torch.device) -> str:
    """Its name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    names = (
        [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        if cpuinfo.exists()
        else []
    )
    return f"{names[0] if names else platform.machine()} ({torch.backends.cpu.get_cpu_capability()})"


if __name__ == "__main__":
    main()
