"""The tales in German: lexicon and wordings. The syntax of the wordings is explained in `grammar`."""

from __future__ import annotations

PRONOUNS: dict[str, str] = {"m": "er", "f": "sie"}

# The forms of the nouns, named after their masculine articles.
_MASCULINE = {form: form for form in ("der", "den", "dem", "des", "ein", "einen", "einem", "zum", "vom", "im")}
_FEMININE = {"der": "die", "den": "die", "dem": "der", "des": "der", "ein": "eine", "einen": "eine", "einem": "einer"}
_ARTICLES: dict[str, dict[str, str]] = {
    "m": _MASCULINE,
    "f": _FEMININE | {"zum": "zur", "vom": "von der", "im": "in der"},
    "n": _MASCULINE | {"der": "das", "den": "das", "einen": "ein"},
}


def _declined(gender: str, forms: str, noun: str, oblique: str, genitive: str) -> dict[str, str]:
    """`forms` with their articles; `oblique` is the noun in the accusative and the dative."""
    nouns = {"der": noun, "ein": noun, "des": genitive}
    return {form: f"{_ARTICLES[gender][form]} {nouns.get(form, oblique)}" for form in forms.split()}


def _character(gender: str, noun: str, oblique: str = "", genitive: str = "") -> dict[str, str]:
    forms = _declined(gender, "der den dem des ein zum vom einem", noun, oblique or noun, genitive or oblique or noun)
    return forms | {"einem": f"{forms['einem']}, {_ARTICLES[gender]['der']}"}  # with the relative pronoun


def _person(name: str, ein: str, einem: str) -> dict[str, str]:
    forms = dict.fromkeys(("der", "den", "dem"), name)
    return forms | {
        "des": f"von {name}",
        "ein": f"{ein} namens {name}",
        "zum": f"zu {name}",
        "vom": f"von {name}",
        "einem": einem.format(name),
    }


def _boy(name: str) -> dict[str, str]:
    return _person(name, "ein Junge", "einem Jungen namens {}, der")


def _girl(name: str) -> dict[str, str]:
    return _person(name, "ein Mädchen", "einem Mädchen namens {}, das")


def _place(gender: str, noun: str, genitive: str, wo: str, wohin: str) -> dict[str, str]:
    """`wo` and `wohin`, where and where to, are the prepositions with their articles."""
    return _declined(gender, "der den dem des", noun, noun, genitive) | {
        "wo": f"{wo} {noun}",
        "wohin": f"{wohin} {noun}",
    }


def _object(gender: str, noun: str) -> dict[str, str]:
    return _declined(gender, "der den dem ein einen einem vom im", noun, noun, noun) | {"gender": gender}


CHARACTERS: dict[str, dict[str, str]] = {
    "tom": _boy("Tom"),
    "leo": _boy("Leo"),
    "max": _boy("Max"),
    "paul": _boy("Paul"),
    "fox": _character("m", "Fuchs", genitive="Fuchses"),
    "wolf": _character("m", "Wolf", genitive="Wolfes"),
    "bear": _character("m", "Bär", "Bären"),
    "dog": _character("m", "Hund", genitive="Hundes"),
    "hedgehog": _character("m", "Igel", genitive="Igels"),
    "raven": _character("m", "Rabe", "Raben"),
    "lion": _character("m", "Löwe", "Löwen"),
    "elephant": _character("m", "Elefant", "Elefanten"),
    "donkey": _character("m", "Esel", genitive="Esels"),
    "badger": _character("m", "Dachs", genitive="Dachses"),
    "beaver": _character("m", "Biber", genitive="Bibers"),
    "giant": _character("m", "Riese", "Riesen"),
    "king": _character("m", "König", genitive="Königs"),
    "tomcat": _character("m", "Kater", genitive="Katers"),
    "anna": _girl("Anna"),
    "mia": _girl("Mia"),
    "clara": _girl("Clara"),
    "rosa": _girl("Rosa"),
    "turtle": _character("f", "Schildkröte"),
    "bee": _character("f", "Biene"),
    "goose": _character("f", "Gans"),
    "cow": _character("f", "Kuh"),
    "goat": _character("f", "Ziege"),
    "owl": _character("f", "Eule"),
    "swallow": _character("f", "Schwalbe"),
    "spider": _character("f", "Spinne"),
    "hen": _character("f", "Henne"),
    "witch": _character("f", "Hexe"),
    "queen": _character("f", "Königin"),
    "grandmother": _character("f", "Großmutter"),
}

PLACES: dict[str, dict[str, str]] = {
    "forest": _place("m", "Wald", "Waldes", "im", "in den"),
    "village": _place("n", "Dorf", "Dorfes", "im", "ins"),
    "mill": _place("f", "Mühle", "Mühle", "bei der", "zur"),
    "river": _place("m", "Fluss", "Flusses", "am", "zum"),
    "bridge": _place("f", "Brücke", "Brücke", "auf der", "zur"),
    "castle": _place("n", "Schloss", "Schlosses", "im", "zum"),
    "garden": _place("m", "Garten", "Gartens", "im", "in den"),
    "market": _place("m", "Markt", "Marktes", "auf dem", "zum"),
    "lake": _place("m", "See", "Sees", "am", "zum"),
    "cave": _place("f", "Höhle", "Höhle", "in der", "zur"),
    "meadow": _place("f", "Wiese", "Wiese", "auf der", "zur"),
    "harbor": _place("m", "Hafen", "Hafens", "am", "zum"),
    "tower": _place("m", "Turm", "Turmes", "im", "zum"),
    "hill": _place("m", "Hügel", "Hügels", "auf dem", "zum"),
    "barn": _place("f", "Scheune", "Scheune", "in der", "zur"),
    "school": _place("f", "Schule", "Schule", "in der", "zur"),
}

OBJECTS: dict[str, dict[str, str]] = {
    "key": _object("m", "Schlüssel"),
    "lantern": _object("f", "Laterne"),
    "map": _object("f", "Landkarte"),
    "hat": _object("m", "Hut"),
    "rope": _object("n", "Seil"),
    "kite": _object("m", "Drachen"),
    "bell": _object("f", "Glocke"),
    "book": _object("n", "Buch"),
    "letter": _object("m", "Brief"),
    "cup": _object("f", "Tasse"),
    "feather": _object("f", "Feder"),
    "shell": _object("f", "Muschel"),
    "stone": _object("m", "Stein"),
    "ring": _object("m", "Ring"),
    "crown": _object("f", "Krone"),
    "coin": _object("f", "Münze"),
    "ball": _object("m", "Ball"),
    "doll": _object("f", "Puppe"),
    "umbrella": _object("m", "Regenschirm"),
    "scarf": _object("m", "Schal"),
    "mirror": _object("m", "Spiegel"),
    "candle": _object("f", "Kerze"),
    "ladder": _object("f", "Leiter"),
    "broom": _object("m", "Besen"),
    "clock": _object("f", "Uhr"),
    "basket": _object("m", "Korb"),
    "box": _object("f", "Schachtel"),
    "chest": _object("f", "Truhe"),
    "bag": _object("m", "Beutel"),
    "drum": _object("f", "Trommel"),
    "flute": _object("f", "Flöte"),
    "violin": _object("f", "Geige"),
    "trumpet": _object("f", "Trompete"),
    "apple": _object("m", "Apfel"),
    "bread": _object("n", "Brot"),
    "cheese": _object("m", "Käse") | {"ein": "ein Stück Käse", "einen": "ein Stück Käse", "einem": "einem Stück Käse"},
    "egg": _object("n", "Ei"),
    "pear": _object("f", "Birne"),
    "cake": _object("m", "Kuchen"),
    "carrot": _object("f", "Möhre"),
}

TEMPLATES: dict[str, tuple[str, ...]] = {
    # openings
    "open_lives": (
        "Es lebte einmal {0.ein} {1.wo}.",
        "Es war einmal {0.ein}, und {0:sein|ihr} Zuhause war {1.wo}.",
        "{1.wo} lebte einst {0.ein}.",
        "Dies ist die Geschichte von {0.einem} glücklich {1.wo} lebte.",
    ),
    "open_day": (
        "An einem schönen Morgen war {0.ein} {1.wo}.",
        "Eines Tages spazierte {0.ein} {1.wo} umher.",
        "Früh am Tag saß {0.ein} {1.wo} und blickte zum Himmel hinauf.",
        "Alles begann an einem Sommermorgen, als {0.ein} {1.wo} spielte.",
    ),
    "open_old": (
        "Vor langer Zeit hatte {0.ein} ein kleines Haus in der Nähe {1.des}.",
        "Vor vielen Jahren wohnte {0.ein} in einem kleinen Haus nahe {1.dem}.",
        "Vor langer, langer Zeit stand nahe {1.dem} ein gemütliches Häuschen, und darin wohnte {0.ein}.",
        "In alten Zeiten hatte {0.ein} eine Hütte unweit {1.des}.",
    ),
    # goals
    "want_object": (
        "{0} wünschte sich {1.einen} mehr als alles andere auf der Welt.",
        "Mehr als alles andere wollte {0} {1.einen} haben.",
        "{0} hatte nur einen einzigen Wunsch, und das war {1.ein}.",
        "Tag und Nacht sehnte {0} sich nach {1.einem}.",
    ),
    "want_place": (
        "{0} hatte schon immer davon geträumt, {1.den} zu sehen.",
        "Mehr als alles andere wollte {0} {1.den} besuchen.",
        "{0} hatte nur einen einzigen Wunsch, nämlich {1.den} zu sehen.",
        "Jeden Tag dachte {0} daran, wie schön eine Reise {1.wohin} wäre.",
    ),
    "want_friend": (
        "{0} wollte sehr gern mit {1.dem} befreundet sein.",
        "Mehr als alles andere wünschte sich {0} {1.den} {1:zum Freund|zur Freundin}.",
        "{0} hatte nur einen einzigen Wunsch, und das war die Freundschaft mit {1.dem}.",
        "Oft dachte {0} daran, wie schön es wäre, mit {1.dem} Freundschaft zu schließen.",
    ),
    # movement
    "go": (
        "{0} ging {1.wohin}.",
        "{0} brach {1.wohin} auf.",
        "Also lief {0} den ganzen Weg bis {1.wohin}.",
        "Dann machte {0} sich auf den Weg {1.wohin}.",
        "{0} folgte dem Pfad {1.wohin}.",
    ),
    "arrive": (
        "Da kam {0} {1.wohin}.",
        "In diesem Augenblick traf {0} {1.wo} ein.",
        "Es dauerte nicht lange, da erschien auch {0} {1.wo}.",
        "Und wer kam da {1.wohin} spaziert, wenn nicht {0}?",
    ),
    "leave": (
        "{0} ging fort.",
        "{0} musste nun nach Hause gehen.",
        "Bald zog {0} davon und war nicht mehr zu sehen.",
        "Dann eilte {0} allein davon.",
    ),
    "lead": (
        "{0} führte {1.den} {2.wohin}.",
        "{0} zeigte {1.dem} den Weg {2.wohin}, und sie gingen zusammen dorthin.",
        "Gemeinsam mit {1.dem} wanderte {0} {2.wohin}.",
        "{0} nahm {1.den} mit {2.wohin}.",
    ),
    # weather and time of day
    "rain": (
        "Über {0.dem} begann es zu regnen.",
        "Leise fiel {0.wo} der Regen.",
        "Dicke Regentropfen fielen auf {0.den}.",
        "Graue Wolken zogen auf, und bald goss es {0.wo} in Strömen.",
    ),
    "sun": (
        "Die Sonne schien warm auf {0.den}.",
        "Die Wolken rissen auf, und {0} lag in goldenem Licht.",
        "{0.wo} war es hell und sonnig.",
        "Warme Sonnenstrahlen tanzten über {0.den}.",
    ),
    "wind": (
        "Ein starker Wind wehte über {0.den}.",
        "Laut pfiff der Wind {0.wo}.",
        "Eine wilde Bö fegte über {0.den} hinweg.",
        "{0.wo} wurde es windig, und Blätter flogen durch die Luft.",
    ),
    "snow": (
        "Über {0.dem} fing es an zu schneien.",
        "Sacht fielen Schneeflocken auf {0.den}.",
        "Weicher, weißer Schnee bedeckte {0.den}.",
        "{0.wo} rieselte der Schnee herab, und alles wurde still.",
    ),
    "fog": (
        "Dichter Nebel zog über {0.den}.",
        "Grauer Dunst verhüllte {0.den}.",
        "{0.wo} wurde es so neblig, dass man kaum noch etwas sehen konnte.",
        "Langsam kroch der Nebel heran und hüllte {0.den} ein.",
    ),
    "night": (
        "Die Nacht brach über {0.den} herein.",
        "Über {0.dem} kamen die Sterne hervor.",
        "{0.wo} wurde es dunkel.",
        "Der Mond ging über {0.dem} auf, und alles war still.",
    ),
    "morning": (
        "{0.wo} wurde es Morgen.",
        "Die Sonne ging über {0.dem} auf, und ein neuer Tag begann.",
        "Das erste Licht des Morgens fiel auf {0.den}.",
        "Die Nacht war vorbei, und {0.wo} sangen schon die Vögel.",
    ),
    # objects
    "see": (
        "{0} sah {1.einen}.",
        "{0} bemerkte ganz in der Nähe {1.einen}.",
        "Plötzlich erblickte {0} {1.einen}.",
        "Da erspähte {0} {1.einen}.",
    ),
    "find": (
        "{0} fand {1.einen}.",
        "Zufällig stieß {0} auf {1.einen}.",
        "Zu {0:seiner|ihrer} Überraschung entdeckte {0} {1.einen}.",
        "Genau dort fand {0} {1.einen}.",
        "Endlich stieß {0} auf {1.einen}.",
    ),
    "take": (
        "{0} hob {1.den} auf.",
        "{0} nahm {1.den} mit.",
        "Vorsichtig hob {0} {1.den} vom Boden auf.",
        "{0} packte {1.den} mit beiden Händen.",
    ),
    "lose": (
        "{0} verlor {1.den}.",
        "Unterwegs ließ {0} {1.den} fallen, ohne es zu merken.",
        "{0} konnte nicht sagen, was aus {1.dem} geworden war.",
        "Irgendwie verlor {0} {1.den} auf dem Weg.",
    ),
    "put_down": (
        "{0} legte {1.den} hin.",
        "{0} legte {1.den} auf den Boden.",
        "Behutsam legte {0} {1.den} beiseite.",
        "Dann ließ {0} {1.den} dort liegen.",
    ),
    "hide": (
        "{0} versteckte {1.den} {2.wo}.",
        "{0} fand {2.wo} ein geheimes Plätzchen für {1.den}.",
        "Ganz leise verbarg {0} {1.den} {2.wo}.",
        "{0} versteckte {1.den} {2.wo}, damit niemand {1:ihn|sie|es} finden konnte.",
    ),
    "search": (
        "{0} suchte überall {1.wo}.",
        "{0} durchsuchte {1.den} von oben bis unten.",
        "Lange Zeit stöberte {0} {1.wo} herum.",
        "{0} suchte {1.wo} in jedem Winkel.",
        "{1.wo} suchte {0} an allen Ecken und Enden.",
    ),
    "give": (
        "{0} gab {1.dem} {2.einen}.",
        "{0} hatte ein Geschenk für {1.den}, und es war {2.ein}.",
        "{0} überreichte {1.dem} {2.den}.",
        "Mit einem Lächeln schenkte {0} {1.dem} {2.den}.",
    ),
    "ask_for": (
        '"Bitte gib mir {2.den}", sagte {0} {1.zum}.',
        "{0} bat {1.den} um {2.den}.",
        '{0} bat {1.den}: "Darf ich bitte {2.den} haben?"',
        '{0} sagte {1.zum}: "Ich hätte so gern {2.den}."',
    ),
    "refuse": (
        '"Ich gebe dir {2.den} nicht", sagte {0} {1.zum}.',
        "{0} wollte {1.dem} {2.den} nicht geben.",
        '"Nein, {2} gehört mir", gab {0} {1.dem} zur Antwort.',
        '{0} erklärte {1.dem}: "Ich will {2.den} selbst behalten."',
    ),
    "lend": (
        "{0} lieh {1.dem} {2.einen}.",
        "{0} erlaubte {1.dem}, sich {2.den} auszuleihen.",
        '"Du darfst dir {2.den} eine Weile ausleihen", sagte {0} {1.zum}.',
        "Für kurze Zeit borgte {0} {1.dem} {2.den}.",
    ),
    "trade": (
        "{0} tauschte mit {1.dem} {2.den} gegen {3.den}.",
        "{0} und {1} wurden sich einig und tauschten {2.den} gegen {3.den}.",
        '"Ich gebe dir {2.den} für {3.den}", sagte {0}, und {1} war einverstanden.',
        "{0} gab {1.dem} {2.den} und bekam dafür {3.den}.",
    ),
    "open": (
        "{0} öffnete {1.den}.",
        "Langsam machte {0} {1.den} auf, um hineinzuschauen.",
        "Voller Spannung hob {0} den Deckel {1.vom}.",
        "Ganz vorsichtig öffnete {0} {1.den}.",
    ),
    "contain": (
        "{0.im} lag {1.ein}.",
        "{0.im} befand sich {1.ein}.",
        "Ganz unten {0.im} steckte {1.ein}.",
        "Und was {0.im} verborgen lag, war {1.ein}.",
    ),
    "break": (
        "{0} machte {1.den} kaputt.",
        "Aus Versehen beschädigte {0} {1.den}.",
        "Mit einem lauten Knacks ging {1} entzwei, weil {0} nicht aufgepasst hatte.",
        "Wie schade, dass {0} {1.den} zerbrochen hatte.",
    ),
    "mend": (
        "{0} brachte {1.den} wieder in Ordnung.",
        "Mit viel Geduld reparierte {0} {1.den}.",
        "{0} arbeitete fleißig, bis {1} wieder wie neu war.",
        "Im Nu machte {0} {1.den} wieder heil.",
    ),
    "eat": (
        "{0} aß {1.den}.",
        "Hungrig aß {0} {1.den} auf.",
        "{0} naschte {1.vom}, bis nichts mehr übrig war.",
        "{0} ließ sich {1.den} bis zum letzten Bissen schmecken.",
    ),
    "share": (
        "{0} teilte {2.den} mit {1.dem}.",
        "{0} gab {1.dem} die Hälfte {2.vom}.",
        "{0} und {1} aßen gemeinsam {2.den}.",
        "Gutherzig zerteilte {0} {2.den} und gab {1.dem} ein großes Stück.",
    ),
    "play": (
        "{0} spielte auf {1.dem}.",
        "{0} spielte auf {1.dem} eine lustige Melodie.",
        "Hell erklang {1}, als {0} zu spielen begann.",
        "Mit {1.dem} machte {0} wunderschöne Musik.",
    ),
    "buy": (
        "{0} kaufte {1.einen}.",
        "{0} zahlte einen guten Preis für {1.einen}.",
        "An einem Stand suchte sich {0} {1.einen} aus und bezahlte dafür.",
        "Von {0:seinem|ihrem} Ersparten kaufte {0} {1.einen}.",
    ),
    # company
    "meet": (
        "{0} traf {1.den}.",
        "Dort lief {0} {1.dem} über den Weg.",
        "{0} stand auf einmal {1.dem} gegenüber.",
        "Unterwegs begegnete {0} {1.dem}.",
    ),
    "greet": (
        '"Guten Tag", sagte {0} {1.zum}.',
        "{0} begrüßte {1.den} herzlich.",
        '"Hallo, wie schön, dich zu sehen", rief {0} {1.dem} zu.',
        "{0} winkte {1.dem} zu und sagte Hallo.",
    ),
    "ask_where": (
        '{0} fragte {1.den}: "Wo ist {2}?"',
        "{0} fragte {1.den}, wo {2} sei.",
        '"Sag mir, wo {2} ist", sagte {0} {1.zum}.',
        "{0} wollte {1.vom} wissen, wo {2} zu finden war.",
    ),
    "tell_where": (
        '"{2} ist {3.wo}", sagte {0} {1.zum}.',
        "{0} erzählte {1.dem}, dass {2} {3.wo} war.",
        '{0} antwortete {1.dem}: "Du findest {2.den} {3.wo}."',
        "{0} erklärte {1.dem}, dass {2} {3.wo} zu finden war.",
    ),
    "not_know": (
        '"Ich weiß nicht, wo {2} ist", sagte {0} {1.zum}.',
        "{0} sagte {1.dem}, dass {0:er|sie} {2.den} nicht gesehen hatte.",
        '{0} schüttelte den Kopf und sagte {1.zum}: "Ich habe {2.den} noch nie gesehen."',
        "{0} konnte {1.dem} nichts über {2.den} sagen.",
    ),
    "quarrel": (
        "{0} stritt sich mit {1.dem}.",
        "{0} und {1} fingen an zu streiten.",
        "{0} war böse auf {1.den}, und sie schrien einander an.",
        "Wütend zankte {0} sich mit {1.dem}.",
    ),
    "make_up": (
        "{0} versöhnte sich mit {1.dem}.",
        "{0} und {1} gaben sich die Hand und vergaßen ihren Streit.",
        '"Es tut mir leid", sagte {0} {1.zum}, und alles war verziehen.',
        "{0} schloss Frieden mit {1.dem}.",
    ),
    "befriend": (
        "{0} freundete sich mit {1.dem} an.",
        "Von da an waren {0} und {1} gut befreundet.",
        '"Lass uns Freundschaft schließen", sagte {0} {1.zum}.',
        "Fortan war {0} {0:ein guter Freund|eine gute Freundin} {1.des}.",
    ),
    "thank": (
        '"Vielen Dank", sagte {0} {1.zum}.',
        "{0} dankte {1.dem} von ganzem Herzen.",
        '"Das war sehr lieb von dir", sprach {0} {1.zum}.',
        "{0} umarmte {1.den} zum Dank ganz fest.",
    ),
    "help": (
        "{0} half {1.dem}.",
        "{0} ging {1.dem} zur Hand.",
        "Ohne lange zu überlegen, kam {0} {1.dem} zu Hilfe.",
        "Gern half {0} {1.dem} bei der Arbeit.",
    ),
    "comfort": (
        "{0} tröstete {1.den}.",
        '"Sei nicht traurig", sagte {0} {1.zum}.',
        "{0} legte den Arm um {1.den} und fand liebe Worte.",
        "Mit sanften Worten munterte {0} {1.den} auf.",
    ),
    "tell_story": (
        "{0} erzählte {1.dem} eine Geschichte.",
        "{1} hörte gespannt zu, während {0} eine alte Sage erzählte.",
        "{0} kannte eine lustige Geschichte und erzählte sie {1.dem}.",
        "Zum Zeitvertreib erzählte {0} {1.dem} ein Märchen.",
    ),
    "sing": (
        "{0} sang ein Lied.",
        "{0} begann mit klarer Stimme zu singen.",
        "Ein fröhliches Lied war zu hören, denn {0} sang vor sich hin.",
        "Vergnügt summte {0} eine kleine Melodie.",
    ),
    "dance": (
        "{0} tanzte mit {1.dem}.",
        "{0} und {1} tanzten im Kreis.",
        "{0} nahm {1.den} bei der Hand, und sie tanzten zusammen.",
        "Immer rundherum tanzte {0} mit {1.dem}.",
    ),
    "promise": (
        '"Ich werde dir immer helfen", versprach {0} {1.dem}.',
        "{0} versprach, {1.den} niemals zu vergessen.",
        "{0} gab {1.dem} ein feierliches Versprechen.",
        '"Du kannst auf mich zählen", versicherte {0} {1.dem}.',
    ),
    "farewell": (
        '"Auf Wiedersehen und bis bald", sagte {0} {1.zum}.',
        "{0} verabschiedete sich {1.vom}.",
        '"Leb wohl, {1:mein Freund|meine Freundin}", rief {0} {1.dem} zu.',
        "{0} winkte {1.dem} lange zum Abschied.",
    ),
    # feelings, rest
    "glad": (
        "{0} war sehr froh.",
        "{0} sprang vor Freude in die Luft.",
        "Ein breites Lächeln huschte über das Gesicht {0.des}.",
        "{0} war so glücklich wie noch nie.",
        "Wie glücklich {0} nun war!",
    ),
    "sad": (
        "{0} war sehr traurig.",
        "{0} fing an zu weinen.",
        "Eine Träne rollte {0.dem} über die Wange.",
        "{0} fühlte sich traurig und allein.",
        "Mit schwerem Herzen seufzte {0} tief.",
    ),
    "afraid": (
        "{0} hatte Angst.",
        "{0} zitterte vor Furcht.",
        "Ein kalter Schauer lief {0.dem} über den Rücken.",
        "{0} erschrak so sehr, dass {0:sein|ihr} Herz ganz schnell schlug.",
    ),
    "tired": (
        "{0} war sehr müde.",
        "{0} gähnte und konnte kaum noch laufen.",
        "Es war ein langer Tag gewesen, und {0} war erschöpft.",
        "Nach und nach wurde {0} schläfrig.",
    ),
    "proud": (
        "{0} war sehr stolz.",
        "{0} trug vor Stolz den Kopf hoch erhoben.",
        "Für {0.den} war das ein stolzer Augenblick.",
        "Zu Recht war {0} stolz auf sich.",
    ),
    "curious": (
        "{0} war sehr neugierig.",
        "{0} wollte wissen, was da los war.",
        "{0} steckte voller Fragen und schaute sich mit großen Augen um.",
        "Voller Neugier sah {0} genauer hin.",
    ),
    "rest": (
        "{0} ruhte sich eine Weile aus.",
        "{0} setzte sich hin, um zu verschnaufen.",
        "Es war Zeit für eine Pause, und so streckte sich {0} gemütlich aus.",
        "Einen Augenblick lang saß {0} still da und rastete.",
    ),
    "sleep": (
        "{0} schlief {1.wo} ein.",
        "{0} schlief {1.wo} tief und fest.",
        "{0} fand {1.wo} ein gemütliches Plätzchen zum Schlafen.",
        "Die ganze Nacht schlief {0} {1.wo}.",
    ),
    "wake": (
        "{0} wachte auf.",
        "{0} schlug die Augen auf und streckte sich.",
        "Gut ausgeruht stand {0} auf.",
        "Erfrischt erwachte {0} aus tiefem Schlaf.",
    ),
    "dream": (
        "{0} träumte von {1.einem}.",
        "Im Traum sah {0} {1.einen} über den Himmel schweben.",
        "{0} hatte einen seltsamen Traum von {1.einem}.",
        "In jener Nacht träumte {0} von {1.einem}.",
    ),
    # endings
    "end_object": (
        "Endlich gehörte {1} {0.dem}, und {0:er|sie} war für immer glücklich.",
        "Nun hatte {0} {1.den} und brauchte nichts mehr auf der Welt.",
        "{0} trennte sich nie wieder {1.vom} und lebte glücklich bis ans Ende {0:seiner|ihrer} Tage.",
        "Und so behielt {0} {1.den} für immer und war stets zufrieden.",
    ),
    "end_place": (
        "Endlich hatte {0} {1.den} gesehen, und der große Traum war in Erfüllung gegangen.",
        "{0} blieb lange Zeit {1.wo} und war dort vollkommen glücklich.",
        "So endete die lange Reise {0.des}, {0:der|die} nun endlich {1.wo} war.",
        "Nun war {0} {1.wo}, genau wie {0:er|sie} es sich immer erträumt hatte.",
    ),
    "end_friend": (
        "Und so blieben {0} und {1} ihr Leben lang eng befreundet.",
        "{0} hatte in {1.dem} {1:einen Freund|eine Freundin} fürs Leben gefunden.",
        "Von diesem Tag an trennten sich {0} und {1} nie wieder.",
        "Nie wieder war {0} einsam, denn nun war {1} immer da.",
    ),
    "end_without_object": (
        "{0} bekam nie {1.einen}, gab aber die Hoffnung nicht auf.",
        "Obwohl der Wunsch nach {1.einem} nicht in Erfüllung gegangen war, ging {0} guten Mutes nach Hause.",
        '"Vielleicht bekomme ich eines Tages {1.einen}", dachte {0} und lächelte.',
        "Ohne {1.einen} ging {0} nach Hause, aber morgen war auch noch ein Tag.",
    ),
    "end_without_place": (
        "{0} erreichte {1.den} nie, gab aber die Hoffnung nicht auf.",
        "Obwohl aus der Reise {1.wohin} nichts geworden war, ging {0} guten Mutes nach Hause.",
        '"Vielleicht sehe ich {1.den} eines Tages", dachte {0} und lächelte.',
        "So kam {0} nicht bis {1.wohin}, aber es würden noch andere Tage kommen.",
    ),
    "end_without_friend": (
        "{0} gewann die Freundschaft {1.des} nicht, gab aber die Hoffnung nicht auf.",
        "Obwohl {1} {1:kein Freund|keine Freundin} geworden war, ging {0} guten Mutes nach Hause.",
        '"Vielleicht wird {1} eines Tages {1:mein Freund|meine Freundin}", dachte {0} und lächelte.',
        "Ohne {1.den} als {1:Freund|Freundin} ging {0} nach Hause, aber morgen war auch noch ein Tag.",
    ),
}
