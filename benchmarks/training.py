"""What the trainer costs: the share of a run that is not forward, backward, optimiser or data.

    python -m benchmarks.training [--family two_tower] [--architecture small] [--steps 12] [--budget 1024]

A real run of the recipe's own job on a corpus of random concepts (E = 320, documents of 30 sentences on average), in which the
model's forward, the backward pass, the optimiser's step and the waiting for batches are timed; the first two steps and what comes
after the last are left out. Metrics are published and checkpoints are written within the time that is measured.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from benchmarks.data import write
from lcm.data import Prefetched
from lcm.models import get_family
from lcm.training import TrainConfig, TrainerConfig, run_training
from lcm.training.concept_run import DataConfig, ModelSpec
from lcm.training.concept_unit import ConceptTrainUnit
from lcm.training.optimizers import Joined

E = 320


class Watch:
    """Seconds by name, between the moments when it is started and stopped."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.total = 0.0
        self._running = False

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, timed."""

        def call(*args: Any, **kwargs: Any) -> Any:
            begin = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                if self._running:
                    self.seconds[name] += time.perf_counter() - begin

        return call

    def start(self) -> None:
        """From here on."""
        self._running, self.total = True, -time.perf_counter()

    def stop(self) -> None:
        """`total` is now the time between."""
        self._running, self.total = False, self.total + time.perf_counter()


@contextmanager
def watched(model: type[Any], first: int, last: int) -> Iterator[Watch]:
    """All that a step is made of, timed from the beginning of step `first` to that of step `last`."""
    watch, set_step_nr = Watch(), ConceptTrainUnit.set_step_nr

    def starting(self: ConceptTrainUnit, step_nr: int) -> None:
        if step_nr == first:
            watch.start()
        elif step_nr == last:
            watch.stop()
        set_step_nr(self, step_nr)

    with (
        patch.object(model, "forward", watch.timed("forward", model.forward)),
        patch.object(torch.Tensor, "backward", watch.timed("backward", torch.Tensor.backward)),
        patch.object(Joined, "step", watch.timed("optimiser", Joined.step)),
        patch.object(Prefetched, "__next__", watch.timed("data", Prefetched.__next__)),
        patch.object(ConceptTrainUnit, "set_step_nr", starting),
    ):
        yield watch


def main() -> None:
    """Prints the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--family", default="two_tower")
    arguments.add_argument("--architecture", default="small")
    arguments.add_argument("--steps", type=int, default=12)
    arguments.add_argument("--budget", type=int, default=1024)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        write(corpus, 600, E)
        config = TrainConfig(
            run_dir=str(Path(folder) / "run"),
            model=ModelSpec(family=given.family, architecture=given.architecture),
            data=DataConfig(path=str(corpus), budget=given.budget),
            trainer=TrainerConfig(max_steps=given.steps, publish_every=2, checkpoint_every=4, validate_every=4),
        )
        with watched(get_family(given.family).model, 3, given.steps) as watch:
            run_training(config)
    spent = sum(watch.seconds.values())
    print("| part | seconds a step | share |\n|---|---|---|")
    for name, seconds in (*watch.seconds.items(), ("the trainer", watch.total - spent)):
        print(f"| {name} | {seconds / (given.steps - 3):.4f} | {100 * seconds / watch.total:.2f} % |")


if __name__ == "__main__":
    main()
