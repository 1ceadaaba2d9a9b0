"""The figures that the families are held to: `python -m benchmarks.models --must-reach`."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from benchmarks.measure import Timing, peak_bytes, take_turns
from benchmarks.tasks import SAMPLER, Measured, Setting, build, documents, generation, measure, training

SIZES: dict[str, dict[str, Any]] = {
    "two_tower": {"model_dim": 512, "num_heads": 8, "context_layers": 3, "denoiser_layers": 6},
    "one_tower": {"model_dim": 512, "num_heads": 8, "num_layers": 9},
}


class Figures:
    """A table of what is asked and what is reached."""

    def __init__(self, title: str) -> None:
        self.table = Table(title=title)
        for column in ("", "asked", "reached", ""):
            self.table.add_column(column)

    def at_least(self, what: str, asked: float, reached: float, more: str = "") -> None:
        """A line; `more` stands behind what is reached."""
        self.table.add_row(what, f"≥ {asked}", f"{reached:.2f}{more}", "yes" if reached >= asked else "NO")

    def at_most(self, what: str, asked: float, reached: float, more: str = "") -> None:
        """A line."""
        self.table.add_row(what, f"≤ {asked}", f"{reached:.2f}{more}", "yes" if reached <= asked else "NO")

    def gain(self, what: str, asked: float, measured: dict[str, Measured], formula: int) -> None:
        """Three lines: how many times as fast as the plain form, and the two checks of the plain form."""
        plain, ours = measured["plain"], measured["lcm"]
        reached, spread = ratio(plain.timing, ours.timing)
        seconds = f"{plain.timing.median:.2f} s, {ours.timing.median:.3f} s; by FLOPs {plain.flops / ours.flops:.1f}"
        self.at_least(what, asked, reached, f" {spread}; {seconds}")
        self.at_most("  plain form: FLOPs off the formula by", 0.02, abs(plain.flops / formula - 1))
        alone = f"; lcm {ours.alone / ours.timing.median:.2f}"
        self.at_least("  plain form: its products alone, of its time", 0.5, plain.alone / plain.timing.median, alone)


def must_reach(E: int, setting: Setting) -> Table:
    """Measure them all."""
    figures = Figures(f"D 512, 8 heads, 3 + 6 layers (One-Tower 9): median (range) of {setting.repeats}")
    models = {family: build(family, "small", setting.device, concept_dim=E, **SIZES[family]) for family in SIZES}
    model, plain = models["two_tower"]
    forms = {"plain": plain, "lcm": model}
    for S, asked in ((64, 3.5), (256, 8)):
        prompts = documents(8, S, model, setting.device)
        measured = measure({name: generation(form, prompts, setting) for name, form in forms.items()}, setting)
        formula = plain.step_flops(8, S, SAMPLER.steps)
        figures.gain(f"two_tower: a new sentence over plain, batch 8, prompt {S}", asked, measured, formula)
    for family, (other, _) in models.items():
        for B, asked in ((1, 1.3), (8, 1.6)):
            tasks = {
                f"prompt {S}": setting.task(generation(other, documents(B, S, other, setting.device), setting))
                for S in (16, 256)
            }
            short, long = take_turns(tasks, 2 * setting.repeats + 1, setting.device).values()
            reached, spread = ratio(long, short)
            more = f" {spread}; {short.median:.3f} s, {long.median:.3f} s"
            figures.at_most(f"{family}: a new sentence, prompt 256 over 16, batch {B}", asked, reached, more)
    batches = [documents(B, 64, model, setting.device) for B in (8, 16, 32)]
    measured = measure({name: training(form, batches[-1]) for name, form in forms.items()}, setting)
    figures.gain("two_tower: training step over plain, 32 × 64", 1.3, measured, plain.training_flops(32, 64))
    few, some, many = (peak_bytes(training(model, batch)(), setting.device) for batch in batches)
    growth, sizes = (many - some) / (some - few), ", ".join(f"{peak / 1e6:.0f}" for peak in (few, some, many))
    figures.at_most(
        "memory of a training step: growth from 16 to 32 documents over 8 to 16", 2.05, growth, f"; {sizes} MB"
    )
    return figures.table


def ratio(a: Timing, b: Timing) -> tuple[float, str]:
    """Of the medians, and the range over the turns."""
    turns = [x / y for x, y in zip(a.seconds, b.seconds, strict=True)]
    return a.median / b.median, f"({min(turns):.2f}–{max(turns):.2f})"
