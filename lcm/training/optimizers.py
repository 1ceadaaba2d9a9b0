"""Optimisers, learning-rate schedules and the averaging of weights that torch and fairseq2 do not hold ready."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import AdamW, Muon, Optimizer, _muon
from torch.optim.lr_scheduler import LambdaLR

from lcm.errors import LCMError


class OptimizerError(LCMError):
    """An optimiser or a schedule that cannot be."""


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How weights are changed, and how fast over the run."""

    kind: str = "muon"
    """`muon`: Muon on the hidden weight matrices, AdamW on the rest; `adamw`: AdamW on all (the paper)."""
    muon_lr: float = 0.02
    adamw_lr: float = 2e-3
    """Paper: 4e-4."""
    betas: list[float] = field(default_factory=lambda: [0.9, 0.98])
    """Of AdamW (paper: 0.9, 0.95)."""
    eps: float = 1e-8
    """Of AdamW (paper: 1e-5)."""
    weight_decay: float = 0.0
    """Of both (paper: 0.1)."""
    schedule: str = "wsd"
    """After the warm-up: `wsd`, constant and then linear decay, or `cosine` over the whole run (the paper)."""
    warmup: int = 100
    """Steps in which the rates rise linearly (paper: 10 000)."""
    decay_from: float = 0.5
    """With `wsd`: share of the run after which the rates fall."""
    final: float = 0.02
    """Share of the rates that is left at the end."""
    average: float = 0.0
    """Decay of the exponential moving average of the weights, which is what is validated, saved and used; 0: none."""

    def __post_init__(self) -> None:
        for name, known in (("kind", ("muon", "adamw")), ("schedule", ("wsd", "cosine"))):
            if getattr(self, name) not in known:
                raise OptimizerError(f"optimizer.{name} must be {' or '.join(known)}, but is {getattr(self, name)}.")
        if not 0 <= self.average < 1:
            raise OptimizerError(f"optimizer.average must be at least 0 and under 1, but is {self.average}.")
        if len(self.betas) != 2:
            raise OptimizerError(f"optimizer.betas must be two numbers, but are {list(self.betas)}.")


class Joined(Optimizer):
    """Several optimisers as one, so that a trainer, a schedule and a checkpoint see a single one with all their groups."""

    def __init__(self, **parts: Optimizer) -> None:
        self._parts = parts
        super().__init__([group for part in parts.values() for group in part.param_groups], {})
        self._share_groups()

    def _share_groups(self) -> None:
        """A learning rate set on our groups is the one that the parts use."""
        self.param_groups = [group for part in self._parts.values() for group in part.param_groups]

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One step of each."""
        for part in self._parts.values():
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """Each part's state, by name; of sharded tensors what this process holds."""
        return {name: _of_this_process(part.state_dict()) for name, part in self._parts.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` gave. Raises ValueError for the state of other parts."""
        if state_dict.keys() != self._parts.keys():
            raise ValueError(f"the optimisers were {', '.join(state_dict)}, but are {', '.join(self._parts)}")
        for name, part in self._parts.items():
            part.load_state_dict(state_dict[name])
            for p, state in part.state.items():
                if isinstance(p, DTensor):
                    state.update({key: _sharded_like(p, value) for key, value in state.items()})
        self._share_groups()


class Average:
    """The exponential moving average of weights, which may be sharded: each process keeps its own part.

    The decay of step n is at most (1 + n)/(10 + n), so that the random start is soon forgotten.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float) -> None:
        self._parameters, self._decay, self._steps = parameters, decay, 0
        self._values = [_local(p).clone() for p in parameters]

    @torch.no_grad()
    def update(self) -> None:
        """After a step."""
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        torch._foreach_lerp_(self._values, [_local(p) for p in self._parameters], 1 - decay)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Inside, the parameters are the average; then they are again what they were."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        for p, value in zip(self._parameters, self._values, strict=True):
            own = _local(p).clone()
            _local(p).copy_(value)
            value.copy_(own)

    def state_dict(self) -> dict[str, Any]:
        """The values and how many steps they have seen."""
        return {"steps": self._steps, "values": self._values}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self._steps = int(state_dict["steps"])
        for value, saved in zip(self._values, state_dict["values"], strict=True):
            value.copy_(saved)


class Averaged(Joined):
    """Optimisers that keep the average of the weights beside them, as part of their state."""

    def __init__(self, average: Average, **parts: Optimizer) -> None:
        self.average = average
        super().__init__(**parts)

    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One step of each, and of the average."""
        super().step(closure)
        self.average.update()

    def state_dict(self) -> dict[str, Any]:
        """As Joined, with the average."""
        return {**super().state_dict(), "average": self.average.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As Joined, with the average."""
        parts = dict(state_dict)
        self.average.load_state_dict(parts.pop("average", {"steps": 0, "values": []}))
        super().load_state_dict(parts)


class WholeMuon(Muon):
    """torch's Muon, with a matrix that is sharded gathered once and orthogonalized whole by each process: products of shards
    would be gathered one by one. `float32`: orthogonalize in it, and not in bfloat16, so that rounding that depends on how a
    batch is shared out among processes stays as small as everywhere else."""

    def __init__(self, matrices: Sequence[nn.Parameter], *, float32: bool, **settings: Any) -> None:
        super().__init__(matrices, **settings)
        self._orthogonalize = _orthogonalize if float32 else _muon._zeropower_via_newtonschulz

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step."""
        with patch.object(_muon, "_zeropower_via_newtonschulz", self._orthogonalize_whole):
            return super().step(closure)

    def _orthogonalize_whole(self, x: Tensor, *settings: Any) -> Tensor:
        if not isinstance(x, DTensor):
            return self._orthogonalize(x, *settings)
        whole = self._orthogonalize(x.full_tensor(), *settings)
        return distribute_tensor(whole, x.device_mesh, x.placements, src_data_rank=None)  # all have it: nothing is sent


def _orthogonalize(x: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """Newton–Schulz: the singular values of x [m, n] are driven to about 1."""
    a, b, c = coefficients
    tall = x.size(0) > x.size(1)
    y = x.T if tall else x
    y = y / y.norm().clamp(min=eps)
    for _ in range(steps):
        gram = y @ y.T
        y = torch.addmm(y, torch.addmm(gram, gram, gram, beta=b, alpha=c), y, beta=a)
    return y.T if tall else y


def make_optimizer(model: nn.Module, config: OptimizerConfig, *, float32: bool = True) -> Joined:
    """The optimiser of a model's parameters that are trained; the model is wrapped for its gang already. `float32`: the whole
    run is in it, and Muon too; else Muon orthogonalizes in bfloat16, in less time.

    With Muon (https://kellerjordan.github.io/posts/muon), embeddings, biases, norms, and an output projection that is tied to
    an embedding are AdamW's.
    """
    used = [p for p in model.parameters() if p.requires_grad]
    embeddings = {id(m.weight) for m in model.modules() if hasattr(m, "num_embeddings")}
    hidden = [p for p in used if config.kind == "muon" and p.ndim == 2 and id(p) not in embeddings]
    chosen = {id(p) for p in hidden}
    decay = config.weight_decay
    parts: dict[str, Optimizer] = {}
    if hidden:
        parts["muon"] = WholeMuon(hidden, float32=float32, lr=config.muon_lr, momentum=0.95, weight_decay=decay)
    if others := [p for p in used if id(p) not in chosen]:
        first, second = config.betas
        parts["adamw"] = AdamW(others, lr=config.adamw_lr, betas=(first, second), eps=config.eps, weight_decay=decay)
    return Averaged(Average(used, config.average), **parts) if config.average else Joined(**parts)


def make_schedule(optimizer: Optimizer, config: OptimizerConfig, steps: int) -> LambdaLR:
    """The learning rates of a run of `steps`, as shares of those that the optimiser was made with."""

    def factor(step: int) -> float:
        rise = min(1.0, (step + 1) / max(1, config.warmup))
        if config.schedule == "cosine":
            through = min(1.0, max(0.0, step - config.warmup) / max(1, steps - config.warmup))
            return rise * (config.final + (1 - config.final) * (1 + math.cos(math.pi * through)) / 2)
        start = config.decay_from * steps
        return rise * (1 - (1 - config.final) * min(1.0, max(0.0, step - start) / max(1.0, steps - start)))

    return LambdaLR(optimizer, factor)


def _of_this_process(state_dict: dict[str, Any]) -> dict[str, Any]:
    states = {
        number: {key: _local(value) if isinstance(value, Tensor) else value for key, value in state.items()}
        for number, state in state_dict["state"].items()
    }
    return {**state_dict, "state": states}


def _sharded_like(p: DTensor, value: Any) -> Any:
    """What an optimiser holds for each entry of a parameter, sharded as that is; a count of steps stays as it is."""
    if not isinstance(value, Tensor) or value.ndim == 0:
        return value
    return DTensor.from_local(value, p.device_mesh, p.placements, run_check=False, shape=p.shape, stride=p.stride())


def _local(x: Tensor) -> Tensor:
    """The part of a sharded tensor that this process holds; any other tensor as it is."""
    return x.to_local().detach() if isinstance(x, DTensor) else x.detach()
