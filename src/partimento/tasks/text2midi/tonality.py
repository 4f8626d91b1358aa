"""Keys in a text: letters, and the syllables of Italian, Spanish and Catalan."""

from __future__ import annotations

import re
from collections.abc import Iterator

from partimento.music.keys import Key, fifths_place
from partimento.music.score import Mode
from partimento.tasks.text2midi.findings import Finding, finding
from partimento.tasks.text2midi.lexicon import word_set
from partimento.tasks.text2midi.matching import is_negated
from partimento.tasks.text2midi.words import Row

_MINOR = word_set(
    "minor min moll minore menor m aeolian dorian phrygian mineur dorico eolio frigio"
)
_MAJOR = word_set("major maj dur maggiore magg mayor majeur ionian lydian mixolydian")
_SHARP = frozenset({"#", "♯", "sharp", "diesis", "sostenido", "sostingut"})
_FLAT = frozenset({"♭", "flat", "bemolle", "bemol", "bemoll"})
_SYLLABLES = {"do": "C", "re": "D", "mi": "E", "fa": "F", "sol": "G", "la": "A", "si": "B"}
KEY_WORDS = _MINOR | _MAJOR | _SHARP | _FLAT
"""Words that only keys are made of."""
_LEADS = frozenset({"in", "key", "en", "tonalita", "tonalidad", "tonalitat", "tono"})
_FOLLOW = word_set(
    "for with and at on about around played please in tempo lasting by or no without circa but"
    " per con para amb sin senza sense y i e a al de bpm using performed as moderato allegro"
    " adagio andante presto slow slowly fast quick very key featuring to , . ; : ! ? ) ( \n -"
)
_TRANSPOSING = word_set("clarinet horn trumpet sax saxophone cornet bugle whistle")
_MUSIC_NOUNS = word_set(
    "key mode scale tonality chords waltz march jig reel tune melody air hymn song piece mood polka"
    " feel prelude ballad lullaby sounding hornpipe minuet etude study theme sonata tonalita"
)


def ordinary_key(tonic: str, mode: Mode) -> Key:
    """The key, or its twin where it would need more than seven accidentals.

    >>> str(ordinary_key("G#", "major"))
    'Ab major'
    """
    try:
        return Key(tonic, mode)
    except ValueError:
        return Key.from_pitch_class(7 * fifths_place(tonic) % 12, mode)


def find_keys(row: Row) -> list[Finding]:
    """Keys (which say the mode too) and modes said alone; the words are taken from the row."""
    return [*_keys(row), *_modes(row)]


def _keys(row: Row) -> Iterator[Finding]:
    n = 0
    while n < len(row.words):
        read = None if n in row.used else _read_key(row, n)
        if read is None:
            n += 1
            continue
        key, end = read
        first = n - 1 if row.plain(n - 1) == "of" and row.plain(n - 2) == "key" else n
        row.take(first, end)
        if is_negated(row, first):
            yield finding(row, n, end, "key", key.name, "negated")
        else:
            yield finding(row, n, end, "key", key.name, "said")
            yield finding(row, n, end, "mode", key.mode, "said")
        n = end


def _read_key(row: Row, n: int) -> tuple[Key, int] | None:
    """The key that begins at a word and the place after it."""
    tonic, end, sign, short_minor = _read_tonic(row, n)
    if not tonic:
        return None
    if row.plain(end) == "-" and _mode_of(row.plain(end + 1)):
        end += 1
    mode = "minor" if short_minor else _mode_of(row.plain(end))
    if mode and not short_minor:
        if _is_article(row, n, end, sign):
            return None
        end += 1
    elif not (short_minor and _short_allowed(row, n)) and not _alone_allowed(row, n, end, sign):
        return None
    if not mode and end - 1 > n and row.plain(end) in {"key"}:
        end += 1
    return ordinary_key(tonic, mode or "major"), end


def _read_tonic(row: Row, n: int) -> tuple[str, int, bool, bool]:
    """Name, place after it, whether an accidental is there, whether "m" follows at once."""
    word = row.plain(n)
    if row.language != "english" and word in _SYLLABLES:
        name, end, minor = _SYLLABLES[word], n + 1, False
    else:
        match = re.fullmatch(r"([a-g])(b?)(m?)", word)
        if match is None:
            return "", n, False, False
        name, end, minor = match[1].upper(), n + 1, bool(match[3])
        if match[2]:
            return name + "b", end, True, minor
    after = end + 1 if row.plain(end) == "-" else end
    for signs, letter in ((_SHARP, "#"), (_FLAT, "b")):
        if not minor and row.plain(after) in signs:
            short = row.plain(after + 1) == "m"
            return name + letter, after + 1 + short, True, short
    return name, end, False, minor


def _mode_of(word: str) -> Mode | None:
    return "minor" if word in _MINOR else "major" if word in _MAJOR else None


def _is_article(row: Row, n: int, end: int, sign: bool) -> bool:
    """Whether "a" before "minor" is the English article: "a minor key", "A minor waltz"."""
    if row.plain(n) != "a" or sign or row.language != "english":
        # "La menor" is a key in Spanish only where it stands as one.
        return False
    following = row.plain(end + 1)
    noun = following not in _FOLLOW and not row.ends_at(end + 1)
    if following == "key":
        noun = True
    opening = n == 0 or row.plain(n - 1) in {".", "!", "?"}
    capital = row.words[n].raw == "A" and not opening
    return noun and not capital


def _short_allowed(row: Row, n: int) -> bool:
    """Whether "Am" or "F#m" is a key: a capital letter, or "in" before it."""
    raw = row.words[n].raw
    if row.plain(n - 1) == "i":
        return False
    return raw[0].isupper() or row.plain(n - 1) in _LEADS or row.plain(n + 1) in _SHARP


def _alone_allowed(row: Row, n: int, end: int, sign: bool) -> bool:
    """Whether a tonic without a mode is a key: "in B flat", "key of C", "in G."."""
    word, before = row.plain(n), row.plain(n - 1)
    if word in _SYLLABLES and not sign and word in {"la", "si", "mi", "do", "fa"}:
        return False
    of_key = before in {"key", "tonalita", "tonalidad", "tonalitat"} or (
        before in {"of", ":", "di", "de"}
        and row.plain(n - 2) in {"key", "tonalita", "tonalidad", "tonalitat", "tono"}
    )
    ended = row.ends_at(end) or row.plain(end) in _FOLLOW or row.words[end].is_number
    if of_key:
        return ended or row.words[n].raw.isupper()
    if before == "in" and row.plain(n - 2) in _TRANSPOSING:
        return False
    if before in {"in", "en"}:
        if sign:
            return True
        letter = row.words[n].raw
        return ended and (letter.isupper() or word not in {"a", "e"})
    return sign and ended and row.words[n].raw[0].isupper() and (n == 0 or row.ends_at(n - 1))


def _modes(row: Row) -> Iterator[Finding]:
    """The words minor and major where no tonic goes before."""
    for n, word in enumerate(row.words):
        mode = _mode_of(word.plain)
        if n in row.used or mode is None or len(word.plain) < 5:
            continue
        following = row.plain(n + 1)
        if row.ends_at(n + 1) or following in _MUSIC_NOUNS or following in {"and", "with", "for"}:
            negated = is_negated(row, n)
            end = n + 2 if following in {"key", "mode", "scale", "tonality"} else n + 1
            row.take(n, end)
            yield finding(row, n, end, "mode", mode, "negated" if negated else "said")
