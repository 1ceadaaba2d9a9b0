"""The tales: a controlled language of short stories, with the exact set and probabilities of valid next sentences."""

from lcm.data.tales.events import Event
from lcm.data.tales.story import (
    END_OF_TEXT,
    LANGUAGES,
    Tale,
    TaleError,
    generate,
    next_distribution,
    next_events,
    parse,
    state,
    translate,
)

__all__ = [
    "END_OF_TEXT",
    "LANGUAGES",
    "Event",
    "Tale",
    "TaleError",
    "generate",
    "next_distribution",
    "next_events",
    "parse",
    "state",
    "translate",
]
