"""Misspelt long words, put right by small edit distance."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, lru_cache

from partimento.tasks.text2midi.lexicon import LANGUAGES, phrases_of, table_of, vocabulary
from partimento.tasks.text2midi.tonality import KEY_WORDS
from partimento.tasks.text2midi.words import Row

SHORTEST = 6


def edit_distance(one: str, other: str, most: int) -> int:
    """Optimal string alignment distance (Damerau 1964), or ``most + 1`` if above ``most``."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        row = [i]
        for j, b in enumerate(other, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
        before, last = last, row
    return last[-1]


@cache
def _targets(language: str) -> tuple[str, ...]:
    """Long words that are phrases by themselves and mean something."""
    phrases = phrases_of(language).items()
    return tuple(
        words[0]
        for words, effects in phrases
        if len(words) == 1 and len(words[0]) >= SHORTEST and effects[0].attribute != "nothing"
    )


@cache
def _known() -> frozenset[str]:
    """Every word that some language writes so."""
    words: set[str] = set()
    for language in LANGUAGES:
        table = table_of(language)
        words |= vocabulary(language) | table.function_words | table.ordinary | table.after_negator
        words |= (
            KEY_WORDS
            | table.very
            | table.too
            | {w for phrase in phrases_of(language) for w in phrase}
        )
    return frozenset(words)


@lru_cache(maxsize=4096)
def corrected(word: str, language: str) -> str | None:
    """The word of the lexicon that a long unknown word must mean, None if there is none.

    One letter may be wrong, two from nine letters on; the first is right.  Six letters allow
    no replaced letter: too many English words are neighbours.
    """
    if len(word) < SHORTEST or not word.isalpha() or word in _known():
        return None
    most = 1 if len(word) < 9 else 2
    best: list[tuple[int, str]] = []
    for target in _targets(language):
        if target[0] != word[0]:
            continue
        if len(word) == SHORTEST == len(target) and sorted(word) != sorted(target):
            continue
        # A plural or another ending is a form of another word, no slip.
        distance = edit_distance(word, target, most)
        if distance <= most:
            best.append((distance, target))
    return min(best)[1] if best else None


def put_right(row: Row) -> None:
    """Replace misspelt words of a row by what they must mean; their places in the text stay."""
    words = [
        word
        if (better := corrected(word.plain, row.language)) is None
        else replace(word, plain=better)
        for word in row.words
    ]
    if words != row.words:
        row.words = words
        row.__post_init__()
