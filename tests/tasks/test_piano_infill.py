"""Gaps and variations: what is outside stays, what is inside leads on."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_piano import FakePiano
from made_performances import random_piece, write_notes
from partimento.core.errors import ConfigError, MusicError
from partimento.music.performance import read_performance
from partimento.tasks.piano import infill as infill_module
from partimento.tasks.piano import vary as vary_module
from partimento.tasks.piano.gap import best, right_nats_per_note, without_collisions
from partimento.tasks.piano.infill import infill, inside_gap
from partimento.tasks.piano.passage import NO_NOTES, Struck, read_struck, strike, together
from partimento.tasks.piano.vary import choose_regions, vary


@pytest.fixture
def piano(monkeypatch):
    fake = FakePiano()
    for module in (infill_module, vary_module):
        monkeypatch.setattr(module, "load_piano", lambda *options: fake)
    return fake


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_notes(random_piece(5, 80), tmp_path_factory.mktemp("given") / "walk.mid")


def fields(notes):
    return [getattr(notes, name).tolist() for name in ("onset", "offset", "pitch", "velocity")]


def overlaps(notes):
    order = np.lexsort((notes.onset, notes.pitch))
    pitch, onset, offset = (getattr(notes, f)[order] for f in ("pitch", "onset", "offset"))
    return int(((pitch[1:] == pitch[:-1]) & (onset[1:] < offset[:-1])).sum())


def test_everything_outside_the_gap_stays(piano, source, tmp_path):
    outcome = infill(source, start=4, end=7, n=3, candidates=5)
    given_notes, _ = read_struck(source)
    outside = given_notes.select(~inside_gap(given_notes, 400, 700))
    assert 0 < len(outside) < len(given_notes)
    for piece in outcome.pieces:
        assert fields(piece.notes.select(~piece.notes.made)) == fields(outside)
        assert len(piece.made) and overlaps(piece.notes) == 0
        assert piece.made.onset.min() >= 4000 - 5 and piece.made.onset.max() < 7000
        assert piece.made.offset.max() <= 7000
    file = outcome.save(tmp_path)[0]
    assert fields(strike(read_performance(file))) == fields(outcome.pieces[0].notes)


def test_the_best_candidates_come_first(piano, source):
    outcome = infill(source, start=4, end=6, n=2, candidates=6)
    report = outcome.report()
    nats = report["right_nats_per_note_of_all_candidates"]
    assert len(nats) == 6 and nats == sorted(nats) and nats[0] < nats[-1]
    assert [p["right_nats_per_note"] for p in report["pieces"]] == nats[:2]
    assert 0 < report["right_nats_per_note_of_the_file"] < 40
    given_notes, _ = read_struck(source)
    outside = given_notes.select(~inside_gap(given_notes, 400, 600))
    again = right_nats_per_note(piano, outside, outcome.pieces[0].made, 400, 600)
    assert again == pytest.approx(nats[0], abs=1e-4)


def test_what_follows_is_judged_by_a_difference(piano):
    """The second passage alone counts: its own tokens, given the first."""
    first, then = strike_of(random_piece(1, 10)), strike_of(random_piece(2, 10).shifted(2000))
    nats = right_nats_per_note(piano, together(first, then), NO_NOTES, 1500, 2000)
    both = piano.nats(together(first, then).ticks()).sum() - piano.nats(first.ticks()).sum()
    assert nats == pytest.approx(both / len(then))
    assert right_nats_per_note(piano, first, NO_NOTES, 1500, 2000) == float("inf")


def strike_of(notes):
    made = np.zeros(len(notes), dtype=bool)
    times = notes.onset * 10, notes.offset * 10
    return Struck(*times, notes.pitch, np.full(len(notes), 60), made)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_made_notes_leave_the_given_ones_alone(seed, other):
    kept, made = strike_of(random_piece(seed, 30)), strike_of(random_piece(other, 30))
    found = without_collisions(made, kept)
    assert overlaps(together(kept, found)) == 0
    assert (found.offset - found.onset).min(initial=20) >= 20
    free = without_collisions(made, NO_NOTES)
    assert fields(free) == fields(made.select(made.offset - made.onset >= 20))


def test_same_seed_same_filling(piano, source):
    def made(seed):
        return fields(infill(source, start=4, end=6, candidates=3, seed=seed).pieces[0].notes)

    assert made(1) == made(1) != made(2)


def test_equal_candidates_count_once(piano, source, monkeypatch):
    monkeypatch.setattr("fake_piano.END_SHARE", 1e9)
    outcome = infill(source, start=2, end=3, n=3, candidates=4, temperature=0)
    assert len(outcome.pieces) == 1 and "only 1 candidates differ" in outcome.warnings[-1]
    assert best([], 3) == []


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [(5, 5, "no length"), (-1, 3, "no length"), (900, 910, "before the gap"), (1, 500, "too long")],
)
def test_impossible_gaps(piano, source, start, end, words):
    with pytest.raises(ConfigError, match=words):
        infill(source, start=start, end=end)


def test_a_gap_at_the_end_is_a_continuation(piano, source):
    with pytest.raises(MusicError, match="nothing follows the gap"):
        infill(source, start=5, end=120)


def test_a_variation_keeps_its_other_stretches(piano, source):
    outcome = vary(source, strength=0.4, n=2, candidates=2)
    given_notes, _ = read_struck(source)
    for piece in outcome.pieces:
        kept = piece.notes.select(~piece.notes.made)
        replaced = np.zeros(len(given_notes), dtype=bool)
        for begin, stop in piece.details["regions_sec"]:
            replaced |= inside_gap(given_notes, round(begin * 100), round(stop * 100))
        assert fields(kept) == fields(given_notes.select(~replaced))
        assert overlaps(piece.notes) == 0
        assert abs(piece.details["strength"] - 0.4) < 0.25
    assert fields(outcome.pieces[0].notes) != fields(outcome.pieces[1].notes)
    assert fields(vary(source, strength=0.4, n=1, candidates=2).pieces[0].notes) == fields(
        outcome.pieces[0].notes
    )


def test_a_range_bounds_the_variation(piano, source):
    outcome = vary(source, start=3, end=8, strength=1)
    (piece,) = outcome.pieces
    given_notes, _ = read_struck(source)
    outside = given_notes.select(~inside_gap(given_notes, 300, 800))
    assert fields(piece.notes.select(~piece.notes.made)) == fields(outside)
    assert piece.made.onset.min() >= 3000 - 5 and piece.made.onset.max() < 8000


@given(st.integers(0, 1000), st.integers(5, 120), st.floats(0.05, 1.0), st.integers(0, 50))
def test_regions_lie_in_the_span_and_do_not_meet(seed, count, strength, number):
    notes = strike_of(random_piece(seed, count))
    span = int(notes.ticks().onset[0]), notes.ticks().ticks
    regions = choose_regions(notes, span, strength, number)
    assert regions and regions == choose_regions(notes, span, strength, number)
    assert all(span[0] <= a < b <= span[1] for a, b in regions)
    assert all(a[1] <= b[0] for a, b in pairwise(regions))
    if strength == 1.0:
        assert sum(b - a for a, b in regions) == span[1] - span[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strength": 0}, "strength of 0"),
        ({"strength": 1.5}, "strength of 1.5"),
        ({"start": 500}, "nothing to vary"),
        ({"n": 0}, "0 pieces"),
        ({"candidates": 0}, "0 pieces"),
    ],
)
def test_impossible_variations(piano, source, options, words):
    with pytest.raises(ConfigError, match=words):
        vary(source, **options)
