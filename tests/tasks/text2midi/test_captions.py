import numpy as np

from partimento.music.attributes import LEVELS, Attributes, tempo_word
from partimento.music.instruments import INSTRUMENT_NAMES
from partimento.music.keys import ALL_KEYS
from partimento.music.styles import STYLES
from partimento.tasks.text2midi.caption_facts import choose_facts, implied_by_style
from partimento.tasks.text2midi.caption_words import FORMS, INSTRUMENT_WORDS, STYLE_NOUNS
from partimento.tasks.text2midi.captions import FRAMES, caption, paraphrases, write_caption
from partimento.tasks.text2midi.parsing import parse
from partimento.tasks.text2midi.prompt_score import COUNTED, flat

METERS = ("4/4", "3/4", "2/4", "6/8", "9/8", "2/2", "3/8", "12/8")
PIECE = Attributes(
    tempo_bpm=92.0,
    tempo_word="moderate",
    key="D minor",
    mode="minor",
    meter="2/4",
    style="march",
    instruments=("trumpet", "organ"),
    bars=16,
    density="sparse",
    register="low",
    polyphony="thin",
    dynamics="loud",
    articulation="legato",
    arousal="low",
)


def drawn_piece(rng):
    def pick(choices):
        return choices[int(rng.integers(len(choices)))]

    key = str(pick(ALL_KEYS))
    bpm = None if rng.random() < 0.4 else round(float(rng.uniform(40, 220)), 2)
    names = rng.choice(INSTRUMENT_NAMES, size=int(rng.integers(1, 5)), replace=False).tolist()
    return Attributes(
        tempo_bpm=bpm,
        tempo_word=None if bpm is None else tempo_word(bpm),
        key=key,
        mode=key.split()[1],
        meter=pick(METERS),
        style=pick(STYLES) if rng.random() < 0.8 else None,
        valence=pick((None, "low", "high")),
        instruments=tuple(names),
        bars=int(rng.integers(1, 64)),
        **{name: pick(LEVELS[name]) for name in LEVELS},
    )


def compared(facts, text):
    """Right and counted stated attributes, left and counted unstated ones."""
    got = flat(parse(text).attributes.to_dict())
    stated = dict(facts)
    if "key" in stated:
        stated["mode"] = stated["key"].split()[1]
    if "tempo_bpm" in stated:
        stated["tempo_word"] = tempo_word(stated["tempo_bpm"])
    if "instruments" in stated:
        stated["instruments"] = tuple(sorted(stated["instruments"]))
    implied = implied_by_style(facts["style"]) if "style" in facts else {}
    right = sum(agrees(got.get(name), value) for name, value in stated.items())
    unstated = [name for name in COUNTED if name not in stated]
    left = sum(got.get(name) in (None, implied.get(name)) for name in unstated)
    return right, len(stated), left, len(unstated)


def agrees(got, value):
    if isinstance(value, float):
        if isinstance(got, tuple):
            return got[0] <= value <= got[1]
        return got is not None and abs(got - value) <= 3
    return got == value


def test_captions_are_read_back():
    rng = np.random.default_rng(7)
    total = np.zeros(4)
    for number in range(150):
        length = ("short", "medium", "long")[number % 3]
        facts = choose_facts(drawn_piece(rng), {}, rng, length)
        total += compared(facts, write_caption(facts, rng))
    assert total[0] / total[1] >= 0.97
    assert total[2] / total[3] >= 0.97


def test_every_form_says_its_value_and_nothing_else():
    for attribute, values in FORMS.items():
        for value, (before, after) in values.items():
            assert len(before) + len(after) >= 6, (attribute, value)
            texts = [f"a {w} piece" for w in before] + [f"a piece, {w}" for w in after]
            for text in texts:
                assert flat(parse(text).attributes.to_dict()) == {attribute: value}, text


def test_every_noun_says_its_style_and_what_it_implies():
    assert set(STYLE_NOUNS) == set(STYLES)
    for style, nouns in STYLE_NOUNS.items():
        for noun in nouns:
            found = flat(parse(f"a {noun}").attributes.to_dict())
            assert found == {"style": style, **implied_by_style(style)}, noun


def test_every_name_of_an_instrument_is_understood():
    for name in INSTRUMENT_NAMES:
        for word in INSTRUMENT_WORDS.get(name, (name,)):
            text = f"a piece for solo {word}"
            assert flat(parse(text).attributes.to_dict()) == {"instruments": (name,)}, word


def test_every_frame_keeps_all_parts():
    assert len(FRAMES) >= 8
    rng = np.random.default_rng(0)
    for frame in FRAMES:
        text = frame(["slow", "soft"], "march", ["in D minor", "16 bars", "for flute"], rng)
        found = flat(parse(text).attributes.to_dict())
        assert (found["tempo_word"], found["dynamics"], found["style"]) == ("slow", "soft", "march")
        assert (found["key"], found["bars"], found["instruments"]) == ("D minor", 16, ("flute",))
        assert frame([], "piece", [], rng)


def test_a_style_never_implies_what_was_measured_otherwise():
    # A march suggests 4/4; this one is in 2/4.
    rng = np.random.default_rng(1)
    for _ in range(30):
        text = caption(PIECE, {}, rng, stated={"style"})
        assert parse(text).attributes.meter == "2/4", text


def test_stated_names_what_is_said():
    rng = np.random.default_rng(2)
    facts = choose_facts(PIECE, {}, rng, stated={"key", "bars", "register", "articulation"})
    assert set(facts) == {"key", "bars", "register", "articulation"}


def test_a_sad_word_is_not_said_of_a_major_piece():
    piece = Attributes(key="C major", mode="major", valence="low")
    rng = np.random.default_rng(3)
    for _ in range(20):
        assert "valence" not in choose_facts(piece, {}, rng, "long")


def test_lengths_and_dropout():
    rng = np.random.default_rng(4)
    sizes = {
        length: [len(choose_facts(PIECE, {}, rng, length)) for _ in range(60)]
        for length in ("short", "medium", "long")
    }
    assert np.mean(sizes["short"]) + 1 < np.mean(sizes["medium"]) < np.mean(sizes["long"]) - 1
    said = {name for _ in range(60) for name in choose_facts(PIECE, {}, rng, "short")}
    assert {"key", "style", "instruments", "meter", "density"} <= said


def test_what_people_wrote_gives_the_style_but_never_the_title():
    rng = np.random.default_rng(5)
    about = {"style": "jig", "title": "Banshee", "composer": "Nobody"}
    texts = [caption(Attributes(), about, rng) for _ in range(40)]
    assert all(parse(text).attributes.style == "jig" for text in texts)
    assert not any("Banshee" in text or "Nobody" in text for text in texts)


def test_paraphrases_say_the_same_in_other_words():
    rng = np.random.default_rng(6)
    for _ in range(10):
        texts = paraphrases(drawn_piece(rng), {}, 4, rng)
        assert len(set(texts)) == 4
        parsed = [flat(parse(text).attributes.to_dict()) for text in texts]
        assert all(set(p) == set(parsed[0]) for p in parsed)


def test_numbers_come_in_words_now_and_then():
    rng = np.random.default_rng(8)
    texts = [caption(PIECE, {}, rng, stated={"tempo_bpm", "bars"}) for _ in range(100)]
    assert any("sixteen" in text for text in texts)
    assert any("16" in text for text in texts)
    assert any("about" in text or "around" in text for text in texts)
    assert any("-" in text or "between" in text for text in texts)


def test_the_same_seed_writes_the_same_caption():
    one = caption(PIECE, {}, np.random.default_rng(9), "long")
    assert one == caption(PIECE, {}, np.random.default_rng(9), "long")
    assert one != caption(PIECE, {}, np.random.default_rng(10), "long")


def test_a_piece_without_attributes_still_gets_a_sentence():
    assert caption(Attributes(), {}, np.random.default_rng(0))
