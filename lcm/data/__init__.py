"""Data: controlled stories, corpora, and the batches that training reads."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lcm.data.batches import ConceptBatch as ConceptBatch

__all__ = ["ConceptBatch"]

_HOMES = {"ConceptBatch": "lcm.data.batches"}


def __getattr__(name: str) -> Any:
    # The tales need no torch: what does is imported when it is asked for.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'lcm.data' has no attribute '{name}'")
