"""What a sentence asks to be done with the composed piece: harmonise it, arrange it.

A small matcher in English, Spanish, Italian and Catalan.  What it finds is taken out of the
sentence before a piece is composed from it: "arranged for string quartet" says who plays in the
end, not what the piece is composed for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from partimento.music.ensembles import ensemble_named
from partimento.tasks.text2midi.parsing import parse
from partimento.tasks.text2midi.words import unaccented

_HARMONISE = re.compile(
    r"\b(?:re|ri)?(?:"
    # English
    r"harmoni[sz](?:ed|e)\b(?:\s+(?:it|the melody|its melody|the tune))?"
    r"(?:\s+(?:in|for|with|into|as)\s+(?:an?\s+)?(?:four|4|satb)(?:[\s-]+(?:parts?|voices?))?"
    r"(?:\s+(?:harmony|chorale|choir))?)?(?:\s+(?:as|like|into)\s+a\s+(?:bach\s+)?chorale)?"
    # Spanish, Italian, Catalan
    r"|h?armoni[tz]+a(?:d[oa]|t[oa]?|r|re|l[oa]|da)?\b(?:\s+(?:la melodia))?"
    r"(?:\s+(?:a|en|in|per a)\s+(?:cuatro|quattro|quatre|4)\s+(?:voces|partes|voci|parti|veus))?"
    r"(?:\s+(?:como|come|com)\s+(?:a\s+)?(?:un\s+)?corale?)?"
    r")\b"
    r"|\b(?:as|into|with)\s+a\s+(?:four[\s-]part\s+|bach\s+)?chorale(?:\s+(?:setting|harmony))?\b"
    r"|\bin\s+(?:four|4)[\s-]part\s+harmony\b"
    r"|\b(?:como|come|com)\s+(?:a\s+)?un\s+corale?\b|\b(?:en|in)\s+forma\s+(?:de|di)\s+corale?\b"
)
_VERB = (
    r"\b(?:(?:arranged?|arrange it|an arrangement|orchestrated|transcribed)\s+for"
    r"|(?:arreglad[oa]|arreglo|arreglal[oa]|orquestad[oa]|transcrit[oa])\s+para"
    r"|(?:arrangiat[oa]|arrangiamento|orchestrat[oa]|trascritt[oa])\s+per"
    r"|(?:arranjat|arranjada|arranjament|orquestra(?:t|da)|transcrit[a]?)\s+per(?:\s+a)?)"
    r"\s+(?:(?:an?|the|un|una|uno|il)\s+|un'\s*)?"
)
_FOUR = r"(?:quartet(?:to)?|cuarteto)"
_NAMES: dict[str, str] = {
    "string quartet": rf"string quartet|{_FOUR} (?:d[ei] |d')?(?:cuerdas?|archi|cordes?|corda)"
    r"|quartet of strings|strings|cuerdas|archi|cordes",
    "brass quartet": rf"brass quartet|{_FOUR} d[ei] (?:metales|metal|ottoni|metalls?)"
    r"|brass|metales|ottoni|metalls",
    "saxophone quartet": rf"sax(?:ophone)? quartet|{_FOUR} d[ei] (?:saxof\w+|saxos|sassofoni|sax)",
    "wind quartet": rf"(?:wood)?wind quartet|{_FOUR} d[ei] "
    r"(?:vientos?(?: madera)?|maderas|fiati|legni|vent|fusta)"
    r"|woodwinds?|winds|maderas|fiati|legni",
    "choir": r"(?:mixed |four-part |satb )?(?:choir|chorus)|(?:coro|cor)(?: mixto| misto| mixt)?\b",
    "organ": r"organ|organo|orgue",
    "harpsichord": r"harpsichord|clavicembalo|clavecin|clavicembal",
    "keyboard": r"keyboard|(?:solo )?piano|pianoforte|teclado|tastiera|teclat",
}
_ARRANGE = re.compile(
    _VERB
    + "(?:"
    + "|".join(f"(?P<{name.replace(' ', '_')}>{words})" for name, words in _NAMES.items())
    + r")\b"
)
_AND = re.compile(r"\s+(?:and|y|e|i|&)\s+(?:(?:an?|un|una|uno)\s+)?(\w+)")
_DENIED = re.compile(
    r"\b(?:not?|never|without|don't|dont|sin|senza|sense|non)\s+"
    r"(?:(?:being|be|to be|any|an?|ser|estar|essere)\s+)?$"
)
_JOINT = r"(?:and|then|y|e|i|luego|poi|after that|despues|finally)"
_LOOSE = re.compile(rf"(?:[\s,;:-]|\b{_JOINT}\b)+$", re.IGNORECASE)
_LOOSE_START = re.compile(rf"^(?:[\s,;:.-]|\b{_JOINT}\b)+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """One wish with the words that state it; no words where an option does."""

    what: str
    value: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is to become of the piece.

    ``text`` is the whole sentence, ``about`` the part of it that describes the piece.
    """

    text: str
    about: str
    harmonize: bool
    ensemble: str | None
    asked: tuple[Asked, ...]

    def report(self) -> list[dict[str, str]]:
        """For JSON: what was asked of the finished piece, and by which words."""
        return [{"what": a.what, "value": a.value, "words": a.words} for a in self.asked]


def wishes_of(text: str, harmonize: bool = False, arrange: str | None = None) -> Wishes:
    """The wishes of a sentence and of two options; an ensemble that is an option comes first.

    Raises ConfigError for an unknown ensemble.

    >>> found = wishes_of("A gavotte in G, harmonised in four parts and arranged for brass")
    >>> found.about, found.harmonize, found.ensemble
    ('A gavotte in G', True, 'brass quartet')
    """
    named = None if arrange is None else ensemble_named(arrange).name
    plain = unaccented(text).replace("\u2019", "'")
    spans: list[tuple[int, int]] = []
    asked: list[Asked] = []
    for match in _allowed(_ARRANGE, plain):
        if _goes_on(plain, match.end()):
            continue
        spans.append(match.span())
        name = str(match.lastgroup).replace("_", " ")
        words = text[match.start() : match.end()]
        if named is None:
            named = name
            asked.append(Asked("arrange", name, words))
    for match in _allowed(_HARMONISE, plain):
        spans.append(match.span())
        asked.append(Asked("harmonise", "four parts", text[match.start() : match.end()]))
    if harmonize and not any(a.what == "harmonise" for a in asked):
        asked.append(Asked("harmonise", "four parts"))
    if named is not None and not any(a.what == "arrange" for a in asked):
        asked.append(Asked("arrange", named))
    in_parts = any(a.what == "harmonise" for a in asked)
    return Wishes(text, _without(text, spans), in_parts, named, tuple(asked))


def _allowed(pattern: re.Pattern[str], plain: str) -> Iterator[re.Match[str]]:
    """Matches that no word before them denies."""
    for match in pattern.finditer(plain):
        if not _DENIED.search(plain[: match.start()]):
            yield match


def _goes_on(plain: str, end: int) -> bool:
    """Whether what was taken for an ensemble is one of several instruments: piano and cello.

    These describe the piece; what is left of the phrase would not.
    """
    following = _AND.match(plain, end)
    return following is not None and bool(parse(following[1]).attributes.instruments)


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    """The text without some stretches, and without the commas and joints that they leave."""
    pieces, at = [], 0
    for start, end in sorted(spans):
        if start >= at:
            pieces.append(_LOOSE.sub("", text[at:start]))
            at = end
    rest = text[at:]
    if not spans:
        return text
    if pieces and not pieces[0].strip():
        rest = _LOOSE_START.sub("", rest)
    found = " ".join("".join([*[p + " " for p in pieces], rest]).split())
    found = re.sub(r"\s+([,.;:!?])", r"\1", found)
    return found if re.search(r"\w", found) else ""
