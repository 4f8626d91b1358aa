from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
from tiny_scores import line, random_line, score_of

from partimento.music.lines import find_lines, polyphony, rank_lines, reduce_line
from partimento.music.score import Note, Part, Score, sort_notes


def chord(onset: object, length: object, *pitches: int, staff: int = 1) -> list[Note]:
    start, duration = Fraction(onset), Fraction(length)  # type: ignore[arg-type]
    return [Note(start, duration, p, "P0", staff=staff) for p in pitches]


def chords_score(notes: list[Note], staves: int = 1) -> Score:
    return Score((Part("P0", "", staves=staves),), sort_notes(notes))


def test_polyphony_counts_time():
    notes = chord(0, 2, 60, 64) + chord(1, 2, 67)
    assert polyphony(notes) == {2: 1, 3: 1, 1: 1}


def test_each_voice_of_a_staff_is_a_line():
    notes = chord(0, 4, 72) + [replace(n, voice="2") for n in chord(0, 4, 65)]
    assert [x.notes[0].midi for x in find_lines(chords_score(notes))] == [72, 65]


def test_four_note_chords_are_four_lines():
    notes = chord(0, 1, 72, 67, 64, 48) + chord(1, 1, 71, 67, 62, 43)
    found = find_lines(chords_score(notes))
    assert [[n.midi for n in x.notes] for x in found] == [[72, 71], [67, 67], [64, 62], [48, 43]]
    assert all(x.split for x in found)


def test_pairs_on_two_staves_are_two_lines_each():
    notes = chord(0, 1, 72, 67) + chord(1, 1, 67) + chord(2, 4, 71, 62)
    notes += chord(0, 6, 55, staff=2) + chord(0, 6, 48, staff=2)
    found = find_lines(chords_score(notes, staves=2))
    pitches = [[n.midi for n in x.notes] for x in found]
    # A lone note belongs to the outer line of its staff.
    assert pitches == [[72, 67, 71], [67, 62], [55], [48]]


def test_thirds_of_a_lone_melody_stay_one_line():
    notes = chord(0, 1, 72, 69) + chord(1, 1, 71, 67) + chord(2, 1, 72, 69)
    assert len(find_lines(chords_score(notes))) == 1


def test_ranked_tied_notes_stay_in_their_line():
    first = [replace(n, tie_start=True) if n.midi == 64 else n for n in chord(0, 1, 72, 64)]
    second = [replace(n, tie_stop=True) if n.midi == 64 else n for n in chord(1, 1, 64, 60)]
    upper, lower = rank_lines(first + second, 2, prefer=None)
    assert [n.midi for n in lower] == [64, 64]
    assert [n.midi for n in upper] == [72, 60]


def test_thicker_chords_lose_inner_notes():
    dealt = rank_lines(chord(0, 1, 76, 72, 69, 64, 60, 48), 4, prefer=None)
    assert [v[0].midi for v in dealt] == [76, 72, 60, 48]


def test_reduce_keeps_the_outer_note_and_counts():
    notes = chord(0, 1, 72, 67, 64) + chord(1, 1, 71)
    top, bottom = reduce_line(notes, "top"), reduce_line(notes, "bottom")
    assert [n.midi for n in top.notes] == [72, 71]
    assert [n.midi for n in bottom.notes] == [64, 71]
    assert top.n_dropped == bottom.n_dropped == 2


def test_reduce_shortens_what_runs_into_the_next_note():
    notes = chord(0, "5/4", 72) + chord(1, 1, 74)
    reduced = reduce_line(notes, "top")
    assert [(n.midi, n.duration_quarter) for n in reduced.notes] == [(72, 1), (74, 1)]
    assert (reduced.n_dropped, reduced.n_shortened) == (0, 1)


def test_reduce_drops_notes_under_a_held_one():
    reduced = reduce_line(chord(0, 4, 72) + chord(1, 1, 60) + chord(2, 1, 62), "top")
    assert [n.midi for n in reduced.notes] == [72]
    assert reduced.n_dropped == 2


def test_reduced_lines_never_overlap_and_single_lines_stay():
    rng = np.random.default_rng(1)
    for _ in range(30):
        plain = score_of({"": random_line(rng, 60, 80, 4)}).notes
        assert reduce_line(plain, "top").notes == plain
        wild = [
            Note(Fraction(int(a), 4), Fraction(int(b), 4), int(p), "P0")
            for a, b, p in rng.integers((0, 1, 50), (40, 9, 80), (25, 3))
        ]
        kept = reduce_line(wild, "bottom").notes
        for x, y in pairwise(kept):
            assert x.end_quarter <= y.onset_quarter and x.duration_quarter > 0


def test_empty_parts_give_no_line():
    assert len(find_lines(score_of({"A": line("60 62"), "B": line("r r")}))) == 1
