"""Do given voices lie where choirs sing, and in which octave would they?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from partimento.core.errors import MusicError
from partimento.music.grid import VOICE_LONG_NAMES, VOICE_RANGES, VOICES
from partimento.music.score import Note

TOLERANCE_SEMITONES = 2
"""A given note may lie so far outside its voice's range without being counted as outside."""
FEW_SHARE = 0.05
"""Share of a voice's notes that may lie outside even of that (never more than two octaves)."""
OCTAVE_SHIFTS = range(-36, 25, 12)
"""Shifts that are tried; a lower melody would push its bass below what an ear hears as a tone."""
_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


def pitch_name(midi: int) -> str:
    """Readable name of a MIDI pitch, such as ``Bb3``."""
    return f"{_NAMES[midi % 12]}{midi // 12 - 1}"


@dataclass(frozen=True)
class VoiceFit:
    """Octave shift that brings the given voices into range, and sentences on it."""

    shift_semitones: int = 0
    sentences: tuple[str, ...] = ()

    def cell(self, midi: int, voice: int) -> int:
        """Pitch in the grid: moved by the shift, and folded by octaves if still far outside.

        The fold touches only what the network sees; written notes are copied as they are.
        """
        low, high = VOICE_RANGES[voice]
        pitch = midi + self.shift_semitones
        while pitch > high + TOLERANCE_SEMITONES:
            pitch -= 12
        while pitch < low - TOLERANCE_SEMITONES:
            pitch += 12
        return pitch


def _n_outside(pitches: Sequence[int], voice: int, shift: int) -> int:
    low, high = VOICE_RANGES[voice]
    return sum(
        not low - TOLERANCE_SEMITONES <= p + shift <= high + TOLERANCE_SEMITONES for p in pitches
    )


def _acceptable(pitches: Sequence[int], voice: int, shift: int) -> bool:
    return _n_outside(pitches, voice, shift) <= FEW_SHARE * len(pitches)


def fit_octave(notes: Sequence[Sequence[Note]]) -> VoiceFit:
    """Octave shift for the given voices (four sequences of notes, S A T B).

    Only the highest given voice decides: it is what a user brings, and the others move with it.
    The shift is the smallest one with the fewest notes outside the range widened by
    ``TOLERANCE_SEMITONES``; a share of ``FEW_SHARE`` may stay outside.

    Raises MusicError when the voice fits in no octave of :data:`OCTAVE_SHIFTS`.
    """
    voice = next((v for v in range(VOICES) if notes[v]), None)
    if voice is None:
        return VoiceFit()
    pitches = [n.midi for n in notes[voice] if not n.grace]
    if _acceptable(pitches, voice, 0):
        return VoiceFit(0, _stray_sentence(pitches, voice, 0))
    shift = min(OCTAVE_SHIFTS, key=lambda s: (_n_outside(pitches, voice, s), abs(s)))
    if not _acceptable(pitches, voice, shift):
        raise _no_octave(pitches, voice)
    name = VOICE_LONG_NAMES[voice].lower()
    octaves = f"{abs(shift) // 12} octave{'s' if abs(shift) > 12 else ''}"
    direction = "higher" if shift > 0 else "lower"
    sentence = (
        f"The {name} ({pitch_name(min(pitches))} to {pitch_name(max(pitches))}) lies outside its "
        f"range; the other voices were found {octaves} {direction} and moved back"
    )
    lower = [v for v in range(voice + 1, VOICES) if not _n_outside(pitches, v, 0)]
    if lower:
        other = VOICE_LONG_NAMES[lower[-1]]
        sentence += f"; if it is the {other.lower()}, say --voices {other[0]}"
    return VoiceFit(shift, (sentence, *_stray_sentence(pitches, voice, shift)))


def _stray_sentence(pitches: Sequence[int], voice: int, shift: int) -> tuple[str, ...]:
    count = _n_outside(pitches, voice, shift)
    if not count:
        return ()
    name = VOICE_LONG_NAMES[voice].lower()
    return (f"{count} notes of the {name} lie far outside its range; they were kept as written",)


def _no_octave(pitches: Sequence[int], voice: int) -> MusicError:
    """The error for a voice that no octave brings into range, with a transposition that would."""
    low, high = VOICE_RANGES[voice]
    name = VOICE_LONG_NAMES[voice].lower()
    found = f"{pitch_name(min(pitches))} to {pitch_name(max(pitches))}"
    allowed = f"{pitch_name(low)} to {pitch_name(high)}"
    fits = [s for s in range(-60, 61) if _acceptable(pitches, voice, s)]
    if fits:
        best = min(fits, key=abs)
        way = "up" if best > 0 else "down"
        fix = f"Transpose it {way} by {abs(best)} semitones"
    else:
        fix = "Its range is too wide for one voice; move some phrases by an octave"
    return MusicError(
        f"the {name} goes from {found} and cannot be moved to {allowed} by octaves", fix=fix
    )
