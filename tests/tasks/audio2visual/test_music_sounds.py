import json
from collections import Counter

import numpy as np
import pytest

from made_tunes import write_tunes
from partimento.core.errors import DataError
from partimento.music.attributes import measure
from partimento.music.barpiece import bar_piece
from partimento.music.barpiece_write import midi_bytes_of
from partimento.music.instruments import INSTRUMENT_ID
from partimento.tasks.audio2visual.concepts import MUSIC, music_concept
from partimento.tasks.audio2visual.music_excerpts import Drawer, kinds_in_turn, read_sources
from partimento.tasks.audio2visual.music_sounds import SAMPLES, music_set

SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 11)}


def write_pieces(folder, count=8, licence="Public Domain"):
    """Chords under a tune, half of them minor, in the layout of Mutopia."""
    rows = []
    (folder / "midi").mkdir(parents=True)
    for n in range(count):
        rng = np.random.default_rng(n)
        scale = np.array(SCALES["minor" if n % 2 else "major"])
        steps = np.arange(64)
        tune = 60 + scale[np.append(rng.integers(0, 7, 63), 0)]
        bars = np.arange(16)
        triads = np.array([[0, 2, 4], [3, 5, 7], [4, 6, 8], [0, 2, 4]])[bars % 4]
        chords = 48 + scale[triads % 7] + 12 * (triads // 7)
        pitch = np.concatenate([tune, chords.ravel()])
        onset = np.concatenate([steps * 24, np.repeat(bars * 96, 3)])
        duration = np.concatenate([np.full(64, 24), np.full(48, 96)])
        voice = np.where(np.arange(112) < 64, INSTRUMENT_ID["violin"], INSTRUMENT_ID["piano"])
        piece = bar_piece(onset, duration, pitch, np.full(112, 80), voice, meter="4/4")
        name = f"midi/{n}.mid"
        (folder / name).write_bytes(midi_bytes_of(piece))
        row = {"midi": name, "piece": f"P{n}", "composer_id": f"C{n // 2}", "license": licence}
        rows.append(row)
    (folder / "pieces.json").write_text(json.dumps(rows))
    return folder


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    place = tmp_path_factory.mktemp("corpora")
    return write_tunes(place / "tunes", count=40), write_pieces(place / "pieces", count=40)


@pytest.fixture(scope="module")
def made(corpora, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    return music_set(corpora, cache, count=6, seed=1), cache / "music_sounds.npz"


def test_sounds_and_what_was_measured(made):
    music, _ = made
    assert 8 <= len(music) <= 12
    assert music.samples.dtype == np.int16
    assert music.samples.shape == (len(music), SAMPLES)
    assert (np.abs(music.samples.astype(int)).max(1) > 1_500).all()
    assert {a["corpus"] for a in music.attributes} == {"tunes", "pieces"}
    for concept, known in zip(music.concepts, music.attributes, strict=True):
        kind = MUSIC[concept]
        assert kind.mode == known["mode"]
        assert (kind.register == "high") == (known["numbers"]["register"] >= 65)
        assert (kind.texture == "solo") == (known["polyphony"] == "monophonic")
        level = {"calm": "sparse", "flowing": "medium", "restless": "dense"}[kind.motion]
        assert known["density"] == level
        peak = 10 ** (known["level_db"] / 20)
        assert 0 < peak < 1 and 0 <= known["room"] <= 0.4


def test_groups_are_on_one_side(made):
    music, _ = made
    train, valid = ({music.group[n] for n in music.part(s)} for s in ("train", "valid"))
    assert train and valid
    assert not train & valid


def test_the_same_request_comes_from_the_cache(made, corpora, tmp_path):
    music, file = made
    again = music_set(corpora, file, count=6, seed=1)
    np.testing.assert_array_equal(again.samples, music.samples)
    assert (again.attributes, again.group, again.split) == (
        *(music.attributes, music.group, music.split),
    )
    with pytest.raises(DataError, match="was made for"):
        music_set(corpora, file, count=6, seed=2)
    broken = tmp_path / "a.npz"
    broken.write_bytes(b"PK\3\4 no cache")
    with pytest.raises(DataError, match="no cache of rendered music"):
        music_set(corpora, broken, count=6)


def test_the_same_seed_makes_the_same_bytes(corpora, tmp_path):
    first, second = (
        music_set(corpora[0], tmp_path / name, count=2, seed=3) for name in ("a.npz", "b.npz")
    )
    np.testing.assert_array_equal(first.samples, second.samples)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_progress_is_told(corpora, tmp_path):
    told = []
    music_set(
        *(corpora[1], tmp_path, 2), progress=lambda done, total, label: told.append((done, label))
    )
    assert {label for _, label in told} == {"music of pieces", "rendering"}


def test_windows_are_what_was_asked_for(corpora):
    for folder in corpora:
        drawer = Drawer(read_sources(folder), np.random.default_rng(0))
        found = [drawer.draw(kind, tries=60) for kind in MUSIC]
        windows = [w for w in found if w is not None]
        assert len(windows) >= 16
        for window in windows:
            assert music_concept(measure(window.piece)) == window.concept
            assert 4.5 <= window.piece.seconds <= 6.5
            assert window.piece.pitch.min() >= 21 and window.piece.pitch.max() <= 108


def test_tunes_get_full_textures_too(corpora):
    drawer = Drawer(read_sources(corpora[0]), np.random.default_rng(0))
    kind = next(k for k in MUSIC if k.texture == "full" and k.mode == "major")
    window = drawer.draw(kind)
    assert window is not None
    assert len(np.unique(window.piece.instrument)) == 2


def test_kinds_come_equally_often():
    kinds = Counter(kinds_in_turn(24 * 3 + 5, np.random.default_rng(0)))
    assert set(kinds) == set(MUSIC)
    assert set(kinds.values()) == {3, 4}


@pytest.mark.parametrize(
    ("licence", "usable"),
    [
        ("Creative Commons Attribution-ShareAlike 4.0", True),
        ("Creative Commons Attribution 3.0", True),
        ("Creative Commons Attribution-NonCommercial 3.0", False),
        ("All rights reserved", False),
        ("", False),
    ],
)
def test_only_free_licences(tmp_path, licence, usable):
    folder = write_pieces(tmp_path / "pieces", 2, licence)
    if usable:
        assert {s.group for s in read_sources(folder)} == {"composer-C0"}
    else:
        with pytest.raises(DataError, match="no usable MIDI file"):
            read_sources(folder)


def test_indices_that_are_wrong(tmp_path):
    with pytest.raises(DataError, match=r"neither tunes\.json nor pieces\.json"):
        read_sources(tmp_path)
    index = tmp_path / "tunes.json"
    index.write_text("no json")
    with pytest.raises(DataError, match="no JSON"):
        read_sources(tmp_path)
    index.write_text('[{"id": 1}]')
    with pytest.raises(DataError, match="field midi"):
        read_sources(tmp_path)
    (tmp_path.parent / "outside.mid").write_bytes(b"MThd")
    index.write_text('[{"midi": "../outside.mid"}, {"midi": "/etc/hostname"}]')
    with pytest.raises(DataError, match="no usable MIDI file"):
        read_sources(tmp_path)
