"""What the tales speak of: characters, places, objects, and the kinds of event among them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """One thing that happens; it has several wordings in every language.

    Attributes:
        kind: a key of `KINDS`.
        args: ids of characters, places and objects, one for each slot of the kind; a pronoun subject, as parsing
            leaves it, is "he" or "she".
    """

    kind: str
    args: tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """The signature of a kind of event.

    Attributes:
        slots: the sort of each argument: "character", "place" or "object".
        pronouns: one flag for each paraphrase, the same in every language: is its subject (args[0]) a pronoun?
    """

    slots: tuple[str, ...]
    pronouns: tuple[bool, ...]


# The grammatical gender is the same in French, Spanish and German: a pronoun survives translation.
CHARACTERS: dict[str, str] = dict.fromkeys(
    "tom leo max paul fox wolf bear dog hedgehog raven lion elephant donkey badger beaver giant king tomcat".split(),
    "m",
) | dict.fromkeys(
    "anna mia clara rosa turtle bee goose cow goat owl swallow spider hen witch queen grandmother".split(), "f"
)

PLACES: tuple[str, ...] = tuple(
    "forest village mill river bridge castle garden market lake cave meadow harbor tower hill barn school".split()
)

CONTAINERS: tuple[str, ...] = ("basket", "box", "chest", "bag")
INSTRUMENTS: tuple[str, ...] = ("drum", "flute", "violin", "trumpet")
FOODS: tuple[str, ...] = ("apple", "bread", "cheese", "egg", "pear", "cake", "carrot")
# What can break and be mended.
FRAGILE: tuple[str, ...] = (
    *("lantern", "kite", "cup", "doll", "umbrella", "mirror", "ladder", "broom", "clock", "basket", "box"),
    *INSTRUMENTS,
)
OBJECTS: tuple[str, ...] = (
    *("key", "lantern", "map", "hat", "rope", "kite", "bell", "book", "letter", "cup", "feather", "shell", "stone"),
    *("ring", "crown", "coin", "ball", "doll", "umbrella", "scarf", "mirror", "candle", "ladder", "broom", "clock"),
    *CONTAINERS,
    *INSTRUMENTS,
    *FOODS,
)

_SORTS = {"c": "character", "p": "place", "o": "object"}


def _kind(slots: str, subjects: str) -> Kind:
    """`slots` spells the sorts by their initials, `subjects` the paraphrases: n(oun or none), p(ronoun)."""
    return Kind(tuple(_SORTS[s] for s in slots), tuple(s == "p" for s in subjects))


KINDS: dict[str, Kind] = {
    # openings
    "open_lives": _kind("cp", "nnnn"),
    "open_day": _kind("cp", "nnnn"),
    "open_old": _kind("cp", "nnnn"),
    # goals
    "want_object": _kind("co", "nnnp"),
    "want_place": _kind("cp", "nnnp"),
    "want_friend": _kind("cc", "nnnp"),
    # movement
    "go": _kind("cp", "nnnpp"),
    "arrive": _kind("cp", "nnnn"),
    "leave": _kind("c", "nnnp"),
    "lead": _kind("ccp", "nnnp"),
    # weather and time of day
    "rain": _kind("p", "nnnn"),
    "sun": _kind("p", "nnnn"),
    "wind": _kind("p", "nnnn"),
    "snow": _kind("p", "nnnn"),
    "fog": _kind("p", "nnnn"),
    "night": _kind("p", "nnnn"),
    "morning": _kind("p", "nnnn"),
    # objects
    "see": _kind("co", "nnnp"),
    "find": _kind("co", "nnnpp"),
    "take": _kind("co", "nnnp"),
    "lose": _kind("co", "nnnp"),
    "put_down": _kind("co", "nnnp"),
    "hide": _kind("cop", "nnnp"),
    "search": _kind("cp", "nnnpp"),
    "give": _kind("cco", "nnnp"),
    "ask_for": _kind("cco", "nnnp"),
    "refuse": _kind("cco", "nnnn"),
    "lend": _kind("cco", "nnnn"),
    "trade": _kind("ccoo", "nnnp"),
    "open": _kind("co", "nnnp"),
    "contain": _kind("oo", "nnnn"),
    "break": _kind("co", "nnnp"),
    "mend": _kind("co", "nnnp"),
    "eat": _kind("co", "nnnp"),
    "share": _kind("cco", "nnnp"),
    "play": _kind("co", "nnnp"),
    "buy": _kind("co", "nnnp"),
    # company
    "meet": _kind("cc", "nnnp"),
    "greet": _kind("cc", "nnnp"),
    "ask_where": _kind("cco", "nnnp"),
    "tell_where": _kind("ccop", "nnnn"),
    "not_know": _kind("cco", "nnnn"),
    "quarrel": _kind("cc", "nnnp"),
    "make_up": _kind("cc", "nnnp"),
    "befriend": _kind("cc", "nnnp"),
    "thank": _kind("cc", "nnnn"),
    "help": _kind("cc", "nnnp"),
    "comfort": _kind("cc", "nnnp"),
    "tell_story": _kind("cc", "nnnp"),
    "sing": _kind("c", "nnnp"),
    "dance": _kind("cc", "nnnp"),
    "promise": _kind("cc", "nnnp"),
    "farewell": _kind("cc", "nnnp"),
    # feelings, rest
    "glad": _kind("c", "nnnpp"),
    "sad": _kind("c", "nnnpp"),
    "afraid": _kind("c", "nnnp"),
    "tired": _kind("c", "nnnp"),
    "proud": _kind("c", "nnnp"),
    "curious": _kind("c", "nnnp"),
    "rest": _kind("c", "nnnp"),
    "sleep": _kind("cp", "nnnp"),
    "wake": _kind("c", "nnnp"),
    "dream": _kind("co", "nnnp"),
    # endings
    "end_object": _kind("co", "nnnp"),
    "end_place": _kind("cp", "nnnp"),
    "end_friend": _kind("cc", "nnnp"),
    "end_without_object": _kind("co", "nnnp"),
    "end_without_place": _kind("cp", "nnnp"),
    "end_without_friend": _kind("cc", "nnnp"),
}
