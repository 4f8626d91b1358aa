"""How words are written down for the parser, and the words that need no language.

An entry maps effects to phrases.  Effects: ``valence=low; mode~minor``, where ``=`` is what the
words say and ``~`` what they only imply.  Phrases: separated by commas, small letters without
accents; ``lent(o|a|i|e)`` stands for its four forms.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

LANGUAGES: tuple[str, ...] = ("english", "italian", "spanish", "catalan")


@dataclass(frozen=True, slots=True)
class Effect:
    """What a phrase does to one attribute; ``said`` is false for a mere implication."""

    attribute: str
    value: str
    said: bool


@dataclass(frozen=True, slots=True)
class WordTable:
    """The words of one language.

    ``entries``: effects -> phrases.  ``negators`` turn what follows around; ``after_negator`` may
    stand between a negator and what it negates; ``very``, ``too``, ``less`` and ``mild`` are words
    of degree.  ``function_words`` vote for the language; ``ordinary`` words mean nothing to us and
    are no misspellings.
    """

    entries: Mapping[str, str]
    negators: tuple[str, ...]
    after_negator: frozenset[str]
    very: frozenset[str]
    too: frozenset[str]
    less: frozenset[str]
    mild: frozenset[str]
    function_words: frozenset[str]
    ordinary: frozenset[str] = field(default_factory=frozenset)


def word_set(words: str) -> frozenset[str]:
    """The words of a string, separated by white space."""
    return frozenset(words.split())


def effects_of(text: str) -> tuple[Effect, ...]:
    """Effects written as ``valence=low; mode~minor``; raises ValueError for another form."""
    found = []
    for part in text.split(";"):
        match = re.fullmatch(r"\s*(\w+)([=~])(.+?)\s*", part)
        if match is None:
            raise ValueError(f"{part!r} is no effect")
        found.append(Effect(match[1], match[3], match[2] == "="))
    return tuple(found)


def phrase_forms(text: str) -> list[str]:
    """All forms of one phrase.

    >>> phrase_forms("vals(es|)")
    ['valses', 'vals']
    """
    pieces = re.split(r"\(([^)]*)\)", text.strip())
    choices = [p.split("|") if n % 2 else [p] for n, p in enumerate(pieces)]
    return ["".join(form) for form in itertools.product(*choices)]


def english_plural(word: str) -> str:
    """The regular plural.

    >>> english_plural("waltz"), english_plural("lullaby"), english_plural("flute")
    ('waltzes', 'lullabies', 'flutes')
    """
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


Phrases = dict[tuple[str, ...], tuple[Effect, ...]]


def compile_entries(entries: Mapping[str, str], *, plurals: bool = False) -> Phrases:
    """Phrases as tuples of words -> effects; with English plurals of instruments and styles."""
    table: Phrases = {}
    for key, phrases in entries.items():
        effects = effects_of(key)
        countable = plurals and effects[0].attribute in ("instruments", "style")
        for phrase in phrases.split(","):
            for form in phrase_forms(phrase):
                words = tuple(form.split())
                if not words:
                    continue
                table.setdefault(words, effects)
                if countable:
                    table.setdefault((*words[:-1], english_plural(words[-1])), effects)
    return table


INTERNATIONAL: Mapping[str, str] = {
    # Tempo marks, by the middle of their usual metronome numbers.
    "tempo_word=very slow": "largo, larghissimo, grave, lentissimo, adagissimo",
    "tempo_word=slow": "adagio, lento, larghetto, adagietto, andante lento, sostenuto",
    "tempo_word=moderate": "andante, andantino, moderato, allegretto, con moto, andante con moto,"
    " allegro moderato, moderato assai, mid tempo, midtempo",
    "tempo_word=fast": "allegro, vivace, vivo, allegro vivace, allegro molto, allegro con brio,"
    " con brio, allegro assai, molto allegro, molto vivace",
    "tempo_word=very fast": "presto, prestissimo, vivacissimo, allegrissimo",
    "arousal=high; tempo_word~fast": "con fuoco, agitato, animato",
    "valence=low; mode~minor": "doloroso, mesto, lacrimoso",
    "dynamics=soft": "pianissimo, mezzo piano, sotto voce, sottovoce, pp, ppp, mp, piano piano,"
    " sempre piano, molto piano, dynamic piano, dynamics piano, piano dynamic, piano dynamics,"
    " sempre pianissimo, con sordino",
    "dynamics=medium": "mezzo forte, mezzoforte, mf",
    "dynamics=loud": "forte, fortissimo, ff, fff, molto forte, sempre forte, tutta forza",
    "articulation=staccato": "staccato, staccatissimo, pizzicato, spiccato, martellato, secco,"
    " stacato, stacatto",
    "articulation=legato": "legato, legatissimo, cantabile, molto legato",
    "meter=2/2": "alla breve, c |, 𝄵",
    "meter=4/4": "c meter, 𝄴",
    "style=jig; meter~6/8; tempo_word~fast": "jig, jigs, gigue, gigues, double jig, single jig",
    "style=slip jig; meter~9/8; tempo_word~fast": "slip jig, slip jigs, slipjig, slipjigs",
    "style=reel; meter~4/4; tempo_word~fast": "reel, reels",
    "style=hornpipe; meter~4/4": "hornpipe, hornpipes",
    "style=strathspey; meter~4/4": "strathspey, strathspeys",
    "style=highland fling": "highland fling, highland flings",
    "style=ragtime": "ragtime, rag time, rags, ragtimes, joplin",
    "style=baroque": "bach, vivaldi, handel, haendel, telemann, purcell, scarlatti, corelli,"
    " couperin, rameau, buxtehude, pachelbel, bach style",
    "style=classical": "mozart, haydn, beethoven, clementi",
    "style=romantic": "chopin, schubert, schumann, brahms, mendelssohn, tchaikovsky, chaikovski,"
    " liszt, grieg, dvorak, tarrega",
    "style=modern": "debussy, satie, bartok, stravinsky, ravel, shostakovich, prokofiev, messiaen",
    "style=renaissance": "palestrina, dowland, josquin, monteverdi, byrd",
    "meter~6/8": "barcarolle, barcarola, siciliana, siciliano, sicilienne",
    "meter~6/8; tempo_word~fast": "tarantella, tarantelles",
    "meter~3/4": "mazurka, mazurkas, sarabande, sarabanda, polonaise, bolero, chaconne",
    "instruments=koto": "koto",
    "instruments=shamisen": "shamisen",
    "instruments=sitar": "sitar",
    "instruments=banjo": "banjo",
    "instruments=bells": "marimba, celesta, glockenspiel, vibraphone, xylophone, carillon",
}
"""Terms used in every language: musicians' Italian, names of dances and composers."""


@cache
def phrases_of(language: str) -> Phrases:
    """The phrases of a language and the international ones; raises ValueError if unknown."""
    from partimento.tasks.text2midi.number_words import number_phrases

    numbers = number_phrases(language)
    table = table_of(language)
    own = compile_entries(table.entries, plurals=language == "english")
    # In the row of words that is searched, number words are digits already.
    return {
        tuple(str(numbers.get((word,), word)) for word in phrase): effects
        for phrase, effects in {**compile_entries(INTERNATIONAL), **own}.items()
    }


@cache
def phrases_by_head(language: str) -> dict[str, list[tuple[tuple[str, ...], tuple[Effect, ...]]]]:
    """First word -> the phrases that begin with it and their effects, the longest first."""
    heads: dict[str, list[tuple[tuple[str, ...], tuple[Effect, ...]]]] = {}
    for phrase, effects in phrases_of(language).items():
        heads.setdefault(phrase[0], []).append((phrase, effects))
    for choices in heads.values():
        choices.sort(key=lambda choice: -len(choice[0]))
    return heads


@cache
def table_of(language: str) -> WordTable:
    """The words of a language; raises ValueError for one of which there are none."""
    if language == "english":
        from partimento.tasks.text2midi.lexicon_english import ENGLISH as table
    elif language == "italian":
        from partimento.tasks.text2midi.lexicon_italian import ITALIAN as table
    elif language == "spanish":
        from partimento.tasks.text2midi.lexicon_spanish import SPANISH as table
    elif language == "catalan":
        from partimento.tasks.text2midi.lexicon_catalan import CATALAN as table
    else:
        raise ValueError(f"{language!r} is none of {', '.join(LANGUAGES)}")
    return table


@cache
def vocabulary(language: str) -> frozenset[str]:
    """All words in the phrases of a language alone, without the international ones."""
    table = compile_entries(table_of(language).entries, plurals=language == "english")
    return frozenset(word for phrase in table for word in phrase)
