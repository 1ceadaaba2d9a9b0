"""The rules of the tales: for each kind of event when it can happen, to whom, how likely, and what it changes.

A rule's `options` gives the arguments that are possible in a state, each with a relative weight: 1 is ordinary, more
pulls the kind forward as well, nothing at all means the kind cannot happen now. Read `RULES` at the end first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lcm.data.tales.events import CHARACTERS, CONTAINERS, FOODS, FRAGILE, INSTRUMENTS, OBJECTS, PLACES, Event
from lcm.data.tales.states import NOWHERE, State, pair
from lcm.data.tales.world import BULKY, FEARSOME, HOMES, LIKES, NEIGHBOURS, distance, step_towards

Options = Sequence[tuple[tuple[str, ...], float]]

LAST = 19  # the index of the last sentence a tale may have
FIRST_ENDING = 7
LAST_CHANCE = 10  # from here on the test split tells nothing but a held-out pair, if it has none yet
CROWD = 4  # characters in a tale, at most


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When, how likely and with what effect a kind of event happens.

    Attributes:
        role: its part in the tale, a key of `ROLES`.
        weight: its weight among the kinds, times the greatest weight among its options.
        options: (state) → [(arguments, relative weight)].
        effect: (draft of the state, *arguments), changes the draft.
        after: factors on the weight by the kind told just before.
        again: the factor for each time the kind was told already.
        needs: how many sentences must follow before the tale can end well (an answer, a waking).
    """

    role: str
    weight: float
    options: Callable[[State], Options]
    effect: Callable[..., None] | None = None
    after: dict[str, float] = field(default_factory=dict)
    again: float = 0.45
    needs: int = 0


# Weights of each role: at the beginning (before sentence 4), in the middle, late (from 9), once the goal is met;
# and the factor for each event of that role told already.
ROLES: dict[str, tuple[float, float, float, float, float]] = {
    "opening": (1, 1, 1, 1, 1),
    "goal": (1, 1, 1, 1, 1),
    "weather": (1.0, 0.7, 0.35, 0.25, 0.35),
    "company": (1.4, 1.0, 0.8, 0.4, 0.85),
    "quest": (1.0, 1.3, 1.8, 0.15, 1.0),
    "kindness": (0.7, 1.0, 1.0, 1.6, 0.85),
    "trouble": (0.5, 1.5, 0.8, 0.1, 0.6),
    "mood": (1.2, 1.6, 1.4, 1.8, 0.8),
    "rest": (0.3, 1.0, 0.6, 0.25, 0.8),
    "joy": (0.4, 0.7, 0.4, 1.8, 0.7),
    "reply": (1, 1, 1, 1, 1),
    "ending": (1, 1, 1, 1, 1),
}

# What can be said at once after these, and nothing else: questions are answered, open boxes looked into.
REPLIES: dict[str, tuple[str, ...]] = {
    "ask_where": ("tell_where", "not_know"),
    "ask_for": ("give", "refuse", "lend"),
    "open": ("contain",),
    "farewell": ("leave", "go"),
}

# How a tale nears its goal: the weight of an event that meets it, by the number of sentences told.
_URGE = (0.0, 0.0, 0.05, 0.06, 0.1, 0.25, 0.5, 0.8, 1.0, 1.3, 1.6, 1.8)


def urge(s: State) -> float:
    """Weight of meeting the goal with the next sentence."""
    return _URGE[min(s.told, len(_URGE) - 1)]


def target(s: State) -> str | None:
    """The place that the hero has a reason to go to."""
    assert s.goal is not None
    aim = s.goal.args[1]
    if s.goal.kind == "want_place":
        return aim
    if s.goal.kind == "want_friend":
        return s.places.get(aim)
    how, where = s.things[aim]
    return where if how in ("told", "hidden", "lost", "lies") else None


def missing(s: State) -> str | None:
    """The object wished for, as long as nobody is known to have it."""
    return s.wanted if s.wanted and s.things[s.wanted][0] in ("nowhere", "told", "hidden", "lost") else None


def likes(who: str, thing: str) -> float:
    return 1.0 if thing in LIKES[who] else 0.3


def spare(s: State, who: str) -> list[str]:
    """What `who` holds, the object of the hero's wish aside."""
    return [o for o in s.held(who) if o != s.wanted]


def both_ways(s: State, weight: float = 1.0) -> Options:
    """The hero to each companion, and each companion to the hero."""
    return [(args, weight) for c in s.company for args in ((s.hero, c), (c, s.hero))]


def present(s: State) -> list[str]:
    return [s.hero, *s.company]


def hero_last(s: State, *kinds: str) -> bool:
    return s.last is not None and s.last.kind in kinds and s.last.args[0] == s.hero


# --- openings and goals -----------------------------------------------------------------------------------------------

_OPENINGS: Options = [((c, p), 3.0 if p in HOMES[c] else 0.4) for c in CHARACTERS for p in PLACES]


def _open(s: State, hero: str, place: str) -> None:
    s.hero = hero
    s.places[hero] = place


def _want(kind: str) -> Callable[..., None]:
    def effect(s: State, hero: str, aim: str) -> None:
        s.goal = Event(kind, (hero, aim))

    return effect


def _want_place(s: State) -> Options:
    return [((s.hero, p), 1.0 if distance(s.here, p) == 3 else 0.6) for p in PLACES if distance(s.here, p) > 1]


def _want_friend(s: State) -> Options:
    home = set(HOMES[s.hero])
    return [((s.hero, c), 1.0 if home & set(HOMES[c]) else 0.3) for c in CHARACTERS if c != s.hero]


# --- coming and going -------------------------------------------------------------------------------------------------


def _go(s: State) -> Options:
    assert s.goal is not None
    if s.last is not None and s.last.kind == "farewell":  # someone who takes leave must go; if not the other, the hero
        return [((s.hero, p), 0.3) for p in NEIGHBOURS[s.here]] if s.last.args[0] == s.hero else []
    aim, away = target(s), 0.5
    if s.met or (s.wanted and s.things[s.wanted][0] in ("lies", "in") and s.within_reach(s.wanted)) or aim == s.here:
        away = 0.05  # what the hero came for is here
    elif s.company:
        away = 0.25
    options = dict.fromkeys(NEIGHBOURS[s.here], away)
    if aim and aim != s.here:
        for p in step_towards(s.here, aim):
            options[p] = 1.2
        if distance(s.here, aim) <= 2:
            options[aim] = 2.5 if s.goal.kind == "want_object" else 2 * urge(s)
    return [((s.hero, p), weight) for p, weight in options.items()]


def _lead(s: State) -> Options:
    assert s.goal is not None
    aim, options = target(s), []
    for c in s.company:
        if aim and aim != s.here and not s.met and distance(s.here, aim) <= 3:
            options.append(((c, s.hero, aim), 2 * urge(s) if s.goal.kind == "want_place" else 0.8))
        if not s.met:
            options += [((s.hero, c, p), 0.15) for p in NEIGHBOURS[s.here]]
    return options


def _newcomers(s: State) -> Options:
    """Who may turn up: someone new while the cast is small, or someone known who has reason to."""
    alone = 1.5 if not s.company else 0.35
    options = []
    for c in CHARACTERS:
        if c in s.cast:
            if c in s.places or c == s.hero:
                continue
            expected = s.goal is not None and c == s.goal.args[1]  # the friend hoped for, not seen yet
            returning = bool(s.wanted) and s.things.get(s.wanted or "") == ("held", c)
            quarrel = s.ties.get(pair(c, s.hero)) == "quarrel"
            options.append((c, (5.0 if s.told > 4 else 1.5) if expected or returning else 1.0 if quarrel else 0.1))
        elif len(s.cast) < CROWD:
            options.append((c, alone if s.here in HOMES[c] else 0.25 * alone))
    return [((c,), weight) for c, weight in options]


def _meet(s: State) -> Options:
    return [((s.hero, c), weight) for (c,), weight in _newcomers(s) if c not in s.cast or c == s.cast[1]]


def _arrive(s: State) -> Options:
    known = [((c, s.here), 0.6) for c in s.cast if c in s.places and s.places[c] != s.here and s.told > 4]
    return [((c, s.here), weight) for (c,), weight in _newcomers(s)] + known


def _leave(s: State) -> Options:
    assert s.last is not None
    if s.last.kind == "farewell":
        return [((s.last.args[1 if s.last.args[0] == s.hero else 0],), 2.0)]
    parting = ("quarrel", "refuse", "not_know")
    return [((c,), 1.0) for c in s.company if s.last.kind in parting and c in s.last.args]


def _moves(s: State, who: str, place: str) -> None:
    s.places[who] = place


def _lead_moves(s: State, who: str, other: str, place: str) -> None:
    s.places[who] = s.places[other] = place


def _meets(s: State, hero: str, other: str) -> None:
    s.places[other] = s.here


def _leaves(s: State, who: str) -> None:
    s.places.pop(who)


# --- weather and rest -------------------------------------------------------------------------------------------------


def _weather(kind: str) -> Callable[[State], Options]:
    def options(s: State) -> Options:
        if s.weather == kind or (s.last is not None and s.last.kind in ("rain", "sun", "wind", "snow", "fog", "night")):
            return []
        if kind == "sun" and s.night or {kind, s.weather} == {"sun", "snow"}:
            return []
        return [((s.here,), 1.0)]

    return options


def _set_weather(kind: str) -> Callable[..., None]:
    def effect(s: State, place: str) -> None:
        s.weather = kind

    return effect


def _night_falls(s: State, place: str) -> None:
    s.night, s.weather = True, ""


def _day_breaks(s: State, place: str) -> None:
    s.night, s.weather = False, ""


def _asleep(s: State, who: str, place: str) -> None:
    s.asleep = True
    s.feelings.pop(who, None)


def _awake(s: State, who: str) -> None:
    s.asleep = s.night = False


def _rested(s: State, who: str) -> None:
    s.feelings.pop(who, None)


def _dream(s: State) -> Options:
    if s.last is None or s.last.kind != "sleep":
        return []
    return [((s.hero, o), 1.0) for o in ([s.wanted] if s.wanted else s.fresh(LIKES[s.hero]))]


# --- things -----------------------------------------------------------------------------------------------------------


def _see(s: State) -> Options:
    # Where the test split is down to its last chance, there is always a held-out thing left to see.
    fresh = s.fresh() if s.held_out or s.told < LAST_CHANCE else s.fresh(crowd=len(OBJECTS))
    appeal = 0.1 if s.met else 0.5 if len(s.things) < 2 else 0.2
    new = [((s.hero, o), likes(s.hero, o) * appeal * (2 if o in CONTAINERS else 1)) for o in fresh]
    if s.wanted and s.things[s.wanted] in (NOWHERE, ("told", s.here)):
        new.append(((s.hero, s.wanted), 2.0 * urge(s)))
    return new


def _find(s: State) -> Options:
    options = [((s.hero, o), 0.2 * likes(s.hero, o)) for o in s.fresh(crowd=3) if not s.met]
    searched = s.last is not None and s.last.kind == "search"
    for o, (how, where) in s.things.items():
        if how in ("told", "hidden", "lost") and where == s.here:
            options.append(((s.hero, o), (6.0 if searched else 0.4) * (urge(s) + 0.3)))
        elif o == s.wanted and how == "nowhere" and searched:
            options.append(((s.hero, o), 2.5 * urge(s)))
        if o == s.wanted and how in ("told", "nowhere") and searched:
            options += [((c, o), 0.8 * urge(s) + 0.2) for c in s.company]
    return options


def _take(s: State) -> Options:
    within = [o for o in s.things if s.within_reach(o)]
    options = [((s.hero, o), 3.0 if o == s.wanted else 1.2) for o in within if len(s.held(s.hero)) < 3]
    return options + [((c, o), 0.6 if o == s.wanted else 0.2 * likes(c, o)) for c in s.company for o in within]


def _lose(s: State) -> Options:
    return [((s.hero, o), 0.35 if o == s.wanted and s.told < 12 else 0.7) for o in s.held(s.hero) if s.told < 15]


def _hide(s: State) -> Options:
    assert s.last is not None
    options = []
    for c in s.company:
        if s.wanted in s.held(c) and s.last.kind in ("refuse", "quarrel", "take"):
            options += [((c, s.wanted, p), 1.0) for p in NEIGHBOURS[s.here] if s.wanted]
    if s.last.kind in ("night", "afraid"):
        options += [((s.hero, o, s.here), 0.5) for o in spare(s, s.hero)]
    return options


def _hidden(s: State, who: str, thing: str, place: str) -> None:
    s.things[thing] = ("hidden", place)
    s.places[who] = place


def _search(s: State) -> Options:
    here = [o for o, (how, where) in s.things.items() if how in ("told", "hidden", "lost") and where == s.here]
    if here:
        return [((s.hero, s.here), 2.5)]
    return [((s.hero, s.here), 0.7 * urge(s) + 0.2)] if s.wanted and s.things[s.wanted] == NOWHERE else []


def _in_hand(s: State, who: str, thing: str) -> None:
    s.things[thing] = ("held", who)


def _lies_here(s: State, who: str, thing: str) -> None:
    s.things[thing] = ("lies", s.here)


def _lost(s: State, who: str, thing: str) -> None:
    s.things[thing] = ("lost", s.here)


def _gone(s: State, *args: str) -> None:
    s.things[args[-1]] = ("gone", "")


def _handed(s: State, giver: str, taker: str, thing: str) -> None:
    s.things[thing] = ("held", taker)
    _kind_deed(s, giver, taker)


def _give(s: State) -> Options:
    assert s.last is not None
    if s.last.kind == "ask_for":
        asker, owner, thing = s.last.args
        kindness = 0.6 + 0.5 * s.kindness.get(pair(asker, owner), 0)
        return [((owner, asker, thing), kindness * (0.4 + urge(s)) if thing == s.wanted else kindness)]
    options = [((s.hero, c, o), 0.6 * likes(c, o)) for c in s.company for o in spare(s, s.hero)]
    options += [((c, s.hero, s.wanted), urge(s)) for c in s.company if s.wanted and s.wanted in s.held(c)]
    if s.wanted and s.things[s.wanted] == NOWHERE:  # a reward for a good deed
        for c in s.company:
            if c in s.last.args and s.last.kind in ("help", "thank", "befriend", "comfort", "give", "share"):
                options.append(((c, s.hero, s.wanted), urge(s)))
    return options


def _ask_for(s: State) -> Options:
    options = [((s.hero, c, o), 3.0 if o == s.wanted else 0.2) for c in s.company for o in s.held(c)]
    return options + [((c, s.hero, o), 0.7 * likes(c, o)) for c in s.company for o in spare(s, s.hero)]


def _lend(s: State) -> Options:
    assert s.last is not None
    asker, owner, thing = s.last.args
    return [((owner, asker, thing), 0.6)] if thing != s.wanted else []


def _refuse(s: State) -> Options:
    assert s.last is not None
    asker, owner, thing = s.last.args
    return [((owner, asker, thing), 0.15 if s.ties.get(pair(asker, owner)) == "friends" else 0.6)]


def _trade(s: State) -> Options:
    if not s.wanted:
        return []
    owners = [c for c in s.company if s.wanted in s.held(c)]
    return [((s.hero, c, o, s.wanted), 0.5 + 2 * urge(s)) for c in owners for o in spare(s, s.hero)]


def _traded(s: State, who: str, other: str, thing: str, other_thing: str) -> None:
    s.things[thing], s.things[other_thing] = ("held", other), ("held", who)


def _open_box(s: State) -> Options:
    if s.met or not (s.fresh(crowd=4)):
        return []
    return [
        ((s.hero, o), 2.0)
        for o in s.things
        if o in CONTAINERS and o not in s.opened and (o in s.held(s.hero) or s.within_reach(o))
    ]


def _opened(s: State, who: str, box: str) -> None:
    s.opened |= {box}


def _contain(s: State) -> Options:
    assert s.last is not None
    who, box = s.last.args
    options = [((box, o), likes(who, o)) for o in s.fresh() if o not in BULKY + CONTAINERS]
    if s.wanted and s.things[s.wanted] == NOWHERE and s.wanted not in BULKY + CONTAINERS:
        options.append(((box, s.wanted), 25 * urge(s)))
    return options


def _inside(s: State, box: str, thing: str) -> None:
    s.things[thing] = ("in", box)


def _break(s: State) -> Options:
    return [((c, o), 1.0) for c in present(s) for o in spare(s, c) if o in FRAGILE and o not in s.broken]


def _broken(s: State, who: str, thing: str) -> None:
    s.broken |= {thing}


def _mend(s: State) -> Options:
    about = [o for c in present(s) for o in s.held(c) if o in s.broken]
    return [((c, o), 1.0) for o in about for c in present(s)]


def _mended(s: State, who: str, thing: str) -> None:
    s.broken -= {thing}


def _buy(s: State) -> Options:
    if s.here != "market":
        return []
    options = [((s.hero, o), 0.5 * likes(s.hero, o)) for o in s.fresh(crowd=3) if not s.met]
    if s.wanted and s.things[s.wanted] == NOWHERE:
        options += [((s.hero, s.wanted), 3 * urge(s)), *(((c, s.wanted), 0.6) for c in s.company)]
    return options


def _holders(among: tuple[str, ...], partner: bool = False, wanted: bool = False) -> Callable[[State], Options]:
    """Who is here and holds one of these, with a partner or without; the object wished for too, if so."""

    def options(s: State) -> Options:
        held = [(c, o) for c in present(s) for o in (s.held(c) if wanted else spare(s, c)) if o in among]
        held = [(c, o) for c, o in held if o not in s.broken]
        if not partner:
            return [((c, o), 1.0) for c, o in held]
        others = [((c, d, o), 1.0) for c, o in held for d in present(s) if d != c and s.hero in (c, d)]
        return [option for option in others if s.ties.get(pair(option[0][0], option[0][1])) != "quarrel"]

    return options


def _shared(s: State, who: str, other: str, food: str) -> None:
    _gone(s, food)
    _kind_deed(s, who, other)


# --- company ----------------------------------------------------------------------------------------------------------


def _kind_deed(s: State, who: str, other: str, *_: str) -> None:
    s.kindness[pair(who, other)] = s.kindness.get(pair(who, other), 0) + 1
    if s.feelings.get(other) in ("sad", "afraid"):
        s.feelings.pop(other)


def _greet(s: State) -> Options:
    assert s.last is not None
    if s.last.kind == "greet":
        return [((s.last.args[1], s.last.args[0]), 1.0)] if Event("greet", s.last.args[::-1]) not in s.past else []
    greeted = {args for args, _ in both_ways(s) if {Event("greet", args), Event("greet", args[::-1])} & s.past}
    just_met = s.last.kind in ("meet", "arrive") or (s.last.kind == "go" and not greeted)
    return [option for option in both_ways(s) if option[0] not in greeted and just_met]


def _ask_where(s: State) -> Options:
    o = missing(s)
    return [((s.hero, c, o), 1.0) for c in s.company] if o and s.things[o][0] in ("nowhere", "lost") else []


def _tell_where(s: State) -> Options:
    assert s.last is not None
    asker, knower, thing = s.last.args
    near = {1: 1.0, 2: 1.0, 3: 0.4}
    return [((knower, asker, thing, p), near.get(distance(s.here, p), 0.1)) for p in PLACES if p != s.here]


def _told_where(s: State, who: str, other: str, thing: str, place: str) -> None:
    s.things[thing] = ("told", place)
    _kind_deed(s, who, other)


def _not_know(s: State) -> Options:
    assert s.last is not None
    asker, other, thing = s.last.args
    return [((other, asker, thing), 1.0)]


def _quarrel(s: State) -> Options:
    causes = ("refuse", "break", "hide", "lose", "eat", "take")
    if s.met or s.last is None or s.last.kind not in causes:
        return []
    return [option for option in both_ways(s) if option[0][1] in s.last.args or len(s.company) == 1]


def _tie(kind: str) -> Callable[..., None]:
    def effect(s: State, who: str, other: str) -> None:
        s.ties[pair(who, other)] = kind

    return effect


def _make_up(s: State) -> Options:
    if s.last is None or s.last.kind in ("quarrel", "hide"):
        return []
    return [option for option in both_ways(s) if s.ties.get(pair(*option[0])) == "quarrel"]


def _made_up(s: State, who: str, other: str) -> None:
    s.ties.pop(pair(who, other))
    _kind_deed(s, who, other)


def _befriend(s: State) -> Options:
    assert s.goal is not None
    options = []
    for c in s.company:
        deeds = s.kindness.get(pair(s.hero, c), 0)
        if deeds and pair(s.hero, c) not in s.ties:
            options.append(((s.hero, c), 5 * urge(s) * deeds if c == s.goal.args[1] else 0.5 * deeds))
    return options


_GIFTS = ("help", "give", "share", "lend", "comfort", "tell_where", "lead", "mend")


def _thank(s: State) -> Options:
    if s.last is None or s.last.kind not in _GIFTS:
        return []
    if s.last.kind == "mend":
        mender, thing = s.last.args
        return [((c, mender), 1.0) for c in present(s) if c != mender and s.things[thing] == ("held", c)]
    return [((s.last.args[1], s.last.args[0]), 1.0)]


def _at_peace(s: State) -> Options:
    return [option for option in both_ways(s) if s.ties.get(pair(*option[0])) != "quarrel"]


def _help(s: State) -> Options:
    aim = s.goal.args[1] if s.goal is not None else ""
    return [(args, 2.5 if aim in args else 1.0) for args, _ in _at_peace(s)]


def _comfort(s: State) -> Options:
    return [(args, 1.0) for args, _ in _at_peace(s) if s.feelings.get(args[1]) in ("sad", "afraid")]


def _singers(s: State) -> Options:
    return [((c,), 1.0) for c in present(s) if s.feelings.get(c) not in ("sad", "afraid")]


def _promise(s: State) -> Options:
    if s.last is None or s.last.kind not in ("befriend", "make_up", "lend", "help", "thank", "comfort"):
        return []
    return [option for option in _at_peace(s) if set(option[0]) <= set(s.last.args)]


def _farewell(s: State) -> Options:
    friend = s.goal.args[1] if s.goal is not None else ""
    return [option for option in both_ways(s) if friend not in option[0] and s.told > 4]


# --- feelings ---------------------------------------------------------------------------------------------------------

# What makes one feel so, and how strongly.
_CAUSES: dict[str, dict[str, float]] = {
    "glad": {"find": 1.5, "take": 0.8, "give": 1, "buy": 1, "tell_where": 1, "sun": 0.8, "befriend": 2, "make_up": 2,
             "help": 0.7, "comfort": 1, "thank": 0.7, "share": 1, "lend": 0.8, "mend": 1, "dance": 1, "sing": 0.7,
             "go": 0.1, "contain": 0.5, "trade": 1, "greet": 0.2, "promise": 0.5, "lead": 0.3, "tell_story": 0.6},
    "sad": {"lose": 3, "break": 1.5, "refuse": 2, "leave": 0.8, "not_know": 1.2, "quarrel": 2.5, "search": 0.4,
            "rain": 0.4, "farewell": 1, "hide": 0.6},
    "afraid": {"night": 1.5, "fog": 1.2, "wind": 0.7, "meet": 1.5, "arrive": 1.5},
    "tired": {"go": 0.7, "search": 0.6, "dance": 1, "lead": 0.5, "night": 0.8, "help": 0.4},
    "proud": {"find": 0.6, "mend": 1.5, "help": 0.8, "buy": 0.6, "play": 0.6, "trade": 0.6, "share": 0.3},
    "curious": {"see": 0.8, "tell_story": 0.8, "dream": 0.5, "contain": 0.8, "wake": 0.3, "arrive": 0.4, "fog": 0.3},
}  # fmt: skip
# Which argument of the last event it touches, if not the first; the hero where nobody is named.
_TOUCHED = dict.fromkeys("give refuse not_know tell_where help comfort thank lend lead share farewell".split(), 1)
_TOUCHED |= {"tell_story": 1, "promise": 1}


def _feel(kind: str) -> Callable[[State], Options]:
    def options(s: State) -> Options:
        if s.last is None:
            return []
        strength = _CAUSES[kind].get(s.last.kind, 0)
        who = s.last.args[_TOUCHED.get(s.last.kind, 0)]
        if who not in present(s) or s.last.kind in ("leave", "arrive", "hide"):
            who = s.hero
        if kind == "proud":  # of one's own deed
            who = s.last.args[0]
        if kind in ("afraid", "curious") and s.last.kind in ("meet", "arrive"):
            newcomer = s.last.args[s.last.kind == "meet"]
            if (kind == "afraid") != (newcomer in FEARSOME and s.hero not in FEARSOME):
                return []
        return [((who,), strength)] if strength and s.feelings.get(who) != kind else []

    return options


def _feels(kind: str) -> Callable[..., None]:
    def effect(s: State, who: str) -> None:
        s.feelings[who] = kind

    return effect


# --- endings ----------------------------------------------------------------------------------------------------------


def _end(goal: str, met: bool) -> Callable[[State], Options]:
    def options(s: State) -> Options:
        return [(s.goal.args, 1.0)] if s.goal is not None and s.goal.kind == goal and s.met == met else []

    return options


def _ended(s: State, *_: str) -> None:
    s.ended = True


def _hero_when(condition: Callable[[State], float]) -> Callable[[State], Options]:
    """The hero, weighted by a condition; no option where that is 0."""
    return lambda s: [((s.hero,), condition(s))] if condition(s) else []


def _here_when(condition: Callable[[State], float]) -> Callable[[State], Options]:
    return lambda s: [((s.here,), condition(s))] if condition(s) else []


RULES: dict[str, Rule] = {
    "open_lives": Rule(role="opening", weight=4, options=lambda s: _OPENINGS, effect=_open),
    "open_day": Rule(role="opening", weight=3, options=lambda s: _OPENINGS, effect=_open),
    "open_old": Rule(role="opening", weight=2, options=lambda s: _OPENINGS, effect=_open),
    "want_object": Rule(role="goal", weight=9, effect=_want("want_object"),
                        options=lambda s: [((s.hero, o), likes(s.hero, o)) for o in OBJECTS]),
    "want_place": Rule(role="goal", weight=3, options=_want_place, effect=_want("want_place")),
    "want_friend": Rule(role="goal", weight=4, options=_want_friend, effect=_want("want_friend")),
    "go": Rule(role="quest", weight=1.5, options=_go, effect=_moves, again=0.75,
               after={"meet": 0.05, "arrive": 0.05, "greet": 0.1, "tell_where": 3, "not_know": 2, "go": 0.3, "wake": 3,
                      "morning": 3, "leave": 2, "farewell": 1, "hide": 3, "thank": 2, "contain": 0.1}),
    "lead": Rule(role="quest", weight=1.2, options=_lead, effect=_lead_moves,
                 after={"tell_where": 3, "meet": 0.1, "arrive": 0.1, "go": 0.2, "not_know": 0.5}),
    "arrive": Rule(role="company", weight=1.4, options=_arrive, effect=_moves,
                   after={"sad": 2, "lose": 2, "rest": 2, "search": 1.5, "see": 0.5, "greet": 0, "leave": 0.2}),
    "meet": Rule(role="company", weight=2.4, options=_meet, effect=_meets,
                 after={"go": 2, "want_friend": 0.5, "greet": 0.1, "wake": 0.3, "leave": 0.2}),
    "leave": Rule(role="company", weight=0.5, options=_leave, effect=_leaves, after={"quarrel": 3, "farewell": 3}),
    "rain": Rule(role="weather", weight=0.8, options=_weather("rain"), effect=_set_weather("rain")),
    "sun": Rule(role="weather", weight=0.8, options=_weather("sun"), effect=_set_weather("sun")),
    "wind": Rule(role="weather", weight=0.6, options=_weather("wind"), effect=_set_weather("wind")),
    "snow": Rule(role="weather", weight=0.4, options=_weather("snow"), effect=_set_weather("snow")),
    "fog": Rule(role="weather", weight=0.5, options=_weather("fog"), effect=_set_weather("fog")),
    "night": Rule(role="rest", weight=0.7, effect=_night_falls, again=0.1,
                  options=_here_when(lambda s: 0 if s.night or s.told < 3 else 1)),
    "morning": Rule(role="rest", weight=1, effect=_day_breaks,
                    options=_here_when(lambda s: 1 if s.night and (s.asleep or s.told > 7) else 0)),
    "see": Rule(role="quest", weight=1, options=_see, effect=_lies_here, again=0.35, after={"go": 2, "curious": 2, "see": 0.1}),
    "find": Rule(role="quest", weight=1.4, options=_find, effect=_in_hand),
    "take": Rule(role="quest", weight=1.6, options=_take, effect=_in_hand, after={"see": 3, "contain": 8}, again=0.8),
    "lose": Rule(role="trouble", weight=0.7, options=_lose, effect=_lost, again=0.1,
                 after={"go": 2.5, "dance": 2, "wake": 2, "wind": 2, "find": 0.1, "take": 0.1, "give": 0.1, "glad": 0.3}),
    "put_down": Rule(role="rest", weight=0.25, effect=_lies_here, after={"take": 0, "find": 0, "tired": 3},
                     options=lambda s: [((s.hero, o), 1.0) for o in spare(s, s.hero)]),
    "hide": Rule(role="trouble", weight=1.6, options=_hide, effect=_hidden),
    "search": Rule(role="quest", weight=1.3, options=_search, after={"go": 2, "lead": 2, "lose": 2, "hide": 0}),
    "give": Rule(role="kindness", weight=1.1, options=_give, effect=_handed, after={"find": 0.5, "take": 0.5}),
    "ask_for": Rule(role="quest", weight=1.2, options=_ask_for, again=0.6, needs=1,
                    after={"find": 1.5, "take": 1.5, "refuse": 0.05, "give": 0.1, "lend": 0.1}),
    "refuse": Rule(role="reply", weight=1, options=_refuse, again=0.6),
    "lend": Rule(role="reply", weight=1, options=_lend, effect=_handed),
    "trade": Rule(role="quest", weight=1, options=_trade, effect=_traded, after={"refuse": 3}),
    "open": Rule(role="quest", weight=1.5, options=_open_box, effect=_opened, needs=1, after={"see": 2, "curious": 3}),
    "contain": Rule(role="reply", weight=1, options=_contain, effect=_inside),
    "break": Rule(role="trouble", weight=0.5, options=_break, effect=_broken, after={"take": 0.1, "find": 0.1}),
    "mend": Rule(role="kindness", weight=2, options=_mend, effect=_mended, after={"break": 0.3, "sad": 2}),
    "eat": Rule(role="rest", weight=0.5, options=_holders(FOODS), effect=_gone, after={"tired": 2, "wake": 2}),
    "share": Rule(role="kindness", weight=1.2, options=_holders(FOODS, partner=True), effect=_shared),
    "play": Rule(role="joy", weight=1.2, options=_holders(INSTRUMENTS, wanted=True)),
    "buy": Rule(role="quest", weight=1.2, options=_buy, effect=_in_hand, after={"go": 1.5}),
    "greet": Rule(role="company", weight=4, options=_greet, after={"go": 0.5, "greet": 0.25}, again=0.8),
    "ask_where": Rule(role="quest", weight=1.6, options=_ask_where, needs=1, again=0.7,
                      after={"greet": 3, "meet": 2, "arrive": 2, "thank": 0.5}),
    "tell_where": Rule(role="reply", weight=1.8, options=_tell_where, effect=_told_where, again=0.8),
    "not_know": Rule(role="reply", weight=1, options=_not_know, again=0.6),
    "quarrel": Rule(role="trouble", weight=0.9, options=_quarrel, effect=_tie("quarrel"), again=0.1),
    "make_up": Rule(role="kindness", weight=1.5, options=_make_up, effect=_made_up, after={"sad": 2, "comfort": 2}),
    "befriend": Rule(role="kindness", weight=0.8, options=_befriend, effect=_tie("friends"), again=0.4,
                     after={"thank": 2, "help": 1.5, "make_up": 1.5, "share": 2, "dance": 2, "not_know": 0.1}),
    "thank": Rule(role="reply", weight=2.5, options=_thank, again=0.8),
    "help": Rule(role="kindness", weight=0.8, options=_help, effect=_kind_deed,
                 after={"thank": 0.1, "give": 0.2, "greet": 1, "quarrel": 0, "see": 0.3, "tired": 2}),
    "comfort": Rule(role="kindness", weight=2, options=_comfort, effect=_kind_deed, after={"sad": 3, "afraid": 3}),
    "tell_story": Rule(role="joy", weight=0.6, options=_at_peace, effect=_kind_deed,
                       after={"night": 3, "rain": 2, "snow": 2, "rest": 2, "quarrel": 0}),
    "sing": Rule(role="joy", weight=0.5, options=_singers, after={"glad": 2, "play": 2, "sun": 1.5, "lose": 0}),
    "dance": Rule(role="joy", weight=0.5, options=_at_peace, effect=_kind_deed, again=0.2,
                  after={"play": 5, "sing": 3, "glad": 1.5, "befriend": 2}),
    "promise": Rule(role="kindness", weight=0.7, options=_promise, again=0.1),
    "farewell": Rule(role="company", weight=0.25, options=_farewell, again=0.1, needs=1,
                     after={"thank": 3, "not_know": 3, "meet": 0, "arrive": 0, "greet": 0}),
    "glad": Rule(role="mood", weight=1, options=_feel("glad"), effect=_feels("glad")),
    "sad": Rule(role="mood", weight=1, options=_feel("sad"), effect=_feels("sad")),
    "afraid": Rule(role="mood", weight=1, options=_feel("afraid"), effect=_feels("afraid")),
    "tired": Rule(role="mood", weight=1, options=_feel("tired"), effect=_feels("tired")),
    "proud": Rule(role="mood", weight=1, options=_feel("proud"), effect=_feels("proud")),
    "curious": Rule(role="mood", weight=1, options=_feel("curious"), effect=_feels("curious")),
    "rest": Rule(role="rest", weight=1, effect=_rested,
                 options=_hero_when(lambda s: 3 if s.feelings.get(s.hero) == "tired" else 0.2)),
    "sleep": Rule(role="rest", weight=1.2, effect=_asleep, needs=3, again=0.1, after={"night": 2, "tired": 1.5},
                  options=lambda s: [((s.hero, s.here), 2.0 if s.night else 0.6)]
                  if s.night or s.feelings.get(s.hero) == "tired" else []),
    "wake": Rule(role="rest", weight=2, effect=_awake, options=_hero_when(lambda s: 1 if s.asleep else 0)),
    "dream": Rule(role="rest", weight=2, options=_dream),
    **{f"end_{aim}": Rule(role="ending", weight=1, options=_end(f"want_{aim}", True), effect=_ended)
       for aim in ("object", "place", "friend")},
    **{f"end_without_{aim}": Rule(role="ending", weight=1, options=_end(f"want_{aim}", False), effect=_ended)
       for aim in ("object", "place", "friend")},
}  # fmt: skip

OPENINGS = ("open_lives", "open_day", "open_old")
GOALS = ("want_object", "want_place", "want_friend")
PRELUDE = ("rain", "sun", "wind", "snow", "fog")  # may come before the goal
NIGHT = ("dream", "morning", "wake")  # all that happens while the hero sleeps
ENDINGS = tuple(kind for kind, rule in RULES.items() if rule.role == "ending")
MIDDLE = tuple(kind for kind, rule in RULES.items() if rule.role not in ("opening", "goal", "ending"))
_ONLY_REPLIES = {"lend", "refuse", "contain", "tell_where", "not_know", "wake", "dream"}


def open_kinds(s: State) -> tuple[str, ...]:
    """The kinds that may come next, an ending aside."""
    if s.told == 0:
        return OPENINGS
    if s.goal is None:
        return GOALS + PRELUDE if s.told == 1 else GOALS
    if s.asleep:
        return NIGHT
    assert s.last is not None
    if s.last.kind in REPLIES:
        return REPLIES[s.last.kind]
    return tuple(k for k in MIDDLE if k not in _ONLY_REPLIES and s.told + RULES[k].needs < LAST)


def ending_chance(s: State) -> float:
    """The probability that the next sentence is the ending."""
    if s.told == LAST:
        return 1.0
    if s.told < FIRST_ENDING or s.asleep or s.last is None or s.last.kind in REPLIES or s.goal is None:
        return 0.0
    if s.met:
        return 0.3 + 0.06 * (s.told - FIRST_ENDING)
    promising = target(s) is not None and s.goal.kind != "want_place"
    return max(0.0, 0.045 * (s.told - 11)) * (0.4 if promising else 1.0)
