from dataclasses import replace

import numpy as np
import pytest

from partimento.music.attributes import Attributes, measure
from partimento.music.barpiece import bar_piece
from partimento.music.instruments import INSTRUMENT_ID
from partimento.tasks.text2midi.match import (
    match_report,
    match_score,
    same_key,
    sounding_bars,
    tempo_bin,
    tempo_bin_matches,
)

SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def made(pitches=SCALE * 4, *, bars=8, tempo=100.0, instrument="piano", meter="4/4"):
    onset = np.arange(len(pitches)) * 24
    same = np.full(len(pitches), 24)
    return bar_piece(
        onset,
        same,
        np.array(pitches),
        same * 0 + 80,
        same * 0 + INSTRUMENT_ID[instrument],
        meter=meter,
        bars=bars,
        tempo_bpm=tempo,
    )


def rows(asked, piece, **options):
    options.setdefault("classify", lambda piece: ("jig", 0.8))
    return {row.attribute: row for row in match_report(asked, piece, **options)}


def test_a_piece_matches_its_own_attributes():
    piece = made()
    found = rows(measure(piece), piece)
    assert set(found) == {
        *("tempo", "key", "mode", "meter", "density", "register", "polyphony"),
        *("dynamics", "articulation", "arousal", "instruments", "bars"),
    }
    assert all(row.ok for row in found.values())


def test_only_what_was_asked_is_judged():
    assert match_report(Attributes(), made()) == []
    assert match_score([]) == 1.0


@pytest.mark.parametrize(
    ("asked", "ok"),
    [
        (Attributes(tempo_bpm=104.0), True),
        (Attributes(tempo_bpm=106.0), False),
        (Attributes(tempo_bpm=(90.0, 100.0)), True),
        (Attributes(tempo_bpm=(101.0, 120.0)), False),
        (Attributes(tempo_word="moderate"), True),
        (Attributes(tempo_word="fast"), False),
        (Attributes(key="A minor"), False),
        (Attributes(key="C major"), True),
        (Attributes(mode="minor"), False),
        (Attributes(meter="3/4"), False),
        (Attributes(register="middle"), True),
        (Attributes(numbers={"register": 65.0}), True),
        (Attributes(numbers={"register": 75.0}), False),
        (Attributes(instruments=("piano",)), True),
        (Attributes(instruments=("piano", "flute")), False),
        (Attributes(instruments=("flute",)), False),
        (Attributes(excluded=("drums",)), True),
        (Attributes(excluded=("piano",)), False),
        (Attributes(bars=8), True),
        (Attributes(bars=9), False),
        (Attributes(style="jig"), True),
        (Attributes(style="reel"), False),
    ],
)
def test_single_attributes(asked, ok):
    (row,) = match_report(asked, made(), classify=lambda piece: ("jig", 0.8))
    assert row.ok is ok


def test_a_tempo_word_beside_a_number_is_not_judged_twice():
    found = rows(Attributes(tempo_bpm=100.0, tempo_word="fast"), made())
    assert set(found) == {"tempo"}


def test_what_cannot_be_measured_counts_neither_way():
    asked = Attributes(valence="high", style="jig", mode="major")
    found = match_report(asked, made(), classify=lambda piece: None)
    assert {r.attribute: r.ok for r in found} == {"mode": True, "style": None, "valence": None}
    assert match_score(found) == 1.0


def test_forced_attributes_do_not_count_in_the_score():
    asked = Attributes(tempo_bpm=100.0, meter="4/4", mode="minor", register="middle")
    found = match_report(asked, made(), {"tempo", "meter"})
    assert {r.attribute for r in found if r.forced} == {"tempo", "meter"}
    assert match_score(found) == 0.5
    assert match_score([r for r in found if r.forced]) == 1.0
    worded = match_report(Attributes(tempo_word="slow"), made(), {"tempo"})
    assert worded[0].forced


def test_silence_meets_nothing_and_does_not_fail():
    silent = made().select(np.zeros(0, dtype=np.int64))
    asked = measure(made())
    found = rows(replace(asked, style="jig"), silent)
    assert not any(found[n].ok for n in ("key", "mode", "density", "style", "instruments", "bars"))
    assert sounding_bars(silent) == 0


def test_bars_count_to_the_last_that_sounds():
    piece = made(SCALE * 2, bars=8)
    assert sounding_bars(piece) == 4
    assert not rows(Attributes(bars=8), piece)["bars"].ok


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("C# minor", "Db minor", True),
        ("Gb major", "F# major", True),
        ("A# minor", "Bb minor", True),
        ("A minor", "C major", False),
        ("A minor", "A major", False),
    ],
)
def test_keys_are_compared_by_sound(one, other, same):
    assert same_key(one, other) is same
    assert same_key(other, one) is same


def test_bins_of_tempo():
    assert [tempo_bin(bpm) for bpm in (30, 40, 65, 109.9, 110, 300)] == [0, 1, 2, 4, 5, 8]
    assert tempo_bin_matches(100, 109)
    assert not tempo_bin_matches(100, 112)
    assert tempo_bin_matches(100, 112, tolerance=1)
    assert not tempo_bin_matches(100, 145, tolerance=1)


def test_styles_that_the_classifier_never_learnt_cannot_be_judged():
    found = {name: match_report(Attributes(style=name), made())[0] for name in ("reel", "lullaby")}
    assert found["reel"].ok is not None
    assert found["lullaby"].ok is None
    assert found["lullaby"].measured == found["reel"].measured
