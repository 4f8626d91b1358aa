"""Scores as arrays: beats, bars, grace notes, repeats, tremolos, marks."""

import numpy as np
import pytest

from critique_clips import back, direction, document, midi_number, note, scale_score
from partimento.core.errors import InputFileError, MusicError
from partimento.music import score_notes, score_unfold
from partimento.music.score_marks import MARKS, plain_marks
from partimento.music.score_notes import read_score_notes, score_document
from partimento.music.score_unfold import unfold_tremolos

TREMOLO = '<ornaments><tremolo type="{}">{}</tremolo></ornaments>'


def tremolo(kind, strokes):
    return TREMOLO.format(kind, strokes)


def of_voice(notes, voice):
    rows = np.flatnonzero(notes.voice == voice)
    return notes.onset_beat[rows].tolist(), notes.duration_beat[rows].tolist(), notes.pitch[rows]


def test_beats_bars_and_staves_of_a_scale():
    notes = read_score_notes(scale_score())
    assert len(notes) == 20
    onset, duration, pitch = of_voice(notes, 1)
    assert onset == list(range(16)) and set(duration) == {1.0}
    assert pitch[0] == midi_number("C5") and pitch[7] == midi_number("C6")
    low = notes.voice == 5
    assert notes.staff[low].tolist() == [2] * 4
    assert notes.measure[low].tolist() == [0, 1, 2, 3]
    assert notes.beat[low].tolist() == [0, 4, 8, 12]
    assert set(notes.measure_beats) == {4.0}
    assert notes.beat_in_measure[~low].tolist() == [0, 1, 2, 3] * 4
    assert np.all(np.diff(notes.beat) >= 0) and np.all(np.diff(notes.measure) >= 0)


def test_compound_meter_counts_dotted_beats():
    bar = "".join(note("C5", 2, kind="eighth") for _ in range(6))
    notes = read_score_notes(document(bar, bar, beats=6, beat_type=8))
    assert notes.beat[:6].tolist() == [0, 0, 0, 1, 1, 1]
    assert notes.measure_beats[0] == pytest.approx(2)
    assert notes.onset_quarter[1] == pytest.approx(0.5)
    assert notes.marks["meter_beats"][0] == 2


def test_a_pickup_starts_at_beat_zero_of_bar_zero():
    full = "".join(note("D5") for _ in range(4))
    notes = read_score_notes(document(note("C5"), full))
    assert notes.measure.tolist() == [0, 1, 1, 1, 1]
    assert notes.beat.tolist() == [0, 1, 2, 3, 4]


def test_ties_are_one_note_and_grace_notes_come_first():
    tied = note("C5", 8, inner='<tied type="start"/>').replace(
        "<voice>", '<tie type="start"/><voice>'
    )
    until = note("C5", 8).replace("<voice>", '<tie type="stop"/><voice>')
    grace = note("E5", grace=True, kind="eighth")
    notes = read_score_notes(document(tied + until, grace + note("D5", 16)))
    assert notes.pitch.tolist() == [72, 76, 74]
    assert notes.duration_beat.tolist() == [4.0, 0.0, 4.0]
    assert notes.grace.tolist() == [False, True, False]
    assert notes.marks["tied"].tolist() == [1, 0, 0]


def test_repeats_are_played_twice_unless_as_drawn():
    bar = "".join(note(name) for name in ("C5", "D5", "E5", "F5"))
    sign = '<barline location="right"><repeat direction="backward"/></barline>'
    score = document(bar + sign)
    assert read_score_notes(score).onset_beat.tolist() == list(range(8))
    assert read_score_notes(score).measure.tolist() == [0] * 4 + [1] * 4
    assert len(read_score_notes(score, as_played=False)) == 4


def test_a_tremolo_of_two_chords_alternates():
    pair = (
        note("C4", 8, inner=tremolo("start", 1), kind="whole")
        + note("E4", 8, chord=True, kind="whole")
        + note("G4", 8, inner=tremolo("stop", 1), kind="whole")
    )
    score = document(pair, note("C5", 16))
    notes = read_score_notes(score)
    first = notes.measure == 0
    # Whole notes with one stroke: eighths, four figures of two.
    assert notes.onset_beat[first].tolist() == [0, 0, 0.5, 1, 1, 1.5, 2, 2, 2.5, 3, 3, 3.5]
    assert notes.pitch[first].tolist() == [60, 64, 67] * 4
    assert set(notes.duration_beat[first]) == {0.5}
    assert notes.onset_beat[~first].tolist() == [4]
    assert len(read_score_notes(score, as_played=False)) == 4


def test_flags_halve_the_figure_of_a_tremolo():
    pair = note("C4", 2, inner=tremolo("start", 2), kind="eighth")
    pair += note("D4", 2, inner=tremolo("stop", 2), kind="eighth")
    notes = read_score_notes(document(pair + note("E4", 12, kind="half")))
    # An eighth with two strokes: 32nds, one beat holds eight of them.
    assert notes.onset_beat[:9].tolist() == [i / 8 for i in range(9)]


def test_a_tremolo_of_one_note_repeats_it_and_other_voices_stay():
    upper = note("C5", 8, inner=tremolo("single", 2), kind="half") + note("D5", 8, kind="half")
    lower = back(16) + note("C3", 16, voice=5, staff=2, kind="whole")
    notes = read_score_notes(document(upper + lower))
    onset, _, pitch = of_voice(notes, 1)
    assert onset == [i / 4 for i in range(9)] and pitch.tolist() == [72] * 8 + [74]
    assert of_voice(notes, 5)[0] == [0.0]


def test_unmeasured_tremolos_and_plain_scores_stay_as_they_are():
    plain = scale_score()
    assert unfold_tremolos(plain) == plain
    wild = note("C5", 16, inner=tremolo("single", 5), kind="whole")
    assert len(read_score_notes(document(wild))) == 1
    alone = note("C5", 16, inner=tremolo("stop", 1), kind="whole")
    assert len(read_score_notes(document(alone))) == 1


def test_a_tremolo_bomb_is_refused(monkeypatch):
    monkeypatch.setattr(score_unfold, "MAX_UNFOLDED_NOTES", 6)
    with pytest.raises(InputFileError, match="unfold to too many"):
        unfold_tremolos(document(note("C5", 16, inner=tremolo("single", 2), kind="whole")))


def test_dynamics_wedges_slurs_and_articulations_reach_the_notes():
    bar = (
        direction("<dynamics><p/></dynamics>")
        + note("C5", inner='<slur type="start" number="1"/>')
        + note("D5")
        + direction('<wedge type="crescendo"/>')
        + note("E5", inner='<slur type="stop" number="1"/>')
        + note("F5", inner="<articulations><staccato/></articulations>")
    )
    after = (
        direction('<wedge type="stop"/>')
        + direction("<dynamics><f/></dynamics>")
        + note("G5", inner="<fermata/>")
        + note("A5", inner="<articulations><accent/></articulations>")
        + note("B5", 8, kind="half")
    )
    marks = read_score_notes(document(bar, after, fifths=-2)).marks
    assert tuple(marks) == MARKS
    assert marks["dynamic_mark"].tolist() == [-1, -1, -1, -1, 1, 1, 1]
    assert marks["dynamic_next"].tolist() == [2, 2, 2, 2, 0, 0, 0]
    assert marks["dynamic_since"].tolist() == [0, 1, 2, 3, 0, 1, 2]
    assert marks["dynamic_change"].tolist() == [0, 0, 1, 1, 0, 0, 0]
    assert marks["wedge_position"].tolist() == [0, 0, 0, 0.5, 0, 0, 0]
    assert marks["slur_start"].tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert marks["slur_inside"].tolist() == [0, 1, 0, 0, 0, 0, 0]
    assert marks["slur_stop"].tolist() == [0, 0, 1, 0, 0, 0, 0]
    assert marks["staccato"].tolist() == [0, 0, 0, 1, 0, 0, 0]
    assert marks["accent"].tolist() == [0, 0, 0, 0, 0, 1, 0]
    assert marks["fermata"].tolist() == [0, 0, 0, 0, 1, 0, 0]
    assert set(marks["key_fifths"]) == {-2.0}


def test_tempo_words_and_metronome_marks():
    bar = "".join(note("C5") for _ in range(4))
    fast = direction("<words>Allegretto</words>", '<sound tempo="90"/>')
    slow = direction("<words>Adagio</words>", '<sound tempo="50"/>')
    marks = read_score_notes(document(fast + bar, slow + bar)).marks
    assert marks["tempo_mark"].tolist() == [0.5] * 4 + [-2.0] * 4
    assert marks["quarters_per_minute"] == pytest.approx([90] * 4 + [50] * 4)
    assert marks["section"].tolist() == [1] * 4 + [2] * 4
    assert marks["tempo_since"].tolist() == [0, 1, 2, 3, 0, 1, 2, 3]


def test_nothing_written_is_neutral():
    marks = read_score_notes(scale_score()).marks
    plain = plain_marks(20)
    assert tuple(plain) == MARKS
    for name in set(MARKS):
        assert np.array_equal(marks[name], plain[name]), name


def test_other_formats_become_musicxml(tmp_path):
    tune = b"X:1\nT:Scale\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\n"
    notes = read_score_notes(score_document(tune, "tune.abc"))
    assert notes.pitch.tolist() == [60, 62, 64, 65, 67, 69, 71, 72]
    with pytest.raises(InputFileError, match="broken"):
        score_document(b"%PDF-1.4", "broken.pdf")


def test_unsafe_empty_and_endless_scores_are_refused(monkeypatch):
    entity = (
        b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "b">]><score-partwise>&a;</score-partwise>'
    )
    with pytest.raises(InputFileError, match="entities"):
        read_score_notes(entity)
    with pytest.raises(InputFileError, match="no notes"):
        read_score_notes(document(note(None, 16)))
    with pytest.raises(InputFileError, match="beyond the range"):
        read_score_notes(document(note("C14", 16)))
    monkeypatch.setattr(score_notes, "MAX_SCORE_NOTES", 5)
    with pytest.raises(MusicError, match="more than the 5 notes"):
        read_score_notes(scale_score())
    monkeypatch.setattr(score_notes, "MAX_SCORE_BEATS", 5)
    with pytest.raises(MusicError, match="longer than 5 beats"):
        read_score_notes(scale_score())
