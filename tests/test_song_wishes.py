import time

import pytest

from partimento.chain.song_wishes import wishes_of
from partimento.core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "about", "harmonize", "ensemble"),
    [
        ("a gavotte in G, harmonised as a chorale", "a gavotte in G", True, None),
        ("a song in four-part harmony, 8 bars", "a song, 8 bars", True, None),
        ("Arranged for brass quartet: a march", "a march", False, "brass quartet"),
        (
            "A jig, harmonized in 4 parts and arranged for a string quartet.",
            "A jig.", True, "string quartet",
        ),
        (
            "un vals triste, armonizado a cuatro voces, arreglado para cuarteto de cuerda",
            "un vals triste", True, "string quartet",
        ),
        (
            "un valzer, armonizzato a quattro voci e arrangiato per quartetto d\u2019archi",
            "un valzer", True, "string quartet",
        ),
        (
            "un vals trist, harmonitzat a quatre veus, arranjat per a cor mixt",
            "un vals trist", True, "choir",
        ),
        ("un tema en re menor, armonízalo como un coral", "un tema en re menor", True, None),
        ("arranged for organ", "", False, "organ"),
        ("a jig arranged for brass and harmonised", "a jig", True, "brass quartet"),
    ],
)  # fmt: skip
def test_what_is_to_be_done_is_told_from_what_the_piece_is(text, about, harmonize, ensemble):
    found = wishes_of(text)
    assert (found.about, found.harmonize, found.ensemble) == (about, harmonize, ensemble)
    assert found.text == text
    assert all(one.words and one.words in text for one in found.asked)


@pytest.mark.parametrize(
    "text",
    [
        "a calm chorale in C major",
        "a string quartet in G major",
        "a waltz, not harmonised",
        "a waltz without being harmonised",
        "un vals sin armonizar",
        "a harmonious piece, with rich harmony",
        "no arranged strings",
        "a waltz arranged for piano and cello",
        "un vals arreglado para piano y un violín",
    ],
)
def test_a_piece_that_is_described_so_is_left_alone(text):
    found = wishes_of(text)
    assert found.about == text and not found.asked
    assert not found.harmonize and found.ensemble is None


def test_no_piano_before_the_wish_does_not_deny_it():
    assert wishes_of("a jig for flute, no piano, harmonised in four parts").harmonize


def test_many_spaces_take_no_time():
    began = time.process_time()
    wishes_of("arranged for" + " " * 4000)
    assert time.process_time() - began < 0.5


def test_an_option_comes_before_the_sentence():
    found = wishes_of("a jig arranged for choir", arrange="Brass  Quartet")
    assert found.ensemble == "brass quartet" and found.about == "a jig"
    found = wishes_of("a jig", harmonize=True)
    assert found.harmonize and found.asked[0].words == ""


def test_an_unknown_ensemble_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="theremin") as caught:
        wishes_of("a jig", arrange="theremin trio")
    assert "string quartet" in str(caught.value.fix)
