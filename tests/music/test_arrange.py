from dataclasses import replace
from fractions import Fraction

import pytest

from partimento.core.errors import ConfigError, MusicError
from partimento.music.arrange import arrange
from partimento.music.ensembles import ENSEMBLES, ensemble_named
from partimento.music.instruments import OF_PROGRAM
from partimento.music.midi import read_midi
from partimento.music.midi_write import midi_bytes
from partimento.music.musicxml_write import musicxml_text
from partimento.music.score import Measure, Note, Part, Score, Spelling, TimeSignature, sort_notes
from partimento.render.sheet import engrave

PITCHES = {"P1": (72, 74, 76), "P2": (67, 67, 69), "P3": (48, 59, 60), "P4": (36, 43, 45)}


def chorale():
    """Three chords; the tenor goes down to C3, the bass to C2."""
    parts = tuple(Part(name, name) for name in PITCHES)
    notes = [
        Note(Fraction(i), Fraction(1), pitch, name)
        for name, pitches in PITCHES.items()
        for i, pitch in enumerate(pitches)
    ]
    measures = (Measure(Fraction(0), Fraction(3), "1"),)
    time = (TimeSignature(Fraction(0), 3, 4),)
    return Score(parts, sort_notes(notes), measures, time, title="Three chords")


@pytest.mark.parametrize("name", ENSEMBLES)
def test_every_ensemble_plays_every_note_in_its_range(name):
    score, ensemble = chorale(), ENSEMBLES[name]
    made = arrange(score, name).score
    assert len(made.notes) == len(score.notes)
    before = sorted((n.onset_quarter, n.midi % 12) for n in score.notes)
    assert sorted((n.onset_quarter, n.midi % 12) for n in made.notes) == before
    for part, seat in zip(made.parts, ensemble.seats, strict=False):
        own = made.part_notes(part.id)
        low, high = (seat.low, seat.high)
        assert own and all(low <= n.midi <= high for n in own)
        assert part.program == seat.program


def test_string_quartet_has_its_clefs_programs_and_names_in_every_format():
    made = arrange(chorale(), "string quartet").score
    assert [p.name for p in made.parts] == ["Violin I", "Violin II", "Viola", "Cello"]
    assert [p.clefs for p in made.parts] == [("G2",), ("G2",), ("C3",), ("F4",)]
    assert [p.program for p in read_midi(midi_bytes(made)).parts] == [40, 40, 41, 42]
    text = musicxml_text(made)
    assert text.count("<midi-program>") == 4 and "<sign>C</sign><line>3</line>" in text
    assert engrave(text, guarded=False).svg.startswith("<svg")


def test_a_note_below_the_viola_moves_up_alone_and_is_told():
    low = replace(chorale(), notes=tuple(
        replace(n, midi=47, spelling=Spelling("B", 0, 2)) if n.midi == 48 else n
        for n in chorale().notes
    ))  # fmt: skip
    made = arrange(low, "string quartet")
    viola = made.score.part_notes("P3")
    assert [n.midi for n in viola] == [59, 59, 60]
    assert viola[0].spelling == Spelling("B", 0, 3)
    assert made.sentences == ("Viola: one note of 3 moved by octaves into the range.",)


def test_one_player_has_four_voices_on_two_staves():
    made = arrange(chorale(), "keyboard").score
    assert len(made.parts) == 1 and made.parts[0].staves == 2
    assert {(n.staff, n.voice) for n in made.notes} == {(1, "1"), (1, "2"), (2, "3"), (2, "4")}


def test_two_lines_leave_the_inner_players_idle():
    duo = replace(chorale(), notes=tuple(n for n in chorale().notes if n.part in ("P1", "P4")))
    made = arrange(duo, "string quartet")
    assert [p.name for p in made.score.parts] == ["Violin I", "Cello"]
    assert "Violin II and Viola have nothing to play." in made.sentences


def test_a_part_in_chords_is_dealt_to_several_players():
    thick = [replace(n, part="P1") if n.part != "P4" else n for n in chorale().notes]
    made = arrange(chorale().replace_notes(thick), "brass quartet").score
    assert [len(made.part_notes(p.id)) for p in made.parts] == [3, 3, 3, 3]


def test_more_parts_than_players_share():
    more = [replace(n, part="P5", midi=n.midi + 12) for n in chorale().part_notes("P1")]
    score = chorale()
    wide = replace(score, parts=(*score.parts, Part("P5", "P5")))
    made = arrange(wide.replace_notes([*score.notes, *more]), "choir")
    assert len(made.score.parts) == 4
    assert made.sentences[0] == "3 notes found no player."


def test_mistakes():
    with pytest.raises(ConfigError, match="quintet"):
        ensemble_named("tuba quintet")
    with pytest.raises(MusicError, match="no note"):
        arrange(replace(chorale(), notes=()), "choir")


def test_every_seat_is_an_instrument_with_a_voice_of_its_own():
    for ensemble in ENSEMBLES.values():
        assert len(ensemble.seats) == 4
        lowest = [seat.low for seat in ensemble.seats]
        assert lowest == sorted(lowest, reverse=True)
        assert all(seat.high - seat.low >= 20 for seat in ensemble.seats)
        assert all(OF_PROGRAM[seat.program] >= 0 for seat in ensemble.seats)
