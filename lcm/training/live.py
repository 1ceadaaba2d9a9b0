"""A run on the terminal: one line that is written again and again, or, in a log, one line a publication."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

from fairseq2.metrics.recorders import MetricRecorder
from rich.console import Console
from rich.live import Live
from rich.text import Text


class LiveLine(MetricRecorder):
    """Shows where a run of `max_steps` steps is: loss, concepts a second, gradient norm, learning rate, time left.

    It reads what fairseq2's Trainer publishes ('loss', 'grad_norm', 'lr', 'lapse_time') and 'num_concepts', the concepts
    since the last publication; what is not published is left out. Of a validation it shows the loss. For rank 0 alone.
    `file` is where it writes (default: stderr); `clock` tells seconds.
    """

    def __init__(
        self, max_steps: int, *, file: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_steps, self._clock = max_steps, clock
        self._console = Console(file=file or sys.stderr)
        self._live: Live | None = None
        self._rerouted: list[tuple[logging.StreamHandler[TextIO], TextIO]] = []
        self._first: tuple[int, float] | None = None
        self._validation = ""

    def record_metric_values(self, category: str, values: Mapping[str, object], step_nr: int | None = None) -> None:
        """Show what was measured at a step of training, or by a validation after it."""
        if step_nr is None:
            return
        in_place = self._console.is_terminal
        if category == "train":
            self._first = self._first or (step_nr, self._clock())
            self._show(self._line(step_nr, values, self._validation if in_place else ""))
        elif "loss" in values:
            self._validation = f"validation {_number(values['loss']):.4g}"
            if not in_place:
                self._show(f"step {step_nr:,} · {self._validation}")

    def close(self) -> None:
        """Leave the last line on the terminal, and the cursor below it."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        for handler, stream in self._rerouted:
            handler.setStream(stream)
        self._rerouted.clear()

    def _line(self, step: int, values: Mapping[str, object], validation: str) -> str:
        """What matters first comes first: a narrow terminal cuts the rest."""
        parts = [f"step {step:,}/{self._max_steps:,}", self._left(step)]
        if "loss" in values:
            parts.append(f"loss {_number(values['loss']):.4g}")
        if validation:
            parts.append(validation)
        if "num_concepts" in values and (seconds := _number(values.get("lapse_time", 0))) > 0:
            parts.append(f"{_number(values['num_concepts']) / seconds:,.0f} concepts/s")
        if "grad_norm" in values:
            parts.append(f"gradient {_number(values['grad_norm']):.3g}")
        if "lr" in values:
            parts.append(f"lr {_rates(values['lr'])}")
        return " · ".join(parts)

    def _left(self, step: int) -> str:
        """The time left, from all steps since the first publication, validations included."""
        assert self._first is not None
        first, then = self._first
        if step <= first:
            return "… left"
        return f"{duration((self._max_steps - step) * (self._clock() - then) / (step - first))} left"

    def _show(self, line: str) -> None:
        if not self._console.is_terminal:
            self._console.file.write(line + "\n")
            self._console.file.flush()
            return
        if self._live is None:
            streams = (sys.stdout, sys.stderr)
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
            self._reroute_logs(streams)
        self._live.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)

    def _reroute_logs(self, before: tuple[TextIO, TextIO]) -> None:
        """Log lines go above the live line, as prints do: handlers hold the streams from before it began."""
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream in before:
                self._rerouted.append((handler, handler.stream))
                handler.setStream(sys.stdout if handler.stream is before[0] else sys.stderr)


def duration(seconds: float) -> str:
    """Such as 42 s, 7 min or 3 h 05 min."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def _number(value: object) -> float:
    return float(value)  # type: ignore[arg-type]


def _rates(value: object) -> str:
    """One learning rate, or those of several groups of parameters, each once."""
    rates = [_number(v) for v in value] if isinstance(value, Sequence) else [_number(value)]
    return "/".join(dict.fromkeys(f"{rate:.2g}" for rate in rates))
