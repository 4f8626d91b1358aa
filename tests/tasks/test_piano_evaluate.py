"""Evaluation of piano models: with small models whose likelihood is known."""

import json
import math

import numpy as np
import pytest

from made_performances import another_take, empty_notes, random_piece, write_notes
from partimento.core.errors import DataError, InputFileError
from partimento.music.event_grammar import allowed_masks
from partimento.music.events import EVENTS, encode_events
from partimento.tasks.piano import loading
from partimento.tasks.piano.evaluate import (
    SCORED_FILE,
    TYPES,
    evaluate_piano,
    landmark,
    notes_digest,
    type_counts,
)


class Uniform:
    """Every event costs ln 388."""

    context = 64

    def __init__(self):
        self.asked = []

    def nats(self, notes):
        self.asked.append(notes_digest(notes))
        return type_counts(encode_events(notes)) * math.log(388)


class Wise(Uniform):
    """Ends are certain, the other kinds cost 1, 2 and 3 nats an event."""

    def nats(self, notes):
        return type_counts(encode_events(notes)) * np.array([1.0, 0.0, 2.0, 3.0])


class Lawful(Uniform):
    """Every event that the grammar allows costs the same."""

    def nats(self, notes):
        tokens = encode_events(notes)
        costs = np.log(allowed_masks(tokens)[:, :EVENTS].sum(axis=1))
        kinds = np.searchsorted([128, 256, 356], tokens, side="right")
        return np.bincount(kinds, weights=costs, minlength=4)


@pytest.fixture
def folder(tmp_path):
    for work in range(3):
        home = tmp_path / "data" / f"work {work}"
        write_notes(random_piece(work, notes=60 + 40 * work), home / "midi_score.mid")
        for take in range(3):
            write_notes(
                another_take(random_piece(work, notes=60 + 40 * work), take), home / f"{take}.mid"
            )
    return tmp_path / "data"


def test_types_are_counted_in_the_order_of_the_vocabulary():
    assert type_counts(np.array([0, 127, 128, 255, 256, 355, 356, 387, 387])).tolist() == [
        2,
        2,
        2,
        3,
    ]
    assert TYPES == ("on", "off", "shift", "velocity")


def test_a_uniform_model_equals_the_uniform_floor(folder):
    report = evaluate_piano(folder, weights=Uniform())
    assert report["performances"] == 6
    assert report["pieces"] == 3
    assert report["scores_left_out"] == 3
    assert report["weights"] == "Uniform"
    assert report["split"] == "all"
    assert report["nats_per_token"] == pytest.approx(math.log(388))
    for name, value in report["floors"]["uniform"].items():
        assert report[name] == pytest.approx(value)
    assert set(report["floors"]) == {"uniform", "unigram", "bigram", "trigram"}
    assert "does not see its input" in report["landmark"]


def test_the_grammar_alone_is_worth_something(folder):
    report = evaluate_piano(folder, weights=Lawful())
    assert 3.0 < report["nats_per_token"] < math.log(388) - 0.3


def test_figures_are_pooled_over_all_events(folder):
    report = evaluate_piano(folder, weights=Wise(), max_per_piece=None)
    assert report["performances"] == 9
    kinds = report["per_type"]
    tokens = sum(row["tokens"] for row in kinds.values())
    assert tokens == report["tokens"]
    assert kinds["on"]["tokens"] == kinds["off"]["tokens"] == report["notes"] > 800
    costs = {"on": 1.0, "off": 0.0, "shift": 2.0, "velocity": 3.0}
    total = sum(costs[name] * row["tokens"] for name, row in kinds.items())
    assert report["nats_per_token"] == pytest.approx(total / tokens)
    assert report["nats_per_note"] == pytest.approx(total / report["notes"])
    assert report["nats_per_second"] == pytest.approx(total / report["seconds"])
    assert {name: row["nats_per_token"] for name, row in kinds.items()} == pytest.approx(costs)
    assert sum(row["share"] for row in kinds.values()) == pytest.approx(1.0)
    assert sum(row["share_of_nats"] for row in kinds.values()) == pytest.approx(1.0)
    per_note = [row["nats_per_note"] for row in kinds.values()]
    assert sum(per_note) == pytest.approx(report["nats_per_note"])
    rows = report["per_piece"]
    assert [row["piece"] for row in rows] == ["work 0", "work 1", "work 2"]
    assert sum(row["nats_per_note"] * row["notes"] for row in rows) == pytest.approx(total)


def test_the_interval_surrounds_the_figure_and_is_repeatable(folder):
    report = evaluate_piano(folder, weights=Wise())
    low, high = report["interval_95"]
    assert low <= report["nats_per_note"] <= high
    assert low < high
    assert evaluate_piano(folder, weights=Wise())["interval_95"] == [low, high]


def test_one_piece_has_no_interval(folder, tmp_path):
    report = evaluate_piano(folder / "work 0", weights=Wise(), out=tmp_path / "out")
    assert report["pieces"] == 1
    assert report["interval_95"] is None
    assert "interval" not in (tmp_path / "out" / "evaluation.html").read_text()


def test_floors_only_needs_no_model(folder):
    report = evaluate_piano(folder, floors_only=True)
    assert "nats_per_note" not in report
    assert report["floors"]["bigram"]["nats_per_note"] > 1
    assert report["tokens_per_note"] == report["tokens"] / report["notes"]
    json.dumps(report, allow_nan=False)


def test_bad_files_are_listed(folder):
    (folder / "work 0" / "0.mid").write_bytes(b"MThd")
    report = evaluate_piano(folder, weights=Wise())
    assert [one["name"] for one in report["unreadable"]] == ["work 0/0.mid"]
    assert report["performances"] == 6
    for file in folder.rglob("*.mid"):
        write_notes(empty_notes(), file)
    with pytest.raises(DataError, match="none of the 9 files"):
        evaluate_piano(folder, weights=Wise())


def test_an_interrupted_evaluation_goes_on(folder, tmp_path, monkeypatch):
    weights, out, models = tmp_path / "w.safetensors", tmp_path / "out", []
    weights.write_bytes(b"weights")

    class Dying(Wise):
        def nats(self, notes):
            if len(self.asked) == 2:
                raise KeyboardInterrupt
            self.asked.append(1)
            return super().nats(notes)

    monkeypatch.setattr(loading, "load_piano", lambda *_: Dying())
    with pytest.raises(KeyboardInterrupt):
        evaluate_piano(folder, weights=weights, out=out)
    with (out / SCORED_FILE).open("a") as stream:
        stream.write('{"weights": "cut in ha')

    def load(*_):
        models.append(Uniform())
        return models[-1]

    monkeypatch.setattr(loading, "load_piano", load)
    report = evaluate_piano(folder, weights=weights, out=out)
    assert len(models[0].asked) == 4
    assert report["nats_per_token"] < math.log(388)
    evaluate_piano(folder, weights=weights, out=out)
    assert len(models) <= 2
    weights.write_bytes(b"other weights")
    evaluate_piano(folder, weights=weights, out=out)
    assert len(models[-1].asked) == 6


def test_the_page_and_the_figures_are_written(folder, tmp_path):
    (folder / "broken.mid").write_bytes(b"<script>")
    report = evaluate_piano(folder, weights=Wise(), out=tmp_path / "out")
    data, page = (tmp_path / "out" / f"evaluation.{kind}" for kind in ("json", "html"))
    assert report["files"] == [str(data), str(page)]
    assert json.loads(data.read_text())["nats_per_note"] == report["nats_per_note"]
    text = page.read_text()
    for part in ("trigram", "work 2", f"{report['nats_per_note']:.3f}", "broken.mid"):
        assert part in text
    assert "trigram" in evaluate_piano(folder, floors_only=True, out=tmp_path / "f")["floors"]


def test_progress_counts_notes(folder):
    seen = []
    report = evaluate_piano(folder, weights=Wise(), progress=lambda *args: seen.append(args))
    assert seen[-1] == (report["notes"], report["notes"], "notes")
    assert len(seen) == 6


def test_landmarks():
    floors = {"unigram": 4.0, "bigram": 3.0, "trigram": 2.0}
    texts = [landmark(nats, floors) for nats in (5.0, 3.5, 2.5, 1.0)]
    assert len(set(texts)) == 4
    assert "uses its context" in texts[-1]


def test_unknown_weights_are_one_clear_error(folder):
    with pytest.raises(InputFileError, match="piano-nothing"):
        evaluate_piano(folder, weights="piano-nothing")
