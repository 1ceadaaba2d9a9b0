"""What a run came to: `loss.png` and `summary.md`, from the metrics in its folder."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from lcm.models import read_metrics, read_validations, validation_table
from lcm.training.errors import TrainingError
from lcm.training.live import duration
from lcm.training.records import write_whole

PLOT, SUMMARY = "loss.png", "summary.md"


def write_summary(run_dir: Path) -> Path:
    """Write `run_dir/loss.png` and `run_dir/summary.md`, also of a run that was interrupted; the path of the latter.

    Each is replaced at once. Raises TrainingError if nothing was measured yet, or if the folder cannot be written.
    """
    train = read_metrics(run_dir)
    losses = {step: float(row["loss"]) for step, row in train.items() if "loss" in row}
    if not losses:
        raise TrainingError(f"{run_dir}: holds no metrics of training yet (metrics/train.jsonl). Train first.")
    validations = read_validations(run_dir)
    write_whole(run_dir / PLOT, plot(losses, validations))
    facts = "".join(f"| {name} | {value} |\n" for name, value in _facts(train, losses, validations).items())
    text = f"# {run_dir.resolve().name}\n\n| | |\n|---|---|\n{facts}\n![Loss by step]({PLOT})\n"
    if validations:
        text += f"\n## Validation\n\n{validation_table(validations)}"
    write_whole(run_dir / SUMMARY, text)
    return run_dir / SUMMARY


def plot(losses: Mapping[int, float], validations: Mapping[int, float]) -> bytes:
    """A PNG of step → training loss (light, and smoothed) and of the validations, the best one marked."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    steps = list(losses)
    axes.plot(steps, list(losses.values()), color="tab:blue", alpha=0.3, linewidth=0.8, label="training")
    axes.plot(steps, smoothed(list(losses.values())), color="tab:blue", linewidth=1.6, label="training, smoothed")
    if validations:
        best = min(validations, key=lambda step: validations[step])
        axes.plot(
            list(validations), list(validations.values()), "o-", color="tab:orange", markersize=3, label="validation"
        )
        named = f"best: {validations[best]:.4g} (step {best:,})"
        axes.plot([best], [validations[best]], "*", color="tab:red", markersize=12, label=named)
    axes.set(xlabel="step", ylabel="loss")
    axes.grid(alpha=0.3)
    axes.legend()
    content = io.BytesIO()
    FigureCanvasAgg(figure).print_png(content)
    return content.getvalue()


def smoothed(values: list[float]) -> list[float]:
    """The exponential mean of about a fiftieth of all values; the first are weighted as if nothing came before."""
    keep = 1 - 2 / (max(2, len(values) // 50) + 1)
    total, weight, result = 0.0, 0.0, []
    for value in values:
        total, weight = keep * total + value, keep * weight + 1
        result.append(total / weight)
    return result


def _facts(
    train: Mapping[int, Mapping[str, Any]], losses: Mapping[int, float], validations: Mapping[int, float]
) -> dict[str, str]:
    facts = {"steps": f"{max(train):,}", "last training loss": f"{smoothed(list(losses.values()))[-1]:.4g} (smoothed)"}
    if validations:
        best = min(validations, key=lambda step: validations[step])
        facts["best validation loss"] = f"{validations[best]:.4g} (step {best:,})"
    paces = [row["num_concepts"] / row["lapse_time"] for row in train.values() if row.get("num_concepts") and row.get("lapse_time")]  # fmt: skip
    if paces:
        facts["concepts a second (median)"] = f"{median(paces):,.0f}"
    if "total_time" in train[max(train)]:
        facts["time"] = duration(float(train[max(train)]["total_time"]))
    norms = [float(row["grad_norm"]) for row in train.values() if "grad_norm" in row]
    if norms:
        facts["gradient norm (median, largest)"] = f"{np.median(norms):.3g}, {max(norms):.3g}"
    return facts
