"""Rules about one voice (leaps, range) and about how the voices lie together (order, spacing)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from partimento.music import theory
from partimento.music.grid import VOICE_RANGES
from partimento.music.score import Note, Spelling
from partimento.music.textbook import VoiceLeadingFinding
from partimento.music.texture import Texture, Voice, name_of
from partimento.music.voices import BASS, TENOR

_OCTAVE = 12
_SEVENTH_STEPS = 6


def check_lines(texture: Texture) -> Iterator[VoiceLeadingFinding]:
    """Crossing, spacing, range and leaps."""
    for upper in range(len(texture.voices) - 1):
        yield from _order(texture, upper)
        yield from _spacing(texture, upper)
    for place, voice in enumerate(texture.voices):
        yield from _range(texture, place, voice)
        yield from _leaps(texture, place, voice)


def _stretches(
    texture: Texture, upper: int, wrong: Callable[[Note, Note], bool]
) -> Iterator[tuple[Note, Note]]:
    """The first pair of notes of every stretch of time in which neighbours lie wrong."""
    inside = False
    for moment in texture.slices:
        high, low = moment.notes[upper], moment.notes[upper + 1]
        now = high is not None and low is not None and wrong(high, low)
        if now and not inside and high is not None and low is not None:
            yield high, low
        inside = now


def _order(texture: Texture, upper: int) -> Iterator[VoiceLeadingFinding]:
    names = [texture.voices[upper].name, texture.voices[upper + 1].name]
    for high, low in _stretches(texture, upper, lambda a, b: a.midi < b.midi):
        message = f"{names[1]} ({name_of(low)}) is above the {names[0]} ({name_of(high)})"
        time = max(high.onset_quarter, low.onset_quarter)
        yield texture.finding("voice-crossing", time, (upper, upper + 1), message)


def _spacing(texture: Texture, upper: int) -> Iterator[VoiceLeadingFinding]:
    """Between tenor and bass, and in settings that are no choir, any distance will do."""
    pair = texture.voices[upper : upper + 2]
    if not all(v.choral for v in pair) or pair[1].index == BASS:
        return
    if pair[1].index - pair[0].index != 1:
        return
    for high, low in _stretches(texture, upper, lambda a, b: a.midi - b.midi > _OCTAVE):
        message = (
            f"{pair[0].name} ({name_of(high)}) and {pair[1].name} ({name_of(low)}) "
            "are more than an octave apart"
        )
        time = max(high.onset_quarter, low.onset_quarter)
        yield texture.finding("spacing", time, (upper, upper + 1), message)


def _range(texture: Texture, place: int, voice: Voice) -> Iterator[VoiceLeadingFinding]:
    """One finding per run of notes beyond the same end of the range."""
    if not voice.choral:
        return
    low, high = VOICE_RANGES[voice.index]
    before = 0
    for note in voice.notes:
        side = (note.midi > high) - (note.midi < low)
        if side and side != before:
            where = "above" if side > 0 else "below"
            message = f"{name_of(note)} is {where} the range of the {voice.name}"
            yield texture.finding("range", note.onset_quarter, (place,), message)
        before = side


def _leaps(texture: Texture, place: int, voice: Voice) -> Iterator[VoiceLeadingFinding]:
    """Leaps inside a phrase; a rest or a phrase end between two notes frees them."""
    for i, (note, following) in enumerate(pairwise(voice.notes)):
        rest = following.onset_quarter > note.end_quarter
        if rest or following.onset_quarter in texture.phrase_starts:
            continue
        if note.spelling is None or following.spelling is None:
            continue
        leap = theory.interval(note.spelling, following.spelling)
        rule = _leap_rule(leap, following.spelling, _spellings(voice.notes[i + 2 : i + 4]), voice)
        if rule:
            message = (
                f"{voice.name} leaps {'up' if leap.semitones > 0 else 'down'} by {_article(leap)} "
                f"from {name_of(note)} to {name_of(following)}"
            )
            yield texture.finding(rule, following.onset_quarter, (place,), message)


def _article(leap: theory.Interval) -> str:
    return f"an {leap.name}" if leap.name[0] in "aeiou" else f"a {leap.name}"


def _spellings(notes: Sequence[Note]) -> list[Spelling]:
    return [n.spelling for n in notes if n.spelling is not None]


def _leap_rule(
    leap: theory.Interval, landing: Spelling, after: Sequence[Spelling], voice: Voice
) -> str | None:
    """Which rule a leap breaks.

    A chromatic semitone is no leap.  A diminished leap is fine when the line then turns back by
    step, at once or after one more note.  Sevenths are left to the bass, where they are displaced
    steps.
    """
    steps, semitones = abs(leap.steps), abs(leap.semitones)
    if steps == 0 or semitones <= 2:
        return None
    if semitones > _OCTAVE:
        return "large-leap"
    if leap.augmented:
        return "augmented-leap"
    if leap.diminished:
        return None if _turns_back(leap, landing, after) else "diminished-leap"
    if steps == _SEVENTH_STEPS and voice.index <= TENOR:
        return "large-leap"
    return None


def _turns_back(leap: theory.Interval, landing: Spelling, after: Sequence[Spelling]) -> bool:
    """Whether one of the next two notes is a step back from the landing note."""
    for spelling in after:
        step = theory.interval(landing, spelling)
        if abs(step.steps) <= 1 and step.semitones * leap.semitones < 0:
            return True
    return False
