"""What has been told so far: all that the next sentence of a tale depends on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lcm.data.tales.events import KINDS, OBJECTS, Event
from lcm.data.tales.world import held_out

NOWHERE = ("nowhere", "")

Pair = tuple[str, str]


def pair(a: str, b: str) -> Pair:
    """The two in alphabetical order: friendship has no direction."""
    return (a, b) if a < b else (b, a)


@dataclass(kw_only=True)
class State:
    """The state of a tale after some sentences; nothing is in it that they do not tell. Treat it as immutable.

    Attributes:
        told: the number of sentences so far, which is the index of the next one.
        goal: the event that told the hero's goal: want_object, want_place or want_friend.
        cast: everyone named, in order of appearance.
        places: where those who are about are; who has gone away, or was only named, has no entry.
        things: for each object named, how it is and where or with whom: held by a character, lying, hidden or lost at a
            place, in a container, said to be ("told") at a place, or nowhere that anyone knows of.
        ties: "friends" or "quarrel" between two characters.
        kindness: good deeds between two characters, which lead to friendship.
        past: all events so far (things told twice are dull); `last` is the latest.
        counts: how often each kind, and each role of kinds, was told.
        subject: whom a pronoun in the next sentence would mean.
        held_out: was a pair told that the training split lacks?
    """

    told: int = 0
    hero: str = ""
    goal: Event | None = None
    ended: bool = False
    cast: tuple[str, ...] = ()
    places: dict[str, str] = field(default_factory=dict)
    things: dict[str, tuple[str, str]] = field(default_factory=dict)
    opened: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()
    weather: str = ""
    night: bool = False
    asleep: bool = False
    feelings: dict[str, str] = field(default_factory=dict)
    ties: dict[Pair, str] = field(default_factory=dict)
    kindness: dict[Pair, int] = field(default_factory=dict)
    past: frozenset[Event] = frozenset()
    last: Event | None = None
    counts: dict[str, int] = field(default_factory=dict)
    subject: str | None = None
    held_out: bool = False

    @property
    def here(self) -> str:
        """Where the hero is."""
        return self.places[self.hero]

    @property
    def company(self) -> list[str]:
        """Who is with the hero."""
        here = self.places.get(self.hero)
        return [c for c, place in self.places.items() if place == here and c != self.hero]

    @property
    def wanted(self) -> str | None:
        """The object that the hero wishes for, if the goal is one."""
        return self.goal.args[1] if self.goal is not None and self.goal.kind == "want_object" else None

    @property
    def met(self) -> bool:
        """Is the goal met as things stand?"""
        if self.goal is None:
            return False
        target = self.goal.args[1]
        if self.goal.kind == "want_object":
            return self.things[target] == ("held", self.hero)
        if self.goal.kind == "want_place":
            return self.here == target
        return self.ties.get(pair(self.hero, target)) == "friends"

    def held(self, who: str) -> list[str]:
        """What `who` holds."""
        return [o for o, where in self.things.items() if where == ("held", who)]

    def within_reach(self, thing: str) -> bool:
        """Can the hero pick it up here (from the ground, or out of an open container)?"""
        how, where = self.things[thing]
        if how == "in":
            return self.things[where] in (("held", self.hero), ("lies", self.here))
        return (how, where) == ("lies", self.here)

    def fresh(self, among: tuple[str, ...] = OBJECTS, crowd: int = 4) -> list[str]:
        """Objects not named yet; none once the tale has as many as a reader can keep apart."""
        return [o for o in among if o not in self.things] if len(self.things) < crowd else []

    def draft(self) -> State:
        """A copy that may be changed."""
        return replace(
            self,
            places=dict(self.places),
            things=dict(self.things),
            feelings=dict(self.feelings),
            ties=dict(self.ties),
            kindness=dict(self.kindness),
            counts=dict(self.counts),
        )

    def name(self, event: Event) -> None:
        """Bookkeeping for every event: who and what was named, the latest event, the pronoun's referent."""
        slots = KINDS[event.kind].slots
        for arg, slot in zip(event.args, slots, strict=True):
            if slot == "character" and arg not in self.cast:
                self.cast += (arg,)
            elif slot == "object" and arg not in self.things:
                self.things[arg] = NOWHERE
        self.told += 1
        self.past |= {event}
        self.last = event
        self.subject = event.args[0] if slots[0] == "character" else None
        self.held_out = self.held_out or held_out(event.kind, event.args)
