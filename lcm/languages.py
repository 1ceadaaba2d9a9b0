"""Language codes: ISO 639-1 (`en`) on the outside, SONAR's (`eng_Latn`) on the inside."""

from lcm.errors import LCMError

# The languages users name by two letters. SONAR's own 200 codes are always accepted as they are.
_SONAR_OF_ISO = {
    "ar": "arb_Arab", "bg": "bul_Cyrl", "bn": "ben_Beng", "ca": "cat_Latn", "cs": "ces_Latn", "da": "dan_Latn",
    "de": "deu_Latn", "el": "ell_Grek", "en": "eng_Latn", "es": "spa_Latn", "et": "est_Latn", "fa": "pes_Arab",
    "fi": "fin_Latn", "fr": "fra_Latn", "he": "heb_Hebr", "hi": "hin_Deva", "hu": "hun_Latn", "id": "ind_Latn",
    "it": "ita_Latn", "ja": "jpn_Jpan", "ko": "kor_Hang", "lt": "lit_Latn", "lv": "lvs_Latn", "nl": "nld_Latn",
    "no": "nob_Latn", "pl": "pol_Latn", "pt": "por_Latn", "ro": "ron_Latn", "ru": "rus_Cyrl", "sk": "slk_Latn",
    "sl": "slv_Latn", "sv": "swe_Latn", "sw": "swh_Latn", "th": "tha_Thai", "tr": "tur_Latn", "uk": "ukr_Cyrl",
    "ur": "urd_Arab", "vi": "vie_Latn", "zh": "zho_Hans",
}  # fmt: skip
_ISO_OF_SONAR = {sonar: iso for iso, sonar in _SONAR_OF_ISO.items()}


class LanguageError(LCMError):
    """A language code that is not known where it is used."""


def to_sonar(code: str) -> str:
    """`en` or `eng_Latn` → `eng_Latn`. An unknown two-letter code raises LanguageError."""
    if code in _SONAR_OF_ISO:
        return _SONAR_OF_ISO[code]
    if "_" in code:  # SONAR's own codes; the concept space knows which of them it speaks
        return code
    raise LanguageError(
        f"Unknown language '{code}'. Use an ISO 639-1 code ({', '.join(sorted(_SONAR_OF_ISO))}) "
        f"or one of SONAR's, such as eng_Latn."
    )


def to_iso(code: str) -> str:
    """`eng_Latn` or `en` → `en`. A SONAR code without a two-letter one here gives its first part (`ace_Latn` → `ace`)."""
    if code in _SONAR_OF_ISO:
        return code
    if code in _ISO_OF_SONAR:
        return _ISO_OF_SONAR[code]
    if "_" in code:
        return code.split("_")[0]
    raise LanguageError(
        f"Unknown language '{code}'. Use an ISO 639-1 code such as en, or one of SONAR's, such as eng_Latn."
    )
