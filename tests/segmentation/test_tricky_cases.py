"""Sentences end where a reader ends them: what sentencex gets wrong, and what mending must not spoil."""

import pytest

from lcm.segmentation import segment

CASES = [
    ("en", ["Dr. Smith arrived at 3.15 p.m.", "He was late."]),
    ("en", ["J. R. R. Tolkien wrote it.", "I read it twice."]),
    ("en", ["She paid $3.50 for it.", "It was worth it!"]),
    ("en", ["He works at Acme Inc. in Boston.", "They met in 2010."]),
    ("en", ["The U.S. government agreed.", "So did the U.K. and others."]),
    ("en", ["Well... I am not sure.", "Let us go."]),
    ("en", ["You did what?!", "I cannot believe it."]),
    ("en", ['"What?! I cannot," he said.', "She left."]),
    ("en", ["She smiled (he did not notice.)", "Then she left."]),
    ("en", ['"Stop!" he cried.', '"Stop it now!"']),
    ("en", ['"Stop!" Tom cried.', "He ran."]),
    ("en", ['"Stop!"', "He cried."]),
    ("en", ['"I found it!" said Tom.', '"It was in the barn."']),
    ("en", ["“Who is there?” asked the owl.", "“It is me!”", "The owl laughed."]),
    ("en", ["hello.", "how are you?"]),
    ("fr", ["M. Renard arriva.", "Il dit bonjour à Mme. Oie."]),
    ("fr", ["« Où est la bague ? » demanda Tom.", "« Je ne sais pas », répondit Anna."]),
    ("fr", ["Cela date de 50 av. J.-C. et plus.", "C'est tout."]),
    ("fr", ["Où est la clé ?", "Elle est perdue."]),
    ("es", ["—¿Dónde está el anillo? —preguntó Ana.", "—No lo sé —dijo el zorro."]),
    ("es", ["¿Qué?", "¡No me lo creo!", "La Sra. Pérez y D. Juan se fueron."]),
    ("de", ["Am 3. Tag kam der Fuchs.", "Es war z. B. kalt."]),
    ("de", ["„Halt!“ rief er.", "Ich zählte bis 5.", "Niemand kam."]),
    ("de", ["„Wo ist der Ring?“, fragte Tom.", "Er war fort."]),
    ("ru", ["«Стой!» — сказал он.", "А. С. Пушкин родился в 1799 г. в Москве."]),
    ("it", ["Il sig. Rossi è arrivato.", "Perché?!", "È tardi."]),
    ("pl", ["Prof. Kowalski mieszka w Krakowie.", "Jest miło."]),
    ("hi", ["यह एक वाक्य है।", "यह दूसरा है।"]),
    ("ar", ["أين الكتاب؟", "لا أعرف."]),
    ("zh", ["他说：“你好。”", "然后走了。"]),
    ("ja", ["「はい。」と彼は言った。", "次の文です。"]),
]


@pytest.mark.parametrize(("lang", "sentences"), CASES)
def test_sentences_end_where_a_reader_ends_them(lang, sentences):
    assert segment(("" if lang in ("zh", "ja") else " ").join(sentences), lang) == sentences
