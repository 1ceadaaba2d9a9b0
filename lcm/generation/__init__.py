"""Generation: text in, text out, one concept at a time."""

from lcm.generation.loop import GenerationError, NewConcept, Stopping, StopReason, continue_documents
from lcm.generation.text import DEFAULT_MODEL, LCM, Generated, load

__all__ = [
    "DEFAULT_MODEL",
    "LCM",
    "Generated",
    "GenerationError",
    "NewConcept",
    "StopReason",
    "Stopping",
    "continue_documents",
    "load",
]
