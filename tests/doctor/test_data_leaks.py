"""Held-out examples that training knows: by group, as they are, in another key, nearly."""

import numpy as np
import pytest

from partimento.doctor.case import Case, DataFacts
from partimento.doctor.data_leaks import CHECKS
from partimento.doctor.data_shingles import near_copies, shingles
from partimento.doctor.data_surprise import telling
from partimento.doctor.examine import examine

TRAIN, VALID = 40, 20
SPLIT = ["train"] * TRAIN + ["valid"] * VALID


def grids(seed=0, count=TRAIN + VALID, frames=160):
    """Four voices that walk about, each note two to five frames long."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        voices = []
        for low in (60, 55, 48, 40):
            steps = low + rng.integers(-2, 3, frames).cumsum() % 12
            voices.append(np.repeat(steps, rng.integers(2, 6, frames))[:frames])
        found.append(np.stack(voices, axis=1))
    return found


def findings(inputs, split=SPLIT, protocol=None, **more):
    settings = {"data": {"protocol": protocol}} if protocol else {}
    more = {"pitch_tokens": (0, 127), **more}
    case = Case(config=settings, data=DataFacts(inputs=inputs, split=split, **more))
    return examine(case, CHECKS).findings


@pytest.mark.parametrize("seed", range(8))
def test_pieces_of_their_own(seed):
    assert not findings(grids(seed), groups={"piece": [str(n) for n in range(TRAIN + VALID)]})


def test_one_piece_in_both_parts():
    names = [str(n) for n in range(TRAIN)] + [str(n) for n in range(5)] + ["x"] * 15
    (one,) = findings(grids(), groups={"piece": names})
    assert (one.code, one.severity, one.measured) == ("D2.leakage", "severe", 0.25)
    assert one.evidence["pairs"][0]["training"] == "example 0"


def test_unnamed_pieces_share_nothing():
    assert not findings(grids(), groups={"piece": [""] * (TRAIN + VALID)})


def test_test_examples_known_from_validation():
    split = [*SPLIT[:50], *["test"] * 10]
    names = [str(n) for n in range(50)] + ["45"] * 2 + [f"y{n}" for n in range(8)]
    (one,) = findings(grids(), split=split, groups={"recording": names})
    assert one.measured == 2 / 20


@pytest.mark.parametrize(("move", "way"), [(0, "inputs"), (3, "inputs in another key")])
def test_equal_pieces(move, way):
    pieces = grids()
    for n in range(5):
        pieces[TRAIN + n] = pieces[n] + move
    (one,) = findings(pieces)
    assert (one.severity, one.measured) == ("severe", 0.25)
    rows = {row["compared"]: row["examples"] for row in one.evidence["ways"]}
    assert rows[way] == 5
    assert ("key" in one.claim) == bool(move)


def test_a_piece_of_which_a_third_is_new():
    pieces, other = grids(), grids(9)
    for n in range(5):
        pieces[TRAIN + n] = np.concatenate([pieces[n][:107] + 2, other[n][:53]])
    (one,) = findings(pieces)
    assert (one.severity, one.measured) == ("severe", 0.25)
    assert {row["way"] for row in one.evidence["ways"]} == {"near"}


def test_one_copy_of_twenty_is_no_alarm():
    pieces = grids()
    pieces[TRAIN] = pieces[0]
    (one,) = findings(pieces)
    assert one.severity == "info"


def test_scales_are_alike_by_chance():
    rng = np.random.default_rng(0)
    scale = np.repeat(np.arange(24), 4)[:, None] % 12 + np.array([72, 64, 60, 48])
    assert not findings([scale + rng.integers(0, 5) for _ in SPLIT])


def test_equal_feature_rows_are_no_chance():
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(10, 5)) for _ in SPLIT]
    assert not findings(rows)
    rows[TRAIN:] = rows[:VALID]
    (one,) = findings(rows)
    assert one.measured == 1.0


def test_what_a_protocol_shares_by_design():
    groups = {
        "passage": ["p"] * (TRAIN + VALID),
        "performer": [str(n) for n in range(TRAIN + VALID)],
    }
    (one,) = findings(grids(), protocol="performer", groups=groups)
    assert (one.severity, one.threshold) == ("info", None)
    assert "passage" in one.claim
    (one,) = findings(grids(), protocol="groups", groups=groups)
    assert one.severity == "severe"


def test_the_published_split_is_a_warning_for_shared_notes():
    groups = {"notes": ["one"] * (TRAIN + VALID)}
    (one,) = findings(grids(), protocol="passage", groups=groups)
    assert one.severity == "warning"
    assert one.evidence["change"] == {"data.protocol": "groups"}


def test_shingles_do_not_know_the_key():
    (piece,) = grids(count=1)
    assert np.array_equal(shingles(piece, (0, 127)), shingles(piece + 5, (0, 127)))
    line = piece[::3, 0]
    events = np.stack([line, np.full_like(line, 300)], axis=1).ravel()
    moved = np.stack([line + 2, np.full_like(line, 310)], axis=1).ravel()
    assert np.array_equal(shingles(events, (0, 127)), shingles(moved, (0, 127)))
    with pytest.raises(ValueError, match="token rows"):
        shingles(np.zeros((2, 2, 2), dtype=np.int64), (0, 127))


def test_near_copies_name_the_best_one():
    pieces = grids(count=6)
    pieces[5] = np.concatenate([pieces[2][:130], pieces[3][:30]])
    sets = [shingles(piece, (0, 127)) for piece in pieces]
    (one,), judged = near_copies(sets, np.array([4, 5]), np.arange(4))
    assert (one.held_out, one.training, judged) == (5, 2, 2)
    assert 0.6 < one.containment < 1.0


def test_a_copy_in_training_does_not_vouch_for_itself():
    rng = np.random.default_rng(0)
    long = [rng.integers(0, 9, 60).tolist() for _ in range(20)]
    plain = [[1, 2, 3] * 4 for _ in range(20)]
    known = telling([*long, *plain], np.ones(40, dtype=bool))
    assert known.tolist() == [True] * 20 + [False] * 20
