"""Crops and validation windows of event tokens; leaks are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_performances import another_take, random_piece, tick_notes, write_notes
from partimento.core.errors import DataError
from partimento.music.event_grammar import grammar_faults
from partimento.music.events import EOS, PAD, SOS, encode_events
from partimento.music.performance_augment import Augmentation
from partimento.tasks.piano.data import (
    EventDataConfig,
    Take,
    cut_crops,
    data_hash,
    framed,
    read_takes,
    refuse_leaks,
    validation_windows,
)
from partimento.training.samplers import epoch_windows, keyed_rng


def takes(count: int = 3, notes: int = 120) -> list[Take]:
    return [Take(f"{k}.mid", f"piece {k}", random_piece(k, notes=notes)) for k in range(count)]


def test_a_sequence_is_framed() -> None:
    notes = random_piece(0)
    sequence = framed(notes)
    assert (sequence[0], sequence[-1]) == (SOS, EOS)
    assert np.array_equal(sequence[1:-1], encode_events(notes))
    assert framed(tick_notes([])).tolist() == [SOS, EOS]


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 300), st.integers(0, 50))
def test_an_epoch_meets_every_target_exactly_once(length: int, epoch: int) -> None:
    pieces = takes()
    lengths = [len(t.sequence) - 1 for t in pieces]
    rows = epoch_windows(lengths, length, keyed_rng(0, "crops", epoch))
    seen = [np.zeros(n, dtype=int) for n in lengths]
    crops = cut_crops(pieces, rows, length)
    for row, (piece, start) in enumerate(rows.tolist()):
        begin = max(0, start)
        kept = int(crops.keep_BT[row].sum())
        seen[piece][begin : begin + kept] += 1
        sequence = pieces[piece].sequence
        assert crops.input_BT[row, :kept].tolist() == sequence[begin : begin + kept].tolist()
        assert crops.target_BT[row, :kept].tolist() == sequence[begin + 1 :][:kept].tolist()
        assert (crops.input_BT[row, kept:] == PAD).all()
        assert not crops.keep_BT[row, kept:].any()
    assert all((count == 1).all() for count in seen)


def test_varied_crops_are_whole_music_at_the_same_place() -> None:
    pieces = takes(notes=400)
    plan = Augmentation(transpose=2, transpose_probability=1.0, stretch=0.1)
    rows = np.array([[0, -3], [1, 300], [2, 900]])
    one = cut_crops(pieces, rows, 256, plan, np.random.default_rng(4))
    two = cut_crops(pieces, rows, 256, plan, np.random.default_rng(4))
    plain = cut_crops(pieces, rows, 256)
    assert all((a == b).all() for a, b in zip(one, two, strict=True))
    assert not (one.input_BT == plain.input_BT).all()
    assert one.input_BT[0, 0] == SOS
    first = one.input_BT[0, 1 : int(one.keep_BT[0].sum())].numpy()
    assert grammar_faults(first) == []
    assert all(
        (p.sequence == t.sequence).all() for p, t in zip(pieces, takes(notes=400), strict=True)
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 150), st.integers(2, 200).map(lambda n: 2 * n))
def test_all_windows_together_score_every_event_once(notes: int, length: int) -> None:
    pieces = takes(2, notes)
    windows = validation_windows(pieces, length, None)
    scored = np.concatenate([w.tokens[1 + w.first :] for w in windows])
    wanted = np.concatenate([t.sequence[1:-1] for t in pieces])
    assert np.array_equal(scored, wanted)
    for window in windows:
        assert len(window.tokens) <= length + 1
        assert window.first in (0, length // 2)
        assert len(window.allowed) == len(window.tokens) - 1


def test_the_grammar_allows_what_stands_in_the_windows() -> None:
    for window in validation_windows(takes(notes=400), 128, None):
        allowed = np.unpackbits(window.allowed, axis=1, count=391).astype(bool)
        assert allowed[np.arange(len(allowed)), window.tokens[1:]].all()
        assert not allowed[:, PAD].any() and not allowed[:, SOS].any()


def test_few_windows_are_spread_over_all() -> None:
    pieces = takes(5, 300)
    every = validation_windows(pieces, 64, None)
    some = validation_windows(pieces, 64, 7)
    assert len(some) == 7 < len(every)
    places = [
        next(i for i, w in enumerate(every) if np.array_equal(w.tokens, s.tokens)) for s in some
    ]
    assert places == [i * len(every) // 7 for i in range(7)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = ["midi_performance,folder,split"]
    for k in range(4):
        for player in range(3):
            name = f"work{k}/player{player}.mid"
            notes = another_take(random_piece(k), player)
            write_notes(notes, tmp_path / name)
            lines.append(f"{name},work{k},{'validation' if k == 3 else 'train'}")
    (tmp_path / "performances.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_parts_are_read_by_the_table(folder: Path) -> None:
    data = EventDataConfig(performances=str(folder))
    train = read_takes(data, "train")
    valid = read_takes(data, "validation", 2)
    assert len(train) == 9 and len({t.piece for t in train}) == 3
    assert [t.name for t in valid] == ["work3/player0.mid", "work3/player1.mid"]
    table = EventDataConfig(performances=str(folder / "performances.csv"), root=str(folder))
    assert data_hash(read_takes(table, "train")) == data_hash(train) != data_hash(valid)
    refuse_leaks(train, valid)
    with pytest.raises(DataError, match=r"'test' \(parts: train, validation\)"):
        read_takes(data, "test")
    (folder / "work0" / "player0.mid").write_bytes(b"MThd")
    with pytest.raises(DataError, match="1 of the 9 performances"):
        read_takes(data, "train")


def test_another_take_of_a_work_is_a_leak() -> None:
    train = takes(4)
    valid = [Take("hidden.mid", "another name", another_take(train[2].notes, 5))]
    with pytest.raises(DataError, match=r"such as 2\.mid and hidden\.mid"):
        refuse_leaks(train, valid)


def test_a_corpus_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARTIMENTO_HOME", str(tmp_path))
    with pytest.raises(DataError, match="data add asap FOLDER"):
        read_takes(EventDataConfig(), "train")
