"""The tales: a controlled language of short stories, with the exact set and probabilities of valid next sentences."""

from lcm.data.tales.events import Event
from lcm.data.tales.story import (
    END_OF_TEXT,
    LANGUAGES,
    Tale,
    TaleError,
    generate,
    generate_aligned,
    next_distribution,
    next_events,
    parse,
    state,
    translate,
)
from lcm.data.tales.world import SPLITS, Split

__all__ = [
    "END_OF_TEXT",
    "LANGUAGES",
    "SPLITS",
    "Event",
    "Split",
    "Tale",
    "TaleError",
    "generate",
    "generate_aligned",
    "next_distribution",
    "next_events",
    "parse",
    "state",
    "translate",
]
