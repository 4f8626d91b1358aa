from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from tiny_scores import line, random_line, score_of

from partimento.music.assemble import assemble, output_parts
from partimento.music.grid import SILENCE, UNKNOWN
from partimento.music.keys import Key
from partimento.music.preserve import missing_things, output_voices, preserved
from partimento.music.satb import Satb, extract_satb
from partimento.music.score import KeySignature, Note, Score, Spelling

C = Key("C", "major")


def held(satb: Satb, pitches=(72, 67, 60, 48)) -> np.ndarray:
    return np.where(satb.grid == UNKNOWN, np.array(pitches), satb.grid)


def sounding(score: Score, voice: int) -> list[Note]:
    part = score.parts[voice].id
    return [n for n in score.sounding() if n.part == part]


def test_parts_and_clefs():
    assert [p.name for p in output_parts("four")] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert [p.clefs for p in output_parts("four")] == [("G2",), ("G2",), ("G2_8",), ("F4",)]
    assert [p.clefs for p in output_parts("two")] == [("G2",), ("F4",)]


def test_held_notes_are_cut_and_tied_at_bar_lines():
    score = score_of({"": line("72/8")})
    satb = extract_satb(score)
    bass = output_voices(assemble(score, satb, held(satb), key=C))[3]
    assert [(n.onset_quarter, n.duration_quarter) for n in bass] == [(0, 4), (4, 4)]
    assert [(n.tie_start, n.tie_stop) for n in bass] == [(True, False), (False, True)]


def test_given_attacks_decide_where_notes_start():
    score = score_of({"": line("72/4")})
    satb = extract_satb(score)
    attacks = np.zeros(satb.grid.shape, dtype=bool)
    attacks[6, 2] = True
    out = assemble(score, satb, held(satb), key=C, attacks=attacks)
    assert [n.onset_quarter for n in sounding(out, 2)] == [0, Fraction(3, 2)]
    with pytest.raises(ValueError, match="attacks"):
        assemble(score, satb, held(satb), key=C, attacks=attacks[:3])


def test_two_staves_have_two_voices_each():
    score = score_of({"": line("72 74 76 77")})
    satb = extract_satb(score)
    out = assemble(score, satb, held(satb), layout="two", key=C)
    assert {(n.part, n.staff, n.voice) for n in out.notes} == {
        ("P1", 1, "1"),
        ("P1", 1, "2"),
        ("P2", 1, "1"),
        ("P2", 1, "2"),
    }
    assert [n.midi for n in output_voices(out)[0]] == [72, 74, 76, 77]


def test_fermatas_reach_the_last_note_of_every_voice():
    score = score_of({"": line("72 74 76/2")})
    score = score.replace_notes([replace(n, fermata=n.midi == 76) for n in score.notes])
    satb = extract_satb(score)
    grid = held(satb)
    grid[12:, 1] = 65  # the alto moves during the fermata
    out = assemble(score, satb, grid, key=C)
    marked = [[(n.midi, n.end_quarter) for n in v if n.fermata] for v in output_voices(out)]
    assert marked == [[(76, 4)], [(65, 4)], [(60, 4)], [(48, 4)]]


def test_composed_fermatas_come_from_the_frames():
    score = score_of({"": line("72/4")})
    satb = extract_satb(score)
    frames = {**satb.frames, "fermata": np.array([0] * 8 + [1] * 8)}
    empty = np.full(satb.grid.shape, UNKNOWN)
    none = np.zeros(satb.grid.shape, dtype=bool)
    satb = replace(satb, grid=empty, given=none, attack=none, frames=frames, notes=((), (), (), ()))
    out = assemble(score, satb, held(satb), key=C)
    assert all(v[-1].fermata for v in output_voices(out))


def test_shifted_melody_moves_the_other_voices_back():
    score = score_of({"": line("48 50 52 53")})
    satb = extract_satb(score)
    assert satb.shift_semitones == 12
    voices = output_voices(assemble(score, satb, held(satb), key=C))
    assert [n.midi for n in voices[0]] == [48, 50, 52, 53]
    assert {n.midi for n in voices[1]} == {55}


def test_key_signature_is_the_input_s_or_the_key_s():
    written = score_of({"": line("72 74 76 77")}, fifths=2)
    satb = extract_satb(written)
    out = assemble(written, satb, held(satb), key=C)
    assert [k.fifths for k in out.key_signatures] == [2]
    bare = score_of({"": line("72 74 76 77")}, fifths=None)
    satb = extract_satb(bare)
    out = assemble(bare, satb, held(satb), key=Key("G", "minor"))
    assert out.key_signatures == (KeySignature(Fraction(0), -2, "minor"),)


def test_leading_tone_is_a_sharp_and_agrees_with_what_is_written():
    score = score_of({"": line("69 69 69 69")})
    satb = extract_satb(score)
    grid = held(satb, (69, 64, 60, 45))
    grid[4:8, 1] = 68
    grid[8:, 1] = 69
    out = assemble(score, satb, grid, key=Key("A", "minor"))
    assert [n.spelling.name for n in sounding(out, 1) if n.midi == 68] == ["G#4"]
    flat = score.replace_notes(
        [replace(n, midi=68, spelling=Spelling("A", -1, 4)) for n in score.notes]
    )
    satb = extract_satb(flat)
    out = assemble(flat, satb, held(satb, (68, 63, 56, 44)), key=Key("A", "minor"))
    assert {n.spelling.name for n in sounding(out, 2)} == {"Ab3"}


def test_spelling_moves_with_a_new_signature():
    score = score_of({"": line("72 " * 8)})
    score = replace(
        score, key_signatures=(KeySignature(Fraction(0), 4), KeySignature(Fraction(4), -4))
    )
    satb = extract_satb(score)
    out = assemble(score, satb, held(satb, (72, 68, 56, 44)), key=Key("E", "major"))
    names = {(n.onset_quarter >= 4, n.spelling.name) for n in output_voices(out)[1]}
    assert names == {(False, "G#4"), (True, "Ab4")}


def test_wrong_grids_are_refused():
    score = score_of({"": line("72 74 76 77")})
    satb = extract_satb(score)
    with pytest.raises(ValueError, match="unknown cells"):
        assemble(score, satb, satb.grid, key=C)
    with pytest.raises(ValueError, match="shape"):
        assemble(score, satb, held(satb)[:-1], key=C)
    changed = held(satb)
    changed[0, 0] = 71
    with pytest.raises(ValueError, match="were changed"):
        assemble(score, satb, changed, key=C)


def test_generated_notes_give_way_to_triplets_of_a_lock():
    third = Fraction(1, 3)
    alto = [(64, 1), (65, third), (67, third), (65, third), (64, 2)]
    score = score_of({"Soprano": line("72/4"), "Alto": alto})
    satb = extract_satb(score, "S", lock=["A:1.2"])
    out = assemble(score, satb, held(satb), key=C)
    spans = [(n.onset_quarter, n.end_quarter) for n in sounding(out, 1)]
    assert spans == [(0, 1), (1, 1 + third), (1 + third, 1 + 2 * third), (1 + 2 * third, 2), (2, 4)]


def test_odd_pickup_keeps_bar_lines_and_notes():
    score = score_of({"": line("67/1/8 72 74 76 77")}, pickup=Fraction(1, 8))
    satb = extract_satb(score)
    out = assemble(score, satb, held(satb), key=C)
    assert missing_things(score, satb, out) == []
    assert [n.onset_quarter for n in output_voices(out)[3]] == [0, Fraction(1, 8)]


def test_random_settings_keep_what_is_given_and_write_the_grid():
    rng = np.random.default_rng(4)
    for trial in range(20):
        names = ("Soprano", "Alto", "Tenor", "Bass")
        parts = {
            n: random_line(rng, p, p + 12, 3) for n, p in zip(names, (62, 55, 48, 40), strict=True)
        }
        score = score_of(parts)
        if any(not score.part_notes(p.id) for p in score.parts):
            continue
        first = int(rng.integers(1, 4))
        satb = extract_satb(score, "S", lock=[f"A:{first}"], region=None)
        grid = satb.grid.copy()
        for v, low in ((1, 55), (2, 48), (3, 40)):
            cells = np.repeat(rng.integers(low, low + 12, 24), 2)
            cells[rng.random(48) < 0.1] = SILENCE
            grid[:, v] = np.where(grid[:, v] == UNKNOWN, cells, grid[:, v])
        layout = ("four", "two")[trial % 2]
        out = assemble(score, satb, grid, layout=layout, key=C)  # type: ignore[arg-type]
        assert preserved(score, satb, out)["share"] == 1.0
        voices = output_voices(out)
        for v in (2, 3):
            again = np.full(len(grid), SILENCE)
            for n in voices[v]:
                again[int(n.onset_quarter * 4) : int(n.end_quarter * 4)] = n.midi
                bar = next(
                    m for m in out.measures if m.onset_quarter <= n.onset_quarter < m.end_quarter
                )
                assert n.end_quarter <= bar.end_quarter
            assert (again == grid[:, v]).all()
        for voice in voices:
            for a, b in pairwise(voice):
                assert a.end_quarter <= b.onset_quarter
