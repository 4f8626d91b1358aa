"""Numbers in a text: tempo, meter, bars and voices, in four languages.

The patterns run over a line of plain words and digits with single spaces (words.Row), so that
"sixteen-bar" reads ``16 bar`` and "3/4" reads ``3 / 4``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from partimento.music.barpiece import meter_ticks
from partimento.tasks.text2midi.findings import Finding, How, finding
from partimento.tasks.text2midi.matching import is_negated
from partimento.tasks.text2midi.words import Row

SLOWEST, FASTEST = 20.0, 400.0
"""Beats a minute that are believed."""
MOST_BARS = 2000

_N = r"(\d{2,3}(?:\.\d+)?)"
_UNIT = (
    r"(?:bpms?|b \. ?p \. ?m(?: \.)?|b p m|beats(?: (?:per|a|in a|each|/) min(?:ute)?)?"
    r"|battiti (?:al|per) minuto|battute al minuto|(?:pulsaciones|pulsos|negras|golpes|tiempos)"
    r" (?:por|al) minuto|(?:pulsacions|negres|cops) (?:per|al) minut|ppm|clicks)\b"
)
_ABOUT = (
    r"(?:about|around|circa|approximately|approx(?: \.)?|roughly|ca(?: \.)?|~|≈|some|uns|unos|unas"
    r"|sui|sugli|intorno (?:a|ai|agli)|al voltant de|alrededor de|aproximadamente|aproximadament"
    r"|mas o menos|mes o menys|near|nearly|say|maybe|a unos|cap a|hacia|più o meno|quasi|casi)"
)
_BARS = r"(?:bars?|measures?|battut[ae]|misur[ae]|compas(?:es|sos)?)\b"
_NOT_BARS = rf"(?! ?(?:- ?)?{_BARS}| ?/| ?%| (?:notes?|seconds?|minutes?|segundos|voices|years))"
_AND = r"(?:-|to|and|or|y|e|ed|i|a|fins a|hasta|till|until)(?: (?:i|ai|gli|los|els|the))?"
_BETWEEN = (
    r"(?:between|from|entre|tra|fra|da|de|des de|desde|anywhere from)(?: (?:i|gli|los|els|the))?"
)
_BEAT = (
    r"((?:dotted )?(?:♩|♪|quarter|crotchet|eighth|quaver|half|minim|negra|seminima|semiminima"
    r"|corchea|corxera|blanca|bianca|croma|q))(?: notes?)?( \.| con puntillo| amb punt| puntata)?"
)

_NOTE_IS = re.compile(
    rf"(?<!\S){_BEAT} (?:=|equals|at|:) (?:{_ABOUT} )?{_N}(?: - {_N})?(?: {_UNIT})?"
)
_RANGE = re.compile(
    rf"(?:\b({_BETWEEN}) )?(?:{_ABOUT} )?\b{_N}(?: {_UNIT})? {_AND} {_N}\b{_NOT_BARS}"
    rf"(?: ({_UNIT}))?"
)
_BELOW = re.compile(
    r"\b(?:(?:under|below|less than|at most|no more than|not more than|slower than|no faster than"
    r"|not over|not above|up to|max(?:imum)?|sotto i|meno di|menos de|menys de|por debajo de"
    rf"|per sota de|a lo sumo|al massimo)) (?:i )?{_N} {_UNIT}"
)
_ABOVE = re.compile(
    r"\b(?:over|above|more than|at least|faster than|no less than|not under|not below"
    r"|no slower than|min(?:imum)?|sopra i|piu di|mas de|mes de|por encima de|per sobre de|almeno"
    rf"|al menos|almenys|upwards of) (?:i )?{_N} {_UNIT}"
)
_NUMBER_UNIT = re.compile(rf"(?:{_ABOUT} )?\b{_N} {_UNIT}")
_UNIT_NUMBER = re.compile(
    r"\b(?:bpm|tempo|metronome|mm|m \. m \.|speed|velocita|velocidad|velocitat|metronomo|metronom)"
    r"(?: (?:marking|mark))?(?: (?::|=|of|at|is|di|de|a|about|around|circa|should be|set to|mark))*"
    rf" (?:{_ABOUT} )?{_N}\b{_NOT_BARS}"
)
_BARE = re.compile(
    rf"(?:\b(?:at|@)|@|\b{_ABOUT})(?: (?:about|around|circa|roughly|approximately))? {_N}"
    r"(?=$| [.,;:!?)\n]| (?:for|with|in|on|and|please|or|but|per|con|para|amb|en|y|i|e)\b)"
)

_SLASH = re.compile(r"(?<![\d/] )\b(\d{1,2}) / (\d{1,2})\b(?! /)(?! (?:notes?|of)\b)")
_TIMED = re.compile(
    r"\b(\d{1,2}) (?:- )?(2|4|8|16)(?= (?:time|meter|metre|signature|feel|rhythm)\b)"
)
_CROSS = re.compile(r"\b(\d{1,2}) (?:por|per|x|su|sobre|over|by) (2|4|8|16)\b")
_QUARTERS = re.compile(
    r"\b(\d{1,2}) (?:(quarter|quarters|quarti|cuartos|quarts)"
    r"|(eighth|eighths|ottavi|octavos|vuitens))"
    r"(?= (?:time|meter|metre)|$| [.,;:!?)\n]| (?:for|with|in|at|and|per|para|con|en|i|y|e|amb)\b)"
)
_BEATS_A_BAR = re.compile(
    r"\b([2-9]) beats (?:to|per|in|a) (?:the |a |each |every )?(?:bar|measure)\b"
)
_IN = re.compile(
    r"\bin ([2-6])(?=$| [.,;:!?)\n]| (?:for|with|at|and|on|please|about|time)\b)(?: time\b)?"
)
_OF_IN = {"2": "2/4", "3": "3/4", "4": "4/4", "5": "5/4", "6": "6/8"}

_PHRASES = re.compile(
    r"\b(\d{1,2}) (\d{1,2}) (?:bar|measure) (?:phrases|sections|sentences|strains)\b"
)
_BAR_RANGE = re.compile(rf"(?:\b{_BETWEEN} )?\b(\d{{1,4}}) {_AND} (\d{{1,4}}) {_BARS}")
_BAR_COUNT = re.compile(
    rf"(?:{_ABOUT} )?\b(\d{{1,4}}) {_BARS}"
    r"(?! (?:phrases?|sections?|of rests?|intro\w*|long phrases)\b)"
)
_BARS_ARE = re.compile(r"\b(?:bars|measures|length|battute|compases|compassos) (?::|=) (\d{1,4})\b")
_VOICES = re.compile(
    r"(?:\b(?:in|a|for|with|con|amb|per) )?\b(\d{1,2}) (?:independent |equal |single )?"
    r"(?:part|parts|voice|voices|voiced|voci|voces|veus|partes|parti)\b"
)


def find_quantities(row: Row) -> list[Finding]:
    """Tempo, bars, meter and number of voices; the words are taken from the row."""
    return [*_bars(row), *_tempos(row), *_meters(row), *_voices(row)]


def _note(row: Row, first: int, end: int, attribute: str, value: object) -> Finding:
    row.take(first, end)
    assert isinstance(value, str | int | float | tuple)
    how: How = "negated" if is_negated(row, first) else "said"
    return finding(row, first, end, attribute, value, how)


def _bars(row: Row) -> Iterator[Finding]:
    for match, first, end in row.find(_PHRASES):
        yield _note(row, first, end, "bars", int(match[1]) * int(match[2]))
    for match, first, end in row.find(_BAR_RANGE):
        low, high = int(match[1]), int(match[2])
        if 0 < low < high <= MOST_BARS:
            yield _note(row, first, end, "bars", (low + high + 1) // 2)
    for pattern in (_BAR_COUNT, _BARS_ARE):
        for match, first, end in row.find(pattern):
            if 0 < int(match[1]) <= MOST_BARS:
                yield _note(row, first, end, "bars", int(match[1]))


def _believable(*tempos: float) -> bool:
    return all(SLOWEST <= t <= FASTEST for t in tempos)


def _number(text: str) -> float:
    return float(text)


def _tempos(row: Row) -> Iterator[Finding]:
    yield from _note_values(row)
    for match, first, end in row.find(_RANGE):
        low, high = _number(match[2]), _number(match[3])
        led = match[1] or match[4] or "bpm" in match[0] or row.plain(first - 1) in {"tempo", "at"}
        if led and _believable(low, high) and low != high:
            yield _note(row, first, end, "tempo_bpm", (min(low, high), max(low, high)))
    for pattern, low_share, high_share in ((_BELOW, 0.7, 1.0), (_ABOVE, 1.0, 1.4)):
        for match, first, end in row.find(pattern):
            bpm = _number(match[1])
            if _believable(bpm):
                reach = (round(bpm * low_share, 1), round(bpm * high_share, 1))
                yield _note(row, first, end, "tempo_bpm", reach)
    for pattern, least, most in (
        (_NUMBER_UNIT, SLOWEST, FASTEST),
        (_UNIT_NUMBER, SLOWEST, FASTEST),
        (_BARE, 30.0, 260.0),
    ):
        for match, first, end in row.find(pattern):
            if least <= _number(match[1]) <= most:
                yield _note(row, first, end, "tempo_bpm", _number(match[1]))


def _note_values(row: Row) -> Iterator[Finding]:
    """``♩ = 96`` and the like, counted in quarters."""
    for match, first, end in row.find(_NOTE_IS):
        name, dot, low, high = match[1], match[2], match[3], match[4]
        share = 1.0
        if re.search("♪|eighth|quaver|corchea|corxera|croma", name):
            share = 0.5
        if re.search("half|minim$|blanca|bianca", name):
            share = 2.0
        if dot or name.startswith("dotted"):
            share *= 1.5
        tempos = [_number(t) * share for t in (low, high) if t]
        if _believable(*tempos):
            value = tempos[0] if len(tempos) == 1 else (min(tempos), max(tempos))
            yield _note(row, first, end, "tempo_bpm", value)


def _is_meter(beats: str, kind: str) -> bool:
    try:
        meter_ticks(f"{beats}/{kind}")
    except ValueError:
        return False
    return int(beats) > 1


def _meters(row: Row) -> Iterator[Finding]:
    for pattern in (_SLASH, _CROSS, _TIMED):
        for match, first, end in row.find(pattern):
            if _is_meter(match[1], match[2]):
                yield _note(row, first, end, "meter", f"{match[1]}/{match[2]}")
    for match, first, end in row.find(_QUARTERS):
        kind = "4" if match[2] else "8"
        if _is_meter(match[1], kind):
            yield _note(row, first, end, "meter", f"{match[1]}/{kind}")
    yield from _spoken_meters(row)
    for match, first, end in row.find(_BEATS_A_BAR):
        yield _note(row, first, end, "meter", f"{match[1]}/4")
    if row.language == "english":
        for match, first, end in row.find(_IN):
            yield _note(row, first, end, "meter", _OF_IN[match[1]])


def _spoken_meters(row: Row) -> Iterator[Finding]:
    """Two number words in a row: six-eight, three four."""
    for n in range(len(row.words) - 1):
        beats, kind = row.words[n], row.words[n + 1]
        spoken = beats.is_number and kind.is_number and not (beats.raw + kind.raw)[0].isdigit()
        free = n not in row.used and n + 1 not in row.used
        if not (spoken and free and kind.plain in ("2", "4", "8", "16")):
            continue
        if row.plain(n + 2) in ("bar", "bars", "measure", "part", "voice", "bpm"):
            continue
        if _is_meter(beats.plain, kind.plain):
            yield _note(row, n, n + 2, "meter", f"{beats.plain}/{kind.plain}")


def _voices(row: Row) -> Iterator[Finding]:
    for match, first, end in row.find(_VOICES):
        number = int(match[1])
        if not 1 <= number <= 40:
            continue
        value = "monophonic" if number == 1 else "thin" if number == 2 else "full"
        # "Four voices" also says who sounds; that is for the lexicon of instruments to ignore.
        yield _note(row, first, end, "polyphony", value)
