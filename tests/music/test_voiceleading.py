"""Every rule of the checker on short textbook examples, and Bach as the measure of false alarms."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from part_writing import choir, line, rich_score, score_of

from partimento.core.errors import MusicError
from partimento.music.fermatas import rich_grid
from partimento.music.grid_measures import measure_grids
from partimento.music.score import Note, Part, Score, sort_notes
from partimento.music.voiceleading import RULES, check_score

# name, soprano to bass, rule that must be found (and no other error), number of findings
BROKEN = [
    ("fifths soprano-bass", ["G4 A4", "E4 E4", "G3 C4", "C3 D3"], "parallel-fifths"),
    ("fifths by leap", ["G4 G4", "E4 D4", "G3 D4", "C3 G3"], "parallel-fifths"),
    ("fifths compound", ["D5 C5", "G4 E4", "B3 A3", "G2 F2"], "parallel-fifths"),
    ("octaves soprano-bass", ["C5 D5", "G4 G4", "E4 B3", "C3 D3"], "parallel-octaves"),
    ("unisons", ["E5 E5", "G4 G4", "C4 B3", "C4 B3"], "parallel-unisons"),
    ("contrary fifths", ["G4 G4", "E4 D4", "G3 D4", "C3 G2"], "contrary-fifths"),
    ("contrary octaves", ["G4 C5", "D4 E4", "B3 G3", "G3 C3"], "contrary-octaves"),
    ("direct fifth", ["E4 A4", "C4 F4", "G3 A3", "C3 D3"], "direct-fifths"),
    ("direct octave", ["E4 A4", "C4 E4", "G3 C4", "C3 A3"], "direct-octaves"),
    ("crossing", ["G4 G4", "E4 C4", "C4 E4", "C3 C3"], "voice-crossing"),
    ("overlap", ["C5 C5", "E4 A4", "C4 F4", "C3 F3"], "voice-overlap"),
    ("spacing soprano-alto", ["C5 E5", "G4 D4", "E4 B3", "C3 G3"], "spacing"),
    ("spacing alto-tenor", ["C5 C5", "G4 A4", "E4 F3", "C3 F3"], "spacing"),
    ("range soprano", ["A5 B5", "C5 D5", "E4 G4", "A3 G3"], "range"),
    ("range bass", ["C4 C4", "G3 A3", "E3 F3", "C3 B1"], "range"),
    ("augmented second", ["E4 E4", "C4 B3", "F3 G#3", "F2 E2"], "augmented-leap"),
    ("augmented fourth", ["A4 G4", "F4 D4", "C4 G3", "F3 B3"], "augmented-leap"),
    ("diminished seventh", ["F4 G#3 F3"], "diminished-leap"),
    ("seventh", ["C5 D4 E4"], "large-leap"),
    ("tenth", ["C4 E5 D5"], "large-leap"),
]

CLEAN = [
    ("octave leap, other voice stays", ["C5 C5", "G4 G4", "E4 E4", "C3 C2"]),
    ("octave leap in the bass under a change", ["G4 G4", "D4 E4", "B3 C4", "G3 C3"]),
    ("repeated fifth", ["G4 G4", "E4 E4", "C4 C4", "C3 C3"]),
    ("held fifth", ["G4/2", "E4 F4", "C4 B3", "C3/2"]),
    ("static fifth, same chord over an octave", ["E4 E4", "C4 C4", "G3 G3", "C3 C2"]),
    ("perfect to diminished fifth", ["C5 B4", "F4 F4", "A3 G3", "F3 D3"]),
    ("direct octave with a step on top", ["D5 E5", "B4 B4", "G4 G4", "G2 E3"]),
    ("direct fifth in inner voices", ["C5 B4", "E4 G4", "G3 C4", "C3 G3"]),
    ("after a fermata", ["G4! A4", "E4! F4", "C4! C4", "C3! D3"]),
    ("after a rest", ["G4 r A4", "E4 r E4", "G3 r C4", "C3 r D3"]),
    ("tied note is one note", ["G4~ G4", "E4~ E4", "C4~ C4", "C3~ C3"]),
    ("unison without motion", ["E4 F4", "C4 C4", "G3 A3", "C3 F2"]),
    ("tenor and bass far apart", ["E5 D5", "C5 B4", "G4 G4", "C3 G2"]),
    ("chromatic semitone", ["F4 F#4", "C4 C4", "A3 A3", "F3 D3"]),
    ("diminished fifth that turns back", ["C5 F#4 G4"]),
    ("diminished fifth that turns back late", ["C5 F#4/1/2 F#4/1/2 G4"]),
    ("octave leap in a melody", ["C4 C5 B4"]),
    ("leap over a phrase end", ["C4! B4 C5"]),
    ("seventh in the bass", ["D5 C5", "G4 E4", "B3 A3", "G3 A2"]),
]


def rules_of(score: Score) -> list[str]:
    return [f.rule for f in check_score(score)]


@pytest.mark.parametrize(("voices", "rule"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_planted_fault_is_found(voices: list[str], rule: str) -> None:
    found = [f for f in check_score(choir(*voices)) if f.rule == rule]
    assert len(found) == 1
    assert found[0].bar == "1"
    assert found[0].severity == RULES[rule].severity


@pytest.mark.parametrize("voices", [c[1] for c in CLEAN], ids=[c[0] for c in CLEAN])
def test_sound_writing_is_not_blamed(voices: list[str]) -> None:
    assert check_score(choir(*voices)) == []


# A phrase in C major before the two chords that matter, so that the key is clear.
LEAD = ["E4 F4 E4 D4", "C4 C4 C4 B3", "G3 A3 G3 G3", "C3 F2 C3 G2"]


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (["D4 C4", "B3 G3", "G3 E3", "G2 C3"], []),  # inner voice falls a third: Bach
        (["B4 C5", "G4 G4", "D4 E4", "G2 C3"], []),
        (["B4 G4", "G4 E4", "D4 C4", "G3 C3"], ["unresolved-leading-tone"]),
        (["D5 C5", "G4 G4", "G3 E3", "B2 E2"], ["unresolved-leading-tone"]),
        (["B4 B4/1/2 C5/1/2", "G4 G4", "D4 E4", "G2 C3"], []),  # suspension
        (["B4/1/2 D5/1/2 C5", "G4 G4", "D4 E4", "G2 C3"], []),  # still dominant
        (["B4 C5", "F4 E4", "D4 G3", "B2 C3"], ["doubled-leading-tone"]),
        (["G4 G4", "D4 E4", "B3 C4", "G2 C3"], []),  # doubled dominant
        (["D5 E5", "G4 G4", "D4 C4", "B2 C3"], []),
        (["B4 A4", "G4 A4", "D4 C4", "G3 F3"], []),  # no tonic or submediant follows
    ],
)
def test_leading_tones(ending: list[str], expected: list[str]) -> None:
    score = choir(*(f"{a} {b}" for a, b in zip(LEAD, ending, strict=True)))
    found = [f for f in check_score(score) if "leading" in f.rule]
    assert [f.rule for f in found] == expected
    assert all(f.bar == "2" for f in found)


def test_descending_scale_passes_through_the_leading_tone() -> None:
    ending = [
        "D5 C5 B4 A4 G4",
        "G4 G4 G4 E4 E4",
        "B3 C4 D4 C4 C4",
        "G3 C3 G3 A3 C3",
    ]
    score = choir(*(f"{a} {b}" for a, b in zip(LEAD, ending, strict=True)))
    assert "unresolved-leading-tone" not in rules_of(score)


@pytest.mark.parametrize(("goal", "n_found"), [("A4", 0), ("E4", 1)])
def test_leading_tone_in_minor_is_the_raised_seventh(goal: str, n_found: int) -> None:
    score = choir(
        f"A4 B4 C5 A4 A4 B4 G#4 {goal}",
        "E4 E4 E4 F4 F4 F4 E4 C4",
        "C4 G#3 A3 A3 D4 D4 B3 A3",
        "A3 E3 A3 F3 D3 G#2 E3 A2",
    )
    found = [f for f in check_score(score) if f.rule == "unresolved-leading-tone"]
    assert len([f for f in found if f.bar == "2" and f.beat == 4]) == n_found


def test_leading_tone_follows_the_key_of_the_phrase() -> None:
    """The same B-D-G chord with two B is a dominant in C major and a plain triad in G major."""
    chord = ["B4 C5", "G4 G4", "D4 E4", "B2 C3"]
    in_g = ["D5 C5 B4 A4", "G4 G4 G4 F#4", "B3 C4 D4 D4", "G3 E3 G3 D3"]
    tail = "G4 F#4 G4 D4"
    c_major = choir(*(f"{a} {b}" for a, b in zip(LEAD, chord, strict=True)))
    g_major = choir(*(f"{a} {b} {tail}" for a, b in zip(in_g, chord, strict=True)), fifths=1)
    assert "doubled-leading-tone" in rules_of(c_major)
    assert "doubled-leading-tone" not in rules_of(g_major)


def test_bar_and_beat_count_a_pickup() -> None:
    voices = ["E4 G4 A4", "C4 E4 E4", "G3 G3 C4", "C3 C3 D3"]
    (finding,) = [f for f in check_score(choir(*voices, pickup=1)) if "parallel" in f.rule]
    assert (finding.bar, finding.beat, finding.onset_quarter) == ("1", 2, 2)
    (finding,) = [f for f in check_score(choir(*voices, pickup=3)) if "parallel" in f.rule]
    assert (finding.bar, finding.beat) == ("0", 4)


def test_beats_of_a_compound_meter_are_dotted() -> None:
    voices = ["E4/3/2 G4/3/2 A4/3/2", "C4/3/2 E4/3/2 E4/3/2", "G3/3 C4/3/2", "C3/3 D3/3/2"]
    (finding,) = [
        f for f in check_score(choir(*voices, meter=(6, 8))) if f.rule == "parallel-fifths"
    ]
    assert (finding.bar, finding.beat) == ("2", 1)
    shifted = choir(*("r/3/2 " + v for v in voices), meter=(6, 8))
    (finding,) = [f for f in check_score(shifted) if f.rule == "parallel-fifths"]
    assert (finding.bar, finding.beat) == ("2", 2)


def test_closed_score_with_two_voices_a_staff() -> None:
    piano = Part("P1", "", staves=2, clefs=("G2", "F4"))
    texts = ["G4 A4", "E4 E4", "G3 C4", "C3 D3"]
    notes = [
        n
        for i, text in enumerate(texts)
        for n in line(text, "P1", staff=1 + i // 2, voice=str(1 + i))
    ]
    found = check_score(score_of(notes, [piano]))
    assert [(f.rule, f.voices) for f in found] == [("parallel-fifths", ("soprano", "bass"))]


def test_closed_score_in_chords() -> None:
    parts = [Part("up"), Part("down", clefs=("F4",))]
    notes = [*line("G4 A4 B4", "up"), *line("E4 E4 D4", "up")]
    notes += [*line("G3 C4 G3", "down"), *line("C3 D3 G2", "down")]
    found = [f for f in check_score(score_of(notes, parts)) if f.severity == "error"]
    assert [(f.rule, f.voices) for f in found] == [("parallel-fifths", ("soprano", "bass"))]


@pytest.mark.parametrize("n_voices", [2, 3])
def test_fewer_parts(n_voices: int) -> None:
    voices = ["G4 A4 B4", "E4 F4 G4", "C4 D4 E4"]
    score = choir(*voices[: 3 if n_voices == 3 else 1], names=("Oboe", "Violin", "Cello"))
    if n_voices == 2:
        score = choir("G4 A4 B4", "C4 D4 E4", names=("Violin", "Cello"))
    found = check_score(score)
    assert {f.rule for f in found} == {"parallel-fifths"}
    assert found[0].voices[0] in ("Violin", "Oboe")


def test_a_single_melody_is_checked_for_leaps_only() -> None:
    assert rules_of(choir("C4 D4 E4 B4")) == []
    assert rules_of(choir("F4 B4 C5 C5")) == ["augmented-leap"]


def test_octaves_exchanged_inside_a_chord_are_no_parallels() -> None:
    score = choir("C5 C5", "G4 G4", "G3 G4", "C3 C4")
    assert set(rules_of(score)) == {"voice-overlap"}


def test_no_notes_is_an_error() -> None:
    with pytest.raises(MusicError):
        check_score(Score((Part("S"),), ()))


def test_enharmonic_sixth_is_no_fifth() -> None:
    """G#-Eb sounds as a fifth but is written as a diminished sixth."""
    score = choir("D4 Eb4", "B3 B3", "G3 G#3", "G2 E3")
    assert "parallel-fifths" not in rules_of(score)


def test_unspelled_notes_are_spelled_in_the_key() -> None:
    score = choir("E4 E4 E4", "C4 B3 C4", "F3 G#3 A3", "A2 E3 A2")
    plain = score.replace_notes(replace(n, spelling=None) for n in score.notes)
    assert "augmented-leap" in rules_of(plain)


def test_findings_come_in_time_order_with_explained_rules() -> None:
    score = choir("C5 D5 E5 F5", "G4 A4 B4 C5", "E4 F4 G4 A4", "C3 D3 E3 F3")
    found = check_score(score)
    assert [f.onset_quarter for f in found] == sorted(f.onset_quarter for f in found)
    assert all(RULES[f.rule].explanation and f.message for f in found)
    assert Counter(f.rule for f in found)["parallel-octaves"] == 3


def test_transposition_changes_no_finding() -> None:
    """Property: three keys, the same faults (ranges aside, which are absolute)."""
    voices = ["C5 B4 G4 A4", "G4 G4 E4 E4", "E4 D4 G3 C4", "C3 G2 C3 D3"]
    score = choir(*voices, fifths=None)
    expected = rules_of(score)
    assert "parallel-fifths" in expected
    for shift in (-2, 3):
        moved = score.replace_notes(
            replace(n, midi=n.midi + shift, spelling=None) for n in score.notes
        )
        assert rules_of(moved) == expected


@pytest.fixture(scope="module")
def bach(data_dir: Path) -> list[dict]:
    pieces = json.loads((data_dir / "jsb" / "chorales_rich_train_valid.json").read_text())["pieces"]
    return [p for p in pieces if p["split"] == "train"][::16]


def test_bach_is_nearly_clean(bach: list[dict]) -> None:
    counts = Counter(f.rule for p in bach for f in check_score(rich_score(p)))
    per_piece = {rule: counts[rule] / len(bach) for rule in RULES}
    parallels = sum(v for rule, v in per_piece.items() if rule.startswith("parallel"))
    assert 0 < parallels < 0.3
    assert per_piece["augmented-leap"] < 0.1
    assert per_piece["doubled-leading-tone"] < 0.1
    assert per_piece["unresolved-leading-tone"] < 0.4
    assert per_piece["range"] < 0.05


def test_checker_counts_what_the_grid_measures_count(bach: list[dict]) -> None:
    """Without phrase ends the checker finds the grid's parallels, octave exchanges aside."""
    plain = [rich_score(p, fermatas=False, spelled=False) for p in bach]
    found = Counter(f.rule for s in plain for f in check_score(s))
    grid = measure_grids([rich_grid(p)[0] for p in bach])
    assert found["parallel-fifths"] == pytest.approx(grid["parallel_fifths"]["count"], abs=1)
    octaves = found["parallel-octaves"] + found["parallel-unisons"]
    assert octaves == pytest.approx(grid["parallel_octaves"]["count"], abs=2)


def test_planted_octaves_in_bach_are_found(bach: list[dict]) -> None:
    """The bass doubles the soprano two octaves lower for a while: every move must be reported."""
    generator = np.random.default_rng(5)
    for piece in bach[:6]:
        score = rich_score(piece, fermatas=False)
        start = Fraction(int(generator.integers(1, 5)) * 4)
        copied = [
            replace(
                n, midi=n.midi - 24, part="Bass", spelling=None, tie_start=False, tie_stop=False
            )
            for n in score.part_notes("Soprano")
            if start <= n.onset_quarter and n.end_quarter <= start + 4
        ]
        low = min(n.onset_quarter for n in copied)
        high = max(n.end_quarter for n in copied)
        kept = [
            n
            for n in score.notes
            if n.part != "Bass" or n.end_quarter <= low or n.onset_quarter >= high
        ]
        faulty = score.replace_notes([*kept, *copied])
        moves = {
            b.onset_quarter
            for a, b in pairwise(copied)
            if a.midi != b.midi and a.end_quarter == b.onset_quarter
        }
        reported = {
            f.onset_quarter
            for f in check_score(faulty)
            if f.rule == "parallel-octaves" and f.voices == ("soprano", "bass")
        }
        assert moves <= reported


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1_000_000))
def test_any_score_is_checked_without_a_crash(seed: int) -> None:
    """Fuzz: odd rhythms, rests, overlaps, chords, grace notes, several staves, no measures."""
    generator = np.random.default_rng(seed)
    parts = [Part(f"P{i}", generator.choice(["", "Soprano", "Violin"])) for i in range(3)]
    notes = []
    for _ in range(int(generator.integers(1, 40))):
        grace = generator.random() < 0.1
        length = Fraction(int(generator.integers(1, 9)), int(generator.choice([1, 3, 4, 8])))
        notes.append(
            Note(
                Fraction(int(generator.integers(0, 48)), int(generator.choice([1, 3, 4]))),
                Fraction(0) if grace else length,
                int(generator.integers(20, 100)),
                str(generator.choice([p.id for p in parts])),
                staff=int(generator.integers(1, 3)),
                voice=str(generator.integers(1, 3)),
                tie_start=bool(generator.random() < 0.2),
                tie_stop=bool(generator.random() < 0.2),
                fermata=bool(generator.random() < 0.2),
                grace=grace,
            )
        )
    notes.append(Note(Fraction(0), Fraction(1), 60, "P0"))
    end = max(n.end_quarter for n in notes)
    for finding in check_score(Score(tuple(parts), sort_notes(notes))):
        assert finding.rule in RULES
        assert 0 <= finding.onset_quarter <= end
        assert finding.beat >= 1
