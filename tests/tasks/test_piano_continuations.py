"""Generated pieces beside real ones: passages, primers, copies, the page."""

import json

import pytest

from made_performances import another_take, joined, random_piece, write_notes
from partimento.core.errors import DataError
from partimento.tasks.piano.continuations import evaluate_continuations
from partimento.tasks.piano.continuations_page import measures_table


@pytest.fixture
def folders(tmp_path):
    """Two generated pieces that begin with a real primer; three real works; two training works."""
    for seed in range(3):
        write_notes(random_piece(seed, notes=400), tmp_path / "real" / f"{seed}.mid")
    for seed in (10, 11):
        write_notes(random_piece(seed, notes=300), tmp_path / "training" / f"{seed}.mid")
    copy = another_take(random_piece(10, notes=300), 5)
    primer = random_piece(0, notes=40)
    write_notes(joined(primer, copy, gap=20), tmp_path / "made" / "copy.mid")
    write_notes(joined(primer, random_piece(30, notes=120), gap=20), tmp_path / "made" / "new.mid")
    return tmp_path


def test_all_parts(folders):
    out = folders / "out"
    report = evaluate_continuations(
        folders / "made",
        folders / "real",
        training=folders / "training",
        primer_seconds=5,
        out=out,
    )
    assert report["generated"] == report["pieces"] == 2
    assert report["reference"] >= 3
    assert set(report["per_piece"]) == {"copy.mid", "new.mid"}
    assert set(report["to_primer"]) == {"generated", "reference"}
    assert 0 < report["to_primer"]["generated"]["pitch_class_overlap"] <= 1
    copied = report["copied"]["same_pitches"]["longest"]
    assert copied["piece"] == "copy.mid"
    assert copied["source"] == "10.mid"
    assert copied["length"] > 40 > report["copied"]["same_pitches"]["reference_longest"]
    assert json.loads((out / "continuations.json").read_text())["generated"] == 2
    page = (out / "continuations.html").read_text()
    for part in ("groove_similarity", "Copied runs", "10.mid", "Beside the primer", "velocity"):
        assert part in page
    assert len(measures_table(report)) == len(report["measures"])


def test_the_beginning_is_measured_without_a_primer(folders):
    report = evaluate_continuations(folders / "made", folders / "real")
    assert "to_primer" not in report
    assert "copied" not in report
    whole = report["per_piece"]["new.mid"]["notes"]
    cut = evaluate_continuations(folders / "made", folders / "real", primer_seconds=5)
    assert cut["per_piece"]["new.mid"]["notes"] < whole


def test_what_is_too_short_is_said(folders):
    with pytest.raises(DataError, match="after its primer"):
        evaluate_continuations(folders / "made", folders / "real", primer_seconds=9999)
    write_notes(random_piece(3, notes=2000), folders / "long" / "a.mid")
    with pytest.raises(DataError, match="as long as"):
        evaluate_continuations(folders / "long", folders / "real")
    (folders / "empty").mkdir()
    with pytest.raises(DataError, match="no performances"):
        evaluate_continuations(folders / "empty", folders / "real")
