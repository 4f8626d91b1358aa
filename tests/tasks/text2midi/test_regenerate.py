"""Bars drawn anew: what stays is what was given, whatever the region, the locks and the model."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_text_model import FakeTextModel
from made_pieces import made_piece
from partimento.core.checkpoint import resolve_weights
from partimento.core.errors import ConfigError, DataError, InputFileError, MusicError
from partimento.music.barpiece import BarPiece, bar_piece, read_bar_piece
from partimento.music.barpiece_write import midi_bytes_of
from partimento.music.instruments import INSTRUMENT_ID, INSTRUMENTS
from partimento.tasks.text2midi.interface import TextModel
from partimento.tasks.text2midi.loading import DEFAULT_WEIGHTS, load_text_model
from partimento.tasks.text2midi.outcome import Outcome
from partimento.tasks.text2midi.regenerate import regenerate
from partimento.tasks.text2midi.strong import StrongConfig, StrongText
from partimento.tasks.text2midi.strong_player import StrongTextModel

Note = tuple[int, ...]
TINY = StrongConfig(width=32, layers=2, heads=2, feedforward=64, context=96, dropout=0.0)


def duet(bars: int = 8, seed: int = 0, meter: str = "4/4") -> BarPiece:
    """Piano chords under a violin, with notes held over bar lines."""
    piano = made_piece(bars, meter=meter, seed=seed, chords=True)
    violin = made_piece(bars, meter=meter, seed=seed + 1, instrument="violin", step=16)
    end = bars * piano.bar_ticks
    held = np.where(np.arange(len(violin)) % 3, violin.duration, 40)
    columns = [
        np.concatenate([getattr(piano, n), held if n == "duration" else getattr(violin, n)])
        for n in ("onset", "duration", "pitch", "velocity", "instrument")
    ]
    columns[1] = np.minimum(columns[1], end - columns[0])
    return bar_piece(*columns, meter=meter, bars=bars, tempo_bpm=93.0)


def notes(piece: BarPiece) -> list[Note]:
    """Every note as onset, duration, pitch, velocity, instrument."""
    names = ("onset", "duration", "pitch", "velocity", "instrument")
    return list(zip(*(getattr(piece, n).tolist() for n in names), strict=True))


def written(piece: BarPiece, path: Path) -> Path:
    """The piece as a MIDI file."""
    path.write_bytes(midi_bytes_of(piece))
    return path


@pytest.fixture(scope="module")
def tiny() -> StrongTextModel:
    """The strong model, small and random: it proposes anything."""
    torch.manual_seed(0)
    net = StrongText(TINY)
    with torch.no_grad():
        net.prefix_in.weight[1:].normal_(std=0.3)
    return StrongTextModel(net.eval(), None)


@pytest.fixture(scope="module")
def strong() -> TextModel:
    """The shipped weights."""
    try:
        resolve_weights(DEFAULT_WEIGHTS)
    except DataError as error:
        pytest.skip(str(error))
    return load_text_model()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Eight bars for violin and piano."""
    return written(duet(), tmp_path / "given.mid")


def must_stay(
    piece: BarPiece, first: int, last: int, band: set[int], locked: set[int]
) -> list[Note]:
    """The slow twin: notes that no draw may touch, one by one."""
    begin, end = (first - 1) * piece.bar_ticks, last * piece.bar_ticks
    kept = []
    for row, note in enumerate(notes(piece)):
        on, held, _, _, who = note
        free = begin <= on < end and who in band and row not in locked and on + held <= end
        if not free:
            kept.append(note)
    return kept


def check(
    piece: BarPiece, made: BarPiece, first: int, last: int, band: set[int], locked: set[int]
) -> list[Note]:
    """All that is promised of one result; returns the new notes."""
    assert (made.meter, made.bars) == (piece.meter, piece.bars)
    # A file keeps whole microseconds a quarter.
    assert made.tempo_bpm == pytest.approx(piece.tempo_bpm, abs=1e-3)
    stays = Counter(must_stay(piece, first, last, band, locked))
    found = Counter(notes(made))
    assert not stays - found
    new = sorted((found - stays).elements())
    begin, end = (first - 1) * piece.bar_ticks, last * piece.bar_ticks
    for on, held, pitch, velocity, who in new:
        assert begin <= on < on + held <= end
        assert who in band and INSTRUMENTS[who].low <= pitch <= INSTRUMENTS[who].high
        assert 1 <= velocity <= 127
    assert notes(made) == sorted(notes(made), key=lambda n: (n[0], n[4], n[2]))
    for who in set(made.instrument.tolist()):
        for pitch in range(128):
            mine = [n for n in notes(made) if n[2] == pitch and n[4] == who]
            assert all(a[0] + a[1] <= b[0] for a, b in pairwise(mine))
    return new


@pytest.mark.parametrize("kind", ["fake", "tiny"])
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_whatever_is_asked_the_rest_stays(
    kind: str, data: st.DataObject, tiny: StrongTextModel, tmp_path_factory: pytest.TempPathFactory
) -> None:
    piece = duet(
        data.draw(st.integers(2, 7)),
        data.draw(st.integers(0, 3)),
        data.draw(st.sampled_from(["4/4", "3/4", "6/8"])),
    )
    first = data.draw(st.integers(1, piece.bars))
    last = data.draw(st.integers(first, piece.bars))
    names = data.draw(st.sampled_from([None, "violin", "piano", "piano,violin", "flute", "tuba"]))
    locked = data.draw(st.sets(st.integers(0, len(piece) - 1), max_size=4))
    model: TextModel = FakeTextModel() if kind == "fake" else tiny
    path = written(piece, tmp_path_factory.mktemp("given") / "a.mid")
    outcome = regenerate(
        path,
        bars=(first, last),
        instruments=names,
        locked=[str(row) for row in sorted(locked)],
        seed=data.draw(st.integers(0, 5)),
        candidates=2,
        weights=model,
    )
    made = outcome.pieces[0].piece
    band = {INSTRUMENT_ID[n] for n in (names or "piano,violin").split(",")}
    new = check(piece, made, first, last, band, locked)
    assert new or (kind == "fake" and names not in (None, "piano,violin"))
    assert notes(read_bar_piece(written(made, path), own_bars=True, guarded=False)) == notes(made)


def test_the_shipped_weights_draw_new_music(strong: TextModel, file: Path) -> None:
    piece = duet()
    outcome, again = (
        regenerate(file, bars="3-4", locked=["3:1:E3"], n=2, candidates=3, seed=1, weights=strong)
        for _ in range(2)
    )
    rows = {r for r, n in enumerate(notes(piece)) if n[0] == 2 * 96 and n[2] == 52}
    assert len(rows) == 1
    for one, other in zip(outcome.pieces, again.pieces, strict=True):
        new = check(piece, one.piece, 3, 4, {0, INSTRUMENT_ID["violin"]}, rows)
        assert len(new) > 4
        assert notes(one.piece) != notes(piece)
        assert notes(one.piece) == notes(other.piece)
    other_seed = regenerate(file, bars="3-4", seed=2, candidates=2, weights=strong).pieces[0].piece
    assert notes(other_seed) != notes(outcome.pieces[0].piece)


def test_what_follows_chooses(strong: TextModel, file: Path) -> None:
    region = regenerate(file, bars=5, n=2, seed=3, weights=strong).facts["region"]
    assert region["future_bars"] == [6, 7]
    for place, nats in zip(region["chosen_draws"], region["future_nats_of_draws"], strict=True):
        assert len(nats) == 8
        assert nats[place] == min(nats) < max(nats)


def test_one_instrument_alone(strong: TextModel, file: Path) -> None:
    piece, violin = duet(), INSTRUMENT_ID["violin"]
    outcome = regenerate(file, bars="2-5", instruments=["Violin"], weights=strong)
    new = check(piece, outcome.pieces[0].piece, 2, 5, {violin}, set())
    assert {n[4] for n in new} == {violin} and len(new) > 3


def test_a_newcomer_comes_in(strong: TextModel, file: Path) -> None:
    outcome = regenerate(file, bars="3-6", instruments="flute", weights=strong)
    new = check(duet(), outcome.pieces[0].piece, 3, 6, {INSTRUMENT_ID["flute"]}, set())
    assert len(new) >= 3
    assert outcome.facts["region"]["notes_replaced"] == 0


def test_the_text_is_heard(strong: TextModel, tmp_path: Path) -> None:
    path = written(made_piece(12, step=24, chords=True), tmp_path / "a.mid")
    counts = []
    for text in ("very dense and busy", "sparse, very few notes"):
        outcome = regenerate(path, text, bars="5-8", n=8, candidates=1, guidance=3, weights=strong)
        rows = [len(r) for r in outcome.facts["region"]["new_rows"]]
        counts.append(sum(rows) / len(rows))
    assert counts[0] > 1.2 * counts[1]


def test_it_saves_and_reports(file: Path, tmp_path: Path) -> None:
    outcome = regenerate(
        file, bars="3-4", locked=[20, "3:1:E3"], out=tmp_path / "out", n=2, weights=FakeTextModel()
    )
    assert isinstance(outcome, Outcome)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["how"] == "bars 3 to 4 drawn anew"
    region = report["region"]
    assert (region["first_bar"], region["last_bar"]) == (3, 4)
    assert "3:1:E3:piano" in region["locked"] and len(region["locked"]) == 2
    assert region["notes_kept"] + region["notes_replaced"] == len(duet())
    for number, rows in enumerate(region["new_rows"]):
        made = outcome.pieces[number].piece
        kept = np.setdiff1d(np.arange(len(made)), rows)
        assert len(kept) == region["notes_kept"]
        assert set(notes(made.select(kept))) <= set(notes(duet()))
    page = (tmp_path / "out" / "index.html").read_text()
    assert "given, bars 3 to 4 drawn anew" in page
    back = read_bar_piece(tmp_path / "out" / "01.mid", own_bars=True, guarded=False)
    assert notes(back) == notes(outcome.pieces[0].piece)


def test_same_arguments_same_bytes(tiny: StrongTextModel, file: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        regenerate(file, "sad", bars="2-3", out=tmp_path / name, weights=tiny, candidates=3)
    for made in (tmp_path / "a").iterdir():
        assert made.read_bytes() == (tmp_path / "b" / made.name).read_bytes(), made.name


def test_what_a_piece_fixes_is_told(file: Path) -> None:
    text = "a fast waltz of 12 bars in D minor"
    model = FakeTextModel()
    outcome = regenerate(file, text, bars="3", weights=model)
    told = " ".join(outcome.could_not)
    for words in ("meter stays 4/4", "tempo stays 93", "keeps its 8 bars"):
        assert words in told
    assert outcome.asked.key == "D minor"
    assert {row.attribute for row in outcome.pieces[0].chosen.rows} == {"key", "mode", "style"}
    wish = model.asked[0][0]
    assert wish.start is not None and wish.start.bars == 2 and wish.bars == 1


def test_no_room_leaves_the_bar_empty(tiny: StrongTextModel, tmp_path: Path) -> None:
    """Bells that hold all of their range leave no place for another bell."""
    who = INSTRUMENT_ID["bells"]
    pitch = np.arange(INSTRUMENTS[who].low, INSTRUMENTS[who].high + 1)
    piece = bar_piece(
        np.zeros(len(pitch)), np.full(len(pitch), 192), pitch, np.full(len(pitch), 80),
        np.full(len(pitch), who), meter="4/4", bars=2,
    )  # fmt: skip
    outcome = regenerate(written(piece, tmp_path / "a.mid"), bars=2, candidates=2, weights=tiny)
    assert notes(outcome.pieces[0].piece) == notes(piece)
    assert outcome.could_not == ("piece 1: no new note fits",)


def test_a_long_dense_piece_fits_in_the_window(tiny: StrongTextModel, tmp_path: Path) -> None:
    piece = made_piece(70, chords=True, step=3)
    path = written(piece, tmp_path / "a.mid")
    outcome = regenerate(path, bars="66", candidates=1, weights=tiny)
    check(piece, outcome.pieces[0].piece, 66, 66, {0}, set())


def test_progress_reaches_the_end(tiny: StrongTextModel, file: Path) -> None:
    told: list[tuple[int, int, str]] = []
    regenerate(
        file, bars="3", n=2, candidates=9, weights=tiny, progress=lambda *step: told.append(step)
    )
    assert told[-1][0] == told[-1][1] and told[-1][2] == "bars"
    done = [step[0] for step in told]
    assert done == sorted(done)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bars": "0-2"}, "bars 0 to 2 are not in this piece"),
        ({"bars": "3-99"}, "not in this piece"),
        ({"bars": "4-3"}, "not in this piece"),
        ({"bars": "some"}, "names no bars"),
        ({"bars": (1, 2, 3)}, "names no bars"),
        ({"bars": 3, "instruments": "kazoo"}, "no instrument is called 'kazoo'"),
        ({"bars": 3, "locked": ["3:1:C9"]}, "no note is at 3:1:C9"),
        ({"bars": 3, "candidates": 0}, "0 candidates"),
        ({"bars": 3, "n": 9}, "9 pieces of 8 candidates"),
        ({"bars": 3, "seed": -1}, "a seed of -1"),
        ({"bars": 3, "guidance": 99}, "a guidance of 99"),
        ({"bars": 3, "instruments": "piano", "text": "no piano"}, "ruled out by the text"),
    ],
)
def test_mistakes_are_told(file: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        regenerate(file, weights=FakeTextModel(), **options)  # type: ignore[arg-type]


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(b"MThd nonsense")
    with pytest.raises(InputFileError):
        regenerate(tmp_path / "a.mid", bars=1, weights=FakeTextModel())
    path = written(made_piece(300, step=96), tmp_path / "b.mid")
    with pytest.raises(MusicError, match="300 bars"):
        regenerate(path, bars=1, weights=FakeTextModel())
