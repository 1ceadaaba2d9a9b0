"""The tales in Spanish: lexicon and wordings. The syntax of the wordings is explained in `grammar`."""

from __future__ import annotations

from lcm.data.tales import events

PRONOUNS: dict[str, str] = {"m": "él", "f": "ella"}

_NOUNS = {
    "fox": "zorro", "wolf": "lobo", "bear": "oso", "dog": "perro", "hedgehog": "erizo", "raven": "cuervo",
    "lion": "león", "elephant": "elefante", "donkey": "burro", "badger": "tejón", "beaver": "castor",
    "giant": "gigante", "king": "rey", "tomcat": "gato", "turtle": "tortuga", "bee": "abeja", "goose": "oca",
    "cow": "vaca", "goat": "cabra", "owl": "lechuza", "swallow": "golondrina", "spider": "araña",
    "hen": "gallina", "witch": "bruja", "queen": "reina", "grandmother": "abuela",
}  # fmt: skip


def _of(the: str) -> str:
    return f"del {the[3:]}" if the.startswith("el ") else f"de {the}"


def _to(the: str) -> str:
    return f"al {the[3:]}" if the.startswith("el ") else f"a {the}"


def _character(id: str, gender: str) -> dict[str, str]:
    if id in _NOUNS:
        the = f"{'el' if gender == 'm' else 'la'} {_NOUNS[id]}"
        one = f"{'un' if gender == 'm' else 'una'} {_NOUNS[id]}"
    else:
        the = id.capitalize()
        one = f"un niño llamado {the}" if gender == "m" else f"una niña llamada {the}"
    return {"el": the, "un": one, "de": _of(the), "a": _to(the)}


def _place(the: str, at: str = "") -> dict[str, str]:
    return {"el": the, "en": at or f"en {the}", "a": _to(the), "de": _of(the)}


def _object(the: str, one: str = "") -> dict[str, str]:
    article, noun = the.split()
    return {"el": the, "un": one or f"{'un' if article == 'el' else 'una'} {noun}", "de": _of(the)}


CHARACTERS: dict[str, dict[str, str]] = {id: _character(id, gender) for id, gender in events.CHARACTERS.items()}

PLACES: dict[str, dict[str, str]] = {
    "forest": _place("el bosque"),
    "village": _place("la aldea"),
    "mill": _place("el molino"),
    "river": _place("el río", "junto al río"),
    "bridge": _place("el puente"),
    "castle": _place("el castillo"),
    "garden": _place("el jardín"),
    "market": _place("el mercado"),
    "lake": _place("el lago", "junto al lago"),
    "cave": _place("la cueva"),
    "meadow": _place("el prado"),
    "harbor": _place("el puerto"),
    "tower": _place("la torre"),
    "hill": _place("la colina"),
    "barn": _place("el granero"),
    "school": _place("la escuela"),
}

OBJECTS: dict[str, dict[str, str]] = {
    "key": _object("la llave"),
    "lantern": _object("el farol"),
    "map": _object("el mapa"),
    "hat": _object("el sombrero"),
    "rope": _object("la cuerda"),
    "kite": _object("la cometa"),
    "bell": _object("la campana"),
    "book": _object("el libro"),
    "letter": _object("la carta"),
    "cup": _object("la taza"),
    "feather": _object("la pluma"),
    "shell": _object("la concha"),
    "stone": _object("la piedra"),
    "ring": _object("el anillo"),
    "crown": _object("la corona"),
    "coin": _object("la moneda"),
    "ball": _object("la pelota"),
    "doll": _object("la muñeca"),
    "umbrella": _object("el paraguas"),
    "scarf": _object("la bufanda"),
    "mirror": _object("el espejo"),
    "candle": _object("la vela"),
    "ladder": _object("la escalera"),
    "broom": _object("la escoba"),
    "clock": _object("el reloj"),
    "basket": _object("la cesta"),
    "box": _object("la caja"),
    "chest": _object("el cofre"),
    "bag": _object("la bolsa"),
    "drum": _object("el tambor"),
    "flute": _object("la flauta"),
    "violin": _object("el violín"),
    "trumpet": _object("la trompeta"),
    "apple": _object("la manzana"),
    "bread": _object("el pan", "un poco de pan"),
    "cheese": _object("el queso", "un poco de queso"),
    "egg": _object("el huevo"),
    "pear": _object("la pera"),
    "cake": _object("el pastel"),
    "carrot": _object("la zanahoria"),
}

TEMPLATES: dict[str, tuple[str, ...]] = {
    # openings
    "open_lives": (
        "Érase una vez {0.un} que vivía {1.en}.",
        "Había una vez {0.un} que tenía su hogar {1.en}.",
        "Hace tiempo vivía {1.en} {0.un}.",
        "Este es el cuento de {0.un} que vivía feliz {1.en}.",
    ),
    "open_day": (
        "Una hermosa mañana, {0.un} estaba {1.en}.",
        "Un día, {0.un} paseaba {1.en}.",
        "Un día, muy temprano, {0.un} estaba sentad{0:o|a} {1.en} y miraba el cielo.",
        "Todo empezó una mañana de verano, cuando {0.un} jugaba {1.en}.",
    ),
    "open_old": (
        "Hace mucho tiempo, {0.un} tenía una casita cerca {1.de}.",
        "Hace muchos años, {0.un} vivía en una casa pequeña cerca {1.de}.",
        "Hace muchísimo tiempo, cerca {1.de}, se alzaba la acogedora casita {0.de}.",
        "Antaño, {0.un} tenía una cabaña no lejos {1.de}.",
    ),
    # goals
    "want_object": (
        "{0} deseaba {1.un} más que nada en el mundo.",
        "Más que nada, {0} quería tener {1.un}.",
        "{0} tenía un solo deseo, y era {1.un}.",
        "Día y noche, {0} soñaba con tener {1.un}.",
    ),
    "want_place": (
        "{0} siempre había soñado con ver {1}.",
        "Más que nada, {0} quería visitar {1}.",
        "{0} tenía un solo deseo, y era ver {1}.",
        "Cada día {0} pensaba en lo bonito que sería viajar {1.a}.",
    ),
    "want_friend": (
        "{0} tenía muchas ganas de ser amig{0:o|a} {1.de}.",
        "Más que nada, {0} deseaba tener la amistad {1.de}.",
        "{0} tenía un solo deseo, y era ganarse el cariño {1.de}.",
        "A menudo {0} pensaba en lo bonito que sería ser amig{0:o|a} {1.de}.",
    ),
    # movement
    "go": (
        "{0} fue {1.a}.",
        "{0} se puso en camino hacia {1}.",
        "Así que {0} caminó hasta {1}.",
        "Luego {0} se dirigió {1.a}.",
        "Paso a paso, {0} siguió el sendero hasta {1}.",
    ),
    "arrive": (
        "{0} llegó paseando {1.a}.",
        "Justo entonces, {0} apareció {1.en}.",
        "Poco después, también {0} llegó {1.a}.",
        "Y quién venía caminando {1.a} sino {0}.",
    ),
    "leave": (
        "{0} se marchó.",
        "{0} tenía que volver ya a casa.",
        "Pronto {0} se fue y se perdió de vista.",
        "Luego {0} se alejó a toda prisa, sin compañía.",
    ),
    "lead": (
        "{0} llevó {1.a} {2.a}.",
        "{0} enseñó {1.a} el camino {2.de}, y allí fueron juntos.",
        "En compañía {1.de}, {0} caminó sin prisa hasta {2}.",
        "Con gusto {0} se llevó {1.a} consigo {2.a}.",
    ),
    # weather and time of day
    "rain": (
        "Empezó a llover sobre {0}.",
        "La lluvia caía suavemente {0.en}.",
        "Grandes gotas de lluvia cayeron sobre {0}.",
        "Se juntaron nubes grises, y pronto llovía a cántaros {0.en}.",
    ),
    "sun": (
        "El sol brillaba cálido sobre {0}.",
        "Las nubes se abrieron y una luz dorada bañó {0}.",
        "Hacía un día claro y soleado {0.en}.",
        "Tibios rayos de sol bailaban sobre {0}.",
    ),
    "wind": (
        "Un viento fuerte sopló sobre {0}.",
        "El viento silbaba con fuerza {0.en}.",
        "Una ráfaga salvaje de viento barrió {0}.",
        "Se levantó el viento {0.en}, y las hojas volaban por el aire.",
    ),
    "snow": (
        "Empezó a nevar sobre {0}.",
        "Los copos de nieve cayeron suavemente sobre {0}.",
        "Una nieve blanca y blanda cubrió {0}.",
        "La nieve bajaba flotando {0.en}, y todo quedó en silencio.",
    ),
    "fog": (
        "Una niebla espesa se extendió sobre {0}.",
        "Una bruma gris ocultó {0}.",
        "Hubo tanta niebla {0.en} que apenas se veía nada.",
        "Lentamente, la niebla subió y envolvió {0}.",
    ),
    "night": (
        "La noche cayó sobre {0}.",
        "Las estrellas salieron sobre {0}.",
        "Se hizo de noche {0.en}.",
        "La luna se alzó sobre {0}, y todo estaba en calma.",
    ),
    "morning": (
        "La mañana llegó {0.a}.",
        "El sol salió sobre {0}, y empezó un nuevo día.",
        "La primera luz del alba cayó sobre {0}.",
        "La noche había pasado, y los pájaros ya cantaban {0.en}.",
    ),
    # objects
    "see": (
        "{0} vio {1.un}.",
        "{0} notó cerca de allí {1.un}.",
        "De repente, {0} divisó {1.un}.",
        "Allí {0} descubrió con la mirada {1.un}.",
    ),
    "find": (
        "{0} encontró {1.un}.",
        "Por casualidad, {0} dio con {1.un}.",
        "Para su sorpresa, {0} descubrió {1.un}.",
        "Justo allí, {0} halló {1.un}.",
        "Por fin {0} tropezó con {1.un}.",
    ),
    "take": (
        "{0} recogió {1}.",
        "{0} se llevó {1}.",
        "Con cuidado, {0} levantó del suelo {1}.",
        "Con ambas manos {0} agarró {1}.",
    ),
    "lose": (
        "{0} perdió {1}.",
        "Por el camino, {0} dejó caer sin darse cuenta {1}.",
        "{0} no sabía decir qué había sido {1.de}.",
        "De algún modo {0} perdió {1} por el camino.",
    ),
    "put_down": (
        "{0} soltó {1}.",
        "{0} puso en el suelo {1}.",
        "Con suavidad, {0} dejó a un lado {1}.",
        "Entonces {0} dejó allí {1}.",
    ),
    "hide": (
        "{0} escondió {1} {2.en}.",
        "{0} halló un rincón secreto para {1} {2.en}.",
        "En silencio, {0} guardó {1} {2.en}.",
        "Para que nadie lo supiera, {0} ocultó {1} {2.en}.",
    ),
    "search": (
        "{0} miró por todas partes {1.en}.",
        "{0} registró {1} de arriba abajo.",
        "Durante mucho rato, {0} buscó {1.en}.",
        "En cada rincón {0} buscó {1.en}.",
        "Por aquí y por allá {0} miró {1.en}.",
    ),
    "give": (
        "{0} le dio {2.un} {1.a}.",
        "{0} tenía un regalo para {1}, y era {2.un}.",
        "{0} puso {2} en manos {1.de}.",
        "Con una sonrisa {0} le regaló {2} {1.a}.",
    ),
    "ask_for": (
        '"Por favor, dame {2}", dijo {0} {1.a}.',
        "{0} le pidió {2} {1.a}.",
        '{0} suplicó {1.a}: "¿Me das {2}, por favor?"',
        '{0} dijo {1.a}: "Me encantaría tener {2}."',
    ),
    "refuse": (
        '"No te daré {2}", dijo {0} {1.a}.',
        "{0} no quiso darle {2} {1.a}.",
        '"No, {2} es cosa mía", respondió {0} {1.a}.',
        '{0} dijo {1.a}: "Me quedo con {2}."',
    ),
    "lend": (
        "{0} le prestó {2.un} {1.a}.",
        "{0} dejó que {1} usara {2} un tiempo.",
        '"Puedes llevarte {2} por un rato", dijo {0} {1.a}.',
        "Por un ratito {0} le prestó {2} {1.a}.",
    ),
    "trade": (
        "{0} cambió {2} por {3} con {1}.",
        "{0} y {1} hicieron un trueque, {2} por {3}.",
        '"Te doy {2} por {3}", dijo {0}, y {1} aceptó.',
        "En un trueque con {1}, {0} entregó {2} y recibió {3}.",
    ),
    "open": (
        "{0} abrió {1}.",
        "Despacio, {0} abrió {1} para mirar dentro.",
        "Con mucha emoción, {0} levantó la tapa {1.de}.",
        "Con muchísimo cuidado {0} abrió {1}.",
    ),
    "contain": (
        "Dentro {0.de} había {1.un}.",
        "En {0} se hallaba {1.un}.",
        "En el fondo mismo {0.de} estaba {1}.",
        "Y lo que se escondía en {0} era {1.un}.",
    ),
    "break": (
        "{0} rompió {1}.",
        "Sin querer, {0} estropeó {1}.",
        "Con un fuerte crujido, se rompió {1} porque {0} no tuvo cuidado.",
        "Qué lástima que {0} rompiera {1}.",
    ),
    "mend": (
        "{0} arregló {1}.",
        "Con gran paciencia, {0} reparó {1}.",
        "{0} trabajó duro en {1} hasta que no se notaba nada.",
        "En un momento {0} compuso {1}.",
    ),
    "eat": (
        "{0} se comió {1}.",
        "Con hambre, {0} devoró {1}.",
        "{0} mordisqueó {1} hasta que no quedó nada.",
        "Hasta el último bocado {0} disfrutó {1.de}.",
    ),
    "share": (
        "{0} compartió {2} con {1}.",
        "{0} le dio la mitad {2.de} {1.a}.",
        "{0} y {1} comieron juntos {2}.",
        "Con amabilidad {0} partió {2} y le dio un buen trozo {1.a}.",
    ),
    "play": (
        "{0} tocó {1}.",
        "{0} tocó una alegre melodía con {1}.",
        "El sonido {1.de} se oyó cuando {0} empezó a tocar.",
        "Una música preciosa sacó {0} {1.de}.",
    ),
    "buy": (
        "{0} compró {1.un}.",
        "{0} pagó un buen precio por {1.un}.",
        "En un puesto, {0} eligió {1.un} y pagó el precio.",
        "Con sus ahorros {0} compró {1.un}.",
    ),
    # company
    "meet": (
        "{0} se encontró con {1}.",
        "Allí {0} se topó con {1}.",
        "{0} se vio cara a cara con {1}.",
        "Por el camino {0} se encontró con {1}.",
    ),
    "greet": (
        '"Que tengas un buen día", dijo {0} {1.a}.',
        "{0} saludó con cariño {1.a}.",
        '"Hola, qué alegría verte", gritó {0} {1.a}.',
        "Con la mano {0} saludó {1.a}.",
    ),
    "ask_where": (
        '{0} preguntó {1.a}: "¿Dónde está {2}?"',
        "{0} preguntó {1.a} dónde estaba {2}.",
        '"Dime dónde está {2}", dijo {0} {1.a}.',
        "{0} quería saber por {1} dónde se hallaba {2}.",
    ),
    "tell_where": (
        '"{2} está {3.en}", dijo {0} {1.a}.',
        "{0} contó {1.a} que {2} estaba {3.en}.",
        '{0} contestó {1.a}: "Encontrarás {2} {3.en}."',
        "{0} explicó {1.a} que {2} se hallaba {3.en}.",
    ),
    "not_know": (
        '"No sé dónde está {2}", dijo {0} {1.a}.',
        "{0} dijo {1.a} que no había visto {2}.",
        '{0} sacudió la cabeza y dijo {1.a}: "Nunca he visto {2}."',
        "{0} no supo decir {1.a} nada {2.de}.",
    ),
    "quarrel": (
        "{0} riñó con {1}.",
        "{0} y {1} empezaron a discutir.",
        "{0} se enfadó con {1}, y se gritaron.",
        "Con mucha rabia {0} se peleó con {1}.",
    ),
    "make_up": (
        "{0} se reconcilió con {1}.",
        "{0} y {1} se dieron la mano y olvidaron su riña.",
        '"Lo siento mucho", dijo {0} {1.a}, y todo quedó perdonado.',
        "Por fin {0} hizo las paces con {1}.",
    ),
    "befriend": (
        "{0} se hizo amig{0:o|a} {1.de}.",
        "Desde entonces, {0} y {1} tuvieron una buena amistad.",
        '"Seamos amigos", dijo {0} {1.a}.',
        "Para siempre fue {0} fiel amig{0:o|a} {1.de}.",
    ),
    "thank": (
        '"Muchísimas gracias", dijo {0} {1.a}.',
        "{0} dio las gracias de todo corazón {1.a}.",
        '"Has sido muy amable", dijo {0} {1.a}.',
        "Con un gran abrazo {0} dio las gracias {1.a}.",
    ),
    "help": (
        "{0} ayudó {1.a}.",
        "{0} echó una mano {1.a}.",
        "Sin pensarlo dos veces, {0} acudió en ayuda {1.de}.",
        "De buena gana {0} ayudó {1.a} con el trabajo.",
    ),
    "comfort": (
        "{0} consoló {1.a}.",
        '"No estés triste", dijo {0} {1.a}.',
        "{0} abrazó {1.a} y habló con dulzura.",
        "Con palabras tiernas {0} animó {1.a}.",
    ),
    "tell_story": (
        "{0} contó {1.a} una historia.",
        "{1} escuchaba con atención mientras {0} contaba un viejo relato.",
        "{0} sabía un cuento divertido y lo contó {1.a}.",
        "Para pasar el rato {0} contó {1.a} un cuento de hadas.",
    ),
    "sing": (
        "{0} cantó una canción.",
        "{0} empezó a cantar con voz clara.",
        "Se oía una alegre canción, pues {0} cantaba.",
        "Con alegría {0} tarareó una melodía.",
    ),
    "dance": (
        "{0} bailó con {1}.",
        "{0} y {1} bailaron en corro.",
        "{0} tomó de la mano {1.a}, y bailaron juntos.",
        "Vuelta tras vuelta {0} bailó con {1}.",
    ),
    "promise": (
        '"Siempre te ayudaré", prometió {0} {1.a}.',
        "{0} prometió no olvidar nunca {1.a}.",
        "{0} hizo {1.a} una promesa solemne.",
        '"Puedes contar conmigo", aseguró {0} {1.a}.',
    ),
    "farewell": (
        '"Adiós, hasta pronto", dijo {0} {1.a}.',
        "{0} se despidió {1.de}.",
        '"Que te vaya bien, querida amistad", gritó {0} {1.a}.',
        "Durante un buen rato {0} dijo adiós con la mano {1.a}.",
    ),
    # feelings, rest
    "glad": (
        "{0} estaba muy content{0:o|a}.",
        "{0} saltó de alegría.",
        "Una gran sonrisa iluminó la cara {0.de}.",
        "{0} no podía ser más feliz.",
        "Qué feliz era {0} ahora.",
    ),
    "sad": (
        "{0} estaba muy triste.",
        "{0} se echó a llorar.",
        "Una lágrima rodó por la mejilla {0.de}.",
        "{0} sentía tristeza y soledad.",
        "Con el corazón encogido {0} suspiró hondo.",
    ),
    "afraid": (
        "{0} tenía miedo.",
        "{0} temblaba de miedo.",
        "Un escalofrío recorrió la espalda {0.de}.",
        "Tanto susto tenía {0} que el corazón le latía deprisa.",
    ),
    "tired": (
        "{0} estaba muy cansad{0:o|a}.",
        "{0} bostezaba y apenas podía andar.",
        "Había sido un día largo, y {0} no podía más.",
        "Poco a poco {0} sintió sueño.",
    ),
    "proud": (
        "{0} estaba muy orgullos{0:o|a}.",
        "{0} levantó la cabeza con orgullo.",
        "Qué gran momento de orgullo para {0}.",
        "Con razón {0} estaba orgullos{0:o|a} de su obra.",
    ),
    "curious": (
        "{0} sentía mucha curiosidad.",
        "{0} quería saber qué pasaba.",
        "{0} se hacía mil preguntas y miraba alrededor con los ojos muy abiertos.",
        "Con gran curiosidad {0} miró más de cerca.",
    ),
    "rest": (
        "{0} descansó un rato.",
        "{0} se sentó para recobrar el aliento.",
        "Era hora de una pausa, así que {0} se tumbó cómodamente.",
        "Por un momento {0} se quedó en reposo.",
    ),
    "sleep": (
        "{0} se durmió {1.en}.",
        "{0} dormía profundamente {1.en}.",
        "{0} encontró un lugar acogedor para dormir {1.en}.",
        "Toda la noche {0} durmió {1.en}.",
    ),
    "wake": (
        "{0} se despertó.",
        "{0} abrió los ojos y se estiró.",
        "Tras un buen descanso, {0} se levantó.",
        "Con nuevas fuerzas {0} despertó de un sueño profundo.",
    ),
    "dream": (
        "{0} soñó con {1.un}.",
        "En un sueño, {0} vio {1.un} flotando por el cielo.",
        "{0} tuvo un sueño extraño con {1.un}.",
        "Aquella noche {0} soñó con {1.un}.",
    ),
    # endings
    "end_object": (
        "Por fin {1} era {0.de}, que vivió feliz para siempre.",
        "Ahora {0} tenía {1} y no necesitaba nada más en el mundo.",
        "{0} nunca más se separó {1.de} y vivió feliz hasta el fin de sus días.",
        "Y así {0} conservó {1} para siempre con gran contento.",
    ),
    "end_place": (
        "Por fin {0} había visto {1}, y el gran sueño se había cumplido.",
        "{0} se quedó mucho tiempo {1.en} y allí fue del todo feliz.",
        "Así terminó el largo viaje {0.de}, que por fin estaba {1.en}.",
        "Ahora {0} estaba {1.en}, tal como siempre había soñado.",
    ),
    "end_friend": (
        "Y así {0} y {1} conservaron su amistad para siempre.",
        "{0} había encontrado en {1} una amistad para toda la vida.",
        "Desde aquel día, {0} y {1} no se separaron nunca más.",
        "Nunca más sintió {0} soledad, pues ahora {1} siempre estaba a su lado.",
    ),
    "end_without_object": (
        "{0} nunca consiguió {1.un}, pero jamás perdió la esperanza.",
        "Aunque el deseo de tener {1.un} no se cumplió, {0} volvió a casa de buen humor.",
        '"Quizás algún día tenga {1.un}", pensó {0} y sonrió.',
        "Sin tener {1.un} {0} volvió a casa, pero mañana sería otro día.",
    ),
    "end_without_place": (
        "{0} nunca llegó {1.a}, pero jamás perdió la esperanza.",
        "Aunque el viaje {1.a} quedó en nada, {0} volvió a casa de buen humor.",
        '"Quizás algún día vea {1}", pensó {0} y sonrió.',
        "Así que {0} no llegó tan lejos como {1}, pero habría otros días.",
    ),
    "end_without_friend": (
        "{0} no ganó la amistad {1.de}, pero jamás perdió la esperanza.",
        "Aunque {1} no le dio su amistad, {0} volvió a casa de buen humor.",
        '"Quizás algún día {1} me dé su amistad", pensó {0} y sonrió.',
        "Sin la amistad {1.de} {0} volvió a casa, pero mañana sería otro día.",
    ),
}
