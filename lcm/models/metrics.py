"""What a run has measured so far: the lines that fairseq2's JsonlMetricRecorder appends under `RUN/metrics`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_START = '{"Time"'
"""Every line's; a line that a kill cut short has the next one behind it."""


def read_metrics(run: str | Path, category: str = "train") -> dict[int, dict[str, Any]]:
    """Step → values of a run's `category` (train, valid, …), in order of steps; {} if nothing was written yet.

    A step that was done twice, after a resume, is there once, with its last values.
    """
    file = Path(run) / "metrics" / f"{category}.jsonl"
    if not file.is_file():
        return {}
    rows: dict[int, dict[str, Any]] = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line[max(0, line.rfind(_START)) :])
            rows[int(row["Step"])] = row
        except (ValueError, KeyError, TypeError):
            continue  # cut short, or not of a step
    return dict(sorted(rows.items()))


def read_validations(run: str | Path) -> dict[int, float]:
    """Step → validation loss of a run."""
    return {step: float(row["loss"]) for step, row in read_metrics(run, "valid").items() if "loss" in row}
