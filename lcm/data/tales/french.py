"""The tales in French: lexicon and wordings. The syntax of the wordings is explained in `grammar`."""

from __future__ import annotations

from lcm.data.tales import events

PRONOUNS: dict[str, str] = {"m": "il", "f": "elle"}

_MUTE_H = ("hirondelle", "horloge")  # not "hérisson"
_ARTICLES = {"m": ("le ", "un ", "du ", "au "), "f": ("la ", "une ", "de la ", "à la ")}


def _noun(gender: str, noun: str) -> dict[str, str]:
    le, un, de, à = _ARTICLES[gender]
    if noun[0] in "aâeéioœ" or noun in _MUTE_H:
        le, de, à = "l'", "de l'", "à l'"
    return {"le": le + noun, "un": un + noun, "de": de + noun, "à": à + noun}


def _person(gender: str, name: str) -> dict[str, str]:
    a_child = {"m": "un garçon nommé", "f": "une fillette nommée"}[gender]
    return {
        "le": name,
        "un": f"{a_child} {name}",
        "de": f"d'{name}" if name[0] == "A" else f"de {name}",
        "à": f"à {name}",
    }


def _place(preposition: str, gender: str, noun: str) -> dict[str, str]:
    forms = _noun(gender, noun)
    where = {
        "dans": f"dans {forms['le']}",
        "sur": f"sur {forms['le']}",
        "à": forms["à"],
        "au bord de": f"au bord {forms['de']}",
    }
    return {"le": forms["le"], "où": where[preposition], "à": forms["à"], "de": forms["de"]}


def _object(gender: str, noun: str) -> dict[str, str]:
    forms = _noun(gender, noun)
    return {"le": forms["le"], "un": forms["un"], "de": forms["de"], "nom": noun}


_PEOPLE = ("tom", "leo", "max", "paul", "anna", "mia", "clara", "rosa")
_ANIMALS_AND_OTHERS = {
    "fox": "renard",
    "wolf": "loup",
    "bear": "ours",
    "dog": "chien",
    "hedgehog": "hérisson",
    "raven": "corbeau",
    "lion": "lion",
    "elephant": "éléphant",
    "donkey": "âne",
    "badger": "blaireau",
    "beaver": "castor",
    "giant": "géant",
    "king": "roi",
    "tomcat": "chat",
    "turtle": "tortue",
    "bee": "abeille",
    "goose": "oie",
    "cow": "vache",
    "goat": "chèvre",
    "owl": "chouette",
    "swallow": "hirondelle",
    "spider": "araignée",
    "hen": "poule",
    "witch": "sorcière",
    "queen": "reine",
    "grandmother": "grand-mère",
}

CHARACTERS: dict[str, dict[str, str]] = {
    id: _person(gender, id.capitalize()) if id in _PEOPLE else _noun(gender, _ANIMALS_AND_OTHERS[id])
    for id, gender in events.CHARACTERS.items()
}

PLACES: dict[str, dict[str, str]] = {
    "forest": _place("dans", "f", "forêt"),
    "village": _place("à", "m", "village"),
    "mill": _place("à", "m", "moulin"),
    "river": _place("au bord de", "f", "rivière"),
    "bridge": _place("sur", "m", "pont"),
    "castle": _place("à", "m", "château"),
    "garden": _place("dans", "m", "jardin"),
    "market": _place("à", "m", "marché"),
    "lake": _place("au bord de", "m", "lac"),
    "cave": _place("dans", "f", "grotte"),
    "meadow": _place("dans", "f", "prairie"),
    "harbor": _place("à", "m", "port"),
    "tower": _place("dans", "f", "tour"),
    "hill": _place("sur", "f", "colline"),
    "barn": _place("dans", "f", "grange"),
    "school": _place("à", "f", "école"),
}

OBJECTS: dict[str, dict[str, str]] = {
    "key": _object("f", "clé"),
    "lantern": _object("f", "lanterne"),
    "map": _object("f", "carte"),
    "hat": _object("m", "chapeau"),
    "rope": _object("f", "corde"),
    "kite": _object("m", "cerf-volant"),
    "bell": _object("f", "cloche"),
    "book": _object("m", "livre"),
    "letter": _object("f", "lettre"),
    "cup": _object("f", "tasse"),
    "feather": _object("f", "plume"),
    "shell": _object("m", "coquillage"),
    "stone": _object("f", "pierre"),
    "ring": _object("f", "bague"),
    "crown": _object("f", "couronne"),
    "coin": _object("m", "sou"),
    "ball": _object("f", "balle"),
    "doll": _object("f", "poupée"),
    "umbrella": _object("m", "parapluie"),
    "scarf": _object("f", "écharpe"),
    "mirror": _object("m", "miroir"),
    "candle": _object("f", "bougie"),
    "ladder": _object("f", "échelle"),
    "broom": _object("m", "balai"),
    "clock": _object("f", "horloge"),
    "basket": _object("m", "panier"),
    "box": _object("f", "boîte"),
    "chest": _object("m", "coffre"),
    "bag": _object("m", "sac"),
    "drum": _object("m", "tambour"),
    "flute": _object("f", "flûte"),
    "violin": _object("m", "violon"),
    "trumpet": _object("f", "trompette"),
    "apple": _object("f", "pomme"),
    "bread": _object("m", "pain"),
    "cheese": _object("m", "fromage"),
    "egg": _object("m", "œuf"),
    "pear": _object("f", "poire"),
    "cake": _object("m", "gâteau"),
    "carrot": _object("f", "carotte"),
}

TEMPLATES: dict[str, tuple[str, ...]] = {
    # openings
    "open_lives": (
        "Il était une fois {0.un} qui vivait {1.où}.",
        "Il y avait jadis {0.un} dont la maison se trouvait {1.où}.",
        "Autrefois, {0.un} habitait {1.où}.",
        "Voici l'histoire d'{0.un} qui vivait {0:heureux|heureuse} {1.où}.",
    ),
    "open_day": (
        "Un beau matin, {0.un} se trouvait {1.où}.",
        "Un jour, {0.un} se promenait {1.où}.",
        "Un jour, de bon matin, {0.un} était {0:assis|assise} {1.où} et regardait le ciel.",
        "Tout commença un matin d'été, alors qu'{0.un} jouait {1.où}.",
    ),
    "open_old": (
        "Il y a bien longtemps, {0.un} avait une petite maison près {1.de}.",
        "Il y a de longues années, {0.un} vivait dans une maisonnette près {1.de}.",
        "Il y a très longtemps, près {1.de}, se dressait la jolie petite maison d'{0.un}.",
        "Au temps jadis, {0.un} possédait une cabane non loin {1.de}.",
    ),
    # goals
    "want_object": (
        "{0} désirait {1.un} plus que tout au monde.",
        "Plus que tout, {0} voulait avoir {1.un}.",
        "{0} n'avait qu'un seul souhait, c'était d'avoir {1.un}.",
        "Jour et nuit, {0} rêvait de posséder {1.un}.",
    ),
    "want_place": (
        "{0} avait toujours rêvé de voir {1}.",
        "Plus que tout, {0} voulait visiter {1}.",
        "{0} n'avait qu'un seul souhait, c'était de voir {1}.",
        "Chaque jour, {0} se disait qu'un voyage jusqu'{1.à} serait merveilleux.",
    ),
    "want_friend": (
        "{0} avait très envie de devenir {0:l'ami|l'amie} {1.de}.",
        "Plus que tout, {0} souhaitait avoir {1} pour {1:ami|amie}.",
        "{0} n'avait qu'un seul souhait, c'était de gagner l'amitié {1.de}.",
        "{0} pensait souvent au bonheur d'être {0:l'ami|l'amie} {1.de}.",
    ),
    # movement
    "go": (
        "{0} alla {1.où}.",
        "{0} se mit en route pour {1}.",
        "Alors {0} marcha jusqu'{1.à}.",
        "Puis {0} prit le chemin {1.de}.",
        "{0} suivit le sentier qui menait {1.à}.",
    ),
    "arrive": (
        "{0} arriva {1.où}.",
        "Juste à ce moment-là, {0} arriva {1.où}.",
        "Bientôt, {0} apparut aussi {1.où}.",
        "Voilà {0} qui s'avançait d'un bon pas vers {1}.",
    ),
    "leave": (
        "{0} s'en alla.",
        "{0} devait maintenant rentrer à la maison.",
        "Bientôt, {0} partit et disparut au loin.",
        "Puis {0} s'éloigna bien vite, {0:tout seul|toute seule}.",
    ),
    "lead": (
        "{0} conduisit {1} jusqu'{2.à}.",
        "{0} montra {1.à} le chemin {2.de} et l'y accompagna.",
        "En compagnie {1.de}, {0} chemina jusqu'{2.à}.",
        "{0} emmena {1} {2.où}.",
    ),
    # weather and time of day
    "rain": (
        "Il se mit à pleuvoir sur {0}.",
        "La pluie tombait doucement {0.où}.",
        "De grosses gouttes de pluie tombèrent sur {0}.",
        "Des nuages gris s'amassèrent, et bientôt il pleuvait à verse {0.où}.",
    ),
    "sun": (
        "Un chaud soleil brillait sur {0}.",
        "Les nuages s'écartèrent, et {0} apparut dans une lumière dorée.",
        "Il faisait un temps clair et ensoleillé {0.où}.",
        "De chauds rayons de soleil dansaient sur {0}.",
    ),
    "wind": (
        "Un vent fort soufflait sur {0}.",
        "Le vent sifflait bruyamment {0.où}.",
        "Une violente rafale de vent balaya {0}.",
        "Le vent se leva {0.où}, et des feuilles volèrent dans les airs.",
    ),
    "snow": (
        "Il se mit à neiger sur {0}.",
        "Des flocons de neige tombèrent doucement sur {0}.",
        "Une douce neige blanche recouvrit {0}.",
        "La neige voltigeait {0.où}, et tout devint silencieux.",
    ),
    "fog": (
        "Un épais brouillard s'étendit sur {0}.",
        "Une brume grise cachait {0}.",
        "Le brouillard devint si épais {0.où} qu'on n'y voyait presque plus rien.",
        "Lentement, le brouillard monta et enveloppa {0}.",
    ),
    "night": (
        "La nuit tomba sur {0}.",
        "Les étoiles s'allumèrent au-dessus {0.de}.",
        "Il fit bientôt sombre {0.où}.",
        "La lune se leva au-dessus {0.de}, et tout devint calme.",
    ),
    "morning": (
        "Le jour se leva sur {0}.",
        "Le soleil se leva sur {0}, et une nouvelle journée commença.",
        "Les premières lueurs de l'aube éclairèrent {0}.",
        "La nuit était finie, et les oiseaux chantaient déjà {0.où}.",
    ),
    # objects
    "see": (
        "{0} vit {1.un}.",
        "{0} remarqua {1.un} tout près de là.",
        "Soudain, {0} aperçut {1.un}.",
        "Là, {0} repéra {1.un}.",
    ),
    "find": (
        "{0} trouva {1.un}.",
        "Par hasard, {0} tomba sur {1.un}.",
        "À sa grande surprise, {0} découvrit {1.un}.",
        "Juste là, {0} trouva {1.un}.",
        "Enfin, {0} mit la main sur {1.un}.",
    ),
    "take": (
        "{0} ramassa {1}.",
        "{0} emporta {1}.",
        "Avec précaution, {0} souleva {1} du sol.",
        "{0} saisit {1} à deux mains.",
    ),
    "lose": (
        "{0} perdit {1}.",
        "En chemin, {0} laissa tomber {1} sans s'en apercevoir.",
        "{0} ne savait plus où {1} avait bien pu passer.",
        "Quelque part en route, {0} perdit {1}.",
    ),
    "put_down": (
        "{0} posa {1}.",
        "{0} déposa {1} par terre.",
        "Doucement, {0} mit {1} de côté.",
        "Puis {0} laissa {1} sur place.",
    ),
    "hide": (
        "{0} cacha {1} {2.où}.",
        "{0} trouva {2.où} une cachette secrète pour {1}.",
        "Sans bruit, {0} dissimula {1} {2.où}.",
        "{0} cacha {1} {2.où}, là où personne n'irait chercher.",
    ),
    "search": (
        "{0} chercha partout {1.où}.",
        "{0} fouilla {1} de fond en comble.",
        "Pendant longtemps, {0} chercha çà et là {1.où}.",
        "{0} regarda dans tous les recoins {1.de}.",
        "De tous côtés, {0} chercha {1.où}.",
    ),
    "give": (
        "{0} donna {2.un} {1.à}.",
        "{0} avait un cadeau pour {1}, et c'était {2.un}.",
        "{0} tendit {2} {1.à}.",
        "Avec un sourire, {0} offrit {2} {1.à}.",
    ),
    "ask_for": (
        '"Donne-moi {2}, je te prie", dit {0} {1.à}.',
        "{0} demanda {2} {1.à}.",
        '"Puis-je avoir {2} ?" demanda poliment {0} {1.à}.',
        '{0} dit {1.à} : "J\'aimerais tant avoir {2}."',
    ),
    "refuse": (
        '"Je ne te donnerai pas {2}", dit {0} {1.à}.',
        "{0} ne voulait pas donner {2} {1.à}.",
        '"Non, {2} est à moi", répondit {0} {1.à}.',
        '{0} dit {1.à} : "Je garde {2} pour moi."',
    ),
    "lend": (
        "{0} prêta {2.un} {1.à}.",
        "{0} permit {1.à} d'emprunter {2}.",
        '"Tu peux emprunter {2} quelque temps", dit {0} {1.à}.',
        "Pour un petit moment, {0} prêta {2} {1.à}.",
    ),
    "trade": (
        "{0} échangea {2} contre {3} avec {1}.",
        "{0} et {1} firent un échange, {2} contre {3}.",
        '"Je te donne {2} contre {3}", dit {0}, et {1} accepta.',
        "{0} céda {2} {1.à} et reçut {3} en retour.",
    ),
    "open": (
        "{0} ouvrit {1}.",
        "Lentement, {0} ouvrit {1} pour regarder à l'intérieur.",
        "Le cœur battant, {0} souleva le couvercle {1.de}.",
        "Avec mille précautions, {0} ouvrit {1}.",
    ),
    "contain": (
        "Dans {0} se trouvait {1.un}.",
        "Il y avait {1.un} dans {0}.",
        "Tout au fond {0.de}, il y avait {1.un}.",
        "Et ce qui se cachait dans {0}, c'était {1.un}.",
    ),
    "break": (
        "{0} cassa {1}.",
        "Par mégarde, {0} abîma {1}.",
        "Avec un grand crac, {1} se brisa, car {0} n'avait pas fait attention.",
        "Quel dommage, {0} avait cassé {1}.",
    ),
    "mend": (
        "{0} répara {1}.",
        "Avec beaucoup de patience, {0} remit {1} en état.",
        "{0} travailla dur, et bientôt {1} fut comme au premier jour.",
        "En un rien de temps, {0} rafistola {1}.",
    ),
    "eat": (
        "{0} mangea {1}.",
        "Avec grand appétit, {0} dévora {1}.",
        "{0} grignota {1}, et il n'en resta rien.",
        "{0} savoura {1} jusqu'à la dernière bouchée.",
    ),
    "share": (
        "{0} partagea {2} avec {1}.",
        "{0} donna {1.à} la moitié {2.de}.",
        "{0} et {1} mangèrent {2} ensemble.",
        "Gentiment, {0} coupa {2} et en donna un gros morceau {1.à}.",
    ),
    "play": (
        "{0} joua {1.de}.",
        "{0} tira un air joyeux {1.de}.",
        "Le son {1.de} retentit quand {0} se mit à jouer.",
        "{0} fit une bien belle musique avec {1}.",
    ),
    "buy": (
        "{0} acheta {1.un}.",
        "{0} paya un bon prix pour {1.un}.",
        "Chez un marchand, {0} choisit {1.un} et paya aussitôt.",
        "Avec ses économies, {0} acheta {1.un}.",
    ),
    # company
    "meet": (
        "{0} rencontra {1}.",
        "Là, {0} croisa {1}.",
        "{0} se trouva nez à nez avec {1}.",
        "En route, {0} rencontra {1}.",
    ),
    "greet": (
        '"Bonjour à toi", dit {0} {1.à}.',
        "{0} salua chaleureusement {1}.",
        '"Bonjour, quel plaisir de te voir", lança {0} {1.à}.',
        "{0} fit un signe de la main et dit bonjour {1.à}.",
    ),
    "ask_where": (
        '{0} demanda {1.à} : "Où est {2} ?"',
        "{0} demanda {1.à} où était {2}.",
        '"Dis-moi où est {2}", dit {0} {1.à}.',
        "{0} pria {1} de lui dire où se trouvait {2}.",
    ),
    "tell_where": (
        '"{2} est {3.où}", dit {0} {1.à}.',
        "{0} dit {1.à} que {2} était {3.où}.",
        '{0} répondit {1.à} : "Tu trouveras {2} {3.où}."',
        "{0} expliqua {1.à} qu'on pouvait trouver {2} {3.où}.",
    ),
    "not_know": (
        '"Je ne sais pas où est {2}", dit {0} {1.à}.',
        "{0} dit {1.à} {0:qu'il|qu'elle} n'avait pas vu {2}.",
        '{0} secoua la tête et dit {1.à} : "Je n\'ai jamais vu {2}."',
        "{0} ne put rien dire {1.à} au sujet {2.de}.",
    ),
    "quarrel": (
        "{0} se disputa avec {1}.",
        "{0} et {1} commencèrent à se quereller.",
        "{0} était {0:fâché|fâchée} contre {1}, et les cris fusèrent des deux côtés.",
        "Dans sa colère, {0} se querella avec {1}.",
    ),
    "make_up": (
        "{0} se réconcilia avec {1}.",
        "{0} et {1} se serrèrent la main et oublièrent leur querelle.",
        '"Pardonne-moi", dit {0} {1.à}, et tout fut oublié.',
        "{0} fit la paix avec {1}.",
    ),
    "befriend": (
        "{0} devint {0:l'ami|l'amie} {1.de}.",
        "Dès lors, une belle amitié unit {0} et {1}.",
        '"Je voudrais être {0:ton ami|ton amie}", dit {0} {1.à}.',
        "Par la suite, {0} resta toujours {0:un bon ami|une bonne amie} {1.de}.",
    ),
    "thank": (
        '"Merci beaucoup", dit {0} {1.à}.',
        "{0} remercia {1} de tout son cœur.",
        '"C\'était très gentil de ta part", dit {0} {1.à}.',
        "{0} serra {1} dans ses bras pour lui dire merci.",
    ),
    "help": (
        "{0} aida {1}.",
        "{0} donna un coup de main {1.à}.",
        "Sans hésiter, {0} vint en aide {1.à}.",
        "{0} aida volontiers {1} dans son travail.",
    ),
    "comfort": (
        "{0} consola {1}.",
        '"Ne sois pas triste", dit {0} {1.à}.',
        "{0} entoura {1} de son bras et prononça de bonnes paroles.",
        "Avec des mots doux, {0} rendit le sourire {1.à}.",
    ),
    "tell_story": (
        "{0} raconta une histoire {1.à}.",
        "{1} écouta attentivement le vieux conte que racontait {0}.",
        "{0} connaissait une drôle d'histoire et la raconta {1.à}.",
        "Pour passer le temps, {0} raconta un conte de fées {1.à}.",
    ),
    "sing": (
        "{0} chanta une chanson.",
        "{0} se mit à chanter d'une voix claire.",
        "On entendait une joyeuse chanson, car {0} chantait.",
        "Gaiement, {0} fredonna un petit air.",
    ),
    "dance": (
        "{0} dansa avec {1}.",
        "{0} et {1} dansèrent en rond.",
        "{0} prit {1} par la main, et la danse commença.",
        "{0} tourna et tourna en dansant avec {1}.",
    ),
    "promise": (
        '"Je t\'aiderai toujours", promit {0} {1.à}.',
        "{0} promit de ne jamais oublier {1}.",
        "{0} fit une promesse solennelle {1.à}.",
        '"Tu peux compter sur moi", assura-t-{0} {1.à}.',
    ),
    "farewell": (
        '"Au revoir, et à bientôt", dit {0} {1.à}.',
        "{0} dit au revoir {1.à}.",
        '"Adieu, {1:mon ami|mon amie}", cria {0} {1.à}.',
        "Longtemps, {0} fit des signes d'adieu {1.à}.",
    ),
    # feelings, rest
    "glad": (
        "{0} était très {0:content|contente}.",
        "{0} sauta de joie.",
        "Un grand sourire illumina le visage {0.de}.",
        "{0} ne pouvait être plus {0:heureux|heureuse}.",
        "Comme {0} était {0:heureux|heureuse} à présent !",
    ),
    "sad": (
        "{0} était très triste.",
        "{0} se mit à pleurer.",
        "Une larme coula sur la joue {0.de}.",
        "{0} se sentait triste et {0:seul|seule}.",
        "Le cœur lourd, {0} poussa un profond soupir.",
    ),
    "afraid": (
        "{0} avait peur.",
        "{0} tremblait de peur.",
        "Un frisson glacé parcourut le dos {0.de}.",
        "{0} avait si peur que son cœur battait très fort.",
    ),
    "tired": (
        "{0} était très {0:fatigué|fatiguée}.",
        "{0} bâillait et ne pouvait presque plus marcher.",
        "La journée avait été longue, et {0} n'en pouvait plus.",
        "Peu à peu, {0} sentit venir le sommeil.",
    ),
    "proud": (
        "{0} était très {0:fier|fière}.",
        "{0} releva la tête avec fierté.",
        "Quel moment de fierté ce fut pour {0} !",
        "{0} était à juste titre {0:fier de lui|fière d'elle}.",
    ),
    "curious": (
        "{0} était très {0:curieux|curieuse}.",
        "{0} voulait savoir ce qui se passait.",
        "{0} se posait mille questions et regardait tout avec de grands yeux.",
        "{0:plein|pleine} de curiosité, {0} regarda de plus près.",
    ),
    "rest": (
        "{0} se reposa un moment.",
        "{0} s'assit pour reprendre haleine.",
        "C'était l'heure d'une pause, et {0} s'étendit confortablement.",
        "Pendant un moment, {0} resta {0:assis|assise} au calme.",
    ),
    "sleep": (
        "{0} s'endormit {1.où}.",
        "{0} dormait profondément {1.où}.",
        "{0} trouva {1.où} un coin douillet pour dormir.",
        "Toute la nuit, {0} dormit {1.où}.",
    ),
    "wake": (
        "{0} se réveilla.",
        "{0} ouvrit les yeux et s'étira.",
        "Bien {0:reposé|reposée}, {0} se leva.",
        "{0:frais et dispos|fraîche et dispose}, {0} sortit d'un profond sommeil.",
    ),
    "dream": (
        "{0} rêva d'{1.un}.",
        "En rêve, {0} vit {1.un} flotter dans le ciel.",
        "{0} fit un rêve étrange à propos d'{1.un}.",
        "Cette nuit-là, {0} rêva d'{1.un}.",
    ),
    # endings
    "end_object": (
        "Enfin, {1} appartenait {0.à}, qui fut {0:heureux|heureuse} pour toujours.",
        "Désormais, {0} avait {1} et ne désirait plus rien au monde.",
        "{0} ne se sépara plus jamais {1.de} et vécut {0:heureux|heureuse} jusqu'à la fin de ses jours.",
        "Et c'est ainsi qu'{0} garda {1} pour toujours, le cœur content.",
    ),
    "end_place": (
        "Enfin, {0} avait vu {1}, et son grand rêve s'était réalisé.",
        "{0} resta longtemps {1.où} et y fut parfaitement {0:heureux|heureuse}.",
        "Ainsi s'acheva le long voyage {0.de}, qui se trouvait enfin {1.où}.",
        "À présent, {0} était {1.où}, comme dans tous ses rêves.",
    ),
    "end_friend": (
        "Et ainsi, l'amitié {0.de} et {1.de} dura pour toujours.",
        "Avec {1}, {0} avait trouvé {1:un ami|une amie} pour la vie.",
        "À partir de ce jour, {0} et {1} ne se quittèrent plus jamais.",
        "Plus jamais {0} ne fut {0:seul|seule}, car désormais {1} était toujours là.",
    ),
    "end_without_object": (
        "{0} attendit en vain {1.un}, mais ne perdit jamais espoir.",
        "Même si son rêve d'avoir {1.un} ne s'était pas réalisé, {0} rentra à la maison de bonne humeur.",
        '"Un jour, peut-être, j\'aurai {1.un}", se dit {0} en souriant.',
        "Sans {1.nom}, {0} rentra à la maison, mais demain serait un autre jour.",
    ),
    "end_without_place": (
        "{0} n'atteignit jamais {1}, mais garda toujours espoir.",
        "Même si le voyage jusqu'{1.à} avait échoué, {0} rentra à la maison de bonne humeur.",
        '"Un jour, peut-être, je verrai {1}", se dit {0} en souriant.',
        "{0} n'alla donc pas jusqu'{1.à}, mais il y aurait d'autres jours.",
    ),
    "end_without_friend": (
        "{0} ne gagna pas l'amitié {1.de}, mais ne perdit jamais espoir.",
        "Même si {1} n'était pas {1:devenu son ami|devenue son amie}, {0} rentra à la maison de bonne humeur.",
        '"Un jour, peut-être, {1} sera {1:mon ami|mon amie}", se dit {0} en souriant.',
        "Sans l'amitié {1.de}, {0} rentra à la maison, mais demain serait un autre jour.",
    ),
}
