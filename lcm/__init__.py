"""Large Concept Models: language modelling one sentence at a time (arXiv 2412.08821).

Importing this package is cheap: torch, fairseq2 and sonar-space load when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lcm._libsndfile import preload as _preload_libsndfile

if TYPE_CHECKING:
    from lcm.generation import load as load
    from lcm.sonar import open_space as open_space

__version__ = "0.1.0"
__all__ = ["__version__", "load", "open_space"]

_preload_libsndfile()  # before anything imports fairseq2

_HOMES = {"load": "lcm.generation", "open_space": "lcm.sonar"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'lcm' has no attribute '{name}'")
