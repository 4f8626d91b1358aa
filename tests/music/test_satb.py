from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from tiny_scores import line, random_line, score_of

from partimento.core.errors import MusicError
from partimento.music.grid import SILENCE, UNKNOWN
from partimento.music.satb import extract_satb, require_gaps
from partimento.music.score import Score

MELODY = "67 69 71 67 72 71 69/2 71 72 74 71 69 69 67/2"
CHOIR = {
    "Soprano": line(MELODY),
    "Alto": line("62 62 62 64 64 62 62/2 67 67 66 67 67 66 62/2"),
    "Tenor": line("59 57 55 59 55 57 54/2 62 64 57 62 64 60 59/2"),
    "Bass": line("55 54 55 52 45 47 50/2 55 52 50 55 48 50 43/2"),
}


def choir(**changes: str) -> Score:
    return score_of({**CHOIR, **{k: line(v) for k, v in changes.items()}})


def test_melody_alone():
    satb = extract_satb(score_of({"": line(MELODY)}))
    assert satb.grid.shape == (64, 4)
    assert satb.grid[:, 0].tolist()[:12] == [67] * 4 + [69] * 4 + [71] * 4
    assert (satb.grid[:, 1:] == UNKNOWN).all()
    assert np.flatnonzero(satb.attack[:, 0]).tolist()[:4] == [0, 4, 8, 12]
    assert not satb.attack[:, 1:].any() and satb.given[:, 0].all()
    assert satb.melody == 0 and not satb.complete


def test_bass_given():
    satb = extract_satb(score_of({"": CHOIR["Bass"]}), "B")
    assert (satb.grid[:, 3] >= 0).all() and (satb.grid[:, :3] == UNKNOWN).all()


def test_four_given_parts_leave_nothing_to_fill():
    satb = extract_satb(choir())
    assert satb.complete
    with pytest.raises(MusicError, match="nothing to fill"):
        require_gaps(satb)


def test_naming_the_soprano_frees_the_others():
    satb = extract_satb(choir(), "S")
    assert [len(v) for v in satb.notes] == [14, 0, 0, 0]
    assert "alto, tenor, bass" in satb.report[-1]


def test_rests_of_the_melody_are_silence_for_all():
    satb = extract_satb(score_of({"": line("r 67 69 71 72/2 r/2 71/2 69/1/2 r/1/2 67")}))
    silent = (satb.grid == SILENCE).all(axis=1)
    assert np.flatnonzero(silent).tolist() == [*range(4), *range(24, 32), 42, 43]
    assert not satb.given[silent][:, 1:].any()


def test_a_16th_rest_leaves_the_others_free():
    satb = extract_satb(score_of({"": line("67/3/4 r/1/4 69 71 72")}))
    assert satb.grid[3].tolist() == [SILENCE, UNKNOWN, UNKNOWN, UNKNOWN]


def test_empty_measures_of_lower_voices_are_unknown_but_short_rests_are_given():
    satb = extract_satb(choir(Alto="r/4 64 r 62/2 67 67 66 67 67 66 62/2"))
    assert (satb.grid[:16, 1] == UNKNOWN).all()
    assert (satb.grid[20:24, 1] == SILENCE).all()
    named = extract_satb(choir(Alto="r/4 64 r 62/2 67 67 66 67 67 66 62/2"), "SATB")
    assert (named.grid[:16, 1] == SILENCE).all()


def test_lock_keeps_bars_of_a_voice_and_frees_the_rest():
    satb = extract_satb(choir(), lock=["A:2-3"])
    known = satb.grid != UNKNOWN
    assert known[:, 0].all()
    assert np.flatnonzero(known[:, 1]).tolist() == list(range(16, 48))
    assert not known[:, 2:].any()
    assert [n.midi for n in satb.notes[1]] == [64, 62, 62, 67, 67, 66, 67]


def test_lock_by_beats():
    satb = extract_satb(choir(), lock=["T:1.3-2.1"])
    assert np.flatnonzero(satb.given[:, 2]).tolist() == list(range(8, 20))


def test_lock_keeps_a_tied_note_whole():
    score = choir()
    notes = [
        replace(n, tie_start=n.onset_quarter == 3, tie_stop=n.onset_quarter == 4, midi=64)
        if n.part == "P1" and n.onset_quarter in (3, 4)
        else n
        for n in score.notes
    ]
    satb = extract_satb(score.replace_notes(notes), lock=["A:2"])
    assert [n.onset_quarter for n in satb.notes[1]] == [3, 4, 5, 6]
    assert np.flatnonzero(satb.given[:, 1]).tolist() == list(range(12, 32))
    assert np.flatnonzero(satb.attack[:, 1]).tolist() == [12, 20, 24]


def test_region_opens_bars_of_the_lower_voices_only():
    satb = extract_satb(choir(), region="2-3")
    unknown = satb.grid == UNKNOWN
    assert not unknown[:, 0].any()
    for v in (1, 2, 3):
        assert np.flatnonzero(unknown[:, v]).tolist() == list(range(16, 48))


def test_region_and_lock_together():
    satb = extract_satb(choir(), lock=["B:3"], region="2-3")
    assert np.flatnonzero(satb.grid[:, 3] == UNKNOWN).tolist() == list(range(16, 32))


def test_region_of_one_voice():
    satb = extract_satb(choir(), region="T:2")
    unknown = satb.grid == UNKNOWN
    assert np.flatnonzero(unknown.any(axis=0)).tolist() == [2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lock": ["A:9"]}, "--lock: there is no bar 9"),
        ({"region": "9"}, "--region: there is no bar 9"),
        ({"voices": "X"}, "--voices: 'X' names no voice"),
        ({"lock": ["T:1"]}, "--lock: the score has no tenor to keep"),
    ],
)
def test_mistakes_are_sentences(options, message):
    with pytest.raises(MusicError) as caught:
        extract_satb(score_of({"": line(MELODY)}), **options)
    assert str(caught.value).startswith(message)


def test_low_melody_is_seen_an_octave_higher():
    low = "43 45 47 48 50 47 45 43"
    satb = extract_satb(score_of({"": line(low)}))
    assert satb.shift_semitones == 24
    assert satb.grid[0, 0] == 67 and satb.notes[0][0].midi == 43


def test_triplets_and_grace_notes_stay_in_the_notes():
    score = score_of(
        {"": [(67, Fraction(1, 3)), (69, Fraction(1, 3)), (71, Fraction(1, 3)), (72, 3)]}
    )
    grace = replace(score.notes[3], duration_quarter=Fraction(0), grace=True, midi=74)
    satb = extract_satb(score.replace_notes([*score.notes, grace]))
    assert satb.grid[:5, 0].tolist() == [67, 67, 69, 71, 72]
    assert len(satb.notes[0]) == 5 and satb.notes[0][3].grace


def test_fermata_frames_are_those_of_the_written_head():
    score = score_of({"": line(MELODY)})
    notes = [replace(n, fermata=n.onset_quarter == 6) for n in score.notes]
    satb = extract_satb(score.replace_notes(notes))
    assert np.flatnonzero(satb.frames["fermata"]).tolist() == list(range(24, 32))


def test_key_is_detected_where_none_is_written():
    score = score_of({"": line(MELODY)}, fifths=None)
    assert set(extract_satb(score).frames["key_fifths"]) == {1}
    assert set(extract_satb(score, fifths=-2).frames["key_fifths"]) == {-2}


def test_random_scores_keep_every_given_note_and_cell():
    rng = np.random.default_rng(3)
    lows = (62, 55, 48, 40)
    for trial in range(25):
        parts = {
            name: random_line(rng, low, low + 12, 4)
            for name, low in zip(("Soprano", "Alto", "Tenor", "Bass"), lows, strict=True)
        }
        score = score_of(parts)
        if any(not score.part_notes(p.id) for p in score.parts):
            continue
        satb = extract_satb(score, "SATB")
        for v, part in enumerate(score.parts):
            assert satb.notes[v] == score.part_notes(part.id)
            for t in range(len(satb.grid)):
                time = Fraction(t, 4)
                sounding = [
                    n.midi
                    for n in score.part_notes(part.id)
                    if n.onset_quarter <= time < n.end_quarter
                ]
                assert satb.grid[t, v] == (sounding[0] if sounding else SILENCE), (trial, t, v)
