from dataclasses import replace

import numpy as np

from partimento.music.barpiece import bar_piece
from partimento.tasks.text2midi.copying import (
    SHORTEST,
    build_run_index,
    copying_report,
    longest_runs,
    symbols,
)


def tune(seed, notes=60, gaps=(6, 12, 24)):
    rng = np.random.default_rng(seed)
    gaps = rng.choice(gaps, notes)
    onset = np.cumsum(gaps) - gaps[0]
    pitch = np.clip(60 + np.cumsum(rng.integers(-4, 5, notes)), 30, 100)
    loud = np.full(notes, 80)
    return bar_piece(onset, gaps, pitch, loud, loud * 0, meter="4/4")


def brute(piece, others):
    """The longest run with three different symbols, by looking everywhere."""
    mine, best = symbols(piece).tolist(), 0
    for other in others:
        line = symbols(other).tolist()
        for i in range(len(mine)):
            for j in range(len(line)):
                k = 0
                while i + k < len(mine) and j + k < len(line) and mine[i + k] == line[j + k]:
                    k += 1
                if k >= SHORTEST and len(set(mine[i : i + k])) >= 3:
                    best = max(best, k + 2)
    return best


def index_of(*pieces):
    return build_run_index({f"piece {i}": [piece] for i, piece in enumerate(pieces)})


def test_a_copy_is_found_whatever_its_key_and_note_values():
    first, second = tune(0), tune(1)
    index = index_of(first, second)
    moved = second.transpose(3)
    slower = replace(moved, onset=moved.onset * 2, duration=moved.duration * 2, bars=moved.bars * 2)
    for piece in (second, moved, slower):
        (run,) = longest_runs([piece], index)
        assert run.notes == 60
        assert run.source == "piece 1"


def test_a_quotation_has_its_length_and_place():
    source, other = tune(2), tune(3)
    quoted = source.select(np.arange(10, 30))
    shift = other.onset[20] - quoted.onset[0]
    gap = quoted.onset[-1] + shift + 24
    rest = other.select(np.arange(21, 40))
    piece = bar_piece(
        np.concatenate([other.onset[:20], quoted.onset + shift, rest.onset - rest.onset[0] + gap]),
        np.concatenate([other.duration[:20], quoted.duration, rest.duration]),
        np.concatenate([other.pitch[:20], quoted.pitch, rest.pitch]),
        np.full(59, 80),
        np.zeros(59),
        meter="4/4",
    )
    (run,) = longest_runs([piece], index_of(source, tune(4)))
    # Where the quotation meets its surroundings an interval may agree by chance.
    assert 20 <= run.notes <= 22
    assert abs(run.start - 20) <= 1


def test_runs_agree_with_the_plain_search():
    # Two pitches and one note value, so that runs of some length do meet.
    pool = [tune(seed, 40, gaps=(12,)) for seed in range(8)]
    pool = [replace(p, pitch=60 + p.pitch % 2) for p in pool]
    index = index_of(*pool[:5])
    found = [run.notes for run in longest_runs(pool[5:], index)]
    assert found == [brute(piece, pool[:5]) for piece in pool[5:]]
    assert max(found) > 0


def test_no_run_passes_from_one_piece_to_the_next():
    whole = tune(5, 40)
    halves = [whole.select(np.arange(20)), whole.select(np.arange(20, 40))]
    (run,) = longest_runs([whole], index_of(*halves))
    assert run.notes == 20


def test_even_scales_are_no_copies():
    onset = np.arange(20) * 12
    loud = np.full(20, 80)
    chromatic = bar_piece(onset, loud * 0 + 12, 50 + np.arange(20), loud, loud * 0, meter="4/4")
    (run,) = longest_runs([chromatic], index_of(chromatic))
    assert run.notes == 0


def test_pieces_too_short_have_no_run():
    short = tune(6).select(np.arange(2))
    assert longest_runs([short], index_of(tune(6)))[0].notes == 0
    assert longest_runs([tune(6)], build_run_index({}))[0].notes == 0


def test_the_report_tells_a_copier_from_a_composer():
    training = {f"t{i}": [tune(i)] for i in range(6)}
    held_out = [tune(i) for i in range(10, 16)]
    honest = copying_report([tune(i) for i in range(20, 26)], held_out, training)
    copied = copying_report([tune(3).transpose(-2)], held_out, training)
    assert honest["mean_within_twins"] and honest["p95_within_twins"]
    assert honest["generated"]["mostly_one_run"] == 0.0
    assert not copied["p95_within_twins"]
    assert copied["generated"]["mostly_one_run"] == 1.0
    assert not copied["longest_within_twins"]
    assert copied["longest_run"] == {"piece": 0, "notes": 60, "source": "t3"}
    assert copied["generated"]["longest"] == 60
