"""Which language a query is in, where its letters or its small words leave little doubt.

Most queries are two or three nouns, which no classifier tells apart: `strand`, `pasta`, `playa del
carmen`. So one of Latin letters counts as of a language only for words that its grammar needs.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

from cmsearch.common.function_words import FUNCTION_WORDS
from cmsearch.models.spaces import model_name
from cmsearch.types import Modality, QueryPart, Space

ENOUGH = 2.0
"""The weight of words from which a text is of a language; one telling word has as much."""
OTHER = "another language"
SCRIPTS = {
    "ARABIC": "Arabic", "ARMENIAN": "Armenian", "BENGALI": "Bengali", "CJK": "Chinese",
    "CYRILLIC": "a language in Cyrillic letters", "DEVANAGARI": "Hindi", "ETHIOPIC": "Amharic",
    "GEORGIAN": "Georgian", "GREEK": "Greek", "GUJARATI": "Gujarati", "HANGUL": "Korean",
    "HEBREW": "Hebrew", "HIRAGANA": "Japanese", "KANNADA": "Kannada", "KATAKANA": "Japanese",
    "KHMER": "Khmer", "LAO": "Lao", "MALAYALAM": "Malayalam", "MYANMAR": "Burmese",
    "TAMIL": "Tamil", "TELUGU": "Telugu", "THAI": "Thai", "TIBETAN": "Tibetan",
}  # fmt: skip
"""By how the names of its letters begin in Unicode, what a script is taken for."""
_FEW_LETTERS = {"CJK": 1, "HANGUL": 1, "HIRAGANA": 1, "KATAKANA": 2}
"""Letters from which a text is in a script; of the others three: π and Ω are in English too."""
_WEIGHTS = (2.0, 1.0, 0.5)
_WORDS = {
    "German": (
        "und eine einer einem einen eines nicht auf zwischen neben beim vom zum zur durch gegen "
        "ohne hinter unsere keine sind wird werden",
        "mit im am ein bei nach aus unter ins dem über für ist mein meine vor das",
        "der die den des von zu",
    ),
    "French": (
        "avec dans une leur leurs très devant cette où près",
        "sur en un par sans sous chez est elle mes ses deux qui derrière son sa et",
        "de la le les des du au aux à",
    ),
    "Spanish": (
        "una unos unas sobre muy está están también cuando encima debajo mientras",
        "con en un por sin su sus mi dos hasta desde junto más y",
        "de del la las los el al",
    ),
    "Italian": (
        "una nella nelle negli sulla sono mentre accanto davanti",
        "con un uno su nel sul sotto sopra tra che alla",
        "di della dello degli gli il lo i le la al",
    ),
    "Portuguese": (
        "uma numa não muito também enquanto perto sobre",
        "com um por sem na nas nos seu sua são está ao pela pelo em",
        "de do da dos das o os as",
    ),
    "Dutch": (
        "een het naast tussen achter bij naar niet tijdens zonder aan wordt zijn",
        "op met in uit voor onder en is mijn twee",
        "de van der den",
    ),
    "Swedish": (
        "och ett på från för inte mellan mitt utan bredvid",
        "en med av vid som till under två i", "den det",
    ),
    "Danish or Norwegian": (
        "på ikke mellem mellom uten uden foran fra",
        "en et og med av af ved til hos bak", "den det",
    ),
    "Finnish": ("kanssa että joka päällä vieressä edessä takana mutta kuin minun", "ja", ""),
    "Polish": ("się jest przed przy obok dwie dla oraz między", "nad na pod bez dwa z w ze", ""),
    "Czech": ("před při vedle dvě mezi není", "na je se nad pod bez dva v s a ze ve pro do", ""),
    "Hungarian": ("egy és nem alatt mellett előtt között nélkül fölött", "a az két", ""),
    "Romanian": ("și în sunt lângă fără două peste într-o într-un", "este pe cu o un", "la din"),
    "Turkish": ("bir için üzerinde altında yanında önünde arasında değil", "ve ile iki", "da de"),
    "Indonesian or Malay": (
        "yang dengan sedang seekor seorang sebuah bersama untuk",
        "dan di dari pada ini itu dua",
        "",
    ),
    "Vietnamese": ("và của trên với trong một người không những đang", "con", ""),
}  # fmt: skip
"""Words of each language that are hardly anything else; those that are others' too, of English, of
neighbours; and those that names are made with: Plaza de la Reina, Unter den Linden.
"""
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_Weights = Mapping[str, Mapping[str, float]]


def language_of(text: str) -> str | None:
    """The language of a text in English, or `OTHER` if it is one of several; None for English, and
    where it can't be told.
    """
    if (script := _script(text)) is not None:
        return script
    words = _WORD.findall(text)
    if len(words) < 2:
        return None
    weights = _weights()
    sums: dict[str, float] = {}
    telling: set[str] = set()
    for at, word in enumerate(words):
        own = weights.get(word.lower(), {})
        if word.lower().replace("’", "'") in FUNCTION_WORDS:
            if not own:
                return None
            continue  # `in`, which is of several
        for language, weight in own.items():
            if not word.islower():  # a name, or the first word of all
                weight = 0.0 if at else min(weight, 1.0)
            sums[language] = sums.get(language, 0.0) + weight
            if weight >= 1.0:
                telling.add(language)
    found = sorted(((weight, one) for one, weight in sums.items() if one in telling), reverse=True)
    if not found or found[0][0] < ENOUGH:
        return None
    is_clear = len(found) == 1 or found[0][0] > found[1][0]
    return found[0][1] if is_clear else OTHER


def advice(parts: Iterable[QueryPart], spaces: Iterable[Space]) -> str:
    """A line about a text in a language that the model of the spaces searched wasn't made for;
    nothing where there is nothing to say.
    """
    texts = [str(part.content) for part in parts if part.modality is Modality.TEXT]
    language = next(filter(None, map(language_of, texts)), None)
    space = None if language is None else next(iter(spaces), None)
    if space is None:
        return ""
    from cmsearch.models.choices import find, for_many_languages, short_name

    known = find(model_name(replace(space, adapter=None)))
    if known is None or known.languages != "en":
        return ""
    return (
        f"This seems to be {language}, and {short_name(known.name)} was made for English: by what "
        "they show, pictures may not be found. A model for many languages: `cmsearch index "
        f"--model {short_name(for_many_languages().name)}`."
    )


def _script(text: str) -> str | None:
    """What a text is taken for by its letters, if most of them aren't Latin ones."""
    if text.isascii():
        return None
    letters = [one for one in text if one.isalpha()]
    scripts = Counter(re.split("[ -]", unicodedata.name(one, "?"))[0] for one in letters)
    others = {one: count for one, count in scripts.items() if one in SCRIPTS}
    if 2 * sum(others.values()) <= len(letters):
        return None
    if {"HIRAGANA", "KATAKANA"} & set(others):
        return SCRIPTS["HIRAGANA"]
    most, count = max(others.items(), key=lambda one: one[1])
    return SCRIPTS[most] if count >= _FEW_LETTERS.get(most, 3) else None


@cache
def _weights() -> _Weights:
    """By each word the languages that it is of, with its weight."""
    found: dict[str, dict[str, float]] = {}
    for language, groups in _WORDS.items():
        for words, weight in zip(groups, _WEIGHTS, strict=True):
            for word in words.split():
                found.setdefault(word, {})[language] = weight
    return found
