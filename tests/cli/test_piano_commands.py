"""The piano commands: files, streams, and primers that no model should ever see."""

import json
import re
import struct
import sys
import time

import pytest

from fake_piano import FakePiano
from made_performances import empty_notes, random_piece, tick_notes, write_notes
from partimento.cli.main import main
from partimento.core.models import list_models
from partimento.music.performance import read_performance
from partimento.tasks.piano import infill as infill_module
from partimento.tasks.piano import loading
from partimento.tasks.piano import vary as vary_module


@pytest.fixture(autouse=True)
def piano(monkeypatch):
    fake = FakePiano()
    monkeypatch.setattr(loading, "load_piano", lambda *options: fake)
    for module in (infill_module, vary_module):
        monkeypatch.setattr(module, "load_piano", lambda *options: fake)
    return fake


@pytest.fixture(scope="module")
def primer(tmp_path_factory):
    return write_notes(random_piece(3, 30), tmp_path_factory.mktemp("primer") / "walk.mid")


def run(*arguments):
    return main([str(a) for a in arguments])


def chunk(name, data):
    return name + struct.pack(">I", len(data)) + data


def midi(*tracks, division=480):
    """A MIDI file of tracks given as bytes of their events."""
    head = struct.pack(">HHH", 1, len(tracks), division)
    end = b"\x00\xff\x2f\x00"
    return chunk(b"MThd", head) + b"".join(chunk(b"MTrk", t + end) for t in tracks)


def length(value):
    groups = [value & 127]
    while value := value >> 7:
        groups.append(value & 127 | 128)
    return bytes(reversed(groups))


def key(delta, pitch, velocity, channel=0):
    return length(delta) + bytes((0x90 | channel, pitch, velocity))


NOTE = key(0, 60, 80) + key(480, 60, 0)


def test_continue_writes_what_it_says(primer, tmp_path, capsys):
    assert run("continue", primer, "--seconds", 2, "-n", 2, "-o", tmp_path, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert {f.rsplit("/", 1)[-1] for f in report["files"]} == {f.name for f in tmp_path.iterdir()}
    suffixes = sorted(f.suffix for f in tmp_path.iterdir())
    assert suffixes == [".html", ".json", ".mid", ".mid", ".svg", ".svg", ".wav", ".wav"]
    names = {f.name for f in tmp_path.iterdir()}
    assert "walk_continue_balanced_t0.8_k10_p0.92_seed0_2.mid" in names
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert page.count("<audio") == 2 and page.count("<svg") >= 2
    assert all(name in page for name in names if name.endswith(".mid"))


def test_continue_for_people(primer, tmp_path, capsys):
    assert run("continue", primer, "--tokens", 20, "--sweep", "0.5,1", "-o", tmp_path) == 0
    out = capsys.readouterr().out
    assert "real_time_factor" in out and "pitch_class_entropy_bits" in out and "wrote" in out


def test_a_stream_of_json_lines(primer, tmp_path, capsys):
    assert run("continue", primer, "--seconds", 2, "--stream", "-o", tmp_path, "--json") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[-1] == "report" and "end" in kinds and kinds.count("note_on") > 0
    assert kinds.count("note_on") == events[-1]["notes"]
    assert kinds.count("note_off") >= kinds.count("note_on")


def test_a_stream_for_people(primer, tmp_path, capsys):
    assert run("continue", primer, "--seconds", 2, "--stream", "-o", tmp_path) == 0
    printed = capsys.readouterr()
    assert "times real time" in printed.err and "wrote" in printed.out


def test_infill_vary_and_dream(primer, tmp_path, capsys):
    gap = ("--from", 2, "--to", 3, "--candidates", 2)
    assert run("infill", primer, *gap, "-o", tmp_path / "a", "--json") == 0
    assert json.loads(capsys.readouterr().out)["candidates"] == 2
    part = ("--from", 1, "--to", 4, "--candidates", 1)
    assert run("vary", primer, *part, "-o", tmp_path / "b") == 0
    assert "strength" in capsys.readouterr().out
    assert run("dream", "--seconds", 2, "-o", tmp_path / "c", "--json") == 0
    assert json.loads(capsys.readouterr().out)["seconds"] <= 2
    for name in "abc":
        assert len(list((tmp_path / name).glob("*.mid"))) == 1


def continued(path, tmp_path, capsys, *options):
    """Exit code, report or error text."""
    begin = time.perf_counter()
    code = run("continue", path, "--seconds", 1, *options, "-o", tmp_path / "out", "--json")
    assert time.perf_counter() - begin < 60
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert "Traceback" not in printed.err
    if code:
        assert code == 2 and printed.err.count("\n") == 1
        assert not (tmp_path / "out").exists()
        return code, report["error"]["message"]
    return code, report


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("nothing.mid", b"", "empty|no MIDI|not a MIDI|too short"),
        ("words.mid", b"Dear Sir or Madam, " * 20, "MIDI"),
        ("picture.mid", b"\x89PNG\r\n\x1a\n" + bytes(200), "MIDI"),
        ("no_tracks.mid", midi(), "no note|track"),
        ("no_notes.mid", midi(b""), "no note that a piano could play"),
        ("drums.mid", midi(key(0, 38, 99, 9) + key(99, 38, 0, 9)), "percussion"),
        ("truncated.mid", midi(NOTE * 50)[:-120], "damaged|cut off|truncated|ends"),
        ("half.mid", midi(NOTE)[:16], "damaged|cut off|truncated|ends"),
    ],
)
def test_bad_primers_get_one_sentence(name, data, words, tmp_path, capsys, piano):
    path = tmp_path / name
    path.write_bytes(data)
    code, message = continued(path, tmp_path, capsys)
    assert code == 2
    assert re.search(words, message), message
    assert piano.players == []


def test_an_empty_piece_and_a_missing_file(tmp_path, capsys):
    path = write_notes(empty_notes(), tmp_path / "empty.mid")
    assert "no note" in continued(path, tmp_path, capsys)[1]
    assert "does not exist" in continued(tmp_path / "none.mid", tmp_path, capsys)[1]
    assert continued(tmp_path, tmp_path, capsys)[0] == 2


def test_ten_thousand_tracks(tmp_path, capsys):
    path = tmp_path / "many.mid"
    path.write_bytes(midi(*([NOTE] * 10_000)))
    code, found = continued(path, tmp_path, capsys)
    assert code == 0 and found["primer_notes"] == 1


def test_a_tempo_of_zero(tmp_path, capsys):
    path = tmp_path / "frozen.mid"
    path.write_bytes(midi(b"\x00\xff\x51\x03\x00\x00\x00" + NOTE * 4))
    code, found = continued(path, tmp_path, capsys)
    assert code == 0 and found["primer_seconds"] == pytest.approx(2.0, abs=0.05)
    assert any("tempo" in warning for warning in found["warnings"])


def test_notes_of_zero_length(tmp_path, capsys):
    path = tmp_path / "clicks.mid"
    clicks = b"".join(key(200, 60 + i, 80) + key(0, 60 + i, 0) for i in range(12))
    path.write_bytes(midi(clicks))
    code, found = continued(path, tmp_path, capsys)
    assert code == 0 and found["primer_notes"] == 12
    (file,) = (tmp_path / "out").glob("*.mid")
    notes = read_performance(file)
    assert (notes.offset_sec > notes.onset_sec).all()
    assert len(notes) == 12 + found["notes"]


def test_a_note_that_never_ends(tmp_path, capsys):
    path = tmp_path / "stuck.mid"
    path.write_bytes(midi(NOTE + key(0, 48, 70) + key(960, 72, 70) + key(480, 72, 0)))
    code, found = continued(path, tmp_path, capsys)
    assert code == 0 and found["primer_notes"] >= 2


def test_three_hours(tmp_path, capsys, piano):
    rows = [(t, t + 40, 40 + t // 50 % 50, 16) for t in range(0, 3 * 3600 * 100, 50)]
    path = write_notes(tick_notes(rows), tmp_path / "night.mid")
    code, found = continued(path, tmp_path, capsys)
    assert code == 0 and found["primer_seconds"] == pytest.approx(10_800, abs=1)
    saved = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert 0 < saved["pieces"][0]["sound"]["seconds"] < 75
    (file,) = (tmp_path / "out").glob("*.mid")
    assert len(read_performance(file)) == len(rows) + found["notes"]


def test_thirty_hours(tmp_path, capsys):
    path = write_notes(
        tick_notes([(0, 50, 60, 16), (30 * 360_000, 30 * 360_000 + 50, 62, 16)]),
        tmp_path / "month.mid",
    )
    code, message = continued(path, tmp_path, capsys)
    assert code == 2 and "longer than 24 hours" in message
    code, found = continued(path, tmp_path, capsys, "--primer-seconds", 5)
    assert code == 0 and found["primer_notes"] == 1
    for command in (["vary"], ["infill", "--from", "1", "--to", "2"]):
        words = [command[0], str(path), *command[1:], "-o", str(tmp_path / "no"), "--json"]
        assert main(words) == 2
        assert "longer than 24 hours" in capsys.readouterr().err


def test_the_same_file_in_the_other_commands(tmp_path, capsys):
    path = tmp_path / "words.mid"
    path.write_bytes(b"Dear Sir or Madam")
    assert run("infill", path, "--from", 1, "--to", 2, "-o", tmp_path) == 2
    assert run("vary", path, "-o", tmp_path) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2 and all("MIDI" in line for line in errors)


def test_live_without_the_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    assert run("live") == 2
    err = capsys.readouterr().err
    assert "partimento[live]" in err and err.count("\n") == 1


def test_continue_play_without_the_extra(primer, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    assert run("continue", primer, "--play", "synth", "-o", tmp_path) == 2
    assert "partimento[live]" in capsys.readouterr().err


def test_weights_of_another_task(primer, tmp_path, monkeypatch, capsys):
    monkeypatch.undo()
    chorale = next(m["name"] for m in list_models() if m["name"].startswith("chorale"))
    assert run("continue", primer, "--weights", chorale, "-o", tmp_path) == 2
    assert "no piano model" in capsys.readouterr().err
