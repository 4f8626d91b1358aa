from __future__ import annotations

from fractions import Fraction as F

import pytest
import small_scores
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.core.errors import MusicError
from partimento.music.lanes import MAX_VOICES, chords, separate_voices
from partimento.music.measures import ensure_measures
from partimento.music.score import Measure, Note, sort_notes


def overlap(notes) -> bool:
    """Slow twin: whether any two notes of a voice overlap without being a chord."""
    spans = {(n.voice, n.onset_quarter, n.end_quarter) for n in notes if not n.grace}
    return any(
        a[0] == b[0] and a != b and a[1] < b[2] and b[1] < a[2] for a in spans for b in spans
    )


random_notes = st.lists(
    st.builds(
        Note,
        onset_quarter=st.sampled_from([F(i, 2) for i in range(13)]),
        duration_quarter=st.sampled_from([F(i, 2) for i in range(1, 7)]),
        midi=st.integers(40, 80),
        part=st.just("P"),
        staff=st.integers(1, 2),
        voice=st.sampled_from(["1", "2", "alto"]),
    ),
    max_size=25,
)


@settings(deadline=None)
@given(random_notes)
def test_voices_are_parted_until_nothing_overlaps(notes):
    result = separate_voices(notes)
    assert not overlap(result)
    assert sorted((n.onset_quarter, n.duration_quarter, n.midi, n.staff) for n in result) == sorted(
        (n.onset_quarter, n.duration_quarter, n.midi, n.staff) for n in notes
    )
    if not overlap(notes):
        assert sort_notes(result) == sort_notes(notes)


def test_cross_staff_voice_stays_whole():
    notes = small_scores.line("P", "C4:1 E4:1") + small_scores.line("P", "G3:2", start=2, staff=2)
    assert {n.voice for n in separate_voices(notes)} == {"1"}


def test_too_many_voices_are_refused():
    notes = [Note(F(i, 4), F(100), 60, "P") for i in range(MAX_VOICES + 1)]
    with pytest.raises(MusicError, match="overlap"):
        separate_voices(notes)


def test_chords_group_equal_lengths_and_leave_graces_alone():
    notes = small_scores.line("P", "E5:1:g D5:1:g C5:1") + small_scores.line("P", "E4:1")
    assert [[n.midi for n in c] for c in chords(notes)] == [[76], [74], [72, 64]]


def test_measures_from_meters():
    score = small_scores.score(
        small_scores.line("S", "C5:12"),
        meters=(small_scores.meter(4, 4), small_scores.meter(3, 4, 6)),
    )
    bars = ensure_measures(score, F(1)).measures
    assert [(m.number, m.onset_quarter, m.duration_quarter) for m in bars] == [
        ("0", 0, 1),
        ("1", 1, 4),
        ("2", 5, 1),
        ("3", 6, 3),
        ("4", 9, 3),
    ]
    assert bars[0].implicit


def test_measures_that_are_there_stay():
    score = small_scores.pickup_hymn()
    assert ensure_measures(score) is score
    longer = score.replace_notes([*score.notes, *small_scores.line("S", "C5:2", start=8)])
    assert ensure_measures(longer).measures[:3] == score.measures
    assert ensure_measures(longer).measures[3:] == (Measure(F(8), F(4), "3"),)


def test_measures_of_nothing_and_of_too_much():
    empty = small_scores.score(parts=small_scores.empty_part().parts, meters=())
    filled = ensure_measures(empty)
    assert [m.duration_quarter for m in filled.measures] == [4]
    assert [(t.beats, t.beat_type) for t in filled.time_signatures] == [(4, 4)]
    endless = empty.replace_notes([Note(F(0), F(10**6), 60, "S")])
    with pytest.raises(MusicError, match="bars"):
        ensure_measures(endless)
