import json
import re
import wave

import numpy as np
import pytest

from partimento.chain.song import _choose, song
from partimento.chain.song_page import played_events
from partimento.cli.main import main
from partimento.core.errors import ConfigError
from partimento.music.barpiece import read_bar_piece
from partimento.music.performance import read_performance
from partimento.render.png import png_size, read_text

TEXT = "a lively piece in G major for piano"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("song")
    return song(TEXT, folder / "song", bars=8, candidates=2, players=2, seed=3)


def test_every_file_is_there_and_holds_what_its_name_says(made):
    folder = made.files[0].parent
    names = {file.name for file in made.files}
    assert {"score.mid", "score.musicxml", "score.svg", "performance.mid", "performance.wav",
            "cover.png", "report.json", "index.html"} <= names  # fmt: skip
    assert all(file.is_file() and file.stat().st_size for file in made.files)
    written = read_bar_piece(folder / "score.mid")
    played = read_performance(folder / "performance.mid")
    assert sorted(written.pitch.tolist()) == sorted(played.pitch.tolist())
    assert png_size((folder / "cover.png").read_bytes()) == (1024, 1024)
    assert "not diffusion" in read_text((folder / "cover.png").read_bytes())["Comment"]
    with wave.open(str(folder / "performance.wav")) as sound:
        assert sound.getnframes() / sound.getframerate() >= played.seconds


def test_the_sound_is_loud_enough_and_not_clipped(made):
    levels = made.report()["sound"]
    assert levels["clipped_samples"] == 0 and -35 < levels["rms_dbfs"] < -6


def test_the_page_asks_for_nothing_outside(made):
    page = next(file for file in made.files if file.name == "index.html").read_text()
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)
    for heading in ("Cover", "Score and performance", "Critique", "All that was tried", "Match 0"):
        assert heading.rstrip(" 0") in page


def test_the_report_shows_all_that_was_tried_and_why_one_was_kept(made):
    report = json.loads(next(f for f in made.files if f.name == "report.json").read_text())
    assert len(report["takes"]) == 4
    kept = next(row for row in report["takes"] if row["take"] == report["chosen"])
    assert kept["match"] >= max(row["match"] for row in report["takes"]) - 0.02
    assert report["chosen_by"]
    assert report["match"] == kept["match"] and report["convincing"] == kept["convincing"]


def test_among_equal_pieces_the_critic_decides(made):
    heard = [take for take in made.takes if not np.isnan(take.convincing)]
    if not heard:
        pytest.skip("the critic abstained on these performances")
    one = heard[0].piece
    same = [take for take in heard if take.piece is one]
    best, why = _choose(same)
    assert best.convincing == max(take.convincing for take in same)
    assert "critic" in why


def test_the_cursor_follows_the_performance(made):
    seconds = [event.sec for event in played_events(made)]
    assert seconds == sorted(seconds)
    assert seconds[-1] <= made.best.played.seconds + 1.0
    assert seconds[-1] >= made.best.played.onset_sec.max()


def test_the_same_seed_gives_the_same_bytes(made, tmp_path):
    again = song(TEXT, tmp_path / "again", bars=8, candidates=2, players=2, seed=3)
    for one, other in zip(made.files, again.files, strict=True):
        assert one.name == other.name
        assert one.read_bytes() == other.read_bytes(), one.name


def test_command_prints_json(tmp_path, capsys):
    arguments = ["song", TEXT, "--bars", "4", "--candidates", "1", "--players", "1"]
    assert main([*arguments, "-o", str(tmp_path / "s"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["text"] == TEXT and report["files"]


def test_impossible_numbers_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="players"):
        song(TEXT, tmp_path / "s", players=0)
