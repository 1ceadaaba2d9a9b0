"""The tales in English: lexicon and wordings. The syntax of the wordings is explained in `grammar`."""

from __future__ import annotations

from lcm.data.tales import events

PRONOUNS: dict[str, str] = {"m": "he", "f": "she"}

_PEOPLE = {"tom": "boy", "leo": "boy", "max": "boy", "paul": "boy"} | dict.fromkeys(
    ("anna", "mia", "clara", "rosa"), "girl"
)
_PLURAL_OR_MASS = {"bread": "some bread", "cheese": "some cheese"}


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _character(id: str) -> dict[str, str]:
    if id in _PEOPLE:
        name = id.capitalize()
        return {"the": name, "a": f"a {_PEOPLE[id]} named {name}", "gen": f"{name}'s"}
    return {"the": f"the {id}", "a": _a(id), "gen": f"the {id}'s"}


def _place(preposition: str, noun: str) -> dict[str, str]:
    return {"the": f"the {noun}", "at": f"{preposition} the {noun}", "noun": noun}


CHARACTERS: dict[str, dict[str, str]] = {id: _character(id) for id in events.CHARACTERS}

PLACES: dict[str, dict[str, str]] = {
    "forest": _place("in", "forest"),
    "village": _place("in", "village"),
    "mill": _place("at", "mill"),
    "river": _place("by", "river"),
    "bridge": _place("on", "bridge"),
    "castle": _place("in", "castle"),
    "garden": _place("in", "garden"),
    "market": _place("at", "market"),
    "lake": _place("by", "lake"),
    "cave": _place("in", "cave"),
    "meadow": _place("in", "meadow"),
    "harbor": _place("at", "harbor"),
    "tower": _place("in", "tower"),
    "hill": _place("on", "hill"),
    "barn": _place("in", "barn"),
    "school": _place("at", "school"),
}

OBJECTS: dict[str, dict[str, str]] = {
    id: {"the": f"the {id}", "a": _PLURAL_OR_MASS.get(id, _a(id)), "noun": id} for id in events.OBJECTS
}

TEMPLATES: dict[str, tuple[str, ...]] = {
    # openings
    "open_lives": (
        "Once upon a time, {0.a} lived {1.at}.",
        "Once there was {0.a} whose home was {1.at}.",
        "There once lived {0.a} {1.at}.",
        "This is the tale of {0.a} who lived happily {1.at}.",
    ),
    "open_day": (
        "One fine morning, {0.a} was {1.at}.",
        "One day, {0.a} was walking about {1.at}.",
        "Early one day, {0.a} sat {1.at} and looked up at the sky.",
        "It all began one summer morning, when {0.a} was playing {1.at}.",
    ),
    "open_old": (
        "Long ago, {0.a} had a little house near {1}.",
        "Many years ago, {0.a} lived in a small house near {1}.",
        "A long time ago, near {1}, stood the cosy little house of {0.a}.",
        "In the old days, {0.a} had a hut not far from {1}.",
    ),
    # goals
    "want_object": (
        "{0} wished for {1.a} more than anything in the world.",
        "More than anything, {0} wanted to have {1.a}.",
        "{0} had only one wish, and that was {1.a}.",
        "{0} longed for {1.a} day and night.",
    ),
    "want_place": (
        "{0} had always dreamed of seeing {1}.",
        "More than anything, {0} wanted to visit {1}.",
        "{0} had only one wish, and that was to see {1}.",
        "Every day {0} thought of how lovely it would be to travel to {1}.",
    ),
    "want_friend": (
        "{0} wanted very much to be friends with {1}.",
        "More than anything, {0} wished to have {1} as a friend.",
        "{0} had only one wish, and that was the friendship of {1}.",
        "{0} often thought how nice it would be to be a friend of {1}.",
    ),
    # movement
    "go": (
        "{0} went to {1}.",
        "{0} set off for {1}.",
        "So {0} walked all the way to {1}.",
        "Then {0} made {0:his|her} way to {1}.",
        "{0} followed the path to {1}.",
    ),
    "arrive": (
        "{0} came along to {1}.",
        "Just then, {0} arrived {1.at}.",
        "Before long, {0} appeared {1.at} too.",
        "Who should come walking up to {1} but {0}.",
    ),
    "leave": (
        "{0} went away.",
        "{0} had to go home now.",
        "Soon {0} left and was out of sight.",
        "Then {0} hurried off on {0:his|her} own.",
    ),
    "lead": (
        "{0} led {1} to {2}.",
        "{0} showed {1} the way to {2}, and they walked there together.",
        "Together with {1}, {0} wandered to {2}.",
        "{0} took {1} along to {2}.",
    ),
    # weather and time of day
    "rain": (
        "It began to rain over {0}.",
        "Rain came down softly {0.at}.",
        "Big raindrops fell on {0}.",
        "Grey clouds gathered, and soon it was pouring {0.at}.",
    ),
    "sun": (
        "The sun shone warmly on {0}.",
        "The clouds parted, and {0} lay in golden light.",
        "It was bright and sunny {0.at}.",
        "Warm sunbeams danced over {0}.",
    ),
    "wind": (
        "A strong wind blew over {0}.",
        "The wind whistled loudly {0.at}.",
        "A wild gust of wind swept across {0}.",
        "It grew windy {0.at}, and leaves flew through the air.",
    ),
    "snow": (
        "It began to snow over {0}.",
        "Snowflakes fell gently on {0}.",
        "Soft white snow covered {0}.",
        "Snow drifted down {0.at}, and everything became quiet.",
    ),
    "fog": (
        "Thick fog rolled over {0}.",
        "A grey mist hid {0}.",
        "It became so foggy {0.at} that one could hardly see a thing.",
        "Slowly, fog crept up and wrapped itself around {0}.",
    ),
    "night": (
        "Night fell over {0}.",
        "The stars came out above {0}.",
        "It grew dark {0.at}.",
        "The moon rose over {0}, and all was still.",
    ),
    "morning": (
        "Morning came to {0}.",
        "The sun rose over {0}, and a new day began.",
        "The first light of dawn fell on {0}.",
        "The night was over, and the birds were already singing {0.at}.",
    ),
    # objects
    "see": (
        "{0} saw {1.a}.",
        "{0} noticed {1.a} close by.",
        "Suddenly, {0} caught sight of {1.a}.",
        "There {0} spotted {1.a}.",
    ),
    "find": (
        "{0} found {1.a}.",
        "By chance, {0} came upon {1.a}.",
        "To {0:his|her} surprise, {0} discovered {1.a}.",
        "Right there {0} found {1.a}.",
        "At last {0} came across {1.a}.",
    ),
    "take": (
        "{0} picked up {1}.",
        "{0} took {1} along.",
        "Carefully, {0} lifted {1} from the ground.",
        "{0} grabbed {1} with both hands.",
    ),
    "lose": (
        "{0} lost {1}.",
        "On the way, {0} dropped {1} without noticing.",
        "{0} could not say what had become of {1}.",
        "Somehow {0} lost {1} along the way.",
    ),
    "put_down": (
        "{0} put {1} down.",
        "{0} laid {1} on the ground.",
        "Gently, {0} set {1} aside.",
        "Then {0} left {1} lying there.",
    ),
    "hide": (
        "{0} hid {1} {2.at}.",
        "{0} found a secret spot for {1} {2.at}.",
        "Quietly, {0} tucked {1} away {2.at}.",
        "{0} hid {1} {2.at} so that nobody would find it.",
    ),
    "search": (
        "{0} looked everywhere {1.at}.",
        "{0} searched {1} from top to bottom.",
        "For a long time, {0} hunted around {1.at}.",
        "{0} searched in every corner {1.at}.",
        "High and low {0} looked {1.at}.",
    ),
    "give": (
        "{0} gave {1} {2.a}.",
        "{0} had a present for {1}, and it was {2.a}.",
        "{0} handed {2} to {1}.",
        "With a smile {0} made {1} a gift of {2}.",
    ),
    "ask_for": (
        '"Please give me {2}," said {0} to {1}.',
        "{0} asked {1} for {2}.",
        '"May I have {2}, please," {0} begged {1}.',
        '{0} said to {1}, "I would love to have {2}."',
    ),
    "refuse": (
        '"I will not give you {2}," said {0} to {1}.',
        "{0} did not want to give {2} to {1}.",
        '"No, {2} is mine," {0} answered {1}.',
        '{0} told {1}, "I am keeping {2} for myself."',
    ),
    "lend": (
        "{0} lent {1} {2.a}.",
        "{0} let {1} borrow {2}.",
        '"You may borrow {2} for a while," said {0} to {1}.',
        "For a little while {0} lent {2} to {1}.",
    ),
    "trade": (
        "{0} traded {2} for {3} with {1}.",
        "{0} and {1} made a swap, {2} for {3}.",
        '"I will give you {2} for {3}," said {0}, and {1} agreed.',
        "{0} exchanged {2} with {1} and got {3} in return.",
    ),
    "open": (
        "{0} opened {1}.",
        "Slowly, {0} opened {1} to look inside.",
        "Full of excitement, {0} lifted the lid of {1}.",
        "Very carefully {0} opened up {1}.",
    ),
    "contain": (
        "Inside {0} lay {1.a}.",
        "In {0} there was {1.a}.",
        "At the very bottom of {0} was {1.a}.",
        "And what was hidden in {0} was {1.a}.",
    ),
    "break": (
        "{0} broke {1}.",
        "By accident, {0} damaged {1}.",
        "With a loud crack, {1} broke because {0} was not careful.",
        "What a pity that {0} broke {1}.",
    ),
    "mend": (
        "{0} mended {1}.",
        "With great patience, {0} repaired {1}.",
        "{0} worked hard until {1} was as good as new.",
        "In no time {0} fixed {1}.",
    ),
    "eat": (
        "{0} ate {1}.",
        "Hungrily, {0} ate up {1}.",
        "{0} nibbled at {1} until nothing was left.",
        "{0} enjoyed {1} down to the last bite.",
    ),
    "share": (
        "{0} shared {2} with {1}.",
        "{0} gave {1} half of {2}.",
        "{0} and {1} ate {2} together.",
        "Kindly {0} divided {2} and gave {1} a big piece.",
    ),
    "play": (
        "{0} played {1}.",
        "{0} played a merry tune on {1}.",
        "The sound of {1} rang out as {0} began to play.",
        "{0} made lovely music with {1}.",
    ),
    "buy": (
        "{0} bought {1.a}.",
        "{0} paid a good price for {1.a}.",
        "At a stall, {0} chose {1.a} and paid for it.",
        "With {0:his|her} savings {0} bought {1.a}.",
    ),
    # company
    "meet": (
        "{0} met {1}.",
        "There {0} ran into {1}.",
        "{0} came face to face with {1}.",
        "On the way {0} met {1}.",
    ),
    "greet": (
        '"Good day to you," said {0} to {1}.',
        "{0} greeted {1} warmly.",
        '"Hello, how nice to see you," {0} called to {1}.',
        "{0} waved and said hello to {1}.",
    ),
    "ask_where": (
        '{0} asked {1}, "Where is {2}?"',
        "{0} asked {1} where {2} was.",
        '"Tell me where {2} is," said {0} to {1}.',
        "{0} wanted to know from {1} where {2} could be found.",
    ),
    "tell_where": (
        '"{2} is {3.at}," said {0} to {1}.',
        "{0} told {1} that {2} was {3.at}.",
        '{0} answered {1}, "You will find {2} {3.at}."',
        "{0} explained to {1} that {2} could be found {3.at}.",
    ),
    "not_know": (
        '"I do not know where {2} is," said {0} to {1}.',
        "{0} told {1} that {0:he|she} had not seen {2}.",
        '{0} shook {0:his|her} head and said to {1}, "I have never seen {2}."',
        "{0} could not tell {1} anything about {2}.",
    ),
    "quarrel": (
        "{0} quarrelled with {1}.",
        "{0} and {1} began to argue.",
        "{0} was cross with {1}, and they shouted at each other.",
        "Angrily {0} had a quarrel with {1}.",
    ),
    "make_up": (
        "{0} made up with {1}.",
        "{0} and {1} shook hands and forgot their quarrel.",
        '"I am sorry," said {0} to {1}, and all was forgiven.',
        "{0} made peace with {1}.",
    ),
    "befriend": (
        "{0} became friends with {1}.",
        "From then on, {0} and {1} were good friends.",
        '"Let us be friends," said {0} to {1}.',
        "Ever after {0} was a good friend of {1}.",
    ),
    "thank": (
        '"Thank you very much," said {0} to {1}.',
        "{0} thanked {1} with all {0:his|her} heart.",
        '"That was very kind of you," {0} told {1}.',
        "{0} gave {1} a big hug to say thank you.",
    ),
    "help": (
        "{0} helped {1}.",
        "{0} gave {1} a helping hand.",
        "Without a second thought, {0} came to the aid of {1}.",
        "Gladly {0} helped {1} with the work.",
    ),
    "comfort": (
        "{0} comforted {1}.",
        '"Do not be sad," said {0} to {1}.',
        "{0} put an arm around {1} and spoke kind words.",
        "With gentle words {0} cheered {1} up.",
    ),
    "tell_story": (
        "{0} told {1} a story.",
        "{1} listened closely while {0} told an old tale.",
        "{0} knew a funny story and told it to {1}.",
        "To pass the time {0} told {1} a fairy tale.",
    ),
    "sing": (
        "{0} sang a song.",
        "{0} began to sing in a clear voice.",
        "A cheerful song could be heard, for {0} was singing.",
        "Happily {0} hummed a little tune.",
    ),
    "dance": (
        "{0} danced with {1}.",
        "{0} and {1} danced in a circle.",
        "{0} took {1} by the hand, and they danced together.",
        "Round and round {0} danced with {1}.",
    ),
    "promise": (
        '"I will always help you," {0} promised {1}.',
        "{0} promised never to forget {1}.",
        "{0} gave {1} a solemn promise.",
        '"You can count on me," {0} assured {1}.',
    ),
    "farewell": (
        '"Goodbye, and see you soon," said {0} to {1}.',
        "{0} said goodbye to {1}.",
        '"Farewell, my friend," {0} called out to {1}.',
        "{0} waved goodbye to {1} for a long time.",
    ),
    # feelings, rest
    "glad": (
        "{0} was very glad.",
        "{0} jumped for joy.",
        "A big smile spread over {0.gen} face.",
        "{0} was as happy as could be.",
        "How happy {0} was now.",
    ),
    "sad": (
        "{0} was very sad.",
        "{0} began to cry.",
        "A tear rolled down {0.gen} cheek.",
        "{0} felt sad and lonely.",
        "With a heavy heart {0} sighed deeply.",
    ),
    "afraid": (
        "{0} was afraid.",
        "{0} trembled with fear.",
        "A cold shiver ran down {0.gen} back.",
        "{0} was so frightened that {0:his|her} heart beat fast.",
    ),
    "tired": (
        "{0} was very tired.",
        "{0} yawned and could hardly walk any more.",
        "It had been a long day, and {0} was worn out.",
        "Little by little {0} grew sleepy.",
    ),
    "proud": (
        "{0} was very proud.",
        "{0} held {0:his|her} head high with pride.",
        "What a proud moment it was for {0}.",
        "{0} was rightly proud of {0:himself|herself}.",
    ),
    "curious": (
        "{0} was very curious.",
        "{0} wanted to know what was going on.",
        "{0} was full of questions and looked around with wide eyes.",
        "Full of curiosity {0} took a closer look.",
    ),
    "rest": (
        "{0} rested for a while.",
        "{0} sat down to catch {0:his|her} breath.",
        "It was time for a break, so {0} stretched out comfortably.",
        "For a moment {0} sat quietly and rested.",
    ),
    "sleep": (
        "{0} fell asleep {1.at}.",
        "{0} slept soundly {1.at}.",
        "{0} found a cosy place to sleep {1.at}.",
        "All night long {0} slept {1.at}.",
    ),
    "wake": (
        "{0} woke up.",
        "{0} opened {0:his|her} eyes and stretched.",
        "Well rested, {0} got up.",
        "Refreshed, {0} awoke from a deep sleep.",
    ),
    "dream": (
        "{0} dreamed of {1.a}.",
        "In a dream, {0} saw {1.a} floating through the sky.",
        "{0} had a strange dream about {1.a}.",
        "That night {0} dreamed about {1.a}.",
    ),
    # endings
    "end_object": (
        "At last {1} belonged to {0}, and {0:he|she} was happy ever after.",
        "Now {0} had {1} and needed nothing more in the world.",
        "{0} never parted with {1} again and lived happily to the end of {0:his|her} days.",
        "And so {0} kept {1} forever and was always content.",
    ),
    "end_place": (
        "At last {0} had seen {1}, and the great dream had come true.",
        "{0} stayed {1.at} for a long time and was perfectly happy there.",
        "So ended the long journey of {0}, who was now {1.at} at last.",
        "Now {0} was {1.at}, just as {0:he|she} had always dreamed.",
    ),
    "end_friend": (
        "And so {0} and {1} remained best friends forever.",
        "{0} had found a friend for life in {1}.",
        "From that day on, {0} and {1} were never apart again.",
        "Never again was {0} lonely, for now {1} was always there.",
    ),
    "end_without_object": (
        "{0} never got {1.a}, but never gave up hope.",
        "Although the wish for {1.a} had not come true, {0} went home in good spirits.",
        '"Perhaps I shall have {1.a} one day," thought {0} and smiled.',
        "Without {1.a} {0} went home, but tomorrow was another day.",
    ),
    "end_without_place": (
        "{0} never reached {1}, but never gave up hope.",
        "Although the journey to {1} had come to nothing, {0} went home in good spirits.",
        '"Perhaps I shall see {1} one day," thought {0} and smiled.',
        "So {0} did not get as far as {1}, but there would be other days.",
    ),
    "end_without_friend": (
        "{0} did not win the friendship of {1}, but never gave up hope.",
        "Although {1} had not become a friend, {0} went home in good spirits.",
        '"Perhaps {1} will be my friend one day," thought {0} and smiled.',
        "Without {1} as a friend {0} went home, but tomorrow was another day.",
    ),
}
