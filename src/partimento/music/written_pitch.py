"""The written pitches of a part: its transposition, and spellings for notes that have none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from partimento.music.keys import Key, detect_score_key, spell
from partimento.music.musicxml_part import DEFAULT_STEPS, interval_fifths, near_keys
from partimento.music.score import Mode, Note, Score

_MINOR_MODES = frozenset(("minor", "aeolian", "dorian", "phrygian", "locrian"))


@dataclass(frozen=True, slots=True)
class Transposition:
    """From written to sounding pitch: diatonic steps, semitones (both signed) and fifths."""

    steps: int = 0
    semitones: int = 0
    octaves: int = 0
    fifths: int = 0

    @property
    def total_semitones(self) -> int:
        """Semitones with the octaves."""
        return self.semitones + 12 * self.octaves


def part_transposition(notes: Sequence[Note]) -> Transposition:
    """The transposition that all spelled notes of a part share; none where they differ."""
    offsets = {n.midi - n.spelling.midi for n in notes if n.spelling is not None}
    if len(offsets) != 1 or offsets == {0} or abs(min(offsets)) > 48:
        return Transposition()
    total = offsets.pop()
    octaves = int(total / 12)
    semitones = total - 12 * octaves
    octave, rest = divmod(semitones, 12)
    steps = 7 * octave + DEFAULT_STEPS[rest]
    return Transposition(steps, semitones, octaves, interval_fifths(steps, semitones))


def key_line(score: Score) -> list[tuple[Fraction, Key]]:
    """The keys of a score over time, found from the notes where no signature says them."""
    found = []
    for signature in score.key_signatures:
        mode: Mode = "minor" if signature.mode in _MINOR_MODES else "major"
        fifths = max(-7, min(7, signature.fifths))
        found.append((signature.onset_quarter, Key.from_fifths(fifths, mode)))
    if found and found[0][0] == 0:
        return found
    notes = any(not n.grace for n in score.notes)
    first = detect_score_key(score, use_signature=False) if notes else Key("C", "major")
    return [(Fraction(0), first), *found]


def spell_part(
    notes: Sequence[Note], transposition: Transposition, keys: Sequence[tuple[Fraction, Key]]
) -> list[Note]:
    """The notes of a part with a written spelling each; given ones stay where they fit."""
    shift = transposition.total_semitones
    following = _next_pitches(notes)
    result = []
    place = 0
    for i, note in enumerate(notes):
        while place + 1 < len(keys) and keys[place + 1][0] <= note.onset_quarter:
            place += 1
        if note.spelling is not None and note.spelling.midi + shift == note.midi:
            result.append(note)
            continue
        sounding = keys[place][1]
        key = Key.from_fifths(near_keys(sounding.fifths - transposition.fifths), sounding.mode)
        step = following[i] - note.midi
        direction = step if abs(step) == 1 else None
        pitch = min(127, max(0, note.midi - shift))
        result.append(replace(note, spelling=spell(pitch, key, direction)))
    return result


def _next_pitches(notes: Sequence[Note]) -> list[int]:
    """For each note the pitch that follows it in its voice (its own at the end)."""
    following = [n.midi for n in notes]
    last: dict[tuple[int, str], int] = {}
    for i, note in enumerate(notes):
        key = (note.staff, note.voice)
        if key in last and notes[last[key]].onset_quarter < note.onset_quarter:
            following[last[key]] = note.midi
        last[key] = i
    return following
