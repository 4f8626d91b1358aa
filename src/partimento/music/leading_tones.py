"""Leading tones: found by their function, in the key of their phrase.

A leading tone is only looked at in a dominant chord of the local key (V, V7, the diminished chord
on the leading tone, with or without its seventh or ninth).  It is unresolved when the tonic or
the submediant chord follows and the voice does anything else than

* rise a semitone to the tonic, or hold or repeat the note (a suspension);
* in an inner voice, fall a third to the fifth of the tonic chord;
* leave the tonic at that pitch to another voice (transferred resolution);
* pass down the scale, reached by step from above and left by step downwards (8 7 6).

As long as the harmony stays dominant the note may go anywhere: what counts is the last chord
before the tonic, and a tonic chord over the dominant in the bass (six-four) is still dominant.
A leading tone counts as doubled when both notes start on or before a beat, last half a beat or
more, and neither is a passing note.

The local key is found from the durations in a phrase (Albrecht and Shanahan's profiles; without
fermatas in stretches of about four bars), with some preference for the key of the whole score and
for the last bass note.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from partimento.music import keys
from partimento.music.frames import beat_quarter
from partimento.music.textbook import VoiceLeadingFinding
from partimento.music.texture import Slice, Texture, name_of

_HOME_BONUS = 0.05
_ENDING_BONUS = 0.03
_AREA_QUARTER = Fraction(16)
_LEADING = 11
_FIFTH_DEGREE = 7
# Degrees in semitones above the tonic.
_DOMINANT = frozenset({2, 5, 7, 8, 9, 11})
_CORE = frozenset({2, 5, 7})
_GOALS = tuple(
    frozenset(goal)
    for goal in ((0, 4, 7), (0, 3, 7), (0, 4), (0, 3), (9, 0, 4), (8, 0, 3), (9, 0), (8, 0))
)


@dataclass(frozen=True)
class Moment:
    """A slice and the key around it."""

    slice: Slice
    key: keys.Key

    @property
    def degrees(self) -> frozenset[int]:
        """Sounding pitch classes as semitones above the tonic."""
        return frozenset((p - self.key.tonic_pitch_class) % 12 for p in self.slice.sounding)

    @property
    def dominant(self) -> bool:
        """V, V7, vii and their sevenths and ninths; three notes at least."""
        degrees = self.degrees
        return _LEADING in degrees and degrees <= _DOMINANT and len(degrees & _CORE) >= 2

    def resolves_to(self, following: Slice) -> bool:
        """Whether the tonic or submediant chord follows, not over the dominant in the bass."""
        after = Moment(following, self.key)
        if after.degrees not in _GOALS:
            return False
        return (min(following.sounding) - self.key.tonic_pitch_class) % 12 != _FIFTH_DEGREE


def check_leading_tones(texture: Texture) -> Iterator[VoiceLeadingFinding]:
    """Unresolved and doubled leading tones; needs three voices to know a chord by."""
    if len(texture.voices) < 3:
        return
    moments = moments_of(texture)
    yield from _doubled(texture, moments)
    for before, after in pairwise(moments):
        if after.slice.new_phrase:
            continue
        if before.dominant and before.resolves_to(after.slice):
            yield from _unresolved(texture, before, after.slice)


def moments_of(texture: Texture) -> list[Moment]:
    """The slices of a texture with their local keys."""
    scores = _key_scores(texture.slices)
    if not scores:
        return []
    home = max(scores, key=scores.__getitem__)
    return [
        Moment(moment, key)
        for group in _key_areas(texture)
        for key in (_local_key(group, home),)
        for moment in group
    ]


def _key_areas(texture: Texture) -> list[tuple[Slice, ...]]:
    """Phrases; a stretch without phrase marks is cut at bar lines into areas of some four bars."""
    groups: list[list[Slice]] = []
    start = Fraction(0)
    for moment in texture.slices:
        time = moment.start_quarter
        long = time - start >= _AREA_QUARTER
        at_bar_line = time == texture.bar_at(time).measure.onset_quarter
        if not groups or moment.new_phrase or (long and at_bar_line):
            groups.append([])
            start = time
        groups[-1].append(moment)
    return [tuple(group) for group in groups]


def _key_scores(slices: tuple[Slice, ...]) -> dict[keys.Key, float]:
    """Scores of all keys, with a bonus for the last bass note; empty when nothing sounds."""
    weights = np.zeros(12)
    last_bass = -1
    for moment in slices:
        for pitch in moment.sounding:
            weights[pitch % 12] += float(moment.end_quarter - moment.start_quarter)
        if moment.sounding:
            last_bass = min(moment.sounding) % 12
    if not weights.any():
        return {}
    return {
        key: score + _ENDING_BONUS * (key.tonic_pitch_class == last_bass)
        for key, score in keys.key_scores(weights).items()
    }


def _local_key(slices: tuple[Slice, ...], home: keys.Key) -> keys.Key:
    scores = _key_scores(slices)
    if not scores:
        return home
    return max(scores, key=lambda key: scores[key] + _HOME_BONUS * (key == home))


def _unresolved(texture: Texture, before: Moment, after: Slice) -> Iterator[VoiceLeadingFinding]:
    for place, (note, goal) in enumerate(zip(before.slice.notes, after.notes, strict=True)):
        if note is None or goal is None:
            continue
        if (note.midi - before.key.tonic_pitch_class) % 12 != _LEADING:
            continue
        inner = 0 < place < len(texture.voices) - 1
        falls = inner and goal.midi - note.midi in (-3, -4)
        if goal.midi - note.midi in (0, 1) or falls or _taken_over(note.midi + 1, after):
            continue
        if texture.passes_down(place, note):
            continue
        message = (
            f"{texture.voices[place].name} leaves the leading tone {name_of(note)} of "
            f"{before.key.name} for {name_of(goal)} instead of rising to the tonic"
        )
        yield texture.finding("unresolved-leading-tone", after.start_quarter, (place,), message)


def _taken_over(tonic: int, after: Slice) -> bool:
    """Whether some voice starts the tonic at the pitch the leading tone wants."""
    return any(
        n is not None and n.midi == tonic and after.attacks(v) for v, n in enumerate(after.notes)
    )


def _doubled(texture: Texture, moments: list[Moment]) -> Iterator[VoiceLeadingFinding]:
    """At a beat, for half a beat or more, and not in passing: else it is no chord note."""
    reported: tuple[int, ...] = ()
    for moment in moments:
        leading = (moment.key.tonic_pitch_class + _LEADING) % 12
        notes = moment.slice.notes
        places = tuple(v for v, n in enumerate(notes) if n is not None and n.midi % 12 == leading)
        doubled = len(places) > 1 and moment.dominant
        doubled = doubled and _weighty(texture, moment.slice, places)
        if doubled and places != reported:
            names = " and ".join(texture.voices[v].name for v in places)
            example = next(n for n in notes if n is not None and n.midi % 12 == leading)
            pitch = name_of(example).rstrip("-0123456789")
            message = f"{names} double the leading tone {pitch} of {moment.key.name}"
            yield texture.finding(
                "doubled-leading-tone", moment.slice.start_quarter, places, message
            )
        reported = places if doubled else ()


def _weighty(texture: Texture, moment: Slice, places: tuple[int, ...]) -> bool:
    bar = texture.bar_at(moment.start_quarter)
    beat = beat_quarter(bar.meter)
    if bar.phase(moment.start_quarter) % beat:
        return False
    for place in places:
        note = moment.notes[place]
        if note is None or note.duration_quarter < beat / Fraction(2):
            return False
        if texture.passes_down(place, note) or texture.passes_up(place, note):
            return False
    return True
