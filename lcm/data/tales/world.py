"""The little world: who lives where and likes what, the map, and the pairs kept apart for the compositional split."""

from __future__ import annotations

from functools import cache
from typing import Literal, get_args

from lcm.data.tales.events import KINDS, PLACES

Split = Literal["train", "test", "all"]
SPLITS: tuple[Split, ...] = get_args(Split)

# Each path is listed once; all can be walked both ways.
_PATHS: dict[str, str] = {
    "village": "market school mill garden barn",
    "market": "harbor school",
    "mill": "river barn",
    "river": "bridge lake harbor",
    "bridge": "forest castle",
    "castle": "garden tower",
    "tower": "hill",
    "hill": "cave meadow",
    "meadow": "barn lake",
    "forest": "lake cave",
}
NEIGHBOURS: dict[str, tuple[str, ...]] = {
    place: tuple(p for p in PLACES if p in _PATHS.get(place, "").split() or place in _PATHS.get(p, "").split())
    for place in PLACES
}


@cache
def distance(start: str, end: str) -> int:
    """Paths to walk from one place to another."""
    reached, steps = {start}, 0
    while end not in reached:
        reached |= {p for place in reached for p in NEIGHBOURS[place]}
        steps += 1
    return steps


@cache
def step_towards(start: str, end: str) -> tuple[str, ...]:
    """The neighbours of `start` that lie nearer to `end`."""
    return tuple(p for p in NEIGHBOURS[start] if distance(p, end) < distance(start, end))


# character: where one is likely to meet them | what they are fond of
_PEOPLE: dict[str, str] = {
    "tom": "village school harbor | kite ball map drum cake",
    "leo": "village market river | lantern rope book apple trumpet",
    "max": "mill village meadow | ball flute hat pear ladder",
    "paul": "harbor barn village | shell coin bell letter violin",
    "fox": "forest hill barn | cheese egg mirror scarf ring",
    "wolf": "forest cave hill | cake scarf drum book bread",
    "bear": "cave forest river | apple pear cake chest trumpet",
    "dog": "village barn meadow | ball bread hat bell basket",
    "hedgehog": "garden forest meadow | pear candle broom umbrella cup",
    "raven": "tower forest castle | ring coin key mirror crown",
    "lion": "cave hill meadow | crown mirror drum bell scarf",
    "elephant": "lake river market | carrot trumpet umbrella hat ball",
    "donkey": "mill barn market | carrot bread bag bell hat",
    "badger": "forest hill garden | lantern stone key carrot box",
    "beaver": "river lake bridge | ladder rope broom box stone",
    "giant": "hill cave castle | violin bread clock bell chest",
    "king": "castle tower garden | letter key ring clock violin",
    "tomcat": "barn harbor mill | cheese bell ball feather bag",
    "anna": "village garden lake | doll book kite shell flute",
    "mia": "school harbor meadow | umbrella violin feather box cup",
    "clara": "market castle village | letter ring hat mirror scarf",
    "rosa": "garden mill river | lantern flute candle bread doll",
    "turtle": "lake river harbor | shell stone map carrot umbrella",
    "bee": "garden meadow hill | bell cup flute drum basket",
    "goose": "river lake barn | feather bread hat egg bag",
    "cow": "meadow barn mill | bell carrot scarf hat flute",
    "goat": "hill meadow bridge | carrot rope pear hat ladder",
    "owl": "tower forest barn | book clock candle key feather",
    "swallow": "tower harbor school | feather letter flute kite ring",
    "spider": "barn cave tower | rope clock box drum violin",
    "hen": "barn village garden | egg broom bread feather basket",
    "witch": "forest cave tower | broom book mirror candle key",
    "queen": "castle garden lake | crown ring letter mirror flute",
    "grandmother": "village mill garden | candle cake basket scarf book",
}
HOMES = {who: tuple(line.split("|")[0].split()) for who, line in _PEOPLE.items()}
LIKES = {who: tuple(line.split("|")[1].split()) for who, line in _PEOPLE.items()}
FEARSOME = ("wolf", "bear", "lion", "giant", "witch", "spider")
# Too big to lie in a container, the containers themselves aside.
BULKY = ("kite", "umbrella", "ladder", "broom", "clock", "drum", "trumpet", "violin", "lantern", "mirror")

# Held out of the training split: an event whose arguments hold both the character and the object. Five objects for
# each character, so that in the test split there is always one left to see (`process.LAST_CHANCE`).
_HELD_OUT_OBJECTS: dict[str, str] = {
    "tom": "bell doll umbrella drum egg",
    "leo": "bell broom basket bag cheese",
    "max": "key book letter chest cheese",
    "paul": "key flute trumpet bread cake",
    "fox": "rope kite feather clock bag",
    "wolf": "ring crown flute violin trumpet",
    "bear": "key bell cup bag carrot",
    "dog": "lantern crown ball mirror flute",
    "hedgehog": "bell ball clock apple bread",
    "raven": "kite doll violin bread carrot",
    "lion": "kite stone ladder chest egg",
    "elephant": "book ladder clock flute apple",
    "donkey": "mirror candle drum violin cheese",
    "badger": "shell umbrella scarf trumpet egg",
    "beaver": "stone ball apple egg pear",
    "giant": "feather shell scarf candle box",
    "king": "cup crown coin scarf ladder",
    "tomcat": "map shell coin basket chest",
    "anna": "key hat coin pear cake",
    "mia": "hat rope doll bread cake",
    "clara": "map cup feather ring bag",
    "rosa": "rope feather broom basket drum",
    "turtle": "ring mirror clock apple pear",
    "bee": "hat ball candle cheese cake",
    "goose": "kite umbrella broom basket apple",
    "cow": "book cup stone crown ladder",
    "goat": "rope letter cup shell ring",
    "owl": "lantern map broom box drum",
    "swallow": "bell umbrella scarf broom box",
    "spider": "lantern letter stone mirror candle",
    "hen": "lantern book box chest pear",
    "witch": "map hat coin egg carrot",
    "queen": "lantern rope doll violin carrot",
    "grandmother": "letter ring clock trumpet bread",
}
# … and an event of the kind that names the place. Never a kind that a tale may need in order to go on or to end.
_HELD_OUT_KINDS: dict[str, str] = {
    "forest": "open_day wind",
    "village": "fog open_day",
    "mill": "rain hide",
    "river": "search lead",
    "bridge": "arrive night",
    "castle": "tell_where rain",
    "garden": "want_place fog",
    "market": "morning want_place",
    "lake": "snow open_lives",
    "cave": "sun search",
    "meadow": "wind tell_where",
    "harbor": "hide arrive",
    "tower": "open_lives sun",
    "hill": "lead morning",
    "barn": "night open_old",
    "school": "open_old snow",
}
HELD_OUT_OBJECTS = {(who, what) for who, things in _HELD_OUT_OBJECTS.items() for what in things.split()}
HELD_OUT_KINDS = {(place, kind) for place, kinds in _HELD_OUT_KINDS.items() for kind in kinds.split()}


def _pairs(slots: tuple[str, ...], first: str, second: str) -> tuple[tuple[int, int], ...]:
    return tuple((i, j) for i, a in enumerate(slots) for j, b in enumerate(slots) if (a, b) == (first, second))


_OWNERS = {kind: _pairs(signature.slots, "character", "object") for kind, signature in KINDS.items()}
_WHERE = {kind: tuple(i for i, s in enumerate(signature.slots) if s == "place") for kind, signature in KINDS.items()}


def held_out(kind: str, args: tuple[str, ...]) -> bool:
    """Does the event realise a pair that the training split never shows?"""
    for i, j in _OWNERS[kind]:
        if (args[i], args[j]) in HELD_OUT_OBJECTS:
            return True
    return any((args[i], kind) in HELD_OUT_KINDS for i in _WHERE[kind])
