"""Statistics of pieces and the shipped style classifier."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from partimento.music.barpiece import METERS, bar_piece
from partimento.music.piece_statistics import piece_statistics
from partimento.music.style_classifier import (
    StyleModel,
    classify,
    family,
    known_styles,
    shipped_model,
    stretches,
    style_probabilities,
)
from partimento.music.styles import FAMILY, STYLES


def tune(meter="6/8", bars=16, step=12, seed=0, low=62, high=81):
    """A wandering line of equal notes in G."""
    rng = np.random.default_rng(seed)
    scale = [p for p in range(low, high) if p % 12 in (7, 9, 11, 0, 2, 4, 6)]
    place = bar_piece(*[np.zeros(1, int)] * 5, meter=meter).bar_ticks
    onset = np.arange(0, bars * place, step)
    walk = np.cumsum(rng.integers(-2, 3, len(onset))) + len(scale) // 2
    pitch = np.array(scale)[np.abs(walk) % len(scale)]
    velocity = np.where(onset % place == 0, 105, 80)
    voice = np.zeros(len(onset), int)
    return bar_piece(
        onset, np.full(len(onset), step), pitch, velocity, voice, meter=meter, bars=bars
    )


def hymn(bars=16):
    """Four voices in quarters."""
    columns = [
        (24 * i, pitch + (i % 3), v)
        for i in range(4 * bars)
        for v, pitch in enumerate((71, 64, 59, 45))
    ]
    onset, pitch, _ = np.array(columns).T
    n = len(onset)
    return bar_piece(
        onset, np.full(n, 24), pitch, np.full(n, 90), np.zeros(n, int), meter="4/4", bars=bars
    )


def test_statistics_have_the_same_names_whatever_the_piece():
    names = shipped_model().statistics
    for meter in METERS:
        found = piece_statistics(tune(meter, bars=2, step=6))
        assert tuple(found) == names
        assert np.isfinite(list(found.values())).all()
    one = bar_piece(*[np.array([v]) for v in (5, 3, 60, 90, 0)], meter="5/8")
    assert np.isfinite(list(piece_statistics(one).values())).all()
    with pytest.raises(ValueError, match="without notes"):
        piece_statistics(one.select(np.array([], dtype=int)))


def test_statistics_of_known_music():
    found = piece_statistics(tune(step=12))
    assert found["meter_6/8"] == 1.0 and found["compound"] == 1.0
    assert found["onsets_per_quarter"] == 2.0
    assert found["gap_8th"] == 1.0 and found["equal_pairs"] == 1.0
    assert found["polyphony"] == 1.0 and found["outside_scale"] == pytest.approx(0.0, abs=1e-9)
    chords = piece_statistics(hymn())
    assert chords["notes_per_onset"] == 4.0 and chords["chord_share"] == 1.0
    assert chords["rhythms_repeated"] == 1 - 1 / 16


def test_dotted_and_snapped_rhythms_are_told_apart():
    long_short = np.cumsum([0, *[18, 6] * 20])
    n = len(long_short)
    rest = (np.full(n, 6), np.full(n, 70), np.full(n, 90), np.zeros(n, int))
    dotted = piece_statistics(bar_piece(long_short, *rest, meter="4/4"))
    snapped = piece_statistics(bar_piece(np.cumsum([0, *[6, 18] * 20]), *rest, meter="4/4"))
    assert dotted["dotted_pairs"] > 0.4
    assert dotted["on_sixteenth"] == snapped["on_sixteenth"] > 0.4
    late = np.arange(12, 40 * 24, 24)
    rest = (np.full(40, 24), np.full(40, 70), np.full(40, 90), np.zeros(40, int))
    assert piece_statistics(bar_piece(late, *rest, meter="4/4"))["syncopation"] == 1.0


def test_neither_tempo_nor_velocity_nor_instrument_matter():
    piece = tune()
    other = replace(
        piece, tempo_bpm=222.0, velocity=piece.velocity // 2, instrument=piece.instrument + 3
    )
    assert style_probabilities(piece) == style_probabilities(other)


def test_dances_by_their_meters():
    found = classify(tune("6/8"))
    assert found is not None and found[0] == "jig" and found[1] > 0.5
    assert (classify(tune("9/8")) or ("",))[0] == "slip jig"
    assert (family(tune("2/2")) or ("",))[0] == "dance"
    church = style_probabilities(hymn())
    assert church is not None and church["hymn"] > church["jig"]


def test_answers_are_probabilities_of_known_styles():
    found = style_probabilities(tune(bars=50))
    assert found is not None and set(found) == set(known_styles()) <= set(STYLES)
    assert sum(found.values()) == pytest.approx(1.0)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    best = family(tune(bars=50))
    assert best is not None and best[1] == pytest.approx(
        sum(share for style, share in found.items() if FAMILY[style] == best[0])
    )


def test_too_few_notes_have_no_style():
    assert classify(tune(bars=1, step=12)) is None
    assert family(tune().select(np.array([], dtype=int))) is None
    # A long piece with few notes in every stretch is judged as a whole.
    assert classify(tune("4/4", bars=40, step=96 * 4)) is not None


def test_long_pieces_are_cut_into_stretches():
    parts = stretches(tune(bars=40))
    assert [part.bars for part in parts] == [16, 16, 16]
    assert len(stretches(tune(bars=400))) == 8
    assert len(stretches(tune(bars=16))) == 1


def test_model_bytes_come_back_and_damage_is_told():
    model = shipped_model()
    again = StyleModel.from_bytes(model.to_bytes())
    assert again.to_bytes() == model.to_bytes()
    rows = np.random.default_rng(0).normal(size=(3, len(model.statistics)))
    assert np.allclose(again.probabilities(rows), model.probabilities(rows))
    broken = replace(model, bias=model.bias[:-1])
    with pytest.raises(ValueError, match="do not fit"):
        StyleModel.from_bytes(broken.to_bytes())
