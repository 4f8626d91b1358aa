"""The note-level columns that a critic reads: names, units, definitions and sets of them.

The sets follow the features of VirtuosoNet (Jeong et al., ISMIR 2019) and PercePiano (Park et al.,
Scientific Reports 2024): score columns, performance columns, raw MIDI, un-normalised copies.  Their
composer vector is left out, as files seldom say it and a work must not be told by its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Group = Literal["score", "performance", "raw", "unnormalised", "midi"]
PITCH_CLASSES = (
    "c",
    "c_sharp",
    "d",
    "e_flat",
    "e",
    "f",
    "f_sharp",
    "g",
    "a_flat",
    "a",
    "b_flat",
    "b",
)


@dataclass(frozen=True, slots=True)
class Column:
    """One number per note.

    ``group``: ``score`` (from the score alone), ``performance`` (how it was played), ``raw`` (MIDI
    of the played note), ``unnormalised`` (never standardised), ``midi`` (needs no score).
    """

    name: str
    unit: str
    definition: str
    group: Group


def _columns(group: Group, rows: tuple[tuple[str, str, str], ...]) -> tuple[Column, ...]:
    return tuple(Column(name, unit, text, group) for name, unit, text in rows)


_CLASS_ROWS = tuple(
    (f"pitch_class_{name}", "0/1", f"1 where the pitch class is {name.replace('_', ' ')}")
    for name in PITCH_CLASSES
)
_PITCH = (
    ("midi_pitch", "semitones", "MIDI pitch, 60 is middle C"),
    ("octave", "octaves", "MIDI pitch divided by 12, rounded down, minus 1"),
    *_CLASS_ROWS,
    ("alteration", "semitones", "written accidental or key signature on the note, -2 to 2"),
    ("key_fifths", "fifths", "sharps (positive) or flats (negative) of the key signature"),
    ("in_key", "0/1", "1 where the pitch class belongs to the key signature's major scale"),
    ("interval_from_previous", "semitones", "from the note before in the voice, -24 to 24; else 0"),
    ("interval_to_next", "semitones", "to the next note of the voice, -24 to 24; 0 at the end"),
)
_CHORD = (
    ("chord_size", "notes", "notes written at this onset, grace notes left out, at least 1"),
    ("is_highest", "0/1", "1 for the highest note at its onset"),
    ("is_lowest", "0/1", "1 for the lowest note at its onset"),
    ("above_lowest", "semitones", "distance from the lowest note at the onset"),
    ("below_highest", "semitones", "distance from the highest note at the onset"),
    ("sounding_notes", "notes", "notes that are written to sound at the onset, this one included"),
)
_TIME = (
    ("duration", "beats", "written duration, tied notes summed; 0 for grace notes"),
    ("following_rest", "beats", "from the note's end to the next note of its voice, at most 8"),
    ("beat_importance", "0..4", "4 downbeat, 3 middle of an even bar, 2 beat, 1 half beat, else 0"),
    ("measure_length", "beats", "length of the bar"),
    ("beat_position", "0..1", "place in the bar"),
    ("position_in_beat", "0..1", "place in the beat"),
    ("score_position", "0..1", "place between the first and the last onset of the score"),
    ("interval_before", "beats", "since the onset before in any voice, at most 8; 0 at the start"),
    ("interval_after", "beats", "to the next onset in any voice, at most 8; 0 at the end"),
    ("beat_density", "notes", "notes that start in the beat"),
    ("measure_density", "notes per beat", "notes that start in the bar, divided by its length"),
    ("is_grace", "0/1", "1 for a grace note"),
    ("grace_order", "notes", "grace notes of its voice from this one to the main note; else 0"),
    ("preceded_by_grace", "0/1", "1 for a note with grace notes of its voice before it"),
)
_METER = (
    ("meter_2", "0/1", "1 in bars of two beats (6/8 has two)"),
    ("meter_3", "0/1", "1 in bars of three beats"),
    ("meter_4", "0/1", "1 in bars of four beats"),
    ("meter_other", "0/1", "1 in bars of any other number of beats"),
    ("beat_unit", "log2", "lower figure of the meter: -1 half, 0 quarter, 1 eighth"),
)
_TEMPO = (
    ("tempo_mark", "steps", "tempo word in force: grave -3, andante -1, moderato 0, presto 2"),
    ("tempo_primo", "steps", "first tempo word of the score; 0 without one"),
    ("tempo_slower", "0/1", "1 inside a written ritardando"),
    ("tempo_faster", "0/1", "1 inside a written accelerando"),
    ("score_qpm", "log2(qpm / 120)", "metronome or playback tempo in force; 0 without one"),
    ("score_qpm_primo", "log2(qpm / 120)", "the first one of the score"),
    ("distance_from_abs_tempo", "log2(1 + beats)", "since the tempo mark in force or the start"),
    ("distance_from_recent_tempo", "log2(1 + beats)", "since a gradual tempo mark, or the start"),
)
_DYNAMICS = (
    ("dynamic_mark", "steps", "dynamic in force: pp -2, p -1, mp -0.5, mf 0.5, f 1, ff 2; 0 none"),
    ("dynamic_primo", "steps", "first dynamic of the score; 0 without one"),
    ("crescendo", "0/1", "1 inside a written crescendo"),
    ("diminuendo", "0/1", "1 inside a written diminuendo"),
    ("wedge_position", "0..1", "place inside it; 0 elsewhere"),
    ("distance_from_abs_dynamic", "log2(1 + beats)", "since the dynamic in force, or the start"),
    ("distance_from_recent_dynamic", "log2(1 + beats)", "since a gradual dynamic, or the start"),
    ("dynamic_next", "steps", "the next dynamic minus the one in force; 0 where none follows"),
    ("sforzato", "0/1", "1 at sf, sfz, fz, fp and their like"),
)
_SIGNS = (
    ("slur_start", "0/1", "1 where a slur starts"),
    ("slur_inside", "0/1", "1 strictly inside a slur of the voice"),
    ("slur_stop", "0/1", "1 where a slur ends"),
    ("beam_start", "0/1", "1 for the first note under a beam"),
    ("beam_inside", "0/1", "1 for an inner note under a beam"),
    ("beam_stop", "0/1", "1 for the last note under a beam"),
    ("staccato", "0/1", "1 with a staccato dot"),
    ("staccatissimo", "0/1", "1 with a staccatissimo wedge"),
    ("accent", "0/1", "1 with an accent"),
    ("strong_accent", "0/1", "1 with a strong accent (marcato)"),
    ("tenuto", "0/1", "1 with a tenuto line"),
    ("fermata", "0/1", "1 under a fermata"),
    ("trill", "0/1", "1 with a trill, turn or mordent"),
    ("tied", "0/1", "1 for the sum of tied notes"),
    ("pedal_mark", "0/1", "1 inside a written pedal"),
    ("upper_staff", "0/1", "1 on the first staff"),
)
SCORE = _columns("score", _PITCH + _CHORD + _TIME + _METER + _TEMPO + _DYNAMICS + _SIGNS)
"""77 columns."""

PERFORMANCE = _columns(
    "performance",
    (
        ("beat_tempo", "log2(beats per minute)", "tempo of the note's beat; high is fast"),
        ("measure_tempo", "log2(beats per minute)", "tempo of the note's bar"),
        ("section_tempo", "log2(beats per minute)", "tempo between written tempo marks"),
        ("velocity", "MIDI velocity", "of the key; the beat's mean for notes not played"),
        (
            "onset_deviation",
            "beats",
            "played onset minus the place between the beats as played, -2 to 2; late is positive",
        ),
        ("beat_dynamics", "MIDI velocity", "mean velocity of the beat's notes"),
        ("measure_dynamics", "MIDI velocity", "mean velocity of the bar's notes"),
        (
            "articulation",
            "log2 ratio",
            "time the key is held, pedal left aside, over the written duration at the beat's "
            "tempo; -4 to 4; 0 for grace notes",
        ),
        ("pedal_at_start", "0..1", "depth of the sustain pedal at the onset"),
        ("pedal_at_end", "0..1", "depth of the sustain pedal when the key goes up"),
        ("pedal_refresh", "0..1", "least depth while the key is held"),
        ("pedal_refresh_time", "seconds", "from the onset to that least depth, at most 4"),
        ("pedal_cut", "0..1", "least depth within a beat after the key went up"),
        ("pedal_cut_time", "seconds", "from the key's going up to that least depth, at most 4"),
        ("soft_pedal", "0..1", "depth of the soft pedal at the onset"),
    ),
)
"""15 columns; a note that was not played has what would be expected of it: its beat's values."""
RAW = _columns(
    "raw",
    (
        ("raw_pitch", "semitones", "MIDI pitch of the played note"),
        ("raw_velocity", "MIDI velocity", "of the played note"),
        ("raw_onset", "seconds", "onset since the first note of the performance"),
        ("raw_duration", "seconds", "time the key is held, at most 16"),
    ),
)
UNNORMALISED = _columns(
    "unnormalised",
    (
        ("midi_pitch_unnorm", "octaves", "MIDI pitch minus 60, divided by 12"),
        ("duration_unnorm", "beats", "written duration, at most 8"),
        ("beat_importance_unnorm", "0..1", "beat importance divided by 4"),
        ("measure_length_unnorm", "bars of four beats", "length of the bar divided by 4"),
        ("following_rest_unnorm", "beats", "rest after the note, at most 8"),
    ),
)
MIDI = _columns(
    "midi",
    (
        ("played_pitch", "semitones", "MIDI pitch"),
        ("played_octave", "octaves", "MIDI pitch divided by 12, rounded down, minus 1"),
        *((f"played_{name}", unit, text) for name, unit, text in _CLASS_ROWS),
        ("played_velocity", "MIDI velocity", "of the key"),
        ("velocity_change", "MIDI velocity", "minus the note before"),
        ("local_velocity", "MIDI velocity", "mean of the notes within 1 s on either side"),
        ("velocity_above_local", "MIDI velocity", "velocity minus the local mean"),
        ("key_duration", "log2(seconds)", "time the key is held, from 2^-6 to 2^4"),
        ("sound_duration", "log2(seconds)", "until key and pedal let it end, from 2^-6 to 2^4"),
        ("gap_before", "log2(seconds)", "since the chord before, from 2^-6 to 2^4; 0 at the start"),
        ("gap_after", "log2(seconds)", "to the next chord, from 2^-6 to 2^4; 0 at the end"),
        ("legato", "log2 ratio", "time the key is held over the gap after, -4 to 4; 0 at the end"),
        ("notes_in_chord", "notes", "a chord's onsets follow each other within 30 ms"),
        ("chord_spread", "seconds", "from the first to the last onset of the chord, at most 1"),
        ("onset_in_chord", "seconds", "onset minus the mean of its chord, -1 to 1"),
        ("highest_of_chord", "0/1", "1 for the highest note of its chord"),
        ("lowest_of_chord", "0/1", "1 for the lowest note of its chord"),
        ("note_density", "notes per second", "notes within 1 s on either side, halved"),
        ("keys_down", "notes", "keys held at the onset, this one included"),
        ("sounding", "notes", "notes that sound at the onset, pedal counted, this one included"),
        ("sustain_at_start", "0..1", "depth of the sustain pedal at the onset"),
        ("sustain_at_end", "0..1", "depth of the sustain pedal when the key goes up"),
        ("sustain_refresh", "0..1", "least depth while the key is held"),
        ("sustain_cut", "0..1", "least depth within 0.5 s after the key went up"),
        ("soft_at_start", "0..1", "depth of the soft pedal at the onset"),
        ("sostenuto_at_start", "0..1", "depth of the middle pedal at the onset"),
        ("place_in_time", "0..1", "place between the first and the last onset"),
    ),
)

FEATURE_SETS: dict[str, tuple[Column, ...]] = {
    "score79": SCORE + UNNORMALISED[:2],
    "full101": SCORE + PERFORMANCE + RAW + UNNORMALISED,
    "performance": PERFORMANCE + RAW,
    "midi": MIDI,
}
"""``score79`` knows nothing of the performer, ``midi`` nothing of the score."""


def needs_score(feature_set: str) -> bool:
    """Whether the columns of a set can only be had with a score."""
    return any(column.group != "midi" for column in FEATURE_SETS[feature_set])
