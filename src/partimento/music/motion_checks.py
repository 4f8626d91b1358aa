"""Rules about two voices that move at the same time.

Only notes that follow each other directly, in both voices at the same moment, are compared: fifths
on two successive beats with another interval between them are not reported.  The first chord of
a phrase is free (see :class:`~partimento.music.texture.Slice`), and so is a voice after a rest.
When both voices only exchange octaves of their own notes the chord stands still, and nothing is
reported.  Fifths must be fifths by spelling too: a diminished sixth sounds alike but is none.  A
diminished fifth before or after a perfect one is allowed in any direction (strict schools allow it
only downwards, or upwards without the bass).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

from partimento.music import chords, theory
from partimento.music.score import Note
from partimento.music.textbook import VoiceLeadingFinding
from partimento.music.texture import Slice, Texture, name_of

_KINDS = {theory.FIFTH: ("fifths", 4), theory.OCTAVE: ("octaves", 0)}
Pair = tuple[Note, Note]


def check_motion(texture: Texture) -> Iterator[VoiceLeadingFinding]:
    """Parallel, contrary and direct fifths and octaves, and overlaps."""
    for before, after in pairwise(texture.slices):
        if after.new_phrase:
            continue
        for upper, lower in combinations(range(len(texture.voices)), 2):
            first, second = _pair(before, upper, lower), _pair(after, upper, lower)
            if first is None or second is None:
                continue
            if after.attacks(upper) and after.attacks(lower):
                yield from _perfect_intervals(texture, after, (upper, lower), first, second)
                if (upper, lower) == (0, len(texture.voices) - 1):
                    yield from _direct(texture, before, after, first, second)
            if lower == upper + 1:
                yield from _overlap(texture, after, (upper, lower), first, second)


def _pair(moment: Slice, upper: int, lower: int) -> Pair | None:
    high, low = moment.notes[upper], moment.notes[lower]
    return None if high is None or low is None else (high, low)


def _midis(first: Pair, second: Pair) -> tuple[int, int, int, int]:
    return first[0].midi, first[1].midi, second[0].midi, second[1].midi


def _spelled_as(pair: Pair, steps: int) -> bool:
    """Whether two spelled notes stand the given number of steps apart, octaves aside."""
    high, low = pair[0].spelling, pair[1].spelling
    if high is None or low is None:
        return True
    return abs(high.diatonic - low.diatonic) % 7 == steps


def _perfect_intervals(
    texture: Texture, after: Slice, voices: tuple[int, int], first: Pair, second: Pair
) -> Iterator[VoiceLeadingFinding]:
    midis = _midis(first, second)
    if all((a.midi - b.midi) % 12 == 0 for a, b in zip(first, second, strict=True)):
        return
    names = " and ".join(texture.voices[v].name for v in voices)
    notes = f"{name_of(first[0])}/{name_of(first[1])} to {name_of(second[0])}/{name_of(second[1])}"
    for kind, (word, steps) in _KINDS.items():
        if not (_spelled_as(first, steps) and _spelled_as(second, steps)):
            continue
        if theory.parallel(*midis, kind):
            unison = midis[0] == midis[1] and midis[2] == midis[3]
            shown = "unisons" if unison else word
            message = f"{names} move in parallel {shown}, {notes}"
            yield texture.finding(f"parallel-{shown}", after.start_quarter, voices, message)
        elif theory.contrary(*midis, kind):
            message = f"{names} go from one {word[:-1]} to another in contrary motion, {notes}"
            message = message.replace("one octave", "one octave or unison")
            yield texture.finding(f"contrary-{word}", after.start_quarter, voices, message)


def _direct(
    texture: Texture, before: Slice, after: Slice, first: Pair, second: Pair
) -> Iterator[VoiceLeadingFinding]:
    """Outer voices only; inside one chord (same root) they are free."""
    root = chords.chord_of(before.sounding).root
    if root >= 0 and root == chords.chord_of(after.sounding).root:
        return
    outer = (0, len(texture.voices) - 1)
    for kind, (word, steps) in _KINDS.items():
        if theory.direct(*_midis(first, second), kind) and _spelled_as(second, steps):
            message = (
                f"{texture.voices[0].name} leaps from {name_of(first[0])} to "
                f"{name_of(second[0])} into a direct {word[:-1]} with the "
                f"{texture.voices[outer[1]].name} ({name_of(first[1])} to {name_of(second[1])})"
            )
            yield texture.finding(f"direct-{word}", after.start_quarter, outer, message)


def _overlap(
    texture: Texture, after: Slice, voices: tuple[int, int], first: Pair, second: Pair
) -> Iterator[VoiceLeadingFinding]:
    """The moving voice must pass the place its neighbour just left; crossings are not repeated."""
    if first[0].midi < first[1].midi or not theory.overlap(*_midis(first, second)):
        return
    rising = second[1].midi > first[0].midi
    mover, other = (1, 0) if rising else (0, 1)
    if not after.attacks(voices[mover]):
        return
    message = (
        f"{texture.voices[voices[mover]].name} moves to {name_of(second[mover])}, "
        f"{'above' if rising else 'below'} the {name_of(first[other])} "
        f"that the {texture.voices[voices[other]].name} just left"
    )
    yield texture.finding("voice-overlap", after.start_quarter, voices, message)
