"""The tales as a Markov process over states: the distribution of the next event, and drawing from it."""

from __future__ import annotations

import numpy as np

from lcm.data.tales.events import CHARACTERS, KINDS, Event
from lcm.data.tales.rules import ENDINGS, LAST_CHANCE, ROLES, RULES, Rule, ending_chance, open_kinds
from lcm.data.tales.states import State
from lcm.data.tales.world import Split, held_out

_TOLD_TWICE = 0.02  # factor for an event that the tale has told already
_SOUGHT = 4.0  # factor for held-out pairs in the test split, until one is told

_GENDER = {"he": "m", "she": "f"}


def _stage(s: State) -> int:
    """Beginning, middle, late, goal met: the columns of `ROLES`."""
    if s.met and s.told > 3:
        return 3
    return 0 if s.told < 4 else 1 if s.told < 9 else 2


def _mass(s: State, kind: str, rule: Rule) -> float:
    """The weight of a kind in a state, for an option of weight 1."""
    role = ROLES[rule.role]
    mass = rule.weight * role[_stage(s)]
    mass *= rule.again ** s.counts.get(kind, 0) * role[4] ** s.counts.get(rule.role, 0)
    return mass * rule.after.get(s.last.kind, 1.0) if s.last is not None else mass


def _weighted(s: State, kinds: tuple[str, ...], split: Split) -> dict[Event, float]:
    """The possible events among these kinds with their weights, in an order that depends on nothing else."""
    events: dict[Event, float] = {}
    for kind in kinds:
        rule = RULES[kind]
        options = [(Event(kind, args), weight) for args, weight in rule.options(s) if weight > 0]
        options = [(event, weight * (_TOLD_TWICE if event in s.past else 1.0)) for event, weight in options]
        if split == "train":
            options = [(event, weight) for event, weight in options if not held_out(kind, event.args)]
        elif split == "test" and not s.held_out:
            options = [(event, weight * (_SOUGHT if held_out(kind, event.args) else 1.0)) for event, weight in options]
        if options and (mass := _mass(s, kind, rule)):
            total = sum(weight for _, weight in options)
            share = mass * max(weight for _, weight in options) / total
            for event, weight in options:
                events[event] = share * weight
    return events


def next_events(s: State, split: Split) -> dict[Event, float]:
    """{event: probability} of the next sentence; empty once the tale has ended.

    Splits: "all" has every event. In "train" an event that realises a held-out pair has probability 0. In "test", as
    long as no such pair was told, they weigh more and no ending is possible; from sentence `LAST_CHANCE` on only they
    are (but for the answer that a question needs): the hero sees a thing that is held out at the latest.
    """
    if s.ended:
        return {}
    pending = split == "test" and not s.held_out
    ending = 0.0 if pending else ending_chance(s)
    middle = _weighted(s, open_kinds(s), split) if ending < 1 else {}
    if pending and s.told >= LAST_CHANCE:
        middle = {event: w for event, w in middle.items() if held_out(event.kind, event.args)} or middle
    scale = (1 - ending) / sum(middle.values()) if middle else 0.0
    events = {event: w * scale for event, w in middle.items()}
    if ending:
        endings = _weighted(s, ENDINGS, "all")
        scale = ending / sum(endings.values())
        events |= {event: w * scale for event, w in endings.items()}
    return events


def advance(s: State, event: Event) -> State:
    """The state after one more event, which must be possible."""
    draft, rule = s.draft(), RULES[event.kind]
    draft.name(event)
    for told in (event.kind, rule.role):
        draft.counts[told] = draft.counts.get(told, 0) + 1
    if rule.effect is not None:
        rule.effect(draft, *event.args)
    return draft


def wordings(s: State, event: Event) -> list[int]:
    """The paraphrases of the event that are possible now: a pronoun needs its referent to be the last subject."""
    same = s.subject is not None and event.args[0] == s.subject
    return [i for i, pronoun in enumerate(KINDS[event.kind].pronouns) if same or not pronoun]


def resolve(s: State, event: Event) -> Event | None:
    """The event with its pronoun replaced by whom it means; None if it means nobody."""
    gender = _GENDER.get(event.args[0])
    if gender is None:
        return event
    if s.subject is None or CHARACTERS[s.subject] != gender:
        return None
    return Event(event.kind, (s.subject, *event.args[1:]))


def draw(s: State, split: Split, rng: np.random.Generator) -> tuple[Event, int]:
    """The next event and its paraphrase, drawn from P(event | state) / number of possible paraphrases."""
    events = next_events(s, split)
    threshold = rng.random() * sum(events.values())
    for event, p in events.items():
        threshold -= p
        if threshold < 0:
            break
    possible = wordings(s, event)
    return event, possible[int(rng.integers(len(possible)))]
