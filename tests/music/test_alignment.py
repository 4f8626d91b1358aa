"""Which played note is which written one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from critique_clips import (
    MELODY,
    back,
    clip,
    document,
    midi_number,
    note,
    scale_rows,
    scale_score,
    some_clips,
    write_played,
)
from partimento.core.errors import InputFileError, MusicError
from partimento.music import alignment, onset_warping
from partimento.music.alignment import POOR_MATCH, align, align_scores, read_and_align
from partimento.music.onset_warping import OnsetWarping
from partimento.music.partitura_score import light_imports
from partimento.music.performance import read_performance


@given(
    # parangonar never comes back from a table of one cell; ours does (see below).
    pitches=st.lists(st.integers(60, 66), min_size=2, max_size=14),
    chords=st.lists(st.sets(st.integers(60, 66), max_size=3), min_size=1, max_size=12),
)
@settings(max_examples=60, deadline=None)
def test_warping_by_diagonals_is_that_of_parangonar(pitches, chords):
    with light_imports():
        from parangonar.dp import DTWSL
    ours = OnsetWarping()(np.array(pitches), chords)
    theirs = DTWSL()(np.array(pitches), chords)
    assert ours[0] == theirs[0]
    assert ours[1].tolist() == theirs[1].tolist()


def test_a_table_beyond_the_bound_is_refused(monkeypatch):
    monkeypatch.setattr(onset_warping, "MAX_CELLS", 20)
    with pytest.raises(MusicError, match="too long to be aligned"):
        OnsetWarping()(np.array([60] * 7), [{60}] * 3)


def test_every_note_of_a_plain_performance_is_found(tmp_path):
    files = clip(tmp_path)
    found = align(files.performance, files.score)
    played = read_performance(files.performance)
    assert found.score_match == found.performance_match == 1.0
    assert len(found.extra) == 0 and found.warnings == ()
    assert np.array_equal(played.pitch[found.played], found.pitch)
    assert played.onset_sec[found.played] == pytest.approx(found.onset_beat * 0.5)
    assert (found.staff[found.voice == 5] == 2).all()
    assert found.duration_beat.sum() == 32


def test_left_out_and_added_notes_are_told(tmp_path):
    rows = scale_rows()
    del rows[5]
    rows.append((2.6, 2.7, 90, 50))
    files = clip(tmp_path, rows)
    found = align(files.performance, files.score)
    assert found.score_match == pytest.approx(19 / 20)
    assert found.performance_match == pytest.approx(19 / 20)
    assert found.pitch[found.played < 0].tolist() == [midi_number(MELODY[5])]
    assert read_performance(files.performance).pitch[found.extra].tolist() == [90]


def test_rubato_does_not_disturb(tmp_path):
    files = clip(tmp_path, scale_rows(beat_sec=[0.3, 0.9, 0.4, 1.2], held=0.6))
    assert align(files.performance, files.score).score_match == 1.0


def test_voices_in_unison_share_the_key(tmp_path):
    bar = note("C5", 16, kind="whole") + back(16) + note("C5", 8, voice=2) + note("E5", 8, voice=2)
    rows = [(0, 1.9, 72, 60), (1, 1.9, 76, 60)]
    files = clip(tmp_path, rows, score=document(bar))
    found = align(files.performance, files.score)
    assert found.score_match == found.performance_match == 1.0
    assert found.played.tolist() == [0, 0, 1]


def test_another_piece_matches_badly_and_says_so(tmp_path):
    rows = [(0.3 * i, 0.3 * i + 0.2, p, 60) for i, p in enumerate([61, 66, 63, 68, 70, 58] * 5)]
    files = clip(tmp_path, rows)
    found = align(files.performance, files.score)
    assert found.score_match < POOR_MATCH
    assert "another piece" in found.warnings[-1]


def test_next_to_nothing_in_common_is_no_crash(tmp_path):
    files = clip(tmp_path, [(0, 1, 20, 60)])
    found = align(files.performance, files.score)
    assert found.score_match == 0.0
    assert found.extra.tolist() == [0]
    one = clip(tmp_path, [(0, 1, 72, 60)], score=document(note("C5", 16)), name="one")
    assert align(one.performance, one.score).score_match == 1.0


def test_a_tremolo_is_matched_as_played_and_as_drawn(tmp_path):
    mark = '<ornaments><tremolo type="{}">1</tremolo></ornaments>'
    pair = note("C4", 8, inner=mark.format("start"), kind="whole")
    pair += note("G4", 8, inner=mark.format("stop"), kind="whole")
    score = document(pair, note("C5", 16, kind="whole"))
    figure = [(0.25 * i, 0.25 * i + 0.2, (60, 67)[i % 2], 60) for i in range(8)]
    unfolded = clip(tmp_path, [*figure, (2, 4, 72, 60)], score=score)
    assert len(align(unfolded.performance, unfolded.score)) == 9
    drawn = clip(tmp_path, [(0, 1, 60, 60), (1, 2, 67, 60), (2, 4, 72, 60)], score=score, name="b")
    found = align(drawn.performance, drawn.score)
    assert len(found) == 3 and found.score_match == 1.0


def test_two_tracks_of_a_deadpan_file_are_one_performance(tmp_path):
    import symusic

    path = write_played(tmp_path / "two.mid", scale_rows())
    whole = symusic.Score(str(path))
    low = symusic.Track("left", 0, False)
    for played in [n for n in whole.tracks[0].notes if n.pitch == 48]:
        low.notes.append(played)
    high = symusic.Track("right", 0, False)
    for played in [n for n in whole.tracks[0].notes if n.pitch != 48]:
        high.notes.append(played)
    whole.tracks = [high, low]
    whole.dump_midi(str(path))
    score = tmp_path / "scale.musicxml"
    score.write_bytes(scale_score())
    assert align(path, score).score_match == 1.0


def test_a_score_midi_stands_in_for_a_missing_or_wrong_score(tmp_path):
    files = clip(tmp_path)
    written = write_played(tmp_path / "score.mid", scale_rows(held=1.0))
    assert align(files.performance, None, written).score_match == 1.0
    wrong = tmp_path / "wrong.musicxml"
    wrong.write_bytes(document(*(note(name, 16, kind="whole") for name in ("C2", "D2", "E2"))))
    found = align(files.performance, wrong, written)
    assert found.score_match == 1.0 and len(found) == 20
    # A score that fits is kept: only it knows the marks.
    assert len(align(files.performance, files.score, wrong)) == 20


def test_the_guarded_alignment_is_the_same(tmp_path):
    files = clip(tmp_path, scale_rows(held=0.5), [(0.1, 64, 127), (0.6, 64, 0)])
    raw, found = read_and_align(files.performance, files.score)
    other_raw, other = read_and_align(files.performance, files.score, guarded=True)
    assert np.array_equal(found.played, other.played)
    assert np.array_equal(raw.key_up_sec, other_raw.key_up_sec)
    assert np.array_equal(raw.pedals[64].depth, other_raw.pedals[64].depth)
    assert other.score_match == 1.0
    for name, column in found.score.marks.items():
        assert np.array_equal(column, other.score.marks[name])


def test_broken_files_get_a_clear_sentence(tmp_path, monkeypatch):
    files = clip(tmp_path)
    broken = tmp_path / "broken.musicxml"
    broken.write_bytes(scale_score()[:400])
    with pytest.raises(InputFileError, match=r"broken\.musicxml"):
        align(files.performance, broken)
    with pytest.raises(InputFileError, match="does not exist"):
        align(files.performance, tmp_path / "none.musicxml")
    silent = write_played(tmp_path / "silent.mid", [], [(0.1, 64, 127)])
    with pytest.raises(MusicError, match="no notes of a pitched instrument"):
        align(silent, files.score)
    with pytest.raises(ValueError, match="needs a score"):
        align(files.performance, None)
    monkeypatch.setattr(alignment, "MAX_PLAYED", 10)
    with pytest.raises(MusicError, match="20 notes, more than the 10"):
        align(files.performance, files.score)


def test_a_piece_of_thousands_of_notes_is_aligned_in_seconds():
    """1,200 onsets against 1,200 played notes: 1.4 million cells."""
    generator = np.random.default_rng(5)
    names = [f"{'CDEFGAB'[i]}{o}" for i, o in generator.integers((0, 3), (7, 6), size=(1200, 2))]
    bars = ["".join(note(n) for n in names[i : i + 4]) for i in range(0, 1200, 4)]
    pitches = np.array([midi_number(name) for name in names])
    from partimento.music.performance import Performance

    time = np.cumsum(generator.uniform(0.2, 0.4, size=1200))
    played = Performance(time, time + 0.2, pitches, np.full(1200, 60), np.zeros((0, 2)))
    found = align_scores(played, [("long", document(*bars))])
    assert found.score_match > 0.99
    assert np.array_equal(found.played, np.arange(1200))


def test_the_clips_of_percepiano_match(data_dir, tmp_path):
    """One clip in 55; the figures of all stand in docs/log.md."""
    files = some_clips(data_dir, tmp_path, every=55)
    found = [align(each.performance, each.score) for _, each in files]
    notes = sum(len(one) for one in found)
    matched = sum(int((one.played >= 0).sum()) for one in found)
    assert matched / notes >= 0.97
    assert np.mean([one.performance_match for one in found]) >= 0.95
