import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.core.errors import ConfigError
from partimento.music.attributes import Attributes
from partimento.music.instruments import INSTRUMENT_NAMES
from partimento.music.styles import STYLES
from partimento.tasks.text2midi.lexicon import LANGUAGES, phrases_of
from partimento.tasks.text2midi.number_words import number_phrases, number_words
from partimento.tasks.text2midi.parsing import parse, understood_text
from partimento.tasks.text2midi.prompt_score import (
    flat,
    paraphrase_agreement,
    score_prompts,
)
from partimento.tasks.text2midi.spelling import edit_distance
from partimento.tasks.text2midi.words import detect_language, split_words

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
PROMPTS = json.loads((GOLDEN / "text2midi_prompts.json").read_text(encoding="utf-8"))
PARAPHRASES = json.loads((GOLDEN / "text2midi_paraphrases.json").read_text(encoding="utf-8"))


def understood(text, language=None):
    return flat(parse(text, language).attributes.to_dict())


def test_hand_prompts_are_understood():
    first = [p for p in PROMPTS if not (p.get("second") or p.get("third"))]
    assert len(first) >= 120
    score = score_prompts(PROMPTS)
    assert score["stated_right"] >= 0.97
    assert score["unstated_left"] >= 0.97
    assert score["stated"] + score["unstated"] == 16 * len(PROMPTS)


def test_five_paraphrases_say_the_same():
    assert len(PARAPHRASES) == 24 and all(len(texts) == 5 for texts in PARAPHRASES)
    assert paraphrase_agreement(PARAPHRASES) >= 0.95


def test_a_score_sees_errors():
    right = {"text": "a fast waltz", "expected": {"style": "waltz", "meter": "3/4"}}
    score = score_prompts([right])
    # The tempo was not expected.
    assert score["stated_right"] == 1.0
    assert score["unstated_left"] == pytest.approx(13 / 14)
    wrong = {"text": "a waltz", "expected": {"style": "jig"}}
    assert score_prompts([wrong])["per_attribute"]["style"]["stated_right"] == 0.0
    with pytest.raises(ValueError):
        score_prompts([])


def test_different_texts_do_not_agree():
    assert paraphrase_agreement([["slow", "fast", "slow"]]) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("text", "bpm"),
    [
        ("between 90 and 110 bpm", (90.0, 110.0)),
        ("90-110 bpm", (90.0, 110.0)),
        ("90\u2013110 bpm", (90.0, 110.0)),
        ("around 90", 90.0),
        ("♩ = 96", 96.0),
        ("♩=96", 96.0),
        ("at 120 beats per minute", 120.0),
        ("tempo: 76", 76.0),
        ("at one hundred and twenty bpm", 120.0),
        ("tra ottanta e cento bpm", (80.0, 100.0)),
        ("tra i 90 e i 110 bpm", (90.0, 110.0)),
        ("a noventa y dos pulsaciones por minuto", 92.0),
        ("unes cent vint pulsacions per minut", 120.0),
        ("dotted quarter = 60", 90.0),
        ("half note = 60", 120.0),
        ("110bpm", 110.0),
        ("99.5 bpm", 99.5),
    ],
)
def test_tempos(text, bpm):
    assert understood(text)["tempo_bpm"] == bpm


@pytest.mark.parametrize(
    "text", ["120 bars", "3/4", "16 measures", "for 120 seconds", "in 1990", "5000 bpm"]
)
def test_other_numbers_are_no_tempo(text):
    assert "tempo_bpm" not in understood(text)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("in D minor", "D minor"),
        ("in B flat", "Bb major"),
        ("F# m", "F# minor"),
        ("F#m", "F# minor"),
        ("Am, 4/4", "A minor"),
        ("B♭ major", "Bb major"),
        ("in G sharp major", "Ab major"),
        ("A-flat minor", "Ab minor"),
        ("re minore", "D minor"),
        ("una pieza en la menor", "A minor"),
        ("peça en sol major", "G major"),
        ("in si bemolle maggiore", "Bb major"),
        ("fa sostenido menor", "F# minor"),
        ("Minuet in G, 16 bars", "G major"),
        ("E dorian", "E minor"),
        ("key of c", "C major"),
    ],
)
def test_keys(text, key):
    found = understood(text)
    assert found["key"] == key
    assert found["mode"] == key.split()[1]


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("a minor key", "minor"),
        ("in a minor key", "minor"),
        ("A minor waltz for guitar", "minor"),
        ("in major", "major"),
        ("en modo menor", "minor"),
    ],
)
def test_a_mode_alone_is_no_key(text, mode):
    found = understood(text)
    assert found["mode"] == mode
    assert "key" not in found


@pytest.mark.parametrize(
    "text",
    [
        "a major work",
        "I am happy about a minor problem",
        "the horn in F plays",
        "write me a tune in a minute",
        "what do you mean by c",
    ],
)
def test_letters_that_are_no_key(text):
    assert "key" not in understood(text)


@pytest.mark.parametrize(
    ("text", "meter"),
    [
        ("3/4", "3/4"),
        ("in three", "3/4"),
        ("six-eight", "6/8"),
        ("common time", "4/4"),
        ("cut time", "2/2"),
        ("ternario", "3/4"),
        ("compás de 3 por 4", "3/4"),
        ("tempo di tre quarti", "3/4"),
        ("twelve-eight time", "12/8"),
        ("a waltz", "3/4"),
        ("a slip jig", "9/8"),
        ("a march in 6/8", "6/8"),
        ("¾ time", "3/4"),
    ],
)
def test_meters(text, meter):
    assert understood(text)["meter"] == meter


@pytest.mark.parametrize(
    ("text", "bars"),
    [
        ("16 bars", 16),
        ("eight measures", 8),
        ("sixteen-bar tune", 16),
        ("dodici battute", 12),
        ("treinta y dos compases", 32),
        ("setze compassos", 16),
        ("two 8-bar phrases", 16),
        ("8 to 16 bars", 12),
    ],
)
def test_bars(text, bars):
    assert understood(text)["bars"] == bars


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not too fast", {"tempo_word": "moderate"}),
        ("not sad", {}),
        ("never slow", {}),
        ("not too loud", {"dynamics": "medium"}),
        ("neither sad nor happy", {}),
        ("not in 4/4 but in 3/4", {"meter": "3/4"}),
        ("not in D minor", {}),
        ("sad, but not in a minor key", {"valence": "low"}),
        ("no drums", {"excluded_instruments": ("drums",)}),
        ("without strings", {"excluded_instruments": ("strings",)}),
        ("anything but the organ", {"excluded_instruments": ("organ",)}),
        ("no flute or whistle", {"excluded_instruments": ("flute", "whistle")}),
        (
            "without piano, strings or brass",
            {"excluded_instruments": ("brass", "piano", "strings")},
        ),
        (
            "no drums, flute and harp",
            {"excluded_instruments": ("drums",), "instruments": ("flute", "harp")},
        ),
        (
            "not only flute but harp",
            {"instruments": ("flute", "harp")},
        ),
        (
            "sin piano ni guitarra",
            {"excluded_instruments": ("guitar", "piano")},
        ),
        ("non troppo veloce, per arpa", {"tempo_word": "moderate", "instruments": ("harp",)}),
    ],
)
def test_negation_and_softening(text, expected):
    assert understood(text) == expected


def test_degrees_of_tempo():
    assert understood("very slow")["tempo_word"] == "very slow"
    assert understood("rather slow")["tempo_word"] == "slow"
    assert understood("molto veloce, per violino")["tempo_word"] == "very fast"


def test_what_is_said_beats_what_is_implied():
    assert understood("a slow jig in 9/8")["tempo_word"] == "slow"
    assert understood("a slow jig in 9/8")["meter"] == "9/8"
    assert understood("a sad tune in C major")["mode"] == "major"
    assert understood("presto, 60 bpm")["tempo_word"] == "slow"


def test_two_implications_in_conflict_say_nothing():
    found = understood("sad but happy")
    assert "mode" not in found and "valence" not in found


def test_piano_is_an_instrument_and_a_dynamic():
    assert understood("for piano")["instruments"] == ("piano",)
    assert understood("mezzo piano") == {"dynamics": "soft"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("string quartet", ("cello", "viola", "violin")),
        ("two fiddles and a tin whistle", ("violin", "whistle")),
        ("cello and bass", ("cello", "double bass")),
        ("guitar and bass", ("bass guitar", "guitar")),
        ("soprano and alto recorder", ("recorder",)),
        ("flauto dolce e liuto, per favore", ("guitar", "recorder")),
        ("mixed choir", ("choir",)),
    ],
)
def test_instruments(text, names):
    assert understood(text)["instruments"] == names


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "the story of a dragon",
        "light music for a romantic dinner in March",
        "a recorded message, five minutes long",
        "high quality please",
        "12345 67890",
        "(((((",
    ],
)
def test_what_says_nothing_stays_unstated(text):
    assert understood(text) == {}


def test_a_form_can_be_filled_in():
    text = "density: high, polyphony: monophonic, arousal = low, register: middle, tempo: 90"
    assert understood(text) == {
        **{"density": "dense", "polyphony": "monophonic", "arousal": "low", "register": "middle"},
        **{"tempo_bpm": 90.0, "tempo_word": "moderate"},
    }
    assert understood("low valence and high energy") == {"valence": "low", "arousal": "high"}


def test_long_misspelt_words_are_put_right_and_short_ones_left():
    assert understood("melancoly waltz for harpsicord") == {
        **{"valence": "low", "mode": "minor", "style": "waltz", "meter": "3/4"},
        "instruments": ("harpsichord",),
    }
    assert understood("a lovely harm") == {}
    assert edit_distance("brigth", "bright", 2) == 1


def test_findings_point_into_the_text():
    text = "Sad waltz in D minor, ca. 70 bpm, no drums"
    result = parse(text)
    for found in result.found:
        assert text[found.start : found.end] == found.words
    by_name = {(f.attribute, f.how): f.words for f in result.found}
    assert by_name["valence", "said"] == "Sad"
    assert by_name["meter", "implied"] == "waltz"
    assert by_name["key", "said"] == "D minor"
    assert by_name["instruments", "negated"] == "drums"
    assert "70" in by_name["tempo_bpm", "said"]


def test_unused_words_are_listed_and_shown():
    result = parse("a nostalgic waltz about Vienna")
    assert result.unused == ("nostalgic", "Vienna")
    shown = understood_text(result)
    assert "style: waltz, from 'waltz'" in shown
    assert "not used: nostalgic, Vienna" in shown
    assert "nothing" in understood_text(parse("hm"))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("a slow waltz for the guitar", "english"),
        ("A jig in E", "english"),
        ("un valzer lento in sol maggiore per pianoforte", "italian"),
        ("un vals triste en re menor para guitarra", "spanish"),
        ("un vals trist en re menor per a guitarra", "catalan"),
        ("allegro", "english"),
        ("no quiero batería", "spanish"),
        ("no gaire ràpid", "catalan"),
        ("a piano étude", "english"),
    ],
)
def test_language_is_voted_for(text, language):
    assert detect_language(split_words(text)) == language


def test_a_given_language_is_taken():
    assert "key" not in understood("re minore", "english")
    assert understood("re minore", "italian")["key"] == "D minor"


def test_mistakes_of_a_user_are_named():
    with pytest.raises(ConfigError, match="no language"):
        parse("a waltz", "klingon")
    with pytest.raises(ConfigError, match="characters"):
        parse("a" * 5000)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_lexicon_names_only_known_values(language):
    fields = set(Attributes.__dataclass_fields__) | {"nothing"}
    for phrase, effects in phrases_of(language).items():
        assert phrase and all(phrase)
        for effect in effects:
            assert effect.attribute in fields
            if effect.attribute == "instruments":
                assert set(effect.value.split("+")) <= {*INSTRUMENT_NAMES, "drums"}
            if effect.attribute == "style":
                assert effect.value in STYLES


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_are_read_as_they_are_written(language):
    phrases = number_phrases(language)
    for number in range(2, 301):
        assert phrases[tuple(number_words(number, language).split())] == number
    with pytest.raises(ValueError):
        number_words(301, language)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_parsed(text):
    result = parse(text)
    for found in result.found:
        assert text[found.start : found.end] == found.words


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *("no", "not", "too", "very", "slow", "waltz", ",", "in", "a", "3", "/", "4"),
                *("16", "bars", "D", "minor", "flute", "and", "or", "piano", "90", "bpm"),
            ]
        ),
        max_size=14,
    )
)
def test_any_row_of_musical_words_is_parsed(words):
    result = parse(" ".join(words)).attributes
    assert not set(result.instruments) & set(result.excluded)
    if result.key:
        assert result.key.split()[1] == result.mode
