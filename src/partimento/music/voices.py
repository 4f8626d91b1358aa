"""Which line of a score is the soprano, alto, tenor or bass: by name, by words, by height."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from partimento.core.errors import MusicError
from partimento.music.grid import VOICE_LONG_NAMES, VOICE_NAMES, VOICES
from partimento.music.lines import Line

SOPRANO, ALTO, TENOR, BASS = range(VOICES)
CENTRES: tuple[int, ...] = (70, 65, 59, 51)
"""Usual mean pitch of soprano, alto, tenor and bass (MIDI; rounded means of Bach's chorales)."""

_VOICE_WORDS = (
    "s sop soprano sopran soprani sopraan cantus canto discantus discant treble melody melodie",
    "a alto alt alti altus contralto",
    "t ten tenor tenore tenori tenors",
    "b bas bass basso bassi bassus basse baritone bariton",
)
_GROUP_WORDS = {"women": (0, 1), "frauen": (0, 1), "men": (2, 3), "männer": (2, 3)}
_INSTRUMENT = re.compile(
    r"\b(sax\w*|clarinet\w*|flutes?|trombones?|guitars?|drums?\w*|percussion|recorders?|horns?|"
    r"violins?|violas?|viol|violon\w*|cellos?|tubas?|trumpets?|organ\w*|orgel|piano\w*|klavier|"
    r"harps?\w*|bassoons?|contrabass|strings?|continuo|oboes?|synth\w*|keyboards?|accomp\w*|"
    r"celesta|marimba|vibraphone|choir pad|voice pad)\b",
    re.IGNORECASE,
)
_WORDS = {
    word: (voice,) for voice, words in enumerate(_VOICE_WORDS) for word in words.split()
} | _GROUP_WORDS


def named_voices(name: str) -> tuple[int, ...]:
    """Voices that a part's name states, from top to bottom; empty for an instrument.

    >>> named_voices("Soprano 1"), named_voices("S.A."), named_voices("Alto Sax")
    ((0,), (0, 1), ())
    """
    if _INSTRUMENT.search(name):
        return ()
    found: set[int] = set()
    words = re.findall(r"[^\W\d_]+", name.lower())
    letters_only = all(len(word) == 1 for word in words)
    for word in words:
        if word in _WORDS and (letters_only or len(word) > 1):
            found |= set(_WORDS[word])
        elif word in ("sa", "tb", "satb", "sat", "atb"):
            found |= {"satb".index(letter) for letter in word}
    return tuple(sorted(found))


def is_instrument(name: str) -> bool:
    """Whether a part's name is that of an instrument."""
    return _INSTRUMENT.search(name) is not None


def parse_voices(text: str) -> tuple[int, ...]:
    """Voices of an option such as ``S``, ``SB``, ``s,b`` or ``soprano bass``.

    Raises MusicError for anything else.
    """
    found: list[int] = []
    for word in re.split(r"[\s,+/]+", text.strip()):
        letters = word.upper()
        whole = [i for i, n in enumerate(VOICE_LONG_NAMES) if n.upper() == letters]
        if whole:
            found += whole
        elif all(letter in VOICE_NAMES for letter in letters):
            found += [VOICE_NAMES.index(letter) for letter in letters]
        else:
            raise MusicError(
                f"{word!r} names no voice",
                where="--voices",
                fix="Use the letters S, A, T and B, for example --voices S or --voices SB",
            )
    return tuple(sorted(set(found)))


@dataclass(frozen=True)
class Assignment:
    """The line of each voice that has one, and the lines that are none."""

    lines: dict[int, Line]
    dropped: tuple[Line, ...]


def assign_voices(lines: Sequence[Line], wanted: Sequence[int] = ()) -> Assignment:
    """Give lines to voices.

    ``wanted`` are voices the user says are there: with exactly as many lines they are theirs,
    from top to bottom.  Otherwise names decide; lines with other names fill up when all fit;
    instruments and lines beyond four are dropped, lines with words kept first.  Unnamed lines go
    by height.  A single line without a name is the soprano, and so is the highest of several
    unless ``wanted`` says otherwise.

    Raises MusicError when there are fewer lines than wanted voices.
    """
    if not lines:
        raise MusicError("there are no notes to work with", fix="Give at least one note")
    if len(lines) < len(wanted):
        raise _too_few(lines, wanted)
    named = _by_name(lines)
    if wanted and len(lines) == len(wanted) and set(named) != set(wanted):
        return Assignment(dict(zip(wanted, _by_height(lines), strict=True)), ())
    rest = [line for line in lines if line not in named.values()]
    if named:
        rest = [x for x in rest if not named_voices(x.part.name) and not is_instrument(x.part.name)]
        if len(named) + len(rest) <= VOICES:
            named |= _fit(rest, [v for v in range(VOICES) if v not in named], ())
    else:
        named = _unnamed(rest, wanted)
    missing = [v for v in wanted if v not in named]
    if missing:
        named = _fit(_by_height(lines), range(VOICES), tuple(wanted))
    kept = list(named.values())
    return Assignment(dict(sorted(named.items())), tuple(x for x in lines if x not in kept))


def _too_few(lines: Sequence[Line], wanted: Sequence[int]) -> MusicError:
    names = ", ".join(VOICE_LONG_NAMES[v].lower() for v in wanted)
    held = "one line" if len(lines) == 1 else f"{len(lines)} lines"
    return MusicError(
        f"{len(wanted)} voices are named ({names}) but the score has {held} of notes",
        where="--voices",
        fix="Name only the voices that the score holds",
    )


def _by_height(lines: Sequence[Line]) -> list[Line]:
    """Lines from the highest to the lowest mean pitch; equal ones in reading order."""
    return sorted(lines, key=lambda line: (-round(line.mean_midi, 3), line.order))


def _by_name(lines: Sequence[Line]) -> dict[int, Line]:
    """Lines whose part is named after voices; of two claims the first line wins."""
    found: dict[int, Line] = {}
    for part in dict.fromkeys(line.part for line in lines):
        own = _by_height([line for line in lines if line.part == part])
        for voice, line in zip(named_voices(part.name or part.id), own, strict=False):
            found.setdefault(voice, line)
    return found


def _unnamed(lines: Sequence[Line], wanted: Sequence[int]) -> dict[int, Line]:
    """Voices of lines of which no name says what they are."""
    singers = [line for line in lines if not is_instrument(line.part.name)] or list(lines)
    if len(singers) < len(wanted):
        singers = list(lines)
    with_words = [line for line in singers if line.has_lyrics]
    if len(singers) > VOICES and len(wanted) <= len(with_words) <= VOICES and with_words:
        singers = with_words
    singers = _by_height(singers)
    if len(wanted) == len(singers):
        return dict(zip(wanted, singers, strict=True))
    if not wanted:
        thin = [line for line in singers[1:] if not line.chordal]
        singers = [singers[0], *thin]
    return _fit(singers, range(VOICES), tuple(wanted) or (SOPRANO,))


def _fit(
    lines: Sequence[Line], voices: Sequence[int], required: tuple[int, ...]
) -> dict[int, Line]:
    """Lines (from high to low) for voices, in order, with the least distance from usual heights.

    Short lines cost more, so that of many lines the ones that sing most are taken.
    """
    if not lines:
        return {}
    count = min(len(lines), len(voices))
    longest = max(line.length_quarter for line in lines)
    # Twelve lines keep the search small for orchestral scores.
    pool = _by_height(sorted(lines, key=lambda x: -x.length_quarter)[:12])

    def cost(pairs: Iterable[tuple[int, Line]]) -> float:
        return sum(
            abs(line.mean_midi - CENTRES[v]) + 12 * float(1 - line.length_quarter / longest)
            for v, line in pairs
        )

    options: list[tuple[tuple[int, Line], ...]] = [
        tuple(zip(chosen_voices, chosen_lines, strict=True))
        for chosen_voices in combinations(voices, count)
        if set(required) <= set(chosen_voices)
        for chosen_lines in combinations(pool, count)
    ]
    return dict(min(options, key=cost))
