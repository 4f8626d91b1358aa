"""Number words of four languages as numbers from 2 to 300."""

from __future__ import annotations

from functools import cache

HIGHEST = 300


def _split(words: str) -> list[str]:
    return words.split()


_ENGLISH_UNITS = _split(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    " fifteen sixteen seventeen eighteen nineteen"
)
_ENGLISH_TENS = _split("_ _ twenty thirty forty fifty sixty seventy eighty ninety")
_ITALIAN_UNITS = _split(
    "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici"
    " quindici sedici diciassette diciotto diciannove"
)
_ITALIAN_TENS = _split("_ _ venti trenta quaranta cinquanta sessanta settanta ottanta novanta")
_SPANISH_UNITS = _split(
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince"
    " dieciseis diecisiete dieciocho diecinueve veinte veintiuno veintidos veintitres"
    " veinticuatro veinticinco veintiseis veintisiete veintiocho veintinueve"
)
_SPANISH_TENS = _split("_ _ _ treinta cuarenta cincuenta sesenta setenta ochenta noventa")
_CATALAN_UNITS = _split(
    "zero un dos tres quatre cinc sis set vuit nou deu onze dotze tretze catorze quinze setze"
    " disset divuit dinou"
)
_CATALAN_TENS = _split("_ _ vint trenta quaranta cinquanta seixanta setanta vuitanta noranta")


def _english(number: int) -> list[str]:
    if number < 20:
        return [_ENGLISH_UNITS[number]]
    if number < 100:
        tens, unit = divmod(number, 10)
        return [_ENGLISH_TENS[tens] + (f" {_ENGLISH_UNITS[unit]}" if unit else "")]
    hundreds, rest = divmod(number, 100)
    heads = [f"{_ENGLISH_UNITS[hundreds]} hundred"] + (["a hundred"] if hundreds == 1 else [])
    if not rest:
        return heads
    tails = _english(rest)
    joined = [f"{h} {link}{t}" for h in heads for link in ("", "and ") for t in tails]
    # "one twenty" is how musicians read out 120.
    short = [f"{_ENGLISH_UNITS[hundreds]} {t}" for t in tails] if rest >= 10 else []
    return joined + short


def _italian(number: int) -> list[str]:
    if number < 20:
        return [_ITALIAN_UNITS[number]]
    if number < 100:
        tens, unit = divmod(number, 10)
        head = _ITALIAN_TENS[tens]
        if unit in (1, 8):
            head = head[:-1]
        return [head + (_ITALIAN_UNITS[unit] if unit else "")]
    hundreds, rest = divmod(number, 100)
    head = ("" if hundreds == 1 else _ITALIAN_UNITS[hundreds]) + "cento"
    if not rest:
        return [head]
    return [form for tail in _italian(rest) for form in (head + tail, f"{head} {tail}")]


def _spanish(number: int) -> list[str]:
    if number < 30:
        return [_SPANISH_UNITS[number]]
    if number < 100:
        tens, unit = divmod(number, 10)
        return [_SPANISH_TENS[tens] + (f" y {_SPANISH_UNITS[unit]}" if unit else "")]
    hundreds, rest = divmod(number, 100)
    if not rest:
        return ["cien" if hundreds == 1 else f"{_SPANISH_UNITS[hundreds]}cientos"]
    head = "ciento" if hundreds == 1 else f"{_SPANISH_UNITS[hundreds]}cientos"
    return [f"{head} {tail}" for tail in _spanish(rest)]


def _catalan(number: int) -> list[str]:
    if number < 20:
        return [_CATALAN_UNITS[number]]
    if number < 100:
        tens, unit = divmod(number, 10)
        link = " i " if tens == 2 else " "
        return [_CATALAN_TENS[tens] + (f"{link}{_CATALAN_UNITS[unit]}" if unit else "")]
    hundreds, rest = divmod(number, 100)
    head = "cent" if hundreds == 1 else f"{_CATALAN_UNITS[hundreds]} cents"
    return [f"{head} {tail}" for tail in _catalan(rest)] if rest else [head]


_WRITERS = {
    "english": _english,
    "italian": _italian,
    "spanish": _spanish,
    "catalan": _catalan,
}


def number_words(number: int, language: str = "english") -> str:
    """A number from 1 to 300 in words, without accents or hyphens; ValueError outside.

    >>> number_words(92)
    'ninety two'
    """
    if not 1 <= number <= HIGHEST:
        raise ValueError(f"{number} is not from 1 to {HIGHEST}")
    return _WRITERS[language](number)[0]


@cache
def number_phrases(language: str) -> dict[tuple[str, ...], int]:
    """Words of a number -> the number.

    "One" counts only in English: elsewhere it is the article.
    """
    write = _WRITERS[language]
    first = 1 if language == "english" else 2
    found = {
        tuple(form.split()): number
        for number in range(first, HIGHEST + 1)
        for form in write(number)
    }
    if language == "catalan":
        found[("dues",)] = 2
    if language == "english":
        found[("a", "dozen")] = 12
    return found
