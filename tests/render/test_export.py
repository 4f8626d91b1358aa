import wave

import numpy as np
import pytest

from partimento.core.errors import ConfigError, InputFileError
from partimento.music.files import read_score, write_score
from partimento.music.gridscore import grid_to_score
from partimento.render.export import FORMATS, export_score

SCORE = grid_to_score(np.array([[72, 67, 64, 48]] * 8 + [[71, 67, 62, 43]] * 8))


def test_all_formats_hold_the_piece(tmp_path):
    files = export_score(SCORE, tmp_path / "new" / "folder", "piece")
    assert [file.name for file in files] == [f"piece.{kind}" for kind in FORMATS]
    by_kind = {file.suffix[1:]: file for file in files}
    pitches = sorted(note.midi for note in SCORE.sounding())
    for kind in ("musicxml", "mid"):
        assert sorted(n.midi for n in read_score(by_kind[kind]).sounding()) == pitches
    with wave.open(str(by_kind["wav"])) as sound:
        assert sound.getframerate() == 44100
        assert sound.getnframes() > 44100
    assert by_kind["svg"].read_text(encoding="utf-8").lstrip().startswith("<svg")
    assert by_kind["png"].read_bytes().startswith(b"\x89PNG")


def test_only_what_is_asked_and_never_the_source(tmp_path):
    source = tmp_path / "piece.musicxml"
    write_score(SCORE, source)
    before = source.read_bytes()
    files = export_score(source, tmp_path, formats=["mid", "musicxml"])
    assert files == [tmp_path / "piece.mid"]
    assert source.read_bytes() == before


def test_mistakes_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"unknown format 'mp3'.*musicxml, mid, wav"):
        export_score(SCORE, tmp_path, formats=["mp3"])
    with pytest.raises(ConfigError, match="no format"):
        export_score(SCORE, tmp_path, formats=[])
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputFileError, match="not a folder"):
        export_score(SCORE, tmp_path / "file", formats=["mid"])
