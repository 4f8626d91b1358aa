"""A text as a row of plain words that remember where they came from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from partimento.tasks.text2midi.lexicon import LANGUAGES, table_of, vocabulary
from partimento.tasks.text2midi.number_words import number_phrases

STOPS = frozenset(".;:!?\n()")
"""Where a clause ends for good; a comma is softer."""

_WORD = re.compile(
    r"\d+(?:\.\d+)?"
    r"|[a-z]+(?:·[a-z]+)*(?:['\u2019](?:s|d|ll|re|ve|m|t)\b)?"
    r"|\n|\S"
)

_QUOTES = "'\"\u2019\u2018\u201c\u201d«»*_`"
_LETTERS = {"italian": "àòù", "spanish": "ñ¿¡áíóú", "catalan": "çàòï·"}
_DASHES = "\u2010\u2011\u2012\u2013\u2014"
_SIGNS = {"¾": ("3", "/", "4"), "→": ("-",), "½": ("1", "/", "2")}


@dataclass(frozen=True, slots=True)
class Word:
    """A word, number or sign: ``plain`` has small letters without accents.

    ``start`` and ``end`` are places in the text, whose own letters are ``raw``.
    """

    plain: str
    raw: str
    start: int
    end: int

    @property
    def is_number(self) -> bool:
        """Whether it is a number, in digits or (``raw``) in words."""
        return self.plain[0].isdecimal()


def unaccented(text: str) -> str:
    """Small letters without accents, place by place."""
    letters = []
    for letter in text:
        plain = unicodedata.normalize("NFD", letter)[0].lower()
        letters.append(plain if len(plain) == 1 else letter)
    return "".join(letters)


def split_words(text: str) -> list[Word]:
    """Words, numbers and signs of a text; English endings after an apostrophe are dropped.

    >>> [w.plain for w in split_words("Don’t rush: F#m, l'arpa!")]
    ['dont', 'rush', ':', 'f', '#', 'm', ',', 'l', "'", 'arpa', '!']
    """
    flat = unaccented(text)
    words = []
    for match in _WORD.finditer(flat):
        plain = match.group().replace("·", "")
        plain = "-" if plain in _DASHES else plain
        head, _, tail = plain.replace("\u2019", "'").partition("'")
        if head and tail:
            plain = head + "t" if tail == "t" else head
        raw = text[match.start() : match.end()]
        for part in _SIGNS.get(plain, (plain,)):
            words.append(Word(part, raw, match.start(), match.end()))
    return words


@lru_cache(maxsize=4096)
def word_weights(word: str) -> Mapping[str, float]:
    """Languages that know a word, with the weight of its vote."""
    weights = {}
    for language in LANGUAGES:
        common = word in table_of(language).function_words
        known = word in vocabulary(language)
        if common or known:
            weights[language] = 1.5 * common + known
    return weights


def detect_language(words: list[Word]) -> str:
    """The language with most votes: function words count more than words of the lexicon."""
    # "D" is a key before it is an elided article, "E" before it is an Italian "and".
    heard = [
        w.plain
        for n, w in enumerate(words)
        if (
            w.plain not in {"d", "l"}
            or (n + 1 < len(words) and words[n + 1].plain in {"'", "\u2019"})
        )
        and (w.raw == "A" or not (len(w.raw) == 1 and w.raw.isupper()))
    ]
    votes = dict.fromkeys(LANGUAGES, 0.0)
    for word in heard:
        weights = word_weights(word)
        for language, weight in weights.items():
            # A word of three languages says little about which it is.
            votes[language] += weight / len(weights)
    letters = set("".join(w.raw for w in words).lower())
    for language, signs in _LETTERS.items():
        votes[language] += len(letters & set(signs))
    return max(LANGUAGES, key=votes.__getitem__)


def merge_numbers(words: list[Word], language: str) -> list[Word]:
    """The row with number words as one number each, and signs between words left out.

    A hyphen that joins words goes, one between digits or among spaces stays.
    """
    phrases = number_phrases(language)
    longest = max(len(p) for p in phrases)
    row = [w for n, w in enumerate(words) if not _is_joint(words, n)]
    merged: list[Word] = []
    n = 0
    while n < len(row):
        for length in range(min(longest, len(row) - n), 0, -1):
            part = row[n : n + length]
            number = phrases.get(tuple(w.plain for w in part))
            if number is not None:
                raw = " ".join(w.raw for w in part)
                merged.append(Word(str(number), raw, part[0].start, part[-1].end))
                n += length
                break
        else:
            merged.append(row[n])
            n += 1
    return merged


def _is_joint(words: list[Word], n: int) -> bool:
    sign = words[n].plain
    if sign in _QUOTES:
        return True
    if sign == "-":
        before = words[n - 1] if n else None
        after = words[n + 1] if n + 1 < len(words) else None
        digits = before is not None and before.is_number and after is not None and after.is_number
        tight = (
            before is not None
            and after is not None
            and before.end == words[n].start
            and after.start == words[n].end
        )
        return not digits and tight
    return False


@dataclass(slots=True)
class Row:
    """A row of words to search: patterns run over ``line``, the plain words with single spaces.

    ``used`` holds the places of the words that were understood.
    """

    text: str
    language: str
    words: list[Word]
    used: set[int] = field(default_factory=set)
    line: str = ""
    _place: dict[int, int] = field(default_factory=dict)
    _end: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.line = " ".join(w.plain for w in self.words)
        at = 0
        for n, word in enumerate(self.words):
            self._place[at] = n
            self._end[at + len(word.plain)] = n
            at += len(word.plain) + 1

    def plain(self, n: int) -> str:
        """The word at a place, or an empty string outside the row."""
        return self.words[n].plain if 0 <= n < len(self.words) else ""

    def find(self, pattern: re.Pattern[str]) -> Iterator[tuple[re.Match[str], int, int]]:
        """Matches among unused words, with the places of the first word and after the last."""
        for match in pattern.finditer(self.line):
            first, last = self._place.get(match.start()), self._end.get(match.end())
            if first is None or last is None or self.used & set(range(first, last + 1)):
                continue
            yield match, first, last + 1

    def take(self, first: int, end: int) -> None:
        """Mark words as understood."""
        self.used.update(range(first, end))

    def span(self, first: int, end: int) -> tuple[int, int]:
        """Start and end in the text of the words from ``first`` to before ``end``."""
        return self.words[first].start, self.words[end - 1].end

    def ends_at(self, n: int) -> bool:
        """Whether the row, or a clause, ends before the word at ``n``."""
        return n >= len(self.words) or self.plain(n) in STOPS or self.plain(n) in {",", "-", "/"}


def read_row(text: str, language: str | None = None) -> Row:
    """The row of a text; the language is detected unless given.  ValueError for an unknown one."""
    words = split_words(text)
    spoken = language or detect_language(words)
    if spoken not in LANGUAGES:
        raise ValueError(f"{spoken!r} is none of {', '.join(LANGUAGES)}")
    return Row(text, spoken, merge_numbers(words, spoken))
