"""Tokens shown, the round trip and its report, the commands."""

import json
from dataclasses import replace

import numpy as np
import pytest

from made_performances import random_piece, tick_notes, write_notes
from partimento.cli.main import main
from partimento.core.errors import InputFileError
from partimento.music.event_report import (
    SCHEMES,
    duration_word,
    event_word,
    roundtrip_report,
    show_performance_tokens,
)
from partimento.music.events import encode_events, to_performance
from partimento.music.performance import Performance
from partimento.music.tokens import roundtrip_tokens, show_tokens


def played(rows):
    """A performance of rows (onset_sec, offset_sec, pitch, velocity)."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    keys = table[:, 2:].astype(np.int64)
    return Performance(table[:, 0], table[:, 1], keys[:, 0], keys[:, 1], np.zeros((0, 2)))


def test_words_are_all_different():
    for scheme in SCHEMES.values():
        words = [scheme.words(token) for token in range(scheme.vocabulary)]
        assert len(set(words)) == scheme.vocabulary
    assert event_word(390) == duration_word(422) == "end"


def test_shown_tokens_have_a_line_per_moment(tmp_path):
    notes = tick_notes([(50, 75, 60, 16), (50, 75, 64, 16), (210, 230, 67, 20)])
    file = write_notes(notes, tmp_path / "a.mid")
    shown = show_performance_tokens(file)
    assert shown["ids"] == encode_events(notes).tolist()
    assert shown["text"].splitlines() == [
        "0.00  velocity 64-67  on C4  on E4  shift 250 ms",
        "0.25  off C4  off E4  shift 1000 ms  shift 350 ms",
        "1.60  velocity 80-83  on G4  shift 200 ms",
        "1.80  off G4",
    ]
    lines = show_performance_tokens(file, "durations")["text"].splitlines()
    assert lines[1] == "1.60  velocity 80-83  note G4  lasts 200 ms"


@pytest.mark.parametrize("scheme", ["events", "durations"])
def test_a_report_of_exact_notes_has_no_errors(scheme):
    report = roundtrip_report(to_performance(random_piece(1)), scheme)
    assert report["notes_in"] == report["notes_out"]
    assert (report["notes_lost"], report["notes_merged"]) == (0, 0)
    for name, value in report.items():
        if "_error_" in name:
            assert value == 0.0, name
    assert report["stable"]
    assert report["tokens_per_note"] == pytest.approx(report["tokens"] / report["notes_in"])


def test_errors_are_measured_and_not_assumed():
    report = roundtrip_report(
        played([(0.0, 1.004, 60, 65), (0.503, 2.0, 64, 66), (1.0, 1.5, 67, 67), (1.0, 2.5, 67, 9)])
    )
    assert report["onset_error_max_ms"] == pytest.approx(3.0)
    assert report["onset_error_mean_ms"] == pytest.approx(0.75)
    # The unison's shorter note is part of the longer one.
    assert (report["notes_out"], report["notes_merged"], report["notes_lost"]) == (3, 1, 0)
    assert report["offset_error_max_ms"] == pytest.approx(4.0)
    assert report["velocity_error_max_steps"] == 1.0


def test_a_key_struck_again_is_no_error_of_its_end():
    report = roundtrip_report(played([(0.0, 3.0, 60, 64), (1.0, 2.0, 60, 64)]))
    assert report["notes_restruck"] == 1
    assert report["offset_error_max_ms"] == 0.0


def test_a_lost_note_would_be_seen(monkeypatch):
    whole = SCHEMES["events"]

    def forget_three(tokens):
        notes = whole.decode(tokens)
        return notes.select(np.arange(len(notes)) > 2)

    monkeypatch.setitem(SCHEMES, "events", replace(whole, decode=forget_three))
    report = roundtrip_report(to_performance(random_piece(1)))
    assert report["notes_lost"] == report["notes_in"] - report["notes_out"] == 3
    assert not report["stable"]


@pytest.mark.parametrize("scheme", ["events", "durations"])
def test_nothing_at_all(scheme):
    report = roundtrip_report(played([]), scheme)
    assert (report["notes_in"], report["tokens"], report["stable"]) == (0, 0, True)


def test_the_scheme_chooses_and_the_grid_stays_the_default(tmp_path):
    file = write_notes(random_piece(2), tmp_path / "a.mid")
    assert "channels" in show_tokens(file)
    assert show_tokens(file, "durations")["vocabulary"] == 423
    assert "midi_equal" in roundtrip_tokens(file)
    assert roundtrip_tokens(file, "events")["notes_lost"] == 0
    with pytest.raises(InputFileError):
        show_tokens(tmp_path / "nothing.mid", "events")


def test_the_commands(tmp_path, capsys):
    file = write_notes(random_piece(2), tmp_path / "a.mid")
    assert main(["tokens", "roundtrip", str(file), "--scheme", "durations", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scheme"] == "durations"
    assert main(["tokens", "show", str(file), "--scheme", "events"]) == 0
    assert capsys.readouterr().out.startswith("0.00  velocity")
    assert main(["tokens", "show", str(file), "--scheme", "letters"]) == 2
    assert "letters" in capsys.readouterr().err
