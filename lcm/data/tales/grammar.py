"""Between events and sentences: the wordings of every language, rendered and read back.

A language is a module that exports

- ``CHARACTERS``, ``PLACES``, ``OBJECTS``: id → form → text. Form names are the language's own ("the", "at", "dat",
  "de"); every entry of one table has the same forms, texts start in lower case unless they are names, and the first
  form is the default. The key "gender" ("m", "f" or "n") is no form; a character's gender is that of
  `events.CHARACTERS`.
- ``PRONOUNS``: "m", "f" → the subject pronoun, "he" and "she".
- ``TEMPLATES``: kind → wordings, in the order of that kind's pronoun flags in `events.KINDS`.

A wording is a sentence with slots:

- ``{1}``, ``{1.at}``: argument 1 in its default form, in its form "at". In a pronoun wording ``{0}`` is the pronoun and
  argument 0 has no other form.
- ``{0:heureux|heureuse}``, ``{1:der|die|das}``: the text for the gender of argument 0: masculine, feminine, and neuter where
  there is any. It may be empty, and may stand where the argument itself does not. In a pronoun wording it gives
  possessives and objects: ``{0:his|her}``.

Contractions and elision are forms ("de" → "du renard", "d'Anna"); the first letter of the sentence is capitalised, also
behind a quotation mark. A wording names each argument at least once, and has a word of its own that touches no slot.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from random import Random

from lcm.data.tales import events
from lcm.data.tales.events import KINDS, Event
from lcm.languages import LanguageError

_MODULES = {"en": "english", "fr": "french", "es": "spanish", "de": "german"}
LANGUAGES = tuple(_MODULES)

_IDS = {"character": tuple(events.CHARACTERS), "place": events.PLACES, "object": events.OBJECTS}
_PRONOUN_OF = {"m": "he", "f": "she"}
_GENDERS = "mfn"
_SLOT = re.compile(r"\{(\d)(?:\.(\w+))?(?::([^}]*))?\}")
_WORD = re.compile(r"[^\W\d_]+")


def render(event: Event, paraphrase: int, lang: str) -> str:
    """The event as a sentence of `lang`, in wording `paraphrase`.

    A pronoun wording takes the subject's id or, as `read` leaves it, "he" or "she". Raises LanguageError for an unknown
    language.
    """
    return _language(lang).wordings[event.kind][paraphrase].render(event.args)


def read(sentence: str, lang: str) -> tuple[Event, int] | None:
    """The event and the wording that `render` makes this sentence of; None if there is none.

    A pronoun subject stays "he" or "she". Raises LanguageError for an unknown language.
    """
    language = _language(lang)
    seen = set()
    for word in _WORD.findall(sentence.lower()):
        if word in seen:
            continue
        seen.add(word)
        for wording in language.by_word.get(word, ()):
            if (args := wording.read(sentence)) is not None:
                return Event(wording.kind, args), wording.paraphrase
    return None


def paraphrases(kind: str) -> int:
    """The number of wordings of a kind of event."""
    return len(KINDS[kind].pronouns)


def every_sentence_sample(n: int, seed: int, langs: Sequence[str] = LANGUAGES) -> Iterator[dict[str, str]]:
    """`n` random sentences, each in all of `langs`: kinds, wordings and arguments uniform, arguments distinct.

    Events need not make sense (a fox may eat a ladder): for vocabularies and tests.
    """
    rng = Random(seed)
    kinds = list(KINDS)
    for _ in range(n):
        kind = rng.choice(kinds)
        paraphrase = rng.randrange(paraphrases(kind))
        event = random_event(kind, rng)
        yield {lang: render(event, paraphrase, lang) for lang in langs}


def random_event(kind: str, rng: Random) -> Event:
    """An event of this kind with distinct arguments, uniform."""
    args: list[str] = []
    for sort in KINDS[kind].slots:
        args.append(rng.choice([id for id in _IDS[sort] if id not in args]))
    return Event(kind, tuple(args))


@dataclass(frozen=True)
class _Slot:
    argument: int
    texts: dict[str, str]  # id → text, capitalised if the slot opens the sentence
    names: bool  # does the text tell the id? Agreement does not.


class _Wording:
    """One template of one language, with its slots spelled out."""

    def __init__(
        self, kind: str, paraphrase: int, template: str, lexicon: dict[str, dict[str, dict[str, str]]]
    ) -> None:
        self.kind, self.paraphrase, self.template = kind, paraphrase, template
        self.parts: list[str | _Slot] = []  # text and slots in their order
        slots = KINDS[kind].slots
        pronoun = KINDS[kind].pronouns[paraphrase]
        end, begun = 0, False  # begun: has the first letter been seen?
        for match in _SLOT.finditer(template):
            text, end = template[end : match.start()], match.end()
            self.parts.append(text if begun else _capitalised(text))
            begun = begun or any(map(str.isalpha, text))
            argument, form, agreement = int(match[1]), match[2], match[3]
            sort = "pronoun" if pronoun and argument == 0 else slots[argument]
            texts = {id: _text(entry, form, agreement) for id, entry in lexicon[sort].items()}
            if sort == "pronoun":  # a subject still known by its id is rendered by its gender
                texts |= {id: texts[_PRONOUN_OF[gender]] for id, gender in events.CHARACTERS.items()}
            if not begun:
                texts = {id: _capitalised(text) for id, text in texts.items()}
                begun = True
            self.parts.append(_Slot(argument, texts, names=agreement is None))
        self.parts.append(template[end:] if begun else _capitalised(template[end:]))
        self.arity = len(slots)
        self._compile()

    def _compile(self) -> None:
        pattern = ""
        self.groups: list[tuple[int, dict[str, str]]] = []  # of each group: its argument, and text → id
        for part in self.parts:
            if isinstance(part, str):
                pattern += re.escape(part)
                continue
            # Pronouns stand before the ids that share their texts, and the first one is kept.
            ids: dict[str, str] = {}
            for id, text in part.texts.items():
                ids.setdefault(text, id)
            options = "|".join(map(re.escape, sorted(ids, key=lambda text: (-len(text), text))))
            if part.names:
                self.groups.append((part.argument, ids))
            pattern += f"({options})" if part.names else f"(?:{options})"
        self.match = re.compile(pattern).fullmatch

    def render(self, args: tuple[str, ...]) -> str:
        return "".join(part if isinstance(part, str) else part.texts[args[part.argument]] for part in self.parts)

    def read(self, sentence: str) -> tuple[str, ...] | None:
        match = self.match(sentence)
        if match is None:
            return None
        found = {argument: ids[text] for (argument, ids), text in zip(self.groups, match.groups(), strict=True)}
        args = tuple(found[argument] for argument in range(self.arity))
        return args if self.render(args) == sentence else None  # agreement and repeated arguments have to fit

    def words(self) -> set[str]:
        """The wording's own words: those that touch no slot."""
        return set(_WORD.findall(re.sub(r"[^\W\d_]*\0[^\W\d_]*", " ", _SLOT.sub("\0", self.template.lower()))))


class _Language:
    """The wordings of one language, indexed for reading by the rarest of their own words."""

    def __init__(self, name: str) -> None:
        module = import_module(f"lcm.data.tales.{name}")
        lexicon = {
            "character": {id: forms | {"gender": events.CHARACTERS[id]} for id, forms in module.CHARACTERS.items()},
            "place": module.PLACES,
            "object": module.OBJECTS,
            "pronoun": {_PRONOUN_OF[gender]: {"": text, "gender": gender} for gender, text in module.PRONOUNS.items()},
        }
        self.wordings = {
            kind: [_Wording(kind, i, template, lexicon) for i, template in enumerate(templates)]
            for kind, templates in module.TEMPLATES.items()
        }
        everything = [wording for wordings in self.wordings.values() for wording in wordings]
        words = {id(wording): wording.words() for wording in everything}
        frequency = Counter(word for own in words.values() for word in own)
        self.by_word: dict[str, list[_Wording]] = {}
        for wording in everything:
            rarest = min(words[id(wording)], key=lambda word: (frequency[word], word))
            self.by_word.setdefault(rarest, []).append(wording)


def _text(entry: dict[str, str], form: str | None, agreement: str | None) -> str:
    if agreement is not None:
        return agreement.split("|")[_GENDERS.index(entry["gender"])]
    return entry[form] if form is not None else next(text for key, text in entry.items() if key != "gender")


def _capitalised(text: str) -> str:
    """`text` with its first letter, if there is one, in upper case."""
    letter = _WORD.search(text)
    return text if letter is None else text[: letter.start()] + letter[0][0].upper() + text[letter.start() + 1 :]


@cache
def _language(lang: str) -> _Language:
    if lang not in _MODULES:
        raise LanguageError(f"No tales in language '{lang}'. Use one of {', '.join(LANGUAGES)}.")
    return _Language(_MODULES[lang])
