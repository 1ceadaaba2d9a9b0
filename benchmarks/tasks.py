"""What `benchmarks.models` has the models do: a training step, one new sentence.

Letters: B documents, S sentences, E concept size.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks.measure import FlopCounter, Products, Run, Task, Timing, peak_bytes, take_turns
from benchmarks.plain import PLAIN
from lcm.data import ConceptBatch
from lcm.models import ConceptModel, Sampler, create_model

SAMPLER = Sampler(steps=40, guidance_scale=3.0)


@dataclass(frozen=True)
class Setting:
    """Where and how everything runs."""

    device: torch.device
    dtype: torch.dtype
    repeats: int
    peak: float
    """Operations per second of the machine's best matrix product."""

    def task(self, task: Task) -> Task:
        """The task, under autocast if asked for."""

        def ready() -> Run:
            with self.autocast():
                run = task()

            def inside() -> None:
                with self.autocast():
                    run()

            return inside

        return ready

    def autocast(self) -> torch.autocast:
        """On, if asked for."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)


def build(family: str, size: str, device: torch.device, **fields: Any) -> tuple[ConceptModel, Any]:
    """A model with random weights, none of them zero, and its plain form if it has one."""
    torch.manual_seed(0)
    model = create_model(family, size, **fields)
    for p in model.parameters():
        if p.ndim == 2:
            nn.init.normal_(p, std=p.shape[1] ** -0.5)
    plain = PLAIN[family](model) if family in PLAIN else None  # type: ignore[arg-type]
    return model.to(device), None if plain is None else plain.to(device)


def documents(B: int, S: int, model: ConceptModel, device: torch.device) -> ConceptBatch:
    """B documents of S random concepts."""
    concepts = torch.randn(B, S, model.config.concept_dim, device=device)
    return ConceptBatch(concepts, torch.full((B,), S, device=device), torch.arange(B), torch.zeros(B).long())


def training(model: nn.Module, batch: ConceptBatch) -> Task:
    """Forward, backward, AdamW; the same draws every time."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()  # makes its state

    def run() -> None:
        optimizer.zero_grad()
        terms = model(batch, torch.Generator().manual_seed(0))
        (terms.total / terms.num_targets).backward()
        optimizer.step()

    return lambda: run


def generation(model: nn.Module, prompts: ConceptBatch, setting: Setting) -> Task:
    """One new sentence a document, what comes before it being read."""
    model.eval()
    B, device = len(prompts.lengths), prompts.lengths.device
    rngs = [torch.Generator().manual_seed(row) for row in range(B)]
    with setting.autocast():
        if not isinstance(model, ConceptModel):
            state = model.prefill(prompts.concepts, prompts.lengths)
            return lambda: partial(model.step, state, SAMPLER, rngs)
        # Ours reads the last sentence within the step, as if it had just been written; the state goes on from there.
        state = model.prefill(prompts.concepts[:, :-1], prompts.lengths - 1)

    def ready() -> Run:
        now = state.select(torch.arange(B, device=device))
        now.unread = prompts.concepts[:, -1]
        return partial(model.step, now, SAMPLER, rngs)

    setting.task(ready)()()  # makes what serves for every sentence
    return ready


@dataclass(frozen=True)
class Measured:
    """One form at one task."""

    timing: Timing
    flops: int
    alone: float
    """Seconds of its products by themselves."""
    memory: int


def measure(tasks: dict[str, Task], setting: Setting) -> dict[str, Measured]:
    """Every task: once under the counters, which warms it up, then taking turns, its products by themselves as well."""
    tasks = {name: setting.task(task) for name, task in tasks.items()}
    flops, memory, products = {}, {}, {name: Products() for name in tasks}
    for name, task in tasks.items():
        with products[name], FlopCounter() as counter:
            memory[name] = peak_bytes(task(), setting.device)
        flops[name] = counter.get_total_flops()
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    alone: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(setting.repeats):
        for name, timing in take_turns(tasks, 1, setting.device).items():
            seconds[name] += timing.seconds
            alone[name].append(products[name].seconds_alone(setting.device))
    return {
        name: Measured(Timing(seconds[name]), flops[name], statistics.median(alone[name]), memory[name])
        for name in tasks
    }
