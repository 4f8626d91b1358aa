"""Continuing and dreaming with a model that plays anything the grammar allows."""

import json
import math

import numpy as np
import pytest
import torch

from fake_piano import LONGEST_TICKS, FakePiano
from made_performances import random_piece, write_notes
from partimento.core.errors import ConfigError, MusicError
from partimento.examples import PRIMER, example_path
from partimento.music.event_grammar import EventGrammar, grammar_faults
from partimento.music.event_stream import note_table
from partimento.music.events import EOS, SHIFT, decode_events
from partimento.music.performance import read_performance
from partimento.nn.sampling import Sampling
from partimento.tasks.piano import generate, loading
from partimento.tasks.piano.generate import LONG_TOKENS, continue_piece, dream
from partimento.tasks.piano.likeness import drift
from partimento.tasks.piano.passage import NO_NOTES, Struck, cut_before, read_struck, strike
from partimento.tasks.piano.playing import Limits, play


@pytest.fixture
def piano(monkeypatch):
    fake = FakePiano()
    monkeypatch.setattr(loading, "load_piano", lambda *options: fake)
    return fake


@pytest.fixture(scope="module")
def primer(tmp_path_factory):
    return write_notes(random_piece(3, 40), tmp_path_factory.mktemp("primer") / "walk.mid")


def overlaps(notes):
    """Pairs of notes of one pitch that sound together."""
    order = np.lexsort((notes.onset, notes.pitch))
    pitch, onset, offset = (getattr(notes, f)[order] for f in ("pitch", "onset", "offset"))
    return int(((pitch[1:] == pitch[:-1]) & (onset[1:] < offset[:-1])).sum())


def test_500_generations_keep_to_the_grammar():
    primer = strike(read_performance(example_path(PRIMER)))
    generator = torch.Generator().manual_seed(5)
    count = 0
    for passage in (cut_before(NO_NOTES, 0), cut_before(primer, 600)):
        player = FakePiano().player(250, sampling=Sampling(), generator=generator)
        played, _ = play(player, passage, Limits(tokens=30))
        for one in played:
            count += 1
            assert 0 < len(one.tokens) <= 30
            grammar = EventGrammar(LONGEST_TICKS)
            if len(passage.seen):
                sounding = np.isin(np.arange(128), list(passage.sounding))
                grammar.resume(sounding, int(passage.seen.bin[-1]))
            else:
                assert grammar_faults(one.tokens) == []
            for token in one.tokens.tolist():
                grammar.advance(token)
            assert one.ended == (int(one.tokens[-1]) == EOS)
            table = note_table(one.notes)
            assert (table[:, 1] > np.maximum(table[:, 0], 0) - 1).all()
            assert table[:, 1].max(initial=0) <= one.ticks
            assert (table[:, 1] - table[:, 0]).max(initial=0) <= LONGEST_TICKS + 1
            if one.ended and not len(passage.seen):
                whole = decode_events(one.tokens[:-1])
                assert np.array_equal(whole.onset, table[:, 0])
                assert np.array_equal(whole.offset, table[:, 1])
    assert count == 500


def test_a_model_that_never_lets_go_is_made_to(monkeypatch):
    """Notes older than 20 s are ended by the grammar, whatever the model wants."""
    player = FakePiano().player(1, sampling=Sampling(), generator=torch.Generator().manual_seed(0))
    grammar = player.grammars[0]
    for token in (370, 60, 64):
        grammar.advance(token)
    for _ in range(20):
        grammar.advance(SHIFT + 99)
    assert np.flatnonzero(grammar.allowed()).tolist() == [128 + 60]
    grammar.advance(128 + 60)
    assert np.flatnonzero(grammar.allowed()).tolist() == [128 + 64]


def test_the_primer_is_kept_to_the_millisecond(piano, primer, tmp_path):
    outcome = continue_piece(primer, seconds=2, n=2)
    given = read_performance(primer)
    for file in outcome.save(tmp_path):
        if file.suffix == ".mid":
            whole = read_performance(file)
            first = whole.onset_sec < outcome.pieces[0].made_sec[0]
            assert np.allclose(whole.onset_sec[first], given.onset_sec, atol=1e-9)
            assert np.allclose(whole.offset_sec[first], given.offset_sec, atol=1e-9)
            assert np.array_equal(whole.pitch[first], given.pitch)
            assert np.array_equal(whole.velocity[first], given.velocity)
            assert overlaps(strike(whole)) == 0
            assert whole.seconds <= given.seconds + 2.02


def test_a_cut_primer_is_replaced_from_the_cut_on(piano, primer):
    outcome = continue_piece(primer, seconds=4, primer_seconds=3)
    (piece,) = outcome.pieces
    given, _ = read_struck(primer)
    kept = piece.notes.select(~piece.notes.made)
    before = given.select(given.onset_tick < 300)
    assert np.array_equal(kept.onset, before.onset) and np.array_equal(kept.pitch, before.pitch)
    assert piece.made_sec == (3.0, 7.0)
    assert piece.made.onset.min() >= 3000 and piece.notes.end <= 7000
    assert piano.players[0].primed[1] == 300
    report = outcome.report()
    assert report["primer_seconds"] == 3.0 and report["primer_notes"] == len(before)


def test_same_seed_same_bytes(piano, primer, tmp_path):
    def files(name, seed):
        made = continue_piece(primer, seconds=1, n=1, primer_seconds=1, seed=seed).save(
            tmp_path / name
        )
        return [f.read_bytes() for f in made if f.suffix in (".mid", ".wav", ".svg")]

    first = files("a", 7)
    assert first == files("b", 7)
    assert first != files("c", 8)


def test_a_piece_that_runs_away_is_drawn_again_and_the_nearest_stays(piano, primer, monkeypatch):
    seen = strike(read_performance(primer)).ticks()
    monkeypatch.setattr(generate, "FAR", 0.0)
    drawn = [
        continue_piece(primer, seconds=3, seed=seed, candidates=1).pieces[0]
        for seed in (4, 4 + generate.SEED_STEP, 4 + 2 * generate.SEED_STEP)
    ]
    nearest = min(drawn, key=lambda piece: drift(seen, piece.made))
    (kept,) = continue_piece(primer, seconds=3, seed=4, candidates=3).pieces
    assert kept.tokens.tolist() == nearest.tokens.tolist()
    monkeypatch.setattr(generate, "FAR", 100.0)
    (first,) = continue_piece(primer, seconds=3, seed=4, candidates=3).pieces
    assert first.tokens.tolist() == drawn[0].tokens.tolist()


def test_drift_counts_density_loudness_register_and_pitch_classes(primer):
    notes = strike(read_performance(primer))
    assert drift(notes.ticks(), notes) == pytest.approx(0.0, abs=1e-9)
    higher = Struck(
        notes.onset, notes.offset, notes.pitch + 12, np.minimum(notes.velocity, 127), notes.made
    )
    assert drift(notes.ticks(), higher) == pytest.approx(1.0, abs=1e-9)
    assert drift(notes.ticks(), NO_NOTES) == math.inf


def test_length_in_tokens_and_both(piano, primer):
    (piece,) = continue_piece(primer, tokens=50).pieces
    assert len(piece.tokens) == 50 or piece.ended
    (piece,) = continue_piece(primer, tokens=50, seconds=1).pieces
    assert len(piece.tokens) <= 50 and piece.made_sec[1] - piece.made_sec[0] <= 1.0


def test_the_long_style_reads_200_events_and_plays_2048(piano, tmp_path):
    path = write_notes(random_piece(1, 300), tmp_path / "long.mid")
    outcome = continue_piece(path, style="long", tokens=30)
    assert len(outcome.pieces[0].tokens) <= 30
    notes, until = piano.players[0].primed
    seen = notes.select(notes.onset < until)
    assert 30 < len(seen) < 100
    assert LONG_TOKENS == 2048


def test_a_sweep_has_a_row_for_each_temperature(piano, primer, tmp_path):
    outcome = continue_piece(primer, seconds=1, n=2, primer_seconds=1, sweep="0.5,1.5")
    report = outcome.report()
    assert [row["temperature"] for row in report["sweep"]] == [0.5, 1.5]
    assert [p["temperature"] for p in report["pieces"]] == [0.5, 0.5, 1.5, 1.5]
    files = [f.name for f in outcome.save(tmp_path)]
    assert any("t0.5" in name for name in files) and any("t1.5" in name for name in files)
    assert report["sweep"][0]["pieces"] == 2
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Temperatures" in page and page.count("<audio") == 4
    assert continue_piece(primer, seconds=3, sweep=[0.5]).report()["sweep"][0]["pieces"] == 1


def test_a_stream_writes_while_it_plays(piano, primer, tmp_path, monkeypatch):
    monkeypatch.setattr("partimento.tasks.piano.stream.EVERY_SEC", 0.0)
    events, sizes = [], []

    def listen(event):
        events.append(event)
        sizes.extend(f.stat().st_size for f in tmp_path.glob("*_1.mid"))

    outcome = continue_piece(primer, seconds=4, stream=True, folder=tmp_path, listener=listen)
    assert len(set(sizes)) > 10
    kinds = {event["event"] for event in events}
    assert kinds == {"note_on", "note_off", "progress", "end"}
    assert next(e for e in events if e["event"] == "end")["sec"] <= outcome.pieces[0].made_sec[1]
    onsets = [e["sec"] for e in events if e["event"] == "note_on"]
    assert onsets == sorted(onsets) and onsets[0] >= outcome.pieces[0].made_sec[0]
    assert len(onsets) == len(outcome.pieces[0].made)
    (file,) = tmp_path.glob("*.mid")
    streamed = file.read_bytes()
    saved = outcome.save(tmp_path)
    assert saved.count(file) == 1 and file.read_bytes() == streamed


def test_a_stream_needs_a_folder(piano, primer):
    with pytest.raises(ConfigError, match="folder"):
        continue_piece(primer, seconds=1, stream=True)


def test_the_report_measures_what_was_made(piano, primer, tmp_path):
    outcome = continue_piece(primer, seconds=3)
    files = outcome.save(tmp_path)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["files"] == [f.name for f in files]
    (piece,) = report["pieces"]
    assert piece["notes"] == len(outcome.pieces[0].made) == piece["measures"]["notes"]
    assert piece["tokens"] == len(outcome.pieces[0].tokens)
    assert piece["copied_from_primer"] >= 0 and piece["to_primer"]["pitch_distance"] > 0
    assert not piece["sound"]["silent"] and piece["sound"]["clipped_samples"] == 0
    assert report["tokens_per_second"] > 0 and report["real_time_factor"] > 0
    assert report["seconds"] == 3.0


def test_an_early_end_is_told(piano, primer, monkeypatch):
    monkeypatch.setattr("fake_piano.END_SHARE", 1e9)
    outcome = continue_piece(primer, seconds=20)
    assert outcome.pieces[0].ended and len(outcome.pieces[0].made) == 0
    assert "the model ended it after" in outcome.warnings[0]
    assert outcome.pieces[0].details == {}


def test_nothing_made_is_still_an_outcome(piano, primer, tmp_path, monkeypatch):
    monkeypatch.setattr("fake_piano.END_SHARE", 1e9)
    outcome = dream(seconds=5)
    assert len(outcome.pieces[0].notes) == 0
    names = {f.suffix for f in outcome.save(tmp_path)}
    assert ".mid" in names and ".wav" not in names
    assert "no note to hear" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_dreaming_begins_from_nothing(piano):
    outcome = dream(seconds=3, n=3, style="creative")
    assert all(p.notes.made.all() and p.notes.end <= 3000 for p in outcome.pieces)
    assert piano.players[0].primed[1] == 0
    assert outcome.stem(outcome.pieces[0]) == "dream_creative_t1.1_k15_p0.95_seed0_1"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seconds": 0}, "0 s are not possible"),
        ({"seconds": 1e9}, "are not possible"),
        ({"tokens": 0}, "0 tokens"),
        ({"style": "wild"}, "no style 'wild'"),
        ({"temperature": -1}, "temperature of -1"),
        ({"temperature": 9.0}, "temperature of 9"),
        ({"top_k": -1}, "top-k -1"),
        ({"top_p": 0.0}, "top-p 0"),
        ({"sweep": "warm"}, "no list of temperatures"),
        ({"sweep": []}, "at least one"),
        ({"n": 65}, "65 pieces"),
        ({"n": 40, "sweep": "1,2"}, "80 pieces"),
        ({"precision": "fp8"}, "unknown precision"),
        ({"candidates": 99}, "99 pieces"),
        ({"candidates": 2, "sweep": "1"}, "every piece is drawn once"),
    ],
)
def test_impossible_options(piano, primer, options, words):
    with pytest.raises(ConfigError, match=words):
        continue_piece(primer, **options)
    assert piano.players == []


def test_a_primer_that_begins_after_the_cut(piano, tmp_path):
    path = write_notes(random_piece(0, 10).shifted(1000), tmp_path / "late.mid")
    with pytest.raises(MusicError, match=r"no note begins in the first 5 s"):
        continue_piece(path, primer_seconds=5)
