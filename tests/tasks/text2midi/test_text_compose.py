"""From a text to files, with a model of simple rules in the place of the trained one."""

import json
import wave
from dataclasses import replace

import numpy as np
import pytest

from fake_text_model import FakeTextModel
from made_pieces import made_piece
from partimento.core.errors import ConfigError, InputFileError, MusicError
from partimento.music.attributes import Attributes, measure, measured_key
from partimento.music.barpiece import read_bar_piece
from partimento.music.barpiece_write import midi_bytes_of
from partimento.music.instruments import INSTRUMENT_ID, INSTRUMENTS
from partimento.music.musicxml_read import read_musicxml
from partimento.nn.sampling import PRESETS
from partimento.tasks.text2midi.best_of import choose, judge_of
from partimento.tasks.text2midi.compose import SAMPLING, compose, resolve_sampling
from partimento.tasks.text2midi.request import joined
from partimento.tasks.text2midi.restyle import conditions_from, rearranged

WALTZ = "a sad slow waltz in D minor for flute and harp, 8 bars"


@pytest.fixture
def model():
    return FakeTextModel()


@pytest.fixture
def file(tmp_path):
    """Eight bars of 6/8 in C major for violin, 90 quarters a minute."""
    path = tmp_path / "given.mid"
    piece = made_piece(8, meter="6/8", instrument="violin", chords=True, tempo_bpm=90.0)
    path.write_bytes(midi_bytes_of(piece))
    return path


def test_a_text_becomes_all_files(model, tmp_path):
    outcome = compose(WALTZ, tmp_path / "out", n=2, bars=2, weights=model)
    names = ["mid", "musicxml", "svg", "wav"]
    wanted = {f"0{i}.{end}" for i in (1, 2) for end in names}
    wanted |= {"01-roll.svg", "02-roll.svg", "index.html", "report.json"}
    assert {f.name for f in (tmp_path / "out").iterdir()} == wanted
    assert {f.name for f in outcome.files} == wanted
    piece = read_bar_piece(tmp_path / "out" / "01.mid", guarded=False)
    made = outcome.pieces[0].piece
    assert (piece.meter, made.bars) == ("3/4", 2)
    assert {INSTRUMENTS[i].name for i in made.instrument} == {"flute", "harp"}
    score = read_musicxml((tmp_path / "out" / "01.musicxml").read_bytes())
    assert len(score.sounding()) == len(made)
    assert score.title == WALTZ
    with wave.open(str(tmp_path / "out" / "01.wav")) as sound:
        seconds = sound.getnframes() / sound.getframerate()
    assert made.seconds - 3 < seconds < made.seconds + 3
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["pieces"][0]["sound"]["clipped_samples"] == 0
    assert -30 < report["pieces"][0]["sound"]["rms_dbfs"] < -8
    page = (tmp_path / "out" / "index.html").read_text()
    for words in ("What was understood", "Piece 2", "Match 1", "01.musicxml", "forced", "<audio"):
        assert words in page


def test_the_report_tells_everything(model):
    text = "a fast jig with drums in E minor, no piano, blorp"
    report = compose(text, best_of=3, settings=["density=dense"], weights=model).report()
    assert report["understood"]["style"] == "jig"
    assert report["understood"]["excluded_instruments"] == ["piano"]
    assert {"words", "start", "end", "attribute", "value", "how"} == set(
        report["understood"]["findings"][0]
    )
    assert report["set"] == {"density": "dense"}
    assert report["asked"]["density"] == "dense"
    assert report["forced"] == ["meter", "tempo"]
    assert "drums" in report["could_not"][0]
    assert (report["weights"], report["seed"], report["bars"]) == ("fake", 0, 16)
    (piece,) = report["pieces"]
    assert piece["best_of"] == 3
    assert max(piece["match_of_all_draws"]) == piece["match"] == report["match"]
    rows = {row["attribute"]: row for row in piece["rows"]}
    assert rows["meter"]["forced"] and rows["meter"]["ok"]
    assert not rows["density"]["forced"]
    assert piece["measured"]["meter"] == "6/8"
    json.dumps(report)


def test_same_arguments_same_bytes(model, tmp_path):
    for name in ("a", "b"):
        compose(WALTZ, tmp_path / name, best_of=2, seed=5, bars=2, weights=FakeTextModel())
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name
    other = compose(WALTZ, best_of=2, seed=6, bars=2, weights=model).pieces[0].piece
    first = read_bar_piece(tmp_path / "a" / "01.mid", guarded=False)
    assert len(other) != len(first) or not np.array_equal(other.pitch, first.pitch)


def test_an_empty_text_is_a_free_choice(model):
    outcome = compose("", weights=model)
    (wish,) = model.asked[0]
    assert wish.conditions.semantic == ()
    assert wish.forced == frozenset()
    assert outcome.pieces[0].piece.bars == 16
    assert outcome.title == "Free choice"
    assert outcome.report()["closest"] == []


def test_what_the_model_is_asked_for(model):
    compose(WALTZ, n=2, best_of=3, weights=model, guidance=2, force="key")
    (wishes,) = model.asked
    assert len(wishes) == 6
    assert wishes[0].bars == 8
    assert wishes[0].forced == {"tempo", "meter", "instruments", "key"}
    assert wishes[0].conditions.attributes.key == "D minor"
    assert wishes[0].conditions.semantic == model.semantic(WALTZ)
    compose(WALTZ, free=True, bars=4, weights=model)
    assert model.asked[1][0].forced == frozenset()
    assert model.asked[1][0].bars == 4


def test_a_range_of_tempi_gives_each_draw_its_own(model):
    outcome = compose("between 90 and 110 bpm", n=4, weights=model)
    tempi = [one.piece.tempo_bpm for one in outcome.pieces]
    assert all(90 <= bpm <= 110 for bpm in tempi)
    assert len(set(tempi)) > 1
    assert [row.ok for one in outcome.pieces for row in one.chosen.rows] == [True] * 4


def test_the_tempo_is_exactly_the_one_asked_for(model):
    class Coarse(FakeTextModel):
        def compose(self, wishes, **options):
            return [replace(p, tempo_bpm=90.0) for p in super().compose(wishes, **options)]

    assert compose("93 bpm", weights=Coarse()).pieces[0].piece.tempo_bpm == 93.0


def test_excluded_instruments_reach_the_model(model):
    outcome = compose("no piano, no violin and no guitar", weights=model)
    assert set(model.asked[0][0].conditions.attributes.excluded) == {"piano", "violin", "guitar"}
    heard = {INSTRUMENTS[i].name for i in outcome.pieces[0].piece.instrument}
    assert not heard & {"piano", "violin", "guitar"}


# -- best of --------------------------------------------------------------------------------------


def test_the_best_match_is_kept_and_the_first_of_equals():
    good, bad = made_piece(4), made_piece(4, meter="3/4")
    judge = judge_of(Attributes(meter="4/4"), frozenset())
    first, second = choose([bad, good, good, bad, bad, bad], 3, judge)
    assert (first.place, first.score, first.scores) == (1, 1.0, (0.0, 1.0, 1.0))
    assert (second.place, second.score) == (0, 0.0)
    assert choose([bad, good], 1, judge)[0].piece is bad
    with pytest.raises(ValueError, match="multiple"):
        choose([bad, good, bad], 2, judge)


def test_more_draws_match_no_worse(model):
    text = "dense, low, monophonic, staccato"
    scores = [compose(text, best_of=k, weights=model, guidance=0.3).report() for k in (1, 8)]
    assert scores[1]["match"] >= scores[0]["match"]


# -- blend and like -------------------------------------------------------------------------------


def test_a_blend_gives_the_model_both_conditions(model):
    outcome = compose("sparse", blend="dense, no organ", blend_weight=0.3, weights=model)
    (wish,) = model.asked[0]
    assert wish.also.attributes.density == "dense"
    assert wish.also.semantic == model.semantic("dense, no organ")
    assert wish.blend == 0.3
    assert wish.also.attributes.excluded == ("organ",)
    assert outcome.report()["blend"]["density"] == "dense"


def test_like_fills_in_what_the_text_leaves_open(model):
    compose("a waltz", like="a dense fast jig", weights=model)
    asked = model.asked[0][0].conditions.attributes
    assert (asked.style, asked.meter, asked.density) == ("waltz", "3/4", "dense")
    assert asked.tempo_word == "fast"
    assert model.asked[0][0].conditions.semantic == model.semantic("a waltz a dense fast jig")


# -- continue -------------------------------------------------------------------------------------


def test_continuing_keeps_the_given_bars(model, file):
    given = read_bar_piece(file, guarded=False)
    outcome = compose("dense", continue_from=file, bars=4, weights=model)
    piece = outcome.pieces[0].piece
    assert piece.bars == 12
    first = piece.excerpt(0, 8)
    for name in ("onset", "duration", "pitch", "velocity", "instrument"):
        assert np.array_equal(getattr(first, name), getattr(given, name)), name
    assert (piece.meter, piece.tempo_bpm) == ("6/8", given.tempo_bpm)
    assert len(piece.excerpt(8, 4)) > 0
    (wish,) = model.asked[0]
    assert (wish.bars, wish.start.bars, wish.conditions.opens) == (4, 8, True)
    assert set(wish.conditions.attributes.instruments) == {"violin"}
    rows = {row.attribute: row for row in outcome.pieces[0].chosen.rows}
    assert (rows["bars"].asked, rows["bars"].ok) == (4, True)


def test_only_the_last_bars_of_a_long_file_are_read(model, tmp_path):
    path = tmp_path / "long.mid"
    path.write_bytes(midi_bytes_of(made_piece(40, meter="3/4")))
    outcome = compose("", continue_from=path, bars=8, weights=model)
    (wish,) = model.asked[0]
    assert wish.start.bars == 16
    assert wish.conditions.opens is None
    assert outcome.pieces[0].piece.bars == 48
    with pytest.raises(ConfigError, match="49 bars"):
        compose("", continue_from=path, bars=49, weights=model)


def test_meter_and_tempo_of_the_file_stay(model, file):
    outcome = compose("4/4 at 150 bpm", continue_from=file, bars=2, weights=model)
    assert [s.split(" stays ")[0] for s in outcome.could_not] == ["the meter", "the tempo"]
    assert outcome.pieces[0].piece.meter == "6/8"


def test_an_instrument_of_the_given_bars_need_not_play_again():
    given = made_piece(4, instrument="harp")
    piece = joined(given, made_piece(2, instrument="flute"))
    asked = Attributes(instruments=("flute", "harp"), bars=2)
    rows = {row.attribute: row for row in judge_of(asked, frozenset(), 4)(piece)[0]}
    assert rows["instruments"].ok
    assert rows["bars"].measured == 2
    afresh = piece.excerpt(4, 2)
    rows = {row.attribute: row for row in judge_of(asked, frozenset())(afresh)[0]}
    assert rows["instruments"].ok is False


def test_joining_moves_the_second_piece():
    first, then = made_piece(2, meter="3/4"), made_piece(3, meter="3/4", transpose=2)
    both = joined(first, then)
    assert both.bars == 5
    assert np.array_equal(both.excerpt(2, 3).pitch, then.pitch)
    assert np.array_equal(both.excerpt(0, 2).onset, first.onset)


# -- restyle --------------------------------------------------------------------------------------


def test_restyling_takes_over_what_is_not_asked_for(model, file):
    outcome = compose("in A minor", restyle=file, weights=model)
    asked = model.asked[0][0].conditions.attributes
    measured = measure(read_bar_piece(file, guarded=False))
    assert (asked.key, asked.meter, asked.bars) == ("A minor", "6/8", 8)
    assert asked.instruments == ("violin",)
    assert asked.numbers["density"] == measured.numbers["density"]
    assert model.asked[0][0].start is None
    assert outcome.facts["how"].startswith("composed anew")


def test_another_mode_keeps_the_tonic():
    piece = made_piece(8)
    key = measured_key(piece)
    tonic = key.split()[0]
    other = "minor" if key.endswith("major") else "major"
    asked = conditions_from(piece, Attributes(mode=other))
    assert (asked.key, asked.mode) == (f"{tonic} {other}", other)
    faster = conditions_from(piece, Attributes(tempo_bpm=160.0))
    assert faster.density is None and "density" not in faster.numbers


def test_keeping_the_melody_calls_no_model(model, file):
    outcome = compose(
        "in G major for oboe and cello, 120 bpm", restyle=file, keep_melody=True, weights=model
    )
    assert model.asked == []
    given, made = read_bar_piece(file, guarded=False), outcome.pieces[0].piece
    assert np.array_equal(np.unique(made.onset), np.unique(given.onset))
    assert {INSTRUMENTS[i].name for i in made.instrument} == {"oboe", "cello"}
    assert (made.meter, made.bars, made.tempo_bpm) == ("6/8", 8, 120.0)
    assert outcome.facts["weights"] is None


def test_rearranging_by_rule():
    piece = made_piece(8, chords=True, seed=3)
    assert measured_key(piece) == "C major"
    up = rearranged(piece, Attributes(key="D major", mode="major"))
    assert np.array_equal(up.pitch, piece.pitch + 2)
    minor = rearranged(piece, Attributes(mode="minor"))
    assert set(minor.pitch % 12) <= {0, 2, 3, 5, 7, 8, 10}
    back = rearranged(piece, Attributes(key="A major", mode="major"))
    assert np.array_equal(back.pitch, piece.pitch - 3)
    low = rearranged(piece, Attributes(register="low"))
    assert (low.pitch.mean() < 60) and set((piece.pitch - low.pitch) % 12) == {0}
    flute = rearranged(piece, Attributes(instruments=("flute",)))
    kind = INSTRUMENTS[INSTRUMENT_ID["flute"]]
    assert flute.pitch.min() >= kind.low and flute.pitch.max() <= kind.high
    soft = rearranged(piece, Attributes(dynamics="soft"))
    assert measure(soft).dynamics == "soft"
    short = rearranged(piece, Attributes(articulation="staccato"))
    assert measure(short).articulation == "staccato"
    assert measure(rearranged(short, Attributes(articulation="legato"))).articulation == "legato"
    slow = rearranged(piece, Attributes(tempo_word="very slow"))
    assert slow.tempo_bpm < 60
    same = rearranged(piece, Attributes(meter="3/4", density="dense"))
    assert np.array_equal(same.pitch, piece.pitch) and same.meter == "4/4"


# -- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bars": 0}, "0 bars"),
        ({"bars": 65}, "65 bars"),
        ({"n": 0}, "0 pieces"),
        ({"n": 9, "best_of": 8}, "best of 8"),
        ({"guidance": -1}, "guidance of -1"),
        ({"guidance": float("nan")}, "guidance of nan"),
        ({"temperature": 9}, "temperature of 9"),
        ({"top_p": 0}, "top-p 0"),
        ({"style_preset": "wild"}, "no preset 'wild'"),
        ({"seed": -1}, "seed of -1"),
        ({"blend": "a jig", "blend_weight": 2}, "weight of 2"),
        ({"blend": "x" * 5000}, "5000 characters"),
        ({"like": "x" * 5000}, "5000 characters"),
        ({"keep_melody": True}, "no melody"),
        ({"force": "mood"}, "'mood' cannot be forced"),
        ({"settings": ["key=H"]}, "'H' is no key"),
        ({"continue_from": "a.mid", "restyle": "b.mid"}, "at once"),
    ],
)
def test_mistakes_are_told_before_anything_is_drawn(model, options, words):
    with pytest.raises(ConfigError) as caught:
        compose("a waltz", weights=model, **options)
    assert words in caught.value.text
    assert caught.value.fix
    assert model.asked == []


def test_files_that_cannot_be_used(model, tmp_path, file):
    with pytest.raises(InputFileError, match="does not exist"):
        compose("", continue_from=tmp_path / "none.mid", weights=model)
    broken = tmp_path / "broken.mid"
    broken.write_bytes(file.read_bytes()[:40])
    with pytest.raises(InputFileError):
        compose("", restyle=broken, weights=model)
    long = tmp_path / "long.mid"
    long.write_bytes(midi_bytes_of(made_piece(300)))
    with pytest.raises(MusicError, match="300 bars"):
        compose("", continue_from=long, weights=model)
    odd = tmp_path / "odd.mid"
    odd.write_bytes(midi_bytes_of(replace(made_piece(4, meter="6/8"), meter="12/16")))
    assert compose("", continue_from=odd, bars=1, weights=model).pieces[0].piece.meter == "12/16"
    taken = tmp_path / "taken"
    taken.write_text("")
    with pytest.raises(InputFileError, match="not a folder"):
        compose("", taken, weights=model)


def test_a_piece_without_notes_is_still_written(tmp_path):
    class Silent(FakeTextModel):
        def compose(self, wishes, **options):
            return [p.select(np.zeros(len(p), bool)) for p in super().compose(wishes, **options)]

    outcome = compose("a jig", tmp_path / "out", bars=2, weights=Silent())
    assert outcome.pieces[0].measured is None
    assert not (tmp_path / "out" / "01.wav").exists()
    assert "no note to hear" in (tmp_path / "out" / "index.html").read_text()


def test_presets_and_single_values():
    assert resolve_sampling(None, None, None) == SAMPLING
    assert resolve_sampling("creative", None, None) == PRESETS["creative"]
    assert resolve_sampling("creative", 0.5, 0.8) == replace(
        PRESETS["creative"], temperature=0.5, top_p=0.8
    )
