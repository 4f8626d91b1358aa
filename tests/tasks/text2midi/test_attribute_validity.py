"""Figures of attributes, of the style classifier and of pairs, on made pieces."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from partimento.core.errors import DataError
from partimento.music.attributes import measured_numbers
from partimento.music.barpiece import BarPiece, bar_piece
from partimento.music.style_classifier import StyleModel
from partimento.tasks.text2midi.attribute_validity import (
    attribute_validity,
    plain_profile_key,
    stated_beginning,
    stated_facts,
    stated_key,
    stated_tempo,
)
from partimento.tasks.text2midi.interface import CorpusPiece
from partimento.tasks.text2midi.pair_controls import pair_controls
from partimento.tasks.text2midi.style_fit import (
    cross_validate,
    fit_style,
    labelled_rows,
    learnt_styles,
    measure_answers,
    measure_style,
)

ROOT = Path(__file__).resolve().parents[3]
MAJOR = (0, 4, 7, 12, 5, 9, 11, 2)
MINOR = (0, 3, 7, 12, 5, 8, 11, 2)


def music(seed: int, meter: str, scale=MAJOR, tonic: int = 62, bars: int = 32) -> BarPiece:
    """Eighths from a scale, the tonic at the end."""
    rng = np.random.default_rng(seed)
    length = bar_piece(*[np.zeros(1, int)] * 5, meter=meter).bar_ticks
    onset = np.arange(0, bars * length, 12)
    pitch = tonic + rng.choice(scale, len(onset), p=(0.3, 0.15, 0.2, 0.1, 0.07, 0.06, 0.06, 0.06))
    pitch[-1] = tonic
    return bar_piece(
        onset,
        np.full(len(onset), 12),
        pitch,
        np.full(len(onset), 80),
        np.zeros(len(onset), int),
        meter=meter,
        bars=bars,
        tempo_bpm=90.0 + seed,
    )


def piece(number: int, style: str, part: str = "train", scale=MAJOR) -> CorpusPiece:
    meter = {"jig": "6/8", "reel": "2/2", "": "3/4"}[style]
    key = "D" if scale is MAJOR else "Dm"
    return CorpusPiece(
        id=f"p{number}",
        source="abc_tunes",
        group=f"g{number // 2}",
        composer="",
        part=part,
        sections=(music(number, meter, scale),),
        about={"style": style, "key": key, "meter": "C|" if meter == "2/2" else meter},
    )


@pytest.fixture(scope="module")
def pieces() -> list[CorpusPiece]:
    styles = ("jig", "reel", "")
    return [
        piece(i, styles[i % 3], "valid" if i >= 24 else "train", MINOR if i % 4 == 0 else MAJOR)
        for i in range(30)
    ]


def test_stated_fields_are_read():
    assert stated_key("G") == "G major" and stated_key("F#m") == "F# minor"
    assert stated_key("Edor") == "E minor" and stated_key("Bb lyd") == "Bb major"
    assert stated_tempo("1/2=104") == 208.0 and stated_tempo('1/4=80 "Slow"') == 80.0
    assert stated_tempo("80") is None and stated_tempo("1/0=3") is None
    assert stated_tempo("") is None


def test_the_beginning_of_a_tune_as_written():
    head = "X:1\nM:3/4\nL:1/4\nK:C\n"
    assert stated_beginning(head + "CDE|FGA|", 72) == 0.0
    assert stated_beginning(head + "C|FGA|FGA|", 72) == 48.0
    assert stated_beginning(head + "zDE|FGA|", 72) == 24.0
    assert stated_beginning("no tune", 72) is None


def test_all_figures_of_made_pieces(pieces):
    stated = {
        p.id: {
            "tempo": f"1/4={p.sections[0].tempo_bpm}",
            "attrs": {
                "key": [2, (p.about["key"] == "D" and "major") or "minor"],
                "ts": p.sections[0].meter,
                "tempo": p.sections[0].tempo_bpm,
                "dens": measured_numbers(p.sections[0])["density"] + 1.0,
                "poly": 1.0,
                "pmean": float(p.sections[0].pitch.mean()) * 2,
                "vel": 80.0 + i,
            },
        }
        for i, p in enumerate(pieces)
    }
    found = attribute_validity(pieces, stated)
    assert found["pieces"] == 30
    for name in ("key, train", "mode, valid", "meter", "tempo"):
        assert found["stated"][name]["share"] == 1.0, name
    assert found["others"]["density"]["spearman"] == pytest.approx(1.0)
    assert found["others"]["density"]["mean_difference"] == pytest.approx(-1.0)
    assert found["others"]["register"]["spearman"] == pytest.approx(1.0)
    assert found["others"]["key"]["share"] == 1.0
    assert found["others"]["polyphony"]["spearman"] is None
    assert found["stability"]["polyphony"] == {
        **{"share": 1.0, "low": 1.0, "high": 1.0, "n": 30, "groups": 15, "chance": 1.0}
    }
    # Ten pieces of each of three meters, drawn without putting back.
    assert found["chance"]["both"]["meter"] == pytest.approx(3 * 10 * 9 / (30 * 29))
    assert found["chance"]["both"]["style"] == pytest.approx(2 * 10 * 9 / (20 * 19))
    assert found["levels"]["polyphony"] == {"monophonic": 1.0, "thin": 0.0, "full": 0.0}


def test_wrong_statements_lower_the_shares(pieces):
    wrong = [p for p in pieces if p.about["key"] == "D"][:4]
    moved = [
        CorpusPiece(p.id, p.source, p.group, "", p.part, p.sections, {**p.about, "key": "Eb"})
        for p in wrong[:2]
    ]
    found = attribute_validity([*moved, *wrong[2:]])["stated"]
    assert found["key, train"]["share"] == 0.5
    assert found["mode, train"]["share"] == 1.0
    assert "tempo" not in found and "pickup" not in found


def test_profiles_alone_leave_the_last_bass_out():
    piece = music(1, "4/4")
    assert plain_profile_key(piece) == "D major"


def test_index_of_a_folder(tmp_path):
    rows = [{"midi": "x/a.mid", "id": "one"}, {"midi": "x/b.mid"}]
    (tmp_path / "tunes.json").write_text(json.dumps(rows))
    assert set(stated_facts(tmp_path)) == {"one", "b"}
    with pytest.raises(DataError, match="no index"):
        stated_facts(tmp_path / "elsewhere")


def test_a_fitted_classifier_tells_meters_apart(pieces):
    pytest.importorskip("sklearn")
    train = [p for p in pieces if p.part == "train"]
    rows = labelled_rows(train)
    assert learnt_styles(rows, least=8) == ("jig", "reel")
    assert learnt_styles(rows, least=9) == ()
    model = fit_style(rows, ("jig", "reel"))
    assert fit_style(rows, ("jig", "reel")).to_bytes() == model.to_bytes()
    held = measure_style(model, labelled_rows([p for p in pieces if p.part == "valid"]))
    assert held["accuracy"] == held["balanced_accuracy"] == 1.0
    assert held["pieces"] == 4 and held["confusion"] == {"jig": {"jig": 1.0}, "reel": {"reel": 1.0}}
    with pytest.raises(ValueError, match="two styles"):
        fit_style(rows, ("jig",))
    with pytest.raises(DataError, match="no piece"):
        labelled_rows([p for p in pieces if not p.about["style"]])


def test_answers_are_counted_by_piece(pieces):
    rows = labelled_rows([p for p in pieces if p.about["style"]][:4])
    jig = np.tile([0.9, 0.1], (len(rows.style), 1))
    found = measure_answers(("jig", "reel"), jig, rows)
    assert found["accuracy"] == 0.5 and found["recall"] == {"jig": 1.0, "reel": 0.0}
    assert found["family_accuracy"] == 1.0 and found["chance"] == 0.5
    assert found["mean_probability_of_answer"] == pytest.approx(0.9)
    with pytest.raises(ValueError, match="no row"):
        measure_answers(("hymn",), jig[:0, :1], rows.only(("hymn",)))


def test_cross_validation_never_fits_on_the_group_it_judges(monkeypatch):
    pytest.importorskip("sklearn")
    from partimento.tasks.text2midi import style_fit

    many = [piece(i, ("jig", "reel")[i % 4 // 2]) for i in range(120)]
    seen = []

    def watched(rows, styles):
        seen.append({many[i].group for i in rows.piece})
        return fit_style(rows, styles)

    monkeypatch.setattr(style_fit, "fit_style", watched)
    found = cross_validate(many, folds=3)
    assert found["pieces"] == 120 and found["accuracy"] == 1.0
    left_out = [{p.group for p in many} - groups for groups in seen]
    assert len(seen) == 3 and sum(map(len, left_out)) == len({p.group for p in many})


def test_pairs_of_known_likeness(pieces):
    found = pair_controls(pieces, seed=1)
    assert found["the same"]["quantiles"]["0.05"] == pytest.approx(1.0)
    assert found["twice as fast"]["measures"]["tempo"] == pytest.approx(0.25)
    near, far = found["stretches of one piece"], found["random pieces"]
    assert near["measures"]["meter"] == 1.0
    assert near["quantiles"]["0.5"] > far["quantiles"]["0.5"]
    assert found["random pieces of one style"]["measures"]["meter"] == 1.0
    assert pair_controls(pieces, seed=1) == found
    assert sum(far["levels"].values()) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="two pieces"):
        pair_controls(pieces[:1])


def test_the_page_of_attributes_is_current():
    path = ROOT / "docs" / "generate_attributes.py"
    spec = importlib.util.spec_from_file_location("generate_attributes", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (ROOT / "docs" / "attributes.md").read_text(encoding="utf-8")
    assert written == module.page_text()


def test_the_shipped_model_is_what_the_page_describes():
    figures = json.loads((ROOT / "docs" / "attributes.json").read_text(encoding="utf-8"))
    from partimento.music.style_classifier import shipped_model

    model = shipped_model()
    assert isinstance(model, StyleModel)
    assert list(model.styles) == figures["style"]["styles"]
    assert len(model.to_bytes()) < 100_000
