"""Regions and locks as people write them, and what fits around the notes that stay."""

from __future__ import annotations

import numpy as np
import pytest

from made_pieces import made_piece
from partimento.core.errors import ConfigError
from partimento.music.barpiece import bar_piece
from partimento.music.instruments import INSTRUMENT_ID
from partimento.tasks.text2midi.region import Region, parsed_bars, parsed_instruments, with_notes
from partimento.tasks.text2midi.region_locks import lock_name, locked_notes
from partimento.tasks.text2midi.region_window import Window

PIANO, VIOLIN = INSTRUMENT_ID["piano"], INSTRUMENT_ID["violin"]


def piece_of(*rows: tuple[int, int, int, int], bars: int = 4, meter: str = "4/4"):  # type: ignore[no-untyped-def]
    """Notes of onset, duration, pitch, instrument."""
    on, held, pitch, who = np.array(rows).T
    return bar_piece(on, held, pitch, np.full(len(rows), 70), who, meter=meter, bars=bars)


def test_bars_as_people_write_them() -> None:
    assert parsed_bars("3-4", 8) == parsed_bars((3, 4), 8) == parsed_bars([3, 4], 8) == (2, 4)
    assert parsed_bars("3", 8) == parsed_bars(3, 8) == parsed_bars("3-3", 8) == (2, 3)
    assert parsed_bars(" 1 - 48 ", 99) == (0, 48)
    with pytest.raises(ConfigError, match="49 bars at once"):
        parsed_bars("1-49", 99)
    for wrong in ("", "a-b", "1-2-3", "1..2", "9" * 50, "-", "3-12345678901"):
        with pytest.raises(ConfigError, match="names no bars"):
            parsed_bars(wrong, 8)


def test_instruments_as_people_write_them() -> None:
    assert parsed_instruments("Violin, piano") == (PIANO, VIOLIN)
    assert parsed_instruments(["violin", "violin"]) == (VIOLIN,)
    assert parsed_instruments(None) == parsed_instruments("") == ()


def test_locks_as_people_write_them() -> None:
    piece = piece_of(
        (0, 24, 60, PIANO), (24, 8, 61, PIANO), (32, 8, 63, PIANO), (108, 12, 60, PIANO),
        (108, 12, 60, VIOLIN),
    )  # fmt: skip
    for lock, rows in (
        ("1:1:C4", [0]),
        ("1:2:Db4", [1]),
        ("1:2:C#4", [1]),
        ("1:2.3333:63", [2]),
        ("1:7/3:Eb4", [2]),
        (" 2:1.5:C4 ", [3, 4]),
        ("2:1.5:C4:violin", [4]),
        ("3", [3]),
        (2, [2]),
    ):
        assert np.flatnonzero(locked_notes(piece, [lock])).tolist() == rows, lock
    assert np.flatnonzero(locked_notes(piece, [0, "2:1.5:60"])).tolist() == [0, 3, 4]
    assert not locked_notes(piece, ()).any()


def test_beats_are_those_of_the_meter() -> None:
    piece = piece_of((36, 12, 67, VIOLIN), meter="6/8")
    assert locked_notes(piece, ["1:4:G4"]).all()


@pytest.mark.parametrize("meter", ["4/4", "6/8", "3/16", "3/2"])
def test_a_note_is_found_by_its_name(meter: str) -> None:
    onsets = np.arange(0, 30)
    piece = piece_of(*((int(on), 1, 40 + int(on), VIOLIN) for on in onsets), meter=meter)
    for row in range(len(piece)):
        assert np.flatnonzero(locked_notes(piece, [lock_name(piece, row)])).tolist() == [row]


@pytest.mark.parametrize(
    ("lock", "message"),
    [
        ("1:1", "names no note"),
        ("1:1:H4", "names no note"),
        ("x:1:C4", "names no note"),
        ("1:1e9:C4", "names no note"),
        ("1:1/0:C4", "names no note"),
        ("1:5:C4", "no beat 5 of bar 1"),
        ("1:0.5:C4", "no beat 0.5"),
        ("9:1:C4", "no beat 1 of bar 9"),
        ("1:1:D4", "no note is at 1:1:D4.*Near it are 1:1:C4:piano"),
        ("1:1:C4:tuba", "no note is at"),
        ("-1", "names no note"),
        ("99", "no row 99.*0 to 0"),
    ],
)
def test_locks_that_name_nothing(lock: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s){message}"):
        locked_notes(piece_of((0, 24, 60, PIANO)), [lock])


def test_what_stays() -> None:
    piece = piece_of(
        (72, 48, 60, PIANO),  # held into the region
        (96, 24, 64, PIANO),
        (96, 24, 67, VIOLIN),
        (120, 24, 65, PIANO),  # locked
        (180, 24, 62, PIANO),  # held beyond it
        (192, 24, 60, PIANO),
    )
    region = Region.of(piece, 2, "piano", ["2:2:65"])
    assert region.kept.tolist() == [True, False, True, True, True, True]
    assert region.locked.tolist() == [False, False, False, True, False, False]
    assert region.words == "bar 2" and region.names == ("piano",)


def test_free_pitches_and_room() -> None:
    piece = piece_of((72, 48, 60, PIANO), (144, 12, 62, PIANO), (100, 200, 70, VIOLIN))
    region = Region.of(piece, 2, "piano", ["2:3:62"])
    assert not region.free(96, PIANO)[60] and region.free(120, PIANO)[60]
    assert region.free(96, PIANO)[70]
    assert not region.free(150, PIANO)[62] and region.free(156, PIANO)[62]
    assert not region.free(95, PIANO).any() and not region.free(192, PIANO).any()
    assert not region.free(100, VIOLIN).any()
    assert region.room(100, PIANO, 62) == 44
    assert region.room(156, PIANO, 62) == region.room(156, PIANO, 64) == 36


def test_only_what_fits_is_joined() -> None:
    piece = piece_of((0, 24, 60, PIANO), (96, 24, 64, PIANO), (144, 24, 62, PIANO))
    region = Region.of(piece, 2, None, [2])
    new = piece_of(
        (90, 20, 66, PIANO),  # before the region
        (96, 60, 62, PIANO),  # until the locked note
        (100, 90, 65, PIANO),
        (110, 90, 65, PIANO),  # cuts the one before, ends with the region
        (150, 5, 62, PIANO),  # while the locked note sounds
        (160, 8, 62, VIOLIN),  # plays no part
    )
    joined, fresh = region.joined(region.fitted(new))
    columns = (joined.onset, joined.duration, joined.pitch)
    assert list(zip(*(c.tolist() for c in columns), strict=True)) == [
        (0, 24, 60), (96, 48, 62), (100, 10, 65), (110, 82, 65), (144, 24, 62)
    ]  # fmt: skip
    assert fresh.tolist() == [False, True, True, True, False]


def test_windows() -> None:
    piece = made_piece(100, step=48)
    window = Window.of(Region.of(piece, "40-41"))
    assert (window.start, window.bars, window.first_bar, window.end_bar) == (23, 64, 16, 18)
    assert not window.opens and not window.closes
    assert window.before.bars == 64 and len(window.before) == 2 * 16
    assert window.forced == []
    whole = Window.of(Region.of(made_piece(8), "3"))
    assert (whole.start, whole.bars) == (0, 8) and whole.opens and whole.closes
    dense = Window.of(Region.of(made_piece(30, step=1), "20"))
    assert 0 < len(dense.before) <= 1024


def test_what_stays_inside_is_known_in_order() -> None:
    piece = piece_of((96, 24, 64, PIANO), (96, 30, 67, VIOLIN), (200, 24, 65, VIOLIN))
    window = Window.of(Region.of(piece, "2-3", "piano"))
    assert [(bar, step[:3]) for bar, step in window.forced] == [
        (1, (0, VIOLIN, 67)), (2, (8, VIOLIN, 65))
    ]  # fmt: skip
    assert window.newcomers == (PIANO,)


def test_too_many_instruments() -> None:
    rows = [(n, 1, 60, n) for n in range(15)]
    with pytest.raises(ConfigError, match="16 instruments"):
        Region.of(piece_of(*rows), 1, "flute")


def test_other_notes_in_the_same_bars() -> None:
    piece = with_notes(made_piece(4), np.zeros((5, 0), dtype=np.int64))
    assert len(piece) == 0 and piece.bars == 4
