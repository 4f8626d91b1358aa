"""Copied runs against a slow search, and on planted copies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_performances import (
    another_take,
    empty_notes,
    joined,
    random_piece,
    tick_notes,
    transposed,
)
from partimento.music.copied import SEED, CopiedRun, build_index, longest_copied_run
from partimento.music.pitch_runs import collapsed_pitches


def slow_longest(piece, collection, *, transposed):
    """Longest common run by comparing every place with every other."""

    def symbols(notes):
        line = collapsed_pitches(notes)
        return (np.diff(line) if transposed else line).tolist()

    best, ours = 0, symbols(piece)
    for other in map(symbols, collection):
        for i in range(len(ours)):
            for j in range(len(other)):
                k = 0
                while i + k < len(ours) and j + k < len(other) and ours[i + k] == other[j + k]:
                    k += 1
                best = max(best, k)
    return best + transposed if best >= SEED else 0


def line(pitches):
    return tick_notes([(10 * i, 10 * i + 8, 60 + p, 12) for i, p in enumerate(pitches)])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 2), max_size=25),
    st.lists(st.lists(st.integers(0, 2), max_size=25), min_size=1, max_size=3),
    st.booleans(),
)
def test_the_longest_run_equals_a_slow_search(piece, collection, by_intervals):
    lines = [line(one) for one in collection]
    index = build_index({str(i): one for i, one in enumerate(lines)}, transposed=by_intervals)
    found = longest_copied_run(line(piece), index, distinct=1)
    assert found.length == slow_longest(line(piece), lines, transposed=by_intervals)


def test_a_planted_copy_is_found_with_its_places():
    training = {name: random_piece(seed) for seed, name in enumerate("abc")}
    source = training["b"]
    stolen = source.select((source.onset >= 1000) & (source.onset < 2000))
    fake = joined(random_piece(70), another_take(stolen, 3), random_piece(71))
    found = longest_copied_run(fake, build_index(training))
    assert found.source == "b"
    assert found.length >= len(stolen) // 2
    assert found.transposition == 0
    assert found.start_sec >= random_piece(70).onset[-1] / 100
    assert 9.0 <= found.source_sec <= 20.0
    assert found.seconds > 2.0


def test_a_transposed_copy_is_found_by_intervals_only():
    training = {"a": random_piece(0), "b": random_piece(1)}
    copy = transposed(training["b"], 3)
    assert longest_copied_run(copy, build_index(training)).length < 20
    found = longest_copied_run(copy, build_index(training, transposed=True))
    assert (found.source, found.length, found.transposition) == ("b", len(copy), 3)


def test_trills_do_not_count():
    trill = line([0, 2] * 40)
    index = build_index({"trill": trill})
    assert longest_copied_run(trill, index) == CopiedRun(0)
    assert longest_copied_run(trill, index, distinct=2).length == 80


def test_runs_do_not_cross_pieces():
    index = build_index({"a": line(range(8)), "b": line(range(8, 16))})
    assert longest_copied_run(line(range(16)), index).length == 8


@pytest.mark.parametrize("by_intervals", [False, True])
def test_nothing_is_copied_from_or_by_nothing(by_intervals):
    piece = random_piece(0)
    nothing = build_index({}, transposed=by_intervals)
    assert longest_copied_run(piece, nothing).length == 0
    assert longest_copied_run(piece, build_index({"e": empty_notes()})).length == 0
    index = build_index({"a": piece, "e": empty_notes()}, transposed=by_intervals)
    assert longest_copied_run(empty_notes(), index) == CopiedRun(0)
    assert longest_copied_run(piece, index).length == len(piece)
