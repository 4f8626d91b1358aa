import csv
from dataclasses import replace

import numpy as np
import pytest

from made_expression import played_rows, score_rows, write_asap, write_beats, write_midi
from partimento.core.errors import DataError
from partimento.music.barpiece import TICKS
from partimento.music.expression_pairs import extended_interp, read_pairs
from partimento.music.expression_targets import (
    TARGETS,
    TIMING_SEC,
    articulation,
    slowness,
    targets_of,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_asap(tmp_path_factory.mktemp("asap"), works=2)


@pytest.fixture(scope="module")
def pair(folder):
    return next(iter(read_pairs(folder, "train")))


def test_every_written_note_is_found_where_it_was_played(pair):
    rows = score_rows(0)
    played, beats = played_rows(rows, 0)
    assert pair.found.all() and len(pair.piece) == len(rows)
    assert pair.piece.meter == "4/4" and pair.piece.bars == 12
    wanted = np.array(sorted((pitch, onset) for onset, _, pitch, _ in played if pitch < 90))
    found = np.array(sorted(zip(pair.piece.pitch, pair.onset_sec, strict=True)))
    assert np.allclose(found, wanted, atol=0.002)
    assert np.allclose(pair.beat_sec, beats, atol=1e-5)
    assert np.array_equal(pair.beat_tick, TICKS * np.arange(len(beats)))


def test_the_tempo_is_the_mean_tempo_of_the_performance(pair):
    quarters = (pair.beat_tick[-1] - pair.beat_tick[0]) / TICKS
    seconds = pair.beat_sec[-1] - pair.beat_sec[0]
    assert np.isclose(pair.piece.tempo_bpm, 60 * quarters / seconds)
    assert pair.piece.tempo_bpm < 120


def test_keys_that_the_alignment_calls_inserted_belong_to_no_note(folder, tmp_path):
    # The wrong key is that of a written note just before: only the table tells them apart.
    write_asap(tmp_path, works=1, players=1, extra=False)
    table = (tmp_path / "performances.csv").read_text().replace("validation", "train")
    (tmp_path / "performances.csv").write_text(table)
    rows = score_rows(0)
    played, _ = played_rows(rows, 0)
    strange = (played[40][0] + 0.05, 0.05, played[40][2], 120)
    write_midi(tmp_path / "Made/work0/player0.mid", sorted([*played, strange]))
    onset = round(strange[0] * 960) / 960
    lines = f"xml_id\tmidi_id\ttrack\tchannel\tpitch\tonset\ninsertion\tn\t1\t0\t{strange[2]}\t"
    (tmp_path / "Made/work0/player0.tsv").write_text(lines + f"{onset}\n")
    (found,) = read_pairs(tmp_path, "train")
    assert 120 not in found.velocity.tolist()


def test_parts_and_unsure_alignments_are_kept_apart(folder, tmp_path):
    assert {pair.work for pair in read_pairs(folder, "train")} == {"Made/work0"}
    assert {pair.work for pair in read_pairs(folder, "validation")} == {"Made/work1"}
    write_asap(tmp_path, works=2)
    table = tmp_path / "performances.csv"
    table.write_text(table.read_text().replace(",1.0,", ",0.0,"))
    with pytest.raises(DataError, match="no performance of the part"):
        list(read_pairs(tmp_path, "train"))


def test_a_folder_without_the_table_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no performances\.csv"):
        list(read_pairs(tmp_path, "train"))


def test_a_table_without_a_column_is_refused_by_its_name(tmp_path):
    write_asap(tmp_path, works=1)
    table = tmp_path / "performances.csv"
    table.write_text(table.read_text().replace("note_alignments", "alignments", 1))
    with pytest.raises(DataError, match="no column note_alignments"):
        list(read_pairs(tmp_path, "train"))


def test_a_performance_whose_beats_are_damaged_is_left_out(tmp_path):
    write_asap(tmp_path, works=2)
    whole = list(read_pairs(tmp_path, "train"))
    with (tmp_path / "performances.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["split"] == "train")
    (tmp_path / row["performance_annotations"]).write_text("soon\tlater\tdb,4/4\n")
    left = list(read_pairs(tmp_path, "train"))
    assert len(left) == len(whole) - 1
    assert row["midi_performance"] not in {pair.performance for pair in left}


def test_an_upbeat_gets_a_bar_of_its_own(tmp_path):
    write_asap(tmp_path, works=1, players=1)
    table = (tmp_path / "performances.csv").read_text().replace("validation", "train")
    (tmp_path / "performances.csv").write_text(table)
    folder = tmp_path / "Made" / "work0"
    score_beats = 0.5 * np.arange(48)
    write_beats(folder / "midi_score_annotations.txt", score_beats, first=1)
    (pair,) = read_pairs(tmp_path, "train")
    assert pair.piece.onset.min() == 3 * TICKS
    assert set((pair.beat_tick % pair.piece.bar_ticks).tolist()) == {0, 24, 48, 72}


def test_a_performance_of_other_notes_is_left_out(tmp_path):
    write_asap(tmp_path, works=1, players=1)
    table = (tmp_path / "performances.csv").read_text().replace("validation", "train")
    (tmp_path / "performances.csv").write_text(table)
    played, _ = played_rows(score_rows(0), 0)
    other = [(onset, length, pitch + 40, loud) for onset, length, pitch, loud in played]
    write_midi(tmp_path / "Made/work0/player0.mid", [r for r in other if r[2] < 128])
    assert list(read_pairs(tmp_path, "train")) == []


def test_targets_are_the_habits_of_the_player(pair):
    targets = targets_of(pair)
    first = pair.piece.onset % pair.piece.bar_ticks < TICKS
    melody = pair.piece.pitch >= 65
    slow, loud, bound, late, down, _ = targets.value.T
    assert np.isclose(slow[first].mean() - slow[~first].mean(), np.log(1.3), atol=0.01)
    assert loud[melody].mean() - loud[~melody].mean() > 1.5
    ratio = bound[melody].mean() - bound[~melody].mean()
    assert np.isclose(ratio, np.log(0.45 / 0.9), atol=0.05)
    assert np.isclose((late[~melody].mean() - late[melody].mean()) * TIMING_SEC, 0.02, atol=0.004)
    third = (pair.piece.onset % pair.piece.bar_ticks) // TICKS
    assert down[third == 1].min() == 1.0 and down[third == 3].max() == 0.0
    assert targets.value.shape == (len(pair.piece), len(TARGETS))


def test_a_beat_weighs_the_same_however_many_notes_it_has(pair):
    weight = targets_of(pair).weight[:, 0]
    beat = pair.piece.onset // TICKS
    inside = beat < beat.max() - 1
    sums = np.bincount(beat[inside], weights=weight[inside])
    assert np.allclose(sums, sums[0])


def test_notes_that_were_not_played_weigh_nothing(pair):
    onset = pair.onset_sec.copy()
    onset[:5] = np.nan
    holes = targets_of(replace(pair, onset_sec=onset, velocity=np.where(onset > 0, 70, 0)))
    # The tempo of a beat is known all the same.
    assert not holes.weight[:5, 1:].any() and holes.weight[5:].all() and holes.weight[:, 0].all()
    assert np.isfinite(holes.value).all()


def test_slowness_is_free_of_the_tempo_as_a_whole():
    tick = np.array([0, 24, 48, 72])
    even = slowness(tick, np.array([0.0, 0.5, 1.0, 1.5]))
    slower = slowness(tick, np.array([0.0, 0.5, 1.0, 2.0]))
    assert np.allclose(even, 0.0)
    assert np.allclose(slower, slowness(tick, 3.0 * np.array([0.0, 0.5, 1.0, 2.0])))
    assert np.isclose(slower[2] - slower[0], np.log(2.0))


def test_articulation_is_held_over_written_time():
    tick, second = np.array([0, 24, 48]), np.array([0.0, 0.5, 1.5])
    held = articulation(np.array([0, 24]), np.array([24, 24]), np.array([0.25, 1.0]), tick, second)
    assert np.allclose(held, [np.log(0.5), 0.0])


def test_interpolation_goes_on_beyond_the_ends():
    known, value = np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 3.0])
    assert np.allclose(extended_interp(np.array([-1.0, 0.5, 5.0]), known, value), [-2.0, 1.0, 4.0])
