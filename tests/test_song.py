import json
import re
import wave
from dataclasses import replace

import numpy as np
import pytest

from partimento.chain.song import _choose, song
from partimento.chain.song_chorale import cost
from partimento.chain.song_page import events_as_played, played_events, song_lead
from partimento.chain.song_setting import starting_soon
from partimento.cli.main import main
from partimento.core.errors import ConfigError
from partimento.music.barpiece import read_bar_piece
from partimento.music.files import read_score
from partimento.music.performance import read_performance
from partimento.music.skyline import broadened, melody
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


@pytest.fixture(scope="module")
def in_parts(tmp_path_factory):
    """The sentence alone asks for the chorale and the quartet."""
    text = f"{TEXT}, harmonised in four parts and arranged for string quartet"
    folder = tmp_path_factory.mktemp("parts")
    return song(text, folder, bars=4, candidates=1, players=1, seed=3)


def test_the_chorale_keeps_the_melody_and_is_checked(in_parts):
    made = in_parts.chorale
    score = read_score(in_parts.files[0].parent / "chorale.musicxml")
    assert [part.name for part in score.parts] == ["Soprano", "Alto", "Tenor", "Bass"]
    tune = broadened(melody(in_parts.best.piece.piece))
    sung = [n.midi for n in score.sounding() if n.part == score.parts[0].id]
    assert sung == tune.pitch.tolist()[: len(sung)] and len(sung) >= len(tune) / 2
    assert made.found.report["preserved"]["share"] == 1.0
    assert cost(made.found) == min(made.costs)
    assert not [f for f in made.found.report["findings"] if "parallel" in f["rule"]]


def test_the_quartet_plays_the_chorale_in_its_ranges(in_parts):
    folder = in_parts.files[0].parent
    score = read_score(folder / "arrangement.musicxml")
    assert [part.name for part in score.parts] == ["Violin I", "Violin II", "Viola", "Cello"]
    assert score.parts[2].clefs == ("C3",)
    four = in_parts.chorale.setting.score
    assert len(score.sounding()) == len(four.sounding())
    lowest = {"Violin I": 55, "Violin II": 55, "Viola": 48, "Cello": 36}
    names = {part.id: part.name for part in score.parts}
    assert all(note.midi >= lowest[names[note.part]] for note in score.notes)


def test_page_and_report_show_both_and_the_words_behind_them(in_parts):
    folder = in_parts.files[0].parent
    page = (folder / "index.html").read_text()
    for heading in ("Chorale", "Voice leading of the chorale", "Arranged for string quartet"):
        assert f">{heading}</h2>" in page
    assert page.count("<audio") == 3 and "harmonised in four parts (said)" in page
    report = json.loads((folder / "report.json").read_text())
    assert report["text"].endswith("string quartet")
    assert [one["what"] for one in report["wishes"]] == ["arrange", "harmonise"]
    assert report["asked"]["instruments"] == ["piano"]
    for kind in ("chorale", "arrangement"):
        sound = report[kind]["sound"]
        assert sound["clipped_samples"] == 0 and -35 < sound["rms_dbfs"] < -6


def test_every_cursor_follows_its_own_performance(in_parts):
    for one in in_parts.settings:
        seconds = [event.sec for event in events_as_played(one.engraving, one.played)]
        assert seconds == sorted(seconds) and seconds[0] < 1.0
        assert one.played.onset_sec.max() <= seconds[-1] <= one.played.seconds + 1.0


def test_a_duo_is_arranged_part_by_part(tmp_path):
    made = song("a slow duet for flute and cello in C major", tmp_path, bars=2, candidates=1,
                players=1, arrange="wind quartet")  # fmt: skip
    assert made.chorale is None and made.arrangement is not None
    names = [part.name for part in made.arrangement.score.parts]
    assert names[0] == "Flute" and names[-1] == "Bassoon"
    assert made.composed.title in made.arrangement.score.title


def test_silence_before_the_first_note_is_cut(made):
    assert made.best.played.onset_sec.min() <= 0.2501
    late = replace(made.best.played, onset_sec=made.best.played.onset_sec + 3.0,
                   offset_sec=made.best.played.offset_sec + 3.0)  # fmt: skip
    assert starting_soon(late).onset_sec.min() == pytest.approx(0.25)


def test_the_lead_is_a_sentence(made):
    assert song_lead(made).startswith("2 pieces were composed from the words, each played by 2")
    assert song_lead(made).endswith(f"Kept by {made.chosen_by}.")
    one = replace(made, takes=made.takes[:1])
    assert song_lead(one) == "One piece was composed from the words and played by one player."


def test_a_text_that_is_too_long_is_refused_before_anything_is_read_from_it(tmp_path):
    with pytest.raises(ConfigError, match="characters"):
        song("harmonised " * 100_000, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_impossible_numbers_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="players"):
        song(TEXT, tmp_path / "s", players=0)
    with pytest.raises(ConfigError, match="ensemble"):
        song(TEXT, tmp_path / "s", arrange="theremins")
