"""Keys: names, Albrecht-Shanahan detection, spelling."""

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partimento.core.errors import ConfigError, MusicError
from partimento.music import keys
from partimento.music.keys import Key
from partimento.music.score import KeySignature, Note, Part, Score, Spelling, sort_notes


@pytest.mark.parametrize(
    ("text", "name", "fifths"),
    [
        ("G minor", "G minor", -2),
        ("Gm", "G minor", -2),
        ("g", "G minor", -2),
        ("Bb major", "Bb major", -2),
        ("bb", "Bb minor", -5),
        ("F#", "F# major", 6),
        ("f#m", "F# minor", 3),
        ("B-minor", "B minor", 2),
        ("B- minor", "Bb minor", -5),
        ("E flat Major", "Eb major", -3),
        ("C-sharp minor", "C# minor", 4),
        ("a♭", "Ab minor", -7),
        ("C", "C major", 0),
    ],
)
def test_parse(text, name, fifths):
    key = Key.parse(text)
    assert (key.name, key.fifths) == (name, fifths)


@pytest.mark.parametrize("text", ["", "H", "D dorian", "es", "G##", "minor", "x" * 500])
def test_parse_refuses(text):
    with pytest.raises(ConfigError, match="is no key"):
        Key.parse(text)


def test_parse_names_the_enharmonic_twin():
    with pytest.raises(ConfigError, match="Take F# minor"):
        Key.parse("Gb minor")


@given(st.integers(-7, 7), st.sampled_from(keys.MODES))
def test_signature_and_name_agree(fifths, mode):
    key = Key.from_fifths(fifths, mode)
    assert key.fifths == fifths
    assert Key.parse(key.name) == key
    assert key.relative.relative == key and key.relative.fifths == fifths
    assert key.transposed(5).tonic_pitch_class == (key.tonic_pitch_class + 5) % 12


def test_detect_own_profiles_in_all_24_keys():
    for key in keys.ALL_KEYS:
        profile = keys.MAJOR_PROFILE if key.mode == "major" else keys.MINOR_PROFILE
        weights = 17 * np.roll(profile, key.tonic_pitch_class)
        assert keys.detect_key(weights) == key
        assert keys.key_scores(weights)[key] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("weights", [np.zeros(12), np.ones(11), -np.ones(12), np.full(12, np.nan)])
def test_key_scores_refuse(weights):
    with pytest.raises(ValueError, match="weights"):
        keys.key_scores(weights)


def line(text, part="1"):
    """Quarter notes of a text such as 'C4 D4'."""
    return [
        Note(Fraction(i), Fraction(1), Spelling.parse(t).midi, part, Spelling.parse(t))
        for i, t in enumerate(text.split())
    ]


def score_of(notes, fifths=None):
    signature = () if fifths is None else (KeySignature(Fraction(0), fifths),)
    return Score((Part("1"),), sort_notes(notes), key_signatures=signature)


def test_signature_and_ending_decide_between_relative_keys():
    # C major and A minor share these notes; only the end and the signature tell them apart.
    notes = line("A4 B4 C5 D5 E5 D5 C5 B4 A4 G4 A4 E5 C5 A4")
    assert keys.detect_score_key(score_of(notes, 0)) == Key("A", "minor")
    assert keys.detect_score_key(score_of(notes[:-1], 0)).fifths == 0


def test_sharp_signature_gives_sharp_name():
    notes = line("F#4 G#4 A#4 B4 C#5 B4 A#4 G#4 F#4")
    assert keys.detect_score_key(score_of(notes, 6)).name == "F# major"
    assert keys.detect_score_key(score_of(notes)).name == "F# major"
    flats = line("Gb4 Ab4 Bb4 Cb5 Db5 Cb5 Bb4 Ab4 Gb4")
    assert keys.detect_score_key(score_of(flats)).name == "Gb major"


def test_no_notes_is_a_clear_error():
    with pytest.raises(MusicError, match="no notes"):
        keys.detect_score_key(score_of([]))


@given(st.integers(0, 127), st.integers(-7, 7), st.sampled_from([None, 1, -1]))
def test_spelling_keeps_the_pitch(midi, fifths, direction):
    spelled = keys.spell(midi, Key.from_fifths(fifths, "minor"), direction)
    assert spelled.midi == midi
    assert keys.spell_at(midi, keys.spelling_place(spelled)) == spelled


@pytest.mark.parametrize(
    ("key", "midis", "names"),
    [
        ("C major", [60, 66, 67, 70, 69, 61, 62], "C4 F#4 G4 Bb4 A4 C#4 D4"),
        ("A minor", [69, 66, 68, 69, 61, 62, 70, 69], "A4 F#4 G#4 A4 C#4 D4 Bb4 A4"),
        ("G minor", [67, 66, 64, 66, 67, 63, 62], "G4 F#4 E4 F#4 G4 Eb4 D4"),
        ("C major", [64, 63, 64], "E4 D#4 E4"),
        ("C major", [64, 63, 62], "E4 Eb4 D4"),
        ("F# minor", [66, 65, 66, 61], "F#4 E#4 F#4 C#4"),
        ("Eb major", [63, 71, 72, 69, 70], "Eb4 B4 C5 A4 Bb4"),
    ],
)
def test_spell_line(key, midis, names):
    assert " ".join(s.name for s in keys.spell_line(midis, Key.parse(key))) == names


def chorales(data_dir, split):
    rich = json.loads((data_dir / "jsb" / "chorales_rich_train_valid.json").read_text())
    return [p for p in rich["pieces"] if p["split"] == split and p["mode"]]


def test_spelling_of_bach(data_dir):
    wrong = total = 0
    for piece in chorales(data_dir, "valid"):
        key = Key.from_fifths(piece["sharps"], piece["mode"])
        for voice in piece["voices"]:
            notes = [n for n in voice if n[2] >= 0]
            got = keys.spell_line([n[2] for n in notes], key)
            wrong += sum(s != Spelling.parse(n[5]) for s, n in zip(got, notes, strict=True))
            total += len(notes)
    assert total > 10_000
    assert wrong / total < 0.002


def test_key_of_bach(data_dir):
    pieces = chorales(data_dir, "valid")
    right = 0
    for piece in pieces:
        notes = [
            Note(Fraction(n[0], 4), Fraction(n[1], 4), n[2], str(v))
            for v, voice in enumerate(piece["voices"])
            for n in voice
            if n[2] >= 0
        ]
        found = keys.detect_score_key(score_of(notes, piece["sharps"]))
        dorian = found.mode == "minor" and found.fifths == piece["sharps"] - 1
        right += found.mode == piece["mode"] and (found.fifths == piece["sharps"] or dorian)
    assert right / len(pieces) > 0.9
