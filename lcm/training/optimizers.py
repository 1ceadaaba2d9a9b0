"""Optimisers and learning-rate schedules that torch and fairseq2 do not hold ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Muon, Optimizer
from torch.optim.lr_scheduler import LambdaLR


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """Muon on weight matrices, AdamW on the rest; constant, then linear decay."""

    muon_lr: float = 0.02
    adamw_lr: float = 2e-3
    warmup: int = 100
    """Steps."""
    decay_from: float = 0.5
    """Share of the run after which the rates fall to 2 %."""


class MuonAdamW(Optimizer):
    """Muon (https://kellerjordan.github.io/posts/muon) for the hidden weight matrices, AdamW for everything else.

    Embeddings (and an output projection tied to them), biases and norms go to AdamW. One object, so that a trainer, a
    learning-rate schedule and a checkpoint see a single optimiser with two kinds of groups.
    """

    def __init__(
        self, model: nn.Module, *, muon_lr: float, adamw_lr: float, betas: tuple[float, float] = (0.9, 0.98),
        momentum: float = 0.95, weight_decay: float = 0.0,
    ) -> None:  # fmt: skip
        embeddings = {id(m.weight) for m in model.modules() if hasattr(m, "num_embeddings")}
        used = [p for p in model.parameters() if p.requires_grad]
        matrices = [p for p in used if p.ndim == 2 and id(p) not in embeddings]
        chosen = {id(p) for p in matrices}
        self._muon = Muon(matrices, lr=muon_lr, momentum=momentum, weight_decay=weight_decay)
        others = [p for p in used if id(p) not in chosen]
        self._adamw = AdamW(others, lr=adamw_lr, betas=betas, weight_decay=weight_decay)
        super().__init__([*self._muon.param_groups, *self._adamw.param_groups], {})
        self._share_groups()

    def _share_groups(self) -> None:
        """A learning rate set on our groups is the one that the two optimisers use."""
        self._muon.param_groups, self._adamw.param_groups = self.param_groups[:1], self.param_groups[1:]

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One step of both."""
        self._muon.step()
        self._adamw.step()

    def state_dict(self) -> dict[str, Any]:
        """Both optimisers' states."""
        return {"muon": self._muon.state_dict(), "adamw": self._adamw.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self._muon.load_state_dict(state_dict["muon"])
        self._adamw.load_state_dict(state_dict["adamw"])
        self.param_groups = [*self._muon.param_groups, *self._adamw.param_groups]
        self._share_groups()


def warmup_stable_decay(
    optimizer: Optimizer, *, steps: int, warmup: int, decay_from: float = 0.5, final: float = 0.02
) -> LambdaLR:
    """Linear warm-up over `warmup` steps, constant, then linear from `decay_from`·steps down to `final` of the rate at `steps`."""

    def factor(step: int) -> float:
        start = decay_from * steps
        down = 1 - (1 - final) * min(1.0, max(0.0, step - start) / max(1.0, steps - start))
        return min(1.0, (step + 1) / max(1, warmup)) * down

    return LambdaLR(optimizer, factor)
