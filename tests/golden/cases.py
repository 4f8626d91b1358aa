"""What the difficult inputs of this folder are and what must come of them.

Each case names a file, the options of ``harmonize``, and either an error (a fragment of the one
sentence that the user reads) or properties of the result.  Whatever else a case asks, every result
keeps all that was given and has four parts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class Expect:
    """Properties of a harmonised score; None means: not asked.

    ``given``: number of written notes (grace notes included) kept in S, A, T, B.
    ``shift``: semitones by which the model saw the given voices moved.
    ``report``: fragments of sentences that the user must be told.
    ``first_bar_quarter`` and ``n_bars``: the measures of the result.
    ``meters``, ``keys``: signatures as text, in order.
    ``lyrics``, ``graces``, ``ties``: counts in the highest given voice of the output.
    ``fermata_chords``: number of onsets at which all four voices have a fermata.
    ``silent``: quarters (onset, end) in which no voice sounds.
    ``endings``: bars with an ending; ``tempo``: quarters per minute.
    """

    given: tuple[int, int, int, int] | None = None
    shift: int = 0
    report: tuple[str, ...] = ()
    n_bars: int | None = None
    first_bar_quarter: Fraction | None = None
    meters: tuple[str, ...] | None = None
    keys: tuple[int, ...] | None = None
    lyrics: int | None = None
    fermata_chords: int | None = None
    graces: int | None = None
    ties: int | None = None
    silent: tuple[tuple[int, int], ...] = ()
    endings: int | None = None
    tempo: float | None = None
    title: str | None = None


@dataclass(frozen=True)
class Case:
    """One difficult input."""

    name: str
    file: str
    expect: Expect | None = None
    error: str = ""
    options: dict[str, Any] = field(default_factory=dict)


def _case(
    file: str, *, name: str = "", error: str = "", expect: Expect | None = None, **options: Any
) -> Case:
    stem = file.partition(".")[0]
    return Case(name or stem, file, expect, error, options)


def _x(stem: str) -> str:
    return f"{stem}.musicxml"


CASES: tuple[Case, ...] = (
    # where the given voice lies
    _case(
        _x("soprano_low"),
        expect=Expect(given=(14, 0, 0, 0), shift=12, report=("outside its range",)),
    ),
    _case(_x("soprano_too_wide"), error="by octaves"),
    _case(_x("bass_given"), voices="B", expect=Expect(given=(0, 0, 0, 14), n_bars=4)),
    _case(
        _x("bass_given"),
        name="bass_as_melody",
        expect=Expect(
            given=(14, 0, 0, 0), shift=24, report=("outside its range", "say --voices B")
        ),
    ),
    _case(_x("two_parts"), expect=Expect(given=(14, 0, 0, 14))),
    _case(
        _x("two_parts"), name="two_parts_named", voices="SB", expect=Expect(given=(14, 0, 0, 14))
    ),
    _case(_x("one_note"), expect=Expect(given=(1, 0, 0, 0), n_bars=1, meters=("1/4",))),
    _case(_x("only_rests"), error="no notes"),
    # bars, meters, keys
    _case(
        _x("pickup"),
        expect=Expect(n_bars=5, first_bar_quarter=Fraction(1), fermata_chords=2),
    ),
    _case(_x("pickup_32nd"), expect=Expect(n_bars=3, first_bar_quarter=Fraction(1, 8))),
    _case(_x("three_four"), expect=Expect(meters=("3/4",), n_bars=4, fermata_chords=1)),
    _case(_x("six_eight"), expect=Expect(meters=("6/8",), n_bars=4, fermata_chords=1)),
    _case(_x("meter_changes"), expect=Expect(meters=("4/4", "3/4", "3/2", "4/4"), n_bars=4)),
    _case(_x("key_change"), expect=Expect(keys=(1, -4), n_bars=8)),
    _case(_x("dorian"), expect=Expect(keys=(0,), fermata_chords=2)),
    _case(_x("repeats"), expect=Expect(endings=2, n_bars=6)),
    # notes
    _case(_x("triplets"), expect=Expect(given=(12, 0, 0, 0))),
    _case(_x("thirty_seconds"), expect=Expect(given=(14, 0, 0, 0))),
    _case(_x("grace_notes"), expect=Expect(given=(17, 0, 0, 0), graces=3)),
    _case(_x("ties_accidentals"), expect=Expect(ties=2)),
    _case(
        _x("rests_inside"),
        expect=Expect(silent=((0, 1), (6, 12)), fermata_chords=2, n_bars=5),
    ),
    _case(
        _x("chords_in_voice"),
        expect=Expect(given=(14, 0, 0, 0), report=("highest note was kept, 4 dropped",)),
    ),
    _case(_x("lyrics"), expect=Expect(lyrics=13, fermata_chords=2)),
    _case(_x("no_fermatas"), expect=Expect(fermata_chords=0)),
    # several voices
    _case(
        _x("closed_score"),
        voices="S",
        expect=Expect(given=(14, 0, 0, 0), report=("Written anew",), fermata_chords=2),
    ),
    _case(
        _x("closed_score"),
        name="closed_score_region",
        region="2-3",
        expect=Expect(given=(14, 7, 8, 7)),
    ),
    _case(_x("closed_score"), name="closed_score_full", error="all four voices are given"),
    _case(_x("chord_staves"), voices="SB", expect=Expect(given=(11, 0, 0, 11))),
    _case(
        _x("four_parts"),
        name="locked_inner_bars",
        lock=("AT:2-3",),
        expect=Expect(given=(14, 7, 7, 0), title="Four voices", tempo=72.0),
    ),
    _case(
        _x("four_parts"),
        name="locked_beats",
        lock=("T:3.2-4.2",),
        expect=Expect(given=(14, 0, 6, 0)),
    ),
    _case(_x("four_parts"), name="region", region="3", expect=Expect(given=(14, 10, 11, 10))),
    _case(_x("four_parts"), name="unknown_bar", lock=("A:40-41",), error="there is no bar 40"),
    _case(_x("four_parts"), name="unknown_lock", lock=("X:1-2",), error="is no voice"),
    _case(_x("four_parts"), name="unknown_voice", voices="Q", error="names no voice"),
    _case(_x("no_fermatas"), name="lock_absent_voice", lock=("A:1-2",), error="no alto to keep"),
    _case(_x("no_fermatas"), name="too_many_voices", voices="SB", error="the score has one line"),
    _case(_x("parts_shuffled"), voices="SB", expect=Expect(given=(14, 0, 0, 14))),
    _case(_x("empty_part"), expect=Expect(given=(14, 0, 0, 0))),
    _case(_x("partial_alto"), expect=Expect(given=(14, 7, 0, 0))),
    _case(_x("unison"), expect=Expect(given=(4, 4, 0, 1))),
    _case(
        _x("voices_and_piano"),
        expect=Expect(given=(14, 0, 0, 0), lyrics=1, report=("Left out",)),
    ),
    _case(_x("two_hundred_bars"), expect=Expect(n_bars=200, given=(797, 0, 0, 0))),
    # other formats
    _case("no_signature.mid", expect=Expect(given=(14, 0, 0, 0), keys=(-1,))),
    _case("midi_inside.musicxml", expect=Expect(given=(14, 0, 0, 0), report=("MIDI",))),
    _case("compressed.mxl", expect=Expect(given=(14, 0, 0, 0), fermata_chords=2)),
    _case(
        "tune.abc",
        name="abc",
        expect=Expect(
            given=(16, 0, 0, 0),
            lyrics=16,
            fermata_chords=2,
            first_bar_quarter=Fraction(1),
            tempo=72.0,
        ),
    ),
    _case(
        "tune.krn",
        name="humdrum",
        voices="SB",
        expect=Expect(keys=(-1,), meters=("3/4",), n_bars=4),
    ),
    # hostile files
    _case("zip_bomb.mxl", error="zip_bomb.mxl"),
    _case(_x("external_entity"), error="entit"),
    _case(_x("beat_type_zero"), error="beat-type"),
    _case("truncated.mid", error="truncated.mid"),
    _case("garbage.mid", error="garbage.mid"),
    _case(_x("empty"), error="empty"),
    _case(_x("no_such_file"), error="no_such_file"),
)
