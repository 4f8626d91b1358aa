"""Cover pictures of notes and of sounds, with the seeds that follow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from partimento.core.errors import PartimentoError
from partimento.examples import example_path
from partimento.render.sound import wav_bytes
from partimento.studio.bench import Bench
from partimento.studio.handlers.picturing import picture_job
from partimento.studio.orders import PictureOrder

FILE = "upload:0123456789abcdef"


def bench_of(tmp_path: Path, path: Path) -> Bench:
    """A bench with one file on it."""
    folder = tmp_path / "job"
    folder.mkdir()
    return Bench(folder, {FILE: path}, {FILE: "mine.mid"}, tmp_path, lambda *_: None)


def test_notes_are_measured_and_drawn_once_for_each_seed(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, example_path("piano_primer"))
    found = picture_job(PictureOrder(source=FILE, n=2, seed=5, size=128, caption="Night"), bench)
    assert [one["seed"] for one in found["pictures"]] == [5, 6]
    written = {path.name: path.read_bytes() for path in bench.folder.iterdir()}
    assert set(written) == {"cover-5.png", "cover-5.svg", "cover-6.png", "cover-6.svg"}
    assert written["cover-5.svg"] != written["cover-6.svg"]
    assert b"Night" in written["cover-5.svg"]
    width, height = (int.from_bytes(written["cover-5.png"][at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (128, 128)
    assert found["music"]["exact"] and found["music"]["mode"] in ("major", "minor")
    assert found["title"] == "Cover for mine.mid"


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        bench = bench_of(tmp_path / name, example_path("piano_primer"))
        picture_job(PictureOrder(source=FILE, size=128), bench)
        made.append((bench.folder / "cover-0.png").read_bytes())
    assert made[0] == made[1]


def test_a_sound_is_heard(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = (0.2 * rng.standard_normal(2 * 22_050)).astype(np.float32)
    path = tmp_path / "noise.wav"
    path.write_bytes(wav_bytes(noise, 22_050))
    found = picture_job(PictureOrder(source=FILE, size=128), bench_of(tmp_path, path))
    heard = found["heard"]
    assert heard["label"] and 0 <= heard["confidence"] <= 1 and len(heard["top"]) == 3


def test_a_file_without_music_is_told(tmp_path: Path) -> None:
    path = tmp_path / "empty.mid"
    path.write_bytes(b"MThd\x00\x00\x00\x06\x00\x00\x00\x00\x01\xe0")
    with pytest.raises(PartimentoError):
        picture_job(PictureOrder(source=FILE, size=128), bench_of(tmp_path, path))
