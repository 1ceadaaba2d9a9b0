"""What `benchmarks.models` measures with: turns, operations, products alone, peak memory."""

from __future__ import annotations

import statistics
import time
import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.flop_counter import FlopCounterMode, flop_registry, sdpa_backward_flop_count, sdpa_flop_count

Run = Callable[[], object]
Task = Callable[[], Run]
"""Makes ready what is not measured, and gives the run that is."""


class Timing:
    """Seconds of a run, a number a turn."""

    def __init__(self, seconds: list[float]) -> None:
        self.seconds = seconds
        self.median = statistics.median(seconds)

    def per_second(self, things: int) -> str:
        """Things per second: median (range)."""
        rates = [things / s for s in (self.median, max(self.seconds), min(self.seconds))]
        return f"{number(rates[0])} ({number(rates[1])}–{number(rates[2])})"


def number(x: float) -> str:
    """Three digits."""
    return f"{x:.0f}" if x >= 100 else f"{x:.3g}"


def synchronize(device: torch.device) -> None:
    """Wait for a GPU to finish."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def take_turns(tasks: Mapping[str, Task], repeats: int, device: torch.device) -> dict[str, Timing]:
    """Each task `repeats` times, one after the other, so that a busy machine slows all; they have been run once before."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            run = task()
            synchronize(device)
            start = time.perf_counter()
            run()
            synchronize(device)
            seconds[name].append(time.perf_counter() - start)
    return {name: Timing(taken) for name, taken in seconds.items()}


def _attention_forward(q: tuple[int, ...], k: tuple[int, ...], v: tuple[int, ...], *_: Any, **__: Any) -> int:
    return sdpa_flop_count(q, k, v)


def _attention_backward(
    grad: tuple[int, ...], q: tuple[int, ...], k: tuple[int, ...], v: tuple[int, ...], *_: Any, **__: Any
) -> int:
    return sdpa_backward_flop_count(grad, q, k, v)


def _packed_product(x: tuple[int, ...], weight: tuple[int, ...], *_: Any, **__: Any) -> int:
    return 2 * x[0] * weight[0] * weight[1]


_MORE = {  # what torch's counter does not know, with its own formulas of attention
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_forward,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
    torch.ops.mkldnn._linear_pointwise: _packed_product,
}


class FlopCounter(FlopCounterMode):
    """Counts the floating-point operations of matrix products and attention."""

    def __init__(self) -> None:
        super().__init__(display=False, custom_mapping=_MORE)


class Products(TorchDispatchMode):
    """Remembers every matrix product and attention that is computed under it, by the shapes of what it takes."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: dict[str, tuple[Any, Any, Any]] = {}
        self._counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.overloadpacket in flop_registry or func.overloadpacket in _MORE:
            call = (func, *tree_map_only(Tensor, _Operand.of, (args, kwargs)))
            key = str(call)
            self._calls.setdefault(key, call)
            self._counts[key] += 1
        return func(*args, **kwargs)

    @torch.no_grad()
    def seconds_alone(self, device: torch.device, budget: float = 0.005) -> float:
        """Seconds that they take together, each kind measured by itself, over and over on the same operands."""
        total = 0.0
        for key, call in self._calls.items():
            func, args, kwargs = tree_map_only(_Operand, lambda x: x.make(device), call)
            func(*args, **kwargs)
            taken: list[float] = []
            while len(taken) < 3 or sum(taken) < budget:
                synchronize(device)
                start = time.perf_counter()
                func(*args, **kwargs)
                synchronize(device)
                taken.append(time.perf_counter() - start)
            total += statistics.median(taken) * self._counts[key]
        return total


@dataclass(frozen=True)
class _Operand:
    """What a tensor is like; a packed matrix itself, which nothing else can stand for."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype
    packed: Tensor | None = field(repr=False)

    @staticmethod
    def of(x: Tensor) -> _Operand:
        return _Operand(tuple(x.shape), () if x.is_mkldnn else x.stride(), x.dtype, x if x.is_mkldnn else None)

    def make(self, device: torch.device) -> Tensor:
        """Random numbers; a mask or an index of ones."""
        if self.packed is not None:
            return self.packed
        size = 1 + sum((n - 1) * step for n, step in zip(self.shape, self.stride, strict=True))
        floating = self.dtype.is_floating_point
        values = torch.randn(size, device=device) if floating else torch.ones(size, device=device)
        return values.to(self.dtype).as_strided(self.shape, self.stride)


class _Storages(TorchDispatchMode):
    """Adds up the bytes of all tensors that operators have made and that are alive."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[int, int] = {}
        self.now = self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        known = {
            x.untyped_storage()._cdata for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor) and not x.is_mkldnn
        }
        for x in tree_leaves(out):
            if isinstance(x, Tensor) and not x.is_mkldnn:
                self._note(x.untyped_storage(), known)
        return out

    def _note(self, storage: torch.UntypedStorage, known: set[int]) -> None:
        key = storage._cdata
        if key in known or key in self.alive:
            return
        self.alive[key] = storage.nbytes()
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self.now -= self.alive.pop(key, 0)


def peak_bytes(run: Run, device: torch.device) -> int:
    """The most memory that a run holds at once beyond what was there before: on a CPU the tensors that operators make."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        return torch.cuda.max_memory_allocated(device) - before
    with _Storages() as storages:
        run()
    return storages.peak


def peak_flops(device: torch.device, dtype: torch.dtype) -> float:
    """Operations per second of the fastest square matrix product."""
    best = 0.0
    for n in (1024, 2048) if device.type == "cpu" else (4096, 8192):
        a, b = (torch.randn(n, n, device=device, dtype=dtype) for _ in range(2))
        product = partial(torch.matmul, a, b)
        timing = take_turns({"": lambda: product}, 6, device)[""]  # noqa: B023
        best = max(best, 2 * n**3 / min(timing.seconds))
    return best
